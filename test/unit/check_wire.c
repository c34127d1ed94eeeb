/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire.h"

#define ENVELOPE "CLIENT HELO=h\r\nMAIL <a@b>\r\nRCPT <c@d>\r\n"
#define KEY      "000102030405060708090a0b0c0d0e0f-00000000000000ff"
#define EPOCH    "ffffffffffffffffffffffffffffffff.7"
#define DIGEST                                                                 \
	"0000000000000000000000000000000000000000000000000000000000000000"
#define EHLO "EHLO mx1 VERSION=1.0\r\n"

static const struct wire_limits limits = { .max_content = 100000,
	.max_envelope = 50000 };

static struct smx_key
key_of(uint64_t counter)
{
	struct smx_key key = { .counter = counter };

	for (int i = 0; i < 16; i++)
		key.incarnation[i] = (uint8_t)i;
	return key;
}

/* A conversation as seen by the server: one letter an event. */
struct heard {
	char events[64];
	size_t count;
	char data[256];
	size_t data_len;
	int code;
};

static void
hear(struct wire_server *w, const char *p, size_t left, struct heard *h)
{
	static const char letters[] = "?MHSDCRNQUB";
	enum wire_event event;

	while ((event = wire_server_next(w, &p, &left)) != WIRE_MORE) {
		if (event == WIRE_EV_DATA) {
			if (h->data_len + w->data_len <= sizeof(h->data))
				memcpy(h->data + h->data_len, w->data,
				    w->data_len);
			h->data_len += w->data_len;
			continue;
		}
		if (h->count < sizeof(h->events) - 1)
			h->events[h->count++] = letters[event];
		if (event == WIRE_EV_BAD) {
			h->code = w->code;
			return;
		}
		if (event == WIRE_EV_QUIT)
			return;
	}
}

/* Every way of cutting the bytes in pieces gives the same. */
static void
assert_heard(const char *text, const char *events, int code)
{
	static const size_t pieces[] = { 100000, 1, 2, 7, 61 };
	size_t len = strlen(text);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct heard h = { .code = 0 };
		struct wire_server w;

		wire_server_init(&w, &limits);
		for (size_t at = 0; at < len && h.code == 0; at += pieces[i])
			hear(&w, text + at,
			    len - at < pieces[i] ? len - at : pieces[i], &h);
		ck_assert_str_eq(h.events, events);
		ck_assert_int_eq(h.code, code);
		wire_server_free(&w);
	}
}

START_TEST(a_shadow_is_heard_as_it_was_said)
{
	struct smx_content content = { .size = 5, .bytes = "he\r\nl" };
	struct smx_shadow shadow = { .key = key_of(255),
		.queue_id = "4jX Ks0=+",
		.envelope = ENVELOPE,
		.envelope_len = strlen(ENVELOPE),
		.recipients = 1,
		.content = &content,
		.holders = "mx2.example.org mx+3",
		.amended = 1,
		.held = 1 };
	struct smx_hello hello = { .sequence = UINT64_MAX,
		.epoch.counter = 42 };
	struct wire_server w;
	struct heard h = { .code = 0 };
	struct buf b;

	memset(shadow.epoch.id, 0xff, 16);
	shadow.digest[31] = 9;
	buf_init(&b, 0);
	wire_put_ehlo(&b, "mx1", &hello);
	ck_assert_int_eq(wire_put_shadow(&b, &shadow), SMX_OK);
	buf_add(&b, content.bytes, 5);
	wire_server_init(&w, &limits);
	for (size_t i = 0; i < b.len; i++)
		hear(&w, b.data + i, 1, &h);
	ck_assert_str_eq(h.events, "HSC");
	ck_assert_int_eq(w.has_hello, 1);
	ck_assert_uint_eq(w.hello.sequence, UINT64_MAX);
	ck_assert_uint_eq(w.hello.epoch.counter, 42);
	ck_assert_int_eq(smx_key_compare(&w.shadow.key, &shadow.key), 0);
	ck_assert_str_eq(w.shadow.queue_id, shadow.queue_id);
	ck_assert_str_eq(w.shadow.holders, shadow.holders);
	ck_assert_int_eq(w.shadow.amended, 1);
	ck_assert_int_eq(w.shadow.held, 1);
	ck_assert_uint_eq(w.shadow.recipients, 1);
	ck_assert_uint_eq(w.shadow.envelope_len, strlen(ENVELOPE));
	ck_assert_mem_eq(w.shadow.envelope, ENVELOPE, strlen(ENVELOPE));
	ck_assert_mem_eq(w.shadow.digest, shadow.digest, SMX_DIGEST_BYTES);
	ck_assert_mem_eq(&w.shadow.epoch, &shadow.epoch, sizeof(shadow.epoch));
	ck_assert_uint_eq(h.data_len, 5);
	ck_assert_mem_eq(h.data, "he\r\nl", 5);
	ck_assert_int_eq(wire_server_quiet(&w), 1);
	wire_server_free(&w);
	buf_free(&b);
}
END_TEST

#define SHADOW_IS(size, envelope, rcpts)                                       \
	"SHADOW " KEY " SIZE=" size " ENVELOPE=" envelope " RCPTS=" rcpts      \
	" DIGEST=" DIGEST " EPOCH=" EPOCH "\r\n"

#define SHADOW_HELD(holders)                                                   \
	"SHADOW " KEY " SIZE=0 ENVELOPE=39 RCPTS=1 DIGEST=" DIGEST             \
	" EPOCH=" EPOCH " HOLDERS=" holders "\r\n"
/* What an MTA has committed, 24 bytes. */
#define NOW "MAIL <a@b>\r\nRCPT <e@f>\r\n"
#define AMENDED(envelope, rcpts)                                               \
	KEY " VERSION=5 ENVELOPE=" envelope " RCPTS=" rcpts "\r\n"
#define RETURNED(held, envelope, rcpts)                                        \
	KEY " HELD=" held " ENVELOPE=" envelope " RCPTS=" rcpts "\r\n"

