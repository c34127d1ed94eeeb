/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/watcher_opens.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void
opens_init(struct watcher_opens *o)
{
	pthread_condattr_t attr;

	memset(o, 0, sizeof(*o));
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (size_t i = 0; i < WATCHER_OPENS_MAX; i++)
		pthread_cond_init(&o->place[i].changed, &attr);
	pthread_condattr_destroy(&attr);
}

void
opens_done(struct watcher_opens *o)
{
	for (size_t i = 0; i < WATCHER_OPENS_MAX; i++)
		pthread_cond_destroy(&o->place[i].changed);
}

struct open_place *
opens_begin(struct watcher_opens *o)
{
	for (size_t i = 0; i < WATCHER_OPENS_MAX; i++) {
		struct open_place *place = &o->place[i];

		if (place->used)
			continue;
		place->used = 1;
		place->answered = 0;
		place->token = ++o->last_token;
		place->opened.result = SMX_EIO;
		place->opened.envelope_fd = place->opened.content_fd = -1;
		return place;
	}
	return NULL;
}

int
opens_wait(struct open_place *place, pthread_mutex_t *lock,
    int64_t until_mono_ms)
{
	const struct timespec until = {
		.tv_sec = (time_t)(until_mono_ms / 1000),
		.tv_nsec = (long)(until_mono_ms % 1000) * 1000000,
	};

	while (!place->answered)
		if (pthread_cond_timedwait(&place->changed, lock, &until) ==
			ETIMEDOUT &&
		    !place->answered)
			return SMX_ETIMEOUT;
	return place->opened.result;
}

void
opens_end(struct open_place *place, struct watcher_opened *opened)
{
	*opened = place->opened;
	place->used = 0;
}

static void
close_both(struct watcher_opened *opened)
{
	if (opened->envelope_fd >= 0)
		close(opened->envelope_fd);
	if (opened->content_fd >= 0)
		close(opened->content_fd);
	opened->envelope_fd = opened->content_fd = -1;
}

void
opens_answer(struct watcher_opens *o, uint64_t token,
    struct watcher_opened *opened)
{
	for (size_t i = 0; i < WATCHER_OPENS_MAX; i++) {
		struct open_place *place = &o->place[i];

		if (!place->used || place->answered || place->token != token)
			continue;
		place->opened = *opened;
		place->answered = 1;
		pthread_cond_signal(&place->changed);
		return;
	}
	close_both(opened);
}

void
opens_fail(struct watcher_opens *o)
{
	for (size_t i = 0; i < WATCHER_OPENS_MAX; i++) {
		struct open_place *place = &o->place[i];

		if (!place->used || place->answered)
			continue;
		place->answered = 1;
		pthread_cond_signal(&place->changed);
	}
}

int
opened_take(struct watcher_opened *opened, char **envelope,
    size_t *envelope_len, int *fd, uint64_t *size)
{
	char *text =
	    wire_text_read(opened->envelope_fd, 0, opened->envelope_len);

	if (text == NULL) {
		close_both(opened);
		return SMX_EIO;
	}
	*envelope = text;
	*envelope_len = (size_t)opened->envelope_len;
	*fd = opened->content_fd;
	*size = opened->size;
	opened->content_fd = -1;
	close_both(opened);
	return SMX_OK;
}
