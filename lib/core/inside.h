/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_INSIDE_H
#define CORE_INSIDE_H

#include <shadowmx/link.h>
#include <shadowmx/queue.h>
#include <shadowmx/store.h>

#include "base/log.h"
#include "core/engine.h"
#include "core/notice.h"
#include "core/own.h"
#include "core/peer.h"

/*
 * The engine's inside, shared by its files: engine.c (own messages), hint.c and
 * evidence.c (what the queue shows and proves), talk.c (requests to and from
 * peers), sweep.c (LIST), successor.c (when to take over), report.c.
 */

/* Keys that wait for a question to, or came out of an answer of, one peer. */
struct key_pool {
	struct smx_key *keys; /* SMX_REQ_KEYS_MAX of them, made when needed */
	size_t count;
};

struct talk {
	int busy; /* enum smx_request_kind that is out, 0 none */
	struct notices notices;
	struct key_pool ask;      /* engine_ask */
	size_t asking;            /* of these, in the request that is out */
	struct key_pool finished; /* for engine_finished_next */
	struct key_pool lost;     /* for engine_takeover_next */

	int list_wanted;
	int listing; /* between two pages */
	int64_t list_ms;
	struct smx_key list_after;
};

struct engine_peer {
	struct peer peer;
	struct talk talk;
	uint64_t copies;
};

#define VERIFY_IDS_MAX 512

struct engine {
	struct engine_options options;
	struct engine_peer *peers;
	struct own_table own;
	uint64_t last; /* highest counter given out */
	size_t adopted;
	uint64_t work;
	int64_t now_ms;
	size_t turn; /* rotates among equal candidates */

	int has_queue;
	struct smx_queue_state queue;
	uint64_t token;
	char verify[VERIFY_IDS_MAX][SMX_QUEUE_ID_MAX + 1];

	uint64_t accepted, accepted_unprotected, refused, finished;
};

/* Every entry with a time begins here; sees pauses of our own. */
void engine_clock(struct engine *engine, int64_t now_ms);
void engine_has(struct engine *engine, struct own *own, size_t peer);
void engine_has_not(struct engine *engine, struct own *own, size_t peer);
/* The end of a key: notices to all that have or may have it. */
void engine_end(struct engine *engine, struct own *own, enum notice_kind kind,
    const char *why, int64_t now_ms);
void engine_forget(struct engine *engine, struct own *own);
void engine_notify(struct engine *engine, size_t peer, enum notice_kind kind,
    const struct smx_key *key, int64_t now_ms);
void engine_show_peer(struct engine *engine, size_t peer, int64_t now_ms);
/* " peer=NAME" of a log line. */
void engine_log_peer(const struct engine *engine, struct log_line *line,
    size_t peer);
/* Is this key of ours, and no longer open? */
int engine_was_ours(const struct engine *engine, const struct smx_key *key);

int pool_add(struct key_pool *pool, const struct smx_key *key);
void pool_drop(struct key_pool *pool, size_t front);

/* evidence.c */
#define EVIDENCE_HINT_MS 50 /* hints wait for company */
void evidence_doubt(struct own *own, const char *why);
void evidence_become(struct own *own, enum own_state state);
void evidence_verified(struct engine *engine,
    const struct smx_queue_event *event, int64_t now_ms);
void evidence_soon(struct engine *engine, struct own *own, int64_t now_ms);
enum own_epoch evidence_epoch(const struct engine *engine,
    const struct smx_epoch *row);

/* sweep.c */
void sweep_want(struct engine *engine, size_t peer, int64_t at_ms);
void sweep_next(struct engine *engine, size_t peer,
    struct smx_request *request);
void sweep_page(struct engine *engine, size_t peer,
    const struct smx_request *request, const struct smx_reply *reply,
    int64_t now_ms);
void sweep_failed(struct engine *engine, size_t peer);

#endif
