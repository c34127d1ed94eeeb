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
	[SMX_ROW_DONE] = "done",
};

#define WORDS (sizeof(words) / sizeof(*words))

static_assert(WORDS == SMX_ROW_DONE + 1, "words[]");

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
	return state >= SMX_ROW_SHADOW && state <= SMX_ROW_DONE;
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
	if (head->holders != NULL &&
	    strnlen(head->holders, SMX_HOLDERS_MAX + 1) > SMX_HOLDERS_MAX)
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
	/* Its content goes: nothing but what the own MTA has had may. */
	if (change->to == SMX_ROW_DONE && change->from != SMX_ROW_HANDED)
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

static int
name_is_bad(const char *name)
{
	return name[0] == '\0' ||
	       strnlen(name, SMX_NAME_MAX + 1) > SMX_NAME_MAX;
}

int
rules_amendments(const char *primary, const struct smx_row_amendment *list,
    size_t count)
{
	size_t bytes = 0;

	if (primary != NULL && name_is_bad(primary))
		return SMX_EINVAL;
	if (count > STORE_AMEND_MAX)
		return SMX_ELIMIT;
	for (size_t i = 0; i < count; i++) {
		const struct smx_row_amendment *m = &list[i];

		if ((m->primary != NULL && m->primary[0] != '\0' &&
			name_is_bad(m->primary)) ||
		    m->held < -1 || m->held > 1 ||
		    (m->holders != NULL &&
			strnlen(m->holders, SMX_HOLDERS_MAX + 1) >
			    SMX_HOLDERS_MAX))
			return SMX_EINVAL;
		if (m->envelope == NULL)
			continue;
		if (m->envelope_len > STORE_ENVELOPE_MAX ||
		    m->recipients > STORE_RECIPIENTS_MAX ||
		    m->envelope_len > STORE_AMEND_BYTES_MAX - bytes)
			return SMX_ELIMIT;
		bytes += m->envelope_len;
	}
	return SMX_OK;
}

const char *
rules_creator(const struct smx_row *row, const char *origin)
{
	return origin[0] != '\0' ? origin : row->primary;
}

uint64_t
rules_kept(const struct smx_row *row)
{
	return row->state == SMX_ROW_DONE ? 0 : row->size;
}

int
rules_repeat(const struct smx_row *row, const char *origin, const char *primary,
    const uint8_t *digest)
{
	if (strcmp(rules_creator(row, origin), primary) != 0)
		return SMX_ECONFLICT;
	if (row->state == SMX_ROW_DONE)
		return SMX_EGONE;
	if (digest == NULL)
		return SMX_OK;
	if (memcmp(row->digest, digest, sizeof(row->digest)) == 0)
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
	/* What is done has no content to go on with. */
	if (row->state != change->from || row->state == SMX_ROW_DONE)
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

/* Versions are the primary's clock: another primary begins anew. */
static void
yield(struct smx_row *row, char origin[SMX_NAME_MAX + 1],
    const struct smx_row_amendment *amendment)
{
	const char *to = amendment->primary;

	if (to[0] == '\0')
		to = rules_creator(row, origin);
	row->epoch = amendment->epoch;
	if (strcmp(row->primary, to) == 0)
		return;
	if (origin[0] == '\0')
		text_copy(origin, SMX_NAME_MAX + 1, row->primary);
	text_copy(row->primary, sizeof(row->primary), to);
	row->version = 0;
	row->yielded = strcmp(origin, row->primary) != 0;
	if (!row->yielded)
		origin[0] = '\0';
}

int
rules_amend(struct smx_row *row, char origin[SMX_NAME_MAX + 1],
    const struct smx_row_amendment *amendment)
{
	if (row->state != SMX_ROW_SHADOW ||
	    (amendment->version != 0 && amendment->version <= row->version))
		return 0;
	if (amendment->version != 0)
		row->version = amendment->version;
	if (amendment->holders != NULL)
		text_copy(row->holders, sizeof(row->holders),
		    amendment->holders);
	if (amendment->held >= 0)
		row->held = amendment->held;
	if (amendment->envelope != NULL) {
		row->recipients = amendment->recipients;
		row->amended = 1;
	}
	if (amendment->primary != NULL)
		yield(row, origin, amendment);
	return 1;
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

/* Nothing for a row as the first version of the store had it, so that its seal
 * still holds. */
static void
seal_amended(struct digest *digest, const struct smx_row *row,
    const char *origin)
{
	if (row->version == 0 && !row->held && !row->amended && !row->yielded &&
	    row->holders[0] == '\0' && origin[0] == '\0')
		return;
	seal_text(digest, row->holders);
	seal_text(digest, origin);
	seal_number(digest, row->version);
	seal_number(digest, (uint64_t)(row->held != 0) << 2 |
				(uint64_t)(row->amended != 0) << 1 |
				(uint64_t)(row->yielded != 0));
}

int
rules_seal(const struct smx_row *row, const char *origin, const char *envelope,
    size_t envelope_len, uint8_t seal[SMX_DIGEST_BYTES])
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
	seal_amended(digest, row, origin);
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
