/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/net_mover.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "io/digest.h"
#include "io/fsutil.h"

/* Little and often: a step is one sync of a slice and one group of the store,
 * and the writer's other guests wait for neither. */
#define STEP_ROWS  128
#define STEP_BYTES ((uint64_t)8 << 20)
#define PAUSE_MS   1000
#define FAILED_MS  10000
/* For each millisecond of work so many of rest, as long as not half of what may
 * wait does: the writer and the disk belong to the mail. */
#define REST      3
#define TELL_MS   60000
#define LET_GO_MS 60000

struct mover {
	struct mover_options options;
	struct netview *view;
	pthread_t thread;
	int64_t seqs[STEP_ROWS]; /* added and synced, still to be let go */
	size_t count;
	uint64_t step_bytes;
	uint64_t missed_told, damaged_told;
	int64_t told_ms; /* CLOCK_MONOTONIC */
	int result;      /* of the last step */

	pthread_mutex_t lock;
	pthread_cond_t wake; /* the mover */
	pthread_cond_t done; /* who waits for it */
	int stop;
	uint64_t wanted, rounds; /* flushes: asked for, and empty since */
};

/* ---- one row ---- */

struct body {
	const struct net_waiting *waiting;
	int fd;
};

static int
body_read(void *ctx, uint64_t offset, void *buf, size_t len)
{
	const struct body *body = ctx;

	if (offset > body->waiting->found.row.size ||
	    len > body->waiting->found.row.size - offset)
		return SMX_EINVAL;
	if (body->fd >= 0)
		return fs_read_at(body->fd, offset, buf, len);
	memcpy(buf, body->waiting->body + offset, len);
	return SMX_OK;
}

/* It is read twice: a bad one must not tear the slice. */
static int
is_sound(const struct smx_content *content, const struct smx_row *row)
{
	uint8_t digest[SMX_DIGEST_BYTES];
	int result = digest_content(content, digest);

	if (result == SMX_OK &&
	    memcmp(digest, row->digest, sizeof(digest)) != 0)
		result = SMX_ECORRUPT;
	return result;
}

static int
add_content(struct mover *m, const struct net_waiting *waiting,
    struct body *body)
{
	struct smx_content content = { .ctx = body,
		.size = waiting->found.row.size,
		.read = body_read };
	struct slice_item item = { .row = waiting->found.row,
		.ended_ms = waiting->ended_ms,
		.envelope = waiting->envelope,
		.envelope_len = waiting->envelope_len };
	int result = is_sound(&content, &item.row);

	memcpy(item.origin, waiting->found.origin, sizeof(item.origin));
	if (result == SMX_OK)
		result =
		    net_add(m->options.net, &item, &content, clock_wall_ms());
	return result;
}

static int
add(struct mover *m, const struct net_waiting *waiting)
{
	struct body body = { .waiting = waiting, .fd = -1 };
	int result = SMX_OK;

	if (waiting->found.file[0] != '\0')
		result = body_open(&m->options.bodies, waiting->found.file,
		    waiting->found.row.size, &body.fd);
	if (result == SMX_OK)
		result = add_content(m, waiting, &body);
	fs_close(&body.fd);
	return result;
}

/* ---- one step ---- */

static int
let_go(struct mover *m)
{
	struct work *work;
	int result;

	if (m->count == 0)
		return SMX_OK;
	work = work_let_go(m->seqs, m->count);
	if (work == NULL)
		return SMX_ENOMEM;
	result = workq_ask(m->options.queue, work, LET_GO_MS, NULL);
	if (result == SMX_OK)
		m->count = 0;
	return result;
}

/* Rows go into a slice, as many as make a step.  Those that are not what was
 * written go nowhere. */
static int
take(struct mover *m)
{
	int64_t seq = 0;
	int result = SMX_OK;

	m->step_bytes = 0;
	while (m->count < STEP_ROWS && m->step_bytes < STEP_BYTES) {
		struct net_waiting waiting;

		result = netview_next(m->view, &seq, &waiting);
		if (result == SMX_OK) {
			result = add(m, &waiting);
			m->step_bytes += waiting.found.row.size;
			net_waiting_free(&waiting);
		}
		if (result == SMX_ECORRUPT)
			atomic_fetch_add(&m->options.gate->damaged, 1);
		else if (result != SMX_OK)
			break;
		m->seqs[m->count++] = seq;
	}
	return result == SMX_ENOTFOUND || result == SMX_ECORRUPT ? SMX_OK
								 : result;
}

/* The disk is short: what waits is not kept either. */
static int
give_up(struct mover *m)
{
	int64_t seq = 0;
	int result = SMX_OK;

	while (result == SMX_OK && m->count < STEP_ROWS) {
		struct net_waiting waiting;

		result = netview_next(m->view, &seq, &waiting);
		if (result == SMX_OK || result == SMX_ECORRUPT) {
			net_waiting_free(&waiting);
			m->seqs[m->count++] = seq;
			atomic_fetch_add(&m->options.gate->missed, 1);
			result = SMX_OK;
		}
	}
	return result == SMX_ENOTFOUND ? SMX_OK : result;
}

static int
step(struct mover *m)
{
	int result = let_go(m); /* of a step before, that failed here */

	if (result != SMX_OK)
		return result;
	if (atomic_load(&m->options.gate->closed))
		result = give_up(m);
	else {
		result = take(m);
#ifndef MUTANT_LET_GO_UNSYNCED
		if (result == SMX_OK)
			result = net_sync(m->options.net);
#endif
		if (result != SMX_OK)
			m->count = 0; /* they wait for another slice */
	}
	crash_point("before the net lets go");
	if (result == SMX_OK)
		result = let_go(m);
	crash_point("after the net has let go");
	return result;
}

