/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/dnsmx.h"

#include <string.h>

#define HEADER   12
#define TYPE_MX  15
#define CLASS_IN 1
#define NXDOMAIN 3
#define JUMPS    64 /* of one compressed name */

/* Bytes with an end: what is beyond it reads as an error, once and for all. */
struct view {
	const unsigned char *data;
	size_t len;
	size_t at;
	int bad;
};

static unsigned
byte(struct view *v)
{
	if (v->at >= v->len) {
		v->bad = 1;
		return 0;
	}
	return v->data[v->at++];
}

static unsigned
word(struct view *v)
{
	unsigned high = byte(v);

	return high << 8 | byte(v);
}

static void
skip(struct view *v, size_t n)
{
	if (n > v->len - v->at)
		v->bad = 1;
	else
		v->at += n;
}

/* What a host's name consists of; others are not asked for. */
static int
is_of_a_name(unsigned c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/* One label into out; the length of what is there now, SIZE_MAX: not a name. */
static size_t
label(struct view *v, unsigned len, char *out, size_t at, size_t size)
{
	if (at > 0 && at < size)
		out[at++] = '.';
	for (; len > 0 && !v->bad; len--) {
		unsigned c = byte(v);

		if (at + 1 >= size || !is_of_a_name(c))
			at = SIZE_MAX - 1;
		else
			out[at++] = (char)c;
	}
	return at >= size ? SIZE_MAX : at;
}

/* Pointers only lead back (RFC 1035 4.1.4), and not for ever.  SMX_OK also for
 * the root, "". */
static int
name(struct view *v, char *out, size_t size)
{
	struct view here = *v;
	size_t at = 0;
	int jumps = 0;
	int strange = 0;

	for (;;) {
		unsigned len = byte(&here);

		if (here.bad || (len & 0xc0) == 0x40 || (len & 0xc0) == 0x80)
			return SMX_EPROTO;
		if (len >= 0xc0) {
			size_t to = (size_t)(len & 0x3f) << 8 | byte(&here);

			if (jumps++ == 0)
				v->at = here.at;
			if (here.bad || to >= here.at - 2 || jumps > JUMPS)
				return SMX_EPROTO;
			here.at = to;
			continue;
		}
		if (len == 0)
			break;
		at = strange ? 0 : label(&here, len, out, at, size);
		if (strange)
			skip(&here, len);
		if (at == SIZE_MAX)
			strange = 1;
	}
	if (jumps == 0)
		v->at = here.at;
	out[strange ? 0 : at] = '\0';
	return strange ? SMX_EINVAL : SMX_OK;
}

static int
name_skip(struct view *v)
{
	char ignored[256];

	return name(v, ignored, sizeof(ignored)) == SMX_EPROTO ? SMX_EPROTO
							       : SMX_OK;
}

static int
record(struct dnsmx *out, struct view *v)
{
	unsigned type, class, len;
	size_t end;

	if (name_skip(v) != SMX_OK)
		return SMX_EPROTO;
	type = word(v);
	class = word(v);
	skip(v, 4);
	len = word(v);
	if (v->bad || len > v->len - v->at)
		return SMX_EPROTO;
	end = v->at + len;
	if (type == TYPE_MX && class == CLASS_IN && out->count < DNSMX_MAX) {
		struct dnsmx_host *h = &out->hosts[out->count];
		int rc;

		h->preference = word(v);
		rc = name(v, h->name, sizeof(h->name));
		if (rc == SMX_EPROTO || v->at > end)
			return SMX_EPROTO;
		out->count += rc == SMX_OK;
	}
	v->at = end;
	return SMX_OK;
}

/* RFC 7505 3: the root as the only host.  Beside others it says nothing. */
static void
null_look(struct dnsmx *out)
{
	size_t kept = 0;

	out->none = out->count == 1 && out->hosts[0].name[0] == '\0';
	for (size_t i = 0; i < out->count; i++)
		if (out->hosts[i].name[0] != '\0')
			out->hosts[kept++] = out->hosts[i];
	out->count = kept;
}

static int
message_read(struct dnsmx *out, const void *message, size_t len)
{
	struct view v = { .data = message, .len = len };
	unsigned flags, questions, answers;

	if (len < HEADER)
		return SMX_EPROTO;
	skip(&v, 2);
	flags = word(&v);
	questions = word(&v);
	answers = word(&v);
	skip(&v, 4);
	if ((flags & 0x8000) == 0)
		return SMX_EPROTO;
	if ((flags & 0xf) == NXDOMAIN)
		return SMX_ENOTFOUND;
	if ((flags & 0xf) != 0)
		return SMX_ETEMP;
	for (; questions > 0; questions--) {
		if (name_skip(&v) != SMX_OK)
			return SMX_EPROTO;
		skip(&v, 4);
		if (v.bad)
			return SMX_EPROTO;
	}
	for (; answers > 0; answers--)
		if (record(out, &v) != SMX_OK)
			return SMX_EPROTO;
	null_look(out);
	return SMX_OK;
}

int
dnsmx_parse(struct dnsmx *out, const void *message, size_t len)
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = message_read(out, message, len);
	if (rc != SMX_OK)
		out->count = 0;
	return rc;
}

void
dnsmx_sort(struct dnsmx *mx, const uint32_t dice[DNSMX_MAX])
{
	for (size_t i = mx->count; i > 1; i--) {
		size_t k = dice[i - 1] % i;
		struct dnsmx_host h = mx->hosts[i - 1];

		mx->hosts[i - 1] = mx->hosts[k];
		mx->hosts[k] = h;
	}
	/* stable, so that equal ones stay as they were shuffled */
	for (size_t i = 1; i < mx->count; i++) {
		struct dnsmx_host h = mx->hosts[i];
		size_t k = i;

		for (; k > 0 && mx->hosts[k - 1].preference > h.preference; k--)
			mx->hosts[k] = mx->hosts[k - 1];
		mx->hosts[k] = h;
	}
}

unsigned
dnsmx_limit(const struct dnsmx *mx, const unsigned char own[DNSMX_MAX])
{
	unsigned limit = DNSMX_ALL;

	for (size_t i = 0; i < mx->count; i++)
		if (own[i] != 0 && mx->hosts[i].preference < limit)
			limit = mx->hosts[i].preference;
	return limit;
}
