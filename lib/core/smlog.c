/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/smlog.h"

#include <stdint.h>
#include <string.h>

#include "base/key.h"
#include "core/smaddr.h"

/* Sendmail cuts what it says itself, and goes on in lines whose id has a number
 * behind it; a longer line is none of its own. */
#define LINE_MAX_BYTES 4096

struct text {
	const char *at;
	size_t len;
};

static int
skip(struct text *t, const char *word)
{
	size_t n = strlen(word);

	if (t->len < n || memcmp(t->at, word, n) != 0)
		return 0;
	t->at += n;
	t->len -= n;
	return 1;
}

/* The bytes up to stop; stop itself is skipped. */
static int
take(struct text *t, const char *stop, struct text *out)
{
	const char *end =
	    t->len == 0 ? NULL : memmem(t->at, t->len, stop, strlen(stop));

	if (end == NULL)
		return 0;
	out->at = t->at;
	out->len = (size_t)(end - t->at);
	t->at = end + strlen(stop);
	t->len -= out->len + strlen(stop);
	return 1;
}

/* As many of these characters as there are. */
static struct text
span(struct text *t, const char *of)
{
	struct text out = { t->at, 0 };

	while (out.len < t->len && t->at[out.len] != '\0' &&
	       strchr(of, t->at[out.len]) != NULL)
		out.len++;
	t->at += out.len;
	t->len -= out.len;
	return out;
}

static int
begins(const struct text *t, const char *word)
{
	return t->len >= strlen(word) && memcmp(t->at, word, strlen(word)) == 0;
}

/* ---- who says it ---- */

/* "Nov 22 08:47:52 " or "2026-11-22T08:47:52.123456+00:00 " */
static int
skip_date(struct text *t)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct text iso;

	for (size_t m = 0; m < 36 && t->len >= 16; m += 3)
		if (memcmp(t->at, months + m, 3) == 0 && t->at[3] == ' ' &&
		    t->at[6] == ' ' && t->at[9] == ':' && t->at[12] == ':' &&
		    t->at[15] == ' ') {
			t->at += 16;
			t->len -= 16;
			return 1;
		}
	return take(t, " ", &iso) && iso.len >= 19 && iso.at[4] == '-' &&
	       iso.at[7] == '-' && iso.at[10] == 'T' && iso.at[13] == ':';
}

/* "sendmail[pid]: ", or as Debian names its processes, "sm-mta[pid]: " */
static int
skip_tag(struct text *t)
{
	struct text tag, pid;

	return take(t, "[", &tag) && memchr(tag.at, ' ', tag.len) == NULL &&
	       memchr(tag.at, '/', tag.len) == NULL &&
	       (begins(&tag, "sendmail") || begins(&tag, "sm-")) &&
	       (pid = span(t, "0123456789")).len != 0 && skip(t, "]: ");
}

/* "ID: " */
static int
skip_id(struct text *t, char out[SMID_TEXT])
{
	struct text rest = *t, id;

	if (!take(&rest, ": ", &id) || !smid_valid(id.at, id.len))
		return 0;
	memcpy(out, id.at, id.len);
	out[id.len] = '\0';
	*t = rest;
	return 1;
}

/* ---- a delivery ---- */

/* "a,b, " up to the first of its fields; a list that goes on in another line
 * ends with "[more]". */
static int
take_rcpts(struct text *t, struct smlog_line *out)
{
	size_t n = 0;

	out->rcpts = t->at;
	for (;;) {
		n += smaddr_logged(t->at + n, t->len - n);
		if (n == t->len)
			return 0;
		if (n + 1 < t->len && t->at[n + 1] == ' ')
			break;
		n++;
	}
	out->rcpts_len = n;
	t->at += n;
	t->len -= n;
	if (skip(t, ", [more]"))
		return begins(t, ", ");
	return out->rcpts_len != 0;
}

/* ", ctladdr=ADDRESS (0/0)": an address of any form, in 83 characters. */
static int
skip_controller(struct text *t)
{
	size_t n;

	if (!skip(t, ", ctladdr="))
		return 1;
	n = smaddr_logged(t->at, t->len);
	t->at += n;
	t->len -= n;
	return n != 0 && t->len != 0;
}

/* ", name=WORD" where there is one. */
static int
skip_field(struct text *t, const char *name, const char *of)
{
	return !skip(t, name) || span(t, of).len != 0;
}

/* ", relay=HOST [192.0.2.1]" or ", quarantine=REASON", up to the next. */
static int
take_relay(struct text *t, struct smlog_line *out)
{
	static const char digits[] = "0123456789abcdefABCDEF:.IPv";
	struct text host, rest, last;

	if (!skip(t, ", relay="))
		return !begins(t, ", quarantine=");
	rest = *t;
	if (!take(&rest, ", dsn=", &host) && !take(&rest, ", stat=", &host))
		return 0;
	t->at += host.len;
	t->len -= host.len;
	if (host.len == 0 || host.at[host.len - 1] != ']')
		return 1;
	last.at = memrchr(host.at, '[', host.len);
	if (last.at == NULL)
		return 1;
	out->relay = last.at;
	out->relay_len = (size_t)(host.at + host.len - last.at);
	last.at++;
	last.len = out->relay_len - 2;
	(void)span(&last, digits);
	if (last.len != 0)
		out->relay_len = 0;
	return 1;
}

/* dsn is the class of the status, 0 when there is none; a reply stands only
 * where not all went well, and holds anything. */
