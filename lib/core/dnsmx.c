/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/dnsmx.h"

#include <string.h>

#include "core/dnsview.h"

#define HEADER   12
#define TYPE_MX  15
#define CLASS_IN 1
#define NXDOMAIN 3

static int
record(struct dnsmx *out, struct dnsview *v)
{
	unsigned type, class, len;
	size_t end;

	if (dnsview_name_skip(v) != SMX_OK)
		return SMX_EPROTO;
	type = dnsview_word(v);
	class = dnsview_word(v);
	dnsview_skip(v, 4);
	len = dnsview_word(v);
	if (v->bad || len > v->len - v->at)
		return SMX_EPROTO;
	end = v->at + len;
	if (type == TYPE_MX && class == CLASS_IN && out->count < DNSMX_MAX) {
		struct dnsmx_host *h = &out->hosts[out->count];
		int rc;

		h->preference = dnsview_word(v);
		rc = dnsview_name(v, h->name, sizeof(h->name));
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
	struct dnsview v = { .data = message, .len = len };
	unsigned flags, questions, answers;

	if (len < HEADER)
		return SMX_EPROTO;
	dnsview_skip(&v, 2);
	flags = dnsview_word(&v);
	questions = dnsview_word(&v);
	answers = dnsview_word(&v);
	dnsview_skip(&v, 4);
	if ((flags & 0x8000) == 0)
		return SMX_EPROTO;
	if ((flags & 0xf) == NXDOMAIN)
		return SMX_ENOTFOUND;
	if ((flags & 0xf) != 0)
		return SMX_ETEMP;
	for (; questions > 0; questions--) {
		if (dnsview_name_skip(&v) != SMX_OK)
			return SMX_EPROTO;
		dnsview_skip(&v, 4);
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
