/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rcptage.h"
#include "core/rcptlist.h"
#include "core/rcptset.h"
#include "core/wire.h"
#include "folder.h"
#include "io/listfile.h"
#include "io/listsum.h"

/* What a primary MX says: the lines of it, and the lists behind it. */

#define EHLO "EHLO mx1 VERSION=1.4\r\n"
#define HEX  "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"

static const struct wire_limits limits = { .max_content = 1000,
	.max_envelope = 1000 };

static struct wire_server server;

/* All of it in pieces of so many bytes; the last event, and its code. */
static enum wire_event
hear_in(const char *text, size_t len, size_t piece, int *code)
{
	enum wire_event event = WIRE_MORE, last = WIRE_MORE;

	wire_server_free(&server);
	wire_server_init(&server, &limits);
	*code = 0;
	for (size_t at = 0; at < len && last != WIRE_EV_BAD; at += piece) {
		const char *p = text + at;
		size_t left = len - at < piece ? len - at : piece;

		while ((event = wire_server_next(&server, &p, &left)) !=
		       WIRE_MORE) {
			last = event;
			*code = server.code;
			/* What it tells is lent until the next call. */
			if (event == WIRE_EV_BAD ||
			    (event == WIRE_EV_REQUEST && left == 0))
				break;
		}
	}
	return last;
}

static void
assert_said(const struct smx_request *request, size_t piece)
{
	struct buf b;
	int code;

	buf_init(&b, 0);
	buf_str(&b, EHLO);
	ck_assert_int_eq(wire_put_request(&b, request), SMX_OK);
	ck_assert_uint_eq(wire_request_minor(request), 4);
	ck_assert_int_eq(hear_in(b.data, b.len, piece, &code), WIRE_EV_REQUEST);
	ck_assert_int_eq(server.request.kind, request->kind);
	ck_assert(wire_server_quiet(&server));
	buf_free(&b);
}

/* Lent from then on until the server reads on. */
START_TEST(domains_are_heard_as_they_were_said)
{
	const char *domains[] = { "example.org",
		"b\xc3\xbc"
		"cher.example",
		"a-b.example" };
	struct smx_request request = { .kind = _i == 0 ? SMX_REQ_DRAIN
						       : SMX_REQ_MAINTAIN,
		.domains = domains,
		.count = 3,
		.for_ms = _i == 0 ? 0 : 7200000 };

	for (size_t piece = 1; piece < 200; piece += 31) {
		assert_said(&request, piece);
		ck_assert_uint_eq(server.request.count, 3);
		for (size_t i = 0; i < 3; i++)
			ck_assert_str_eq(server.request.domains[i], domains[i]);
		ck_assert_int_eq(server.request.for_ms, request.for_ms);
	}
	request.count = 0;
	assert_said(&request, 1000);
	ck_assert_uint_eq(server.request.count, 0);
}
END_TEST

START_TEST(a_piece_of_a_list_is_heard_as_it_was_said)
{
	static char longest[1001];
	struct smx_push_entry entries[] = { { "a+b=c d", 0 }, { "", 0 },
		{ "", 1 }, { "@", 1 }, { longest, 0 } };
	struct smx_push push = { .domain = "example.org",
		.part = UINT32_MAX,
		.last = 1,
		.entries = entries };
	struct smx_request request = { .kind = SMX_REQ_PUSH,
		.push = &push,
		.count = 5 };

	memset(longest, '+', 1000);
	push.base[0] = 1;
	push.digest[31] = 0xff;
	for (size_t piece = 1; piece < 5000; piece += 617) {
		const struct smx_push *p;

		assert_said(&request, piece);
		p = server.request.push;
		ck_assert_str_eq(p->domain, "example.org");
		ck_assert_uint_eq(p->part, UINT32_MAX);
		ck_assert_int_eq(p->last, 1);
		ck_assert_int_eq(memcmp(p->base, push.base, 32), 0);
		ck_assert_int_eq(memcmp(p->digest, push.digest, 32), 0);
		ck_assert_uint_eq(server.request.count, 5);
		for (size_t i = 0; i < 5; i++) {
			ck_assert_str_eq(p->entries[i].local, entries[i].local);
			ck_assert_int_eq(p->entries[i].gone, entries[i].gone);
		}
	}
	request.kind = SMX_REQ_LISTED;
	assert_said(&request, 7);
	ck_assert_str_eq(server.request.push->domain, "example.org");
	ck_assert_int_eq(memcmp(server.request.push->digest, push.digest, 32),
	    0);
}
END_TEST