static const struct {
	const char *text;
	const char *events;
	int code;
} said[] = {
	{ EHLO, "H", 0 },
	{ "EHLO mx1 VERSION=1.9 NEW=1 FLAG\r\n", "H", 0 },
	{ "EHLO mx1 VERSION=2.0\r\n", "B", 556 },
	{ "EHLO mx1 VERSION=0.9\r\n", "B", 556 },
	{ "EHLO mx1\r\n", "B", 501 },
	{ "EHLO mx1 VERSION=1.0 VERSION=1.0\r\n", "B", 501 },
	{ "EHLO mx1 VERSION=1.0 INCARNATION=12\r\n", "B", 501 },
	{ "EHLO mx1 VERSION=1.0\n", "B", 501 },
	{ EHLO EHLO, "HB", 503 },
	{ "NOOP\r\n", "B", 503 },
	{ SHADOW_IS("1", "39", "1"), "B", 503 },
	{ "QUIT\r\n", "Q", 0 },
	{ EHLO "NOOP\r\nNOOP\r\nQUIT\r\n", "HNNQ", 0 },
	{ EHLO "XNEW a=b\r\nNOOP\r\n", "HUN", 0 },
	{ EHLO "noop\r\n", "HU", 0 },
	{ EHLO "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n10\r\n11\r\n",
	    "HUUUUUUUUUUB", 500 },
	{ EHLO SHADOW_IS("3", "39", "1") ENVELOPE "BDAT 3 LAST\r\nabcNOOP\r\n",
	    "HSCN", 0 },
	{ EHLO SHADOW_IS("0", "39", "1") ENVELOPE "BDAT 0 LAST\r\nNOOP\r\n",
	    "HSCN", 0 },
	{ EHLO SHADOW_IS("3", "39", "1") ENVELOPE "BDAT 4 LAST\r\nabcd", "HB",
	    501 },
	{ EHLO SHADOW_IS("3", "39", "1") ENVELOPE "BDAT 3\r\nabc", "HB", 501 },
	{ EHLO SHADOW_IS("3", "39", "1") ENVELOPE "DATA\r\n", "HB", 501 },
	{ EHLO SHADOW_IS("3", "39", "2") ENVELOPE, "HB", 501 },
	{ EHLO SHADOW_IS("3", "38", "1") ENVELOPE, "HB", 501 },
	{ EHLO SHADOW_IS("3", "0", "0") "x", "HB", 501 },
	{ EHLO SHADOW_IS("3", "50001", "1"), "HB", 552 },
	{ EHLO SHADOW_IS("3", "39", "50001"), "HB", 552 },
	{ EHLO SHADOW_IS("100001", "39", "1"), "HB", 552 },
	{ EHLO SHADOW_IS("99999999999999999999", "39", "1"), "HB", 501 },
	{ EHLO SHADOW_IS("-1", "39", "1"), "HB", 501 },
	{ EHLO "SHADOW " KEY "\r\n", "HB", 501 },
	{ EHLO "SHADOW x SIZE=1\r\n", "HB", 501 },
	{ EHLO "DISCARD 2\r\n" KEY "\r\n" KEY "\r\nNOOP\r\n", "HRN", 0 },
	{ EHLO "DISCARD 0\r\n", "HR", 0 },
	{ EHLO "ABORT 1\r\n" KEY "\r\n", "HR", 0 },
	{ EHLO "QUERY 1\r\n" KEY "\r\n", "HR", 0 },
	{ EHLO "QUERY 1\r\nNOOP\r\n", "HB", 501 },
	{ EHLO "DISCARD 1001\r\n", "HB", 552 },
	{ EHLO "DISCARD\r\n", "HB", 501 },
	{ EHLO "DISCARD x\r\n", "HB", 501 },
	{ EHLO "LIST AFTER=" KEY " MAX=1000\r\n", "HR", 0 },
	{ EHLO "LIST AFTER=" KEY " MAX=1001\r\n", "HB", 552 },
	{ EHLO "LIST MAX=1\r\n", "HB", 501 },
	{ EHLO "BEAT MTA=up LEAVING=0 LOAD=3\r\n", "HR", 0 },
	{ EHLO "BEAT MTA=confused LEAVING=0\r\n", "HR", 0 },
	{ EHLO "BEAT MTA=up\r\n", "HB", 501 },
	{ EHLO "BEAT  MTA=up LEAVING=0\r\n", "HB", 501 },
	{ EHLO SHADOW_HELD("mx2,mx3") ENVELOPE "BDAT 0 LAST\r\n", "HSC", 0 },
	{ EHLO SHADOW_HELD("") ENVELOPE "BDAT 0 LAST\r\n", "HSC", 0 },
	{ EHLO SHADOW_HELD("mx2,,mx3"), "HB", 501 },
	{ EHLO SHADOW_HELD("mx2,"), "HB", 501 },
	{ EHLO SHADOW_HELD("mx2,mx2"), "HB", 501 },
	{ EHLO SHADOW_HELD("mx2+20mx3"), "HB", 501 },
	{ EHLO SHADOW_HELD("mx2+0Amx3"), "HB", 501 },
	{ EHLO SHADOW_HELD("mx+3D2"), "HB", 501 },
	{ EHLO SHADOW_HELD("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p") ENVELOPE
	    "BDAT 0 LAST\r\n",
	    "HSC", 0 },
	{ EHLO SHADOW_HELD("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"), "HB", 501 },
	{ EHLO "AMEND 0\r\nNOOP\r\n", "HRN", 0 },
	{ EHLO "AMEND 1\r\n" KEY " VERSION=5\r\nNOOP\r\n", "HRN", 0 },
	{ EHLO "AMEND 1\r\n" KEY " VERSION=5 HOLDERS= NEW=1\r\n", "HR", 0 },
	{ EHLO "AMEND 1\r\n" AMENDED("24", "1") NOW "NOOP\r\n", "HRN", 0 },
	{ EHLO "AMEND 3\r\n" AMENDED("24", "1") NOW KEY
	    " VERSION=6 HELD=0\r\n" AMENDED("24", "1") NOW "NOOP\r\n",
	    "HRN", 0 },
	{ EHLO "AMEND 2\r\n" AMENDED("24", "1") NOW "NOOP\r\n", "HB", 501 },
	{ EHLO "AMEND\r\n", "HB", 501 },
	{ EHLO "AMEND 1 x\r\n", "HB", 501 },
	{ EHLO "AMEND 101\r\n", "HB", 552 },
	{ EHLO "AMEND 1\r\nx VERSION=1\r\n", "HB", 501 },
	{ EHLO "AMEND 1\r\n" KEY "\r\n", "HB", 501 },
	{ EHLO "AMEND 1\r\n" KEY " VERSION=0\r\n", "HB", 501 },
	{ EHLO "AMEND 1\r\n" KEY " VERSION=18446744073709551616\r\n", "HB",
	    501 },
	{ EHLO "AMEND 1\r\n" KEY " VERSION=1 VERSION=2\r\n", "HB", 501 },
	{ EHLO "AMEND 1\r\n" KEY " VERSION=1 HELD=2\r\n", "HB", 501 },
	{ EHLO "AMEND 1\r\n" KEY " VERSION=1 HELD=\r\n", "HB", 501 },
	{ EHLO "AMEND 1\r\n" KEY " VERSION=1 HOLDERS=a,a\r\n", "HB", 501 },
	{ EHLO "AMEND 1\r\n" KEY " VERSION=1 ENVELOPE=24\r\n" NOW, "HB", 501 },
	{ EHLO "AMEND 1\r\n" KEY " VERSION=1 RCPTS=1\r\n", "HB", 501 },
	{ EHLO "AMEND 1\r\n" AMENDED("0", "1"), "HB", 501 },
	{ EHLO "AMEND 1\r\n" AMENDED("12", "0") "MAIL <a@b>\r\n", "HB", 501 },
	{ EHLO "AMEND 1\r\n" AMENDED("12", "1") "MAIL <a@b>\r\n", "HB", 501 },
	{ EHLO "AMEND 1\r\n" AMENDED("24", "2") NOW, "HB", 501 },
	{ EHLO "AMEND 1\r\n" AMENDED("23", "1") NOW, "HB", 501 },
	{ EHLO "AMEND 1\r\n" AMENDED("32", "1") "CLIENT\r\n" NOW, "HB", 501 },
	{ EHLO "AMEND 1\r\n" AMENDED("23", "1") "DISCARD 2\r\nRCPT <c@d>\r\n",
	    "HB", 501 },
	{ EHLO "AMEND 1\r\n" AMENDED("1048577", "1"), "HB", 552 },
	{ EHLO "AMEND 1\r\n" AMENDED("18446744073709551615", "1"), "HB", 552 },
	{ EHLO "AMEND 1\r\n" AMENDED("24", "50001"), "HB", 552 },
	{ "AMEND 0\r\n", "B", 503 },
	{ EHLO "RETURN 0\r\nNOOP\r\n", "HRN", 0 },
	{ EHLO "RETURN 1\r\n" RETURNED("0", "24", "1") NOW "NOOP\r\n", "HRN",
	    0 },
	{ EHLO "RETURN 2\r\n" RETURNED("0", "24", "1")
		NOW RETURNED("1", "24", "1") NOW "NOOP\r\n",
	    "HRN", 0 },
	{ EHLO "RETURN 1\r\n" KEY
	       " NEW=1 HELD=1 ENVELOPE=24 RCPTS=1 HOLDERS=a,a\r\n" NOW
	       "NOOP\r\n",
	    "HRN", 0 },
	{ EHLO "RETURN 2\r\n" RETURNED("0", "24", "1") NOW "NOOP\r\n", "HB",
	    501 },
	{ EHLO "RETURN\r\n", "HB", 501 },
	{ EHLO "RETURN 1 NODE=mx1\r\n", "HB", 501 },
	{ EHLO "RETURN 101\r\n", "HB", 552 },
	{ EHLO "RETURN 1\r\nx HELD=1\r\n", "HB", 501 },
	{ EHLO "RETURN 1\r\n" KEY "\r\n", "HB", 501 },
	{ EHLO "RETURN 1\r\n" KEY " HELD=1\r\n", "HB", 501 },
	{ EHLO "RETURN 1\r\n" KEY " ENVELOPE=24 RCPTS=1\r\n" NOW, "HB", 501 },
	{ EHLO "RETURN 1\r\n" RETURNED("2", "24", "1") NOW, "HB", 501 },
	{ EHLO "RETURN 1\r\n" RETURNED("", "24", "1") NOW, "HB", 501 },
	{ EHLO "RETURN 1\r\n" RETURNED("1", "0", "1"), "HB", 501 },
	{ EHLO "RETURN 1\r\n" RETURNED("1", "12", "0") "MAIL <a@b>\r\n", "HB",
	    501 },
	{ EHLO "RETURN 1\r\n" RETURNED("1", "24", "2") NOW, "HB", 501 },
	{ EHLO "RETURN 1\r\n" RETURNED("1", "23", "1") NOW, "HB", 501 },
	{ EHLO "RETURN 1\r\n" RETURNED("1", "32", "1") "CLIENT\r\n" NOW, "HB",
	    501 },
	{ EHLO "RETURN 1\r\n" RETURNED("1", "1048577", "1"), "HB", 552 },
	{ EHLO "RETURN 1\r\n" RETURNED("1", "24", "50001"), "HB", 552 },
	{ "RETURN 0\r\n", "B", 503 },
	{ EHLO "ASK 1 NODE=mx1\r\n" KEY "\r\nNOOP\r\n", "HRN", 0 },
	{ EHLO "ASK 0 NODE=mx1 NEW=1\r\n", "HR", 0 },
	{ EHLO "ASK 1\r\n" KEY "\r\n", "HB", 501 },
	{ EHLO "ASK 1 NODE=\r\n", "HB", 501 },
	{ EHLO "ASK 1 NODE=a,b\r\n", "HB", 501 },
	{ EHLO "ASK 1 NODE=a+20b\r\n", "HB", 501 },
	{ EHLO "ASK NODE=mx1\r\n", "HB", 501 },
	{ EHLO "ASK 1001 NODE=mx1\r\n", "HB", 552 },
	{ EHLO "CLAIM 1 NODE=mx1\r\n" KEY "\r\n", "HR", 0 },
	{ EHLO "CLAIM 1\r\n", "HB", 501 },
	{ EHLO "CLAIM 1 NODE=mx1\r\nNOOP\r\n", "HB", 501 },
	{ EHLO "SEEN NODE=mx1\r\n", "HR", 0 },
	{ EHLO "SEEN\r\n", "HB", 501 },
	{ EHLO "SEEN NODE=a NODE=b\r\n", "HB", 501 },
	{ EHLO "DISCARD 1 NODE=mx1\r\n", "HB", 501 },
	{ EHLO "NOOP\001\r\n", "HB", 501 },
	{ EHLO "NOOP\rNOOP\r\n", "HB", 501 },
};

