/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/stopper.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* all under lock */
static stopper_fn what;
static pthread_t thread;
static int running;

static void *
run(void *arg)
{
	(void)arg;
	what();
	return NULL;
}

static int
start(void)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, run, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc == 0;
}

void
stopper_begin(stopper_fn stop)
{
	pthread_mutex_lock(&lock);
	if (what == NULL) {
		what = stop;
		running = start();
		if (!running)
			what = NULL; /* may be asked again */
	}
	pthread_mutex_unlock(&lock);
}

static void
nothing(void)
{
}

void
stopper_end(void)
{
	int join;

	pthread_mutex_lock(&lock);
	join = running;
	running = 0;
	if (what == NULL)
		what = nothing;
	pthread_mutex_unlock(&lock);
	if (join)
		pthread_join(thread, NULL);
}
