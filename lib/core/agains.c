/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/again.h"

#include <stdlib.h>
#include <string.h>

void
again_free(struct again *again)
{
	free(again->slot);
	memset(again, 0, sizeof(*again));
}

static void
place(struct again *a, size_t at, struct again_slot slot)
{
	a->slot[at] = slot;
	slot.own->copy_at = (uint32_t)at;
}

static void
settle(struct again *a, size_t at, struct again_slot slot)
{
	while (at > 1 && a->slot[at / 2].due_ms > slot.due_ms) {
		place(a, at, a->slot[at / 2]);
		at /= 2;
	}
	for (;;) {
		size_t child = at * 2;

		if (child > a->count)
			break;
		if (child < a->count &&
		    a->slot[child + 1].due_ms < a->slot[child].due_ms)
			child++;
		if (a->slot[child].due_ms >= slot.due_ms)
			break;
		place(a, at, a->slot[child]);
		at = child;
	}
	place(a, at, slot);
}

static int
grow(struct again *a)
{
	size_t size = a->size == 0 ? 64 : a->size * 2;
	struct again_slot *slot;

	if (a->count + 1 < a->size)
		return 1;
	slot = realloc(a->slot, size * sizeof(*slot));
	if (slot == NULL)
		return 0;
	a->slot = slot;
	a->size = size;
	return 1;
}

void
again_put(struct again *again, struct own *own, int64_t due_ms)
{
	struct again_slot slot = { due_ms, own };

	if (own->copy_at == 0) {
		if (!grow(again))
			return;
		own->copy_at = (uint32_t)++again->count;
	}
	settle(again, own->copy_at, slot);
}

void
again_remove(struct again *again, struct own *own)
{
	size_t at = own->copy_at;
	struct again_slot last;

	if (at == 0)
		return;
	own->copy_at = 0;
	last = again->slot[again->count--];
	if (last.own != own)
		settle(again, at, last);
}

const struct again_slot *
again_first(const struct again *again)
{
	return again->count == 0 ? NULL : &again->slot[1];
}

void
again_hurry(struct again *again, int64_t due_ms)
{
	size_t count = again->count;

	/* Put one after the other, as those that are out keep their time. */
	for (size_t i = 1; i <= count; i++) {
		struct again_slot slot = again->slot[i];

		if (slot.own->copy_out)
			slot.own->hurry = 1;
		else if (slot.due_ms > due_ms)
			slot.due_ms = due_ms;
		again->count = i;
		settle(again, i, slot);
	}
}
