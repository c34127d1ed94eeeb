/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <shadowmx/envelope.h>

#include "base/buf.h"
#include "core/amend.h"
#include "core/envelope.h"
#include "core/pflog.h"
#include "core/pfpolicy.h"
#include "core/smlog.h"
#include "core/smqf.h"
#include "core/smtpcmd.h"
#include "core/smtpreply.h"

/* ---- the text form of an envelope ---- */

#define RECIPIENTS 200

static int
has_line_end(const char *text)
{
	return text != NULL && text[strcspn(text, "\r\n")] != '\0';
}

/* One command a line, whatever is in the envelope; or nothing. */
static void
one_line(int rc, struct buf *b)
{
	const char *end = b->len == 0 ? NULL : strstr(b->data, "\r\n");

	fuzz_must(rc == SMX_OK || b->len == 0, "nothing is added");
	fuzz_must(b->len == 0 || (end != NULL && end + 2 == b->data + b->len),
	    "a command is one line");
	fuzz_saw(rc == SMX_OK ? 1 : 2);
	buf_clear(b);
}

/* What is said to the MTA of it. */
static void
said(const struct smx_envelope *e)
{
	struct smtp_offer offer = { .bits = 0xffff, .xforward = 0xffff };
	struct buf b;
	const char *why;

	buf_init(&b, 0);
	(void)smtpcmd_needs(e, 1, &why);
	if (smx_envelope_sender(e) != NULL)
		one_line(smtpcmd_mail(&b, e, &offer, 1000), &b);
	for (size_t i = 0; i < smx_envelope_recipients(e); i++)
		one_line(smtpcmd_rcpt(&b, e, i, &offer), &b);
	one_line(smtpcmd_xforward(&b, e, "4jX", &offer, SMTP_XFORWARD_TRAIL),
	    &b);
	one_line(smtpcmd_xforward(&b, e, "4jX", &offer, SMTP_XFORWARD_CLIENT),
	    &b);
	buf_free(&b);
}

static void
read_again(const struct smx_envelope *e)
{
	struct smx_envelope *again = NULL;
	char *text, *text2;
	size_t len, len2;

	fuzz_must(smx_envelope_encode(e, &text, &len) == SMX_OK, "has a form");
	fuzz_must(smx_envelope_decode(text, len, RECIPIENTS, &again) == SMX_OK,
	    "its form can be read");
	fuzz_must(smx_envelope_encode(again, &text2, &len2) == SMX_OK, "form");
	fuzz_must(len == len2 && memcmp(text, text2, len) == 0,
	    "and is the same again");
	fuzz_must(amend_sum(text, len) == amend_sum_envelope(e), "sums");
	smx_envelope_free(&again);
	free(text);
	free(text2);
}

static void
envelope_run(const char *data, size_t len)
{
	struct smx_envelope *e = NULL;
	const char *const *params;
	size_t count = 0;
	int rc = smx_envelope_decode(data, len, RECIPIENTS, &e);
	int checked = envelope_check(data, len, RECIPIENTS, &count);

	fuzz_must((rc == SMX_OK) == (checked == SMX_OK),
	    "check and decode say the same");
	fuzz_saw(10 + (rc == SMX_OK));
	(void)amend_sum(data, len);
	if (rc != SMX_OK)
		return;
	fuzz_must(count == smx_envelope_recipients(e) && count <= RECIPIENTS,
	    "and count the same");
	fuzz_saw(20 + (unsigned)count);
	for (int i = 0; i < SMX_FIELDS; i++)
		fuzz_must(!has_line_end(smx_envelope_get(e, i)), "one line");
	fuzz_must(!has_line_end(smx_envelope_sender(e)), "sender of a line");
	fuzz_saw(300 + (unsigned)smx_envelope_mail_params(e, &params));
	read_again(e);
	said(e);
	smx_envelope_free(&e);
}

static const char *const envelope_seeds[] = {
	"CLIENT NAME=mx.example.org ADDR=2001:db8::7 PORT=25 HELO=h "
	"PROTO=ESMTPA"
	" AUTH=PLAIN LOGIN=joe DAEMON=smtpd\r\n"
	"MAIL <a@b> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=e+2Bid\r\n"
	"RCPT <c@d> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o+2Bx@z\r\n"
	"RCPT <\xc3\xb6@d>\r\n",
	"CLIENT\r\nMAIL <>\r\nRCPT <\"a+20b\"@d>\r\n", "CLIENT\r\n", NULL
};

static const char *const envelope_words[] = { "\r\n", " ", "+20", "+0A", "+00",
	"CLIENT\r\n", "MAIL <>\r\n", "RCPT <x@y>\r\n", "RCPT ", " NOTIFY=NEVER",
	" ORCPT=rfc822;", " SIZE=", " BODY=BINARYMIME", " SMTPUTF8",
	" RET=FULL", " ENVID=", "=", ">", "<", "\"", "\\", "+3E+20X", NULL };