START_TEST(the_longest_request_has_room)
{
	static char longest[1001];
	static struct smx_push_entry entries[SMX_PUSH_MAX];
	struct smx_push push = { .domain = "example.org", .entries = entries };
	struct smx_request request = { .kind = SMX_REQ_PUSH,
		.push = &push,
		.count = SMX_PUSH_MAX };

	memset(longest, 'x', 1000);
	for (size_t i = 0; i < SMX_PUSH_MAX; i++)
		entries[i].local = longest;
	assert_said(&request, 16384);
	ck_assert_uint_eq(server.request.count, SMX_PUSH_MAX);
	ck_assert_str_eq(server.request.push->entries[SMX_PUSH_MAX - 1].local,
	    longest);
}
END_TEST

static const struct {
	const char *text;
	int code;
} mistakes[] = {
	{ "DRAIN\r\n", 501 },
	{ "DRAIN x\r\n", 501 },
	{ "DRAIN 501\r\n", 552 },
	{ "DRAIN 99999999999999999999\r\n", 501 },
	{ "DRAIN 1 FOR=1\r\n", 501 },
	{ "DRAIN 1\r\n\r\n", 501 },
	{ "DRAIN 1\r\nExample.org\r\n", 501 },
	{ "DRAIN 1\r\nexample.org.\r\n", 501 },
	{ "DRAIN 1\r\na b\r\n", 501 },
	{ "DRAIN 1\r\n+20\r\n", 501 },
	{ "DRAIN 1\r\n+0D+0A\r\n", 501 },
	{ "DRAIN 1\r\nexample.org=x\r\n", 501 },
	{ "DRAIN 1\r\nexample.org\n", 501 },
	{ "MAINTAIN 1\r\n", 501 },
	{ "MAINTAIN 1 FOR=\r\n", 501 },
	{ "MAINTAIN 1 FOR=-1\r\n", 501 },
	{ "MAINTAIN 1 FOR=7776000001\r\n", 552 },
	{ "MAINTAIN 501 FOR=1\r\n", 552 },
	{ "MAINTAIN 1 FOR=1 FOR=1\r\n", 501 },
	{ "LISTED\r\n", 501 },
	{ "LISTED DOMAIN=example.org\r\n", 501 },
	{ "LISTED DIGEST=" HEX "\r\n", 501 },
	{ "LISTED DOMAIN= DIGEST=" HEX "\r\n", 501 },
	{ "LISTED DOMAIN=EXAMPLE.org DIGEST=" HEX "\r\n", 501 },
	{ "LISTED DOMAIN=example.org DIGEST=0\r\n", 501 },
	{ "LISTED DOMAIN=example.org DIGEST=" HEX "00\r\n", 501 },
	{ "PUSH 1\r\n", 501 },
	{ "PUSH 1 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX " PART=0\r\n",
	    501 },
	{ "PUSH 1 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX
	  " PART=0 LAST=2\r\n",
	    501 },
	{ "PUSH 1 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX
	  " PART=4294967296 LAST=0\r\n",
	    501 },
	{ "PUSH 501 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX
	  " PART=0 LAST=0\r\n",
	    552 },
	{ "PUSH 1 DOMAIN=a..b BASE=" ZERO " DIGEST=" HEX " PART=0 LAST=0\r\n",
	    501 },
	{ "PUSH 1 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX
	  " PART=0 LAST=0\r\na\r\n",
	    501 },
	{ "PUSH 1 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX
	  " PART=0 LAST=0\r\n\r\n",
	    501 },
	{ "PUSH 1 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX
	  " PART=0 LAST=0\r\n+a b\r\n",
	    501 },
	{ "PUSH 1 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX
	  " PART=0 LAST=0\r\n++00\r\n",
	    501 },
	{ "PUSH 1 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX
	  " PART=0 LAST=0\r\n++01\r\n",
	    501 },
	{ "PUSH 1 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX
	  " PART=0 LAST=0\r\n++7F\r\n",
	    501 },
};

