/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/conns.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t nobody = PTHREAD_COND_INITIALIZER;

/* all under lock */
static struct smx_engine *engine;
static int gate_open;
static size_t inside;
static struct conn *first;
static size_t count;
static size_t ending;
static size_t threads; /* that have been in an end of message */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key; /* not NULL in each of those */
static int has_key;

static void
thread_ends(void *mark)
{
	(void)mark;
	pthread_mutex_lock(&lock);
	threads--;
	pthread_mutex_unlock(&lock);
}

static void
make_key(void)
{
	has_key = pthread_key_create(&thread_key, thread_ends) == 0;
}

void
conns_start(struct smx_engine *for_engine)
{
	(void)pthread_once(&once, make_key);
	pthread_mutex_lock(&lock);
	engine = for_engine;
	gate_open = 1;
	pthread_mutex_unlock(&lock);
}

/* The wait is bounded by the policies' max_delay: only an end of message stays
 * inside for long. */
void
conns_stop(void)
{
	pthread_mutex_lock(&lock);
	gate_open = 0;
	while (inside > 0)
		pthread_cond_wait(&nobody, &lock);
	pthread_mutex_unlock(&lock);
	while (first != NULL)
		conns_remove(first);
}

int
conns_enter(void)
{
	int open;

	pthread_mutex_lock(&lock);
	open = gate_open;
	inside += (size_t)open;
	pthread_mutex_unlock(&lock);
	return open;
}

void
conns_leave(void)
{
	pthread_mutex_lock(&lock);
	if (--inside == 0)
		pthread_cond_signal(&nobody);
	pthread_mutex_unlock(&lock);
}

struct smx_engine *
conns_engine(void)
{
	return engine;
}

struct conn *
conns_add(void)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return NULL;
	pthread_mutex_lock(&lock);
	conn->next = first;
	if (first != NULL)
		first->prev = conn;
	first = conn;
	count++;
	pthread_mutex_unlock(&lock);
	return conn;
}

void
conns_remove(struct conn *conn)
{
	pthread_mutex_lock(&lock);
	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		first = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	count--;
	pthread_mutex_unlock(&lock);
	smx_session_free(&conn->session);
	free(conn);
}

/* Non-zero: this thread is new to us. */
static int
is_new_thread(void)
{
	return has_key && pthread_getspecific(thread_key) == NULL &&
	       pthread_setspecific(thread_key, &thread_key) == 0;
}

void
conns_ending(int begin)
{
	int is_new = begin && is_new_thread();

	pthread_mutex_lock(&lock);
	threads += (size_t)is_new;
	if (begin)
		ending++;
	else
		ending--;
	pthread_mutex_unlock(&lock);
}

void
conns_look(struct conns_sight *sight)
{
	pthread_mutex_lock(&lock);
	sight->idle = count - ending;
	sight->spare = threads > ending;
	pthread_mutex_unlock(&lock);
}

size_t
conns_held(void)
{
	size_t held;

	pthread_mutex_lock(&lock);
	held = ending;
	pthread_mutex_unlock(&lock);
	return held;
}
