/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_WATCHER_WIRE_H
#define GLUE_WATCHER_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <shadowmx/queue.h>

/*
 * Packets between watcher and worker:
 *
 *	"smxW" version:8 kind:8 count:16 generation:64 body
 *
 *	HELLO	worker	a conversation with this generation begins
 *	VERIFY	worker	token:64, count times (length:8 id)
 *	READ	worker	as VERIFY
 *	OPEN	worker	token:64, count 1: until:64 length:8 id
 *	EVENTS	watcher	count times (kind:8 presence:8 token:64 length:8 id
 *			length:8 other, and for a READ event held:8 text:8
 *			bytes:32); with one descriptor when a text is there:
 *			of a file that holds the texts one behind the other
 *	STATE	watcher	count 1: known:8 epoch:128 counter:64 first:64
 *			unclean:64 links:8 mta:8 forgot:8 spans:8, so many times
 *			(first:64 last:64), local_waiting:64 local_oldest:64;
 *			every two seconds; with generation 0: I have begun anew,
 *			say HELLO
 *	OPENED	watcher	token:64, count 1: result:8 envelope:64 size:64; with
 *			result 0 two descriptors, of a file with the envelope
 *			and of one with the content
 *	ROUTE	worker	token:64, count 1: until:64 length:16 sender length:16
 *			recipient; see watcher_route.h
 *	ROUTED	watcher	token:64, count 1: result:8 hops:8, so many times
 *			(length:16 hop); none with any other result than 0
 *	WANT	worker	count 1: deliveries:8 ends:8, see smx_queue_ops.want
 *
 * Numbers are big-endian, times of the monotonic clock.  A packet that is not
 * exactly this means nothing, and its descriptors are closed.
 */
#define WATCHER_PACKET_MAX 32768
#define WATCHER_VERIFY_MAX 400 /* ids in one packet */
#define WATCHER_EVENTS_MAX 200
#define WATCHER_READ_MAX   SMX_QUEUE_READ_MAX  /* ids in one packet */
#define WATCHER_TEXT_MAX   (64u * 1024 * 1024) /* of one envelope */
#define WATCHER_FDS_MAX    2
#define WATCHER_ID_MAX     63
#define WATCHER_BEAT_MS    2000
#define WATCHER_SILENCE_MS 10000

enum watcher_kind {
	WATCHER_HELLO = 1,
	WATCHER_VERIFY,
	WATCHER_EVENTS,
	WATCHER_STATE,
	WATCHER_READ,
	WATCHER_OPEN,
	WATCHER_OPENED,
	WATCHER_ROUTE,
	WATCHER_ROUTED,
	WATCHER_WANT
};

/* A packet being written, or one being read. */
struct watcher_packet {
	enum watcher_kind kind;
	uint64_t generation;
	unsigned count; /* things in it; left in it while reading */
	uint64_t token; /* of those that have one */
	/* Descriptors that go with it: the packet's until wire_drop, or until
	 * somebody takes one and leaves -1. */
	int fd[WATCHER_FDS_MAX];
	unsigned fds;
	uint64_t text_at; /* in fd[0]: where the next text is, or goes */
	size_t len;
	size_t at; /* reading: the next byte */
	unsigned char data[WATCHER_PACKET_MAX];
};

void wire_begin(struct watcher_packet *p, enum watcher_kind kind,
    uint64_t generation, uint64_t token);
/* Close what came with it; wire_begin and wire_receive do so first. */
void wire_drop(struct watcher_packet *p);
void wire_put_id(struct watcher_packet *p, const char *id);
/* A text goes into the packet's file; when that fails, it could not be read. */
void wire_put_event(struct watcher_packet *p,
    const struct smx_queue_event *event);
/* WANT */
struct watcher_want {
	int deliveries, ends;
};
void wire_put_want(struct watcher_packet *p, const struct watcher_want *want);
/* OPEN */
void wire_put_open(struct watcher_packet *p, const char *id,
    int64_t until_mono_ms);
/* OPENED; with SMX_OK the descriptors are taken. */
struct watcher_opened {
	int result; /* SMX_OK, SMX_ENOTFOUND, SMX_EIO, SMX_ETIMEOUT */
	int envelope_fd, content_fd; /* -1 with any other */
	uint64_t envelope_len, size;
	int held;
};
void wire_put_opened(struct watcher_packet *p, struct watcher_opened *opened);
/* A packet with its descriptors, without waiting; as send and recv. */
ssize_t packet_send(int fd, struct watcher_packet *p);
ssize_t packet_receive(int fd, struct watcher_packet *p);
/* A file in memory, for a text; -1. */
int wire_text_file(void);
int wire_text_write(int fd, uint64_t at, const char *text,
    size_t len) SMX_MUST_USE;
/* malloc'ed, ended by a NUL beyond len; NULL: it is not so long, or no memory
 * for it. */
char *wire_text_read(int fd, uint64_t at, uint64_t len);
/* state NULL: not known */
void wire_put_state(struct watcher_packet *p,
    const struct smx_queue_state *state);

/* SMX_OK, SMX_ETEMP (would wait), SMX_EIO. */
int wire_send(int fd, struct watcher_packet *p);
/* The same, and SMX_EPROTO, SMX_ECLOSED. */
int wire_receive(int fd, struct watcher_packet *p) SMX_MUST_USE;
/* The next of the packet's things: SMX_ENOTFOUND when there is none left,
 * SMX_EPROTO.  The text of an event is the caller's. */
int wire_get_id(struct watcher_packet *p, char id[WATCHER_ID_MAX + 1]);
int wire_get_event(struct watcher_packet *p, struct smx_queue_event *event);
int wire_get_open(struct watcher_packet *p, char id[WATCHER_ID_MAX + 1],
    int64_t *until_mono_ms);
int wire_get_want(struct watcher_packet *p, struct watcher_want *want);
/* The descriptors are the caller's then. */
int wire_get_opened(struct watcher_packet *p, struct watcher_opened *opened);
/* *known 0: the watcher has no state. */
int wire_get_state(struct watcher_packet *p, struct smx_queue_state *state,
    int *known);

#endif
