/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <shadowmx/content.h>
#include <shadowmx/envelope.h>

#include "core/dnsmx.h"
#include "core/dnsrecord.h"
#include "core/hoptalk.h"

/* ---- a next hop that says anything ---- */

#define RECIPIENTS 3
#define CONNECTS   8

struct other {
	const char *data;
	size_t len;
	uint64_t state;
	int connects;
};

static const char text[] = "Subject: x\r\n\r\n.a\rb\n";
static const struct smx_content content = { .size = sizeof(text) - 1,
	.bytes = text };

static unsigned
next(struct other *o)
{
	if (o->len == 0)
		return 0;
	o->len--;
	return (unsigned char)*o->data++;
}

static unsigned
taken(const struct hoptalk *t)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->count; i++)
		n += t->rcpts[i].final_known &&
		     t->rcpts[i].final.class == HOP_YES;
	return n;
}

static unsigned
talk_how(const struct hoptalk *t)
{
	return (unsigned)t->content | (unsigned)t->line.encrypted << 2;
}

/* A line, mostly: what comes before it is asked for breaks the line. */
static size_t
some(struct other *o)
{
	size_t n = fuzz_piece(&o->state, o->len);
	const char *end = memchr(o->data, '\n', o->len);

	if (o->state >> 60 == 1 || end == NULL)
		return n;
	return (size_t)(end - o->data) + 1;
}

static void
hear(struct hoptalk *t, struct other *o)
{
	size_t n;
	int whole = t->end > 0 && t->sent == t->end;
	int committed = hoptalk_is_committed(t);
	unsigned before = taken(t);

	if (o->len == 0) {
		hoptalk_failed(t, "gone");
		fuzz_must(!committed || t->content == HOPTALK_OVER,
		    "what may have been taken is not sent again");
		return;
	}
	n = some(o);
	fuzz_saw((unsigned)(strlen(hoptalk_awaits(t)) * 8 + talk_how(t) * 128 +
			    t->line.offer.bits * 1024));
	(void)hoptalk_received(t, o->data, n);
	o->data += n;
	o->len -= n;
	fuzz_must(taken(t) == before || whole,
	    "nothing is taken before it was sent");
}

static void
exchange(struct hoptalk *t, struct other *o)
{
	size_t n;

	hoptalk_fill(t);
	if (t->drop)
		return;
	n = t->out.len;
	/* now and then not all of it leaves */
	if (n > 0 && o->state >> 61 == 0)
		n = fuzz_piece(&o->state, n);
	if (n > 0)
		hoptalk_sent(t, n);
	if (!t->drop)
		hear(t, o);
}

static void
connect_to(struct hoptalk *t, struct other *o)
{
	struct hop_answer none = { .class = HOP_UNREACHABLE };

	if (o->connects++ >= CONNECTS || o->len == 0) {
		hoptalk_give_up(t, &none);
		return;
	}
	hoptalk_connecting(t);
	hoptalk_connected(t);
}

static void
converse(struct hoptalk *t, struct other *o)
{
	for (;;) {
		switch (hoptalk_need(t)) {
		case HOPTALK_IDLE:
			return;
		case HOPTALK_CLOSE:
			hoptalk_closed(t);
			break;
		case HOPTALK_CONNECT:
			connect_to(t, o);
			break;
		case HOPTALK_SECURE:
			if (next(o) % 4 == 0)
				hoptalk_insecure(t, "x");
			else
				hoptalk_secured(t);
			break;
		case HOPTALK_TALK:
			exchange(t, o);
			break;
		}
		t->now_ms++;
	}
}

static void
begin(struct hoptalk *t, const struct smx_envelope *e, unsigned how)
{
	hoptalk_init(t);
	t->envelope = e;
	t->lmtp = how & 1;
	t->tls = (enum hoptalk_tls)((how >> 1) % 3);
	for (size_t i = 0; i < RECIPIENTS; i++)
		fuzz_must(hoptalk_rcpt(t, i) == SMX_OK, "memory");
}

