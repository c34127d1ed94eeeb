/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/listfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/rcptlist.h"
#include "io/linefile.h"

struct place {
	const char *domain;
	size_t set;
};

struct reading {
	struct listfile *list;
	struct place *places; /* in the order of the domains' names */
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
take_line(void *ctx, const char *line, size_t len, size_t number)
{
	struct reading *r = ctx;
	struct addr addr;

	switch (line == NULL ? RCPTLIST_BAD : rcptlist_any(line, len, &addr)) {
	case RCPTLIST_ONE:
		return addr.domain_len == 0 ? take_bare(r, &addr)
					    : take_one(r, &addr);
	case RCPTLIST_ALL:
		return take_one(r, &addr);
	case RCPTLIST_BAD:
		if (r->list->refused++ == 0)
			r->list->refused_line = number;
		break;
	default:
		break;
	}
	return SMX_OK;
}

/* ---- the file ---- */

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
	const char *why;
	int fd, rc;

	list->why[0] = '\0';
	rc = linefile_open(list->path, &fd, &why);
	if (rc != SMX_OK)
		return fail(list, rc, why);
	rc = find_places(&r);
	if (rc == SMX_OK)
		rc = linefile_each(fd, LISTFILE_BYTES_MAX, take_line, &r);
	for (size_t i = 0; rc == SMX_OK && i < list->domain_count; i++)
		rc = rcptset_close(&list->sets[i]);
	if (rc != SMX_OK)
		fail(list, rc,
		    rc == SMX_ELIMIT ? "it has more than 256 MiB"
				     : smx_strerror(rc));
	free(r.places);
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