START_TEST(the_server_hears_what_the_table_says)
{
	assert_heard(said[_i].text, said[_i].events, said[_i].code);
}
END_TEST

START_TEST(a_line_without_end_is_cut_off)
{
	char piece[1024];
	struct heard h = { .code = 0 };
	struct wire_server w;
	size_t total = 0;

	memset(piece, 'x', sizeof(piece));
	wire_server_init(&w, &limits);
	hear(&w, EHLO, strlen(EHLO), &h);
	while (h.code == 0 && total < 100000) {
		hear(&w, piece, sizeof(piece), &h);
		total += sizeof(piece);
	}
	ck_assert_int_eq(h.code, WIRE_LIMIT);
	ck_assert_uint_le(total, WIRE_LINE_MAX + sizeof(piece));
	ck_assert_uint_le(w.line.size, 2 * WIRE_LINE_MAX);
	wire_server_free(&w);
}
END_TEST

/* ---- requests and replies, there and back ---- */

static void
assert_request(const struct smx_request *request, struct wire_server *w)
{
	struct heard h = { .code = 0 };
	struct buf b;

	buf_init(&b, 0);
	buf_str(&b, EHLO);
	ck_assert_int_eq(wire_put_request(&b, request), SMX_OK);
	wire_server_init(w, &limits);
	hear(w, b.data, b.len, &h);
	ck_assert_str_eq(h.events, "HR");
	ck_assert_int_eq(w->request.kind, request->kind);
	ck_assert_uint_eq(w->request.count, request->count);
	ck_assert_uint_eq(w->request.limit, request->limit);
	for (size_t i = 0; i < request->count; i++)
		ck_assert_int_eq(smx_key_compare(&w->request.keys[i],
				     &request->keys[i]),
		    0);
	buf_free(&b);
}

