/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/undelivered.h"

#include <string.h>

#include "core/amend.h"
#include "glue/node.h"

/* A kind of trouble that no holder ends. */
static struct smx_ack
kind_of(const struct smx_ack *ack)
{
	struct smx_ack kind = { .min_copies = ENGINE_TROUBLE_DELIVERY };
	uint64_t h = 0;

	for (size_t i = 0; i < ack->next_hop_count; i++)
		h = amend_hash(h, ack->next_hops[i],
		    strlen(ack->next_hops[i]) + 1);
	kind.holders = h;
	return kind;
}

static int
is_one(const struct deliver_rcpt *rcpt)
{
	return rcpt->ack->when == SMX_WHEN_DELIVERED &&
	       rcpt->ack->when_unprotected == SMX_UNPROTECTED_TEMPFAIL &&
	       rcpt->ack->tempfail_ms > 0;
}

void
undelivered_begin(const struct ending *ending, const struct deliver_rcpt *rcpts,
    size_t count, struct smx_ack *ack)
{
	int64_t lasted = INT64_MAX;

	if (ack->when_unprotected != SMX_UNPROTECTED_TEMPFAIL ||
	    ack->tempfail_ms <= 0)
		return;
	for (size_t i = 0; i < count; i++) {
		struct smx_ack kind;
		struct engine *core;
		int64_t ms;

		if (!is_one(&rcpts[i]) || rcpts[i].outcome == DELIVER_TAKEN ||
		    rcpts[i].outcome == DELIVER_KNOWN)
			continue;
		kind = kind_of(rcpts[i].ack);
		core = node_enter(ending->engine);
		ms = engine_trouble_ms(core, &kind, node_now_ms());
		engine_trouble(core, &kind, 1, node_now_ms());
		node_leave(ending->engine);
		if (ms < lasted)
			lasted = ms;
	}
	if (lasted != INT64_MAX && lasted >= ack->tempfail_ms)
		ack->when_unprotected = SMX_UNPROTECTED_ACCEPT;
}

void
undelivered_end(const struct ending *ending, const struct deliver_rcpt *rcpts,
    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct smx_ack kind;

		if (!is_one(&rcpts[i]) || rcpts[i].outcome != DELIVER_TAKEN)
			continue;
		kind = kind_of(rcpts[i].ack);
		engine_trouble(node_enter(ending->engine), &kind, 0,
		    node_now_ms());
		node_leave(ending->engine);
	}
}
