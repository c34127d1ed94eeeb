/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/mxwatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/policy.h"
#include "glue/mxwatch_in.h"
#include "glue/node.h"

/* The first looks after a start: soon, but not all at once. */
#define FIRST_MS 3000
#define EACH_MS  100

void
mxdomain_free(struct mxdomain *domain)
{
	mxnews_free(&domain->news);
	mxlook_kept_free(&domain->kept);
	free(domain->shown);
	free(domain);
}

int64_t
mxwatch_roll_locked(struct mxwatch *watch, int64_t below)
{
	/* splitmix64 */
	uint64_t z = (watch->dice += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return below > 0 ? (int64_t)(z % (uint64_t)below) : 0;
}

static int
name_order(const void *a, const void *b)
{
	const struct mxdomain *x = *(struct mxdomain *const *)a;
	const struct mxdomain *y = *(struct mxdomain *const *)b;

	return strcmp(x->name, y->name);
}

struct mxdomain *
mxwatch_find_locked(struct mxwatch *watch, const char *name)
{
	struct mxdomain key, *at = &key, **found;

	if (text_copy(key.name, sizeof(key.name), name) || watch->count == 0)
		return NULL;
	found = bsearch(&at, watch->list, watch->count, sizeof(*watch->list),
	    name_order);
	return found != NULL ? *found : NULL;
}

/* ---- another configuration ---- */

struct taking {
	struct mxwatch *watch;
	struct mxdomain **more; /* new ones */
	size_t count, room;
	size_t left_out;
};

static int
room(struct taking *t)
{
	size_t size = t->room == 0 ? 64 : t->room * 2;
	struct mxdomain **more;

	if (t->watch->count + t->count >= MXWATCH_DOMAINS)
		return 0;
	if (t->count < t->room)
		return 1;
	more = realloc(t->more, size * sizeof(*more));
	if (more == NULL)
		return 0;
	t->more = more;
	t->room = size;
	return 1;
}

/* An address literal is looked up nowhere. */
static int
is_name(const char *domain)
{
	return domain[0] != '\0' && domain[0] != '[' &&
	       strlen(domain) <= BACKUP_DOMAIN_MAX;
}

static int
take_locked(void *ctx, const char *domain, const struct smx_backup *backup)
{
	struct taking *t = ctx;
	struct mxdomain *d;

	if (!is_name(domain))
		return 0;
	d = mxwatch_find_locked(t->watch, domain);
	if (d == NULL && room(t))
		d = calloc(1, sizeof(*d));
	if (d == NULL) {
		t->left_out++;
		return 0;
	}
	if (d->name[0] == '\0') {
		(void)text_copy(d->name, sizeof(d->name), domain);
		t->more[t->count++] = d;
	}
	d->listed = 1;
	if (d->backup == NULL)
		d->backup = backup;
	return 0;
}

/* Sorted; of those that two policies have named one is left, with the backup
 * group of whichever has one. */
static void
merge_locked(struct taking *t)
{
	struct mxwatch *w = t->watch;
	struct mxdomain **list =
	    realloc(w->list, (w->count + t->count + 1) * sizeof(*list));
	size_t kept = 0;

	for (size_t i = 0; i < t->count; i++) {
		if (list != NULL)
			list[w->count++] = t->more[i];
		else
			mxdomain_free(t->more[i]);
	}
	free(t->more);
	if (list == NULL)
		return;
	w->list = list;
	qsort(list, w->count, sizeof(*list), name_order);
	for (size_t i = 0; i < w->count; i++) {
		if (kept == 0 || strcmp(list[kept - 1]->name, list[i]->name)) {
			list[kept++] = list[i];
			continue;
		}
		if (list[kept - 1]->backup == NULL)
			list[kept - 1]->backup = list[i]->backup;
		mxdomain_free(list[i]);
	}
	w->count = kept;
}

/* Who is busy with one frees it. */
static void
drop_locked(struct mxwatch *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->count; i++) {
		if (w->list[i]->listed)
			w->list[kept++] = w->list[i];
		else if (!w->list[i]->busy)
			mxdomain_free(w->list[i]);
	}
	w->count = kept;
}

static void
first_looks_locked(struct mxwatch *w, int64_t watch_ms)
{
	int64_t within = FIRST_MS + EACH_MS * (int64_t)w->count;
	int64_t now = clock_mono_ms();

	if (within > watch_ms)
		within = watch_ms;
	for (size_t i = 0; i < w->count; i++) {
		struct mxdomain *d = w->list[i];

		if (watch_ms == 0)
			d->due_ms = INT64_MAX;
		else if (d->begun_ms == 0 || d->due_ms > now + 2 * watch_ms)
			d->due_ms = now + mxwatch_roll_locked(w, within);
	}
}

static void
change_locked(struct mxwatch *w, struct smx_config *config)
{
	struct taking t = { .watch = w };

	w->config = config;
	for (size_t i = 0; i < w->count; i++) {
		w->list[i]->listed = 0;
		w->list[i]->backup = NULL;
	}
	policy_domains_each(config, take_locked, &t);
	(void)!policy_backup_tables(config, take_locked, &t);
	drop_locked(w);
	merge_locked(&t);
	first_looks_locked(w, config_conf(config)->backup_mx_watch_ms);
	if (t.left_out != 0)
		log_event(SMX_LOG_WARNING, "mx-not-watched", "domains=%zu",
		    t.left_out);
}

void
mxwatch_sync(struct mxwatch *watch)
{
	struct smx_config *config = node_config(backup_node(watch->backup));
	struct smx_config *old = config;

	pthread_mutex_lock(&watch->lock);
	if (config != watch->config) {
		old = watch->config;
		change_locked(watch, config);
	}
	pthread_mutex_unlock(&watch->lock);
	smx_config_release(&old);
}
