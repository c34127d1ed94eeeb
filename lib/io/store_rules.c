/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/digest.h"

/* Words in the database too: no flipped bit makes one of them another. */
static const char *const words[] = {
	[SMX_ROW_SHADOW] = "shadow",
	[SMX_ROW_CLAIMED] = "claimed",
	[SMX_ROW_HANDED] = "handed",
	[SMX_ROW_QUARANTINED] = "quarantined",
};

#define WORDS (sizeof(words) / sizeof(*words))

static_assert(WORDS == SMX_ROW_QUARANTINED + 1, "words[]");

const char *
smx_row_state_name(enum smx_row_state state)
{
	if ((unsigned)state >= WORDS || words[state] == NULL)
		return "unknown";
	return words[state];
}

enum smx_row_state
row_state_parse(const char *word)
{
	for (size_t i = SMX_ROW_SHADOW; i < WORDS; i++)
		if (strcmp(word, words[i]) == 0)
			return (enum smx_row_state)i;
	return (enum smx_row_state)0;
}

static int
rules_state(enum smx_row_state state)
{
	return state >= SMX_ROW_SHADOW && state <= SMX_ROW_QUARANTINED;
}

int
rules_head(const struct smx_shadow_head *head)
{
	if (head->primary == NULL || head->primary[0] == '\0' ||
	    strlen(head->primary) > SMX_NAME_MAX)
		return SMX_EINVAL;
	if (head->queue_id != NULL && strlen(head->queue_id) > SMX_QUEUE_ID_MAX)
		return SMX_EINVAL;
	if (head->envelope == NULL && head->envelope_len != 0)
		return SMX_EINVAL;
	if (head->envelope_len > STORE_ENVELOPE_MAX ||
	    head->size > STORE_CONTENT_MAX ||
	    head->recipients > STORE_RECIPIENTS_MAX)
		return SMX_ELIMIT;
	return SMX_OK;
}

int
rules_change(const struct smx_row_change *change)
{
	if (!rules_state(change->from) || !rules_state(change->to))
		return SMX_EINVAL;
	if (change->handed_id != NULL &&
	    strlen(change->handed_id) > SMX_QUEUE_ID_MAX)
		return SMX_EINVAL;
	return SMX_OK;
}

int
rules_rcpt_states(const char *states, size_t recipients)
{
	static const char known[] = { SMX_RCPT_OPEN, SMX_RCPT_HANDED,
		SMX_RCPT_REFUSED, '\0' };

	if (strlen(states) != recipients || strspn(states, known) != recipients)
		return SMX_EINVAL;
	return SMX_OK;
}

int
rules_meta(const char *name, const char *value)
{
	if (name == NULL || name[0] == '\0' || strlen(name) > SMX_NAME_MAX)
		return SMX_EINVAL;
	if (value == NULL)
		return SMX_EINVAL;
	return strlen(value) > STORE_META_VALUE_MAX ? SMX_ELIMIT : SMX_OK;
}

int
rules_repeat(const struct smx_row *row, const char *primary,
    const uint8_t *digest)
{
	if (strcmp(row->primary, primary) == 0 &&
	    memcmp(row->digest, digest, sizeof(row->digest)) == 0)
		return SMX_EEXIST;
	return SMX_ECONFLICT;
}

int
rules_may_drop(const struct smx_row *row, const char *primary)
{
	return primary == NULL || strcmp(row->primary, primary) == 0;
}

int
rules_apply(struct smx_row *row, const struct smx_row_change *change)
{
	if (row->state != change->from)
		return SMX_ESTATE;
	/* A retry in the same state keeps the time at which it was entered. */
	if (row->state != change->to)
		row->state_ms = change->now_ms;
	row->state = change->to;
	row->next_try_ms = change->next_try_ms;
	row->attempts = change->attempts;
	if (change->handed_id != NULL)
		text_copy(row->handed_id, sizeof(row->handed_id),
		    change->handed_id);
	if (change->reason != NULL)
		text_copy(row->reason, sizeof(row->reason), change->reason);
	return SMX_OK;
}

static void
seal_number(struct digest *digest, uint64_t number)
{
	uint8_t octets[8];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(number >> (8 * i));
	digest_add(digest, octets, sizeof(octets));
}

/* With its closing NUL, so that no two rows make the same bytes. */
static void
seal_text(struct digest *digest, const char *text)
{
	digest_add(digest, text, strlen(text) + 1);
}

int
rules_seal(const struct smx_row *row, const char *envelope, size_t envelope_len,
    uint8_t seal[SMX_DIGEST_BYTES])
{
	struct digest *digest = NULL;
	int result = digest_new(&digest);

	if (result != SMX_OK)
		return result;
	digest_add(digest, row->key.incarnation, sizeof(row->key.incarnation));
	seal_number(digest, row->key.counter);
	seal_text(digest, row->primary);
	seal_text(digest, row->queue_id);
	digest_add(digest, row->epoch.id, sizeof(row->epoch.id));
	seal_number(digest, row->epoch.counter);
	seal_number(digest, row->size);
	seal_number(digest, row->recipients);
	digest_add(digest, row->digest, sizeof(row->digest));
	digest_add(digest, envelope, envelope_len);
	result = digest_end(digest, seal);
	digest_free(&digest);
	return result;
}

static int
rules_page(struct smx_row *rows, size_t count, size_t *left, smx_row_fn each,
    void *each_ctx)
{
	for (size_t i = 0; i < count; i++) {
		int result = each(each_ctx, &rows[i]);

		if (result != 0)
			return result;
	}
	*left -= count;
	return 0;
}

int
rules_scan(const struct smx_store_filter *filter, rules_fetch_fn fetch,
    void *ctx, smx_row_fn each, void *each_ctx)
{
	size_t left = filter->limit == 0 ? SIZE_MAX : filter->limit;
	struct smx_row *rows = calloc(RULES_PAGE, sizeof(*rows));
	const struct smx_key *after = filter->after;
	size_t count = RULES_PAGE, want = RULES_PAGE;
	struct smx_key last;
	int result = SMX_OK;

	if (rows == NULL)
		return SMX_ENOMEM;
	while (result == 0 && left != 0 && count == want) {
		want = left < RULES_PAGE ? left : RULES_PAGE;
		count = 0;
		result = fetch(ctx, filter, after, rows, want, &count);
		/* A damaged key must not send the scan back. */
		if (result == SMX_OK && count != 0 && after != NULL &&
		    smx_key_compare(&rows[count - 1].key, after) <= 0)
			result = SMX_ECORRUPT;
		if (result == SMX_OK && count != 0) {
			last = rows[count - 1].key;
			after = &last;
			result = rules_page(rows, count, &left, each, each_ctx);
		}
	}
	free(rows);
	return result;
}

void
smx_store_close(struct smx_store *store)
{
	if (store->ops != NULL)
		store->ops->close(store->ctx);
	store->ops = NULL;
	store->ctx = NULL;
}
