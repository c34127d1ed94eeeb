/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/master.h"
#include "io/pfqueue_copy.h"

#define LOG_MS     250  /* how often the log is looked at */
#define HEALTH_MS  1000 /* and the master process */
#define RETRY_MS   1000 /* and a queue that could not be watched */
#define LOG_BUDGET (1024u * 1024)
#define WHY_SIZE   512

/* What was rotated away last is read too: the requeue may stand there. */
static void
log_read_old(struct pfqueue *q)
{
	char *name = NULL;
	struct logtail *old = NULL;

	if (asprintf(&name, "%s.1", q->log_file) < 0)
		return;
	if (logtail_open(&old, name, PFQUEUE_LOG_BACK) == SMX_OK)
		while (logtail_read(old, LOG_BUDGET, pfqueue_note_log, q) > 0)
			;
	logtail_close(&old);
	free(name);
}

/* Non-zero: everything that the log holds has been read. */
static int
log_start(struct pfqueue *q)
{
	struct log_line l;
	int result;

	logtail_close(&q->log);
	if (q->log_file[0] == '\0')
		return 0;
	q->log_quiet = 1;
	pfends_clear(&q->ends);
	log_read_old(q);
	result = logtail_open(&q->log, q->log_file, PFQUEUE_LOG_BACK);
	if (result == SMX_OK)
		do
			result = logtail_read(q->log, LOG_BUDGET,
			    pfqueue_note_log, q);
		while (result > 0 || result == SMX_EGONE);
	q->log_quiet = 0;
	if (result == SMX_OK)
		return 1;
	log_begin(&l, SMX_LOG_WARNING, NULL, "mail-log-unreadable");
	log_str(&l, "file", q->log_file);
	log_errno(&l, errno);
	log_str(&l, "result", "requeues from before the watch stay unknown");
	log_end(&l);
	logtail_close(&q->log);
	return 0;
}

/* A log that is there later than the watch tells new requeues, but nothing
 * about what came before: links_known stays as it is. */
static void
log_turn(struct pfqueue *q, int64_t now_ms)
{
	if (q->log_file[0] == '\0' || now_ms < q->log_ms)
		return;
	if (q->log == NULL &&
	    logtail_open(&q->log, q->log_file, PFQUEUE_LOG_BACK) != SMX_OK) {
		q->log_ms = now_ms + RETRY_MS;
		return;
	}
	switch (logtail_read(q->log, LOG_BUDGET, pfqueue_note_log, q)) {
	case 1:
		q->log_ms = now_ms;
		break;
	case SMX_EIO:
		logtail_close(&q->log);
		log_event(SMX_LOG_WARNING, "mail-log-lost", "errno=%d", errno);
		break;
	default:
		q->log_ms = now_ms + LOG_MS;
		break;
	}
}

static void
publish(struct pfqueue *q, int known, int links_known)
{
	enum smx_mta_health mta =
	    known ? master_health(q->queue_fd) : SMX_MTA_UNKNOWN;

	if (known)
		pfqueue_local(q);
	pthread_mutex_lock(&q->lock);
	q->state_known = known;
	q->state = q->marker.record.lineage;
	pfqueue_local_tell(q, &q->state);
	q->state.links_known = links_known;
	q->state.mta = mta;
	pthread_mutex_unlock(&q->lock);
}

static int
marker_start(struct pfqueue *q, char *why, size_t why_size)
{
	int fd, result;

	pfmarker_close(&q->marker, 0);
	fd = openat(q->queue_fd, pfqueue_folder(PF_INCOMING),
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		snprintf(why, why_size, "%s: incoming: %s", q->queue_directory,
		    strerror(errno));
		return SMX_EIO;
	}
	result = pfmarker_open(&q->marker, q->marker_directory, fd, q->boot,
	    why, why_size);
	close(fd);
	return result;
}

/*
 * Begin to watch, or begin anew.  Watches first, then the folders are read,
 * then the log: what happens meanwhile is waiting as an event.  What was known
 * about beginnings and ends is forgotten, for some may have been missed; what
 * was known about requeues stays true.
 */
