/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/plan.h"

#include <stdlib.h>
#include <string.h>

#include <shadowmx/store.h>

#include "base/clock.h"
#include "glue/node.h"

static int
same(const struct plan *plan, const size_t *peer, size_t count)
{
	return plan != NULL && plan->count == count &&
	       memcmp(plan->peer, peer, count * sizeof(*peer)) == 0;
}

/* More than a row can keep is not said at all: half a set would let those that
 * are left out take over beside the others. */
static size_t
names_size(const struct smx_engine *node, const size_t *peer, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += strlen(node_peer_name(node, peer[i])) + 1;
	return size > SMX_HOLDERS_MAX + 1 ? 0 : size;
}

static void
write_names(struct plan *plan, const struct smx_engine *node)
{
	char *at = plan->names;

	for (size_t i = 0; i < plan->count; i++) {
		const char *name = node_peer_name(node, plan->peer[i]);
		size_t len = strlen(name);

		if (i > 0)
			*at++ = ' ';
		memcpy(at, name, len);
		at += len;
	}
	*at = '\0';
}

static struct plan *
plan_new(const struct smx_engine *node, const struct smx_shadow *shadow,
    const size_t *peer, size_t count)
{
	size_t size = names_size(node, peer, count);
	struct plan *plan = calloc(1, sizeof(*plan) + size + 1);

	if (plan == NULL)
		return NULL;
	plan->count = count;
	memcpy(plan->peer, peer, count * sizeof(*peer));
	if (size > 0)
		write_names(plan, node);
	plan->shadow = *shadow;
	plan->shadow.holders = plan->names;
	return plan;
}

/* Asked again after it went away: its place is at the end now, as in hold. */
static void
tell(struct plans *plans, size_t peer, const struct plan *plan)
{
	struct plan_told told = { .peer = peer, .plan = plan };
	size_t i = 0;

	while (i < plans->told && plans->by[i].peer != peer)
		i++;
	if (i < plans->told) {
		told.may = plans->by[i].may;
		if (told.may && plans->by[i].plan != plan)
			told.plan = NULL;
		plans->told--;
		memmove(&plans->by[i], &plans->by[i + 1],
		    (plans->told - i) * sizeof(plans->by[0]));
	}
	if (plans->told < HOLD_PEERS_MAX)
		plans->by[plans->told++] = told;
}

/* Who is meant to have it: those that have it already stand first. */
static size_t
meant(const struct plans *plans, const struct hold *hold,
    size_t peers[HOLD_PEERS_MAX])
{
	size_t n = 0;

	while (n < plans->there.count && n < HOLD_PEERS_MAX) {
		peers[n] = plans->there.peer[n];
		n++;
	}
	return n +
	       hold_plan(hold, clock_mono_ms(), peers + n, HOLD_PEERS_MAX - n);
}

const struct smx_shadow *
plan_shadow(struct plans *plans, const struct smx_engine *node,
    const struct smx_shadow *shadow, const struct hold *hold, size_t peer)
{
	size_t peers[HOLD_PEERS_MAX];
	size_t count = meant(plans, hold, peers);
	struct plan *plan = plans->all;

	while (plan != NULL && !same(plan, peers, count))
		plan = plan->next;
	if (plan == NULL) {
		plan = plan_new(node, shadow, peers, count);
		if (plan == NULL)
			return NULL;
		plan->next = plans->all;
		plans->all = plan;
	}
	tell(plans, peer, plan);
	return &plan->shadow;
}

void
plan_answer(struct plans *plans, size_t peer, int result)
{
	for (size_t i = 0; i < plans->told; i++)
		if (plans->by[i].peer == peer)
			plans->by[i].may |=
			    result == SMX_OK || result == SMX_EEXIST ||
			    result == SMX_EUNSURE || result == SMX_ETIMEOUT;
}

void
plan_ranks(const struct plans *plans, const struct hold *hold,
    struct engine_ranks *ranks)
{
	size_t peers[HOLD_PEERS_MAX];
	size_t count = meant(plans, hold, peers);

	memset(ranks, 0, sizeof(*ranks));
	/* Those that had it know nothing of the others. */
	ranks->told = plans->there.count == 0;
	for (size_t i = 0; i < count && i < OWN_RANKS_MAX; i++)
		ranks->peer[ranks->count++] = (uint8_t)peers[i];
	for (size_t i = 0; i < plans->told; i++)
		if (plans->by[i].may &&
		    (!same(plans->by[i].plan, peers, count) ||
			plans->by[i].plan->names[0] == '\0'))
			ranks->told = 0;
}

void
plans_free(struct plans *plans)
{
	while (plans->all != NULL) {
		struct plan *plan = plans->all;

		plans->all = plan->next;
		free(plan);
	}
}
