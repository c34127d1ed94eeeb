/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/gate.h"

#include <stdlib.h>
#include <string.h>

#define SOON_MS 1000

/* ---- who is who ---- */

static size_t
members(const struct gate_world *world)
{
	return world->count < GATE_MEMBERS_MAX ? world->count
					       : GATE_MEMBERS_MAX;
}

static int
same_name(const char *name, const char *word, size_t len)
{
	return strncmp(name, word, len) == 0 && name[len] == '\0';
}

static uint64_t
bit_of(const struct gate_world *world, const char *word, size_t len)
{
	for (size_t i = 0; i < members(world); i++)
		if (same_name(world->names[i], word, len))
			return UINT64_C(1) << i;
	return 0;
}

uint64_t
gate_bit(const struct gate_world *world, const char *name)
{
	return bit_of(world, name, strlen(name));
}

uint64_t
gate_others(const struct gate_world *world, const char *primary)
{
	size_t n = members(world);
	uint64_t all = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;

	if (world->own == NULL)
		return 0;
	return primary == NULL ? all : all & ~gate_bit(world, primary);
}

/* A name that is no member any more is nobody: it is neither asked nor waited
 * for. */
void
gate_set_read(struct gate_set *set, const struct gate_world *world,
    const char *holders)
{
	memset(set, 0, sizeof(*set));
	if (world->own == NULL)
		return;
	while (*holders != '\0') {
		size_t len = strcspn(holders, " ");

		if (same_name(world->own, holders, len))
			set->ranked = 1;
		else
			set->named |= bit_of(world, holders, len);
		if (!set->ranked)
			set->higher = set->named;
		holders += len;
		holders += *holders == ' ';
	}
}

/* ---- a cause ---- */

static int
has_key(const struct gate *gate, const struct smx_key *key)
{
	for (size_t i = 0; i < gate->count; i++)
		if (smx_key_compare(&gate->keys[i].key, key) == 0)
			return 1;
	return 0;
}

/* What is over the ceiling comes again: its primary is asked about old rows
 * time after time. */
static int
add_keys(struct gate *gate, const struct engine_takeover *why, int64_t now_ms)
{
	if (gate->keys == NULL)
		gate->keys = calloc(GATE_KEYS_MAX, sizeof(*gate->keys));
	if (gate->keys == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < why->count && gate->count < GATE_KEYS_MAX; i++) {
		if (has_key(gate, &why->keys[i]))
			continue;
		gate->keys[gate->count].key = why->keys[i];
		gate->keys[gate->count++].since_ms = now_ms;
		gate->look_ms = now_ms;
	}
	return SMX_OK;
}

int
gate_open(struct gate *gate, const struct engine_takeover *why, int64_t now_ms)
{
	int known = gate->cause == why->cause;

	if (why->cause == ENGINE_CAUSE_LOST) {
		int r = add_keys(gate, why, now_ms);

		if (r != SMX_OK)
			return r;
	}
	if (known && why->cause == ENGINE_CAUSE_EPOCH)
		known = smx_epoch_same(&gate->epoch, &why->epoch);
	if (known && why->cause != ENGINE_CAUSE_OPERATOR)
		return SMX_OK;
	gate->cause = why->cause;
	gate->since_ms = now_ms;
	gate->look_ms = now_ms;
	gate->other_epoch = why->other_epoch;
	gate->epoch = why->epoch;
	gate->heard = UINT64_MAX; /* nobody has been silent yet */
	gate->deaf = 0;
	return SMX_OK;
}

void
gate_close(struct gate *gate)
{
	free(gate->keys);
	memset(gate, 0, sizeof(*gate));
}

int
gate_is_due(const struct gate *gate, int64_t now_ms)
{
	return gate->cause != 0 && gate->look_ms <= now_ms;
}

void
gate_round(struct gate *gate)
{
	memset(&gate->after, 0, sizeof(gate->after));
	gate->at = 0;
	gate->ended = 0;
	gate->spoke = gate->heard & ~gate->deaf;
	gate->heard = 0;
	gate->deaf = 0;
	gate->next_ms = INT64_MAX;
	gate->left = 0;
}

void
gate_round_end(struct gate *gate, int64_t now_ms, int64_t beat_ms)
{
	/* Many are not asked about as often as a few. */
	int64_t latest =
	    now_ms + beat_ms * (int64_t)(1 + gate->left / (10 * GATE_PAGE));

	if (gate->left == 0 || gate->cause == ENGINE_CAUSE_OPERATOR) {
		gate_close(gate);
		return;
	}
	/* A member that comes back, or has none any more, is heard of. */
	gate->look_ms = gate->next_ms < latest ? gate->next_ms : latest;
	if (gate->look_ms < now_ms + SOON_MS)
		gate->look_ms = now_ms + SOON_MS;
}

void
gate_again(struct gate *gate, int64_t at_ms)
{
	gate->look_ms = at_ms;
}