static enum smlog_kind
judge(const struct text *t, char dsn)
{
	struct text status = *t;

	if (begins(t, ", reply="))
		return dsn == '4'   ? SMLOG_DEFERRED
		       : dsn == '5' ? SMLOG_BOUNCED
				    : SMLOG_NOTHING;
	if (!skip(&status, ", stat="))
		return SMLOG_NOTHING;
	if (dsn == '2' && begins(&status, "Sent"))
		return SMLOG_SENT;
	if (begins(&status, "queued") || begins(&status, "quarantined"))
		return SMLOG_QUEUED;
	if (dsn == '4')
		return SMLOG_DEFERRED;
	return dsn == '5' ? SMLOG_BOUNCED : SMLOG_NOTHING;
}

static enum smlog_kind
read_delivery(struct text *t, struct smlog_line *out)
{
	static const char words[] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_*";
	char dsn = '\0';

	if (!take_rcpts(t, out) || !skip_controller(t) ||
	    !skip(t, ", delay=") || span(t, "0123456789+:").len == 0 ||
	    !skip_field(t, ", xdelay=", "0123456789+:") ||
	    !skip_field(t, ", mailer=", words) || !skip(t, ", pri=") ||
	    span(t, "0123456789").len == 0)
		return SMLOG_NOTHING;
	if (begins(t, ", quarantine="))
		return SMLOG_QUEUED;
	if (!take_relay(t, out))
		return SMLOG_NOTHING;
	if (skip(t, ", dsn=")) {
		struct text status = span(t, "0123456789.");

		dsn = status.len >= 5 && status.at[1] == '.' ? status.at[0]
							     : '\0';
	}
	if (!skip_field(t, ", ntries=", "0123456789"))
		return SMLOG_NOTHING;
	return judge(t, dsn);
}

/* ---- other ids ---- */

/* "split: count=2, ids=A; B" or "split: maxrcpts=2, rcpts=5, count=1, id=A" */
static enum smlog_kind
read_split(struct text *t, struct smlog_line *out)
{
	static const char digits[] = "0123456789";
	struct text count;
	uint64_t said, found = 0;
	char id[SMID_TEXT];
	size_t at = 0;

	if (skip(t, "maxrcpts=") &&
	    (span(t, digits).len == 0 || !skip(t, ", rcpts=") ||
		span(t, digits).len == 0 || !skip(t, ", ")))
		return SMLOG_NOTHING;
	if (!skip(t, "count="))
		return SMLOG_NOTHING;
	count = span(t, digits);
	if (number_parse(count.at, count.len, UINT32_MAX, &said) != SMX_OK ||
	    (!skip(t, ", ids=") && !skip(t, ", id=")))
		return SMLOG_NOTHING;
	out->ids = t->at;
	out->ids_len = t->len;
	while (smlog_id(out, &at, id))
		found++;
	out->incomplete = found != said;
	return SMLOG_SPLIT;
}

/* "NEWID: why: text" */
static enum smlog_kind
read_other(struct text *t, struct smlog_line *out)
{
	static const struct {
		const char *why;
		enum smlog_kind kind;
	} whys[] = {
		{ "clone: owner=", SMLOG_CLONED },
		{ "DSN: Return receipt", SMLOG_NOTICE },
		{ "DSN: ", SMLOG_RETURNED },
		{ "sender notify: ", SMLOG_NOTICE },
		{ "return to sender: ", SMLOG_RETURNED },
		{ "postmaster notify: ", SMLOG_RETURNED },
	};

	if (!skip_id(t, out->other))
		return SMLOG_NOTHING;
	for (size_t i = 0; i < sizeof(whys) / sizeof(*whys); i++)
		if (begins(t, whys[i].why))
			return whys[i].kind;
	return SMLOG_NOTHING;
}

static enum smlog_kind
read_event(struct text *t, struct smlog_line *out)
{
	if (skip(t, "to="))
		return read_delivery(t, out);
	if (skip(t, "split: "))
		return read_split(t, out);
	if (begins(t, "quarantine="))
		return SMLOG_HELD;
	if (t->len == 12 && begins(t, "unquarantine"))
		return SMLOG_RELEASED;
	if (begins(t, "done; delay="))
		return SMLOG_DONE;
	if (begins(t, "Losing "))
		return SMLOG_LOST;
	return read_other(t, out);
}

enum smlog_kind
smlog_read(const char *line, size_t len, struct smlog_line *out)
{
	struct text t = { line, len }, host;

	memset(out, 0, sizeof(*out));
	if (len > LINE_MAX_BYTES || !skip_date(&t) || !take(&t, " ", &host) ||
	    !skip_tag(&t) || !skip_id(&t, out->id))
		return SMLOG_NOTHING;
	out->kind = read_event(&t, out);
	return out->kind;
}

int
smlog_rcpt(const struct smlog_line *line, size_t *at, char *out, size_t size)
{
	while (*at < line->rcpts_len) {
		const char *from = line->rcpts + *at;
		size_t n = smaddr_logged(from, line->rcpts_len - *at);

		*at += n + 1;
		if (n == 0 || n >= size)
			continue;
		smaddr_unlog(from, n, out);
		if (out[0] != '\0')
			return 1;
	}
	return 0;
}

int
smlog_id(const struct smlog_line *line, size_t *at, char id[SMID_TEXT])
{
	struct text t = { line->ids + *at, line->ids_len - *at };
	struct text one;

	if (*at >= line->ids_len)
		return 0;
	if (!take(&t, "; ", &one)) {
		one = t;
		t.len = 0;
	}
	if (!smid_valid(one.at, one.len))
		return 0;
	memcpy(id, one.at, one.len);
	id[one.len] = '\0';
	*at = line->ids_len - t.len;
	return 1;
}
