/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/backup_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "core/rcptlist.h"
#include "io/linefile.h"

#define BATCH 10000

struct reading {
	struct backup_import *import;
	struct buf names; /* local parts of the batch, each closed by NUL */
	struct backup_rcpts_news *news;
	size_t count;
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

static int
take_line(void *ctx, const char *line, size_t len, size_t number)
{
	struct reading *r = ctx;
	struct backup_import *import = r->import;
	char local[ADDR_MAX + 1];

	switch (line == NULL
		    ? RCPTLIST_BAD
		    : rcptlist_read(line, len, import->domain, local)) {
	case RCPTLIST_ONE:
		buf_add(&r->names, local, strlen(local) + 1);
		return ++r->count == BATCH ? write_batch(r) : SMX_OK;
	case RCPTLIST_ALL:
		import->all = 1;
		break;
	case RCPTLIST_OTHER:
		import->skipped++;
		break;
	case RCPTLIST_BAD:
		if (import->refused++ == 0)
			import->refused_line = number;
		break;
	case RCPTLIST_NOTHING:
		break;
	}
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
	const char *why;
	int fd, rc = linefile_open(import->path, &fd, &why);

	if (rc != SMX_OK)
		return fail(import, rc, why);
	buf_init(&r.names, 0);
	r.news = calloc(BATCH, sizeof(*r.news));
	rc = r.news == NULL ? SMX_ENOMEM : linefile_each(fd, 0, take_line, &r);
	if (rc == SMX_OK)
		rc = write_batch(&r);
	if (rc == SMX_OK)
		rc = renew(import);
	if (rc != SMX_OK && import->why[0] == '\0')
		fail(import, rc, smx_strerror(rc));
	free(r.news);
	buf_free(&r.names);
	(void)close(fd);
	return rc;
}
