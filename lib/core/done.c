/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/done.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* As many go in one step. */
#define STEP 256

struct oldest {
	struct smx_key key;
	int64_t since_ms;
};

struct look {
	struct oldest oldest[STEP]; /* in order */
	size_t count;
	size_t rows;
};

static int
look_row(void *ctx, const struct smx_row *row)
{
	struct look *look = ctx;
	size_t at = look->count;

	look->rows++;
	if (at == STEP && row->state_ms >= look->oldest[at - 1].since_ms)
		return 0;
	if (at == STEP)
		at--;
	else
		look->count++;
	for (; at > 0 && look->oldest[at - 1].since_ms > row->state_ms; at--)
		look->oldest[at] = look->oldest[at - 1];
	look->oldest[at] =
	    (struct oldest){ .key = row->key, .since_ms = row->state_ms };
	return 0;
}

static void
log_gone(size_t expired, size_t crowded)
{
	struct log_line l;

	log_begin(&l, crowded != 0 ? SMX_LOG_WARNING : SMX_LOG_NOTICE, NULL,
	    "done_forgotten");
	log_num(&l, "expired", (int64_t)expired);
	log_num(&l, "too_many", (int64_t)crowded);
	log_end(&l);
}

/* Returns how many went; STEP: there may be more. */
static int
tidy_step(struct smx_store *store, struct look *look, int64_t keep_ms,
    size_t max, int64_t wall_ms)
{
	struct smx_store_filter filter = { .states = 1u << SMX_ROW_DONE };
	struct smx_key keys[STEP];
	size_t expired = 0, n, foreign;
	int r;

	look->count = look->rows = 0;
	r = store->ops->scan(store->ctx, &filter, look_row, look);
	if (r < 0)
		return r;
	while (expired < look->count &&
	       wall_ms - look->oldest[expired].since_ms >= keep_ms)
		expired++;
	n = look->rows > max ? look->rows - max : 0;
	if (n < expired)
		n = expired;
	if (n > look->count)
		n = look->count;
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		keys[i] = look->oldest[i].key;
	r = store->ops->drop(store->ctx, NULL, keys, n, &foreign);
	if (r != SMX_OK)
		return r;
	log_gone(expired, n - expired);
	return (int)n;
}

int
done_tidy(struct smx_store *store, int64_t keep_ms, size_t max, int64_t wall_ms)
{
	struct look *look = malloc(sizeof(*look));
	int total = 0;
	int r = look == NULL ? SMX_ENOMEM : STEP;

	while (r == STEP) {
		r = tidy_step(store, look, keep_ms, max, wall_ms);
		if (r > 0)
			total += r;
	}
	free(look);
	return r < 0 ? r : total;
}
