/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/replay.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/takeover.h"
#include "glue/node_impl.h"

/* One at a time, and so many a second: new mail is more urgent. */
#define EACH_MS    10
#define SUBMIT_MS  120000
#define TRIES      3
#define VAIN_MAX   5
#define SEEN_FIRST 1024

/* ---- keys that were had ---- */

static size_t
place_of(const struct replay_seen *seen, const struct smx_key *key)
{
	uint64_t hash = key->counter;

	for (size_t i = 0; i < sizeof(key->incarnation); i++)
		hash = (hash ^ key->incarnation[i]) * UINT64_C(0x100000001b3);
	hash ^= hash >> 32;
	return (size_t)hash & (seen->size - 1);
}

static int
is_free(const struct smx_key *key)
{
	static const struct smx_key none;

	return smx_key_compare(key, &none) == 0;
}

/* The slot that has it, or the free one for it. */
static struct smx_key *
find(const struct replay_seen *seen, const struct smx_key *key)
{
	size_t at = place_of(seen, key);

	while (!is_free(&seen->slot[at]) &&
	       smx_key_compare(&seen->slot[at], key) != 0)
		at = (at + 1) & (seen->size - 1);
	return &seen->slot[at];
}

static int
grow(struct replay_seen *seen)
{
	struct replay_seen grown = { .count = seen->count,
		.size = seen->size == 0 ? SEEN_FIRST : 2 * seen->size };

	grown.slot = calloc(grown.size, sizeof(*grown.slot));
	if (grown.slot == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < seen->size; i++)
		if (!is_free(&seen->slot[i]))
			*find(&grown, &seen->slot[i]) = seen->slot[i];
	free(seen->slot);
	*seen = grown;
	return SMX_OK;
}

int
replay_seen_add(struct replay_seen *seen, const struct smx_key *key)
{
	struct smx_key *slot;

	if (2 * seen->count >= seen->size && grow(seen) != SMX_OK)
		return SMX_ENOMEM;
	slot = find(seen, key);
	if (!is_free(slot))
		return 0;
	if (seen->count == REPLAY_MAX)
		return SMX_ELIMIT;
	*slot = *key;
	seen->count++;
	return 1;
}

void
replay_seen_free(struct replay_seen *seen)
{
	free(seen->slot);
	memset(seen, 0, sizeof(*seen));
}

/* ---- one message ---- */

static void
wait_until(int64_t mono_ms)
{
	int64_t left = mono_ms - clock_mono_ms();

	if (left > 0)
		(void)poll(NULL, 0, left > 10000 ? 10000 : (int)left);
}

static int
submit_once(struct replay *r, struct replay_item *item,
    const struct smx_envelope *quiet, struct smx_submit_result *result)
{
	struct smx_engine *node = r->command->node;
	struct smx_submit *submit = node->ports.submit;
	const struct smx_row *row = &item->kept->row;
	struct smx_submission s = { .envelope = quiet,
		.rcpt_states = item->states,
		.content = &item->kept->content,
		.trail_id = row->queue_id,
		.amended = row->amended,
		.held = row->held,
		.quiet = 1,
		.deadline_mono_ms = clock_mono_ms() + SUBMIT_MS };
	char received[2048] = "";

	if (takeover_received(row, item->envelope, node->node_name,
		clock_wall_ms(), received, sizeof(received)) != SMX_OK)
		received[0] = '\0';
	s.received = received;
	return submit->ops->submit(submit->ctx, &s, result);
}

static void
judge(struct replay_item *item, int rc, const struct smx_submit_result *result)
{
	size_t handed = 0, open = 0, refused = 0;

	for (size_t i = 0; item->states[i] != '\0'; i++) {
		if (item->states[i] != SMX_RCPT_OPEN)
			continue;
		handed += result->rcpt_states[i] == SMX_RCPT_HANDED;
		refused += result->rcpt_states[i] == SMX_RCPT_REFUSED;
		open += result->rcpt_states[i] == SMX_RCPT_OPEN;
	}
	text_copy(item->text, sizeof(item->text), result->text);
	if (rc == SMX_OK && handed == item->rcpts)
		item->outcome = "handed";
	else if (rc == SMX_OK && handed != 0)
		item->outcome = "partly";
	else if (rc == SMX_EUNSURE)
		item->outcome = "unsure";
	else if (rc == SMX_EREFUSED || (refused != 0 && open == 0))
		item->outcome = "refused";
	else
		item->outcome = "failed";
}

static void
log_replayed(const struct replay_item *item,
    const struct smx_submit_result *result)
{
	const struct smx_row *row = &item->kept->row;
	struct log_line l;

	log_begin(&l, SMX_LOG_INFO, row->queue_id, "replayed");
	log_key(&l, "key", &row->key);
	log_str(&l, "primary", row->primary);
	log_num(&l, "rcpts", (int64_t)item->rcpts);
	log_str(&l, "outcome", item->outcome);
	log_str(&l, "as", result->queue_id);
	log_str(&l, "reply", result->text);
	log_end(&l);
}

static int
submit(struct replay *r, struct replay_item *item,
    const struct smx_envelope *quiet)
{
	struct smx_submit_result result = { .text = "" };
	int rc = SMX_ETEMP;

	result.rcpt_states = strdup(item->states);
	if (result.rcpt_states == NULL)
		return SMX_ENOMEM;
	wait_until(r->next_ms);
	/* What was not taken at all may be tried again at once. */
	for (int i = 0;
	     i < TRIES && (rc == SMX_ETEMP || rc == SMX_EUNREACHABLE); i++) {
		if (i > 0)
			wait_until(clock_mono_ms() + ((int64_t)500 << i));
		rc = submit_once(r, item, quiet, &result);
	}
	r->next_ms = clock_mono_ms() + EACH_MS;
	judge(item, rc, &result);
	log_replayed(item, &result);
	free(result.rcpt_states);
	r->in_vain =
	    rc == SMX_ETEMP || rc == SMX_EUNREACHABLE ? r->in_vain + 1 : 0;
	return r->in_vain >= VAIN_MAX ? SMX_ETEMP : SMX_OK;
}

int
replay_submit(struct replay *r, struct replay_item *item)
{
	struct smx_envelope *quiet = NULL;
	int rc = netselect_quiet(item->envelope, &quiet);

	if (rc == SMX_OK)
		rc = submit(r, item, quiet);
	else if (rc != SMX_ENOMEM) {
		item->outcome = "refused";
		text_copy(item->text, sizeof(item->text),
		    "its envelope cannot be said without notices");
		rc = SMX_OK;
	}
	smx_envelope_free(&quiet);
	return rc;
}
