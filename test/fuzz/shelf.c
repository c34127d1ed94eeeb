/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "fuzz.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/shadowmx.h>

/*
 * A store in which one column of every row has become something else: "NAME
 * KIND VALUE", where KIND says how it is stored.  The store opens, or says that
 * it does not; whatever it vouches for is what was put in.
 */
#define CONTENT "Subject: x\r\n\r\nhello\r\n"

static char folder[32];
static char *template; /* the database's file */
static size_t template_len;

static void
empty(const char *path, int itself)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	char name[512];

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (unlink(name) != 0) /* a folder */
			empty(name, 1);
	}
	if (dir != NULL)
		closedir(dir);
	if (itself)
		rmdir(path);
}

static void
leave(void)
{
	empty(folder, 1);
	free(template);
}

static int
store_open(struct smx_store *store)
{
	const struct smx_store_options options = { .path = folder,
		.body_file_bytes = 100000,
		.tombstone_ms = 1000000 };
	char why[256];

	return smx_store_open_sqlite(store, &options, why, sizeof(why));
}

static struct smx_key
key_of(unsigned i)
{
	struct smx_key key = { .counter = i };

	return key;
}

static void
keep(struct smx_store *store, unsigned i)
{
	static const char envelope[] = "CLIENT\r\nMAIL <a@x>\r\nRCPT <b@y>\r\n";
	const struct smx_shadow_head head = { .key = key_of(i),
		.primary = "mx1",
		.queue_id = "4jX",
		.envelope = envelope,
		.envelope_len = sizeof(envelope) - 1,
		.recipients = 1,
		.size = sizeof(CONTENT) - 1,
		.now_ms = 1000000,
		.holders = "mx2 mx3" };
	struct smx_draft *draft;

	fuzz_must(store->ops->begin(store->ctx, &head, &draft) == SMX_OK &&
		      store->ops->write(store->ctx, draft, CONTENT,
			  sizeof(CONTENT) - 1) == SMX_OK &&
		      store->ops->commit(store->ctx, &draft) == SMX_OK,
	    "a shadow is kept");
}

static void
file(const char *mode, char *data, size_t *len)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/shadows.db", folder);
	f = fopen(path, mode);
	fuzz_must(f != NULL, "a database");
	if (mode[0] == 'r')
		*len = fread(data, 1, *len, f);
	else
		fuzz_must(fwrite(data, 1, *len, f) == *len, "room");
	fclose(f);
}

static void
prepare(void)
{
	struct smx_store store;
	struct smx_key gone = key_of(9);
	size_t foreign;

	memcpy(folder, "/dev/shm/fuzz.XXXXXX", 21);
	fuzz_must(mkdtemp(folder) != NULL, "a folder");
	atexit(leave);
	fuzz_must(store_open(&store) == SMX_OK, "a store");
	keep(&store, 1);
	keep(&store, 2);
	(void)store.ops->drop(store.ctx, "mx1", &gone, 1, &foreign);
	(void)store.ops->meta_set(store.ctx, "note", "value");
	smx_store_close(&store);
	template_len = 1 << 20;
	template = malloc(template_len);
	fuzz_must(template != NULL, "memory");
	file("r", template, &template_len);
}

/* ---- one column ---- */

static const struct {
	const char *name, *sql;
} columns[] = {
#define COLUMN(table, name)                                                    \
	{                                                                      \
		name, "UPDATE " table " SET " name "=?"                        \
	}
	COLUMN("shadow", "primary_name"), COLUMN("shadow", "queue_id"),
	COLUMN("shadow", "epoch_id"), COLUMN("shadow", "epoch_counter"),
	COLUMN("shadow", "state"), COLUMN("shadow", "size"),
	COLUMN("shadow", "digest"), COLUMN("shadow", "recipients"),
	COLUMN("shadow", "stored_ms"), COLUMN("shadow", "next_try_ms"),
	COLUMN("shadow", "attempts"), COLUMN("shadow", "handed_id"),
	COLUMN("shadow", "reason"), COLUMN("shadow", "envelope_len"),
	COLUMN("shadow", "content"), COLUMN("shadow", "file"),
	COLUMN("shadow", "rcpt_states"), COLUMN("shadow", "seal"),
	COLUMN("shadow", "holders"), COLUMN("shadow", "version"),
	COLUMN("shadow", "held"), COLUMN("shadow", "origin"),
	COLUMN("content", "envelope"), COLUMN("content", "body"),
	COLUMN("finished", "incarnation"), COLUMN("finished", "lo"),
	COLUMN("finished", "hi"), COLUMN("finished", "changed_ms"),
	COLUMN("meta", "value")
};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

