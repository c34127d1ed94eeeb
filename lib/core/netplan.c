/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/netplan.h"

#define WAIT_ROWS  20000
#define WAIT_BYTES ((uint64_t)256 << 20)
/* No slice is more than this part of all, so that the size can be kept. */
#define PARTS 8

static const char *const words[] = {
	[NETPLAN_NONE] = "none",
	[NETPLAN_OLD] = "old",
	[NETPLAN_SIZE] = "size",
	[NETPLAN_DISK] = "disk",
};

const char *
netplan_word(enum netplan_why why)
{
	return words[why];
}

void
netplan_make(struct netplan *plan, int64_t keep_ms, int64_t slice_ms,
    uint64_t bytes)
{
	plan->keep_ms = keep_ms;
	plan->slice_ms = slice_ms;
	plan->bytes = bytes;
	plan->wait_rows = WAIT_ROWS;
	plan->wait_bytes = bytes < WAIT_BYTES ? bytes : WAIT_BYTES;
}

int
netplan_admits(const struct netplan *plan, uint64_t rows, uint64_t bytes,
    uint64_t more)
{
	return plan->keep_ms > 0 && rows < plan->wait_rows &&
	       bytes <= plan->wait_bytes && more <= plan->wait_bytes - bytes;
}

int
netplan_current(const struct netplan *plan, int64_t start_ms, uint64_t bytes,
    int64_t now_ms)
{
	return now_ms >= start_ms && now_ms - start_ms < plan->slice_ms &&
	       bytes < plan->bytes / PARTS;
}

/* The first from the future, else the oldest. */
static size_t
least_missed(const struct netplan *plan, const struct netplan_slice *slices,
    size_t count, int64_t now_ms)
{
	for (size_t i = 0; i < count; i++)
		if (slices[i].start_ms - plan->slice_ms > now_ms)
			return i;
	return 0;
}

enum netplan_why
netplan_drop(const struct netplan *plan, const struct netplan_slice *slices,
    size_t count, int64_t now_ms, uint64_t free_bytes, uint64_t floor_bytes,
    size_t *which)
{
	uint64_t bytes = 0;

	*which = 0;
	if (count == 0)
		return NETPLAN_NONE;
	if (slices[0].start_ms <= now_ms - plan->keep_ms - plan->slice_ms)
		return NETPLAN_OLD;
	for (size_t i = 0; i < count; i++)
		bytes += slices[i].bytes;
	*which = least_missed(plan, slices, count, now_ms);
	if (bytes > plan->bytes || count > NETPLAN_SLICES)
		return NETPLAN_SIZE;
	return free_bytes < floor_bytes ? NETPLAN_DISK : NETPLAN_NONE;
}
