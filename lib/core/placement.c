/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/placement.h"

#include <string.h>

static int
site_allowed(const struct ack_conf *ack, const char *site)
{
	for (size_t i = 0; i < ack->site_count; i++)
		if (ack->sites[i] != NULL && strcmp(ack->sites[i], site) == 0)
			return 1;
	return ack->site_count == 0;
}

void
placement_fill(struct ack_conf *ack, const struct conf *conf)
{
	uint64_t allowed = 0, remote = 0;

	for (size_t i = 0; i < conf->member_count && i < PLACEMENT_MEMBERS_MAX;
	     i++) {
		const char *site = conf->members[i].site;

		if (site_allowed(ack, site))
			allowed |= UINT64_C(1) << i;
		if (strcmp(site, conf->site) != 0)
			remote |= UINT64_C(1) << i;
	}
	if (ack->placement == PLACEMENT_REMOTE_ONLY)
		allowed &= remote;
	else if (ack->placement == PLACEMENT_LOCAL_ONLY)
		allowed &= ~remote;
	ack->ack.holders = allowed;
	ack->ack.preferred = 0;
	if (ack->placement == PLACEMENT_PREFER_REMOTE)
		ack->ack.preferred = allowed & remote;
	else if (ack->placement == PLACEMENT_PREFER_LOCAL)
		ack->ack.preferred = allowed & ~remote;
}

unsigned
placement_count(uint64_t holders)
{
	unsigned count = 0;

	for (; holders != 0; holders &= holders - 1)
		count++;
	return count;
}