static void
bind(sqlite3_stmt *s, char kind, const char *value, size_t len)
{
	char number[32];

	snprintf(number, sizeof(number), "%.*s", (int)(len > 30 ? 30 : len),
	    value);
	if (kind == 'i')
		sqlite3_bind_int64(s, 1, strtoll(number, NULL, 10));
	else if (kind == 'r')
		sqlite3_bind_double(s, 1, strtod(number, NULL));
	else if (kind == 'b')
		sqlite3_bind_blob(s, 1, value, (int)len, SQLITE_STATIC);
	else if (kind == 't')
		sqlite3_bind_text(s, 1, value, (int)len, SQLITE_STATIC);
}

static int
change(size_t column, char kind, const char *value, size_t len)
{
	char path[64];
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;
	int done = 0;

	snprintf(path, sizeof(path), "%s/shadows.db", folder);
	if (sqlite3_open(path, &db) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, columns[column].sql, -1, &s, NULL) ==
		SQLITE_OK) {
		bind(s, kind, value, len);
		done = sqlite3_step(s) == SQLITE_DONE;
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
	return done;
}

/* ---- what the store makes of it ---- */

static int
seen(void *ctx, const struct smx_row *row)
{
	++*(unsigned *)ctx;
	fuzz_must(row->state >= SMX_ROW_SHADOW && row->state <= SMX_ROW_DONE,
	    "a state is one");
	fuzz_must(strnlen(row->primary, sizeof(row->primary)) <
			  sizeof(row->primary) &&
		      strnlen(row->holders, sizeof(row->holders)) <
			  sizeof(row->holders) &&
		      strnlen(row->queue_id, sizeof(row->queue_id)) <
			  sizeof(row->queue_id),
	    "texts end");
	return 0;
}

static void
content_is_sound(struct smx_store *store, unsigned i)
{
	const struct smx_key key = key_of(i);
	struct smx_content c;
	char back[sizeof(CONTENT)];

	if (store->ops->open(store->ctx, &key, &c) != SMX_OK)
		return;
	fuzz_saw(3);
	fuzz_must(c.size == sizeof(CONTENT) - 1 &&
		      c.read(c.ctx, 0, back, sizeof(CONTENT) - 1) == SMX_OK &&
		      memcmp(back, CONTENT, sizeof(CONTENT) - 1) == 0,
	    "content that is given is what was put in");
	store->ops->close_content(store->ctx, &c);
}

static void
look(struct smx_store *store)
{
	const struct smx_store_filter all = { .primary = NULL };
	struct smx_store_stats stats;
	unsigned rows = 0;

	(void)store->ops->scan(store->ctx, &all, seen, &rows);
	fuzz_saw(10 + rows);
	for (unsigned i = 1; i <= 2; i++) {
		const struct smx_key key = key_of(i);
		struct smx_row row;
		char *text = NULL, *states = NULL;
		size_t len, foreign;

		fuzz_saw(
		    20 - (unsigned)store->ops->get(store->ctx, &key, &row));
		fuzz_saw(60 - (unsigned)store->ops->envelope(store->ctx, &key,
				  &text, &len, &states));
		free(text);
		free(states);
		content_is_sound(store, i);
		(void)store->ops->drop(store->ctx, "mx1", &key, 1, &foreign);
	}
	(void)store->ops->stats(store->ctx, &stats);
}

static void
shelf_run(const char *data, size_t len)
{
	const char *space = memchr(data, ' ', len);
	struct smx_store store;
	size_t i = 0, n = space == NULL ? 0 : (size_t)(space - data);

	while (i < COLUMNS && (strlen(columns[i].name) != n ||
				  memcmp(columns[i].name, data, n) != 0))
		i++;
	if (i == COLUMNS || len < n + 3)
		return;
	if (template == NULL)
		prepare();
	empty(folder, 0);
	file("w", template, &template_len);
	if (!change(i, data[n + 1], data + n + 3, len - n - 3))
		return;
	fuzz_saw(100 + (unsigned)i);
	if (store_open(&store) != SMX_OK) {
		fuzz_saw(1);
		return;
	}
	look(&store);
	smx_store_close(&store);
}

static const char *const shelf_seeds[] = { "primary_name t mx2",
	"queue_id t 4jY", "epoch_id b 0123456789abcdef", "epoch_counter i 7",
	"state t claimed", "state t done", "size i -1", "digest b x",
	"recipients i 100000", "stored_ms i -1", "next_try_ms i 5",
	"attempts i 4294967296", "handed_id t -", "reason t no",
	"envelope_len i -1", "content i 2", "file t ../x", "rcpt_states t hho",
	"seal b 0", "holders t mx2  mx3", "version i -1", "held i 2",
	"origin t mx1", "envelope b MAIL <>\r\n", "body b hello",
	"incarnation b x", "lo b 0", "hi b 9", "changed_ms i 0", "value n ",
	NULL };

static const char *const shelf_words[] = { " t ", " b ", " i ", " n ", " r ",
	"shadow", "claimed", "handed", "quarantined", "done", "-1", "0",
	"9223372036854775807", "4294967296", "mx1", "/", "..", "\xff",
	"RCPT <b@y>\r\n", NULL };

const struct fuzz_target fuzz_shelf = { "store", shelf_run, shelf_seeds,
	shelf_words };
