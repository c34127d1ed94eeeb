/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>

#include "base/log.h"
#include "io/store_apply.h"
#include "io/store_rules.h"

/* Amendments to rows that are kept for their primary. */

static void
log_damaged(const struct row_found *found)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, found->row.queue_id, "content_damaged");
	log_key(&l, "key", &found->row.key);
	log_str(&l, "primary", found->row.primary);
	log_end(&l);
}

/*
 * A larger envelope takes room from others: a peer gets it as far as its quota
 * goes.  What this host does by itself, or a claim moves from one account to
 * another, is never refused.
 */
static int
fits(struct group *group, const struct work *work,
    const struct row_found *found, uint64_t len)
{
	size_t peer;
	int result;

	if (work->owner == NULL || len <= found->envelope_len)
		return SMX_OK;
	result = usage_peer(group->usage, found->row.primary, &peer);
	if (result == SMX_OK)
		result = usage_fits(group->usage, peer,
		    group->grown + len - found->envelope_len);
	if (result == SMX_OK)
		group->grown += len - found->envelope_len;
	return result;
}

/* The envelope that it has so far is read in any case: the seal is made of it,
 * and what is damaged must not be sealed anew. */
static int
change(struct group *group, struct row_found *found,
    const struct smx_row_amendment *amendment)
{
	const char *text = amendment->envelope;
	size_t len, text_len = amendment->envelope_len;
	struct rows_original original = { NULL, 0 };
	char *envelope = NULL;
	int result = rows_envelope(group->rows, found, &envelope, &len);

	if (result == SMX_ECORRUPT) {
		log_damaged(found);
		return SMX_OK;
	}
	if (result == SMX_OK)
		result = group_effect(group, 1, found, "");
	/* The net wants to know who was served, too. */
	if (result == SMX_OK && text != NULL && group->gate != NULL &&
	    !found->row.amended)
		result = net_original_make(envelope, len, &original.data,
		    &original.len);
	if (text == NULL) {
		text = envelope;
		text_len = len;
	}
	if (result == SMX_OK) {
		(void)rules_amend(&found->row, found->origin, amendment);
		found->envelope_len = text_len;
		result = rows_amend(group->rows, found, text, text_len,
		    amendment->envelope != NULL ? &original : NULL);
	}
	if (result == SMX_OK)
		result = group_effect(group, 0, found, "");
	free(envelope);
	free(original.data);
	return result;
}

static int
amend_one(struct group *group, struct work *work,
    const struct smx_row_amendment *amendment)
{
	struct row_found found, after;
	int result = rows_find(group->rows, &amendment->key, &found);

	if (result != SMX_OK)
		return result == SMX_ENOTFOUND ? SMX_OK : result;
	if (found.damaged) {
		log_damaged(&found);
		return SMX_OK;
	}
	if (!rules_may_drop(&found.row, work->owner)) {
		work->foreign++;
		return SMX_OK;
	}
	after = found;
	if (!rules_amend(&after.row, after.origin, amendment))
		return SMX_OK;
	if (amendment->envelope != NULL) {
		result = fits(group, work, &found, amendment->envelope_len);
		if (result == SMX_EFULL)
			work->outcome = SMX_EFULL;
		if (result != SMX_OK)
			return result == SMX_EFULL ? SMX_OK : result;
	}
	return change(group, &found, amendment);
}

int
amend_apply(struct group *group, struct work *work)
{
	int result = SMX_OK;

	work->foreign = 0;
	for (size_t i = 0; result == SMX_OK && i < work->count; i++)
		result = amend_one(group, work, &work->amendments[i]);
	return result;
}
