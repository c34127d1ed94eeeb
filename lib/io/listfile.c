/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/listfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "core/rcptlist.h"

#define LINE_MAX_BYTES 65536

struct place {
	const char *domain;
	size_t set;
};

struct reading {
	struct listfile *list;
	struct place *places; /* in the order of the domains' names */
	struct buf part;      /* what is read and not taken yet */
	size_t line, bytes;
	int too_long; /* the rest of the line is passed over */
};

static int
fail(struct listfile *list, int rc, const char *text)
{
	snprintf(list->why, sizeof(list->why), "%s", text);
	return rc;
}

/* ---- lines ---- */

static int
compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return strcmp(x->domain, y->domain);
}

static int
take_one(struct reading *r, const struct addr *addr)
{
	struct listfile *list = r->list;
	const struct place wanted = { addr->domain, 0 };
	const struct place *place = bsearch(&wanted, r->places,
	    list->domain_count, sizeof(wanted), compare);

	if (place == NULL) {
		list->other++;
		return SMX_OK;
	}
	list->taken++;
	return rcptset_add(&list->sets[place->set], addr->local);
}

static int
take_bare(struct reading *r, const struct addr *addr)
{
	struct listfile *list = r->list;
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < list->domain_count; i++)
		rc = rcptset_add(&list->sets[i], addr->local);
	list->taken += list->domain_count;
	return rc;
}

static int
take_line(struct reading *r, const char *line, size_t len)
{
	struct addr addr;

	r->line++;
	switch (rcptlist_any(line, len, &addr)) {
	case RCPTLIST_ONE:
		return addr.domain_len == 0 ? take_bare(r, &addr)
					    : take_one(r, &addr);
	case RCPTLIST_ALL:
		return take_one(r, &addr);
	case RCPTLIST_BAD:
		if (r->list->refused++ == 0)
			r->list->refused_line = r->line;
		break;
	default:
		break;
	}
	return SMX_OK;
}

static void
take_long(struct reading *r)
{
	r->line++;
	if (r->list->refused++ == 0)
		r->list->refused_line = r->line;
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
		else if (!r->too_long)
			take_long(r);
		r->too_long = nl == NULL && !at_end;
	}
	buf_drop(&r->part, used);
	return rc;
}

/* ---- the file ---- */

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
		r->bytes += (size_t)n;
		if (r->bytes > LISTFILE_BYTES_MAX)
			return fail(r->list, SMX_ELIMIT,
			    "it has more than 256 MiB");
		if (n > 0)
			buf_add(&r->part, block, (size_t)n);
		rc = take_part(r, n == 0);
		if (rc != SMX_OK || n == 0)
			return rc;
	}
}

static int
open_list(struct listfile *list, int *out)
{
	struct stat st;
	int fd = open(list->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return fail(list, SMX_ENOTFOUND, "there is no such file");
	if (fd < 0)
		return fail(list, errno == EACCES ? SMX_EPERM : SMX_EIO,
		    "the worker's user cannot read it");
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return fail(list, SMX_EINVAL, "it is not a plain file");
	}
	*out = fd;
	return SMX_OK;
}

static int
find_places(struct reading *r)
{
	const struct listfile *list = r->list;

	r->places = calloc(list->domain_count + 1, sizeof(*r->places));
	if (r->places == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < list->domain_count; i++)
		r->places[i] = (struct place){ list->domains[i], i };
	qsort(r->places, list->domain_count, sizeof(*r->places), compare);
	return SMX_OK;
}

int
listfile_read(struct listfile *list)
{
	struct reading r = { .list = list };
	int fd, rc;

	list->why[0] = '\0';
	rc = open_list(list, &fd);
	if (rc != SMX_OK)
		return rc;
	buf_init(&r.part, 0);
	rc = find_places(&r);
	if (rc == SMX_OK)
		rc = read_all(&r, fd);
	for (size_t i = 0; rc == SMX_OK && i < list->domain_count; i++)
		rc = rcptset_close(&list->sets[i]);
	if (rc != SMX_OK && list->why[0] == '\0')
		fail(list, rc, smx_strerror(rc));
	free(r.places);
	buf_free(&r.part);
	(void)close(fd);
	return rc;
}

void
listfile_mark(const char *path, struct listfile_mark *out)
{
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (stat(path, &st) != 0)
		return;
	out->mtime_s = st.st_mtim.tv_sec;
	out->mtime_ns = st.st_mtim.tv_nsec;
	out->size = st.st_size;
	out->device = (uint64_t)st.st_dev;
	out->inode = (uint64_t)st.st_ino;
}

int
listfile_same(const struct listfile_mark *a, const struct listfile_mark *b)
{
	return a->mtime_s == b->mtime_s && a->mtime_ns == b->mtime_ns &&
	       a->size == b->size && a->device == b->device &&
	       a->inode == b->inode;
}
