/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/milter_watch.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "glue/conns.h"

/* Each of them costs a descriptor and what is in memory of its message. */
#define LOST_MAX 16
#define KNOCKS   4

void
milter_watch_init(struct milter_watch *watch, int listening, const char *listen)
{
	memset(watch, 0, sizeof(*watch));
	unread_init(&watch->unread, listening);
	if (selfping_parse(&watch->self, listen) != SMX_OK)
		watch->self.len = 0;
}

void
milter_watch_free(struct milter_watch *watch)
{
	unread_free(&watch->unread);
}

static void *
nothing(void *ctx)
{
	return ctx;
}

static int
thread_can_be_had(void)
{
	sigset_t all, old;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, nothing, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		pthread_join(thread, NULL);
	return rc == 0;
}

/* While there are none, each knock would be one more connection that is lost.
 */
static void
look_for_threads(struct milter_watch *watch, int64_t now_ms)
{
	int none = !thread_can_be_had();

	if (none == watch->no_threads)
		return;
	watch->no_threads = none;
	selfping_rest(none);
	if (none) {
		watch->no_threads_ms = now_ms;
		log_event(SMX_LOG_ERR, "threads-short",
		    "no thread can be made: new connections of the MTA, of "
		    "peers and of operators are refused or wait");
	} else {
		log_event(SMX_LOG_NOTICE, "threads-again", "after_ms=%lld",
		    (long long)(now_ms - watch->no_threads_ms));
	}
}

static void
tell_cut(const struct milter_watch *watch, size_t count)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, NULL, "milter-unread");
	log_num(&l, "cut", (int64_t)count);
	log_num(&l, "lost", (int64_t)watch->unread.lost);
	log_end(&l);
}

int
milter_watch_tick(struct milter_watch *watch, int64_t now_ms)
{
	struct unread *unread = &watch->unread;
	size_t count, held;

	look_for_threads(watch, now_ms);
	count = unread_look(unread, now_ms);
	if (count != 0)
		tell_cut(watch, count);
	if (watch->no_threads)
		return 0;
	for (size_t i = 0; i < unread->waiting && i < KNOCKS; i++)
		if (selfping_knock(&watch->self) != SMX_OK)
			break;
	/* One whose MTA went away in the middle of a long wait for peers is
	 * cut as well, and not lost. */
	held = conns_held();
	return unread->lost > held && unread->lost - held >= LOST_MAX;
}
