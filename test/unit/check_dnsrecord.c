/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/dnsrecord.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "io/dnsask.h"

/* ---- messages, made piece by piece ---- */

#define ID 0x1234

static unsigned char message[70000];
static size_t len;

static void
word(unsigned n)
{
	message[len++] = (unsigned char)(n >> 8);
	message[len++] = (unsigned char)n;
}

static void
name(const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, ".");

		message[len++] = (unsigned char)n;
		memcpy(message + len, text, n);
		len += n;
		text += n + (text[n] == '.');
	}
	message[len++] = 0;
}

static void
begin(unsigned flags, unsigned answers, const char *asked, unsigned type)
{
	len = 0;
	word(ID);
	word(flags);
	word(1);
	word(answers);
	word(0);
	word(0);
	name(asked);
	word(type);
	word(1);
}

/* The length goes in by record_end(). */
static size_t
record(const char *owner, unsigned type)
{
	name(owner);
	word(type);
	word(1);
	word(0);
	word(60);
	word(0);
	return len;
}

static void
record_end(size_t from)
{
	message[from - 2] = (unsigned char)((len - from) >> 8);
	message[from - 1] = (unsigned char)(len - from);
}

static void
mx(const char *owner, unsigned preference, const char *host)
{
	size_t at = record(owner, DNS_MX);

	word(preference);
	name(host);
	record_end(at);
}

static void
cname(const char *owner, const char *host)
{
	size_t at = record(owner, DNS_CNAME);

	name(host);
	record_end(at);
}

static struct dnsanswer answer;

/* Exactly so long, for the sanitizer's sake. */
static int
parse_some(size_t n, const char *asked, enum dns_type type)
{
	void *copy = malloc(n + (n == 0));
	int rc;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, message, n);
	rc = dnsrecord_parse(&answer, copy, n, ID, asked, type);
	free(copy);
	return rc;
}

static int
parse(const char *asked, enum dns_type type)
{
	return parse_some(len, asked, type);
}

#define GOOD 0x8180u /* an answer of a server that finds out */

START_TEST(question_is_what_rfc_1035_says)
{
	unsigned char query[DNSRECORD_QUERY];
	size_t n;

	begin(0x0100, 0, "mx.example.org", DNS_MX);
	ck_assert_int_eq(dnsrecord_query(query, &n, ID, "mx.example.org.",
			     DNS_MX, 1),
	    SMX_OK);
	ck_assert_uint_eq(n, len);
	ck_assert_mem_eq(query, message, len);
	ck_assert_int_eq(dnsrecord_query(query, &n, ID, "a", DNS_MX, 0),
	    SMX_OK);
	ck_assert_uint_eq(query[2], 0);
}
END_TEST

START_TEST(what_is_no_name_is_not_asked_for)
{
	static const char *const bad[] = { "", ".", "..", "a..b", ".a", "a b",
		"a\tb", "\xc3\xa4.example" };
	unsigned char query[DNSRECORD_QUERY];
	char longest[300];
	size_t n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_int_eq(dnsrecord_query(query, &n, ID, bad[i], DNS_MX,
				     1),
		    SMX_EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[64] = '\0';
	ck_assert_int_eq(dnsrecord_query(query, &n, ID, longest, DNS_MX, 1),
	    SMX_EINVAL);
	longest[64] = 'a';
	for (size_t i = 63; i < sizeof(longest); i += 64)
		longest[i] = '.';
	longest[254] = '\0';
	ck_assert_int_eq(dnsrecord_query(query, &n, ID, longest, DNS_MX, 1),
	    SMX_EINVAL);
	longest[253] = '\0';
	ck_assert_int_eq(dnsrecord_query(query, &n, ID, longest, DNS_MX, 1),
	    SMX_OK);
	ck_assert_uint_le(n, sizeof(query));
}
END_TEST

START_TEST(hosts_are_read_in_small_letters)
{
	begin(GOOD, 2, "Example.ORG", DNS_MX);
	mx("example.org", 20, "MX2.Example.Org");
	mx("EXAMPLE.org", 10, "mx1.example.org");
	ck_assert_int_eq(parse("example.org", DNS_MX), SMX_OK);
	ck_assert_uint_eq(answer.count, 2);
	ck_assert_str_eq(answer.list[0].name, "mx2.example.org");
	ck_assert_uint_eq(answer.list[0].preference, 20);
	ck_assert_int_eq(answer.alias, 0);
}
END_TEST

START_TEST(aliases_are_followed_in_any_order)
{
	begin(GOOD, 3, "a.example", DNS_MX);
	mx("c.example", 10, "mx.example");
	cname("b.example", "c.example");
	cname("a.example", "b.example");
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_OK);
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_int_eq(answer.alias, 1);
}
END_TEST