/* ---- a row ---- */

void
gate_row_begin(struct gate_row *row, const struct gate_world *world,
    const struct gate *gate, const struct smx_row *stored, int64_t since_ms)
{
	uint64_t others = gate_others(world, stored->primary);
	struct gate_set set;

	memset(row, 0, sizeof(*row));
	row->key = stored->key;
	row->since_ms = since_ms;
	gate_set_read(&set, world, stored->holders);
	row->ranked = (uint8_t)set.ranked;
	row->first = set.ranked && (set.higher & others) == 0;
	row->ask = others;
	/* A person's word takes no account of ranks, but of what is done. */
	if (gate->cause == ENGINE_CAUSE_OPERATOR || !set.ranked)
		row->wait = others;
	else
		row->wait = set.higher & others;
	if (stored->yielded && world->own != NULL)
		row->owner = gate_bit(world, stored->primary);
	row->ask |= row->owner;
	row->wait |= row->owner;
	row->believe = (set.named | row->owner) & row->ask;
	/* An envelope that came later may have others than were served. */
	row->whole = !stored->amended;
}

/*
 * The member that took it over: that it is silent is the cause itself, but of
 * its new epoch, or of a copy that it has lost, its own word decides.
 */
static void
owner_answer(struct gate_row *row, const struct gate *gate,
    enum smx_answer answer)
{
	if (answer == SMX_ANSWER_NONE)
		return;
	row->gone |= answer == SMX_ANSWER_ENDED;
	if (answer == SMX_ANSWER_UNKNOWN &&
	    (gate->cause == ENGINE_CAUSE_SILENT ||
		gate->cause == ENGINE_CAUSE_OPERATOR))
		return;
	row->leave = 1;
}

/* Of two that nobody has ranked, the one whose name comes first goes first. */
static int
goes_first(const struct gate_world *world, size_t member)
{
	return strcmp(world->names[member], world->own) < 0;
}

/*
 * It has ended there.  One that this copy's primary never named, or that need
 * not have served the same recipients, may not end it by its word.  But it
 * would be delivered again, at the latest when that one has forgotten it.
 */
static void
ended(struct gate_row *row, uint64_t bit)
{
	if ((row->believe & bit) != 0 && row->whole)
		row->gone = 1;
	else
		row->ended |= bit;
	row->leave = 1;
}

/* There is a copy: does that member go first? */
static int
is_step(const struct gate_row *row, const struct gate_world *world,
    size_t member, enum smx_answer answer)
{
	int waited = (row->wait >> member & 1) != 0;

	switch (answer) {
	case SMX_ANSWER_RANKED:
		return waited;
	case SMX_ANSWER_FIRST:
		/* Not in the set as it is told here: two think that they are
		 * first. */
		return waited || (row->first && goes_first(world, member));
	case SMX_ANSWER_SHADOW:
		return waited && goes_first(world, member);
	default:
		return waited && (row->ranked || goes_first(world, member));
	}
}

void
gate_row_answer(struct gate_row *row, const struct gate_world *world,
    struct gate *gate, size_t member, enum smx_answer answer)
{
	uint64_t bit = UINT64_C(1) << member;

	if ((row->ask & bit) == 0)
		return;
	if (answer != SMX_ANSWER_UNKNOWN)
		gate->heard |= bit;
	if ((row->owner & bit) != 0) {
		owner_answer(row, gate, answer);
		return;
	}
	if (answer == SMX_ANSWER_UNKNOWN && (gate->spoke & bit) != 0)
		row->again = 1;
	switch (answer) {
	case SMX_ANSWER_NONE:
		break;
	case SMX_ANSWER_TAKEN:
		row->leave = 1;
		break;
	case SMX_ANSWER_ENDED:
		ended(row, bit);
		break;
	default:
		row->steps += is_step(row, world, member, answer);
		break;
	}
}

int
gate_is_shadow(enum smx_answer answer)
{
	return answer == SMX_ANSWER_RANKED || answer == SMX_ANSWER_FIRST ||
	       answer == SMX_ANSWER_SHADOW;
}

enum gate_verdict
gate_row_verdict(const struct gate_row *row, struct gate *gate,
    int64_t takeover_after_ms, int64_t now_ms)
{
	int64_t at = row->since_ms + row->steps * takeover_after_ms;

	if (row->gone)
		return GATE_DROP;
	if (row->ended != 0 && gate->cause != ENGINE_CAUSE_OPERATOR)
		return GATE_ASIDE;
	if (row->leave)
		at = INT64_MAX;
	else if (row->again && gate->cause != ENGINE_CAUSE_OPERATOR)
		at = at > now_ms ? at : now_ms;
	else if (gate->cause == ENGINE_CAUSE_OPERATOR || at <= now_ms)
		return GATE_CLAIM;
	gate->left++;
	if (at < gate->next_ms)
		gate->next_ms = at;
	return GATE_WAIT;
}