int
pfqueue_start(struct pfqueue *q, char *why, size_t why_size)
{
	struct pfplace before = q->place[PF_INCOMING];
	int links, result;

	pftable_clear(&q->seen);
	pftable_clear(&q->strays);
	result = pfqueue_watch_start(q, why, why_size);
	if (result == SMX_OK &&
	    (before.dev != q->place[PF_INCOMING].dev ||
		before.ino != q->place[PF_INCOMING].ino ||
		!pfmarker_valid(&q->marker, q->marker_directory)))
		result = marker_start(q, why, why_size);
	if (result != SMX_OK)
		return result;
	q->broken = 0;
	q->blind = 0;
	q->read_lost = 0;
	q->local.changed = 1;
	links = log_start(q);
	q->began_ms = clock_mono_ms();
	q->count_ms = q->began_ms + q->heartbeat_ms;
	publish(q, 1, links);
	pfqueue_emit(q, SMX_QUEUE_RESET, "", "");
	pfqueue_list_start(q);
	return SMX_OK;
}

static void
restart(struct pfqueue *q, int64_t now_ms)
{
	char why[WHY_SIZE] = "";
	struct log_line l;

	if (q->blind && now_ms < q->retry_ms)
		return;
	if (pfqueue_start(q, why, sizeof(why)) == SMX_OK)
		return;
	if (!q->blind) {
		log_begin(&l, SMX_LOG_ERR, NULL, "queue-not-watched");
		log_str(&l, "cause", why);
		log_end(&l);
		publish(q, 0, 0);
		pfqueue_emit(q, SMX_QUEUE_RESET, "", "");
	}
	q->blind = 1;
	q->broken = 1;
	q->retry_ms = now_ms + RETRY_MS;
}

static int
is_asked(struct pfqueue *q)
{
	size_t waiting;

	pthread_mutex_lock(&q->lock);
	waiting = q->pending_count;
	pthread_mutex_unlock(&q->lock);
	return waiting != 0;
}

/* Is it still the queue that is watched?  Then its counter goes on. */
static void
look_after(struct pfqueue *q, int64_t now_ms)
{
	int links = q->state.links_known && q->log != NULL;

	if (now_ms < q->health_ms)
		return;
	q->health_ms = now_ms + (q->heartbeat_ms < HEALTH_MS ? q->heartbeat_ms
							     : HEALTH_MS);
	if (!pfqueue_watch_valid(q)) {
		q->broken = 1;
		return;
	}
	if (now_ms >= q->count_ms) {
		(void)pfmarker_beat(&q->marker);
		q->count_ms = now_ms + q->heartbeat_ms;
	}
	publish(q, 1, links);
}

/* Ends are told of what the log said before, too: so it is read again. */
static void
tell_what_is_wanted(struct pfqueue *q)
{
	int deliveries, ends;

	pthread_mutex_lock(&q->lock);
	deliveries = q->want_deliveries;
	ends = q->want_ends;
	pthread_mutex_unlock(&q->lock);
	q->deliveries = deliveries;
	if (!ends && q->ends.end != NULL)
		pfends_done(&q->ends);
	else if (ends && q->ends.end == NULL && pfends_init(&q->ends) == SMX_OK)
		q->broken = 1;
}

void
pfqueue_turn(struct pfqueue *q)
{
	int64_t now_ms = clock_mono_ms();
	eventfd_t woken;

	(void)eventfd_read(q->wake_fd, &woken); /* only there to end a poll */
	pfqueue_drain(q);
	tell_what_is_wanted(q);
	if (!q->broken)
		look_after(q, now_ms);
	if (q->broken)
		restart(q, now_ms);
	/* A message that ended may live on in its notice, and the log has said
	 * so by then. */
	if (is_asked(q))
		q->log_ms = q->log == NULL ? q->log_ms : now_ms;
	log_turn(q, now_ms);
	if (!q->blind)
		pfqueue_note_strays(q, now_ms);
	if (!q->blind)
		pfqueue_list_turn(q);
	pfqueue_verify_turn(q, now_ms);
	pfread_turn(q, now_ms);
}

int
pfqueue_fd(const struct pfqueue *q)
{
	return q->epoll_fd;
}

int64_t
pfqueue_wait_ms(struct pfqueue *q)
{
	int64_t read_ms = pfread_wait_ms(q);

	if ((is_asked(q) && pfqueue_room(q) > 1) || pfqueue_list_goes_on(q))
		return 0;
	return read_ms < LOG_MS ? read_ms : LOG_MS;
}

