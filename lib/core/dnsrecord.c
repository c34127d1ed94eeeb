/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/dnsrecord.h"

#include <string.h>

#define HEADER 12
#define IN     1

#define FLAG_RESPONSE      0x8000u
#define FLAG_OPCODE        0x7800u
#define FLAG_AUTHORITATIVE 0x0400u
#define FLAG_TRUNCATED     0x0200u
#define FLAG_ASKS          0x0100u
#define FLAG_RECURSES      0x0080u
#define FLAG_VERIFIED      0x0020u
#define FLAG_CODE          0x000fu
#define NXDOMAIN           3u

#define ALIASES    8   /* one after the other */
#define ANSWERS    256 /* that are gone through */
#define LABEL_MAX  63
#define DOMAIN_MAX 253

static char
small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

int
dnsrecord_same_name(const char *a, const char *b)
{
	while (*a != '\0' && small(*a) == small(*b))
		a++, b++;
	return *a == '\0' && *b == '\0';
}

/* ---- questions ---- */

static size_t
put_word(unsigned char *out, size_t at, unsigned word)
{
	out[at] = (unsigned char)(word >> 8);
	out[at + 1] = (unsigned char)word;
	return at + 2;
}

/* 0: it is no name. */
static size_t
put_name(unsigned char *out, size_t at, const char *name)
{
	size_t len = strlen(name);

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > DOMAIN_MAX)
		return 0;
	for (size_t i = 0, n; i < len; i += n + 1) {
		for (n = 0; i + n < len && name[i + n] != '.'; n++)
			if (name[i + n] <= ' ' || name[i + n] > '~')
				return 0;
		if (n == 0 || n > LABEL_MAX || i + n + 1 == len)
			return 0;
		out[at++] = (unsigned char)n;
		memcpy(out + at, name + i, n);
		at += n;
	}
	out[at++] = 0;
	return at;
}

int
dnsrecord_query(unsigned char out[DNSRECORD_QUERY], size_t *len, unsigned id,
    const char *name, enum dns_type type, int recursive)
{
	size_t at = put_name(out, HEADER, name);

	if (at == 0)
		return SMX_EINVAL;
	memset(out, 0, HEADER);
	put_word(out, 0, id);
	put_word(out, 2, recursive ? FLAG_ASKS : 0);
	put_word(out, 4, 1);
	at = put_word(out, at, (unsigned)type);
	*len = put_word(out, at, IN);
	return SMX_OK;
}

void
dnsrecord_query_secure(unsigned char query[DNSRECORD_QUERY])
{
	query[3] |= FLAG_VERIFIED;
}

/* ---- answers ---- */

/* One of the answer section, still in the message. */
struct place {
	char owner[DNSVIEW_NAME];
	unsigned type;
	unsigned class;
	size_t begin;
	size_t end;
};

static int
place_read(struct place *p, struct dnsview *v)
{
	unsigned len;

	if (dnsview_name(v, p->owner, sizeof(p->owner)) == SMX_EPROTO)
		return SMX_EPROTO;
	p->type = dnsview_word(v);
	p->class = dnsview_word(v);
	dnsview_skip(v, 4);
	len = dnsview_word(v);
	if (v->bad || len > v->len - v->at)
		return SMX_EPROTO;
	p->begin = v->at;
	p->end = v->at + len;
	v->at = p->end;
	return SMX_OK;
}

/* What is inside one record, which may point out of it for a name only. */
static int
host_read(struct dnsrecord *r, struct dnsview *v, const struct place *p)
{
	int rc;

	if (p->type == DNS_MX)
		r->preference = dnsview_word(v);
	rc = dnsview_name(v, r->name, sizeof(r->name));
	if (rc == SMX_EPROTO || v->bad || v->at > p->end)
		return SMX_EPROTO;
	for (char *c = r->name; *c != '\0'; c++)
		*c = small(*c);
	return rc;
}

static int
text_read(struct dnsrecord *r, struct dnsview *v, const struct place *p)
{
	size_t at = 0;

	while (v->at < p->end) {
		unsigned n = dnsview_byte(v);

		if (n > p->end - v->at)
			return SMX_EPROTO;
		for (; n > 0; n--) {
			unsigned c = dnsview_byte(v);

			if (at + 1 < sizeof(r->text))
				r->text[at++] =
				    c >= ' ' && c <= '~' ? (char)c : '?';
		}
	}
	r->text[at] = '\0';
	return SMX_OK;
}

static int
address_read(struct dnsrecord *r, struct dnsview *v, const struct place *p)
{
	size_t n = p->type == DNS_A ? 4 : 16;

	if (p->end - p->begin != n)
		return SMX_EPROTO;
	for (size_t i = 0; i < n; i++)
		r->address[i] = (unsigned char)dnsview_byte(v);
	return SMX_OK;
}

static int
tlsa_read(struct dnsrecord *r, struct dnsview *v, const struct place *p,
    struct dnsanswer *answer)
{
	size_t n = p->end - p->begin;

	if (n < 4)
		return SMX_EPROTO;
	n -= 3;
	r->usage = dnsview_byte(v);
	r->selector = dnsview_byte(v);
	r->matching = dnsview_byte(v);
	if (n > sizeof(answer->bytes) - answer->bytes_used)
		return SMX_OK;
	r->data = answer->bytes_used;
	r->data_len = n;
	answer->bytes_used += n;
	for (size_t i = 0; i < n; i++)
		answer->bytes[r->data + i] = (unsigned char)dnsview_byte(v);
	return SMX_OK;
}

