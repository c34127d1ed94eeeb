/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_WATCHER_WIRE_H
#define GLUE_WATCHER_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/queue.h>

/*
 * Packets between watcher and worker:
 *
 *	"smxW" version:8 kind:8 count:16 generation:64 body
 *
 *	HELLO	worker	a conversation with this generation begins
 *	VERIFY	worker	token:64, count times (length:8 id)
 *	EVENTS	watcher	count times (kind:8 presence:8 token:64 length:8 id
 *			length:8 other)
 *	STATE	watcher	count 1: known:8 epoch:128 counter:64 before:64
 *			unclean:64 links:8 mta:8; every two seconds; with generation
 *0: I have begun anew, say HELLO
 *
 * Numbers are big-endian.  A packet that is not exactly this means nothing.
 */
#define WATCHER_PACKET_MAX 32768
#define WATCHER_VERIFY_MAX 400 /* ids in one packet */
#define WATCHER_EVENTS_MAX 200
#define WATCHER_ID_MAX     63
#define WATCHER_BEAT_MS    2000
#define WATCHER_SILENCE_MS 10000

enum watcher_kind {
	WATCHER_HELLO = 1,
	WATCHER_VERIFY,
	WATCHER_EVENTS,
	WATCHER_STATE
};

/* A packet being written, or one being read. */
struct watcher_packet {
	enum watcher_kind kind;
	uint64_t generation;
	unsigned count; /* things in it; left in it while reading */
	uint64_t token; /* VERIFY */
	size_t len;
	size_t at; /* reading: the next byte */
	unsigned char data[WATCHER_PACKET_MAX];
};

void wire_begin(struct watcher_packet *p, enum watcher_kind kind,
    uint64_t generation, uint64_t token);
void wire_put_id(struct watcher_packet *p, const char *id);
void wire_put_event(struct watcher_packet *p,
    const struct smx_queue_event *event);
/* state NULL: not known */
void wire_put_state(struct watcher_packet *p,
    const struct smx_queue_state *state);

/* SMX_OK, SMX_ETEMP (would wait), SMX_EIO. */
int wire_send(int fd, struct watcher_packet *p);
/* The same, and SMX_EPROTO, SMX_ECLOSED. */
int wire_receive(int fd, struct watcher_packet *p) SMX_MUST_USE;
/* The next of the packet's things: SMX_ENOTFOUND when there is none left,
 * SMX_EPROTO. */
int wire_get_id(struct watcher_packet *p, char id[WATCHER_ID_MAX + 1]);
int wire_get_event(struct watcher_packet *p, struct smx_queue_event *event);
/* *known 0: the watcher has no state. */
int wire_get_state(struct watcher_packet *p, struct smx_queue_state *state,
    int *known);

#endif
