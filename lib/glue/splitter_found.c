/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/envelope.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/wire.h"
#include "glue/backup_books.h"
#include "glue/node_impl.h"
#include "glue/splitter_in.h"

/*
 * Parts that a stop left behind.  One that the MTA has named is known by its
 * queue id; of the others the queue's files tell: those that are in no books
 * are looked into for the trail, which is random and was nobody's to know
 * before.
 */
#define OPEN_MS  10000
#define READ_MS  5000
#define HEAD_MAX 65536
#define TRIES    5
#define FEW      4 /* files in one turn */
#define MANY     500

/* The books have it since before the stop: nobody knows any more whether the
 * client has heard its 250. */
static void
tell_named(struct splitter *s)
{
	for (size_t i = 0; i < s->left.count; i++) {
		const struct backup_split *split = &s->left.split[i];

		if (split->part[0] != '\0' &&
		    splitter_custody(s, split->part) != CUSTODY_ENDED)
			splitter_kept(split, "unknown");
	}
}

int
splitter_left_load(struct splitter *s)
{
	struct splitter_left *left = &s->left;
	int rc;

	left->split = calloc(SPLITTER_LEFT, sizeof(*left->split));
	if (left->split == NULL)
		return SMX_ENOMEM;
	rc = backup_split_look(backup_db(s->backup), 0, left->split,
	    SPLITTER_LEFT, &left->count);
	if (rc == SMX_OK && left->count != 0)
		log_event(SMX_LOG_NOTICE, "backup-splits-left", "parts=%zu",
		    left->count);
	tell_named(s);
	return rc;
}

static void
forget_found(struct splitter_left *left)
{
	free(left->found);
	left->found = NULL;
	left->found_count = left->found_room = left->next = 0;
	left->found_all = 0;
}

void
splitter_left_free(struct splitter *s)
{
	forget_found(&s->left);
	free(s->left.split);
}

/* Under the lock. */
void
splitter_left_event(struct splitter *s, const struct smx_queue_event *event)
{
	struct splitter_left *left = &s->left;
	size_t room = left->found_room == 0 ? 64 : left->found_room * 2;
	char(*found)[PFID_TEXT];

	if (left->count == 0)
		return;
	if (event->id[0] == '\0') {
		left->found_all = 1;
		return;
	}
	if (!pfid_valid(event->id, strnlen(event->id, PFID_TEXT)) ||
	    left->found_count == SPLITTER_FOUND)
		return;
	if (left->found_count == left->found_room) {
		found = realloc(left->found, room * sizeof(*found));
		if (found == NULL)
			return;
		left->found = found;
		left->found_room = room;
	}
	memcpy(left->found[left->found_count++], event->id,
	    strlen(event->id) + 1);
}

/* ---- one file ---- */

struct file {
	char *text;
	size_t len;
	int fd, held;
	uint64_t size;
	char *head; /* of the content, HEAD_MAX at most */
};

static void
file_free(struct file *file)
{
	free(file->text);
	free(file->head);
	if (file->fd >= 0)
		(void)close(file->fd);
}

static int
file_open(struct splitter *s, const char *id, struct file *file)
{
	struct smx_queue *queue = backup_node(s->backup)->ports.queue;
	int rc;

	memset(file, 0, sizeof(*file));
	file->fd = -1;
	if (queue == NULL || queue->ops->open == NULL)
		return SMX_ENOTFOUND;
	rc = queue->ops->open(queue->ctx, id, &file->text, &file->len,
	    &file->fd, &file->size, &file->held, clock_mono_ms() + OPEN_MS);
	if (rc != SMX_OK) {
		file->text = NULL;
		file->fd = -1;
		return rc;
	}
	file->head = calloc(1, HEAD_MAX + 1);
	return file->head == NULL ? SMX_ENOMEM : SMX_OK;
}

/* What comes through a pipe comes in pieces. */
static int
file_read(struct file *file)
{
	struct pollfd wait = { .fd = file->fd, .events = POLLIN };
	int64_t left, until = clock_mono_ms() + READ_MS;
	size_t n = 0;
	ssize_t got = 1;

	while (got > 0 && n < HEAD_MAX) {
		left = until - clock_mono_ms();
		if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
			return SMX_ETIMEOUT;
		got = read(file->fd, file->head + n, HEAD_MAX - n);
		if (got > 0)
			n += (size_t)got;
	}
	return got < 0 ? SMX_EIO : SMX_OK;
}

