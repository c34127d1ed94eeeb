/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_NODE_GATE_H
#define GLUE_NODE_GATE_H

#include "core/gate.h"
#include "core/heirs.h"
#include "glue/node_impl.h"

/*
 * The keeper's memory: which takeovers are under way, and room for one page of
 * rows.  One thread at a time; no lock is held while a member is asked.
 */
#define GATE_CAUSES ENGINE_CAUSES

struct keeper {
	struct smx_engine *node;
	struct gate_world world;
	struct gate *gates;      /* GATE_CAUSES for each peer */
	struct smx_key *yielded; /* of each peer: where the look goes on */

	/* one page */
	struct gate_row rows[GATE_PAGE];
	struct gate_row gone[GATE_PAGE]; /* of these, what is finished */
	struct heir heirs[GATE_PAGE];
	struct smx_key keys[GATE_PAGE], back[GATE_PAGE];
	enum smx_answer answers[GATE_PAGE];
	size_t at[GATE_PAGE]; /* whose key that is, in rows or heirs */

	uint64_t away;   /* members that are, as this round began */
	uint64_t claims; /* of takeover_claims(), those that were told */
	uint64_t untold; /* members that have not heard of all */
	int64_t tell_ms; /* when they are told again */
};

/* NULL: no memory. */
struct keeper *keeper_new(struct smx_engine *node);
void keeper_free(struct keeper **keeper);

/* ---- node_gate.c ---- */

/* What is due; returns when to look again. */
int64_t keeper_take_over(struct keeper *keeper);
/* Once through all that is kept for this host, as the operator wants. */
int keeper_take_now(struct keeper *keeper, const char *primary, int *claimed);
/* Ask those that took rows over from others whether they still have them. */
void keeper_watch_owners(struct keeper *keeper);

/* ---- node_heirs.c ---- */

/* ASK, CLAIM or DISCARD the first count of keeper->keys. */
int keeper_request(struct keeper *keeper, size_t peer,
    enum smx_request_kind kind, const char *primary, size_t count);
/* Tell the members in heirs[..].open of them, apart from deaf ones; who does
 * not answer becomes deaf. */
void keeper_tell(struct keeper *keeper, size_t count, uint64_t *deaf);
/* Members that are silent, or have left. */
uint64_t keeper_away(struct keeper *keeper);
/* What has been claimed otherwise, or could not be told, and what is over. */
void keeper_heirs(struct keeper *keeper);

#endif
