/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/envelope.h"
#include "core/wire.h"

/*
 * Both sides of the peer link.  However the bytes are cut into pieces, the same
 * is heard; and what was heard can be said again.
 */
#define KEY   "000102030405060708090a0b0c0d0e0f-00000000000000ff"
#define EPOCH "ffffffffffffffffffffffffffffffff.7"
#define DIGEST                                                                 \
	"0000000000000000000000000000000000000000000000000000000000000000"
#define EHLO "EHLO mx1 VERSION=1.1\r\n"
#define SHADOW                                                                 \
	"SHADOW " KEY " SIZE=5 ENVELOPE=39 RCPTS=1 DIGEST=" DIGEST             \
	" EPOCH=" EPOCH " QUEUE=4jX HOLDERS=mx2,mx3\r\n"                       \
	"CLIENT HELO=h\r\nMAIL <a@b>\r\nRCPT <c@d>\r\nBDAT 5 LAST\r\nhello"

static const struct wire_limits limits = { .max_content = 100000,
	.max_envelope = 50000 };

/* ---- the server ---- */

static void
heard_request(const struct smx_request *r)
{
	struct wire_server again;
	struct buf b;
	const char *p;
	size_t left;

	for (size_t i = 0; wire_request_amends(r) && i < r->count; i++)
		fuzz_must(r->amendments[i].envelope == NULL ||
			      wire_amend_check(r->amendments[i].envelope,
				  r->amendments[i].envelope_len,
				  r->amendments[i].recipients) == SMX_OK,
		    "an amendment's envelope is one");
	if (r->count == 0 || wire_request_check(r) != SMX_OK)
		return;
	buf_init(&b, 0);
	buf_str(&b, EHLO);
	fuzz_must(wire_put_request(&b, r) == SMX_OK, "it can be said again");
	wire_server_init(&again, &limits);
	p = b.data;
	left = b.len;
	fuzz_must(wire_server_next(&again, &p, &left) == WIRE_EV_HELLO, "EHLO");
	fuzz_must(wire_server_next(&again, &p, &left) == WIRE_EV_REQUEST,
	    "said again it is a request");
	fuzz_must(again.request.kind == r->kind &&
		      again.request.count == r->count && left == 0,
	    "said again it is the same");
	wire_server_free(&again);
	buf_free(&b);
}

static void
heard_shadow(const struct wire_server *w)
{
	size_t recipients;

	fuzz_must(w->shadow.size <= limits.max_content, "content limit");
	fuzz_must(w->shadow.envelope_len <= limits.max_envelope, "limit");
	fuzz_must(envelope_check(w->shadow.envelope, w->shadow.envelope_len,
		      WIRE_RECIPIENTS_MAX, &recipients) == SMX_OK &&
		      recipients == w->shadow.recipients,
	    "a shadow's envelope is one");
	fuzz_must(w->shadow.holders[0] == '\0' ||
		      wire_holders_check(w->shadow.holders) == SMX_OK,
	    "a set of holders is one");
}

struct heard {
	uint64_t told; /* events in their order */
	uint64_t data; /* content, which comes in pieces of any size */
	size_t events;
};

/* Non-zero: it is over. */
static int
hear(struct wire_server *w, const char *p, size_t left, struct heard *h)
{
	enum wire_event event;

	while ((event = wire_server_next(w, &p, &left)) != WIRE_MORE) {
		fuzz_saw((unsigned)event * 16 + (unsigned)w->state);
		if (event == WIRE_EV_DATA) {
			h->data = fuzz_mix(h->data, w->data, w->data_len);
			continue;
		}
		h->events++;
		h->told = fuzz_mix(h->told, &event, sizeof(event));
		h->told = fuzz_mix(h->told, &w->code, sizeof(w->code));
		if (event == WIRE_EV_SHADOW)
			heard_shadow(w);
		if (event == WIRE_EV_REQUEST) {
			fuzz_saw(1000 + (unsigned)w->request.kind * 8 +
				 (w->request.count > 1) +
				 2 * (w->request.count > 9));
			heard_request(&w->request);
		}
		if (event == WIRE_EV_BAD)
			fuzz_saw(2000 + (unsigned)w->code);
		if (event == WIRE_EV_BAD || event == WIRE_EV_QUIT)
			return 1;
	}
	fuzz_must(left == 0, "it wants more and leaves bytes");
	return 0;
}

