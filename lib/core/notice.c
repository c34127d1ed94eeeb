/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/notice.h"

#include <stdlib.h>
#include <string.h>

void
notice_init(struct notices *notices, size_t max)
{
	memset(notices, 0, sizeof(*notices));
	notices->max = max < 1 ? 1 : max;
}

void
notice_free(struct notices *notices)
{
	for (int k = 0; k < NOTICE_KINDS; k++)
		free(notices->ring[k].keys);
	free(notices->batch);
	memset(notices, 0, sizeof(*notices));
}

static int
ring_grow(struct notice_ring *r)
{
	size_t size = r->size == 0 ? 64 : r->size * 2;
	struct smx_key *keys;

	if (r->count < r->size)
		return SMX_OK;
	keys = malloc(size * sizeof(*keys));
	if (keys == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < r->count; i++)
		keys[i] = r->keys[(r->first + i) % r->size];
	free(r->keys);
	r->keys = keys;
	r->size = size;
	r->first = 0;
	return SMX_OK;
}

static void
ring_take(struct notice_ring *r, struct smx_key *key)
{
	if (key != NULL)
		*key = r->keys[r->first];
	r->first = (r->first + 1) % r->size;
	r->count--;
}

static void
drop_oldest(struct notices *notices)
{
	struct notice_ring *a = &notices->ring[NOTICE_DISCARD];
	struct notice_ring *b = &notices->ring[NOTICE_ABORT];

	if (a->count == 0 || (b->count != 0 && b->since_ms < a->since_ms))
		a = b;
	if (a->count == 0)
		return;
	ring_take(a, NULL);
	notices->dropped++;
}

void
notice_add(struct notices *notices, enum notice_kind kind,
    const struct smx_key *key, int64_t now_ms)
{
	struct notice_ring *r = &notices->ring[kind];

	if (notice_waiting(notices) >= notices->max)
		drop_oldest(notices);
	if (ring_grow(r) != SMX_OK) {
		notices->dropped++;
		return;
	}
	if (r->count == 0)
		r->since_ms = now_ms;
	r->keys[(r->first + r->count++) % r->size] = *key;
}

uint64_t
notice_waiting(const struct notices *notices)
{
	return notices->batched + notices->ring[NOTICE_DISCARD].count +
	       notices->ring[NOTICE_ABORT].count;
}

int64_t
notice_due(const struct notices *notices, int64_t delay_ms)
{
	int64_t due = INT64_MAX;

	if (notices->batched != 0)
		return 0;
	for (int k = 0; k < NOTICE_KINDS; k++) {
		const struct notice_ring *r = &notices->ring[k];

		if (r->count >= SMX_REQ_KEYS_MAX)
			return 0;
		if (r->count != 0 && r->since_ms + delay_ms < due)
			due = r->since_ms + delay_ms;
	}
	return due;
}

static void
fill_batch(struct notices *notices)
{
	struct notice_ring *d = &notices->ring[NOTICE_DISCARD];
	struct notice_ring *a = &notices->ring[NOTICE_ABORT];
	struct notice_ring *r;

	notices->kind = NOTICE_DISCARD;
	if (d->count == 0 || (a->count != 0 && a->since_ms < d->since_ms))
		notices->kind = NOTICE_ABORT;
	r = &notices->ring[notices->kind];
	while (r->count != 0 && notices->batched < SMX_REQ_KEYS_MAX)
		ring_take(r, &notices->batch[notices->batched++]);
}

int
notice_batch(struct notices *notices, struct smx_request *request)
{
	if (notices->batch == NULL) {
		notices->batch =
		    malloc(SMX_REQ_KEYS_MAX * sizeof(*notices->batch));
		if (notices->batch == NULL)
			return SMX_ENOMEM;
	}
	if (notices->batched == 0)
		fill_batch(notices);
	request->kind =
	    notices->kind == NOTICE_ABORT ? SMX_REQ_ABORT : SMX_REQ_DISCARD;
	request->keys = notices->batch;
	request->count = notices->batched;
	return SMX_OK;
}

void
notice_confirmed(struct notices *notices)
{
	notices->batched = 0;
}