START_TEST(a_mistake_ends_the_conversation)
{
	static const size_t pieces[] = { 100000, 1, 7 };
	char text[600];
	int code;

	snprintf(text, sizeof(text), "%s%s", EHLO, mistakes[_i].text);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(hear_in(text, strlen(text), pieces[i], &code),
		    WIRE_EV_BAD);
		ck_assert_int_eq(code, mistakes[_i].code);
	}
}
END_TEST

START_TEST(a_local_part_has_a_ceiling)
{
	char text[4000];
	int n, code;

	n = snprintf(text, sizeof(text),
	    EHLO "PUSH 1 DOMAIN=example.org BASE=" ZERO " DIGEST=" HEX
		 " PART=0 LAST=0\r\n+");
	memset(text + n, 'x', 1001);
	memcpy(text + n + 1001, "\r\n", 3);
	ck_assert_int_eq(hear_in(text, strlen(text), 64, &code), WIRE_EV_BAD);
	ck_assert_int_eq(code, 552);
}
END_TEST

START_TEST(what_cannot_be_said_is_not_sent)
{
	static const char *const bad[] = { NULL, "", "Example.org", "a b",
		"a..b", "example.org\r\nQUIT" };
	static const char *const bad_locals[] = { NULL, "a\r\nQUIT", "a\x01" };
	struct smx_push_entry entry = { "a", 0 };
	struct smx_push push = { .domain = "example.org", .entries = &entry };
	const char *domain;
	struct smx_request request = { .kind = SMX_REQ_DRAIN,
		.domains = &domain,
		.push = &push,
		.count = 1 };
	struct buf b;

	buf_init(&b, 0);
	for (size_t i = 0; i < 6; i++) {
		request.kind = SMX_REQ_DRAIN;
		domain = bad[i];
		ck_assert_int_eq(wire_put_request(&b, &request), SMX_EINVAL);
		request.kind = SMX_REQ_LISTED;
		push.domain = bad[i];
		ck_assert_int_eq(wire_put_request(&b, &request), SMX_EINVAL);
	}
	push.domain = domain = "example.org";
	request.kind = SMX_REQ_PUSH;
	for (size_t i = 0; i < 3; i++) {
		entry.local = bad_locals[i];
		ck_assert_int_eq(wire_put_request(&b, &request), SMX_EINVAL);
	}
	request.count = SMX_PUSH_MAX + 1;
	ck_assert_int_eq(wire_put_request(&b, &request), SMX_ELIMIT);
	request.kind = SMX_REQ_MAINTAIN;
	ck_assert_int_eq(wire_put_request(&b, &request), SMX_ELIMIT);
	request.count = 1;
	request.for_ms = SMX_MAINTAIN_MAX + 1;
	ck_assert_int_eq(wire_put_request(&b, &request), SMX_ELIMIT);
	request.for_ms = -1;
	ck_assert_int_eq(wire_put_request(&b, &request), SMX_ELIMIT);
	ck_assert_uint_eq(b.len, 0);
	buf_free(&b);
}
END_TEST

/* A reply's last line without its code, as wire_reply_line takes it. */
static int
reply_of(const struct smx_request *request, const char *text,
    struct smx_reply *reply)
{
	return wire_reply_line(request, text + 1, strlen(text) - 1, 1, reply);
}

