/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_apply.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/store_rules.h"

/* A shadow that has arrived becomes a row. */

int
group_effect(struct group *group, int removed, const struct row_found *found,
    const char *file)
{
	struct usage_row row = {
		.state = found->row.state,
		.rows = 1,
		.size = found->kept,
		.cost = found->kept + found->envelope_len,
	};
	int result = usage_peer(group->usage, found->row.primary, &row.peer);

	if (result == SMX_OK)
		result = effects_add(&group->effects, removed, &row, file);
	return result;
}

static int
insert(struct group *group, struct smx_draft *draft)
{
	struct usage_row row;
	int result = rows_insert(group->rows, draft);

	if (result != SMX_OK)
		return result;
	draft_usage(draft, &row);
	draft->kept = 1;
	result = usage_peer(group->usage, draft->row.primary, &row.peer);
	if (result == SMX_OK)
		result = effects_add(&group->effects, 0, &row, "");
	if (result == SMX_OK)
		effects_taken(&group->effects, draft->peer, draft->taken);
	return result;
}

/* What has become of it, which no seal covers. */
static void
inherit_state(struct smx_row *row, const struct smx_row *old)
{
	row->state = old->state;
	row->stored_ms = old->stored_ms;
	row->state_ms = old->state_ms;
	row->next_try_ms = old->next_try_ms;
	row->attempts = old->attempts;
	text_copy(row->handed_id, sizeof(row->handed_id), old->handed_id);
	text_copy(row->reason, sizeof(row->reason), old->reason);
}

/* What the old seal has proved, with the envelope if it was amended since. */
static void
inherit_sealed(struct smx_draft *draft, const struct row_found *found,
    char **envelope, size_t len)
{
	const struct smx_row *old = &found->row;
	struct smx_row *row = &draft->row;

	if (old->amended) {
		free(draft->envelope);
		draft->envelope = *envelope;
		draft->envelope_len = len;
		row->recipients = old->recipients;
		row->amended = 1;
		*envelope = NULL;
	}
	text_copy(row->primary, sizeof(row->primary), old->primary);
	row->epoch = old->epoch;
	text_copy(row->holders, sizeof(row->holders), old->holders);
	row->version = old->version;
	row->held = old->held;
	row->yielded = old->yielded;
	text_copy(draft->origin, sizeof(draft->origin), found->origin);
}

static int
inherit(struct group *group, struct smx_draft *draft,
    const struct row_found *found)
{
	char *envelope = NULL;
	size_t len;
	int result = rows_envelope(group->rows, found, &envelope, &len);

	if (result != SMX_OK && result != SMX_ECORRUPT)
		return result;
	inherit_state(&draft->row, &found->row);
	if (result == SMX_OK)
		inherit_sealed(draft, found, &envelope, len);
	free(envelope);
	return draft_seal(draft);
}

/* The same content again for a row whose own has gone bad: the row keeps what
 * has become of it, its content is the new one. */
static int
replace(struct group *group, struct smx_draft *draft, struct row_found *found)
{
	int result = SMX_OK;

	if (!found->damaged)
		result = inherit(group, draft, found);
	if (result == SMX_OK)
		result = rows_delete(group->rows, found);
	if (result == SMX_OK)
		result = group_effect(group, 1, found, found->file);
	return result == SMX_OK ? insert(group, draft) : result;
}

/* What the row says of itself is no argument against the copy. */
static int
seal_is_broken(struct group *group, const struct row_found *found)
{
	char *envelope = NULL;
	size_t len;
	int result = rows_envelope(group->rows, found, &envelope, &len);

	free(envelope);
	return result == SMX_ECORRUPT;
}

int
accept_apply(struct group *group, struct work *work)
{
	struct smx_draft *draft = work->draft;
	const struct smx_row *row = &draft->row;
	struct row_found found;
	int result = rows_find(group->rows, &row->key, &found);

	if (result == SMX_ENOTFOUND) {
		if (tombs_has(group->tombs, row->primary, &row->key)) {
			work->outcome = SMX_EGONE;
			return SMX_OK;
		}
		return insert(group, draft);
	}
	if (result != SMX_OK)
		return result;
	if (found.damaged)
		return replace(group, draft, &found);
	work->outcome =
	    rules_repeat(&found.row, found.origin, row->primary, row->digest);
	if (work->outcome == SMX_ECONFLICT && draft->replace &&
	    seal_is_broken(group, &found))
		work->outcome = SMX_EEXIST;
	if (work->outcome != SMX_EEXIST || !draft->replace)
		return SMX_OK;
	work->outcome = SMX_OK;
	return replace(group, draft, &found);
}