static struct heard
converse(const char *data, size_t len, uint64_t pieces)
{
	struct wire_server w;
	struct heard h = { 0, 0, 0 };
	size_t n;

	wire_server_init(&w, &limits);
	for (size_t at = 0; at < len; at += n) {
		n = pieces == 0 ? len : fuzz_piece(&pieces, len - at);
		if (hear(&w, data + at, n, &h))
			break;
	}
	fuzz_must(w.line.len <= WIRE_LINE_MAX, "a line has its ceiling");
	fuzz_saw(3000 + (unsigned)w.state);
	fuzz_saw(4000 + (h.events > 60 ? 60 : (unsigned)h.events));
	wire_server_free(&w);
	return h;
}

static void
server_run(const char *data, size_t len)
{
	struct heard whole = converse(data, len, 0);
	struct heard cut = converse(data, len, len * 2 + 1);

	fuzz_must(whole.events == cut.events && whole.told == cut.told &&
		      whole.data == cut.data,
	    "in pieces the same is heard");
}

static const char *const server_seeds[] = { EHLO "NOOP\r\nQUIT\r\n",
	"EHLO mx1 VERSION=1.1 INCARNATION=000102030405060708090a0b0c0d0e0f "
	"EPOCH=" EPOCH " SEQUENCE=18446744073709551615\r\nNOOP\r\n",
	EHLO SHADOW SHADOW "QUIT\r\n",
	EHLO "DISCARD 2\r\n" KEY "\r\n" KEY "\r\nABORT 0\r\nQUERY 1\r\n" KEY
	     "\r\nLIST AFTER=" KEY " MAX=9\r\nBEAT MTA=up LEAVING=0\r\n",
	EHLO "AMEND 2\r\n" KEY " VERSION=3 HOLDERS=mx2,mx3 ENVELOPE=24 RCPTS=1 "
	     "HELD=1\r\nMAIL <a@b>\r\nRCPT <e@f>\r\n" KEY
	     " VERSION=4\r\nNOOP\r\n",
	EHLO "RETURN 1\r\n" KEY " HELD=1 ENVELOPE=24 RCPTS=1\r\n"
	     "MAIL <a@b>\r\nRCPT <c@d>\r\nNOOP\r\n",
	EHLO "ASK 1 NODE=mx1.example.org\r\n" KEY "\r\nCLAIM 1 NODE=mx1\r\n" KEY
	     "\r\nSEEN NODE=mx3\r\n",
	EHLO "DRAIN 2\r\nexample.org\r\nexample.net\r\n"
	     "MAINTAIN 1 FOR=7200000\r\nexample.org\r\n"
	     "LISTED DOMAIN=example.org DIGEST=" DIGEST "\r\n",
	EHLO "PUSH 3 DOMAIN=example.org BASE=" DIGEST " DIGEST=" DIGEST
	     " PART=0 LAST=1\r\n+a+2Bb\r\n-c\r\n+\r\nNOOP\r\n",
	NULL };

static const char *const server_words[] = { "\r\n", " ", "=", "+0D+0A", KEY,
	KEY "\r\n", EHLO, SHADOW, "SHADOW ", "DISCARD ", "ABORT ", "QUERY ",
	"LIST AFTER=", " MAX=", "BEAT MTA=up LEAVING=", "AMEND ", "RETURN ",
	"ASK ", "CLAIM ", "SEEN", " NODE=", " VERSION=", " HOLDERS=",
	" ENVELOPE=", " RCPTS=", " HELD=", " SIZE=", " QUEUE=", "BDAT ",
	" LAST", "NOOP\r\n", "QUIT\r\n", "MAIL <a@b>\r\n", "RCPT <e@f>\r\n",
	"CLIENT\r\n", "-1", "18446744073709551616", "4294967296", "1000",
	"1001", "100", "101", "DRAIN ", "MAINTAIN ", "LISTED ", "PUSH ",
	" DOMAIN=example.org", " DIGEST=" DIGEST, " BASE=" DIGEST,
	" PART=", " LAST=", " FOR=", "example.org\r\n", "+a\r\n", "-a\r\n",
	NULL };

const struct fuzz_target fuzz_wire_server = { "wire-server", server_run,
	server_seeds, server_words };

/* ---- the client ---- */

#define LIMIT 20

