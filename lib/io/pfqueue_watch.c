/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

/*
 * A commit shows as CLOSE_WRITE of a file that is executable by then (cleanup
 * changes the mode, syncs, closes), so ATTRIB need not be watched: it would
 * only tell the same earlier, before the sync.
 */
#define WATCHED                                                                \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |                 \
	    IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |      \
	    IN_EXCL_UNLINK)
#define FOLDER_LOST (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)
#define FOLDERS_MAX 16384
#define LEVELS_MAX  4
#define DRAIN_MAX   64 /* reads of 64 KiB in a row */

static const char *const folders[PF_FOLDERS] = { "maildrop", "incoming",
	"active", "deferred", "hold", "corrupt" };

const char *
pfqueue_folder(enum pf_folder folder)
{
	return folders[folder];
}

/* qmgr looks into subfolders with names of one character only. */
static int
is_level(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && name[1] == '\0';
}

static int
remember(struct pfqueue *q, int wd, enum pf_folder folder, const char *path)
{
	size_t size = q->watches;
	struct pfwatch *watch;

	if (wd < 1 || wd > FOLDERS_MAX)
		return SMX_ELIMIT;
	while (size <= (size_t)wd)
		size = size == 0 ? 64 : size * 2;
	if (size != q->watches) {
		watch = realloc(q->watch, size * sizeof(*watch));
		if (watch == NULL)
			return SMX_ENOMEM;
		memset(watch + q->watches, 0,
		    (size - q->watches) * sizeof(*watch));
		q->watch = watch;
		q->watches = size;
	}
	q->watch[wd].folder = folder;
	q->watch[wd].lost = 0;
	text_copy(q->watch[wd].path, sizeof(q->watch[wd].path), path);
	return SMX_OK;
}

static int
levels(const char *path)
{
	int n = 0;

	for (; *path != '\0'; path++)
		n += *path == '/';
	return n;
}

static int add_folder(struct pfqueue *q, enum pf_folder folder,
    const char *path);

static int
scan_entry(struct pfqueue *q, enum pf_folder folder, const char *path,
    const char *name)
{
	struct pfnote note = { .folder = folder, .path = path, .name = name };
	char below[PFQUEUE_PATH];

	if (is_level(name) && levels(path) < LEVELS_MAX) {
		snprintf(below, sizeof(below), "%s/%s", path, name);
		return add_folder(q, folder, below);
	}
	pfqueue_note(q, &note);
	return SMX_OK;
}

static int
scan(struct pfqueue *q, enum pf_folder folder, const char *path)
{
	int fd = openat(q->queue_fd, path,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int result = SMX_OK;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return SMX_EIO;
	}
	errno = 0;
	while (result == SMX_OK && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			result = scan_entry(q, folder, path, entry->d_name);
		errno = 0;
	}
	if (result == SMX_OK && errno != 0)
		result = SMX_EIO;
	closedir(dir);
	return result;
}

/* Watch first, read then: what happens between is seen twice, never missed. */
static int
add_folder(struct pfqueue *q, enum pf_folder folder, const char *path)
{
	char full[96];
	int wd, result;

	/* inotify takes names only; the one under /proc is the folder that is
	 * looked into, whatever happens to the queue folder's own name. */
	snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", q->queue_fd, path);
	wd = inotify_add_watch(q->inotify_fd, full, WATCHED);
	if (wd < 0)
		/* A file with a name of one character, or gone by now. */
		return levels(path) != 0 &&
			       (errno == ENOTDIR || errno == ENOENT)
			   ? SMX_OK
			   : SMX_EIO;
	result = remember(q, wd, folder, path);
	if (result != SMX_OK)
		return result;
	if (levels(path) > q->depth[folder])
		q->depth[folder] = levels(path);
	return scan(q, folder, path);
}

static void
place_of(const struct stat *st, struct pfplace *place)
{
	place->dev = st->st_dev;
	place->ino = st->st_ino;
}

static int
find_places(struct pfqueue *q, struct pfplace *place)
{
	struct stat st;

	if (stat(q->queue_directory, &st) != 0)
		return SMX_EIO;
	place_of(&st, &place[PF_FOLDERS]);
	for (int f = 0; f < PF_FOLDERS; f++) {
		if (fstatat(q->queue_fd, folders[f], &st,
			AT_SYMLINK_NOFOLLOW) != 0)
			return SMX_EIO;
		place_of(&st, &place[f]);
	}
	return SMX_OK;
}