/* The reply in text, taken apart again. */
static void
assert_reply(const struct smx_request *request, const struct smx_reply *said_,
    struct smx_reply *heard)
{
	struct wire_client c;
	enum wire_reply_event event;
	struct buf b;

	buf_init(&b, 0);
	wire_put_reply(&b, request, said_);
	for (int bytewise = 0; bytewise < 2; bytewise++) {
		const char *p = b.data;
		size_t fed = 0, left = 0;

		heard->count = 0;
		wire_client_init(&c);
		wire_client_expect(&c, request->limit + 1);
		do {
			if (left == 0) {
				left = bytewise ? 1 : b.len;
				fed += left;
			}
			event = wire_client_next(&c, &p, &left);
			ck_assert_int_ne(event, WIRE_REPLY_BAD);
			if (event != WIRE_REPLY_MORE)
				ck_assert_int_eq(wire_reply_line(request,
						     c.text, c.len,
						     event == WIRE_REPLY_END,
						     heard),
				    SMX_OK);
		} while (event != WIRE_REPLY_END);
		ck_assert_uint_eq(fed, b.len);
		ck_assert_int_eq(c.code, WIRE_DONE);
		wire_client_free(&c);
	}
	buf_free(&b);
}

START_TEST(beats_go_there_and_back)
{
	struct smx_request request = { .kind = SMX_REQ_BEAT,
		.beat = { .mta = (enum smx_mta_health)_i,
		    .leaving_ms = 600000 } };
	struct smx_reply said_ = { .beat = request.beat }, heard = { 0 };
	struct wire_server w;

	assert_request(&request, &w);
	ck_assert_int_eq(w.request.beat.mta, _i);
	ck_assert_int_eq(w.request.beat.leaving_ms, 600000);
	assert_reply(&request, &said_, &heard);
	ck_assert_int_eq(heard.beat.mta, _i);
	ck_assert_int_eq(heard.beat.leaving_ms, 600000);
	wire_server_free(&w);
}
END_TEST

/* What the server made of the request; w is for the caller to free. */
static void
hear_request(const struct smx_request *request, struct wire_server *w,
    size_t piece)
{
	enum wire_event event = WIRE_MORE;
	struct buf b;

	buf_init(&b, 0);
	buf_str(&b, EHLO);
	ck_assert_int_eq(wire_put_request(&b, request), SMX_OK);
	wire_server_init(w, &limits);
	for (size_t at = 0; at < b.len; at += piece) {
		const char *p = b.data + at;
		size_t left = b.len - at < piece ? b.len - at : piece;

		while (left != 0)
			event = wire_server_next(w, &p, &left);
	}
	ck_assert_int_eq(event, WIRE_EV_REQUEST);
	buf_free(&b);
}

static void
assert_amended(const struct smx_amendment *one, const struct smx_amendment *two)
{
	ck_assert_int_eq(smx_key_compare(&one->key, &two->key), 0);
	ck_assert_uint_eq(one->version, two->version);
	ck_assert_int_eq(one->held, two->held);
	ck_assert_int_eq(one->holders == NULL, two->holders == NULL);
	if (one->holders != NULL)
		ck_assert_str_eq(one->holders, two->holders);
	ck_assert_int_eq(one->envelope == NULL, two->envelope == NULL);
	ck_assert_uint_eq(one->envelope_len, two->envelope_len);
	ck_assert_uint_eq(one->recipients, two->recipients);
	if (one->envelope != NULL)
		ck_assert_mem_eq(one->envelope, two->envelope,
		    one->envelope_len);
}

START_TEST(amendments_go_there_and_back)
{
	static const size_t pieces[] = { 1000000, 1, 13 };
	const struct smx_amendment list[] = {
		{ .key = key_of(1), .version = 1, .held = -1 },
		{ .key = key_of(2),
		    .version = UINT64_MAX,
		    .holders = "mx2.example.org mx+3 mx4",
		    .envelope = NOW,
		    .envelope_len = strlen(NOW),
		    .recipients = 1,
		    .held = 1 },
		{ .key = key_of(3), .version = 7, .holders = "", .held = 0 },
		{ .key = key_of(4),
		    .version = 8,
		    .envelope = NOW "RCPT <g@h> NOTIFY=NEVER\r\n",
		    .envelope_len = strlen(NOW) + 25,
		    .recipients = 2,
		    .held = -1 },
	};
	struct smx_request request = { .kind = SMX_REQ_AMEND,
		.amendments = list,
		.count = 4 };
	struct smx_reply said_ = { .foreign = 3 }, heard = { 0 };

	for (size_t k = 0; k < 3; k++) {
		struct wire_server w;
		const char *p = "";
		size_t left = 0;

		hear_request(&request, &w, pieces[k]);
		ck_assert_int_eq(w.request.kind, SMX_REQ_AMEND);
		ck_assert_uint_eq(w.request.count, 4);
		for (size_t i = 0; i < 4; i++)
			assert_amended(&w.request.amendments[i], &list[i]);
		/* Answered, and the memory is the caller's again. */
		ck_assert_int_eq(wire_server_next(&w, &p, &left), WIRE_MORE);
		ck_assert_ptr_null(w.amend.list);
		ck_assert_ptr_null(w.amend.text.data);
		wire_server_free(&w);
	}
	assert_reply(&request, &said_, &heard);
	ck_assert_uint_eq(heard.foreign, 3);
}
END_TEST

START_TEST(a_return_goes_there_and_back)
{
	static const size_t pieces[] = { 1000000, 1, 13 };
	const struct smx_amendment list[] = {
		{ .key = key_of(2),
		    .envelope = NOW,
		    .envelope_len = strlen(NOW),
		    .recipients = 1,
		    .held = 1 },
		{ .key = key_of(1),
		    .envelope = NOW "RCPT <g@h> NOTIFY=NEVER\r\n",
		    .envelope_len = strlen(NOW) + 25,
		    .recipients = 2,
		    .held = 0 },
	};
	struct smx_request request = { .kind = SMX_REQ_RETURN,
		.amendments = list,
		.count = 2 };
	enum smx_answer answers[2], heard_answers[2];
	struct smx_reply said_ = { .answers = answers };
	struct smx_reply heard = { .answers = heard_answers };

	ck_assert_uint_eq(wire_request_minor(&request), 2);
	for (size_t k = 0; k < 3; k++) {
		struct wire_server w;

		hear_request(&request, &w, pieces[k]);
		ck_assert_int_eq(w.request.kind, SMX_REQ_RETURN);
		ck_assert_uint_eq(w.request.count, 2);
		for (size_t i = 0; i < 2; i++)
			assert_amended(&w.request.amendments[i], &list[i]);
		wire_server_free(&w);
	}
	for (int i = SMX_ANSWER_UNKNOWN; i <= SMX_ANSWER_FIRST; i++) {
		int ours = i == SMX_ANSWER_SHADOW || i == SMX_ANSWER_TAKEN ||
			   i == SMX_ANSWER_FINISHED || i == SMX_ANSWER_OPEN ||
			   i == SMX_ANSWER_NONE;

		answers[0] = (enum smx_answer)i;
		answers[1] = SMX_ANSWER_TAKEN;
		assert_reply(&request, &said_, &heard);
		ck_assert_int_eq(heard_answers[0],
		    ours ? i : SMX_ANSWER_UNKNOWN);
		ck_assert_int_eq(heard_answers[1], SMX_ANSWER_TAKEN);
	}
}
END_TEST

