/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue_read.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/pfqueue.h"

#define IDLE_MS  1000
#define AGAIN_MS 60000 /* looking for postcat */

void
pfread_init(struct pfread *r)
{
	r->job.out_fd = -1;
}

int
pfread_ask(struct pfqueue *q, const char *const *ids, size_t count,
    uint64_t token)
{
	struct pfread *r = &q->read;
	int result = SMX_OK;

	pthread_mutex_lock(&q->lock);
	if (count > SMX_QUEUE_READ_MAX ||
	    count > PFREAD_WAITING_MAX - r->asked_count)
		result = SMX_ELIMIT;
	for (size_t i = 0; result == SMX_OK && i < count; i++) {
		struct pfread_asked *a =
		    &r->asked[(r->asked_first + r->asked_count++) %
			      PFREAD_WAITING_MAX];

		a->token = token;
		text_copy(a->id, sizeof(a->id), ids[i]);
	}
	pthread_mutex_unlock(&q->lock);
	return result;
}

static int
ask_next(struct pfqueue *q, struct pfread_asked *out)
{
	struct pfread *r = &q->read;
	int found;

	pthread_mutex_lock(&q->lock);
	found = r->asked_count != 0;
	if (found) {
		*out = r->asked[r->asked_first];
		r->asked_first = (r->asked_first + 1) % PFREAD_WAITING_MAX;
		r->asked_count--;
	}
	pthread_mutex_unlock(&q->lock);
	return found;
}

static int
has_room(const struct pfqueue *q)
{
	/* An answer each, and some for what happens meanwhile. */
	return q->ring_text <= PFREAD_TEXTS_MAX &&
	       pfqueue_room(q) >= 2 * SMX_QUEUE_READ_MAX;
}

/* It may be installed, or the configuration made right, after we began. */
static void
find_again(struct pfqueue *q, int64_t now_ms)
{
	char why[512];

	if (q->tool.program[0] != '\0' || q->tool.config_directory[0] == '\0' ||
	    now_ms < q->tool_ms)
		return;
	q->tool_ms = now_ms + AGAIN_MS;
	if (pfcat_tool_find(&q->tool, why, sizeof(why)) == SMX_OK)
		log_event(SMX_LOG_NOTICE, "queue-files-readable", "again=1");
}

/* Files that are not there have their answer at once. */
static void
batch_begin(struct pfqueue *q, int64_t now_ms)
{
	struct pfread *r = &q->read;
	struct pfread_asked asked;

	r->items = r->next = r->alone = 0;
	r->until_mono_ms = now_ms + PFREAD_BATCH_MS;
	for (int i = 0; i < SMX_QUEUE_READ_MAX && ask_next(q, &asked); i++) {
		struct pfread_item *item = &r->item[r->items];

		find_again(q, now_ms);
		if (!q->blind && q->tool.program[0] != '\0' &&
		    pffile_open(&item->file, q->queue_directory, asked.id) ==
			SMX_OK) {
			item->asked = asked;
			r->items++;
			continue;
		}
		pfqueue_answer_read(q, asked.id, asked.token, 0, NULL);
	}
}

/*
 * text is taken.  A recipient that was refused for good is done when its sender
 * has been told: whoever took the message over without it would tell nobody.
 */
static void
item_answer(struct pfqueue *q, char *text)
{
	struct pfread *r = &q->read;
	struct pfread_item *item = &r->item[r->next++];

	if (text != NULL &&
	    pffile_sender_waits(q->queue_directory, item->asked.id)) {
		free(text);
		text = NULL;
	}
	pfqueue_answer_read(q, item->asked.id, item->asked.token,
	    item->file.folder == PF_HOLD, text);
	pffile_close(&item->file);
	r->alone -= r->alone != 0;
}

static void
run_begin(struct pfqueue *q, int64_t now_ms)
{
	struct pfread *r = &q->read;
	struct epoll_event want = { .events = EPOLLIN };
	int files[SMX_QUEUE_READ_MAX];

	r->in_run = r->alone != 0 ? 1 : r->items - r->next;
	for (size_t i = 0; i < r->in_run; i++)
		files[i] = r->item[r->next + i].file.fd;
	if (now_ms < r->until_mono_ms &&
	    pfcat_job_start(&r->job, &q->tool, files, r->in_run,
		now_ms + PFREAD_MS) == SMX_OK) {
		(void)epoll_ctl(q->epoll_fd, EPOLL_CTL_ADD, r->job.run.err_fd,
		    &want);
		r->running = 1;
		return;
	}
	for (size_t n = r->in_run; n != 0; n--)
		item_answer(q, NULL);
}

static void
tell(const struct pfread *r, int result)
{
	static struct log_limit limit;
	struct log_line l;

	if (!log_allow(&limit, 5, clock_mono_ms()))
		return;
	log_begin(&l, SMX_LOG_WARNING, r->item[r->next].asked.id,
	    "queue-file-unreadable");
	log_err(&l, "result", result);
	log_num(&l, "forged", r->job.cat.forged);
	log_str(&l, "says", r->job.run.words);
	log_end(&l);
}

/* The envelope without its CLIENT line, which the holder has already. */
static char *
file_text(struct pfcat_file *f)
{
	char *text = f->text;

	if (text != NULL)
		memmove(text, text + f->client_len, f->len - f->client_len + 1);
	f->text = NULL;
	return text;
}

static void
run_end(struct pfqueue *q, int result)
{
	struct pfread *r = &q->read;
	struct pfcat *cat = &r->job.cat;
	size_t done = cat->forged ? 0 : cat->ended;

	for (size_t i = 0; i < done; i++)
		item_answer(q, file_text(&cat->file[i]));
	if (done < r->in_run) {
		if (r->in_run == 1) {
			tell(r, result);
			item_answer(q, NULL);
		} else {
			/* Which of them forges cannot be told; which of them
			 * ended the run can. */
			r->alone = cat->forged ? r->in_run : 1;
		}
	}
	pfcat_job_end(&r->job);
	r->running = 0;
}

void
pfread_turn(struct pfqueue *q, int64_t now_ms)
{
	struct pfread *r = &q->read;
	int result;

	if (!r->running) {
		if (!has_room(q))
			return;
		if (r->next == r->items)
			batch_begin(q, now_ms);
		if (r->next != r->items)
			run_begin(q, now_ms);
		return;
	}
	result = pfcat_job_turn(&r->job);
	if (result != SMX_ETEMP)
		run_end(q, result);
}

int64_t
pfread_wait_ms(struct pfqueue *q)
{
	struct pfread *r = &q->read;
	size_t waiting;

	if (r->running)
		return pfcat_job_wait_ms(&r->job);
	if (!has_room(q))
		return IDLE_MS;
	if (r->next != r->items)
		return 0;
	pthread_mutex_lock(&q->lock);
	waiting = r->asked_count;
	pthread_mutex_unlock(&q->lock);
	return waiting != 0 ? 0 : IDLE_MS;
}

void
pfread_forget(struct pfqueue *q)
{
	struct pfread *r = &q->read;

	pthread_mutex_lock(&q->lock);
	r->asked_count = 0;
	pthread_mutex_unlock(&q->lock);
	for (; r->next != r->items; r->next++)
		pffile_close(&r->item[r->next].file);
	pfcat_job_end(&r->job);
	r->running = 0;
}
