/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "io/store_mem.h"
#include "io/store_rules.h"

/* Amendments; of a row all or nothing: what can fail comes first. */

static int
grows(const struct mem_row *row, const struct smx_row_amendment *amendment,
    uint64_t *by)
{
	*by = 0;
	if (amendment->envelope != NULL &&
	    amendment->envelope_len > row->envelope_len)
		*by = amendment->envelope_len - row->envelope_len;
	return *by != 0;
}

static int
change_locked(struct mem *mem, struct mem_row *row,
    const struct smx_row_amendment *amendment)
{
	struct usage_row before, after;
	char *envelope = NULL;
	size_t peer;
	int result = SMX_OK;

	/* The new account, so that mem_usage finds it; that of an origin was
	 * there when the row came. */
	if (amendment->primary != NULL && amendment->primary[0] != '\0')
		result = usage_peer(mem->usage, amendment->primary, &peer);
	if (result == SMX_OK && amendment->envelope != NULL) {
		envelope = malloc(amendment->envelope_len + 1);
		if (envelope == NULL)
			result = SMX_ENOMEM;
	}
	if (result != SMX_OK)
		return result;
	mem_usage(mem, row, &before);
	(void)rules_amend(&row->row, row->origin, amendment);
	if (envelope != NULL) {
		memcpy(envelope, amendment->envelope, amendment->envelope_len);
		envelope[amendment->envelope_len] = '\0';
		free(row->envelope);
		row->envelope = envelope;
		row->envelope_len = amendment->envelope_len;
		free(row->rcpt_states);
		row->rcpt_states = NULL;
	}
	mem_usage(mem, row, &after);
	usage_remove(mem->usage, &before);
	usage_add(mem->usage, &after);
	return SMX_OK;
}

static int
amend_locked(struct mem *mem, const char *primary,
    const struct smx_row_amendment *amendment, size_t *foreign)
{
	struct mem_row *row = table_row(&mem->table, &amendment->key);
	char origin[SMX_NAME_MAX + 1];
	struct smx_row after;
	struct usage_row usage;
	uint64_t by;

	if (row == NULL)
		return SMX_OK;
	if (!rules_may_drop(&row->row, primary)) {
		++*foreign;
		return SMX_OK;
	}
	after = row->row;
	memcpy(origin, row->origin, sizeof(origin));
	if (!rules_amend(&after, origin, amendment))
		return SMX_OK;
	mem_usage(mem, row, &usage);
	if (primary != NULL && grows(row, amendment, &by) &&
	    usage_fits(mem->usage, usage.peer, by) != SMX_OK)
		return SMX_EFULL;
	return change_locked(mem, row, amendment);
}

int
mem_amend(void *ctx, const char *primary, const struct smx_row_amendment *list,
    size_t count, size_t *foreign)
{
	struct mem *mem = ctx;
	size_t others = 0;
	int result = rules_amendments(primary, list, count), full = 0;

	if (result != SMX_OK)
		return result;
	pthread_mutex_lock(&mem->lock);
	for (size_t i = 0; result == SMX_OK && i < count; i++) {
		result = amend_locked(mem, primary, &list[i], &others);
		if (result == SMX_EFULL) {
			full = 1;
			result = SMX_OK;
		}
	}
	pthread_mutex_unlock(&mem->lock);
	if (result == SMX_OK && foreign != NULL)
		*foreign = others;
	return result == SMX_OK && full ? SMX_EFULL : result;
}
