/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/mxwatch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "glue/hopconf.h"
#include "glue/mxwatch_in.h"
#include "glue/node.h"
#include "glue/node_impl.h"
#include "io/backup_mx.h"

/* A configuration that was read again is noticed within so long. */
#define WAKE_MS  10000
#define PRUNE_MS (INT64_C(24) * 3600 * 1000)
/* What may be a moment's trouble is looked at again sooner. */
#define SOONER 12

static struct timespec
moment(int64_t mono_ms)
{
	return (struct timespec){ mono_ms / 1000, mono_ms % 1000 * 1000000L };
}

/* ---- what is due ---- */

static struct mxdomain *
next_locked(struct mxwatch *w, int64_t *until_ms)
{
	int64_t now = clock_mono_ms();
	struct mxdomain *next = NULL;

	*until_ms = now + WAKE_MS;
	for (size_t i = 0; i < w->count; i++) {
		struct mxdomain *d = w->list[i];

		if (!d->busy && (next == NULL || d->due_ms < next->due_ms))
			next = d;
	}
	if (next != NULL && next->due_ms > now) {
		if (next->due_ms < *until_ms)
			*until_ms = next->due_ms;
		next = NULL;
	}
	return next;
}

static void
due_again_locked(struct mxwatch *w, struct mxdomain *d, int soon)
{
	int64_t watch_ms = config_conf(w->config)->backup_mx_watch_ms;
	int64_t after = soon ? watch_ms / SOONER : watch_ms;

	/* asked for while it was under way */
	if (d->asked_ms > d->begun_ms)
		d->due_ms = 0;
	else if (watch_ms == 0)
		d->due_ms = INT64_MAX;
	if (d->asked_ms > d->begun_ms || watch_ms == 0)
		return;
	if (after < 1000)
		after = watch_ms < 1000 ? watch_ms : 1000;
	d->due_ms = d->ended_ms + after - after / 10 +
		    mxwatch_roll_locked(w, after / 5 + 1);
}

/* The lock is given up meanwhile. */
static void
look_locked(struct mxwatch *w, struct mxdomain *d)
{
	struct smx_config *config = smx_config_hold(w->config);
	const struct smx_backup *backup = d->backup;
	int64_t begun = clock_mono_ms();
	char *shown = NULL;
	int soon;

	d->busy = 1;
	d->fresh = d->asked_ms > d->begun_ms;
	pthread_mutex_unlock(&w->lock);
	soon = mxwatch_look(w, d, backup, config, &shown);
	smx_config_release(&config);
	pthread_mutex_lock(&w->lock);
	d->busy = 0;
	if (!d->listed) {
		free(shown);
		mxdomain_free(d);
		return;
	}
	d->begun_ms = begun;
	d->ended_ms = clock_mono_ms();
	if (shown != NULL) {
		free(d->shown);
		d->shown = shown;
	}
	due_again_locked(w, d, soon);
	pthread_cond_broadcast(&w->looked);
}

static int
is_time_to_prune_locked(struct mxwatch *w)
{
	int64_t now = clock_mono_ms();

	if (now < w->pruned_ms + PRUNE_MS)
		return 0;
	w->pruned_ms = now;
	return 1;
}

static void
prune(struct mxwatch *w, int64_t keep_ms)
{
	int rc = backup_mx_prune(backup_db(w->backup),
	    backup_forget_before(w->backup, keep_ms));
	struct log_line l;

	if (rc == SMX_OK)
		return;
	log_begin(&l, SMX_LOG_WARNING, NULL, "mx-not-kept");
	log_err(&l, "result", rc);
	log_end(&l);
}

/* One round of a thread; non-zero: it leaves. */
static int
round_locked(struct mxwatch *w)
{
	struct timespec at;
	struct mxdomain *d;
	int64_t until_ms;

	if (w->ending)
		return 1;
	if (is_time_to_prune_locked(w)) {
		int64_t keep_ms = config_conf(w->config)->backup_keep_ms;

		pthread_mutex_unlock(&w->lock);
		prune(w, keep_ms);
		pthread_mutex_lock(&w->lock);
		return w->ending;
	}
	d = next_locked(w, &until_ms);
	if (d != NULL) {
		look_locked(w, d);
		return w->ending;
	}
	at = moment(until_ms);
	(void)pthread_cond_timedwait(&w->wake, &w->lock, &at);
	return w->ending;
}

