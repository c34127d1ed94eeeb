/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/watcher_route.h"

#include <assert.h>
#include <string.h>

#include "glue/watcher_wire_in.h"

/* ROUTE and ROUTED; see watcher_wire.h. */

static void
put_text(struct watcher_packet *p, const char *text)
{
	size_t n = strlen(text);

	wire_in_put(p, n, 2);
	assert(p->len + n <= sizeof(p->data));
	memcpy(p->data + p->len, text, n);
	p->len += n;
}

static int
get_text(struct watcher_packet *p, char *out, size_t size)
{
	uint64_t n;

	if (wire_in_get(p, 2, &n) != SMX_OK || n >= size || p->len - p->at < n)
		return SMX_EPROTO;
	memcpy(out, p->data + p->at, (size_t)n);
	out[n] = '\0';
	p->at += (size_t)n;
	return strlen(out) == n ? SMX_OK : SMX_EPROTO;
}

int
wire_put_route(struct watcher_packet *p, const char *sender,
    const char *recipient, int64_t until_mono_ms)
{
	if (strlen(sender) >= PFROUTE_ADDRESS ||
	    strlen(recipient) >= PFROUTE_ADDRESS)
		return SMX_ELIMIT;
	wire_in_put(p, (uint64_t)until_mono_ms, 8);
	put_text(p, sender);
	put_text(p, recipient);
	p->count++;
	return SMX_OK;
}

int
wire_get_route(struct watcher_packet *p, struct watcher_route_asked *asked)
{
	uint64_t until;

	if (wire_in_more(p) != SMX_OK || wire_in_get(p, 8, &until) != SMX_OK ||
	    until > INT64_MAX ||
	    get_text(p, asked->sender, sizeof(asked->sender)) != SMX_OK ||
	    get_text(p, asked->recipient, sizeof(asked->recipient)) != SMX_OK ||
	    wire_in_more(p) != SMX_ENOTFOUND)
		return SMX_EPROTO;
	asked->until_mono_ms = (int64_t)until;
	asked->token = p->token;
	return SMX_OK;
}

void
wire_put_routed(struct watcher_packet *p, const struct watcher_routed *routed)
{
	size_t count = routed->result == SMX_OK ? routed->route.count : 0;

	wire_in_put(p, (uint64_t)-routed->result, 1);
	wire_in_put(p, count, 1);
	for (size_t i = 0; i < count; i++)
		put_text(p, routed->route.hop[i]);
	p->count++;
}

int
wire_get_routed(struct watcher_packet *p, struct watcher_routed *routed)
{
	uint64_t result, count;

	if (wire_in_more(p) != SMX_OK || wire_in_get(p, 1, &result) != SMX_OK ||
	    result > 127 || wire_in_get(p, 1, &count) != SMX_OK ||
	    count > SMX_QUEUE_HOPS_MAX || (count != 0) != (result == 0))
		return SMX_EPROTO;
	routed->result = -(int)result;
	routed->route.count = (size_t)count;
	for (size_t i = 0; i < count; i++)
		if (get_text(p, routed->route.hop[i],
			sizeof(routed->route.hop[i])) != SMX_OK)
			return SMX_EPROTO;
	return wire_in_more(p) == SMX_ENOTFOUND ? SMX_OK : SMX_EPROTO;
}
