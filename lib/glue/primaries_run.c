/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/primaries.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/node_impl.h"
#include "glue/primaries_in.h"
#include "io/backup_hosts.h"

/*
 * One thread makes all probes and asks for all MX records, many at a time, and
 * tells what changed.  What others have heard it tells within REST_MS.
 */
#define SLICE_MS 50  /* while any is on its way */
#define REST_MS  500 /* while none is */
#define SAVE_MIN 2000
#define SAVE_MAX 60000
#define PRUNE_MS 3600000

/* ---- probes ---- */

static struct probe_slot *
free_slot(struct primaries *p)
{
	for (size_t i = 0; i < MXPROBES_MAX; i++)
		if (p->slot[i].probe == NULL)
			return &p->slot[i];
	return NULL;
}

/* Its name is copied: a reload may forget the host meanwhile. */
static int
take_next(struct primaries *p, struct probe_slot *slot, int64_t *wait_ms)
{
	const char *host;

	pthread_mutex_lock(&p->lock);
	host = mxhealth_next(p->health, node_now_ms());
	if (host != NULL)
		(void)text_copy(slot->host, sizeof(slot->host), host);
	*wait_ms = config_conf(p->config)->backup_probe_wait_ms;
	pthread_mutex_unlock(&p->lock);
	return host != NULL;
}

static void
not_probed(struct primaries *p, const char *host)
{
	struct mxtime at;

	primaries_clock(&at);
	pthread_mutex_lock(&p->lock);
	mxhealth_unprobed(p->health, host, &at);
	pthread_mutex_unlock(&p->lock);
}

static void
probes_begin(struct primaries *p)
{
	struct probe_slot *slot;
	struct nexthop to;
	int64_t wait_ms;

	while ((slot = free_slot(p)) != NULL && take_next(p, slot, &wait_ms)) {
		if (nexthop_parse(&to, slot->host) == SMX_OK &&
		    mxprobe_begin(&slot->probe, p->probes, &to, NULL,
			clock_mono_ms() + wait_ms) == SMX_OK)
			continue;
		slot->probe = NULL;
		not_probed(p, slot->host);
	}
}

static void
is_own(struct primaries *p, const char *host)
{
	struct log_line l;
	struct mxtime at;

	primaries_clock(&at);
	pthread_mutex_lock(&p->lock);
	mxhealth_own(p->health, host, &at);
	pthread_mutex_unlock(&p->lock);
	log_begin(&l, SMX_LOG_ERR, NULL, "primary-is-own");
	log_str(&l, "host", host);
	log_end(&l);
}

static void
probed(struct primaries *p, const char *host, int well,
    const struct hop_answer *answer)
{
	char why[MXHEALTH_WHY];
	struct mxtime at;

	if (well == MX_GOOD)
		(void)snprintf(why, sizeof(why), "it answers");
	else
		(void)snprintf(why, sizeof(why), "%.150s", answer->text);
	primaries_clock(&at);
	pthread_mutex_lock(&p->lock);
	mxhealth_probed(p->health, host, well, why, &at);
	pthread_mutex_unlock(&p->lock);
}

static void
note_addresses(struct primaries *p, const struct probe_slot *slot)
{
	struct ip ips[MXHEALTH_ADDRESSES];
	size_t n = mxprobe_addresses(slot->probe, ips, MXHEALTH_ADDRESSES);

	pthread_mutex_lock(&p->lock);
	mxhealth_addresses(p->health, slot->host, ips, n);
	pthread_mutex_unlock(&p->lock);
}

static size_t
probes_end(struct primaries *p)
{
	int64_t now_ms = clock_mono_ms();
	size_t left = 0;

	for (size_t i = 0; i < MXPROBES_MAX; i++) {
		struct probe_slot *slot = &p->slot[i];
		struct hop_answer answer;
		int well;

		if (slot->probe == NULL)
			continue;
		if (!mxprobe_result(slot->probe, now_ms, &well, &answer)) {
			left++;
			continue;
		}
		note_addresses(p, slot);
		if (well != MX_BAD && mxprobe_is_own(slot->probe))
			is_own(p, slot->host);
		else
			probed(p, slot->host, well, &answer);
		mxprobe_end(&slot->probe);
	}
	return left;
}

static void
probes_run(struct primaries *p)
{
	struct mxprobe *probes[MXPROBES_MAX];

	for (size_t i = 0; i < MXPROBES_MAX; i++)
		probes[i] = p->slot[i].probe;
	mxprobe_run(probes, MXPROBES_MAX, clock_mono_ms() + SLICE_MS);
}

/* ---- now and then ---- */

static void
keep(struct primaries *p)
{
	int64_t now_ms = node_now_ms(), keep_ms, often_ms;

	pthread_mutex_lock(&p->lock);
	keep_ms = config_conf(p->config)->backup_keep_ms;
	often_ms = 2 * config_conf(p->config)->backup_probe_ms;
	if (now_ms >= p->prune_ms)
		primaries_sweep_locked(p);
	pthread_mutex_unlock(&p->lock);
	if (often_ms < SAVE_MIN)
		often_ms = SAVE_MIN;
	if (often_ms > SAVE_MAX)
		often_ms = SAVE_MAX;
	if (now_ms >= p->save_ms) {
		p->save_ms = now_ms + often_ms;
		primaries_save(p);
	}
	if (now_ms >= p->prune_ms) {
		p->prune_ms = now_ms + PRUNE_MS;
		(void)!backup_hosts_prune(backup_db(p->backup),
		    backup_forget_before(p->backup, keep_ms));
	}
}

/* ---- the thread ---- */

static int64_t
rest_ms(struct primaries *p, size_t underway)
{
	int64_t due, mx, left;

	if (underway != 0)
		return 0;
	mx = primaries_looks_due(p);
	pthread_mutex_lock(&p->lock);
	due = mxhealth_due(p->health);
	pthread_mutex_unlock(&p->lock);
	if (mx < due)
		due = mx;
	left = due - node_now_ms();
	if (primaries_looking(p) && left > SLICE_MS)
		left = SLICE_MS;
	return left > REST_MS ? REST_MS : left < 1 ? 1 : left;
}

static void *
run(void *ctx)
{
	struct primaries *p = ctx;
	size_t underway = 0;

	p->save_ms = node_now_ms() + SAVE_MIN;
	while (!backup_rest(p->backup, rest_ms(p, underway))) {
		primaries_sync(p);
		primaries_looks_begin(p);
		probes_begin(p);
		probes_run(p);
		underway = probes_end(p);
		primaries_looks_end(p, 0);
		primaries_tell(p);
		keep(p);
	}
	primaries_save(p);
	primaries_looks_end(p, 1);
	for (size_t i = 0; i < MXPROBES_MAX; i++)
		mxprobe_end(&p->slot[i].probe);
	return NULL;
}

int
primaries_start(struct primaries *p)
{
	int rc = node_thread(&p->thread, run, p);

	p->running = rc == SMX_OK;
	if (p->running)
		primaries_listen(p, 1);
	return rc;
}