static void
talk_run(const char *data, size_t len)
{
	static const unsigned char wanted[RECIPIENTS] = { 1, 0, 1 };
	struct other o = { .data = data, .len = len };
	unsigned how = next(&o);
	struct smx_envelope *e;
	struct hoptalk t;

	o.state = how * 77u;
	fuzz_must(smx_envelope_new(&e, 0) == SMX_OK &&
		      smx_envelope_mail(e, "<a@x>", NULL, 0) == SMX_OK,
	    "memory");
	for (size_t i = 0; i < RECIPIENTS; i++)
		fuzz_must(smx_envelope_rcpt(e, "<b@x>", NULL, 0) == SMX_OK,
		    "memory");
	begin(&t, e, how);
	converse(&t, &o);
	for (size_t i = 0; i < RECIPIENTS; i++)
		fuzz_must(t.rcpts[i].rcpt_known, "each is answered");
	fuzz_must(hoptalk_content(&t, &content, "R: x\r\n", 0,
		      how & 0x40 ? wanted : NULL) == SMX_OK,
	    "content");
	converse(&t, &o);
	for (size_t i = 0; i < RECIPIENTS; i++) {
		fuzz_must(t.rcpts[i].final_known || !t.rcpts[i].wanted,
		    "each has a last word");
		if (t.rcpts[i].final_known)
			fuzz_saw(t.rcpts[i].final.class * 1000u +
				 (unsigned)t.rcpts[i].final.code);
	}
	fuzz_saw((unsigned)hoptalk_keeps(&t) + 100000u + t.avoid * 2);
	hoptalk_free(&t);
	smx_envelope_free(&e);
}

#define HELLO "220 x\r\n250-x\r\n250-PIPELINING\r\n250 "
#define OK    "250 ok\r\n"

static const char *const talk_seeds[] = { "\x10" HELLO "DSN\r\n" OK OK OK OK
					  "354 go\r\n" OK,
	"\x10" HELLO "CHUNKING\r\n" OK OK OK OK OK,
	"\x50" HELLO "CHUNKING\r\n" OK OK OK OK OK OK OK OK OK,
	"\x11" HELLO "8BITMIME\r\n" OK OK OK OK "354 go\r\n" OK OK OK,
	"\x12" HELLO "STARTTLS\r\n220 go\r\n\x01" HELLO "CHUNKING\r\n" OK OK,
	"\x10" HELLO "CHUNKING\r\n" OK OK OK OK "500 what\r\n" HELLO
	"CHUNKING\r\n" OK OK OK OK "354 go\r\n" OK,
	"\x10"
	"220 x\r\n502 x\r\n" OK OK OK "550 5.1.1 no\r\n451 4.2.1 no\r\n"
	"354 go\r\n" OK,
	NULL };
static const char *const talk_words[] = { "220 ", "250 ", "250-", "354 go\r\n",
	"421 bye\r\n", "500 x\r\n", "503 x\r\n", "550 5.1.1 x\r\n",
	"452 4.2.2 x\r\n", "PIPELINING\r\n", "CHUNKING\r\n", "STARTTLS\r\n",
	"SIZE 10\r\n", "8BITMIME\r\n", "\r\n", NULL };

const struct fuzz_target fuzz_talk = { "talk", talk_run, talk_seeds,
	talk_words };

/* ---- MX records ---- */

/* Text, so that seeds hold no NUL: two hex digits each, all else is skipped. */
static size_t
bytes(const char *data, size_t len, unsigned char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0, half = 0;

	for (size_t i = 0; i < len && n < size; i++) {
		const char *d =
		    data[i] == '\0' ? NULL : strchr(digits, data[i]);

		if (d == NULL)
			continue;
		out[n] = (unsigned char)(out[n] << 4 | (d - digits));
		n += half;
		half = !half;
	}
	return n;
}

static void
mx_run(const char *data, size_t len)
{
	static unsigned char message[4096];
	uint32_t dice[DNSMX_MAX];
	struct dnsmx mx;
	size_t n = bytes(data, len, message, sizeof(message));
	void *copy = malloc(n + 1);

	fuzz_must(copy != NULL, "memory");
	memcpy(copy, message, n);
	fuzz_saw((unsigned)-dnsmx_parse(&mx, copy, n));
	free(copy);
	for (size_t i = 0; i < DNSMX_MAX; i++)
		dice[i] = (uint32_t)(len * 31 + i * 17);
	dnsmx_sort(&mx, dice);
	fuzz_must(mx.count <= DNSMX_MAX, "bounded");
	for (size_t i = 0; i < mx.count; i++) {
		fuzz_must(i == 0 || mx.hosts[i - 1].preference <=
					mx.hosts[i].preference,
		    "sorted");
		fuzz_must(mx.hosts[i].name[0] != '\0' &&
			      strlen(mx.hosts[i].name) <
				  sizeof(mx.hosts[i].name),
		    "a name");
	}
	fuzz_saw(1000u + (unsigned)mx.count * 2 + (unsigned)mx.none);
}