START_TEST(answers_go_there_and_back)
{
	struct smx_push push = { .domain = "example.org", .part = 7 };
	struct smx_request request = { .push = &push, .count = 4 };
	struct smx_reply said = { .foreign = 1, .next = 8 }, heard = { 0 };
	struct buf b;

	memset(said.have, 0xab, sizeof(said.have));
	buf_init(&b, 0);
	for (int kind = SMX_REQ_DRAIN; kind <= SMX_REQ_PUSH; kind++) {
		request.kind = (enum smx_request_kind)kind;
		buf_clear(&b);
		wire_put_reply(&b, &request, &said);
		memset(&heard, 0, sizeof(heard));
		b.data[b.len - 2] = '\0';
		ck_assert_int_eq(reply_of(&request, b.data + 3, &heard),
		    SMX_OK);
		ck_assert_uint_eq(heard.foreign, 1);
		if (kind == SMX_REQ_LISTED)
			ck_assert_int_eq(memcmp(heard.have, said.have, 32), 0);
		if (kind == SMX_REQ_PUSH)
			ck_assert_uint_eq(heard.next, 8);
	}
	buf_free(&b);
}
END_TEST

static const struct {
	int kind;
	const char *text;
} lies[] = {
	{ SMX_REQ_DRAIN, " ok" },
	{ SMX_REQ_DRAIN, " FOREIGN=5" },
	{ SMX_REQ_DRAIN, " FOREIGN=-1" },
	{ SMX_REQ_MAINTAIN, " NEXT=1" },
	{ SMX_REQ_LISTED, " FOREIGN=0" },
	{ SMX_REQ_LISTED, " FOREIGN=2 HAVE=" HEX },
	{ SMX_REQ_LISTED, " FOREIGN=0 HAVE=12" },
	{ SMX_REQ_LISTED, " HAVE=" HEX },
	{ SMX_REQ_PUSH, " FOREIGN=0" },
	{ SMX_REQ_PUSH, " FOREIGN=0 NEXT=9" },
	{ SMX_REQ_PUSH, " FOREIGN=0 NEXT=" },
	{ SMX_REQ_PUSH, " FOREIGN=2 NEXT=1" },
};

START_TEST(a_lie_in_an_answer_is_noticed)
{
	struct smx_push push = { .domain = "example.org", .part = 7 };
	const struct smx_request request = {
		.kind = (enum smx_request_kind)lies[_i].kind,
		.push = &push,
		.count = 4
	};
	struct smx_reply reply = { 0 };

	ck_assert_int_ne(reply_of(&request, lies[_i].text, &reply), SMX_OK);
}
END_TEST

/* ---- lists ---- */

static void
set_of(struct rcptset *set, const char *names)
{
	char name[2] = "";

	rcptset_init(set);
	for (; *names != '\0'; names++) {
		name[0] = *names == '.' ? '\0' : *names;
		ck_assert_int_eq(rcptset_add(set, name), SMX_OK);
	}
	ck_assert_int_eq(rcptset_close(set), SMX_OK);
}

static const struct {
	const char *before, *now, *way;
} ways[] = {
	{ NULL, "", "" },
	{ NULL, "cab", "+a+b+c" },
	{ "", "ab", "+a+b" },
	{ "ab", "", "-a-b" },
	{ "abc", "cba", "" },
	{ "abc", "abcd", "+d" },
	{ "abc", "bc", "-a" },
	{ "abc", "ac", "-b" },
	{ "ace", "bdf", "-a+b-c+d-e+f" },
	{ "aabb", "bbcc", "-a+c" },
	{ ".a", "a", "-" },
	{ "a", "a.", "+" },
};

START_TEST(what_leads_from_one_list_to_another_is_all_that_is_told)
{
	struct rcptset before, now;
	struct rcptwalk walk = { .now = &now };
	struct listsum sum;
	uint8_t want[32], got[32];
	const char *local;
	struct buf b;
	int gone;

	set_of(&now, ways[_i].now);
	set_of(&before, ways[_i].before != NULL ? ways[_i].before : "");
	if (ways[_i].before != NULL)
		walk.before = &before;
	buf_init(&b, 0);
	buf_str(&b, "");
	listsum_begin(&sum, listsum_none);
	for (size_t i = 0; i < now.count; i++)
		ck_assert_int_eq(listsum_count(&sum, now.list[i], 0), SMX_OK);
	listsum_end(&sum, want);
	listsum_begin(&sum, listsum_none);
	for (size_t i = 0; i < before.count; i++)
		ck_assert_int_eq(listsum_count(&sum, before.list[i], 0),
		    SMX_OK);
	while (rcptwalk_next(&walk, &local, &gone)) {
		buf_fmt(&b, "%s%s", gone ? "-" : "+", local);
		ck_assert_int_eq(listsum_count(&sum, local, gone), SMX_OK);
	}
	ck_assert(rcptwalk_is_over(&walk));
	ck_assert_str_eq(b.data, ways[_i].way);
	listsum_end(&sum, got);
	ck_assert_int_eq(memcmp(want, got, 32), 0);
	ck_assert_int_eq(memcmp(want, listsum_none, 32) == 0, now.count == 0);
	buf_free(&b);
	rcptset_free(&before);
	rcptset_free(&now);
}
END_TEST