const struct fuzz_target fuzz_envelope = { "envelope", envelope_run,
	envelope_seeds, envelope_words };

/* ---- what the MTA has committed, put into what the milter saw ---- */

static void
amend_run(const char *data, size_t len)
{
	static const char split[] = "----";
	const char *at = data;
	char *out;
	size_t out_len, recipients, old_len, count;

	while ((size_t)(at - data) + 4 <= len && memcmp(at, split, 4) != 0)
		at++;
	if ((size_t)(at - data) + 4 > len)
		return;
	old_len = (size_t)(at - data);
	at += 4;
	len -= old_len + 4;
	fuzz_saw(1);
	(void)amend_sum(at, len);
	if (envelope_check(data, old_len, RECIPIENTS, &count) != SMX_OK)
		return;
	fuzz_saw(2);
	if (amend_merge(data, old_len, at, len, &out, &out_len, &recipients) !=
	    SMX_OK)
		return;
	fuzz_saw(3 + (unsigned)recipients);
	fuzz_must(envelope_check(out, out_len, RECIPIENTS * 100, &count) ==
			  SMX_OK &&
		      count == recipients && count > 0,
	    "what is kept is an envelope");
	free(out);
}

static const char *const amend_seeds[] = {
	"CLIENT HELO=h\r\nMAIL <a@b> SIZE=9\r\nRCPT <c@d>\r\n----"
	"MAIL <a@b>\r\nRCPT <e@f> NOTIFY=NEVER\r\nRCPT <c@d>\r\n",
	"CLIENT\r\nMAIL <>\r\nRCPT <c@d>\r\n----MAIL <x@y>\r\nRCPT <c@D>\r\n",
	NULL
};

const struct fuzz_target fuzz_amend = { "amend", amend_run, amend_seeds,
	envelope_words };

/* ---- replies of an MTA ---- */

static uint64_t
listen_to(const char *data, size_t len, uint64_t pieces)
{
	struct smtpreply r;
	char id[64];
	size_t used, n;
	uint64_t heard = 0;
	int rc = SMX_OK;

	smtpreply_begin(&r);
	for (size_t at = 0; at < len && rc >= 0; at += n) {
		n = pieces == 0 ? len - at : fuzz_piece(&pieces, len - at);
		rc = smtpreply_feed(&r, data + at, n, &used);
		fuzz_must(rc < 0 || used <= n, "no more is used than there is");
		fuzz_saw(10 + (unsigned)(rc + 40));
		if (rc < 0)
			break;
		n = used;
		fuzz_must(rc == SMTPREPLY_MORE || used > 0, "it goes on");
		if (rc == SMTPREPLY_MORE)
			continue;
		heard = fuzz_mix(heard, &r.code, sizeof(r.code));
		heard = fuzz_mix(heard, smtpreply_text(&r),
		    strlen(smtpreply_text(&r)));
		fuzz_saw(200 + (unsigned)r.code);
		if (smtpreply_queue_id(&r, id, sizeof(id)) == SMX_OK)
			fuzz_saw(900 + (unsigned)strlen(id));
		(void)smtpreply_result(&r);
		if (rc == SMTPREPLY_DONE)
			smtpreply_begin(&r);
	}
	return fuzz_mix(heard, &rc, sizeof(rc));
}

static void
smtpreply_run(const char *data, size_t len)
{
	fuzz_must(listen_to(data, len, 0) == listen_to(data, len, len * 2 + 1),
	    "in pieces the same is heard");
}

static const char *const smtpreply_seeds[] = {
	"220 mx ESMTP\r\n250-mx\r\n250-SIZE 100\r\n250 XFORWARD NAME ADDR\r\n",
	"250 2.0.0 Ok: queued as 4jXKs073lDz1bkTK\r\n"
	"250 2.0.0 3A1B2 Message accepted for delivery\r\n",
	"452-4.3.1 Insufficient\r\n452 4.3.1 system storage\r\n550 5.1.1\r\n",
	NULL
};

static const char *const smtpreply_words[] = { "\r\n", "\n", "\r", "250 ",
	"250-", "354 ", "451", "5.1.1 ", "2.0.0 ", "4.999.999", "queued as ",
	" Message accepted for delivery", "\xff", NULL };

const struct fuzz_target fuzz_smtpreply = { "smtpreply", smtpreply_run,
	smtpreply_seeds, smtpreply_words };

/* ---- lines of the mail log ---- */

