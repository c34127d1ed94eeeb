/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smqueue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

/*
 * The qf stays open, and locked, as long as its first delivery runs, so its
 * commit shows as a write after which it is whole, long before it is closed.
 */
#define WATCHED                                                                \
	(IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM |  \
	    IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define FOLDER_LOST (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)
#define DRAIN_MAX   64 /* reads of 64 KiB in a row */
#define MOVE_MS     1000
#define LIST_MAX    500 /* names looked at in a turn */

static void
committed(struct smqueue *q, const char *id)
{
	struct pfentry lost, *e = pftable_put(&q->seen, id, &lost);

	if ((e->flags & SMSEEN_COMMITTED) != 0)
		return;
	e->flags |= SMSEEN_COMMITTED;
	smqueue_emit(q, SMX_QUEUE_COMMITTED, id, "");
}

static int
is_committed(const struct smqueue *q, const char *id)
{
	const struct pfentry *e = pftable_find(&q->seen, id);

	return e != NULL && (e->flags & SMSEEN_COMMITTED) != 0;
}

/* What is written anew, or put into quarantine, comes by a rename. */
static void
begun(struct smqueue *q, const char *id)
{
	struct pfentry lost;

	pftable_put(&q->seen, id, &lost)->flags |= SMSEEN_BEGUN;
}

static void
written(struct smqueue *q, enum smid_file file, const char *id)
{
	size_t folder;
	int fd;

	if (is_committed(q, id) ||
	    smqueue_file_open(q, file, id, &fd, &folder) != SMX_OK)
		return;
	if (smqueue_file_complete(fd) == 1)
		committed(q, id);
	close(fd);
}

/* Under its other name it goes on. */
static void
deleted(struct smqueue *q, enum smid_file file, const char *id)
{
	size_t folder;
	int fd;

	if (smqueue_file_open(q,
		file == SMID_QUEUED ? SMID_QUARANTINED : SMID_QUEUED, id, &fd,
		&folder) == SMX_OK) {
		close(fd);
		return;
	}
	smqueue_ended(q, id, clock_mono_ms());
	smqueue_emit(q, SMX_QUEUE_GONE, id, "");
}

/* ---- moves ---- */

static void
moving_drop(struct smqueue *q, size_t i)
{
	q->movings--;
	memmove(&q->moving[i], &q->moving[i + 1],
	    (q->movings - i) * sizeof(*q->moving));
}

/* Out of the folders that are watched: nobody can tell what becomes of it. */
static void
went_away(struct smqueue *q)
{
	smkin_lose(&q->kin, q->moving[0].id);
	smqueue_emit(q, SMX_QUEUE_GONE, q->moving[0].id, "");
	moving_drop(q, 0);
}

/* The other half of a move is told at the same time, or never. */
void
smqueue_moved_away(struct smqueue *q, int64_t now_ms)
{
	while (q->movings != 0 && now_ms - q->moving[0].at_ms >= MOVE_MS)
		went_away(q);
}

int
smqueue_is_moving(const struct smqueue *q, const char *id)
{
	for (size_t i = 0; i < q->movings; i++)
		if (strcmp(q->moving[i].id, id) == 0)
			return 1;
	return 0;
}

static void
moved_from(struct smqueue *q, const char *id, uint32_t cookie)
{
	struct smmoving *m;

	if (q->movings == SMQUEUE_MOVING_MAX)
		went_away(q);
	m = &q->moving[q->movings++];
	text_copy(m->id, sizeof(m->id), id);
	m->cookie = cookie;
	m->at_ms = clock_mono_ms();
}

static void
arrived(struct smqueue *q, const char *id, uint32_t cookie)
{
	for (size_t i = 0; i < q->movings; i++)
		if (q->moving[i].cookie == cookie &&
		    strcmp(q->moving[i].id, id) == 0) {
			moving_drop(q, i);
			return;
		}
}

static void
moved_to(struct smqueue *q, enum smid_file file, const char *id)
{
	if (file == SMID_LOST)
		smqueue_emit(q, SMX_QUEUE_CORRUPT, id, "");
	else if (is_committed(q, id))
		smqueue_emit(q, SMX_QUEUE_MOVED, id, "");
	else
		committed(q, id);
}

static void
note(struct smqueue *q, const struct inotify_event *event)
{
	const char *id;
	enum smid_file file =
	    event->len == 0 ? SMID_NO_FILE : smid_file(event->name, &id);

	if (file == SMID_NO_FILE)
		return;
	smqueue_verify_touch(q, id);
	if (file == SMID_DATA || file == SMID_REWRITTEN)
		return;
	if ((event->mask & IN_MOVED_TO) != 0) {
		arrived(q, id, event->cookie);
		moved_to(q, file, id);
	} else if (file == SMID_LOST) {
		return;
	} else if ((event->mask & IN_MOVED_FROM) != 0) {
		moved_from(q, id, event->cookie);
	} else if ((event->mask & IN_DELETE) != 0) {
		deleted(q, file, id);
	} else {
		if ((event->mask & IN_CREATE) != 0)
			begun(q, id);
		written(q, file, id);
	}
}

static void
events(struct smqueue *q, const char *data, size_t len)
{
	while (len >= sizeof(struct inotify_event)) {
		const struct inotify_event *event =
		    (const struct inotify_event *)(const void *)data;
		size_t size = sizeof(*event) + event->len;

		if ((event->mask & (IN_Q_OVERFLOW | FOLDER_LOST)) != 0)
			q->broken = 1;
		else
			note(q, event);
		data += size;
		len -= size;
	}
}

int
smqueue_drain(struct smqueue *q)
{
	static const size_t size = 65536;
	char *data;
	ssize_t n = 0;
	int reads = 0;

	if (q->inotify_fd < 0 || q->broken)
		return 1;
	data = aligned_alloc(16, size);
	if (data == NULL)
		return 1;
	while (reads++ < DRAIN_MAX && (n = read(q->inotify_fd, data, size)) > 0)
		events(q, data, (size_t)n);
	if (n < 0 && errno != EAGAIN)
		q->broken = 1;
	free(data);
	return q->broken || n > 0;
}

/* ---- beginning and end ---- */

static int
folder_watch(struct smqueue *q, struct smfolder *f)
{
	char name[64];

	/* inotify takes names only; the one under /proc is the folder that is
	 * looked into, whatever happens to its own name. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", f->qf_fd);
	f->qf_watch = inotify_add_watch(q->inotify_fd, name, WATCHED);
	return f->qf_watch < 0 ? SMX_EIO : SMX_OK;
}

int
smqueue_watch_start(struct smqueue *q, char *why, size_t why_size)
{
	struct epoll_event want = { .events = EPOLLIN };
	int result;

	smqueue_watch_stop(q);
	pthread_mutex_lock(&q->folders_lock);
	result = smqueue_folders_open(q, why, why_size);
	pthread_mutex_unlock(&q->folders_lock);
	if (result != SMX_OK)
		return result;
	q->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (q->inotify_fd < 0 ||
	    epoll_ctl(q->epoll_fd, EPOLL_CTL_ADD, q->inotify_fd, &want) != 0)
		result = SMX_EIO;
	for (size_t i = 0; i < q->folders && result == SMX_OK; i++)
		result = folder_watch(q, &q->folder[i]);
	if (result != SMX_OK)
		snprintf(why, why_size, "inotify: %s", strerror(errno));
	return result;
}

void
smqueue_watch_stop(struct smqueue *q)
{
	smqueue_list_stop(q);
	if (q->inotify_fd >= 0)
		close(q->inotify_fd); /* and out of epoll */
	q->inotify_fd = -1;
	q->movings = 0;
	pthread_mutex_lock(&q->folders_lock);
	smqueue_folders_close(q);
	pthread_mutex_unlock(&q->folders_lock);
}

/* ---- what is there ---- */

void
smqueue_list_start(struct smqueue *q)
{
	smqueue_list_stop(q);
	q->listing.on = 1;
	q->listing.folder = 0;
}

void
smqueue_list_stop(struct smqueue *q)
{
	if (q->listing.dir != NULL)
		closedir(q->listing.dir);
	q->listing.dir = NULL;
	q->listing.on = 0;
}

static void *
list_open(const struct smfolder *f)
{
	int fd = openat(f->qf_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL && fd >= 0)
		close(fd);
	return dir;
}

static void
found(struct smqueue *q, const char *name)
{
	const char *id;
	enum smid_file file = smid_file(name, &id);
	size_t folder;
	int fd;

	if ((file != SMID_QUEUED && file != SMID_QUARANTINED) ||
	    smqueue_file_open(q, file, id, &fd, &folder) != SMX_OK)
		return;
	if (smqueue_file_complete(fd) == 1) {
		struct pfentry lost;

		pftable_put(&q->seen, id, &lost)->flags |= SMSEEN_COMMITTED;
		smqueue_emit(q, SMX_QUEUE_FOUND, id, "");
	}
	close(fd);
}

void
smqueue_list_turn(struct smqueue *q)
{
	struct dirent *entry;

	for (int i = 0; i < LIST_MAX && q->listing.on; i++) {
		if (smqueue_room(q) < SMQUEUE_EVENTS_MAX / 2)
			return;
		if (q->listing.folder == q->folders) {
			smqueue_list_stop(q);
			smqueue_emit(q, SMX_QUEUE_FOUND, "", "");
			return;
		}
		if (q->listing.dir == NULL)
			q->listing.dir =
			    list_open(&q->folder[q->listing.folder]);
		entry = q->listing.dir == NULL ? NULL : readdir(q->listing.dir);
		if (entry != NULL) {
			found(q, entry->d_name);
			continue;
		}
		if (q->listing.dir != NULL)
			closedir(q->listing.dir);
		else
			q->broken = 1;
		q->listing.dir = NULL;
		q->listing.folder++;
	}
}
