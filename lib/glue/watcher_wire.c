/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/watcher_wire.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "glue/watcher_wire_in.h"

#define WIRE_VERSION 4
#define HEAD         16

static const unsigned char magic[4] = { 's', 'm', 'x', 'W' };

static void
put(struct watcher_packet *p, uint64_t value, unsigned bytes)
{
	assert(p->len + bytes <= sizeof(p->data));
	while (bytes-- != 0)
		p->data[p->len++] = (unsigned char)(value >> 8 * bytes);
}

void
wire_in_put(struct watcher_packet *p, uint64_t value, unsigned bytes)
{
	put(p, value, bytes);
}

static void
put_text(struct watcher_packet *p, const char *text)
{
	size_t n = strnlen(text, WATCHER_ID_MAX);

	put(p, n, 1);
	assert(p->len + n <= sizeof(p->data));
	memcpy(p->data + p->len, text, n);
	p->len += n;
}

void
wire_drop(struct watcher_packet *p)
{
	for (unsigned i = 0; i < p->fds; i++)
		if (p->fd[i] >= 0)
			close(p->fd[i]);
	p->fds = 0;
}

static int
has_token(enum watcher_kind kind)
{
	return kind == WATCHER_VERIFY || kind == WATCHER_READ ||
	       kind == WATCHER_OPEN || kind == WATCHER_OPENED ||
	       kind == WATCHER_ROUTE || kind == WATCHER_ROUTED;
}

void
wire_begin(struct watcher_packet *p, enum watcher_kind kind,
    uint64_t generation, uint64_t token)
{
	p->kind = kind;
	p->generation = generation;
	p->token = token;
	p->count = 0;
	p->len = HEAD;
	p->text_at = 0;
	wire_drop(p);
	if (has_token(kind))
		put(p, token, 8);
}

void
wire_put_id(struct watcher_packet *p, const char *id)
{
	put_text(p, id);
	p->count++;
}

void
wire_put_open(struct watcher_packet *p, const char *id, int64_t until_mono_ms)
{
	put(p, (uint64_t)until_mono_ms, 8);
	put_text(p, id);
	p->count++;
}

void
wire_put_want(struct watcher_packet *p, const struct watcher_want *want)
{
	put(p, want->deliveries != 0, 1);
	put(p, want->ends != 0, 1);
	p->count++;
}

void
wire_put_opened(struct watcher_packet *p, struct watcher_opened *opened)
{
	put(p, (uint64_t)-opened->result, 1);
	put(p, opened->envelope_len, 8);
	put(p, opened->size, 8);
	put(p, opened->held != 0, 1);
	p->count++;
	if (opened->result != SMX_OK)
		return;
	p->fd[0] = opened->envelope_fd;
	p->fd[1] = opened->content_fd;
	p->fds = 2;
	opened->envelope_fd = opened->content_fd = -1;
}

/* Non-zero: the text is in the packet's file. */
static int
attach(struct watcher_packet *p, const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text);

	if (text == NULL)
		return 0;
	if (p->fds == 0) {
		p->fd[0] = wire_text_file();
		if (p->fd[0] < 0)
			return 0;
		p->fds = 1;
	}
	return wire_text_write(p->fd[0], p->text_at, text, len) == SMX_OK;
}

static void
put_read(struct watcher_packet *p, const struct smx_queue_event *event)
{
	int there = attach(p, event->text);
	size_t len = there ? strlen(event->text) : 0;

	put(p, event->held != 0, 1);
	put(p, (uint64_t)there, 1);
	put(p, len, 4);
	p->text_at += len;
}

void
wire_put_event(struct watcher_packet *p, const struct smx_queue_event *event)
{
	put(p, (uint64_t)event->kind, 1);
	put(p, (uint64_t)event->presence, 1);
	put(p, event->token, 8);
	put_text(p, event->id);
	put_text(p, event->other);
	if (event->kind == SMX_QUEUE_READ)
		put_read(p, event);
	p->count++;
}

void
wire_put_state(struct watcher_packet *p, const struct smx_queue_state *state)
{
	static const struct smx_queue_state none;
	const struct smx_queue_state *s = state == NULL ? &none : state;

	put(p, state != NULL, 1);
	for (size_t i = 0; i < sizeof(s->epoch.id); i++)
		put(p, s->epoch.id[i], 1);
	put(p, s->epoch.counter, 8);
	put(p, s->first, 8);
	put(p, s->unclean, 8);
	put(p, s->links_known != 0, 1);
	put(p, (uint64_t)s->mta, 1);
	put(p, s->forgot != 0, 1);
	put(p, s->spans, 1);
	for (size_t i = 0; i < s->spans; i++) {
		put(p, s->span[i].first, 8);
		put(p, s->span[i].last, 8);
	}
	put(p, s->local_waiting, 8);
	put(p, (uint64_t)s->local_oldest_ms, 8);
	p->count++;
}