int
pfqueue_watch_valid(struct pfqueue *q)
{
	struct pfplace place[PF_FOLDERS + 1];

	if (find_places(q, place) != SMX_OK)
		return 0;
	for (int f = 0; f <= PF_FOLDERS; f++)
		if (place[f].dev != q->place[f].dev ||
		    place[f].ino != q->place[f].ino)
			return 0;
	return q->marker.dir_fd < 0 ||
	       pfmarker_valid(&q->marker, q->marker_directory);
}

static int
open_all(struct pfqueue *q)
{
	struct epoll_event want = { .events = EPOLLIN };

	q->queue_fd =
	    open(q->queue_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	q->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (q->queue_fd < 0 || q->inotify_fd < 0 ||
	    epoll_ctl(q->epoll_fd, EPOLL_CTL_ADD, q->inotify_fd, &want) != 0)
		return SMX_EIO;
	return SMX_OK;
}

int
pfqueue_watch_start(struct pfqueue *q, char *why, size_t why_size)
{
	const char *at = "queue folders";
	int result;

	pfqueue_watch_stop(q);
	memset(q->depth, 0, sizeof(q->depth));
	q->misplaced = 0;
	result = open_all(q);
	for (int f = 0; result == SMX_OK && f < PF_FOLDERS; f++) {
		at = folders[f];
		result = add_folder(q, (enum pf_folder)f, folders[f]);
	}
	/* A folder that is replaced from here on leaves an event. */
	if (result == SMX_OK)
		result = find_places(q, q->place);
	if (result != SMX_OK) {
		snprintf(why, why_size, "%s: cannot watch %s: %s",
		    q->queue_directory, at,
		    result == SMX_EIO ? strerror(errno) : smx_strerror(result));
		pfqueue_watch_stop(q);
	}
	return result;
}

void
pfqueue_watch_stop(struct pfqueue *q)
{
	pfqueue_list_stop(q);
	if (q->inotify_fd >= 0)
		close(q->inotify_fd);
	if (q->queue_fd >= 0)
		close(q->queue_fd);
	q->inotify_fd = -1;
	q->queue_fd = -1;
	free(q->watch);
	q->watch = NULL;
	q->watches = 0;
	memset(&q->moved, 0, sizeof(q->moved));
}

static void
lose(struct pfqueue *q, const char *what, const char *path)
{
	struct log_line l;

	if (!q->broken) {
		log_begin(&l, SMX_LOG_WARNING, NULL, "queue-watch-lost");
		log_str(&l, "cause", what);
		log_str(&l, "folder", path);
		log_end(&l);
	}
	q->broken = 1;
	q->read_lost = 1;
}

static void
event_in(struct pfqueue *q, const struct inotify_event *e)
{
	struct pfwatch *w;
	struct pfnote note;

	if ((e->mask & IN_Q_OVERFLOW) != 0) {
		lose(q, "too many events", "");
		return;
	}
	if (e->wd < 1 || (size_t)e->wd >= q->watches ||
	    q->watch[e->wd].path[0] == '\0')
		return;
	w = &q->watch[e->wd];
	if ((e->mask & FOLDER_LOST) != 0) {
		lose(q, "folder moved or deleted", w->path);
		return;
	}
	if (e->len == 0)
		return;
	q->local.changed |= w->folder == PF_MAILDROP;
	note.mask = e->mask;
	note.cookie = e->cookie;
	note.folder = w->folder;
	note.path = w->path;
	note.name = e->name;
	if ((e->mask & IN_ISDIR) == 0) {
		pfqueue_note(q, &note);
	} else if ((e->mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
		/* scan_entry may move the array that w points into. */
		char path[PFQUEUE_PATH];

		text_copy(path, sizeof(path), w->path);
		if (is_level(e->name))
			q->grew_ms = clock_mono_ms();
		q->growing = 1;
		if (is_level(e->name) &&
		    scan_entry(q, note.folder, path, e->name) != SMX_OK)
			lose(q, "new folder cannot be watched", path);
		q->growing = 0;
	}
}

int
pfqueue_drain(struct pfqueue *q)
{
	char data[65536]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	int lost, i;

	for (i = 0; i < DRAIN_MAX && q->inotify_fd >= 0; i++) {
		ssize_t n = read(q->inotify_fd, data, sizeof(data));
		const struct inotify_event *e;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		for (char *p = data; p < data + n; p += sizeof(*e) + e->len) {
			e = (const struct inotify_event *)(const void *)p;
			event_in(q, e);
		}
	}
	pfqueue_note_settle(q);
	lost = q->read_lost;
	q->read_lost = 0;
	return lost || q->broken || q->inotify_fd < 0 || i == DRAIN_MAX;
}