static const struct {
	const char *line;
	enum rcptlist_line what;
	const char *local, *domain;
} readings[] = {
	{ "a@example.org ok", RCPTLIST_ONE, "a", "example.org" },
	{ "A@Example.ORG\tx", RCPTLIST_ONE, "A", "example.org" },
	{ "bare ok", RCPTLIST_ONE, "bare", "" },
	{ "bare\r", RCPTLIST_ONE, "bare", "" },
	{ "\"a b\"@example.org", RCPTLIST_ONE, "a b", "example.org" },
	{ "@example.org ok", RCPTLIST_ALL, "", "example.org" },
	{ "@", RCPTLIST_BAD, "", "" },
	{ "a@", RCPTLIST_BAD, "", "" },
	{ "a@b@c", RCPTLIST_BAD, "", "" },
	{ "# a@example.org", RCPTLIST_NOTHING, "", "" },
	{ " a@example.org", RCPTLIST_NOTHING, "", "" },
	{ "", RCPTLIST_NOTHING, "", "" },
};

START_TEST(a_line_of_any_domain_is_read)
{
	struct addr addr;

	ck_assert_int_eq(rcptlist_any(readings[_i].line,
			     strlen(readings[_i].line), &addr),
	    readings[_i].what);
	if (readings[_i].what > RCPTLIST_ALL ||
	    readings[_i].what == RCPTLIST_NOTHING)
		return;
	ck_assert_str_eq(addr.local, readings[_i].local);
	ck_assert_str_eq(addr.domain, readings[_i].domain);
}
END_TEST

START_TEST(a_file_has_lists_of_several_domains)
{
	static const char *const domains[] = { "z.example", "a.example" };
	struct rcptset sets[2];
	struct listfile list = { .domains = domains,
		.domain_count = 2,
		.sets = sets };
	struct listfile_mark before, after;

	folder_make();
	folder_put_text("users",
	    "x@a.example ok\ny@z.example\nboth\nno@elsewhere.example\n"
	    "b@@d\nx@a.example again\n@z.example");
	list.path = folder_file("users");
	rcptset_init(&sets[0]);
	rcptset_init(&sets[1]);
	listfile_mark(list.path, &before);
	ck_assert_int_eq(listfile_read(&list), SMX_OK);
	ck_assert_uint_eq(sets[0].count, 3);
	ck_assert_str_eq(sets[0].list[0], "");
	ck_assert_str_eq(sets[0].list[1], "both");
	ck_assert_str_eq(sets[0].list[2], "y");
	ck_assert_uint_eq(sets[1].count, 2);
	ck_assert_str_eq(sets[1].list[1], "x");
	ck_assert_uint_eq(list.other, 1);
	ck_assert_uint_eq(list.refused, 1);
	ck_assert_uint_eq(list.refused_line, 5);
	rcptset_free(&sets[0]);
	rcptset_free(&sets[1]);
	folder_put_text("users", "z");
	listfile_mark(list.path, &after);
	ck_assert(!listfile_same(&before, &after));
	list.path = folder_file("missing");
	ck_assert_int_eq(listfile_read(&list), SMX_ENOTFOUND);
	list.path = folder;
	ck_assert_int_eq(listfile_read(&list), SMX_EINVAL);
	ck_assert_str_ne(list.why, "");
	folder_remove();
}
END_TEST

/* ---- how old it may be ---- */

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

static const struct rcptage ages = { 31 * DAY, 7 * DAY, 3 * DAY, 3 * HOUR };