#define QUESTION "07 6578616d706c65 03 6f7267 00 000f 0001 "
#define RECORD   "c00c 000f 0001 0000003c "

static const char *const mx_seeds[] = {
	"1234 8180 0001 0002 0000 0000 " QUESTION RECORD
	"0008 0014 03 6d7832 c00c " RECORD "0008 000a 03 6d7831 c00c",
	"1234 8180 0001 0001 0000 0000 " QUESTION RECORD "0003 0000 00",
	"1234 8183 0001 0000 0000 0000 " QUESTION, NULL
};
static const char *const mx_words[] = { "c00c", "c02b", "00", "03 6d7831", "ff",
	"000f", "0001", NULL };

const struct fuzz_target fuzz_mx = { "mx", mx_run, mx_seeds, mx_words };

/* ---- what any server says to any question ---- */

static const enum dns_type types[] = { DNS_A, DNS_NS, DNS_CNAME, DNS_MX,
	DNS_TXT, DNS_AAAA, DNS_TLSA };

#define TYPES (sizeof(types) / sizeof(*types))

static void
dns_look(const struct dnsanswer *a, int rc, enum dns_type type)
{
	fuzz_must(a->count <= DNSRECORD_MAX, "bounded");
	fuzz_must(rc == SMX_OK || a->count == 0,
	    "nothing of what is no answer");
	fuzz_must(a->bytes_used <= DNSRECORD_BYTES, "bounded bytes");
	for (size_t i = 0; i < a->count; i++) {
		const struct dnsrecord *r = &a->list[i];

		fuzz_must(r->data_len <= a->bytes_used &&
			      r->data <= a->bytes_used - r->data_len,
		    "bytes within");

		fuzz_must(memchr(r->name, '\0', sizeof(r->name)) != NULL &&
			      memchr(r->text, '\0', sizeof(r->text)) != NULL,
		    "texts end");
		for (const char *c = r->name; *c != '\0'; c++)
			fuzz_must(*c > ' ' && *c <= '~' &&
				      (*c < 'A' || *c > 'Z'),
			    "a name in small letters");
		for (const char *c = r->text; *c != '\0'; c++)
			fuzz_must(*c >= ' ' && *c <= '~', "printable");
	}
	fuzz_saw((unsigned)-rc + 100u * (unsigned)a->count +
		 10000u * (unsigned)type + 1000000u * (unsigned)a->alias);
}

/* The question is of the type that the message itself says, so that all are
 * come to; its name is always the same. */
static void
dns_run(const char *data, size_t len)
{
	static unsigned char message[4096];
	static struct dnsanswer answer;
	size_t n = bytes(data, len, message, sizeof(message));
	unsigned char *copy = malloc(n + 1);

	fuzz_must(copy != NULL, "memory");
	memcpy(copy, message, n);
	for (size_t i = 0; i < TYPES; i++)
		dns_look(&answer,
		    dnsrecord_parse(&answer, copy, n, 0x1234, "example.org",
			types[i]),
		    types[i]);
	free(copy);
}

#define HEAD(n)  "1234 8180 0001 " n " 0000 0000 07 6578616d706c65 03 6f7267 00 "
#define OF(type) "c00c " type " 0001 0000003c "

static const char *const dns_seeds[] = {
	HEAD("0002") "000f 0001 " OF("000f") "0008 0014 03 6d7832 c00c " OF(
	    "000f") "0008 000a 03 6d7831 c00c",
	HEAD("0002") "000f 0001 " OF(
	    "0005") "0004 01 61 c00c "
		    "c029 000f 0001 0000003c 0008 000a 03 6d7831 c00c",
	HEAD("0001") "0001 0001 " OF("0001") "0004 c0000201",
	HEAD("0001") "0002 0001 " OF("0002") "0005 02 6e73 c00c",
	HEAD("0001") "0010 0001 " OF("0010") "0008 07 763d5354537631",
	HEAD("0001") "001c 0001 " OF(
	    "001c") "0010 20010db8 00000000 00000000 00000001",
	HEAD("0001") "0034 0001 " OF("0034") "0004 03 01 01 00",
	HEAD("0002") "0034 0001 " OF("0034") "0007 02 00 00 30820100" OF(
	    "0034") "0005 03 01 02 abcd",
	HEAD("0000") "000f 0001", NULL
};
static const char *const dns_words[] = { "c00c", "c029", "00", "03 6d7831",
	"ff", "000f", "0005", "0010", "0001", "8380", "8183", NULL };

const struct fuzz_target fuzz_dns = { "dns", dns_run, dns_seeds, dns_words };
