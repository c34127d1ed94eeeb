/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_NETPLAN_H
#define CORE_NETPLAN_H

#include <stddef.h>
#include <stdint.h>

/*
 * The safety net: what is kept of delivered mail, and what goes.  It lies in
 * slices of time, and goes slice by slice.  Nothing here may ever be a reason
 * to refuse mail: what there is no room for is not kept.
 */
struct netplan {
	int64_t keep_ms;  /* 0: there is no net */
	int64_t slice_ms; /* a slice is written to for so long */
	uint64_t bytes;   /* of all slices */
	/* Ended, and not yet in a slice: */
	uint64_t wait_rows;
	uint64_t wait_bytes;
};

/* As much may wait for the mover; the rest follows from what was set. */
void netplan_make(struct netplan *plan, int64_t keep_ms, int64_t slice_ms,
    uint64_t bytes);

/* May one more of so many bytes wait, while so much does? */
int netplan_admits(const struct netplan *plan, uint64_t rows, uint64_t bytes,
    uint64_t more);

/* Is the slice that was begun then still to be written to?  Not when its time
 * is over, or the clock was set back, or it is a good part of all there may be.
 */
int netplan_current(const struct netplan *plan, int64_t start_ms,
    uint64_t bytes, int64_t now_ms);

struct netplan_slice {
	int64_t start_ms;
	uint64_t bytes;
};

enum netplan_why {
	NETPLAN_NONE,
	NETPLAN_OLD,  /* past its time */
	NETPLAN_SIZE, /* all together are too large, or too many */
	NETPLAN_DISK  /* the disk is short */
};
const char *netplan_word(enum netplan_why why);

/* More files than this are not kept, however small they are. */
#define NETPLAN_SLICES 4096

/*
 * Is one of these, which are in the order of their start, to go now, and which?
 * free_bytes: what the disk has left; floor_bytes: what it should have.  One
 * from the future, for the clock was set back since, is never old, and goes
 * before all others when room is wanted.
 */
enum netplan_why netplan_drop(const struct netplan *plan,
    const struct netplan_slice *slices, size_t count, int64_t now_ms,
    uint64_t free_bytes, uint64_t floor_bytes, size_t *which);

#endif
