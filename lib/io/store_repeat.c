/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_repeat.h"

#include <stdlib.h>

#include "io/store_content.h"
#include "io/store_rules.h"

static int
seal_is_broken(struct shelf *shelf, const struct smx_key *key)
{
	char *text = NULL;
	size_t len;
	int result = view_envelope(shelf->view, key, &text, &len, NULL);

	free(text);
	return result == SMX_ECORRUPT;
}

int
repeat_check(struct shelf *shelf, const struct smx_shadow_head *head,
    int *replace)
{
	struct smx_content content;
	struct row_found found;
	int result = view_find(shelf->view, &head->key, &found);

	*replace = 0;
	if (result == SMX_ENOTFOUND)
		return tombs_has(shelf->group.tombs, head->primary, &head->key)
			   ? SMX_EGONE
			   : SMX_OK;
	if (result != SMX_OK)
		return result == SMX_EBUSY || result == SMX_EFULL ? SMX_EIO
								  : result;
	result = rules_repeat(&found.row, found.origin, head->primary, NULL);
	/* A row that is no good is no argument against the copy. */
	if (result == SMX_ECONFLICT && seal_is_broken(shelf, &head->key)) {
		(void)damage_found(shelf->group.damage, &head->key);
		*replace = 1;
		return SMX_OK;
	}
	if (result != SMX_OK)
		return result;
	result =
	    stored_open(shelf->view, &shelf->dir.bodies, &head->key, &content);
	*replace = result == SMX_ECORRUPT;
	if (result == SMX_ECORRUPT)
		(void)damage_found(shelf->group.damage, &head->key);
	else if (result == SMX_OK)
		damage_mended(shelf->group.damage, &head->key);
	if (result != SMX_OK)
		return *replace ? SMX_OK : result;
	stored_close(&content);
	if (head->digest == NULL)
		return SMX_OK;
	return rules_repeat(&found.row, found.origin, head->primary,
	    head->digest);
}