/* An older host takes a state that it does not know for a mistake. */
START_TEST(done_is_called_handed_to_an_older_host)
{
	static const struct {
		const char *ehlo;
		unsigned minor;
	} clients[] = { { "EHLO mx1 VERSION=1.0\r\n", 0 },
		{ "EHLO mx1 VERSION=1.1\r\n", 1 },
		{ "EHLO mx1 VERSION=1.2\r\n", 2 },
		{ "EHLO mx1 VERSION=1.17\r\n", 17 },
		{ "EHLO mx1 VERSION=1.x\r\n", 0 } };
	struct smx_request request = { .kind = SMX_REQ_LIST, .limit = 2 };
	struct smx_listed rows[2], heard_rows[2];
	struct smx_reply said_ = { .listed = rows };
	struct smx_reply heard = { .listed = heard_rows };

	for (size_t i = 0; i < sizeof(clients) / sizeof(*clients); i++) {
		const char *p = clients[i].ehlo;
		size_t left = strlen(p);
		struct wire_server w;

		wire_server_init(&w, &limits);
		ck_assert_int_eq(wire_server_next(&w, &p, &left),
		    WIRE_EV_HELLO);
		ck_assert_uint_eq(w.minor, clients[i].minor);
		wire_server_free(&w);
		memset(rows, 0, sizeof(rows));
		rows[0].state = SMX_ROW_DONE;
		rows[1].state = SMX_ROW_CLAIMED;
		said_.count = 2;
		wire_reply_for(clients[i].minor, &request, &said_);
		assert_reply(&request, &said_, &heard);
		ck_assert_int_eq(heard_rows[0].state,
		    clients[i].minor < 2 ? SMX_ROW_HANDED : SMX_ROW_DONE);
		ck_assert_int_eq(heard_rows[1].state, SMX_ROW_CLAIMED);
	}
}
END_TEST

START_TEST(ask_is_answered_in_words_that_the_asker_knows)
{
	static const enum smx_answer now[] = { SMX_ANSWER_ENDED,
		SMX_ANSWER_FIRST, SMX_ANSWER_RANKED, SMX_ANSWER_NONE,
		SMX_ANSWER_TAKEN };
	static const enum smx_answer before[] = { SMX_ANSWER_TAKEN,
		SMX_ANSWER_RANKED, SMX_ANSWER_RANKED, SMX_ANSWER_NONE,
		SMX_ANSWER_TAKEN };
	struct smx_request request = { .kind = SMX_REQ_ASK,
		.count = 5,
		.node = "mx1" };
	enum smx_answer answers[5], heard_answers[5];
	struct smx_reply said_ = { .answers = answers };
	struct smx_reply heard = { .answers = heard_answers };

	for (unsigned minor = 1; minor <= 4; minor++) {
		memcpy(answers, now, sizeof(now));
		wire_reply_for(minor, &request, &said_);
		assert_reply(&request, &said_, &heard);
		for (size_t i = 0; i < 5; i++)
			ck_assert_int_eq(heard_answers[i],
			    minor < 3 ? before[i] : now[i]);
	}
	/* They answer nothing else. */
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(wire_answer_letter(SMX_REQ_CLAIM, now[i]),
		    'u');
		ck_assert_int_eq(wire_answer_letter(SMX_REQ_RETURN, now[i]),
		    'u');
		ck_assert_int_eq(wire_answer_letter(SMX_REQ_QUERY, now[i]),
		    'u');
	}
}
END_TEST

/* An envelope of about so many bytes. */
static size_t
long_envelope(struct buf *b, size_t size)
{
	size_t recipients = 0;

	buf_str(b, "MAIL <>\r\n");
	while (b->len + 400 < size && ++recipients)
		buf_fmt(b, "RCPT <%0350zu@example.org>\r\n", recipients);
	return recipients;
}

START_TEST(an_amend_has_a_ceiling_on_both_sides)
{
	struct smx_amendment list[101];
	struct smx_request request = { .kind = SMX_REQ_AMEND,
		.amendments = list,
		.count = 100 };
	struct wire_server w;
	struct buf text, b;

	memset(list, 0, sizeof(list));
	buf_init(&text, 0);
	buf_init(&b, 0);
	for (size_t i = 0; i < 101; i++)
		list[i].version = 1;
	list[7].recipients = long_envelope(&text, SMX_AMEND_BYTES_MAX);
	list[7].envelope = text.data;
	list[7].envelope_len = text.len;
	hear_request(&request, &w, 65536);
	assert_amended(&w.request.amendments[7], &list[7]);
	ck_assert_uint_le(w.amend.text.size, 2 * SMX_AMEND_BYTES_MAX + 4096);
	wire_server_free(&w);

	request.count = 101;
	ck_assert_int_eq(wire_put_request(&b, &request), SMX_ELIMIT);
	request.count = 100;
	list[8] = list[7];
	ck_assert_int_eq(wire_put_request(&b, &request), SMX_ELIMIT);
	buf_free(&text);
	buf_free(&b);
}
END_TEST

START_TEST(envelopes_over_the_sum_are_cut_off_when_announced)
{
	struct smx_amendment list[1] = { { .version = 1 } };
	struct smx_request request = { .kind = SMX_REQ_AMEND,
		.amendments = list,
		.count = 1 };
	struct heard h = { .code = 0 };
	struct wire_server w;
	struct buf text, b;

	buf_init(&text, 0);
	buf_init(&b, 0);
	list[0].recipients = long_envelope(&text, SMX_AMEND_BYTES_MAX - 500);
	list[0].envelope = text.data;
	list[0].envelope_len = text.len;
	buf_str(&b, EHLO);
	ck_assert_int_eq(wire_put_request(&b, &request), SMX_OK);
	/* It says that there is another one. */
	b.data[strlen(EHLO "AMEND ")] = '2';
	buf_str(&b, AMENDED("2000", "1"));
	wire_server_init(&w, &limits);
	hear(&w, b.data, b.len, &h);
	ck_assert_str_eq(h.events, "HB");
	ck_assert_int_eq(h.code, 552);
	wire_server_free(&w);
	buf_free(&text);
	buf_free(&b);
}
END_TEST