START_TEST(a_list_is_as_old_as_its_last_confirmation)
{
	const struct rcpt_entry peer = { 1, RCPT_FROM_PEER, 100 * DAY };
	const struct rcpt_entry probe = { 1, RCPT_FROM_PROBE, 100 * DAY };
	struct rcpt_sight sight;

	/* Who is in it. */
	rcptage_listed(&ages, &peer, 150 * DAY, 0, 151 * DAY, &sight);
	ck_assert(sight.word == RCPT_GOOD && !sight.ask);
	rcptage_listed(&ages, &peer, 150 * DAY, 0, 182 * DAY, &sight);
	ck_assert(sight.word == RCPT_GOOD_OLD && sight.ask);
	rcptage_listed(&ages, &probe, 150 * DAY, 0, 151 * DAY, &sight);
	ck_assert(sight.word == RCPT_GOOD_OLD);
	/* Who is not: asked for as long as there is somebody to ask. */
	rcptage_listed(&ages, NULL, 150 * DAY, 0, 151 * DAY, &sight);
	ck_assert(sight.word == RCPT_BAD && sight.ask);
	rcptage_listed(&ages, NULL, 150 * DAY, 0, 182 * DAY, &sight);
	ck_assert(sight.word == RCPT_NOT_KNOWN && sight.ask);
	/* While the primary is away it does not grow older. */
	rcptage_listed(&ages, NULL, 150 * DAY, 151 * DAY, 300 * DAY, &sight);
	ck_assert(sight.word == RCPT_BAD);
	rcptage_listed(&ages, &peer, 150 * DAY, 151 * DAY, 300 * DAY, &sight);
	ck_assert(sight.word == RCPT_GOOD);
}
END_TEST

START_TEST(a_list_is_known_by_what_it_has_written)
{
	struct rcpt_entry peer = { 1, RCPT_FROM_PEER, 100 * DAY };
	struct rcpt_entry next = { 1, RCPT_FROM_PEER, 100 * DAY + 1 };
	struct rcpt_entry file = { 1, RCPT_FROM_FILE, 100 * DAY };
	struct rcpt_entry probe = { 1, RCPT_FROM_PROBE, 101 * DAY };
	struct rcpt_entry bad = { 0, RCPT_FROM_PROBE, 101 * DAY };

	ck_assert(rcptage_replaces(&peer, &next));
	ck_assert(rcptage_replaces(&probe, &next));
	ck_assert(rcptage_replaces(&bad, &next));
	ck_assert(!rcptage_replaces(&file, &next));
	ck_assert(!rcptage_replaces(&peer, &probe));
	ck_assert(rcptage_replaces(&peer, &bad));
	ck_assert(rcptage_replaces(&peer, &file));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("speech");
	TCase *tc = tcase_create("speech");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, domains_are_heard_as_they_were_said, 0, 2);
	tcase_add_test(tc, a_piece_of_a_list_is_heard_as_it_was_said);
	tcase_add_test(tc, the_longest_request_has_room);
	tcase_add_loop_test(tc, a_mistake_ends_the_conversation, 0,
	    sizeof(mistakes) / sizeof(*mistakes));
	tcase_add_test(tc, a_local_part_has_a_ceiling);
	tcase_add_test(tc, what_cannot_be_said_is_not_sent);
	tcase_add_test(tc, answers_go_there_and_back);
	tcase_add_loop_test(tc, a_lie_in_an_answer_is_noticed, 0,
	    sizeof(lies) / sizeof(*lies));
	tcase_add_loop_test(tc,
	    what_leads_from_one_list_to_another_is_all_that_is_told, 0,
	    sizeof(ways) / sizeof(*ways));
	tcase_add_loop_test(tc, a_line_of_any_domain_is_read, 0,
	    sizeof(readings) / sizeof(*readings));
	tcase_add_test(tc, a_file_has_lists_of_several_domains);
	tcase_add_test(tc, a_list_is_as_old_as_its_last_confirmation);
	tcase_add_test(tc, a_list_is_known_by_what_it_has_written);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	wire_server_free(&server);
	return failed == 0 ? 0 : 1;
}