static void
pflog_run(const char *data, size_t len)
{
	struct pflog_line line;

	memset(&line, 'x', sizeof(line));
	if (pflog_read(data, len, &line) == PFLOG_NOTHING)
		return;
	fuzz_saw(1 + (unsigned)line.kind);
	fuzz_must(strnlen(line.id, PFID_TEXT) < PFID_TEXT, "an id ends");
	fuzz_must(strspn(line.id,
		      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		      "abcdefghijklmnopqrstuvwxyz") == strlen(line.id),
	    "an id is letters and digits");
	if (line.kind == PFLOG_LINKED)
		fuzz_must(strnlen(line.other, PFID_TEXT) < PFID_TEXT, "ends");
}

static const char *const pflog_seeds[] = {
	"Nov 22 08:47:52 mx1 postfix/postsuper[99]: 4jXKs073lDz1bkTK: requeued",
	"2026-11-22T08:47:52.123456+00:00 mx1 postfix/pickup[1]: "
	"4jXN4m6MKgz1bY4l: uid=0 from=<> orig_id=4jXKs073lDz1bkTK",
	"Nov 22 08:47:52 mx1 postfix/pickup[7945]: 4jXN4m6MKgz1bY4l: uid=102 "
	"from=<a@b> orig_id=ABCDEF01",
	NULL
};

static const char *const pflog_words[] = { ": ", "requeued",
	"orig_id=", "uid=102", "from=<", ">",
	"postfix/pickup[7]: ", "postsuper[1]: ", "4jXKs073lDz1bkTK", " ",
	NULL };

const struct fuzz_target fuzz_pflog = { "pflog", pflog_run, pflog_seeds,
	pflog_words };

/* ---- what Postfix asks a policy service ---- */

/* What the first request comes to, read in pieces or at once; *at: its end. */
static int
etrn_feed(struct pfpolicy *r, const char *data, size_t len, uint64_t pieces,
    size_t *at)
{
	int rc = SMX_ETEMP;

	pfpolicy_init(r);
	for (*at = 0; rc == SMX_ETEMP && *at < len;) {
		size_t n =
		    pieces == 0 ? len - *at : fuzz_piece(&pieces, len - *at);
		size_t used = 0;

		rc = pfpolicy_feed(r, data + *at, n, &used);
		fuzz_must(used <= n, "no more is used than there was");
		if (rc == SMX_ETEMP)
			fuzz_must(used == n, "all is taken");
		*at += used;
	}
	return rc;
}

static void
etrn_run(const char *data, size_t len)
{
	static struct pfpolicy whole, cut;
	char domain[PFPOLICY_VALUE];
	size_t at, cut_at;
	int rc = etrn_feed(&whole, data, len, 0, &at);

	fuzz_must(etrn_feed(&cut, data, len, len * 2 + 1, &cut_at) == rc,
	    "in pieces it is the same");
	fuzz_saw((unsigned)(rc == SMX_OK) + 2 * (whole.given & 0xff));
	if (rc != SMX_OK)
		return;
	fuzz_must(at == cut_at && data[at - 1] == '\n', "and ends there");
	fuzz_must(memcmp(whole.value, cut.value, sizeof(cut.value)) == 0,
	    "and has the same in it");
	fuzz_saw(1000 + (unsigned)pfpolicy_etrn(&whole, domain));
	fuzz_must(domain[strcspn(domain, " \r\n=\"<>@#")] == '\0', "a domain");
}

static const char *const etrn_seeds[] = {
	"request=smtpd_access_policy\nprotocol_state=ETRN\n"
	"client_address=192.0.2.1\nsasl_username=joe\n"
	"etrn_domain=@a.example\n\n",
	"request=smtpd_access_policy\nprotocol_state=RCPT\nsender=a@b\n\n", NULL
};

static const char *const etrn_words[] = { "request=smtpd_access_policy\n",
	"protocol_state=ETRN\n", "etrn_domain=", "client_address=", "\n\n", "=",
	"@", "#", "a.example", NULL };

const struct fuzz_target fuzz_etrn = { "etrn", etrn_run, etrn_seeds,
	etrn_words };
/* ---- Sendmail's: lines of the log, files of the queue ---- */

static void
smlog_run(const char *data, size_t len)
{
	struct smlog_line line;
	char one[256], id[SMID_TEXT];
	size_t at = 0, count = 0;

	memset(&line, 'x', sizeof(line));
	if (smlog_read(data, len, &line) == SMLOG_NOTHING)
		return;
	fuzz_saw(1 + (unsigned)line.kind);
	fuzz_must(smid_valid(line.id, strnlen(line.id, SMID_TEXT)), "an id");
	if (line.kind == SMLOG_CLONED || line.kind == SMLOG_RETURNED)
		fuzz_must(smid_valid(line.other,
			      strnlen(line.other, SMID_TEXT)),
		    "another id");
	while (smlog_rcpt(&line, &at, one, sizeof(one))) {
		fuzz_must(strnlen(one, sizeof(one)) < sizeof(one), "ends");
		count++;
	}
	for (at = 0; smlog_id(&line, &at, id); count++)
		fuzz_must(smid_valid(id, strnlen(id, SMID_TEXT)), "ids");
	fuzz_must(count <= len, "no more than there are");
	fuzz_saw(20 + (unsigned)(count < 5 ? count : 5));
}