START_TEST(aliases_in_a_circle_end)
{
	begin(GOOD, 2, "a.example", DNS_MX);
	cname("a.example", "b.example");
	cname("b.example", "a.example");
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_EPROTO);
}
END_TEST

START_TEST(records_of_others_are_not_this_ones)
{
	begin(GOOD, 1, "a.example", DNS_MX);
	mx("b.example", 10, "evil.example");
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_OK);
	ck_assert_uint_eq(answer.count, 0);
}
END_TEST

/* What takes the records away must be the server's word, not a misreading. */
START_TEST(records_that_cannot_be_read_are_not_none)
{
	begin(GOOD, 1, "a.example", DNS_MX);
	mx("a.example", 10, "no host.example");
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_EPROTO);
}
END_TEST

START_TEST(answer_to_another_question_is_none)
{
	begin(GOOD, 0, "b.example", DNS_MX);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_EPROTO);
	begin(GOOD, 0, "a.example", DNS_A);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_EPROTO);
	begin(0x0100, 0, "a.example", DNS_MX);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_EPROTO);
	begin(GOOD, 0, "a.example", DNS_MX);
	message[1] ^= 1;
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_EPROTO);
}
END_TEST

START_TEST(server_that_cannot_tell_is_no_proof)
{
	static const unsigned codes[] = { 1, 2, 4, 5, 9 };

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		begin(GOOD | codes[i], 0, "a.example", DNS_MX);
		ck_assert_int_eq(parse("a.example", DNS_MX), SMX_ETEMP);
	}
	/* neither knows nor finds out: a referral */
	begin(0x8000, 0, "a.example", DNS_MX);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_ETEMP);
	begin(0x8003, 0, "a.example", DNS_MX);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_ETEMP);
}
END_TEST

START_TEST(nothing_there_is_told_from_no_such_name)
{
	begin(GOOD, 0, "a.example", DNS_MX);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_OK);
	ck_assert_uint_eq(answer.count, 0);
	begin(GOOD | 3, 0, "a.example", DNS_MX);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_ENOTFOUND);
	begin(GOOD | 0x0200, 0, "a.example", DNS_MX);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_OK);
	ck_assert_int_ne(answer.truncated, 0);
}
END_TEST

START_TEST(texts_and_addresses_are_read)
{
	size_t at;

	begin(GOOD, 1, "_mta-sts.a.example", DNS_TXT);
	at = record("_mta-sts.a.example", DNS_TXT);
	memcpy(message + len, "\x09v=STSv1; \x05id=1\x01", 16);
	len += 16;
	record_end(at);
	ck_assert_int_eq(parse("_mta-sts.a.example", DNS_TXT), SMX_OK);
	ck_assert_str_eq(answer.list[0].text, "v=STSv1; id=1?");
	begin(GOOD, 1, "a.example", DNS_A);
	at = record("a.example", DNS_A);
	memcpy(message + len, "\xc0\x00\x02\x01", 4);
	len += 4;
	record_end(at);
	ck_assert_int_eq(parse("a.example", DNS_A), SMX_OK);
	ck_assert_mem_eq(answer.list[0].address, "\xc0\x00\x02\x01", 4);
	/* an address of five bytes */
	message[len++] = 1;
	record_end(at);
	ck_assert_int_eq(parse("a.example", DNS_A), SMX_EPROTO);
}
END_TEST

START_TEST(text_does_not_leave_its_record)
{
	size_t at;

	begin(GOOD, 2, "a.example", DNS_TXT);
	at = record("a.example", DNS_TXT);
	memcpy(message + len, "\xffv=STSv1", 8);
	len += 8;
	record_end(at);
	at = record("a.example", DNS_TXT);
	memset(message + len, 'x', 300);
	len += 300;
	record_end(at);
	ck_assert_int_eq(parse("a.example", DNS_TXT), SMX_EPROTO);
}
END_TEST

