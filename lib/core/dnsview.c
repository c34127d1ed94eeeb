/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/dnsview.h"

#include <stdint.h>

#define JUMPS 64 /* of one compressed name */

unsigned
dnsview_byte(struct dnsview *v)
{
	if (v->at >= v->len) {
		v->bad = 1;
		return 0;
	}
	return v->data[v->at++];
}

unsigned
dnsview_word(struct dnsview *v)
{
	unsigned high = dnsview_byte(v);

	return high << 8 | dnsview_byte(v);
}

void
dnsview_skip(struct dnsview *v, size_t n)
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
label(struct dnsview *v, unsigned len, char *out, size_t at, size_t size)
{
	if (at > 0 && at < size)
		out[at++] = '.';
	for (; len > 0 && !v->bad; len--) {
		unsigned c = dnsview_byte(v);

		if (at + 1 >= size || !is_of_a_name(c))
			at = SIZE_MAX - 1;
		else
			out[at++] = (char)c;
	}
	return at >= size ? SIZE_MAX : at;
}

int
dnsview_name(struct dnsview *v, char *out, size_t size)
{
	struct dnsview here = *v;
	size_t at = 0;
	int jumps = 0;
	int strange = 0;

	for (;;) {
		unsigned len = dnsview_byte(&here);

		if (here.bad || (len & 0xc0) == 0x40 || (len & 0xc0) == 0x80)
			return SMX_EPROTO;
		if (len >= 0xc0) {
			size_t to =
			    (size_t)(len & 0x3f) << 8 | dnsview_byte(&here);

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
			dnsview_skip(&here, len);
		if (at == SIZE_MAX)
			strange = 1;
	}
	if (jumps == 0)
		v->at = here.at;
	out[strange ? 0 : at] = '\0';
	return strange ? SMX_EINVAL : SMX_OK;
}

int
dnsview_name_skip(struct dnsview *v)
{
	char ignored[DNSVIEW_NAME];

	return dnsview_name(v, ignored, sizeof(ignored)) == SMX_EPROTO
		   ? SMX_EPROTO
		   : SMX_OK;
}