static void *
watch_run(void *ctx)
{
	struct mxwatch *w = ctx;
	int leaves = 0;

	while (!leaves) {
		mxwatch_sync(w);
		pthread_mutex_lock(&w->lock);
		leaves = round_locked(w);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

/* ---- beginning and end ---- */

static void
make_locks(struct mxwatch *w)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_cond_init(&w->looked, &attr);
	pthread_condattr_destroy(&attr);
}

int
mxwatch_new(struct mxwatch **out, struct backup *backup)
{
	struct smx_engine *node = backup_node(backup);
	const struct conf *conf = config_conf(node->first_config);
	struct mxlooker_options options = { .resolv_conf = "/etc/resolv.conf",
		.node = conf->node,
		.ca = conf->backup_sts_ca };
	struct mxwatch *w = calloc(1, sizeof(*w));
	char why[256] = "";
	struct log_line l;
	int rc;

	if (w == NULL)
		return SMX_ENOMEM;
	w->backup = backup;
	make_locks(w);
	if (key_random(&w->dice, sizeof(w->dice)) != SMX_OK)
		w->dice = (uint64_t)clock_wall_ms();
	hopconf_hops(conf, &options.probe);
	/* ten thousand domains are many handshakes */
	options.probe.tls = HOP_TLS_NONE;
	options.probe.tls_ca = "";
	/* one that was kept says nothing of the next one */
	options.probe.idle_max = 0;
	rc = mxlooker_new(&w->looker, &options, why, sizeof(why));
	if (rc == SMX_OK) {
		*out = w;
		return SMX_OK;
	}
	log_begin(&l, SMX_LOG_ERR, NULL, "no-mx-watch");
	log_err(&l, "result", rc);
	log_str(&l, "reason", why);
	log_end(&l);
	mxwatch_free(&w);
	return rc;
}

int
mxwatch_start(struct mxwatch *watch)
{
	int rc = SMX_OK;

	mxwatch_sync(watch);
	while (rc == SMX_OK && watch->threads < MXWATCH_THREADS) {
		rc = node_thread(&watch->thread[watch->threads], watch_run,
		    watch);
		watch->threads += rc == SMX_OK;
	}
	return rc;
}

void
mxwatch_join(struct mxwatch *watch)
{
	pthread_mutex_lock(&watch->lock);
	watch->ending = 1;
	pthread_cond_broadcast(&watch->wake);
	pthread_cond_broadcast(&watch->looked);
	pthread_mutex_unlock(&watch->lock);
	while (watch->threads > 0)
		pthread_join(watch->thread[--watch->threads], NULL);
}

void
mxwatch_free(struct mxwatch **watch)
{
	struct mxwatch *w = *watch;

	if (w == NULL)
		return;
	for (size_t i = 0; i < w->count; i++)
		mxdomain_free(w->list[i]);
	free(w->list);
	smx_config_release(&w->config);
	mxlooker_free(&w->looker);
	pthread_cond_destroy(&w->wake);
	pthread_cond_destroy(&w->looked);
	pthread_mutex_destroy(&w->lock);
	free(w);
	*watch = NULL;
}

/* ---- when an operator asks ---- */

static int
all_looked_locked(struct mxwatch *w, const char *domain, int64_t since_ms)
{
	for (size_t i = 0; i < w->count; i++)
		if ((domain == NULL || strcmp(domain, w->list[i]->name) == 0) &&
		    w->list[i]->begun_ms < since_ms)
			return 0;
	return 1;
}

static void
due_now_locked(struct mxwatch *w, const char *domain, int64_t now_ms)
{
	for (size_t i = 0; i < w->count; i++) {
		if (domain != NULL && strcmp(domain, w->list[i]->name) != 0)
			continue;
		w->list[i]->due_ms = 0;
		w->list[i]->asked_ms = now_ms;
	}
}

static void
show_locked(const struct mxdomain *d, int64_t since_ms, struct buf *b)
{
	json_open(b);
	json_str(b, "domain", d->name);
	if (d->begun_ms != 0)
		json_num(b, "looked_ago_ms", clock_mono_ms() - d->ended_ms);
	if (d->begun_ms >= since_ms && d->shown != NULL)
		(void)buf_fmt(b, ",%s", d->shown);
	else
		json_str(b, "result", "busy");
	json_close(b);
}

/* The first behind this one, by name. */
static const struct mxdomain *
behind_locked(const struct mxwatch *w, const char *name)
{
	size_t low = 0, high = w->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(w->list[mid]->name, name) > 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low < w->count ? w->list[low] : NULL;
}

/* Each by itself, since nobody knows how slowly they are read. */
static int
show_all(struct mxwatch *w, int64_t since_ms, mxwatch_fn each, void *ctx)
{
	char last[BACKUP_DOMAIN_MAX + 1] = "";
	int rc = SMX_OK;

	for (int more = 1; rc == SMX_OK && more;) {
		const struct mxdomain *d;
		struct buf b;

		buf_init(&b, 0);
		pthread_mutex_lock(&w->lock);
		d = behind_locked(w, last);
		more = d != NULL;
		if (d != NULL) {
			memcpy(last, d->name, sizeof(last));
			show_locked(d, since_ms, &b);
		}
		pthread_mutex_unlock(&w->lock);
		if (more)
			rc = each(ctx, &b);
		buf_free(&b);
	}
	return rc;
}

static int
show_one(struct mxwatch *w, const char *domain, int64_t since_ms,
    mxwatch_fn each, void *ctx)
{
	const struct mxdomain *d;
	struct buf b;
	int rc = SMX_ENOTFOUND;

	buf_init(&b, 0);
	pthread_mutex_lock(&w->lock);
	d = mxwatch_find_locked(w, domain);
	if (d != NULL)
		show_locked(d, since_ms, &b);
	pthread_mutex_unlock(&w->lock);
	if (b.len != 0)
		rc = each(ctx, &b);
	buf_free(&b);
	return rc;
}

int
mxwatch_check(struct mxwatch *watch, const char *domain, int64_t until_mono_ms,
    mxwatch_fn each, void *ctx)
{
	struct timespec at = moment(until_mono_ms);
	int64_t since_ms;

	mxwatch_sync(watch);
	pthread_mutex_lock(&watch->lock);
	since_ms = clock_mono_ms();
	due_now_locked(watch, domain, since_ms);
	pthread_cond_broadcast(&watch->wake);
	while (!watch->hushed && !watch->ending &&
	       !all_looked_locked(watch, domain, since_ms) &&
	       pthread_cond_timedwait(&watch->looked, &watch->lock, &at) == 0)
		;
	pthread_mutex_unlock(&watch->lock);
	return domain != NULL ? show_one(watch, domain, since_ms, each, ctx)
			      : show_all(watch, since_ms, each, ctx);
}

void
mxwatch_hush(struct mxwatch *watch)
{
	pthread_mutex_lock(&watch->lock);
	watch->hushed = 1;
	pthread_cond_broadcast(&watch->looked);
	pthread_mutex_unlock(&watch->lock);
}