/* Three bytes and what is behind them, of several records. */
START_TEST(tlsa_records_are_read)
{
	static const char name_is[] = "_25._tcp.mx1.example";
	size_t at;

	begin(GOOD, 3, name_is, DNS_TLSA);
	at = record(name_is, DNS_TLSA);
	memcpy(message + len,
	    "\x03\x01\x01"
	    "abc",
	    6);
	len += 6;
	record_end(at);
	at = record(name_is, DNS_TLSA);
	memcpy(message + len,
	    "\x02\x00\x02"
	    "defg",
	    7);
	len += 7;
	record_end(at);
	/* there is no room for this one */
	at = record(name_is, DNS_TLSA);
	memcpy(message + len, "\xff\xfe\xfd", 3);
	memset(message + len + 3, 'x', DNSRECORD_BYTES);
	len += 3 + DNSRECORD_BYTES;
	record_end(at);
	ck_assert_int_eq(parse(name_is, DNS_TLSA), SMX_OK);
	ck_assert_uint_eq(answer.count, 3);
	ck_assert_uint_eq(answer.list[0].usage, 3);
	ck_assert_uint_eq(answer.list[0].selector, 1);
	ck_assert_uint_eq(answer.list[0].matching, 1);
	ck_assert_uint_eq(answer.list[0].data_len, 3);
	ck_assert_mem_eq(answer.bytes + answer.list[0].data, "abc", 3);
	ck_assert_uint_eq(answer.list[1].usage, 2);
	ck_assert_uint_eq(answer.list[1].matching, 2);
	ck_assert_uint_eq(answer.list[1].data_len, 4);
	ck_assert_mem_eq(answer.bytes + answer.list[1].data, "defg", 4);
	ck_assert_uint_eq(answer.list[2].usage, 255);
	ck_assert_uint_eq(answer.list[2].data_len, 0);
}
END_TEST

START_TEST(tlsa_record_without_an_end)
{
	for (size_t n = 0; n < 4; n++) {
		size_t at;

		begin(GOOD, 1, "a.example", DNS_TLSA);
		at = record("a.example", DNS_TLSA);
		memset(message + len, 1, n);
		len += n;
		record_end(at);
		ck_assert_int_eq(parse("a.example", DNS_TLSA), SMX_EPROTO);
	}
}
END_TEST

START_TEST(server_says_what_it_has_verified)
{
	unsigned char query[DNSRECORD_QUERY];
	size_t n;

	begin(GOOD | 0x0020, 0, "a.example", DNS_MX);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_OK);
	ck_assert_int_ne(answer.secure, 0);
	begin(GOOD, 0, "a.example", DNS_MX);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_OK);
	ck_assert_int_eq(answer.secure, 0);
	ck_assert_int_eq(dnsrecord_query(query, &n, ID, "a.example", DNS_MX, 1),
	    SMX_OK);
	ck_assert_uint_eq(query[3], 0);
	dnsrecord_query_secure(query);
	ck_assert_uint_eq(query[2], 1);
	ck_assert_uint_eq(query[3], 0x20);
}
END_TEST

START_TEST(more_records_than_are_looked_at)
{
	begin(GOOD, 200, "a.example", DNS_MX);
	for (unsigned i = 0; i < 200; i++)
		mx("a.example", i, "mx.example");
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_OK);
	ck_assert_uint_eq(answer.count, DNSRECORD_MAX);
	begin(GOOD, 65535, "a.example", DNS_MX);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_EPROTO);
}
END_TEST

START_TEST(every_piece_of_an_answer_is_refused)
{
	begin(GOOD, 3, "a.example", DNS_MX);
	cname("a.example", "b.example");
	mx("b.example", 10, "mx1.example");
	mx("b.example", 20, "mx2.example");
	for (size_t n = 0; n < len; n++)
		ck_assert_int_eq(parse_some(n, "a.example", DNS_MX),
		    SMX_EPROTO);
	ck_assert_int_eq(parse("a.example", DNS_MX), SMX_OK);
}
END_TEST

/* ---- a server that answers as it is told ---- */

enum manner {
	SILENT,
	HONEST,
	FORGED_FIRST, /* an answer with another id before the good one */
	TRUNCATED,    /* the rest by TCP */
	STUCK,        /* truncated, and TCP takes the question and is silent */
	FLOOD,        /* what is no answer, for ever */
	SERVFAIL,
	VERIFIED /* as it says */
};