int
wire_send(int fd, struct watcher_packet *p)
{
	size_t len = p->len;
	ssize_t n;

	p->len = 0;
	for (size_t i = 0; i < sizeof(magic); i++)
		put(p, magic[i], 1);
	put(p, WIRE_VERSION, 1);
	put(p, (uint64_t)p->kind, 1);
	put(p, p->count, 2);
	put(p, p->generation, 8);
	p->len = len;
	do
		n = packet_send(fd, p);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)p->len) {
		wire_drop(p);
		return SMX_OK;
	}
	return n < 0 && (errno == EAGAIN || errno == ENOBUFS) ? SMX_ETEMP
							      : SMX_EIO;
}

/* ---- reading: nothing is believed ---- */

static int
get(struct watcher_packet *p, unsigned bytes, uint64_t *value)
{
	if (p->len - p->at < bytes)
		return SMX_EPROTO;
	*value = 0;
	while (bytes-- != 0)
		*value = *value << 8 | p->data[p->at++];
	return SMX_OK;
}

int
wire_in_get(struct watcher_packet *p, unsigned bytes, uint64_t *value)
{
	return get(p, bytes, value);
}

static int
get_small(struct watcher_packet *p, uint64_t max, unsigned *value)
{
	uint64_t n;

	if (get(p, 1, &n) != SMX_OK || n > max)
		return SMX_EPROTO;
	*value = (unsigned)n;
	return SMX_OK;
}

static int
get_text(struct watcher_packet *p, char out[WATCHER_ID_MAX + 1])
{
	unsigned n;

	if (get_small(p, WATCHER_ID_MAX, &n) != SMX_OK || p->len - p->at < n)
		return SMX_EPROTO;
	memcpy(out, p->data + p->at, n);
	out[n] = '\0';
	p->at += n;
	return strlen(out) == n ? SMX_OK : SMX_EPROTO;
}

static int
read_head(struct watcher_packet *p)
{
	uint64_t version, kind, count;

	if (p->len < HEAD || memcmp(p->data, magic, sizeof(magic)) != 0)
		return SMX_EPROTO;
	p->at = sizeof(magic);
	if (get(p, 1, &version) != SMX_OK || version != WIRE_VERSION ||
	    get(p, 1, &kind) != SMX_OK || kind < WATCHER_HELLO ||
	    kind > WATCHER_WANT || get(p, 2, &count) != SMX_OK ||
	    get(p, 8, &p->generation) != SMX_OK)
		return SMX_EPROTO;
	p->kind = (enum watcher_kind)kind;
	p->count = (unsigned)count;
	p->token = 0;
	return has_token(p->kind) ? get(p, 8, &p->token) : SMX_OK;
}

int
wire_receive(int fd, struct watcher_packet *p)
{
	ssize_t n;

	wire_drop(p);
	p->text_at = 0;
	do
		n = packet_receive(fd, p);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? SMX_ETEMP : SMX_EIO;
	if (n == 0)
		return SMX_ECLOSED;
	if ((size_t)n > sizeof(p->data))
		return SMX_EPROTO;
	p->len = (size_t)n;
	return read_head(p);
}

static int
more(struct watcher_packet *p)
{
	if (p->count == 0)
		return p->at == p->len ? SMX_ENOTFOUND : SMX_EPROTO;
	p->count--;
	return SMX_OK;
}

int
wire_in_more(struct watcher_packet *p)
{
	return more(p);
}

int
wire_get_id(struct watcher_packet *p, char id[WATCHER_ID_MAX + 1])
{
	int result = more(p);

	return result != SMX_OK ? result : get_text(p, id);
}

int
wire_get_open(struct watcher_packet *p, char id[WATCHER_ID_MAX + 1],
    int64_t *until_mono_ms)
{
	uint64_t until;

	if (more(p) != SMX_OK || get(p, 8, &until) != SMX_OK ||
	    until > INT64_MAX || get_text(p, id) != SMX_OK ||
	    more(p) != SMX_ENOTFOUND)
		return SMX_EPROTO;
	*until_mono_ms = (int64_t)until;
	return SMX_OK;
}

int
wire_get_want(struct watcher_packet *p, struct watcher_want *want)
{
	unsigned deliveries, ends;

	if (more(p) != SMX_OK || get_small(p, 1, &deliveries) != SMX_OK ||
	    get_small(p, 1, &ends) != SMX_OK || more(p) != SMX_ENOTFOUND)
		return SMX_EPROTO;
	want->deliveries = (int)deliveries;
	want->ends = (int)ends;
	return SMX_OK;
}