/* ---- the port ---- */

static int
port_verify(void *ctx, const char *const *ids, size_t count, uint64_t token)
{
	struct pfqueue *q = ctx;
	int result = pfqueue_ask(q, ids, count, token);

	if (result == SMX_OK && eventfd_write(q->wake_fd, 1) != 0)
		return SMX_EIO;
	return result;
}

static int
port_read(void *ctx, const char *const *ids, size_t count, uint64_t token)
{
	struct pfqueue *q = ctx;
	int result = pfread_ask(q, ids, count, token);

	if (result == SMX_OK && eventfd_write(q->wake_fd, 1) != 0)
		return SMX_EIO;
	return result;
}

static int
port_open(void *ctx, const char *id, char **envelope, size_t *envelope_len,
    int *fd, uint64_t *size, int *held, int64_t until_mono_ms)
{
	struct pfqueue *q = ctx;
	struct pfcopy copy;
	int result = pfcopy_start(&copy, &q->tool, q->queue_directory,
	    q->marker_directory, id, until_mono_ms);

	while (result == SMX_OK && (result = pfcopy_turn(&copy)) == SMX_ETEMP) {
		struct pollfd p = { .fd = pfcopy_fd(&copy), .events = POLLIN };
		int64_t left = until_mono_ms - clock_mono_ms();
		int64_t wait = pfcopy_wait_ms(&copy);

		(void)poll(&p, 1,
		    (int)(left < wait ? left < 0 ? 0 : left : wait));
		result = SMX_OK;
	}
	if (result == SMX_OK) {
		*envelope = copy.envelope;
		*envelope_len = copy.envelope_len;
		*fd = copy.content_fd;
		*size = copy.size;
		*held = copy.file.folder == PF_HOLD;
		copy.envelope = NULL;
		copy.content_fd = -1;
	}
	pfcopy_end(&copy);
	return result;
}

static int
port_next(void *ctx, struct smx_queue_event *events, size_t max, size_t *count,
    int64_t until_mono_ms)
{
	struct pfqueue *q = ctx;
	struct pollfd p = { .fd = q->epoll_fd, .events = POLLIN };

	for (;;) {
		int64_t left, wait;

		pfqueue_turn(q);
		*count = pfqueue_take(q, events, max);
		if (*count != 0)
			return SMX_OK;
		left = until_mono_ms - clock_mono_ms();
		if (left <= 0)
			return SMX_ETIMEOUT;
		wait = pfqueue_wait_ms(q);
		if (poll(&p, 1, (int)(wait < left ? wait : left)) < 0 &&
		    errno != EINTR)
			return SMX_EIO;
	}
}

static int
port_state(void *ctx, struct smx_queue_state *state)
{
	struct pfqueue *q = ctx;
	int result = SMX_ESTATE;

	pthread_mutex_lock(&q->lock);
	if (q->state_known) {
		*state = q->state;
		result = SMX_OK;
	}
	pthread_mutex_unlock(&q->lock);
	return result;
}

static int
port_route(void *ctx, const char *sender, const char *recipient,
    struct smx_queue_route *route, int64_t until_mono_ms)
{
	struct pfqueue *q = ctx;

	if (q->transports.config_directory == NULL)
		return SMX_EIO;
	return pfroute_ask(&q->transports, q->queue_directory, sender,
	    recipient, route, until_mono_ms);
}

static void
port_want(void *ctx, int deliveries, int ends)
{
	struct pfqueue *q = ctx;

	pthread_mutex_lock(&q->lock);
	q->want_deliveries = deliveries;
	q->want_ends = ends;
	pthread_mutex_unlock(&q->lock);
	(void)eventfd_write(q->wake_fd, 1); /* the next turn is not far */
}

static void
port_close(void *ctx)
{
	struct pfqueue *q = ctx;

	pfqueue_close(&q);
}

const struct smx_queue_ops pfqueue_ops = { port_verify, port_read, port_open,
	port_next, port_state, port_close, NULL, port_route, port_want };
const struct smx_queue_ops pfqueue_ops_watch = { port_verify, NULL, NULL,
	port_next, port_state, port_close, NULL, port_route, port_want };