struct server {
	pthread_t thread;
	enum manner manner;
	int udp, tcp;
	uint16_t port;
	int end[2];
	int asked;
};

static size_t
reply(const unsigned char *query, size_t n, unsigned flags, unsigned char *out)
{
	static const unsigned char host[] = "\xc0\x0c\x00\x0f\x00\x01\x00\x00"
					    "\x00\x3c\x00\x06\x00\x0a\x01m"
					    "\xc0\x0c";
	int empty = (flags & 0x0200) != 0 || (flags & 15) != 0;

	memcpy(out, query, n);
	out[2] = (unsigned char)(flags >> 8);
	out[3] = (unsigned char)flags;
	out[7] = empty ? 0 : 1;
	if (!empty) {
		memcpy(out + n, host, sizeof(host) - 1);
		n += sizeof(host) - 1;
	}
	return n;
}

static void
serve_udp(struct server *s)
{
	unsigned char query[512], out[600];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(s->udp, query, sizeof(query), 0,
	    (struct sockaddr *)&from, &size);
	unsigned flags = s->manner == TRUNCATED || s->manner == STUCK ? 0x8380u
			 : s->manner == SERVFAIL                      ? 0x8182u
			 : s->manner == VERIFIED ? GOOD | 0x0020u
						 : GOOD;
	int times = s->manner == FLOOD ? 3000 : 1;
	size_t m;

	s->asked++;
	if (n < 12 || s->manner == SILENT)
		return;
	m = reply(query, (size_t)n, flags, out);
	if (s->manner == FORGED_FIRST || s->manner == FLOOD) {
		out[0] ^= 1;
		for (int i = 0; i < times; i++)
			(void)!sendto(s->udp, out, m, 0,
			    (struct sockaddr *)&from, size);
		out[0] ^= 1;
	}
	if (s->manner != FLOOD)
		(void)!sendto(s->udp, out, m, 0, (struct sockaddr *)&from,
		    size);
}

static void
serve_tcp(struct server *s)
{
	unsigned char query[514], out[600];
	int fd = accept(s->tcp, NULL, NULL);
	ssize_t n = recv(fd, query, sizeof(query), 0);
	size_t m;

	if (s->manner == TRUNCATED && n > 14) {
		m = reply(query + 2, (size_t)n - 2, GOOD, out + 2);
		out[0] = (unsigned char)(m >> 8);
		out[1] = (unsigned char)m;
		/* in pieces */
		(void)!send(fd, out, 1, MSG_NOSIGNAL);
		(void)!send(fd, out + 1, 10, MSG_NOSIGNAL);
		(void)!send(fd, out + 11, m - 9, MSG_NOSIGNAL);
	} else {
		(void)!recv(fd, query, 1, 0);
	}
	close(fd);
}

static void *
serve(void *ctx)
{
	struct server *s = ctx;

	for (;;) {
		fd_set set;
		int most = s->tcp > s->udp ? s->tcp : s->udp;

		FD_ZERO(&set);
		FD_SET(s->udp, &set);
		FD_SET(s->tcp, &set);
		FD_SET(s->end[0], &set);
		if (s->end[0] > most)
			most = s->end[0];
		select(most + 1, &set, NULL, NULL, NULL);
		if (FD_ISSET(s->end[0], &set))
			return NULL;
		if (FD_ISSET(s->udp, &set))
			serve_udp(s);
		if (FD_ISSET(s->tcp, &set))
			serve_tcp(s);
	}
}

static void
server_start(struct server *s, enum manner manner)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof(in);

	memset(s, 0, sizeof(*s));
	s->manner = manner;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* the same port for both */
	for (int i = 0; i < 100; i++) {
		in.sin_port = 0;
		s->udp = socket(AF_INET, SOCK_DGRAM, 0);
		s->tcp = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_eq(bind(s->udp, (struct sockaddr *)&in, size), 0);
		getsockname(s->udp, (struct sockaddr *)&in, &size);
		if (bind(s->tcp, (struct sockaddr *)&in, size) == 0)
			break;
		close(s->udp);
		close(s->tcp);
	}
	ck_assert_int_eq(listen(s->tcp, 5), 0);
	s->port = ntohs(in.sin_port);
	ck_assert_int_eq(pipe(s->end), 0);
	pthread_create(&s->thread, NULL, serve, s);
}

