/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/linefile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

struct reading {
	struct buf part; /* what is read and not taken yet */
	size_t number;
	int too_long; /* the rest of the line is passed over */
	linefile_fn each;
	void *ctx;
};

int
linefile_open(const char *path, int *out, const char **why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*why = "there is no such file";
		return SMX_ENOTFOUND;
	}
	if (fd < 0) {
		*why = "the worker's user cannot read it";
		return errno == EACCES ? SMX_EPERM : SMX_EIO;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		*why = "it is not a plain file";
		return SMX_EINVAL;
	}
	*out = fd;
	return SMX_OK;
}

/* All lines that are complete; at the end also one without a line end. */
static int
take_part(struct reading *r, int at_end)
{
	size_t used = 0;
	int rc = buf_error(&r->part);

	while (rc == SMX_OK && used < r->part.len) {
		const char *begin = r->part.data + used;
		size_t left = r->part.len - used, n = left;
		const char *nl = memchr(begin, '\n', left);

		if (nl != NULL)
			n = (size_t)(nl - begin);
		else if (!at_end && left <= LINEFILE_LINE_MAX)
			break;
		used += nl != NULL ? n + 1 : n;
		if (!r->too_long)
			rc = r->each(r->ctx,
			    n <= LINEFILE_LINE_MAX ? begin : NULL, n,
			    ++r->number);
		r->too_long = nl == NULL && !at_end;
	}
	buf_drop(&r->part, used);
	return rc;
}

static int
read_all(struct reading *r, int fd, size_t most)
{
	char block[16384];
	size_t bytes = 0;

	for (;;) {
		ssize_t n = read(fd, block, sizeof(block));
		int rc;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return SMX_EIO;
		bytes += (size_t)n;
		if (most != 0 && bytes > most)
			return SMX_ELIMIT;
		if (n > 0)
			buf_add(&r->part, block, (size_t)n);
		rc = take_part(r, n == 0);
		if (rc != SMX_OK || n == 0)
			return rc;
	}
}

int
linefile_each(int fd, size_t most, linefile_fn each, void *ctx)
{
	struct reading r = { .each = each, .ctx = ctx };
	int rc;

	buf_init(&r.part, 0);
	rc = read_all(&r, fd, most);
	buf_free(&r.part);
	return rc;
}
