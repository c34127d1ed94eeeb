/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/keyset.h"

#include <stdlib.h>
#include <string.h>

void
keyset_init(struct keyset *set, size_t max)
{
	memset(set, 0, sizeof(*set));
	set->max = max < 2 ? 2 : max;
}

void
keyset_free(struct keyset *set)
{
	free(set->range);
	free(set->gone);
	keyset_init(set, set->max);
}

/* Room for one more range and for every stored one to go away, so that a change
 * once begun cannot fail half-way. */
static int
keyset_reserve(struct keyset *set)
{
	size_t want = set->count + 1;
	struct keyset_range *range;
	uint64_t *gone;

	if (want > set->size) {
		size_t size = set->size == 0 ? 8 : set->size * 2;

		range = realloc(set->range, size * sizeof(*range));
		if (range == NULL)
			return SMX_ENOMEM;
		set->range = range;
		set->size = size;
	}
	if (set->gone_count + want > set->gone_size) {
		size_t size = (set->gone_count + want) * 2;

		gone = realloc(set->gone, size * sizeof(*gone));
		if (gone == NULL)
			return SMX_ENOMEM;
		set->gone = gone;
		set->gone_size = size;
	}
	return SMX_OK;
}

/* The first range that ends at or above counter. */
static size_t
keyset_find(const struct keyset *set, uint64_t counter)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->range[middle].hi < counter)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
keyset_unstore(struct keyset *set, struct keyset_range *range)
{
	if (range->stored)
		set->gone[set->gone_count++] = range->lo;
	range->stored = 0;
}

static void
keyset_remove(struct keyset *set, size_t index, size_t count)
{
	for (size_t i = index; i < index + count; i++)
		keyset_unstore(set, &set->range[i]);
	memmove(&set->range[index], &set->range[index + count],
	    (set->count - index - count) * sizeof(*set->range));
	set->count -= count;
}

static void
keyset_insert(struct keyset *set, size_t index, uint64_t counter)
{
	memmove(&set->range[index + 1], &set->range[index],
	    (set->count - index) * sizeof(*set->range));
	set->range[index] = (struct keyset_range){ counter, counter, 1, 0 };
	set->count++;
}

/* Fold the lowest quarter, so that this is rare. */
static void
keyset_raise_floor(struct keyset *set)
{
	size_t last = set->count / 4;
	uint64_t hi = set->range[last].hi;

	keyset_remove(set, 1, last);
	if (set->range[0].lo != 0)
		keyset_unstore(set, &set->range[0]);
	set->range[0].lo = 0;
	set->range[0].hi = hi;
	set->range[0].dirty = 1;
}

int
keyset_add(struct keyset *set, uint64_t counter)
{
	size_t at = keyset_find(set, counter);
	struct keyset_range *left, *right;
	int result;

	if (at < set->count && set->range[at].lo <= counter)
		return SMX_OK;
	result = keyset_reserve(set);
	if (result != SMX_OK)
		return result;
	left = at > 0 && set->range[at - 1].hi == counter - 1
		   ? &set->range[at - 1]
		   : NULL;
	right = at < set->count && set->range[at].lo == counter + 1
		    ? &set->range[at]
		    : NULL;
	if (left != NULL) {
		left->hi = right != NULL ? right->hi : counter;
		left->dirty = 1;
		if (right != NULL)
			keyset_remove(set, at, 1);
	} else if (right != NULL) {
		keyset_unstore(set, right);
		right->lo = counter;
		right->dirty = 1;
	} else {
		keyset_insert(set, at, counter);
	}
	if (set->count > set->max)
		keyset_raise_floor(set);
	return SMX_OK;
}

int
keyset_has(const struct keyset *set, uint64_t counter)
{
	size_t at = keyset_find(set, counter);

	return at < set->count && set->range[at].lo <= counter;
}

int
keyset_load(struct keyset *set, uint64_t lo, uint64_t hi)
{
	int result;

	if (lo > hi || (set->count != 0 && set->range[set->count - 1].hi >= lo))
		return SMX_EINVAL;
	result = keyset_reserve(set);
	if (result != SMX_OK)
		return result;
	set->range[set->count++] = (struct keyset_range){ lo, hi, 0, 1 };
	return SMX_OK;
}

int
keyset_changed(const struct keyset *set)
{
	if (set->gone_count != 0)
		return 1;
	for (size_t i = 0; i < set->count; i++)
		if (set->range[i].dirty)
			return 1;
	return 0;
}

void
keyset_saved(struct keyset *set)
{
	set->gone_count = 0;
	for (size_t i = 0; i < set->count; i++) {
		set->range[i].stored = 1;
		set->range[i].dirty = 0;
	}
}
