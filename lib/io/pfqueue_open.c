/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "io/master.h"

#define SETTLE_MS    2000
#define STRAY_MS     2000
#define HEARTBEAT_MS 30000

static int
copy_options(struct pfqueue *q, const struct pfqueue_options *o)
{
	const struct smx_queue_postfix_options *p = &o->postfix;

	q->settle_ms = o->settle_ms > 0 ? o->settle_ms : SETTLE_MS;
	q->stray_ms = o->stray_ms > 0 ? o->stray_ms : STRAY_MS;
	q->heartbeat_ms = p->heartbeat_ms > 0 ? p->heartbeat_ms : HEARTBEAT_MS;
	q->deliveries = q->want_deliveries = p->deliveries;
	q->want_ends = p->ends;
	if (o->boot != NULL)
		text_copy(q->boot, sizeof(q->boot), o->boot);
	else
		pfmarker_boot_id(q->boot);
	q->queue_directory = strdup(p->queue_directory);
	q->log_file = strdup(p->log_file == NULL ? "" : p->log_file);
	if (p->marker_directory != NULL && p->marker_directory[0] != '\0')
		q->marker_directory = strdup(p->marker_directory);
	else if (asprintf(&q->marker_directory, "%s/shadowmx",
		     p->queue_directory) < 0)
		q->marker_directory = NULL;
	return q->queue_directory != NULL && q->log_file != NULL &&
		       q->marker_directory != NULL
		   ? SMX_OK
		   : SMX_ENOMEM;
}

/* Without postcat the queue can be watched all the same. */
static void
find_tool(struct pfqueue *q, const struct pfqueue_options *o)
{
	const char *folder = o->postfix.config_directory;
	struct log_line l;
	char why[512] = "too long";

	if (folder == NULL || folder[0] == '\0')
		return;
	(void)!pftransports_init(&q->transports, folder);
	if (o->postcat != NULL) {
		text_copy(q->tool.program, sizeof(q->tool.program), o->postcat);
		text_copy(q->tool.config_directory,
		    sizeof(q->tool.config_directory), folder);
		return;
	}
	if (!text_copy(q->tool.config_directory,
		sizeof(q->tool.config_directory), folder) &&
	    pfcat_tool_find(&q->tool, why, sizeof(why)) == SMX_OK)
		return;
	log_begin(&l, SMX_LOG_ERR, NULL, "queue-files-unreadable");
	log_str(&l, "cause", why);
	log_str(&l, "result", "what the MTA changed stays unknown to holders");
	log_end(&l);
}

static int
make_tables(struct pfqueue *q)
{
	q->ring = calloc(PFQUEUE_EVENTS_MAX, sizeof(*q->ring));
	q->pending = calloc(PFQUEUE_VERIFY_MAX, sizeof(*q->pending));
	q->item = calloc(PFQUEUE_BATCH, sizeof(*q->item));
	if (q->ring == NULL || q->pending == NULL || q->item == NULL ||
	    pftable_init(&q->seen, PFQUEUE_SEEN_MAX) != SMX_OK ||
	    pftable_init(&q->facts, PFQUEUE_FACTS_MAX) != SMX_OK ||
	    pftable_init(&q->strays, PFQUEUE_STRAYS_MAX) != SMX_OK ||
	    pftable_init(&q->batch, PFQUEUE_BATCH) != SMX_OK ||
	    pfbloom_init(&q->forgotten) != SMX_OK)
		return SMX_ENOMEM;
	return SMX_OK;
}

static int
make_descriptors(struct pfqueue *q)
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
pfqueue_open(struct pfqueue **out, const struct pfqueue_options *options,
    char *why, size_t why_size)
{
	struct pfqueue *q = calloc(1, sizeof(*q));
	int result;

	if (q == NULL)
		return SMX_ENOMEM;
	q->epoll_fd = q->wake_fd = q->queue_fd = q->inotify_fd = -1;
	q->marker.dir_fd = -1;
	pfread_init(&q->read);
	q->grew_ms = INT64_MIN / 2; /* long ago */
	pthread_mutex_init(&q->lock, NULL);
	result = copy_options(q, options);
	if (result == SMX_OK)
		result = make_tables(q);
	if (result == SMX_OK && options->postfix.ends)
		result = pfends_init(&q->ends);
	if (result == SMX_OK)
		result = make_descriptors(q);
	if (result != SMX_OK)
		snprintf(why, why_size, "%s", smx_strerror(result));
	else
		result = pfqueue_start(q, why, why_size);
	if (result == SMX_OK)
		find_tool(q, options);
	if (result != SMX_OK) {
		pfqueue_close(&q);
		return result;
	}
	*out = q;
	return SMX_OK;
}

static void
close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
pfqueue_close(struct pfqueue **queue)
{
	struct pfqueue *q = *queue;

	if (q == NULL)
		return;
	*queue = NULL;
	/* As long as a master runs it can change the queue without us. */
	pfmarker_close(&q->marker,
	    q->queue_fd >= 0 && master_health(q->queue_fd) == SMX_MTA_DOWN);
	pfqueue_watch_stop(q);
	pfread_forget(q);
	if (q->ring != NULL)
		pfqueue_ring_clear(q);
	close_fd(q->epoll_fd);
	close_fd(q->wake_fd);
	logtail_close(&q->log);
	pftable_done(&q->seen);
	pftable_done(&q->facts);
	pftable_done(&q->strays);
	pftable_done(&q->batch);
	pfbloom_done(&q->forgotten);
	pfends_done(&q->ends);
	free(q->ring);
	free(q->pending);
	free(q->item);
	free(q->queue_directory);
	free(q->log_file);
	free(q->marker_directory);
	pftransports_done(&q->transports);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

int
smx_queue_open_postfix(struct smx_queue *out,
    const struct smx_queue_postfix_options *options, char *why, size_t why_size)
{
	const struct pfqueue_options inner = { .postfix = *options };
	struct pfqueue *q;
	int result = pfqueue_open(&q, &inner, why, why_size);

	if (result != SMX_OK)
		return result;
	out->ctx = q;
	out->ops =
	    q->tool.program[0] == '\0' ? &pfqueue_ops_watch : &pfqueue_ops;
	return SMX_OK;
}

void
smx_queue_close(struct smx_queue *queue)
{
	if (queue->ops != NULL)
		queue->ops->close(queue->ctx);
	queue->ops = NULL;
	queue->ctx = NULL;
}
