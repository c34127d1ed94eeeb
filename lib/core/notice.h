/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_NOTICE_H
#define CORE_NOTICE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/link.h>

/*
 * What one peer has still to be told: discards and aborts, first in first out,
 * sent in batches of one kind and repeated until the peer has confirmed them.
 * A batch that is out stays as it is until then.
 */
enum notice_kind { NOTICE_DISCARD, NOTICE_ABORT, NOTICE_KINDS };

struct notice_ring {
	struct smx_key *keys;
	size_t size;
	size_t first;
	size_t count;
	int64_t since_ms; /* when the ring stopped being empty */
};

struct notices {
	struct notice_ring ring[NOTICE_KINDS];
	struct smx_key *batch;
	size_t batched;
	enum notice_kind kind; /* of the batch */
	size_t max;
	uint64_t dropped; /* over the ceiling, or no memory */
};

void notice_init(struct notices *notices, size_t max);
void notice_free(struct notices *notices);
/* The oldest one goes when there are max already. */
void notice_add(struct notices *notices, enum notice_kind kind,
    const struct smx_key *key, int64_t now_ms);
uint64_t notice_waiting(const struct notices *notices);
/* When a batch should go: now or earlier, or INT64_MAX when there is none. */
int64_t notice_due(const struct notices *notices, int64_t delay_ms);
/* Fill in kind, keys and count; the keys are lent until notice_confirmed. */
int notice_batch(struct notices *notices, struct smx_request *request);
void notice_confirmed(struct notices *notices);

#endif