int
wire_get_opened(struct watcher_packet *p, struct watcher_opened *opened)
{
	struct watcher_opened o = { .envelope_fd = -1, .content_fd = -1 };
	unsigned result, held;

	if (more(p) != SMX_OK || get_small(p, 127, &result) != SMX_OK ||
	    get(p, 8, &o.envelope_len) != SMX_OK ||
	    o.envelope_len > WATCHER_TEXT_MAX || get(p, 8, &o.size) != SMX_OK ||
	    get_small(p, 1, &held) != SMX_OK || more(p) != SMX_ENOTFOUND ||
	    p->fds != (result == 0 ? 2 : 0))
		return SMX_EPROTO;
	o.result = -(int)result;
	o.held = (int)held;
	if (result == 0) {
		o.envelope_fd = p->fd[0];
		o.content_fd = p->fd[1];
		p->fds = 0;
	}
	*opened = o;
	return SMX_OK;
}

static int
get_read(struct watcher_packet *p, struct smx_queue_event *event)
{
	unsigned held, there;
	uint64_t len;

	if (get_small(p, 1, &held) != SMX_OK ||
	    get_small(p, 1, &there) != SMX_OK || get(p, 4, &len) != SMX_OK ||
	    len > WATCHER_TEXT_MAX || (there && p->fds != 1))
		return SMX_EPROTO;
	event->held = (int)held;
	if (!there)
		return SMX_OK;
	event->text = wire_text_read(p->fd[0], p->text_at, len);
	p->text_at += len;
	return SMX_OK;
}

int
wire_get_event(struct watcher_packet *p, struct smx_queue_event *event)
{
	unsigned kind, presence;
	int result = more(p);

	if (result != SMX_OK)
		return result;
	memset(event, 0, sizeof(*event));
	if (get_small(p, SMX_QUEUE_REFUSED, &kind) != SMX_OK || kind == 0 ||
	    get_small(p, SMX_PRESENCE_LINKED, &presence) != SMX_OK ||
	    get(p, 8, &event->token) != SMX_OK ||
	    get_text(p, event->id) != SMX_OK ||
	    get_text(p, event->other) != SMX_OK)
		return SMX_EPROTO;
	event->kind = (enum smx_queue_event_kind)kind;
	event->presence = (enum smx_presence)presence;
	return event->kind == SMX_QUEUE_READ ? get_read(p, event) : SMX_OK;
}

static int
get_spans(struct watcher_packet *p, struct smx_queue_state *s)
{
	unsigned forgot, spans;

	if (get_small(p, 1, &forgot) != SMX_OK ||
	    get_small(p, SMX_QUEUE_SPANS_MAX, &spans) != SMX_OK)
		return SMX_EPROTO;
	s->forgot = (int)forgot;
	s->spans = spans;
	for (size_t i = 0; i < spans; i++)
		if (get(p, 8, &s->span[i].first) != SMX_OK ||
		    get(p, 8, &s->span[i].last) != SMX_OK)
			return SMX_EPROTO;
	return SMX_OK;
}

int
wire_get_state(struct watcher_packet *p, struct smx_queue_state *state,
    int *known)
{
	unsigned flag[2], is_known;
	struct smx_queue_state s;
	uint64_t age_ms;

	memset(&s, 0, sizeof(s));
	if (more(p) != SMX_OK || get_small(p, 1, &is_known) != SMX_OK ||
	    p->len - p->at < sizeof(s.epoch.id))
		return SMX_EPROTO;
	memcpy(s.epoch.id, p->data + p->at, sizeof(s.epoch.id));
	p->at += sizeof(s.epoch.id);
	if (get(p, 8, &s.epoch.counter) != SMX_OK ||
	    get(p, 8, &s.first) != SMX_OK || get(p, 8, &s.unclean) != SMX_OK ||
	    get_small(p, 1, &flag[0]) != SMX_OK ||
	    get_small(p, SMX_MTA_DOWN, &flag[1]) != SMX_OK ||
	    get_spans(p, &s) != SMX_OK ||
	    get(p, 8, &s.local_waiting) != SMX_OK ||
	    get(p, 8, &age_ms) != SMX_OK || age_ms > INT64_MAX ||
	    more(p) != SMX_ENOTFOUND)
		return SMX_EPROTO;
	s.links_known = (int)flag[0];
	s.mta = (enum smx_mta_health)flag[1];
	s.local_oldest_ms = (int64_t)age_ms;
	*state = s;
	*known = (int)is_known;
	return SMX_OK;
}