START_TEST(what_cannot_be_said_is_not_said)
{
	static const struct smx_amendment bad[] = {
		{ .version = 0, .held = -1 },
		{ .version = 1, .held = 2 },
		{ .version = 1, .holders = "a  b" },
		{ .version = 1, .holders = "a,b" },
		{ .version = 1, .holders = "a a" },
		{ .version = 1, .envelope = "", .recipients = 1 },
		{ .version = 1, .envelope = NOW, .envelope_len = 24 },
	};
	static const struct smx_amendment unreturned[] = {
		{ .held = 1 },
		{ .held = -1,
		    .envelope = NOW,
		    .envelope_len = 24,
		    .recipients = 1 },
		{ .held = 0, .envelope = NOW, .envelope_len = 24 },
	};
	static const char *const names[] = { NULL, "", "a b", "a,b", "a=b" };
	struct smx_request request = { .count = 1 };
	struct buf b;

	buf_init(&b, 0);
	request.kind = SMX_REQ_AMEND;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		request.amendments = &bad[i];
		ck_assert_int_eq(wire_put_request(&b, &request), SMX_EINVAL);
	}
	request.kind = SMX_REQ_RETURN;
	for (size_t i = 0; i < sizeof(unreturned) / sizeof(*unreturned); i++) {
		request.amendments = &unreturned[i];
		ck_assert_int_eq(wire_put_request(&b, &request), SMX_EINVAL);
	}
	request.count = 0;
	request.kind = SMX_REQ_SEEN;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		request.node = names[i];
		ck_assert_int_eq(wire_put_request(&b, &request), SMX_EINVAL);
	}
	ck_assert_uint_eq(b.len, 0);
	buf_free(&b);
}
END_TEST

/* _i: the request; what each may be answered with. */
START_TEST(answers_about_copies_go_there_and_back)
{
	struct smx_key keys[12] = { 0 };
	enum smx_answer answers[12], heard_answers[12];
	struct smx_request request = { .kind = (enum smx_request_kind)_i,
		.keys = keys,
		.count = 12,
		.node = "mx1.example.org" };
	struct smx_reply said_ = { .answers = answers };
	struct smx_reply heard = { .answers = heard_answers };
	struct wire_server w;

	for (size_t i = 0; i < 12; i++)
		answers[i] = (enum smx_answer)i;
	assert_request(&request, &w);
	if (_i != SMX_REQ_QUERY)
		ck_assert_str_eq(w.request.node, "mx1.example.org");
	wire_server_free(&w);
	assert_reply(&request, &said_, &heard);
	for (size_t i = 0; i < 12; i++) {
		int ours =
		    i >= SMX_ANSWER_NONE && (i < 10 || _i == SMX_REQ_ASK);

		if (_i == SMX_REQ_QUERY)
			ours = i <= SMX_ANSWER_LOST;
		ck_assert_int_eq(heard_answers[i],
		    ours ? (int)i : SMX_ANSWER_UNKNOWN);
	}
}
END_TEST

START_TEST(when_a_node_was_seen_goes_there_and_back)
{
	static const int64_t times[] = { -1, 0, 1, INT64_MAX };
	struct smx_request request = { .kind = SMX_REQ_SEEN,
		.node = "mx1.example.org" };
	struct wire_server w;

	assert_request(&request, &w);
	ck_assert_str_eq(w.request.node, "mx1.example.org");
	wire_server_free(&w);
	for (size_t i = 0; i < 4; i++) {
		struct smx_reply said_ = { .ago_ms = times[i] }, heard = { 0 };

		assert_reply(&request, &said_, &heard);
		ck_assert_int_eq(heard.ago_ms, times[i]);
	}
}
END_TEST

START_TEST(a_thousand_keys_go_there_and_back)
{
	static struct smx_key keys[SMX_REQ_KEYS_MAX];
	static enum smx_answer answers[SMX_REQ_KEYS_MAX];
	static enum smx_answer heard_answers[SMX_REQ_KEYS_MAX];
	struct smx_request request = { .kind = (enum smx_request_kind)_i,
		.keys = keys,
		.count = SMX_REQ_KEYS_MAX };
	struct smx_reply said_ = { .foreign = 17, .answers = answers };
	struct smx_reply heard = { .answers = heard_answers };
	struct wire_server w;

	for (size_t i = 0; i < SMX_REQ_KEYS_MAX; i++) {
		keys[i] = key_of(i << 32 | i);
		answers[i] = (enum smx_answer)(i % 4);
	}
	assert_request(&request, &w);
	assert_reply(&request, &said_, &heard);
	if (request.kind == SMX_REQ_QUERY)
		ck_assert_mem_eq(answers, heard_answers, sizeof(answers));
	else
		ck_assert_uint_eq(heard.foreign, 17);
	wire_server_free(&w);
}
END_TEST

START_TEST(a_full_list_goes_there_and_back)
{
	static struct smx_listed rows[SMX_REQ_KEYS_MAX];
	static struct smx_listed heard_rows[SMX_REQ_KEYS_MAX];
	struct smx_request request = { .kind = SMX_REQ_LIST,
		.after = key_of(3),
		.limit = SMX_REQ_KEYS_MAX };
	struct smx_reply said_ = { .listed = rows, .count = SMX_REQ_KEYS_MAX };
	struct smx_reply heard = { .listed = heard_rows };
	struct wire_server w;

	for (size_t i = 0; i < SMX_REQ_KEYS_MAX; i++) {
		rows[i].key = key_of(i);
		rows[i].state = (int)(i % 4) + 1;
		rows[i].age_ms = (int64_t)i * 1000;
		rows[i].epoch.counter = i;
		rows[i].version = i % 2 == 0 ? 0 : UINT64_C(1) << i % 62;
		memset(rows[i].queue_id, i % 3 == 0 ? '=' : 'a', i % 64);
	}
	assert_request(&request, &w);
	ck_assert_int_eq(smx_key_compare(&w.request.after, &request.after), 0);
	assert_reply(&request, &said_, &heard);
	ck_assert_uint_eq(heard.count, SMX_REQ_KEYS_MAX);
	ck_assert_mem_eq(rows, heard_rows, sizeof(rows));
	wire_server_free(&w);
}
END_TEST

