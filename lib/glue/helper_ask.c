/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/helper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/key.h"
#include "glue/helper_wire.h"

struct helper {
	pthread_mutex_t lock; /* one request at a time */
	int fd;
	uint64_t generation;
	uint64_t token;
	struct helper_request request;
	char text[HELPER_PACKET_MAX];
};

int
helper_new(struct helper **out, int fd)
{
	struct helper *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return SMX_ENOMEM;
	if (key_random(&h->generation, sizeof(h->generation)) != SMX_OK) {
		free(h);
		return SMX_EIO;
	}
	h->fd = fd;
	pthread_mutex_init(&h->lock, NULL);
	*out = h;
	return SMX_OK;
}

void
helper_free(struct helper **helper)
{
	if (*helper == NULL)
		return;
	pthread_mutex_destroy(&(*helper)->lock);
	free(*helper);
	*helper = NULL;
}

static int
wait_for(int fd, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = deadline_ms - clock_mono_ms();
		int n;

		if (left <= 0)
			return SMX_ETIMEOUT;
		n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (n > 0)
			return SMX_OK;
		if (n < 0 && errno != EINTR)
			return SMX_EIO;
	}
}

static void
drop_old_answers(int fd)
{
	char text[1];

	while (recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
}

static int
ask(struct helper *h, int64_t deadline_ms)
{
	size_t len = helper_put_request(h->text, sizeof(h->text), &h->request);

	if (len == 0)
		return SMX_EINVAL;
	for (;;) {
		int result = wait_for(h->fd, POLLOUT, deadline_ms);

		if (result == SMX_EIO)
			return SMX_EUNREACHABLE;
		if (result != SMX_OK)
			return result;
		if (send(h->fd, h->text, len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
		    (ssize_t)len)
			return SMX_OK;
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
			return SMX_EUNREACHABLE;
	}
}

/*
 * A helper that has begun may have the request before it, or the one before it
 * had.  The same once more, too late to be run, is answered behind it.
 */
static int
ask_behind(struct helper *h, int64_t deadline_ms)
{
	h->request.deadline_ms = 1;
	return ask(h, deadline_ms);
}

/* From here on it may have happened. */
static int
hear(struct helper *h, int64_t deadline_ms, size_t *done)
{
	struct helper_answer answer;
	int behind = 0;

	while (wait_for(h->fd, POLLIN, deadline_ms) == SMX_OK) {
		ssize_t n = recv(h->fd, h->text, sizeof(h->text), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			break;
		if (n < 0 ||
		    helper_get_answer(h->text, (size_t)n, &answer) != SMX_OK)
			continue;
		if (answer.token == 0) {
			if (behind++ || ask_behind(h, deadline_ms) != SMX_OK)
				break;
			continue;
		}
		if (answer.generation != h->generation ||
		    answer.token != h->token)
			continue;
		if (behind && answer.result == SMX_ETIMEOUT)
			break;
		*done = answer.done;
		return answer.result;
	}
	return SMX_EUNSURE;
}

static int
fill(struct helper *h, enum helper_verb verb, const char *const *ids,
    size_t count)
{
	struct helper_request *r = &h->request;

	if (verb < HELPER_HOLD || verb > HELPER_FLUSH || count == 0 ||
	    count > HELPER_IDS_MAX)
		return SMX_EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (!pfid_valid(ids[i], strlen(ids[i])))
			return SMX_EINVAL;
		text_copy(r->id[i], sizeof(r->id[i]), ids[i]);
	}
	r->generation = h->generation;
	r->token = ++h->token;
	r->verb = verb;
	r->count = count;
	return SMX_OK;
}

int
helper_ask(struct helper *h, enum helper_verb verb, const char *const *ids,
    size_t count, int64_t deadline_mono_ms, size_t *done)
{
	struct timespec until = { .tv_sec = deadline_mono_ms / 1000,
		.tv_nsec = deadline_mono_ms % 1000 * 1000000 };
	size_t n = 0;
	int result;

	if (deadline_mono_ms <= 0 ||
	    pthread_mutex_clocklock(&h->lock, CLOCK_MONOTONIC, &until) != 0)
		return SMX_ETIMEOUT;
	h->request.deadline_ms = (uint64_t)deadline_mono_ms;
	result = fill(h, verb, ids, count);
	drop_old_answers(h->fd);
	if (result == SMX_OK)
		result = ask(h, deadline_mono_ms);
	if (result == SMX_OK)
		result = hear(h, deadline_mono_ms, &n);
	pthread_mutex_unlock(&h->lock);
	if (done != NULL)
		*done = n;
	return result;
}