static void
reply_run(const struct smx_request *request, const char *data, size_t len)
{
	enum smx_answer answers[LIMIT];
	struct smx_listed listed[LIMIT];
	struct smx_reply reply = { .answers = answers, .listed = listed };
	struct wire_client w;
	enum wire_reply_event event;
	int rc = SMX_OK;

	wire_client_init(&w);
	wire_client_expect(&w, LIMIT + 1);
	while (rc == SMX_OK &&
	       (event = wire_client_next(&w, &data, &len)) != WIRE_REPLY_MORE) {
		fuzz_saw((unsigned)request->kind * 8 + (unsigned)event);
		if (event == WIRE_REPLY_BAD)
			break;
		(void)wire_result(w.code);
		rc = wire_reply_line(request, w.text, w.len,
		    event == WIRE_REPLY_END, &reply);
		fuzz_saw(100 + (unsigned)request->kind * 8 +
			 (rc == SMX_OK ? 1u : 0u) + 2 * (unsigned)(event & 3));
		fuzz_must(reply.count <= LIMIT, "no more rows than asked for");
		if (event == WIRE_REPLY_END)
			wire_client_expect(&w, LIMIT + 1);
	}
	wire_client_free(&w);
}

static void
hello_run(const char *data, size_t len)
{
	struct wire_client w;
	struct wire_limits theirs;
	struct smx_hello hello;
	enum wire_reply_event event;
	unsigned minor;

	wire_client_init(&w);
	wire_client_expect(&w, 1);
	while ((event = wire_client_next(&w, &data, &len)) == WIRE_REPLY_END) {
		fuzz_saw(300u + (unsigned)(wire_greeting_line(w.text, w.len) ==
					   SMX_OK));
		fuzz_saw(310u + (unsigned)(wire_ehlo_line(w.text, w.len, &hello,
					       &theirs, &minor) == SMX_OK));
		wire_client_expect(&w, 1);
	}
	fuzz_saw(320 + (unsigned)event);
	wire_client_free(&w);
}

/* The first byte says what was asked. */
static void
client_run(const char *data, size_t len)
{
	struct smx_key keys[LIMIT];
	const struct smx_push push = { .domain = "example.org", .part = 7 };
	struct smx_request request = { .keys = keys,
		.count = LIMIT,
		.node = "mx1",
		.limit = LIMIT,
		.push = &push };
	char *line;

	if (len == 0)
		return;
	memset(keys, 0, sizeof(keys));
	request.kind =
	    SMX_REQ_BEAT + (unsigned char)(data[0] - '0') % (SMX_REQ_PUSH + 1);
	line = malloc(len);
	if (line == NULL)
		return;
	memcpy(line, data + 1, len - 1);
	if (request.kind > SMX_REQ_PUSH)
		hello_run(line, len - 1);
	else
		reply_run(&request, line, len - 1);
	free(line);
}

static const char *const client_seeds[] = { "0"
					    "250 MTA=up LEAVING=0\r\n",
	"1"
	"250 FOREIGN=3\r\n450 no\r\n",
	"3"
	"250 ANSWERS=ofu?ofu?ofu?ofu?ofu?\r\n",
	"4"
	"250-" KEY " QUEUE=4jX STATE=shadow AGE=12 EPOCH=" EPOCH
	"\r\n250 COUNT=1\r\n",
	"5"
	"250 FOREIGN=0\r\n",
	"6"
	"250 ANSWERS=nrstynrstynrstynrsty\r\n",
	"8"
	"250 AGO=1234\r\n",
	"9"
	"250 ANSWERS=stfonustfonustfonust\r\n",
	":"
	"250 FOREIGN=2\r\n",
	"<"
	"250 FOREIGN=0 HAVE=" DIGEST "\r\n",
	"="
	"250 FOREIGN=0 NEXT=8\r\n",
	">"
	"220 mx2 shadowmx 1.1\r\n250 mx2 VERSION=1.1 INCARNATION="
	"000102030405060708090a0b0c0d0e0f EPOCH=" EPOCH
	" SEQUENCE=1 CONTENT=100 ENVELOPE=100\r\n",
	NULL };

static const char *const client_words[] = { "\r\n", "250 ", "250-", "450 ",
	"999 ", " ", "=", KEY, EPOCH, "ANSWERS=", "FOREIGN=", "COUNT=", "AGO=",
	" HAVE=", " NEXT=", " QUEUE=", " STATE=", " AGE=", " EPOCH=", "shadow",
	"claimed", "handed", "done",
	"MTA=", " LEAVING=", " VERSION=", " CONTENT=", "-1",
	"9223372036854775808", "18446744073709551616", "+0A", NULL };

const struct fuzz_target fuzz_wire_client = { "wire-client", client_run,
	client_seeds, client_words };
