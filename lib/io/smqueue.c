/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smqueue.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define TURN_MS   250  /* how often the log is looked at */
#define HEALTH_MS 1000 /* and the daemon */
#define RETRY_MS  1000 /* and a queue that could not be watched */
#define WHY_SIZE  512

static void
publish(struct smqueue *q, int known, int links_known)
{
	enum smx_mta_health mta =
	    known ? smdaemon_health(q->pid_file) : SMX_MTA_UNKNOWN;

	pthread_mutex_lock(&q->lock);
	q->state_known = known;
	q->state = q->marker.record.lineage;
	q->state.links_known = links_known;
	q->state.mta = mta;
	pthread_mutex_unlock(&q->lock);
}

static int
marker_start(struct smqueue *q, char *why, size_t why_size)
{
	if (q->marker.dir_fd >= 0 &&
	    pfmarker_valid(&q->marker, q->marker_directory))
		return SMX_OK;
	pfmarker_close(&q->marker, 0);
	return pfmarker_open(&q->marker, q->marker_directory,
	    q->folder[0].qf_fd, q->boot, why, why_size);
}

/*
 * Begin to watch, or begin anew.  Watches first, then the log is read: what
 * happens meanwhile is waiting as an event.  What was known about beginnings
 * and ends is forgotten, for some may have been missed; what was known about
 * divisions stays true.
 */
int
smqueue_start(struct smqueue *q, char *why, size_t why_size)
{
	int links, result;

	pftable_clear(&q->seen);
	pftable_clear(&q->ending);
	q->ended_count = 0;
	result = smqueue_watch_start(q, why, why_size);
	if (result == SMX_OK)
		result = marker_start(q, why, why_size);
	if (result != SMX_OK)
		return result;
	q->broken = 0;
	q->blind = 0;
	links = smqueue_log_start(q);
	q->began_ms = clock_mono_ms();
	q->count_ms = q->began_ms + q->heartbeat_ms;
	publish(q, 1, links);
	smqueue_emit(q, SMX_QUEUE_RESET, "", "");
	smqueue_list_start(q);
	return SMX_OK;
}

static void
restart(struct smqueue *q, int64_t now_ms)
{
	char why[WHY_SIZE] = "";
	struct log_line l;

	if (q->blind && now_ms < q->retry_ms)
		return;
	if (smqueue_start(q, why, sizeof(why)) == SMX_OK)
		return;
	if (!q->blind) {
		log_begin(&l, SMX_LOG_ERR, NULL, "queue-not-watched");
		log_str(&l, "cause", why);
		log_end(&l);
		publish(q, 0, 0);
		smqueue_emit(q, SMX_QUEUE_RESET, "", "");
	}
	q->blind = 1;
	q->broken = 1;
	q->retry_ms = now_ms + RETRY_MS;
}

static int
is_asked(struct smqueue *q)
{
	size_t waiting;

	pthread_mutex_lock(&q->lock);
	waiting = q->verify.count + q->read.count;
	pthread_mutex_unlock(&q->lock);
	return waiting != 0;
}

/* Is it still the queue that is watched?  Then its counter goes on. */
static void
look_after(struct smqueue *q, int64_t now_ms)
{
	int links = q->state.links_known && q->log != NULL;

	if (now_ms < q->health_ms)
		return;
	q->health_ms = now_ms + (q->heartbeat_ms < HEALTH_MS ? q->heartbeat_ms
							     : HEALTH_MS);
	if (!smqueue_folders_valid(q) ||
	    !pfmarker_valid(&q->marker, q->marker_directory)) {
		q->broken = 1;
		return;
	}
	if (now_ms >= q->count_ms) {
		(void)pfmarker_beat(&q->marker);
		q->count_ms = now_ms + q->heartbeat_ms;
	}
	publish(q, 1, links);
}

void
smqueue_turn(struct smqueue *q)
{
	int64_t now_ms = clock_mono_ms();
	eventfd_t woken;

	(void)eventfd_read(q->wake_fd, &woken); /* only there to end a poll */
	if (!q->broken)
		smqueue_drain(q);
	smqueue_moved_away(q, now_ms);
	if (!q->broken)
		look_after(q, now_ms);
	if (q->broken)
		restart(q, now_ms);
	/* What was divided lives on, and the log has said so by then. */
	if (is_asked(q))
		q->log_ms = q->log == NULL ? q->log_ms : now_ms;
	smqueue_log_turn(q, now_ms);
	if (!q->blind)
		smqueue_list_turn(q);
	smqueue_verify_turn(q, now_ms);
	smqueue_read_turn(q);
}

int
smqueue_fd(const struct smqueue *q)
{
	return q->epoll_fd;
}

int64_t
smqueue_wait_ms(struct smqueue *q)
{
	return (is_asked(q) || q->listing.on) && smqueue_room(q) > 1 ? 0
								     : TURN_MS;
}

/* ---- the port ---- */

static int
ask(struct smqueue *q, struct smasked *asked, const char *const *ids,
    size_t count, uint64_t token)
{
	int result = smqueue_ask(q, asked, ids, count, token);

	if (result == SMX_OK && eventfd_write(q->wake_fd, 1) != 0)
		return SMX_EIO;
	return result;
}

static int
port_verify(void *ctx, const char *const *ids, size_t count, uint64_t token)
{
	struct smqueue *q = ctx;

	return ask(q, &q->verify, ids, count, token);
}

static int
port_read(void *ctx, const char *const *ids, size_t count, uint64_t token)
{
	struct smqueue *q = ctx;

	return count > SMX_QUEUE_READ_MAX ? SMX_ELIMIT
					  : ask(q, &q->read, ids, count, token);
}

static int
port_open(void *ctx, const char *id, char **envelope, size_t *envelope_len,
    int *fd, uint64_t *size, int *held, int64_t until_mono_ms)
{
	if (!smid_valid(id, strlen(id)))
		return SMX_ENOTFOUND;
	return smqueue_copy(ctx, id, envelope, envelope_len, fd, size, held,
	    until_mono_ms);
}

static int
port_next(void *ctx, struct smx_queue_event *events, size_t max, size_t *count,
    int64_t until_mono_ms)
{
	struct smqueue *q = ctx;
	struct pollfd p = { .fd = q->epoll_fd, .events = POLLIN };

	for (;;) {
		int64_t left, wait;

		smqueue_turn(q);
		*count = smqueue_take(q, events, max);
		if (*count != 0)
			return SMX_OK;
		left = until_mono_ms - clock_mono_ms();
		if (left <= 0)
			return SMX_ETIMEOUT;
		wait = smqueue_wait_ms(q);
		if (poll(&p, 1, (int)(wait < left ? wait : left)) < 0 &&
		    errno != EINTR)
			return SMX_EIO;
	}
}

static int
port_state(void *ctx, struct smx_queue_state *state)
{
	struct smqueue *q = ctx;
	int result = SMX_ESTATE;

	pthread_mutex_lock(&q->lock);
	if (q->state_known) {
		*state = q->state;
		result = SMX_OK;
	}
	pthread_mutex_unlock(&q->lock);
	return result;
}

static void
port_close(void *ctx)
{
	struct smqueue *q = ctx;

	smqueue_close(&q);
}

const struct smx_queue_ops smqueue_ops = { port_verify, port_read, port_open,
	port_next, port_state, port_close, NULL, NULL, NULL };