static void
server_stop(struct server *s)
{
	close(s->end[1]);
	pthread_join(s->thread, NULL);
	close(s->end[0]);
	close(s->udp);
	close(s->tcp);
}

static const unsigned char here[4] = { 127, 0, 0, 1 };

static int
ask(struct server *s, int64_t ms)
{
	struct dnsask to;

	dnsask_server(&to, here, 4, s->port);
	return dnsask(&to, "a.example", DNS_MX, clock_mono_ms() + ms, &answer);
}

static int
ask_manner(enum manner manner, int64_t ms)
{
	struct server s;
	int rc;

	server_start(&s, manner);
	rc = ask(&s, ms);
	server_stop(&s);
	return rc;
}

START_TEST(server_is_asked)
{
	ck_assert_int_eq(ask_manner(HONEST, 20000), SMX_OK);
	ck_assert_str_eq(answer.list[0].name, "m.a.example");
}
END_TEST

/* Only who finds out verifies, and nobody stands between it and us. */
START_TEST(word_on_signatures_is_believed_of_our_own)
{
	struct server s;
	struct dnsask to;

	server_start(&s, VERIFIED);
	ck_assert_int_eq(ask(&s, 20000), SMX_OK);
	ck_assert_int_eq(answer.secure, 0);
	dnsask_server(&to, here, 4, s.port);
	to.recursive = 1;
	ck_assert_int_eq(dnsask(&to, "a.example", DNS_MX,
			     clock_mono_ms() + 20000, &answer),
	    SMX_OK);
	ck_assert_int_ne(answer.secure, 0);
	server_stop(&s);
}
END_TEST

START_TEST(forged_answer_is_passed_over)
{
	ck_assert_int_eq(ask_manner(FORGED_FIRST, 20000), SMX_OK);
	ck_assert_uint_eq(answer.count, 1);
}
END_TEST

START_TEST(long_answer_comes_by_tcp)
{
	ck_assert_int_eq(ask_manner(TRUNCATED, 20000), SMX_OK);
	ck_assert_uint_eq(answer.count, 1);
}
END_TEST

START_TEST(silence_ends_at_the_deadline)
{
	int64_t began = clock_mono_ms();

	ck_assert_int_eq(ask_manner(SILENT, 300), SMX_ETIMEOUT);
	ck_assert_int_eq(ask_manner(STUCK, 300), SMX_ETIMEOUT);
	ck_assert_int_eq(ask_manner(FLOOD, 300), SMX_ETIMEOUT);
	ck_assert_int_ge(clock_mono_ms() - began, 900);
	ck_assert_uint_eq(answer.count, 0);
}
END_TEST

START_TEST(refusal_is_temporary)
{
	ck_assert_int_eq(ask_manner(SERVFAIL, 20000), SMX_ETEMP);
}
END_TEST

START_TEST(next_server_is_asked)
{
	struct server bad, good;
	struct dnsask to, other;

	server_start(&bad, SERVFAIL);
	server_start(&good, HONEST);
	dnsask_server(&to, here, 4, bad.port);
	dnsask_server(&other, here, 4, good.port);
	to.servers[to.count++] = other.servers[0];
	ck_assert_int_eq(dnsask(&to, "a.example", DNS_MX,
			     clock_mono_ms() + 20000, &answer),
	    SMX_OK);
	server_stop(&bad);
	server_stop(&good);
	ck_assert_int_eq(bad.asked, 1);
}
END_TEST

static int
leave(void *ctx, int64_t waited_ms)
{
	(void)waited_ms;
	++*(int *)ctx;
	return 1;
}

START_TEST(who_has_to_leave_does_not_wait)
{
	struct server s;
	struct dnsask to;
	int asked = 0;

	server_start(&s, SILENT);
	dnsask_server(&to, here, 4, s.port);
	to.waiting = leave;
	to.waiting_ctx = &asked;
	ck_assert_int_eq(dnsask(&to, "a.example", DNS_MX,
			     clock_mono_ms() + 60000, &answer),
	    SMX_ECLOSED);
	server_stop(&s);
	ck_assert_int_eq(asked, 1);
}
END_TEST

