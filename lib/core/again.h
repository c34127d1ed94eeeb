/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_AGAIN_H
#define CORE_AGAIN_H

#include <stddef.h>
#include <stdint.h>

#include "core/own.h"

/*
 * Own messages with fewer copies than they should have, earliest due first.
 * Each has one place here at most, so that there are never more of them than
 * open messages; what is due and could be copied is handed out by
 * engine_copy_next(), as many at a time as its callers are.
 */
struct again_slot {
	int64_t due_ms;
	struct own *own;
};

struct again {
	struct again_slot *slot; /* [1..count] */
	size_t count;
	size_t size;
	uint32_t lost;    /* peers that are silent: their copies do not count */
	uint32_t leaving; /* peers that are to be emptied: theirs count, and are
			   * wanted elsewhere too */
	unsigned most;    /* copies that any policy asks for; 0 not known */
};

void again_free(struct again *again);
/* A message that finds no memory is left out, until it is put again. */
void again_put(struct again *again, struct own *own, int64_t due_ms);
void again_remove(struct again *again, struct own *own);
/* The earliest, NULL none; it stays. */
const struct again_slot *again_first(const struct again *again);
/* None is due later than that, but those that are being copied: they are due
 * when the result is there. */
void again_hurry(struct again *again, int64_t due_ms);

#endif
