/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/key.h"
#include "base/log.h"
#include "glue/alarm.h"
#include "glue/node_impl.h"
#include "glue/primaries.h"
#include "glue/release_run.h"
#include "io/backup_flush.h"
#include "io/backup_mail.h"

#define LOOK_MS    2000
#define ORDERS_MAX 1000

static void
conf_of(const struct conf *conf, struct release_conf *out)
{
	out->pace.rate = conf->backup_rate;
	out->pace.rate_max = conf->backup_rate_max;
	out->queue_lifetime_ms = conf->backup_queue_lifetime_ms;
}

int
releaser_new(struct releaser **out, struct backup *backup)
{
	struct releaser *r = calloc(1, sizeof(*r));
	struct smx_config *config = node_config(backup_node(backup));
	struct release_conf conf;
	uint64_t seed = 0;
	int rc = SMX_ENOMEM;

	conf_of(config_conf(config), &conf);
	smx_config_release(&config);
	if (r == NULL)
		return SMX_ENOMEM;
	r->backup = backup;
	r->out.what = SMX_QUEUE_RELEASE;
	r->anew.what = SMX_QUEUE_REQUEUE;
	r->back.what = SMX_QUEUE_HOLD;
	r->expire.what = SMX_QUEUE_EXPIRE;
	pthread_mutex_init(&r->lock, NULL);
	r->rows = calloc(RELEASE_PAGE, sizeof(*r->rows));
	if (r->rows != NULL)
		rc = key_random(&seed, sizeof(seed));
	if (rc == SMX_OK)
		rc = release_new(&r->release, &conf, seed);
	if (rc != SMX_OK)
		releaser_free(&r);
	*out = r;
	return rc;
}

static struct release_order *
take_orders(struct releaser *r)
{
	struct release_order *orders;

	pthread_mutex_lock(&r->lock);
	orders = r->orders;
	r->orders = NULL;
	pthread_mutex_unlock(&r->lock);
	return orders;
}

static void
free_orders(struct release_order *orders)
{
	while (orders != NULL) {
		struct release_order *next = orders->next;

		free(orders);
		orders = next;
	}
}

void
releaser_free(struct releaser **releaser)
{
	struct releaser *r = *releaser;

	*releaser = NULL;
	if (r == NULL)
		return;
	release_forget(r);
	release_free(&r->release);
	free_orders(take_orders(r));
	pthread_mutex_destroy(&r->lock);
	free(r->domains);
	free(r->rows);
	free(r);
}

/* Frees it where there are too many.  Of two about one domain the later word
 * counts, so they are kept in the order in which they came. */
static int
give_order(struct releaser *r, struct release_order *order)
{
	struct release_order **at = &r->orders;
	size_t waiting = 0;

	pthread_mutex_lock(&r->lock);
	for (; *at != NULL; at = &(*at)->next)
		waiting++;
	if (waiting < ORDERS_MAX) {
		*at = order;
		order = NULL;
	}
	pthread_mutex_unlock(&r->lock);
	free(order);
	return order == NULL ? SMX_OK : SMX_ELIMIT;
}

static int
order_flush(struct releaser *r, const char *domain, int64_t until_mono_ms,
    int unwritten)
{
	struct release_order *order = calloc(1, sizeof(*order));

	if (order == NULL)
		return SMX_ENOMEM;
	order->until_ms = until_mono_ms;
	order->unwritten = unwritten;
	(void)text_copy(order->domain, sizeof(order->domain), domain);
	return give_order(r, order);
}

/* The order before it is written down: see release_flush.c. */
int
releaser_flush(struct releaser *r, const char *domain, int64_t until_mono_ms)
{
	int64_t now_ms = clock_mono_ms(), wall_ms = clock_wall_ms();
	int64_t left = until_mono_ms - now_ms, until_ms, keep_ms;
	int rc;

	if (left > RELEASE_FLUSH_MOST_MS)
		left = RELEASE_FLUSH_MOST_MS;
	if (left < 0)
		left = 0;
	until_ms = left != 0 ? now_ms + left : 0;
	keep_ms = left != 0 ? RELEASE_FLUSH_MOST_MS : 0;
	rc = order_flush(r, domain, until_ms, 0);
	if (rc != SMX_OK)
		return rc;
	rc = backup_flush_set(backup_db(r->backup), domain, wall_ms + left,
	    wall_ms + keep_ms);
	crash_point("flush-written");
	if (rc != SMX_OK && left != 0)
		(void)!order_flush(r, domain, until_ms, 1);
	return rc;
}