/* SMX_EINVAL: a host that no host can be called; it is left out. */
static int
record_read(struct dnsrecord *r, const struct dnsview *message,
    const struct place *p, struct dnsanswer *answer)
{
	struct dnsview v = *message;

	memset(r, 0, sizeof(*r));
	v.at = p->begin;
	switch (p->type) {
	case DNS_MX:
	case DNS_NS:
	case DNS_CNAME:
		return host_read(r, &v, p);
	case DNS_TXT:
		return text_read(r, &v, p);
	case DNS_A:
	case DNS_AAAA:
		return address_read(r, &v, p);
	case DNS_TLSA:
		return tlsa_read(r, &v, p, answer);
	default:
		return SMX_OK;
	}
}

/* All of one owner and type; only the first is looked at when there is no room
 * for them.  SMX_ENOTFOUND: none. */
static int
collect(struct dnsanswer *answer, struct dnsrecord *out, size_t max,
    size_t *count, const struct dnsview *answers, unsigned n, const char *owner,
    unsigned type)
{
	struct dnsview v = *answers;
	struct place p;
	int seen = 0;

	*count = 0;
	for (; n > 0; n--) {
		int rc = place_read(&p, &v);

		if (rc != SMX_OK)
			return rc;
		if (p.class != IN || p.type != type || *count == max ||
		    !dnsrecord_same_name(p.owner, owner))
			continue;
		rc = record_read(&out[*count], &v, &p, answer);
		if (rc == SMX_EPROTO)
			return rc;
		seen = 1;
		*count += rc == SMX_OK;
	}
	return seen ? SMX_OK : SMX_ENOTFOUND;
}

/* From alias to alias, in whatever order they stand there. */
static int
follow(struct dnsanswer *out, const struct dnsview *answers, unsigned n,
    const char *name, unsigned type)
{
	char owner[DNSVIEW_NAME];
	struct dnsrecord alias;
	size_t count;
	int rc;

	memcpy(owner, name, strlen(name) + 1);
	for (int hops = 0; hops <= ALIASES; hops++) {
		rc = collect(out, out->list, DNSRECORD_MAX, &out->count,
		    answers, n, owner, type);
		/* what cannot be read is not the same as nothing */
		if (rc == SMX_OK && out->count == 0)
			return SMX_EPROTO;
		if (rc != SMX_ENOTFOUND)
			return rc;
		rc = collect(out, &alias, 1, &count, answers, n, owner,
		    DNS_CNAME);
		if (rc == SMX_ENOTFOUND)
			return SMX_OK;
		if (rc != SMX_OK || count == 0 || alias.name[0] == '\0')
			return SMX_EPROTO;
		out->alias = 1;
		memcpy(owner, alias.name, sizeof(owner));
	}
	return SMX_EPROTO;
}

static int
question_is(struct dnsview *v, const char *name, unsigned type)
{
	char asked[DNSVIEW_NAME];

	if (dnsview_name(v, asked, sizeof(asked)) != SMX_OK)
		return 0;
	return dnsview_word(v) == type && dnsview_word(v) == IN && !v->bad &&
	       dnsrecord_same_name(asked, name);
}

static int
answer_read(struct dnsanswer *out, const void *message, size_t len, unsigned id,
    const char *name, unsigned type)
{
	struct dnsview v = { .data = message, .len = len };
	unsigned flags, answers, code;
	int rc;

	if (len < HEADER || dnsview_word(&v) != id)
		return SMX_EPROTO;
	flags = dnsview_word(&v);
	if ((flags & FLAG_RESPONSE) == 0 || (flags & FLAG_OPCODE) != 0 ||
	    dnsview_word(&v) != 1)
		return SMX_EPROTO;
	answers = dnsview_word(&v);
	dnsview_skip(&v, 4);
	if (!question_is(&v, name, type) || answers > ANSWERS)
		return SMX_EPROTO;
	code = flags & FLAG_CODE;
	if (code != 0 && code != NXDOMAIN)
		return SMX_ETEMP;
	out->truncated = (flags & FLAG_TRUNCATED) != 0;
	out->secure = (flags & FLAG_VERIFIED) != 0;
	if (out->truncated)
		return SMX_OK;
	/* it neither knows nor finds out: it sends one to another server */
	if (answers == 0 && (flags & (FLAG_AUTHORITATIVE | FLAG_RECURSES)) == 0)
		return SMX_ETEMP;
	rc = follow(out, &v, answers, name, type);
	if (rc == SMX_OK && code == NXDOMAIN && out->count == 0)
		return SMX_ENOTFOUND;
	return rc;
}

int
dnsrecord_parse(struct dnsanswer *out, const void *message, size_t len,
    unsigned id, const char *name, enum dns_type type)
{
	char plain[DNSVIEW_NAME];
	size_t n = strlen(name);
	int rc;

	memset(out, 0, sizeof(*out));
	if (n > 0 && name[n - 1] == '.')
		n--;
	if (n >= sizeof(plain))
		return SMX_EPROTO;
	memcpy(plain, name, n);
	plain[n] = '\0';
	rc = answer_read(out, message, len, id, plain, (unsigned)type);
	if (rc != SMX_OK)
		out->count = 0;
	return rc;
}
