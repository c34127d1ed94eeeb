/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/source_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

static const char readable[] = "a readable regular file";

static int64_t
nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static void
stamp_fill(struct stamp *out, const struct stat *st)
{
	out->device = (uint64_t)st->st_dev;
	out->inode = (uint64_t)st->st_ino;
	out->bytes = (uint64_t)st->st_size;
	out->changed_ns = nanoseconds(&st->st_mtim);
	out->altered_ns = nanoseconds(&st->st_ctim);
}

void
stamp_take(struct stamp *out, const char *path)
{
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (stat(path, &st) == 0)
		stamp_fill(out, &st);
}

int
trouble_set(struct source_trouble *trouble, int result, const char *message,
    const char *accepted)
{
	text_copy(trouble->message, sizeof(trouble->message), message);
	trouble->accepted = accepted;
	return result;
}

static int
trouble_errno(struct source_trouble *trouble, const char *what)
{
	int result =
	    errno == ENOENT || errno == ENOTDIR ? SMX_ENOTFOUND : SMX_EIO;
	char why[96];

	snprintf(trouble->message, sizeof(trouble->message), "%s: %s", what,
	    text_errno(why, sizeof(why), errno));
	trouble->accepted = readable;
	return result;
}

static const char *
kind_wrong(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return "this is a folder, not a file";
	if (!S_ISREG(st->st_mode))
		return "this is not a regular file";
	if ((uint64_t)st->st_size > SOURCE_FILE_MAX)
		return "the file is larger than 1 GiB";
	return NULL;
}

int
source_file_open(const char *path, int *fd, struct stamp *stamp,
    struct source_trouble *trouble)
{
	const char *wrong;
	struct stat st;

	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return trouble_errno(trouble, "it cannot be opened");
	if (fstat(*fd, &st) != 0) {
		close(*fd);
		return trouble_errno(trouble, "it cannot be examined");
	}
	stamp_fill(stamp, &st);
	wrong = kind_wrong(&st);
	if (wrong == NULL)
		return SMX_OK;
	close(*fd);
	return trouble_set(trouble, SMX_EIO, wrong, readable);
}

int
source_file_same(int fd, const char *path, const struct stamp *stamp,
    struct source_trouble *trouble)
{
	struct stamp now = { 0 }, named;
	struct stat st;

	if (fstat(fd, &st) == 0)
		stamp_fill(&now, &st);
	stamp_take(&named, path);
	if (stamp_same(&now, stamp) && stamp_same(&named, stamp))
		return SMX_OK;
	return trouble_set(trouble, SMX_EBUSY,
	    "it was changed while it was being read",
	    "a file that is complete, put in place with mv(1)");
}

int
source_file_read(int fd, char *data, size_t size,
    struct source_trouble *trouble)
{
	ssize_t n;

	do
		n = read(fd, data, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? trouble_errno(trouble, "it cannot be read") : (int)n;
}
