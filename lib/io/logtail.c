/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/logtail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

struct logtail {
	char *path;
	int fd;
	int64_t offset;
	int skipping; /* inside a line that is not given out */
	size_t held;  /* bytes of an unfinished line, at the front of data */
	char data[LOGTAIL_LINE_MAX + CHUNK];
};

static int
open_plain(const char *path, struct stat *st)
{
	/* O_NONBLOCK: a fifo under that name must not stop the watch. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return SMX_EIO;
	if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) {
		close(fd);
		errno = EINVAL;
		return SMX_EINVAL;
	}
	return fd;
}

int
logtail_open(struct logtail **out, const char *path, uint64_t back)
{
	struct logtail *t = calloc(1, sizeof(*t));
	struct stat st;

	if (t == NULL)
		return SMX_ENOMEM;
	t->path = strdup(path);
	t->fd = t->path == NULL ? SMX_ENOMEM : open_plain(path, &st);
	if (t->fd < 0) {
		int error = t->fd;
		int saved = errno;

		logtail_close(&t);
		errno = saved;
		return error;
	}
	if ((uint64_t)st.st_size > back) {
		t->offset = st.st_size - (int64_t)back;
		t->skipping = 1;
	}
	*out = t;
	return SMX_OK;
}

void
logtail_close(struct logtail **tail)
{
	if (*tail == NULL)
		return;
	if ((*tail)->fd >= 0)
		close((*tail)->fd);
	free((*tail)->path);
	free(*tail);
	*tail = NULL;
}

static void
begin(struct logtail *t)
{
	t->offset = 0;
	t->held = 0;
	t->skipping = 0;
}

static void
give_lines(struct logtail *t, size_t len, logtail_line_fn line, void *ctx)
{
	char *at = t->data;
	char *end = t->data + len;
	char *stop;

	while (
	    at < end && (stop = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (!t->skipping && stop - at <= LOGTAIL_LINE_MAX)
			line(ctx, at, (size_t)(stop - at));
		t->skipping = 0;
		at = stop + 1;
	}
	t->held = (size_t)(end - at);
	if (t->held > LOGTAIL_LINE_MAX)
		t->skipping = 1;
	if (t->skipping)
		t->held = 0;
	memmove(t->data, at, t->held);
}

/*
 * At the end of the file: is it still the one of that name?  1: there is more,
 * here or in another one; 0: nothing new; negative: it was cut short.
 *
 * A new file counts once it holds something: until then the writer may still
 * have the old one open.  The name is looked at first, so that what came into
 * the old file before the new one was begun is seen.
 */
static int
look_again(struct logtail *t)
{
	struct stat mine, named;
	int other = stat(t->path, &named) == 0;
	int fd;

	if (fstat(t->fd, &mine) != 0)
		return SMX_EIO;
	if (mine.st_size < t->offset)
		return SMX_EGONE;
	if (mine.st_size > t->offset)
		return 1;
	if (!other || named.st_size == 0 ||
	    (named.st_ino == mine.st_ino && named.st_dev == mine.st_dev))
		return 0;
	fd = open_plain(t->path, &named);
	if (fd < 0)
		return 0;
	close(t->fd);
	t->fd = fd;
	begin(t);
	return 1;
}

int
logtail_read(struct logtail *t, size_t budget, logtail_line_fn line, void *ctx)
{
	int more = 1;

	for (size_t done = 0; done < budget && more > 0;) {
		ssize_t n =
		    pread(t->fd, t->data + t->held, CHUNK, (off_t)t->offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return SMX_EIO;
		t->offset += n;
		done += (size_t)n;
		if (n != 0)
			give_lines(t, t->held + (size_t)n, line, ctx);
		else
			more = look_again(t);
	}
	/* Truncated in place: what was written between the last look and the
	 * cut is in nobody's reach. */
	if (more == SMX_EGONE)
		begin(t);
	return more;
}
