/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_shelf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/store_schema.h"
#include "io/store_suspect.h"

/* A row holds its body in memory on its way in and out. */
#define BODY_IN_ROW_MAX ((uint64_t)16 << 20)

void
shelf_close(struct shelf *shelf)
{
	audit_stop(&shelf->audit);
	mover_stop(&shelf->mover);
	writer_stop(&shelf->writer);
	/* The writer's connection goes last: the last one tidies the log. */
	view_close(&shelf->view);
	net_close(&shelf->net);
	rows_close(&shelf->group.rows);
	netrows_close(&shelf->group.netrows);
	graves_close(&shelf->group.graves);
	/* After a failed sync nothing more may be moved into the file. */
	if (shelf->group.db != NULL && shelf_down(shelf))
		db_distrust(shelf->group.db);
	else if (shelf->group.db != NULL)
		witness_forget(&shelf->group.witness);
	db_close(&shelf->group.db);
	witness_close(&shelf->group.witness);
	workq_free(&shelf->group.queue);
	tombs_free(&shelf->group.tombs);
	usage_free(&shelf->group.usage);
	damage_free(&shelf->group.damage);
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
	struct group *group = ctx;
	struct row_found found;
	struct smx_key key;
	int result;

	*named = 0;
	if (strlen(name) < SMX_KEY_TEXT ||
	    smx_key_parse(name, SMX_KEY_TEXT - 1, &key) != SMX_OK)
		return SMX_OK;
	result = rows_find(group->rows, &key, &found);
	if (result == SMX_OK)
		*named = strcmp(found.file, name) == 0;
	if (result == SMX_ENOTFOUND || (result == SMX_OK && !*named))
		result = netrows_names(group->netrows, name, named);
	return result;
}

/*
 * Rows of a transaction that a crash kept from being synced look like any
 * others.  Sync the log, so that from here on "it is there already" means
 * "durably"; and read it, and the database, from the disk: after a sync that
 * failed the system's cache may have what the disk has not.
 */
static int
distrust_cache(struct shelf *shelf)
{
	const struct store_dir *dir = &shelf->dir;
	int result = suspect_reread(dir->folder, STORE_LOG);

	if (result == SMX_OK)
		result = suspect_reread(dir->folder, STORE_DATABASE);
	if (result == SMX_OK && shelf->suspect)
		result = suspect_reread_all(dir->bodies.folder);
	return result;
}

/* What was promised and is not in the log any more can only be told: holders
 * list what they have, and primaries copy what is missing again. */
static void
compare_log(struct shelf *shelf, const struct witness_log *seen)
{
	int64_t missing = witness_missing(seen, db_log_found(shelf->group.db));
	struct log_line l;

	if (missing == 0)
		return;
	log_begin(&l, SMX_LOG_ERR, NULL, "store_cut");
	log_str(&l, "file", STORE_LOG);
	log_num(&l, "pages", missing);
	log_end(&l);
}

static int
recover(struct shelf *shelf, const struct witness_log *seen)
{
	struct group *group = &shelf->group;
	size_t removed = 0;
	int left, result = db_checkpoint(group->db, &left);

	if (result == SMX_OK)
		compare_log(shelf, seen);
	if (result == SMX_EFULL)
		result = SMX_OK;
	if (result == SMX_OK)
		result = schema_count(group->db, group->usage);
	if (result == SMX_OK)
		result = graves_load(group->db, group->tombs);
	if (result == SMX_OK)
		result = group->gate == NULL
			     ? netrows_clear(group->netrows)
			     : netrows_count(group->netrows, group->gate);
	if (result == SMX_EFULL)
		result = SMX_OK;
	if (result == SMX_OK)
		result =
		    bodies_sweep(group->bodies, body_named, group, &removed);
	if (result == SMX_OK && removed != 0)
		log_event(SMX_LOG_NOTICE, "bodies_swept", "count=%zu", removed);
	reserve_make(group->bodies);
	return result;
}

