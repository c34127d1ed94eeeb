/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smqueue.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"

#define SETTLE_MS    2000
#define STRAY_MS     60000
#define HEARTBEAT_MS 30000
#define MARKER       "shadowmx"

/* A path with a star would take the marker's folder for a queue. */
static int
marker_is_queue(const struct smqueue *q)
{
	for (size_t i = 0; i < q->paths; i++) {
		const char *name = strrchr(q->path[i], '/');
		size_t len = name == NULL ? 0 : strlen(name + 1);

		if (len != 0 && name[len] == '*' &&
		    strncmp(name + 1, MARKER, len - 1) == 0)
			return 1;
	}
	return 0;
}

/* In the folder that the first path names, or in which its star stands. */
static int
marker_place(struct smqueue *q, const char *given, char *why, size_t why_size)
{
	const char *path = q->path[0];
	size_t len = strlen(path);

	if (given != NULL && given[0] != '\0') {
		q->marker_directory = strdup(given);
		return q->marker_directory == NULL ? SMX_ENOMEM : SMX_OK;
	}
	if (marker_is_queue(q)) {
		snprintf(why, why_size,
		    "%s: a folder of the marker's own must be set, its usual "
		    "one would be a queue",
		    path);
		return SMX_ECONFIG;
	}
	if (len != 0 && path[len - 1] == '*')
		while (len != 0 && path[len - 1] != '/')
			len--;
	return asprintf(&q->marker_directory, "%.*s/%s", (int)len, path,
		   MARKER) < 0
		   ? SMX_ENOMEM
		   : SMX_OK;
}

static char *
copy(const char *text)
{
	return strdup(text == NULL ? "" : text);
}

static int
copy_options(struct smqueue *q, const struct smqueue_options *o)
{
	q->settle_ms = o->settle_ms > 0 ? o->settle_ms : SETTLE_MS;
	q->stray_ms = o->stray_ms > 0 ? o->stray_ms : STRAY_MS;
	q->heartbeat_ms = o->heartbeat_ms > 0 ? o->heartbeat_ms : HEARTBEAT_MS;
	q->deliveries = o->deliveries;
	if (o->boot != NULL)
		text_copy(q->boot, sizeof(q->boot), o->boot);
	else
		pfmarker_boot_id(q->boot);
	q->log_file = copy(o->log_file);
	q->pid_file = copy(o->pid_file);
	q->domain = copy(o->domain);
	q->path = calloc(o->path_count + 1, sizeof(*q->path));
	if (q->log_file == NULL || q->pid_file == NULL || q->domain == NULL ||
	    q->path == NULL)
		return SMX_ENOMEM;
	for (; q->paths < o->path_count; q->paths++) {
		q->path[q->paths] = copy(o->paths[q->paths]);
		if (q->path[q->paths] == NULL)
			return SMX_ENOMEM;
	}
	return q->paths == 0 ? SMX_EINVAL : SMX_OK;
}

static int
asked_init(struct smasked *asked, size_t max)
{
	asked->pending = calloc(max, sizeof(*asked->pending));
	asked->max = max;
	return asked->pending == NULL ? SMX_ENOMEM : SMX_OK;
}

static int
make_tables(struct smqueue *q, int ends)
{
	q->ring = calloc(SMQUEUE_EVENTS_MAX, sizeof(*q->ring));
	q->item = calloc(SMQUEUE_BATCH, sizeof(*q->item));
	q->ended = calloc(SMQUEUE_ENDED_MAX, sizeof(*q->ended));
	if (q->ring == NULL || q->item == NULL || q->ended == NULL ||
	    asked_init(&q->verify, SMQUEUE_VERIFY_MAX) != SMX_OK ||
	    asked_init(&q->read, SMQUEUE_READ_MAX) != SMX_OK ||
	    pftable_init(&q->seen, SMQUEUE_SEEN_MAX) != SMX_OK ||
	    pftable_init(&q->ending, SMQUEUE_ENDED_MAX) != SMX_OK ||
	    smkin_init(&q->kin) != SMX_OK)
		return SMX_ENOMEM;
	return ends ? pfends_init(&q->ends) : SMX_OK;
}

static int
make_descriptors(struct smqueue *q)
{
	struct epoll_event want = { .events = EPOLLIN };

	q->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	q->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->epoll_fd < 0 || q->wake_fd < 0 ||
	    epoll_ctl(q->epoll_fd, EPOLL_CTL_ADD, q->wake_fd, &want) != 0)
		return SMX_EIO;
	return SMX_OK;
}

int
smqueue_open(struct smqueue **out, const struct smqueue_options *options,
    char *why, size_t why_size)
{
	struct smqueue *q = calloc(1, sizeof(*q));
	int result;

	if (q == NULL)
		return SMX_ENOMEM;
	q->epoll_fd = q->wake_fd = q->inotify_fd = -1;
	q->marker.dir_fd = -1;
	pthread_mutex_init(&q->lock, NULL);
	pthread_mutex_init(&q->folders_lock, NULL);
	why[0] = '\0';
	result = copy_options(q, options);
	if (result == SMX_OK)
		result =
		    marker_place(q, options->marker_directory, why, why_size);
	if (result == SMX_OK)
		result = make_tables(q, options->ends);
	if (result == SMX_OK)
		result = make_descriptors(q);
	if (result == SMX_OK)
		result = smqueue_start(q, why, why_size);
	if (result == SMX_OK) {
		*out = q;
		return SMX_OK;
	}
	if (why[0] == '\0')
		snprintf(why, why_size, "%s", smx_strerror(result));
	smqueue_close(&q);
	return result;
}

static void
close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void
tables_done(struct smqueue *q)
{
	if (q->ring != NULL)
		smqueue_ring_clear(q);
	pftable_done(&q->seen);
	pftable_done(&q->ending);
	smkin_done(&q->kin);
	pfends_done(&q->ends);
	free(q->ring);
	free(q->item);
	free(q->ended);
	free(q->verify.pending);
	free(q->read.pending);
}

void
smqueue_close(struct smqueue **queue)
{
	struct smqueue *q = *queue;

	if (q == NULL)
		return;
	*queue = NULL;
	/* As long as a daemon runs it can change the queue without us. */
	pfmarker_close(&q->marker,
	    q->pid_file != NULL &&
		smdaemon_health(q->pid_file) == SMX_MTA_DOWN);
	smqueue_watch_stop(q);
	close_fd(q->epoll_fd);
	close_fd(q->wake_fd);
	logtail_close(&q->log);
	tables_done(q);
	for (size_t i = 0; i < q->paths; i++)
		free(q->path[i]);
	free(q->path);
	free(q->log_file);
	free(q->pid_file);
	free(q->domain);
	free(q->marker_directory);
	pthread_mutex_destroy(&q->folders_lock);
	pthread_mutex_destroy(&q->lock);
	free(q);
}