#define SM_DELIVERY                                                            \
	", delay=00:00:01, xdelay=00:00:01, mailer=relay, pri=150021, "        \
	"relay=mx.example. [192.0.2.1]"

static const char *const smlog_seeds[] = {
	"Nov 23 06:40:44 a.example sendmail[31058]: 6AN6eiVh031038: "
	"to=<a@b.example>,<\"c,d\"@e.example>, ctladdr=<l@a.example> "
	"(1/0)" SM_DELIVERY ", dsn=2.0.0, stat=Sent (2.0.0 Ok)",
	"2026-11-22T08:47:52.123456+00:00 mx1 sm-mta[7]: 6AN6eiVh031038: "
	"to=\\\\joe, [more]" SM_DELIVERY
	", dsn=4.3.0, reply=451 4.2.0 x, stat=Deferred: x",
	"Nov 23 06:40:44 a sendmail[3]: 6AN6eiVh031038: 6AN6eiOW031058: DSN: "
	"User unknown",
	"Nov 23 06:40:44 a sendmail[3]: 6AN6eiVh031038: split: maxrcpts=2, "
	"rcpts=5, count=2, ids=6AN6eiOW031058; 6AN6eiOX031058",
	"Nov 23 06:40:44 a sendmail[3]: 6AN6eiVh031038: quarantine=x", NULL
};

static const char *const smlog_words[] = { ": ", ", ", "to=<", ">,<", "\\\\",
	"\"", "\\303", "[more]", ", dsn=5.1.1", ", stat=queued", ", stat=Sent",
	"clone: owner=", "6AN6eiVh031038", "unquarantine",
	"done; delay=", "sendmail[1]: ", "; ", NULL };

const struct fuzz_target fuzz_smlog = { "smlog", smlog_run, smlog_seeds,
	smlog_words };

static void
smqf_run(const char *data, size_t len)
{
	struct smqf q;
	char *text;
	size_t out_len, client, count;
	int rc;

	smqf_init(&q);
	rc = smqf_read(&q, data, len, "h.example");
	fuzz_saw(1 + (unsigned)-rc);
	fuzz_must(rc != SMX_OK || smqf_complete(data, len),
	    "what was read to its end has one");
	fuzz_must(q.headers.len == 0 ||
		      q.headers.data[q.headers.len - 1] == '\n',
	    "headers end with a line");
	if (rc == SMX_OK &&
	    smqf_envelope(&q, &text, &out_len, &client) == SMX_OK) {
		fuzz_must(envelope_check(text, out_len, SMQF_RECIPIENTS_MAX,
			      &count) == SMX_OK,
		    "an envelope");
		fuzz_must(count == q.recipients, "with all recipients");
		fuzz_must(client <= out_len, "and a client");
		fuzz_saw(100 + (unsigned)(count < 5 ? count : 5));
		free(text);
	}
	smqf_done(&q);
}

static const char *const smqf_seeds[] = {
	"V8\nT1795415664\nK0\nN0\nP180063\nI254/0/12\nB8BITMIME\nF8dns\n"
	"$_localhost [127.0.0.1]\n$rESMTP\n$sclient.example\n"
	"${daemon_flags}\nqheld\nS<s+t=u@x.example>\nZenv+2Bid1\nA<>\n"
	"rRFC822; b@y.example\nRPN:<b@y.example>\nQrfc822;o+2Bx@z.example\n"
	"Clist:1:0:<list@a.example>\nRFDA:\"a b\"@y.example\nC\n"
	"H?P?Return-Path: <g>\nH??Received: from a\n\tby b\nH?D?Date: x\n.\n",
	"V8\nT1\nFrs\nMUser unknown\nSMAILER-DAEMON\nRFDA:|/bin/true\n.\n",
	"V8\nS<>\n.\n", NULL
};

static const char *const smqf_words[] = { "\n", "\n.\n", "\nR", "\nRPFD:<",
	">\n", "\nS<", "\nQrfc822;", "\nH??X: y", "\nH?P?", "\n\t", "\n$_", "[",
	"]", "(", ")", "\"", "\\", "<", "@", "\nd/q", "\nF8dnrse", "\nV8",
	"MAILER-DAEMON", NULL };

const struct fuzz_target fuzz_smqf = { "smqf", smqf_run, smqf_seeds,
	smqf_words };