/* The tables of a suspect store are proved before anything is made of them. */
static int
open_database(struct shelf *shelf)
{
	struct group *group = &shelf->group;
	struct witness_log seen;
	char why[200] = "";
	int result = distrust_cache(shelf);

	witness_open(&group->witness, shelf->dir.folder);
	witness_read(&group->witness, &seen);
	if (result == SMX_OK)
		result = db_open_writer(&group->db, shelf->dir.database);
	if (result == SMX_EFULL && reserve_spend(group->bodies))
		result = db_open_writer(&group->db, shelf->dir.database);
	if (result == SMX_OK && shelf->suspect)
		result = db_check(group->db, NULL, why, sizeof(why));
	if (why[0] != '\0')
		log_event(SMX_LOG_ERR, "store_damaged", "text=\"%s\"", why);
	if (result == SMX_OK)
		result = schema_make(group->db);
	if (result == SMX_EFULL && reserve_spend(group->bodies))
		result = schema_make(group->db);
	if (result == SMX_OK)
		result = rows_open(&group->rows, group->db);
	if (result == SMX_OK)
		result = graves_open(&group->graves, group->db);
	if (result == SMX_OK)
		result = netrows_open(&group->netrows, group->db);
	return result == SMX_OK ? recover(shelf, &seen) : result;
}

/* What has ended is delivered: that it can be kept is no condition for anything
 * else.  Without a net what is left of one goes. */
static int
start_net(struct shelf *shelf)
{
	const struct mover_options options = { .path = shelf->dir.database,
		.bodies = *shelf->group.bodies,
		.queue = shelf->group.queue,
		.gate = &shelf->gate,
		.net = shelf->net };

	if (shelf->net == NULL)
		return SMX_OK;
	return mover_start(&shelf->mover, &options);
}

static void
open_net(struct shelf *shelf, const struct smx_store_options *options)
{
	int result;

	if (options->net_keep_ms <= 0) {
		net_remove(shelf->dir.folder);
		return;
	}
	netplan_make(&shelf->gate.plan, options->net_keep_ms,
	    options->net_slice_ms, options->net_bytes);
	result = net_open(&shelf->net, shelf->dir.folder, &shelf->gate.plan);
	if (result == SMX_OK)
		shelf->group.gate = &shelf->gate;
	else
		log_event(SMX_LOG_ERR, "net_failed", "result=%s",
		    smx_errname(result));
}

static int
start_threads(struct shelf *shelf, int64_t tombstone_ms)
{
	struct group *group = &shelf->group;
	struct audit_options audit = { .path = shelf->dir.database,
		.folder = shelf->dir.folder,
		.bodies = group->bodies,
		.damage = group->damage,
		.suspect = shelf->suspect };
	int result = writer_start(&shelf->writer, group, tombstone_ms);

	if (result == SMX_OK)
		result = audit_start(&shelf->audit, &audit);
	return result == SMX_OK ? start_net(shelf) : result;
}

static int
shelf_start(struct shelf *shelf, const struct smx_store_options *options)
{
	struct group *group = &shelf->group;
	int result;

	group->dir = &shelf->dir;
	group->folder = shelf->dir.folder;
	shelf->suspect = suspect_is(shelf->dir.folder);
	if (shelf->suspect)
		log_event(SMX_LOG_WARNING, "store_suspect", "path=%s",
		    options->path);
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
		result = damage_new(&group->damage);
	if (result == SMX_OK)
		result = usage_peer(group->usage, "", &group->nobody);
	if (result == SMX_OK)
		open_net(shelf, options);
	if (result == SMX_OK)
		result = open_database(shelf);
	if (result == SMX_OK)
		result = view_open(&shelf->view, shelf->dir.database);
	return result == SMX_OK ? start_threads(shelf, options->tombstone_ms)
				: result;
}

static const char *
why_not(int result)
{
	if (result == SMX_ECONFIG)
		return "was made by a later version";
	if (result == SMX_ECORRUPT)
		return STORE_DATABASE
		    " is damaged; put the folder's files aside, and the "
		    "primaries copy again what is open";
	return smx_strerror(result);
}

int
shelf_open(struct shelf **out, const struct smx_store_options *options,
    char *why, size_t why_size)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));
	int result;

	if (shelf == NULL)
		return SMX_ENOMEM;
	shelf->group.witness.fd = shelf->group.witness.log = -1;
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
		    why_not(result));
	/* What could not be read must not be written to either. */
	atomic_store(&shelf->group.failed, 1);
	shelf_close(shelf);
	return result;
}
