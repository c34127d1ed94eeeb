/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "core/rcptlist.h"

#define BATCH          10000
#define LINE_MAX_BYTES 65536

struct reading {
	struct backup_import *import;
	struct buf part;  /* what is read and not taken yet */
	struct buf names; /* local parts of the batch, each closed by NUL */
	struct backup_rcpts_news *news;
	size_t count;
	size_t line;
	int too_long; /* the rest of the line is passed over */
};

static int
fail(struct backup_import *import, int rc, const char *text)
{
	snprintf(import->why, sizeof(import->why), "%s", text);
	return rc;
}

static int
write_batch(struct reading *r)
{
	struct backup_import *import = r->import;
	const char *name = r->names.data;
	size_t unkept;
	int rc = buf_error(&r->names);

	if (rc != SMX_OK || r->count == 0)
		return rc;
	for (size_t i = 0; i < r->count; i++, name += strlen(name) + 1)
		r->news[i] = (struct backup_rcpts_news){ import->domain, name,
			{ 1, RCPT_FROM_FILE, import->limits.now_ms } };
	rc = backup_rcpts_learn(import->rcpts, r->news, r->count,
	    &import->limits, &unkept);
	if (rc != SMX_OK)
		return rc;
	import->imported += r->count - unkept;
	r->count = 0;
	buf_clear(&r->names);
	return unkept == 0
		   ? SMX_OK
		   : fail(import, SMX_EFULL, "more than backup.recipients");
}

static void
refuse(struct reading *r)
{
	if (r->import->refused++ == 0)
		r->import->refused_line = r->line;
}

static int
take_line(struct reading *r, const char *line, size_t len)
{
	char local[ADDR_MAX + 1];

	r->line++;
	switch (rcptlist_read(line, len, r->import->domain, local)) {
	case RCPTLIST_ONE:
		buf_add(&r->names, local, strlen(local) + 1);
		return ++r->count == BATCH ? write_batch(r) : SMX_OK;
	case RCPTLIST_ALL:
		r->import->all = 1;
		break;
	case RCPTLIST_OTHER:
		r->import->skipped++;
		break;
	case RCPTLIST_BAD:
		refuse(r);
		break;
	case RCPTLIST_NOTHING:
		break;
	}
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
		else if (!at_end && left <= LINE_MAX_BYTES)
			break;
		used += nl != NULL ? n + 1 : n;
		if (!r->too_long && n <= LINE_MAX_BYTES)
			rc = take_line(r, begin, n);
		else if (!r->too_long) {
			r->line++;
			refuse(r);
		}
		r->too_long = nl == NULL && !at_end;
	}
	buf_drop(&r->part, used);
	return rc;
}

static int
read_all(struct reading *r, int fd)
{
	char block[16384];

	for (;;) {
		ssize_t n = read(fd, block, sizeof(block));
		int rc;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return SMX_EIO;
		if (n > 0)
			buf_add(&r->part, block, (size_t)n);
		rc = take_part(r, n == 0);
		if (rc != SMX_OK || n == 0)
			return rc;
	}
}

static int
open_list(struct backup_import *import, int *out)
{
	struct stat st;
	int fd =
	    open(import->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return fail(import, SMX_ENOTFOUND, "there is no such file");
	if (fd < 0)
		return fail(import, errno == EACCES ? SMX_EPERM : SMX_EIO,
		    "the worker's user cannot read it");
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return fail(import, SMX_EINVAL, "it is not a plain file");
	}
	*out = fd;
	return SMX_OK;
}

static int
renew(struct backup_import *import)
{
	int rc = SMX_OK;

	if (import->imported == 0 && !import->all)
		return fail(import, SMX_EINVAL,
		    "there is no address of this domain in it");
	if (import->all)
		rc = backup_rcpts_all(import->rcpts, import->domain,
		    RCPTS_ALL_FILE, import->limits.now_ms);
	return rc != SMX_OK
		   ? rc
		   : backup_rcpts_renew(import->rcpts, import->domain,
			 import->limits.now_ms, import->all, &import->gone);
}

int
backup_import_run(struct backup_import *import)
{
	struct reading r = { .import = import };
	int fd, rc = open_list(import, &fd);

	if (rc != SMX_OK)
		return rc;
	buf_init(&r.part, 0);
	buf_init(&r.names, 0);
	r.news = calloc(BATCH, sizeof(*r.news));
	rc = r.news == NULL ? SMX_ENOMEM : read_all(&r, fd);
	if (rc == SMX_OK)
		rc = write_batch(&r);
	if (rc == SMX_OK)
		rc = renew(import);
	if (rc != SMX_OK && import->why[0] == '\0')
		fail(import, rc, smx_strerror(rc));
	free(r.news);
	buf_free(&r.names);
	buf_free(&r.part);
	(void)close(fd);
	return rc;
}
