/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdlib.h>
#include <string.h>

#include "glue/node_impl.h"

/*
 * Own messages that are open (role primary).  The engine's lock is held for
 * short steps only, however many there are: once for the keys, then for a page
 * of messages at a time; text is made outside.  What ends meanwhile is left
 * out.
 */
#define PAGE 100

struct own_row {
	struct engine_open open;
	char queue_id[SMX_QUEUE_ID_MAX + 1];
};

struct keys {
	struct smx_key *key;
	size_t count;
	size_t room;
};

static int
add_key(void *ctx, const struct engine_open *open)
{
	struct keys *keys = ctx;

	if (keys->count == keys->room)
		return 1; /* begun after the count was taken */
	keys->key[keys->count++] = open->key;
	return 0;
}

static int
take_keys(struct smx_engine *node, struct keys *keys)
{
	struct engine_counts counts;

	engine_counts(node_enter(node), node_now_ms(), &counts);
	node_leave(node);
	keys->count = 0;
	keys->room = (size_t)counts.open;
	keys->key = malloc((keys->room + 1) * sizeof(*keys->key));
	if (keys->key == NULL)
		return SMX_ENOMEM;
	engine_each_open(node_enter(node), node_now_ms(), add_key, keys);
	node_leave(node);
	return SMX_OK;
}

static int
take_own(struct engine *core, const struct smx_key *key, struct own_row *row)
{
	int rc = engine_open_get(core, key, node_now_ms(), &row->open);

	if (rc != SMX_OK)
		return rc;
	text_copy(row->queue_id, sizeof(row->queue_id), row->open.queue_id);
	row->open.queue_id = row->queue_id;
	return SMX_OK;
}

static size_t
take_page(struct smx_engine *node, const struct smx_key *keys, size_t count,
    struct own_row *rows)
{
	struct engine *core = node_enter(node);
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += take_own(core, &keys[i], &rows[n]) == SMX_OK;
	node_leave(node);
	return n;
}

static int
send_own(struct command *c, const struct own_row *row, struct buf *b)
{
	const struct engine_open *open = &row->open;
	char key[SMX_KEY_TEXT];

	smx_key_format(&open->key, key);
	json_open(b);
	json_str(b, "role", "primary");
	json_str(b, "key", key);
	json_str(b, "queue_id", row->queue_id);
	json_str(b, "state", open->state);
	json_bool(b, "unprotected", open->unprotected);
	json_bool(b, "short", open->short_copies);
	json_bool(b, "held", open->held);
	json_str(b, "fence", open->fence);
	json_bool(b, "isolated", open->isolated);
	json_num(b, "age_ms", open->age_ms);
	json_list(b, "holders");
	for (size_t i = 0; i < open->holder_count; i++)
		json_item(b, node_peer_name(c->node, open->holders[i]));
	json_end(b);
	json_close(b);
	return command_line(c, b);
}

int
command_own_list(struct command *c)
{
	struct own_row *rows = calloc(PAGE, sizeof(*rows));
	struct keys keys = { 0 };
	struct buf b;
	int rc = rows == NULL ? SMX_ENOMEM : take_keys(c->node, &keys);

	buf_init(&b, 0);
	for (size_t at = 0; rc == SMX_OK && at < keys.count; at += PAGE) {
		size_t left = keys.count - at;
		size_t n = take_page(c->node, keys.key + at,
		    left < PAGE ? left : PAGE, rows);

		for (size_t i = 0; rc == SMX_OK && i < n; i++)
			rc = send_own(c, &rows[i], &b);
	}
	buf_free(&b);
	free(keys.key);
	free(rows);
	return rc;
}

int
command_own_show(struct command *c, const struct smx_key *key)
{
	struct own_row row;
	struct buf b;
	int rc = take_own(node_enter(c->node), key, &row);

	node_leave(c->node);
	if (rc != SMX_OK)
		return command_fail(c, rc, "it has just ended", c->word[2]);
	buf_init(&b, 0);
	rc = send_own(c, &row, &b);
	buf_free(&b);
	return rc;
}