START_TEST(the_hello_goes_there_and_back)
{
	struct smx_hello hello = { .sequence = 12, .epoch.counter = 3 };
	struct smx_hello heard = { 0 };
	struct wire_limits l = { 0 };
	struct wire_client c;
	struct buf b;
	const char *p;
	unsigned minor;
	size_t left;

	memset(hello.incarnation, 0xab, 16);
	memset(hello.epoch.id, 0xcd, 16);
	buf_init(&b, 0);
	wire_put_greeting(&b, "mx2");
	wire_put_ehlo_reply(&b, "mx2", &hello, &limits);
	p = b.data;
	left = b.len;
	wire_client_init(&c);
	wire_client_expect(&c, 1);
	ck_assert_int_eq(wire_client_next(&c, &p, &left), WIRE_REPLY_END);
	ck_assert_int_eq(c.code, WIRE_GREETING);
	ck_assert_int_eq(wire_greeting_line(c.text, c.len), SMX_OK);
	wire_client_expect(&c, 1);
	ck_assert_int_eq(wire_client_next(&c, &p, &left), WIRE_REPLY_END);
	ck_assert_int_eq(wire_ehlo_line(c.text, c.len, &heard, &l, &minor),
	    SMX_OK);
	ck_assert_uint_eq(minor, WIRE_MINOR);
	ck_assert_mem_eq(&heard, &hello, sizeof(hello));
	ck_assert_uint_eq(l.max_content, limits.max_content);
	ck_assert_uint_eq(l.max_envelope, limits.max_envelope);
	ck_assert_int_eq(wire_greeting_line("mx2 shadowmx 2.0", 16),
	    SMX_EPROTO);
	ck_assert_int_eq(wire_greeting_line("mx2 shadowmx 1.7", 16), SMX_OK);
	ck_assert_int_eq(wire_greeting_line("mx2 ESMTP", 9), SMX_EPROTO);
	wire_client_free(&c);
	buf_free(&b);
}
END_TEST

/* ---- codes ---- */

static const struct {
	int result;
	int code;
	int meaning;
} outcomes[] = {
	{ SMX_OK, 250, SMX_OK },
	{ SMX_EEXIST, 251, SMX_OK },
	{ SMX_EGONE, 553, SMX_EGONE },
	{ SMX_ECONFLICT, 554, SMX_EREFUSED },
	{ SMX_EFULL, 452, SMX_ETEMP },
	{ SMX_ECORRUPT, 555, SMX_EREFUSED },
	{ SMX_EIO, 451, SMX_ETEMP },
	{ SMX_EUNSURE, 453, SMX_EUNSURE },
	{ SMX_ECLOSED, 421, SMX_ETEMP },
	{ SMX_EREFUSED, 550, SMX_EREFUSED },
	{ SMX_ELIMIT, 552, SMX_EREFUSED },
	{ SMX_ENOMEM, 450, SMX_ETEMP },
	{ 12345, 453, SMX_EUNSURE },
};

START_TEST(each_outcome_has_its_code)
{
	ck_assert_int_eq(wire_code(outcomes[_i].result), outcomes[_i].code);
	ck_assert_int_eq(wire_result(outcomes[_i].code), outcomes[_i].meaning);
}
END_TEST

/* Only 250 and 251 may ever be taken for "it is held". */
START_TEST(no_other_code_means_held)
{
	for (int code = 200; code < 600; code++)
		if (code != 250 && code != 251)
			ck_assert_int_ne(wire_result(code), SMX_OK);
	for (int result = -64; result < 0; result++)
		if (result != SMX_EEXIST)
			ck_assert_int_ne(wire_result(wire_code(result)),
			    SMX_OK);
}
END_TEST

/* ---- what a server may do to its client ---- */

static const char *const not_replies[] = { "\r\n", "25\r\n", "250\n",
	"abc ok\r\n", "250ok\r\n", "199 ok\r\n", "600 ok\r\n", "2500\r\n",
	"250 a\001b\r\n", "250-a\r\n251 b\r\n", "250-a\r\n250-b\r\n250 c\r\n" };

START_TEST(what_is_no_reply_is_noticed)
{
	const char *p = not_replies[_i];
	size_t left = strlen(p);
	enum wire_reply_event event;
	struct wire_client c;

	wire_client_init(&c);
	wire_client_expect(&c, 2);
	do
		event = wire_client_next(&c, &p, &left);
	while (event == WIRE_REPLY_LINE);
	ck_assert_int_eq(event, WIRE_REPLY_BAD);
	wire_client_free(&c);
}
END_TEST

START_TEST(a_reply_without_end_is_cut_off)
{
	char piece[512];
	enum wire_reply_event event = WIRE_REPLY_MORE;
	struct wire_client c;
	size_t total = 0;

	memset(piece, '2', sizeof(piece));
	wire_client_init(&c);
	wire_client_expect(&c, 2);
	while (event == WIRE_REPLY_MORE && total < 100000) {
		const char *p = piece;
		size_t left = sizeof(piece);

		event = wire_client_next(&c, &p, &left);
		total += sizeof(piece);
	}
	ck_assert_int_eq(event, WIRE_REPLY_BAD);
	ck_assert_uint_le(total, WIRE_REPLY_LINE_MAX + sizeof(piece));
	wire_client_free(&c);
}
END_TEST

static const struct {
	enum smx_request_kind kind;
	int last;
	const char *words;
} lies[] = {
	{ SMX_REQ_QUERY, 1, " ANSWERS=of" },
	{ SMX_REQ_QUERY, 1, " ANSWERS=offo" },
	{ SMX_REQ_QUERY, 1, " ANSWERS=ofx" },
	{ SMX_REQ_QUERY, 1, " ok" },
	{ SMX_REQ_QUERY, 0, " ANSWERS=off" },
	{ SMX_REQ_DISCARD, 1, " FOREIGN=4" },
	{ SMX_REQ_DISCARD, 1, " ok" },
	{ SMX_REQ_LIST, 1, " COUNT=1" },
	{ SMX_REQ_LIST, 0, " " KEY " STATE=odd AGE=1 EPOCH=" EPOCH },
	{ SMX_REQ_LIST, 0, " " KEY " STATE=shadow AGE=-1 EPOCH=" EPOCH },
	{ SMX_REQ_LIST, 0, " " KEY " STATE=shadow AGE=1" },
	{ SMX_REQ_LIST, 0, " x STATE=shadow AGE=1 EPOCH=" EPOCH },
	{ SMX_REQ_LIST, 0,
	    " " KEY " STATE=shadow AGE=1 EPOCH=" EPOCH " QUEUE=+0D" },
	{ SMX_REQ_BEAT, 1, " MTA=up" },
	{ SMX_REQ_QUERY, 1, " ANSWERS=ofn" },
	{ SMX_REQ_ASK, 1, " ANSWERS=nno" },
	{ SMX_REQ_ASK, 1, " ANSWERS=nn" },
	{ SMX_REQ_CLAIM, 1, " ANSWERS=yyf" },
	{ SMX_REQ_SEEN, 1, " AGO=-1" },
	{ SMX_REQ_SEEN, 1, " AGO=9223372036854775808" },
	{ SMX_REQ_SEEN, 1, " AGO=" },
	{ SMX_REQ_SEEN, 1, " ok" },
	{ SMX_REQ_AMEND, 1, " FOREIGN=4" },
	{ SMX_REQ_AMEND, 0, " FOREIGN=0" },
	{ SMX_REQ_RETURN, 1, " FOREIGN=0" },
	{ SMX_REQ_RETURN, 1, " ANSWERS=st" },
	{ SMX_REQ_RETURN, 1, " ANSWERS=sty" },
	{ SMX_REQ_RETURN, 1, " ANSWERS=stl" },
	{ SMX_REQ_RETURN, 1, " ANSWERS=str" },
};

