/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/hand.h"

#include <string.h>

#include "core/addr.h"
#include "core/amend.h"
#include "core/backoff.h"

enum hand_part
hand_part_of(const char *rcpt, const char *domain, const uint64_t *booked,
    size_t count)
{
	uint64_t hash = amend_address(rcpt);
	struct addr parts;

	for (size_t i = 0; i < count; i++)
		if (booked[i] == hash)
			return HAND_BOOKED;
	if (addr_read(&parts, rcpt) != SMX_OK)
		return HAND_OTHERS;
	return strcmp(parts.domain, domain) == 0 ? HAND_OURS : HAND_OTHERS;
}

enum hand_step
hand_next(const unsigned char *parts, size_t count, int whole)
{
	int ours = 0, others = 0;

	for (size_t i = 0; i < count; i++) {
		ours |= parts[i] == HAND_OURS;
		others |= parts[i] == HAND_OTHERS;
	}
	if (ours && !whole)
		return HAND_DELIVER;
	return ours || others ? HAND_REST : HAND_ERASE;
}

int64_t
hand_pause_ms(unsigned tries, unsigned lost)
{
	if (lost >= HAND_LOST_MOST)
		return HAND_LOST_MS;
	return backoff_ms(HAND_PAUSE_MS, HAND_PAUSE_MAX,
	    tries == 0 ? 0 : tries - 1);
}

int
hand_is_due(int64_t next_ms, int64_t wall_ms, int whole)
{
	return wall_ms >= next_ms ||
	       next_ms - wall_ms > (whole ? HAND_REST_MS : HAND_LOST_MS);
}