/* ---- the thread ---- */

#define REST_STEP_MS 20

static void
sleep_ms(int64_t ms)
{
	const struct timespec pause = { 0, (long)ms * 1000000 };

	nanosleep(&pause, NULL);
}

/* Once a minute, if there is anything to say. */
static void
tell(struct mover *m)
{
	uint64_t missed = atomic_load(&m->options.gate->missed);
	uint64_t damaged = atomic_load(&m->options.gate->damaged);
	int64_t now_ms = clock_mono_ms();
	struct log_line l;

	if ((missed == m->missed_told && damaged == m->damaged_told &&
		m->result == SMX_OK) ||
	    (m->told_ms != 0 && now_ms - m->told_ms < TELL_MS))
		return;
	log_begin(&l, SMX_LOG_WARNING, NULL, "net_behind");
	log_num(&l, "not_kept", (int64_t)(missed - m->missed_told));
	log_num(&l, "damaged", (int64_t)(damaged - m->damaged_told));
	log_num(&l, "waiting", (int64_t)atomic_load(&m->options.gate->rows));
	log_num(&l, "disk_short", atomic_load(&m->options.gate->closed));
	log_err(&l, "result", m->result);
	log_end(&l);
	m->missed_told = missed;
	m->damaged_told = damaged;
	m->told_ms = now_ms;
}

static int
told_to_stop(void *ctx)
{
	struct mover *m = ctx;
	int stop;

	pthread_mutex_lock(&m->lock);
	stop = m->stop;
	pthread_mutex_unlock(&m->lock);
	return stop;
}

static void
pause_for(struct mover *m, int64_t ms, uint64_t wanted)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&m->lock);
	m->rounds = wanted;
	pthread_cond_broadcast(&m->done);
	while (!m->stop && m->wanted == wanted)
		if (pthread_cond_timedwait(&m->wake, &m->lock, &until) != 0)
			break;
	pthread_mutex_unlock(&m->lock);
}

static int
is_behind(const struct mover *m)
{
	const struct net_gate *gate = m->options.gate;

	return atomic_load(&gate->rows) > gate->plan.wait_rows / 2 ||
	       atomic_load(&gate->bytes) > gate->plan.wait_bytes / 2;
}

static int
is_wanted(struct mover *m)
{
	int wanted;

	pthread_mutex_lock(&m->lock);
	wanted = m->stop || m->wanted != m->rounds;
	pthread_mutex_unlock(&m->lock);
	return wanted;
}

/* All that is there, until none is left or it fails. */
static void
move_all(struct mover *m)
{
	do {
		int64_t began_ms = clock_mono_ms(), rest_ms;

		m->result = step(m);
		rest_ms = REST * (clock_mono_ms() - began_ms);
		while (rest_ms > 0 && !is_behind(m) && !is_wanted(m)) {
			sleep_ms(
			    rest_ms < REST_STEP_MS ? rest_ms : REST_STEP_MS);
			rest_ms -= REST_STEP_MS;
		}
		atomic_store(&m->options.gate->closed,
		    net_tidy(m->options.net, clock_wall_ms()));
		tell(m);
	} while (m->result == SMX_OK && !told_to_stop(m) &&
		 atomic_load(&m->options.gate->rows) != 0);
}

static void *
mover_main(void *arg)
{
	struct mover *m = arg;

	net_count(m->options.net, told_to_stop, m);
	while (!told_to_stop(m)) {
		uint64_t wanted;

		pthread_mutex_lock(&m->lock);
		wanted = m->wanted;
		pthread_mutex_unlock(&m->lock);
		move_all(m);
		pause_for(m, m->result == SMX_OK ? PAUSE_MS : FAILED_MS,
		    wanted);
	}
	return NULL;
}

int
mover_flush(struct mover *m, int64_t wait_ms)
{
	struct timespec until;
	uint64_t mine;
	int late = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(wait_ms / 1000 + 1);
	pthread_mutex_lock(&m->lock);
	mine = ++m->wanted;
	pthread_cond_signal(&m->wake);
	while (!late && !m->stop && m->rounds < mine)
		late = pthread_cond_timedwait(&m->done, &m->lock, &until) != 0;
	late = m->rounds < mine;
	pthread_mutex_unlock(&m->lock);
	return late ? SMX_ETIMEOUT : SMX_OK;
}

/* ---- beginning and end ---- */

static void
mover_free(struct mover *m)
{
	netview_close(&m->view);
	pthread_cond_destroy(&m->wake);
	pthread_cond_destroy(&m->done);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static int
thread_start(struct mover *m)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&m->thread, NULL, mover_main, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0 ? SMX_OK : SMX_ENOMEM;
}

int
mover_start(struct mover **out, const struct mover_options *options)
{
	struct mover *m = calloc(1, sizeof(*m));
	pthread_condattr_t attr;
	int result;

	if (m == NULL)
		return SMX_ENOMEM;
	m->options = *options;
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->wake, &attr);
	pthread_cond_init(&m->done, &attr);
	pthread_condattr_destroy(&attr);
	result = netview_open(&m->view, options->path);
	if (result == SMX_OK)
		result = thread_start(m);
	if (result != SMX_OK)
		mover_free(m);
	else
		*out = m;
	return result;
}

void
mover_stop(struct mover **mover)
{
	if (*mover == NULL)
		return;
	pthread_mutex_lock(&(*mover)->lock);
	(*mover)->stop = 1;
	pthread_cond_broadcast(&(*mover)->wake);
	pthread_cond_broadcast(&(*mover)->done);
	pthread_mutex_unlock(&(*mover)->lock);
	pthread_join((*mover)->thread, NULL);
	mover_free(*mover);
	*mover = NULL;
}