/* In the header; NULL: it is none of them. */
static const struct backup_split *
whose(const struct splitter_left *left, const struct file *file)
{
	char *end = strstr(file->head, "\n\n");

	if (end != NULL)
		*end = '\0';
	for (size_t i = 0; i < left->count; i++)
		if (strstr(file->head, left->split[i].trail) != NULL)
			return &left->split[i];
	return NULL;
}

/* As if the session had gone on, but that its client has heard nothing: all of
 * the message comes again. */
static int
book(struct splitter *s, const char *id, const struct backup_split *split,
    const struct file *file)
{
	struct smx_envelope *envelope = NULL;
	struct books_mail mail = { .queue_id = id,
		.size = file->size,
		.domain = split->domain,
		.state = split->state,
		.hold = file->held,
		.taken_ms = split->made_ms,
		.until_ms = split->until_ms };
	const char **rcpts = NULL;
	int rc = smx_envelope_decode(file->text, file->len, WIRE_RECIPIENTS_MAX,
	    &envelope);

	if (rc == SMX_OK) {
		mail.count = smx_envelope_recipients(envelope);
		mail.sender = smx_envelope_sender(envelope);
		rcpts = calloc(mail.count + 1, sizeof(*rcpts));
		rc = rcpts == NULL ? SMX_ENOMEM : SMX_OK;
	}
	for (size_t i = 0; rc == SMX_OK && i < mail.count; i++)
		rcpts[i] = smx_envelope_recipient(envelope, i);
	mail.rcpts = rcpts;
	if (rc == SMX_OK && mail.count != 0)
		rc = books_take(backup_books(s->backup), &mail);
	free(rcpts);
	smx_envelope_free(&envelope);
	return rc;
}

/* SMX_OK also for what is none of them. */
static int
look_into(struct splitter *s, const char *id)
{
	const struct backup_split *split = NULL;
	struct backup_split found;
	struct file file;
	int rc;

	rc = file_open(s, id, &file);
	if (rc == SMX_OK)
		rc = file_read(&file);
	if (rc == SMX_OK)
		split = whose(&s->left, &file);
	if (split != NULL) {
		found = *split;
		memcpy(found.part, id, strlen(id) + 1);
		rc = book(s, id, split, &file);
		if (rc == SMX_OK)
			splitter_kept(&found, "found");
	}
	file_free(&file);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

/* ---- all of them ---- */

static void
over(struct splitter *s)
{
	int64_t ids[SPLITTER_LEFT];

	for (size_t i = 0; i < s->left.count; i++)
		ids[i] = s->left.split[i].id;
	if (backup_split_drop(backup_db(s->backup), ids, s->left.count) !=
	    SMX_OK)
		return;
	pthread_mutex_lock(&s->lock);
	s->left.count = 0;
	forget_found(&s->left);
	pthread_mutex_unlock(&s->lock);
}

/* The id of the next file; zero: there is none, or not yet. */
static int
next_found(struct splitter *s, char id[PFID_TEXT])
{
	struct splitter_left *left = &s->left;
	int some;

	pthread_mutex_lock(&s->lock);
	some = left->found_all && left->next < left->found_count;
	if (some)
		memcpy(id, left->found[left->next], PFID_TEXT);
	pthread_mutex_unlock(&s->lock);
	return some;
}

/* Those in the books are not looked into, and where all parts have names no
 * others are. */
static int
is_worth(struct splitter *s, const char *id)
{
	int worth = 0;

	for (size_t i = 0; i < s->left.count; i++)
		worth |= s->left.split[i].part[0] == '\0' ||
			 strcmp(s->left.split[i].part, id) == 0;
	return worth && splitter_custody(s, id) == CUSTODY_ENDED;
}

/* What cannot be read after all stays on hold, and is shown. */
static void
look_at(struct splitter *s, const char *id)
{
	struct splitter_left *left = &s->left;
	int rc = look_into(s, id);

	if (rc != SMX_OK && ++left->tries < TRIES)
		return;
	left->tries = 0;
	left->next++;
}

void
splitter_left_run(struct splitter *s)
{
	struct splitter_left *left = &s->left;
	unsigned opened = 0;
	char id[PFID_TEXT];
	int all;

	if (left->count == 0)
		return;
	for (unsigned n = 0; n < MANY && opened < FEW && next_found(s, id);
	     n++) {
		if (is_worth(s, id)) {
			opened++;
			look_at(s, id);
		} else {
			left->next++;
		}
	}
	pthread_mutex_lock(&s->lock);
	all = left->found_all && left->next == left->found_count;
	pthread_mutex_unlock(&s->lock);
	if (all)
		over(s);
}