START_TEST(servers_of_the_system_are_read)
{
	char path[] = "/tmp/check_dnsrecord.XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	struct dnsask to;

	fputs("# nameserver 192.0.2.9\nnameserver 192.0.2.1\nsearch x\n"
	      "nameserver\t2001:db8::1 # x\nnameserver nonsense\n"
	      "nameserver 192.0.2.2\nnameserver 192.0.2.3\n",
	    f);
	fclose(f);
	dnsask_system(&to, path);
	unlink(path);
	ck_assert_uint_eq(to.count, 3);
	ck_assert_int_eq(to.servers[0].sa.ss_family, AF_INET);
	ck_assert_int_eq(to.servers[1].sa.ss_family, AF_INET6);
	ck_assert_int_ne(to.recursive, 0);
	ck_assert_int_eq(to.trusted, 0);
	dnsask_system(&to, path);
	ck_assert_uint_eq(to.count, 1);
}
END_TEST

static const struct {
	const char *line;
	int trusted;
} options[] = { { "options trust-ad", 1 }, { "options\ttrust-ad\n", 1 },
	{ "options edns0 trust-ad timeout:1\n", 1 },
	{ "options edns0\noptions trust-ad\r\n", 1 },
	{ "options no-trust-ad\n", 0 }, { "options trust-ads\n", 0 },
	{ "options trust-adtrust-ad trust-ad\n", 1 },
	{ "# options trust-ad\n", 0 }, { "trust-ad\n", 0 },
	{ "optionstrust-ad\n", 0 }, { "options\n", 0 } };

/* Also behind all the servers that are asked. */
START_TEST(trust_is_an_option)
{
	char path[] = "/tmp/check_dnsrecord.XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	struct dnsask to;

	for (int i = 1; i < 6; i++)
		fprintf(f, "nameserver 192.0.2.%d\n", i);
	fputs(options[_i].line, f);
	fclose(f);
	dnsask_system(&to, path);
	unlink(path);
	ck_assert_uint_eq(to.count, 3);
	ck_assert_int_eq(to.trusted, options[_i].trusted);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dnsrecord");
	TCase *bytes = tcase_create("bytes"), *servers = tcase_create("ask");
	SRunner *r;
	int failed;

	tcase_add_test(bytes, question_is_what_rfc_1035_says);
	tcase_add_test(bytes, what_is_no_name_is_not_asked_for);
	tcase_add_test(bytes, hosts_are_read_in_small_letters);
	tcase_add_test(bytes, aliases_are_followed_in_any_order);
	tcase_add_test(bytes, aliases_in_a_circle_end);
	tcase_add_test(bytes, records_of_others_are_not_this_ones);
	tcase_add_test(bytes, records_that_cannot_be_read_are_not_none);
	tcase_add_test(bytes, answer_to_another_question_is_none);
	tcase_add_test(bytes, server_that_cannot_tell_is_no_proof);
	tcase_add_test(bytes, nothing_there_is_told_from_no_such_name);
	tcase_add_test(bytes, texts_and_addresses_are_read);
	tcase_add_test(bytes, text_does_not_leave_its_record);
	tcase_add_test(bytes, tlsa_records_are_read);
	tcase_add_test(bytes, tlsa_record_without_an_end);
	tcase_add_test(bytes, server_says_what_it_has_verified);
	tcase_add_test(bytes, more_records_than_are_looked_at);
	tcase_add_test(bytes, every_piece_of_an_answer_is_refused);
	suite_add_tcase(s, bytes);
	tcase_set_timeout(servers, 60);
	tcase_add_test(servers, server_is_asked);
	tcase_add_test(servers, word_on_signatures_is_believed_of_our_own);
	tcase_add_test(servers, forged_answer_is_passed_over);
	tcase_add_test(servers, long_answer_comes_by_tcp);
	tcase_add_test(servers, silence_ends_at_the_deadline);
	tcase_add_test(servers, refusal_is_temporary);
	tcase_add_test(servers, next_server_is_asked);
	tcase_add_test(servers, who_has_to_leave_does_not_wait);
	tcase_add_test(servers, servers_of_the_system_are_read);
	tcase_add_loop_test(servers, trust_is_an_option, 0,
	    (int)(sizeof(options) / sizeof(*options)));
	suite_add_tcase(s, servers);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
