/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_shelf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/fsutil.h"
#include "io/store_schema.h"

/* A row holds its body in memory on its way in and out. */
#define BODY_IN_ROW_MAX ((uint64_t)16 << 20)

void
shelf_close(struct shelf *shelf)
{
	writer_stop(&shelf->writer);
	/* The writer's connection goes last: the last one tidies the log. */
	view_close(&shelf->view);
	rows_close(&shelf->group.rows);
	graves_close(&shelf->group.graves);
	/* After a failed sync nothing more may be moved into the file. */
	if (shelf->group.db != NULL && shelf_down(shelf))
		db_distrust(shelf->group.db);
	db_close(&shelf->group.db);
	workq_free(&shelf->group.queue);
	tombs_free(&shelf->group.tombs);
	usage_free(&shelf->group.usage);
	group_free(&shelf->group);
	store_dir_close(&shelf->dir);
	free(shelf);
}

int
shelf_down(const struct shelf *shelf)
{
	return atomic_load(&shelf->group.failed);
}

/* A body's name begins with its key. */
static int
body_named(void *ctx, const char *name, int *named)
{
	struct rows *rows = ctx;
	struct row_found found;
	struct smx_key key;
	int result;

	*named = 0;
	if (strlen(name) < SMX_KEY_TEXT ||
	    smx_key_parse(name, SMX_KEY_TEXT - 1, &key) != SMX_OK)
		return SMX_OK;
	result = rows_find(rows, &key, &found);
	if (result == SMX_OK)
		*named = strcmp(found.file, name) == 0;
	return result == SMX_ENOTFOUND ? SMX_OK : result;
}

/*
 * Rows of a transaction that a crash kept from being synced look like any
 * others.  Sync the log, so that from here on "it is there already" means
 * "durably".
 */
static int
sync_log(struct shelf *shelf)
{
	uint64_t size;
	int fd, result;

	result = fs_open_read(shelf->dir.folder, STORE_LOG, &fd, &size);
	if (result == SMX_ENOTFOUND)
		return SMX_OK;
	if (result != SMX_OK)
		return result;
	result = fs_sync(fd);
	fs_close(&fd);
	return result;
}

static int
recover(struct shelf *shelf)
{
	struct group *group = &shelf->group;
	size_t removed = 0;
	int left, result = sync_log(shelf);

	if (result == SMX_OK)
		result = db_checkpoint(group->db, &left);
	if (result == SMX_EFULL)
		result = SMX_OK;
	if (result == SMX_OK)
		result = schema_count(group->db, group->usage);
	if (result == SMX_OK)
		result = graves_load(group->db, group->tombs);
	if (result == SMX_OK)
		result = bodies_sweep(group->bodies, body_named, group->rows,
		    &removed);
	if (result == SMX_OK && removed != 0)
		log_event(SMX_LOG_NOTICE, "bodies_swept", "count=%zu", removed);
	reserve_make(group->bodies);
	return result;
}

static int
shelf_start(struct shelf *shelf, const struct smx_store_options *options)
{
	struct group *group = &shelf->group;
	int result;

	group->bodies = &shelf->dir.bodies;
	shelf->body_file_bytes = options->body_file_bytes < BODY_IN_ROW_MAX
				     ? options->body_file_bytes
				     : BODY_IN_ROW_MAX;
	result = usage_new(&group->usage, options->quota_bytes,
	    options->peer_quota_bytes);
	if (result == SMX_OK)
		result = tombs_new(&group->tombs);
	if (result == SMX_OK)
		result = workq_new(&group->queue);
	if (result == SMX_OK)
		result = db_open_writer(&group->db, shelf->dir.database);
	if (result == SMX_EFULL && reserve_spend(group->bodies))
		result = db_open_writer(&group->db, shelf->dir.database);
	if (result == SMX_OK)
		result = schema_make(group->db);
	if (result == SMX_EFULL && reserve_spend(group->bodies))
		result = schema_make(group->db);
	if (result == SMX_OK)
		result = rows_open(&group->rows, group->db);
	if (result == SMX_OK)
		result = graves_open(&group->graves, group->db);
	if (result == SMX_OK)
		result = recover(shelf);
	if (result == SMX_OK)
		result = view_open(&shelf->view, shelf->dir.database);
	if (result == SMX_OK)
		result =
		    writer_start(&shelf->writer, group, options->tombstone_ms);
	return result;
}

int
shelf_open(struct shelf **out, const struct smx_store_options *options,
    char *why, size_t why_size)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));
	int result;

	if (shelf == NULL)
		return SMX_ENOMEM;
	result = store_dir_open(&shelf->dir, options->path, why, why_size);
	if (result != SMX_OK) {
		free(shelf);
		return result;
	}
	result = shelf_start(shelf, options);
	if (result == SMX_OK) {
		*out = shelf;
		return SMX_OK;
	}
	if (why != NULL)
		snprintf(why, why_size, "%s: %s", options->path,
		    result == SMX_ECONFIG ? "was made by a later version"
					  : smx_strerror(result));
	/* What could not be read must not be written to either. */
	atomic_store(&shelf->group.failed, 1);
	shelf_close(shelf);
	return result;
}
