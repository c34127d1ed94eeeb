/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/log.h"
#include "core/amend.h"
#include "core/holder.h"

/* AMEND: what a primary says of its shadows after it has sent them. */

struct amends {
	struct smx_store *store;
	const char *primary;
	struct smx_row_amendment list[SMX_AMEND_MAX];
	char *envelope[SMX_AMEND_MAX]; /* merged ones, ours */
	size_t count;
	int bad;
};

static void
log_bad(const struct amends *a, const struct smx_key *key)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, NULL, "amend_refused");
	log_key(&l, "key", key);
	log_str(&l, "primary", a->primary);
	log_str(&l, "why", "no envelope with a recipient");
	log_end(&l);
}

/* CLIENT line and parameters stay those of the envelope that was stored. */
static int
merge(struct amends *a, const struct smx_amendment *from,
    struct smx_row_amendment *to)
{
	char *old = NULL;
	size_t len, merged;
	int r = a->store->ops->envelope(a->store->ctx, &from->key, &old, &len,
	    NULL);

	if (r != SMX_OK)
		return r;
	r = amend_merge(old, len, from->envelope, from->envelope_len,
	    &a->envelope[a->count], &merged, &to->recipients);
	free(old);
	to->envelope = a->envelope[a->count];
	to->envelope_len = merged;
	return r;
}

/* Non-zero: nothing of it concerns a row here any more. */
static int
is_late(const struct amends *a, const struct smx_amendment *from,
    const struct smx_row *row)
{
	/* Somebody has taken it over: what its primary still says of it comes
	 * too late.  A row of another primary is for the store to count. */
	if (row->yielded && strcmp(row->primary, a->primary) != 0)
		return 1;
	return strcmp(row->primary, a->primary) == 0 &&
	       (row->state != SMX_ROW_SHADOW || row->version >= from->version);
}

static int
add(struct amends *a, const struct smx_amendment *from)
{
	struct smx_row_amendment *to = &a->list[a->count];
	struct smx_row row;
	int r = a->store->ops->get(a->store->ctx, &from->key, &row);

	if (r != SMX_OK)
		return r;
	if (is_late(a, from, &row))
		return SMX_OK;
	memset(to, 0, sizeof(*to));
	to->key = from->key;
	to->version = from->version;
	to->holders = from->holders;
	to->held = from->held;
	if (from->envelope != NULL && strcmp(row.primary, a->primary) == 0)
		r = merge(a, from, to);
	if (r != SMX_OK) {
		free(a->envelope[a->count]);
		a->envelope[a->count] = NULL;
		return r;
	}
	a->count++;
	return SMX_OK;
}

/* One that makes no sense does not keep the others from being written; but the
 * primary must not take it for done. */
static int
add_all(struct amends *a, const struct smx_request *request)
{
	for (size_t i = 0; i < request->count; i++) {
		int r = add(a, &request->amendments[i]);

		if (r == SMX_EINVAL || r == SMX_ECORRUPT) {
			log_bad(a, &request->amendments[i].key);
			a->bad = r;
		} else if (r != SMX_OK && r != SMX_ENOTFOUND)
			return r;
	}
	return SMX_OK;
}

int
holder_amend(struct smx_store *store, const char *primary,
    const struct smx_request *request, struct smx_reply *reply)
{
	struct amends *a;
	int r;

	reply->foreign = 0;
	if (request->count > SMX_AMEND_MAX)
		return SMX_EINVAL;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return SMX_ENOMEM;
	a->store = store;
	a->primary = primary;
	r = add_all(a, request);
	crash_point("holder.amend");
	if (r == SMX_OK && a->count != 0)
		r = store->ops->amend(store->ctx, primary, a->list, a->count,
		    &reply->foreign);
	crash_point("holder.amended");
	for (size_t i = 0; i < a->count; i++)
		free(a->envelope[i]);
	if (r == SMX_OK)
		r = a->bad;
	free(a);
	return r;
}
