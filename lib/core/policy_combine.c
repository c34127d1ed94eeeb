/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include <shadowmx/policy.h>

#include "core/placement.h"

static int
has_enough(const struct smx_ack *ack)
{
	return placement_count(ack->holders) >= ack->min_copies;
}

/* For ever comes after any time. */
static int
is_longer(int64_t a, int64_t b)
{
	return b != 0 && (a == 0 || a > b);
}

static unsigned
larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* Non-zero when the recipient's answer to trouble is the harder one. */
static int
is_harder(const struct smx_ack *recipient, const struct smx_ack *message)
{
	if (recipient->when_unprotected != SMX_UNPROTECTED_TEMPFAIL)
		return 0;
	return message->when_unprotected != SMX_UNPROTECTED_TEMPFAIL ||
	       is_longer(recipient->tempfail_ms, message->tempfail_ms);
}

/* Who asks for no shadow says nothing about where it may be. */
static void
shadow_fold(struct smx_ack *message, const struct smx_ack *recipient)
{
	if ((recipient->when & SMX_WHEN_SHADOWED) == 0)
		return;
	if ((message->when & SMX_WHEN_SHADOWED) == 0) {
		message->holders = recipient->holders;
		message->preferred = recipient->preferred;
	}
	message->copies = larger(message->copies, recipient->copies);
	message->min_copies =
	    larger(message->min_copies, recipient->min_copies);
	message->holders &= recipient->holders;
	message->preferred =
	    (message->preferred | recipient->preferred) & message->holders;
}

static void
fold(struct smx_ack *message, const struct smx_ack *recipient)
{
	shadow_fold(message, recipient);
	message->when |= recipient->when;
	if (recipient->max_delay_ms < message->max_delay_ms)
		message->max_delay_ms = recipient->max_delay_ms;
	/* The name is that of the wish that a client may come to feel. */
	if (is_harder(recipient, message)) {
		message->when_unprotected = recipient->when_unprotected;
		message->tempfail_ms = recipient->tempfail_ms;
		message->policy = recipient->policy;
	}
}

int
smx_policy_combine(struct smx_ack *message, const struct smx_ack *recipient,
    int split)
{
	struct smx_ack folded = *message;
	int result = SMX_OK;

	if (message->policy == NULL ||
	    (message->when == 0 && recipient->when != 0)) {
		*message = *recipient;
		message->next_hops = NULL;
		message->next_hop_count = 0;
		return SMX_OK;
	}
	if (recipient->when == 0)
		return SMX_OK;
	fold(&folded, recipient);
	if (has_enough(message) && has_enough(recipient) &&
	    !has_enough(&folded))
		result = SMX_ECONFLICT;
	if (result == SMX_OK || !split)
		*message = folded;
	return result;
}
