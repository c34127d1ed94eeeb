/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/pfid.h"

/*
 * What is in the queue when somebody begins to follow it: told file by file,
 * some at a turn, while there is room for what happens meanwhile.  A message
 * that moves from one folder to another in the meantime is met in the second
 * one, which is read later; one that goes the other way, back to deferred, is
 * told as MOVED.
 */
#define TURN_FILES 256

static const enum pf_folder order[] = { PF_HOLD, PF_INCOMING, PF_DEFERRED,
	PF_ACTIVE };
#define ORDER (sizeof(order) / sizeof(*order))

static void
folder_close(struct pflisting *l)
{
	if (l->dir != NULL)
		closedir(l->dir);
	l->dir = NULL;
}

void
pfqueue_list_start(struct pfqueue *q)
{
	folder_close(&q->listing);
	q->listing.on = 1;
	q->listing.step = 0;
	q->listing.watch = 0;
}

void
pfqueue_list_stop(struct pfqueue *q)
{
	folder_close(&q->listing);
	q->listing.on = 0;
}

int
pfqueue_list_goes_on(const struct pfqueue *q)
{
	return q->listing.on && pfqueue_room(q) > PFQUEUE_EVENTS_MAX / 2;
}

/* The next folder to read; zero: there is none. */
static int
folder_open(struct pfqueue *q)
{
	struct pflisting *l = &q->listing;

	while (l->step < ORDER) {
		while (l->watch < q->watches) {
			const struct pfwatch *w = &q->watch[l->watch];
			int fd;

			if (w->path[0] == '\0' || w->lost ||
			    w->folder != order[l->step]) {
				l->watch++;
				continue;
			}
			fd = openat(q->queue_fd, w->path,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
			l->dir = fd < 0 ? NULL : fdopendir(fd);
			if (l->dir != NULL)
				return 1;
			if (fd >= 0)
				close(fd);
			l->watch++;
		}
		l->step++;
		l->watch = 0;
	}
	return 0;
}

static void
tell(struct pfqueue *q, const char *name)
{
	const struct pfwatch *w = &q->watch[q->listing.watch];

	if (!pfid_valid(name, strlen(name)))
		return;
	if ((w->folder == PF_INCOMING || w->folder == PF_HOLD) &&
	    pfqueue_complete(q, w->path, name) != 1)
		return;
	pfqueue_emit(q, SMX_QUEUE_FOUND, name, "");
}

void
pfqueue_list_turn(struct pfqueue *q)
{
	struct pflisting *l = &q->listing;
	int files = 0;

	while (files < TURN_FILES && pfqueue_list_goes_on(q)) {
		struct dirent *entry;

		if (l->dir == NULL && !folder_open(q)) {
			l->on = 0;
			pfqueue_emit(q, SMX_QUEUE_FOUND, "", "");
			return;
		}
		entry = readdir(l->dir);
		if (entry == NULL) {
			folder_close(l);
			l->watch++;
			continue;
		}
		tell(q, entry->d_name);
		files++;
	}
}