int
releaser_hold(struct releaser *r, const char *queue_id)
{
	struct release_order *order = calloc(1, sizeof(*order));

	if (order == NULL)
		return SMX_ENOMEM;
	(void)text_copy(order->queue_id, sizeof(order->queue_id), queue_id);
	return give_order(r, order);
}

/* ---- a step ---- */

static void
carry_orders(struct releaser *r)
{
	struct release_order *orders = take_orders(r);

	if (orders != NULL)
		r->look_ms = 0;
	for (struct release_order *o = orders; o != NULL; o = o->next)
		if (o->queue_id[0] != '\0')
			release_put(r, o->queue_id);
		else if (o->unwritten)
			release_unflush(r->release, o->domain, o->until_ms);
		else if (release_flush(r->release, o->domain, o->until_ms) !=
			 SMX_OK)
			log_event(SMX_LOG_ERR, "no-memory", "where=release");
	free_orders(orders);
}

static void
see(struct releaser *r, const struct release_domain *d)
{
	struct release_seen seen = { .unwatched = d->backup == NULL,
		.held = d->held };
	struct primaries_word word;
	struct books_flow flow;

	seen.state = primaries_state(backup_primaries(r->backup), d->backup,
	    d->name, &word);
	seen.host = word.host;
	if (d->backup != NULL)
		seen.hold_ms = d->backup->hold_ms;
	books_flow(backup_books(r->backup), d->name, &flow);
	seen.flow = (struct release_flow){ .left = flow.ended,
		.delivered = flow.delivered,
		.returned = flow.returned,
		.deferred = flow.deferred,
		.in_queue = flow.in_queue };
	if (release_see(r->release, d->name, &seen) != SMX_OK)
		log_event(SMX_LOG_ERR, "no-memory", "where=release");
}

static const struct smx_backup *
backup_of(const struct releaser *r, const char *domain)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->domains[i].name, domain) == 0)
			return r->domains[i].backup;
	return NULL;
}

static void
take_turn(struct releaser *r, const struct release_turn *turn)
{
	switch (turn->what) {
	case RELEASE_GO:
		release_go(r, turn);
		break;
	case RELEASE_BACK:
		release_put_back(r, turn->domain);
		break;
	case RELEASE_ENDS:
		release_over(r, turn->domain, backup_of(r, turn->domain));
		break;
	case RELEASE_SOUR:
		alarm_tell(backup_node(r->backup), "primary-refuses",
		    turn->domain,
		    "the primary MX refuses everybody; only one message every "
		    "few minutes is let go");
		break;
	}
}

/* Where the books cannot be looked at, or not to their end, only what was seen
 * of them goes on. */
static void
look(struct releaser *r, int64_t now_ms)
{
	struct release_conf conf;
	int rc;

	if (now_ms < r->look_ms)
		return;
	r->look_ms = now_ms + LOOK_MS;
	rc = release_look(r);
	if (rc != SMX_OK)
		log_event(SMX_LOG_ERR, "backup-release-failed",
		    "what=look result=%s", smx_errname(rc));
	if (r->config == NULL)
		return;
	conf_of(config_conf(r->config), &conf);
	release_change(r->release, &conf);
}

static void
step(struct releaser *r)
{
	int64_t now_ms = clock_mono_ms();
	struct release_turn turn;

	release_flushes_list(r);
	carry_orders(r);
	release_flushes_end(r);
	look(r, now_ms);
	release_begin(r->release, now_ms, clock_wall_ms());
	for (size_t i = 0; i < r->count; i++)
		see(r, &r->domains[i]);
	release_plan(r->release);
	while (release_turn(r->release, &turn) == SMX_OK)
		take_turn(r, &turn);
	release_carry_out(r);
}

static int
is_able(struct releaser *r)
{
	const struct smx_queue *queue = backup_node(r->backup)->ports.queue;

	if (queue != NULL && queue->ops->change != NULL)
		return 1;
	if (!r->told_unable)
		log_event(SMX_LOG_ERR, "backup-release-failed",
		    "what=queue result=%s", smx_errname(SMX_EUNREACHABLE));
	r->told_unable = 1;
	return 0;
}

static void *
run(void *ctx)
{
	struct releaser *r = ctx;

	while (!backup_rest(r->backup, RELEASE_STEP_MS))
		if (is_able(r))
			step(r);
	return NULL;
}

int
releaser_start(struct releaser *r)
{
	int rc = node_thread(&r->thread, run, r);

	r->running = rc == SMX_OK;
	return rc;
}

void
releaser_join(struct releaser *r)
{
	if (r->running)
		pthread_join(r->thread, NULL);
	r->running = 0;
}