START_TEST(a_lie_in_a_good_reply_is_noticed)
{
	struct smx_key keys[3] = { 0 };
	enum smx_answer answers[3];
	struct smx_listed rows[2];
	struct smx_request request = { .kind = lies[_i].kind,
		.keys = keys,
		.count = 3,
		.limit = 2 };
	struct smx_reply reply = { .answers = answers, .listed = rows };
	const char *words = lies[_i].words + 1;

	ck_assert_int_eq(wire_reply_line(&request, words, strlen(words),
			     lies[_i].last, &reply),
	    SMX_EPROTO);
}
END_TEST

/* ---- noise ---- */

static uint32_t
dice(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static size_t
damage(char *text, size_t len, uint32_t *state)
{
	for (uint32_t k = dice(state) % 4; k != 0; k--) {
		size_t at = dice(state) % len;

		if (dice(state) % 4 == 0)
			memmove(text + at, text + at + 1, len-- - at);
		else if (dice(state) % 4 == 0)
			text[at] = (char)('0' + dice(state) % 10);
		else
			text[at] = (char)dice(state);
	}
	return len;
}

START_TEST(noise_does_no_harm_to_the_server)
{
	static const char good[] = EHLO SHADOW_IS("3", "39", "1") ENVELOPE
	    "BDAT 3 LAST\r\nabcDISCARD 2\r\n" KEY "\r\n" KEY
	    "\r\nLIST AFTER=" KEY " MAX=1000\r\nBEAT MTA=up LEAVING=0\r\n"
	    "AMEND 2\r\n" AMENDED("24", "1") NOW KEY
	    " VERSION=9 HOLDERS=mx2,mx3 HELD=1\r\nSEEN NODE=mx1\r\n";
	uint32_t state = 4711;
	int clean = 0;

	for (int round = 0; round < 20000; round++) {
		char text[sizeof(good)];
		size_t len, at = 0;
		struct heard h = { .code = 0 };
		struct wire_server w;

		memcpy(text, good, sizeof(good));
		len = damage(text, sizeof(good) - 1, &state);
		wire_server_init(&w, &limits);
		while (at < len && h.code == 0) {
			size_t n = 1 + dice(&state) % 200;

			if (n > len - at)
				n = len - at;
			hear(&w, text + at, n, &h);
			at += n;
		}
		ck_assert_uint_le(h.data_len, limits.max_content);
		clean += h.code == 0;
		wire_server_free(&w);
	}
	ck_assert_int_gt(clean, 1000);
}
END_TEST

START_TEST(noise_does_no_harm_to_the_client)
{
	static const char good[] = "250-" KEY " STATE=shadow AGE=1 EPOCH=" EPOCH
				   " QUEUE=4jX\r\n250 COUNT=1\r\n";
	struct smx_listed rows[1];
	struct smx_request request = { .kind = SMX_REQ_LIST, .limit = 1 };
	uint32_t state = 815;
	int good_ones = 0;

	for (int round = 0; round < 20000; round++) {
		struct smx_reply reply = { .listed = rows };
		char text[sizeof(good)];
		const char *p = text;
		size_t left;
		enum wire_reply_event event;
		struct wire_client c;
		int error = SMX_OK;

		memcpy(text, good, sizeof(good));
		left = damage(text, sizeof(good) - 1, &state);
		wire_client_init(&c);
		wire_client_expect(&c, 2);
		do {
			event = wire_client_next(&c, &p, &left);
			if (event == WIRE_REPLY_LINE || event == WIRE_REPLY_END)
				error = wire_reply_line(&request, c.text, c.len,
				    event == WIRE_REPLY_END, &reply);
		} while (event == WIRE_REPLY_LINE && error == SMX_OK);
		good_ones += event == WIRE_REPLY_END && error == SMX_OK;
		wire_client_free(&c);
	}
	ck_assert_int_gt(good_ones, 1000);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof(*(array)))

int
main(void)
{
	Suite *s = suite_create("wire");
	TCase *tc = tcase_create("text");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_shadow_is_heard_as_it_was_said);
	tcase_add_loop_test(tc, the_server_hears_what_the_table_says, 0,
	    COUNT(said));
	tcase_add_test(tc, a_line_without_end_is_cut_off);
	tcase_add_loop_test(tc, beats_go_there_and_back, 0, SMX_MTA_DOWN + 1);
	tcase_add_loop_test(tc, a_thousand_keys_go_there_and_back,
	    SMX_REQ_DISCARD, SMX_REQ_LIST);
	tcase_add_test(tc, a_full_list_goes_there_and_back);
	tcase_add_test(tc, amendments_go_there_and_back);
	tcase_add_test(tc, a_return_goes_there_and_back);
	tcase_add_test(tc, done_is_called_handed_to_an_older_host);
	tcase_add_test(tc, ask_is_answered_in_words_that_the_asker_knows);
	tcase_add_test(tc, an_amend_has_a_ceiling_on_both_sides);
	tcase_add_test(tc, envelopes_over_the_sum_are_cut_off_when_announced);
	tcase_add_test(tc, what_cannot_be_said_is_not_said);
	tcase_add_test(tc, when_a_node_was_seen_goes_there_and_back);
	tcase_add_loop_test(tc, answers_about_copies_go_there_and_back,
	    SMX_REQ_QUERY, SMX_REQ_QUERY + 1);
	tcase_add_loop_test(tc, answers_about_copies_go_there_and_back,
	    SMX_REQ_ASK, SMX_REQ_CLAIM + 1);
	tcase_add_test(tc, the_hello_goes_there_and_back);
	tcase_add_loop_test(tc, each_outcome_has_its_code, 0, COUNT(outcomes));
	tcase_add_test(tc, no_other_code_means_held);
	tcase_add_loop_test(tc, what_is_no_reply_is_noticed, 0,
	    COUNT(not_replies));
	tcase_add_test(tc, a_reply_without_end_is_cut_off);
	tcase_add_loop_test(tc, a_lie_in_a_good_reply_is_noticed, 0,
	    COUNT(lies));
	tcase_add_test(tc, noise_does_no_harm_to_the_server);
	tcase_add_test(tc, noise_does_no_harm_to_the_client);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
