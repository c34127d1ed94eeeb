/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/reads.h"

#include <stdlib.h>
#include <string.h>

/*
 * A ceiling on reads, however much is deferred.  When both wait, one of four is
 * for those that are read again: neither kind starves the other.
 */
#define READS_PER_SECOND 100
#define AGAIN_EVERY      4

void
reads_init(struct reads *reads, int64_t now_ms)
{
	memset(reads, 0, sizeof(*reads));
	reads->paced_ms = now_ms;
	reads->room = READS_PER_SECOND;
}

void
reads_free(struct reads *reads)
{
	free(reads->fresh.slot);
	free(reads->again.slot);
	memset(reads, 0, sizeof(*reads));
}

static void
place(struct read_heap *h, size_t at, struct read_slot slot)
{
	h->slot[at] = slot;
	slot.own->read_at = (uint32_t)at;
}

static void
settle(struct read_heap *h, size_t at, struct read_slot slot)
{
	while (at > 1 && h->slot[at / 2].due_ms > slot.due_ms) {
		place(h, at, h->slot[at / 2]);
		at /= 2;
	}
	for (;;) {
		size_t child = at * 2;

		if (child > h->count)
			break;
		if (child < h->count &&
		    h->slot[child + 1].due_ms < h->slot[child].due_ms)
			child++;
		if (h->slot[child].due_ms >= slot.due_ms)
			break;
		place(h, at, h->slot[child]);
		at = child;
	}
	place(h, at, slot);
}

static int
grow(struct read_heap *h)
{
	size_t size = h->size == 0 ? 64 : h->size * 2;
	struct read_slot *slot;

	if (h->count + 1 < h->size)
		return 1;
	slot = realloc(h->slot, size * sizeof(*slot));
	if (slot == NULL)
		return 0;
	h->slot = slot;
	h->size = size;
	return 1;
}

static struct read_heap *
heap_of(struct reads *reads, const struct own *own)
{
	return own->read_again ? &reads->again : &reads->fresh;
}

void
reads_put(struct reads *reads, struct own *own, int64_t due_ms)
{
	struct read_heap *h = heap_of(reads, own);
	struct read_slot slot = { due_ms, own };

	if (own->read_at == 0) {
		if (!grow(h))
			return;
		own->read_at = (uint32_t)++h->count;
	}
	settle(h, own->read_at, slot);
}

void
reads_remove(struct reads *reads, struct own *own)
{
	struct read_heap *h = heap_of(reads, own);
	size_t at = own->read_at;
	struct read_slot last;

	if (at == 0)
		return;
	own->read_at = 0;
	last = h->slot[h->count--];
	if (last.own != own)
		settle(h, at, last);
}

static void
pace(struct reads *reads, int64_t now_ms)
{
	int64_t more = (now_ms - reads->paced_ms) * READS_PER_SECOND / 1000;

	if (more <= 0)
		return;
	reads->paced_ms = now_ms;
	if (more > READS_PER_SECOND - (int64_t)reads->room)
		reads->room = READS_PER_SECOND;
	else
		reads->room += (unsigned)more;
}

static struct own *
due(const struct read_heap *h, int64_t now_ms)
{
	return h->count != 0 && h->slot[1].due_ms <= now_ms ? h->slot[1].own
							    : NULL;
}

struct own *
reads_next(struct reads *reads, int64_t now_ms)
{
	struct own *fresh = due(&reads->fresh, now_ms);
	struct own *again = due(&reads->again, now_ms);

	pace(reads, now_ms);
	/* What is fenced is not one of so many a second. */
	if (fresh != NULL && fresh->fenced)
		return fresh;
	if (again != NULL && again->fenced)
		return again;
	if (reads->room == 0)
		return NULL;
	if (fresh == NULL || (again != NULL && reads->turn == 0))
		return again;
	return fresh;
}

void
reads_taken(struct reads *reads)
{
	reads->room--;
	reads->turn = (reads->turn + 1) % AGAIN_EVERY;
}
