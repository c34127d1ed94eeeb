/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <string.h>

#include "glue/node_impl.h"

#define STATE_SEPARATOR '/'

static int
is_queue_id(const char *text, size_t len)
{
	if (len == 0 || len > SMX_QUEUE_ID_MAX)
		return 0;
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= '0' && text[i] <= '9') ||
			(text[i] >= 'A' && text[i] <= 'Z') ||
			(text[i] >= 'a' && text[i] <= 'z')))
			return 0;
	return 1;
}

static int
state_parse(const char *word, enum smx_row_state *state)
{
	for (int s = SMX_ROW_SHADOW; s <= SMX_ROW_DONE; s++)
		if (strcmp(word, smx_row_state_name((enum smx_row_state)s)) ==
		    0) {
			*state = (enum smx_row_state)s;
			return SMX_OK;
		}
	return SMX_EINVAL;
}

int
item_parse(const char *word, struct item *item)
{
	const char *slash = strchr(word, STATE_SEPARATOR);
	size_t len = slash == NULL ? strlen(word) : (size_t)(slash - word);

	memset(item, 0, sizeof(*item));
	item->word = word;
	item->is_key = smx_key_parse(word, len, &item->key) == SMX_OK;
	if (slash != NULL)
		return item->is_key ? state_parse(slash + 1, &item->expected)
				    : SMX_EINVAL;
	return item->is_key || is_queue_id(word, len) ? SMX_OK : SMX_EINVAL;
}

static struct found *
room(struct item *item)
{
	return item->count < FOUND_MAX ? &item->found[item->count] : NULL;
}

static void
add_row(struct item *item, const struct smx_row *row)
{
	struct found *f = room(item);

	item->count++;
	if (f == NULL)
		return;
	memset(f, 0, sizeof(*f));
	f->key = row->key;
	f->state = row->state;
	memcpy(f->primary, row->primary, sizeof(f->primary));
	memcpy(f->queue_id, row->queue_id, sizeof(f->queue_id));
	memcpy(f->handed_id, row->handed_id, sizeof(f->handed_id));
}

struct search {
	struct item *items;
	size_t count;
	size_t ids; /* items that are queue ids */
};

static int
each_row(void *ctx, const struct smx_row *row)
{
	struct search *s = ctx;

	for (size_t i = 0; i < s->count; i++) {
		struct item *item = &s->items[i];

		if (!item->is_key &&
		    (strcmp(item->word, row->queue_id) == 0 ||
			strcmp(item->word, row->handed_id) == 0))
			add_row(item, row);
	}
	return 0;
}

/* What was taken over is, in this host's own queue, a message of its own: one
 * and the same, whose story the row tells. */
static int
is_handed(const struct item *item, const struct engine_open *open)
{
	for (size_t i = 0; i < item->count && i < FOUND_MAX; i++)
		if (!item->found[i].own &&
		    strcmp(item->found[i].handed_id, open->queue_id) == 0)
			return 1;
	return 0;
}

static void
add_own(struct item *item, const struct engine_open *open)
{
	struct found *f = room(item);

	item->count++;
	if (f == NULL)
		return;
	memset(f, 0, sizeof(*f));
	f->own = 1;
	f->key = open->key;
	text_copy(f->queue_id, sizeof(f->queue_id), open->queue_id);
}

static void
find_own(struct smx_engine *node, struct item *item)
{
	struct engine *core = node_enter(node);
	struct engine_open open[FOUND_MAX + 1];
	size_t n;

	if (item->is_key)
		n = engine_open_get(core, &item->key, node_now_ms(), open) ==
		    SMX_OK;
	else
		n = engine_open_by_id(core, item->word, node_now_ms(), open,
		    FOUND_MAX + 1);
	for (size_t i = 0; i < n; i++)
		if (item->is_key || !is_handed(item, &open[i]))
			add_own(item, &open[i]);
	node_leave(node);
}

static int
find_key(struct smx_store *store, struct item *item)
{
	struct smx_row row;
	int rc = store->ops->get(store->ctx, &item->key, &row);

	if (rc == SMX_OK)
		add_row(item, &row);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
items_find(struct command *c, struct item *items, size_t count)
{
	struct smx_store *store = c->node->ports.store;
	const struct smx_store_filter all = { 0 };
	struct search s = { .items = items, .count = count };
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < count; i++) {
		if (items[i].is_key)
			rc = find_key(store, &items[i]);
		else
			s.ids++;
	}
	/* No index leads from a queue id to its rows. */
	if (rc == SMX_OK && s.ids != 0)
		rc = store->ops->scan(store->ctx, &all, each_row, &s);
	if (rc != SMX_OK)
		return rc < 0 ? command_fail(c, rc, "the store does not answer",
				    "")
			      : rc;
	for (size_t i = 0; i < count; i++)
		find_own(c->node, &items[i]);
	return SMX_OK;
}

void
found_members(struct buf *b, const struct found *found)
{
	char key[SMX_KEY_TEXT];

	smx_key_format(&found->key, key);
	json_str(b, "role", found->own ? "primary" : "holder");
	json_str(b, "key", key);
	json_str(b, "queue_id", found->queue_id);
	if (found->own)
		return;
	json_str(b, "primary", found->primary);
	json_str(b, "state", smx_row_state_name(found->state));
	json_str(b, "handed_id", found->handed_id);
}

static int
tell_candidates(struct command *c, const struct item *item)
{
	struct buf b;
	int rc = SMX_OK;

	buf_init(&b, 0);
	for (size_t i = 0; rc == SMX_OK && i < item->count && i < FOUND_MAX;
	     i++) {
		json_open(&b);
		json_bool(&b, "candidate", 1);
		found_members(&b, &item->found[i]);
		json_close(&b);
		rc = command_line(c, &b);
	}
	buf_free(&b);
	return rc;
}

int
command_find_one(struct command *c, struct found *found)
{
	struct item item;
	int rc;

	if (c->words != 3)
		return command_fail(c, SMX_EINVAL,
		    "one key or queue id is needed", "");
	if (item_parse(c->word[2], &item) != SMX_OK || item.expected != 0)
		return command_fail(c, SMX_EINVAL,
		    "neither a key (32 hex digits, '-', 16 hex digits) nor a "
		    "queue id (letters and digits)",
		    c->word[2]);
	rc = items_find(c, &item, 1);
	if (rc != SMX_OK)
		return rc;
	if (item.count == 0)
		return command_fail(c, SMX_ENOTFOUND,
		    "no such shadow, and no such open message of this host",
		    c->word[2]);
	if (item.count > 1) {
		rc = tell_candidates(c, &item);
		return rc != SMX_OK
			   ? rc
			   : command_fail(c, SMX_ECONFLICT,
				 "more than one message has this queue "
				 "id; name its key",
				 c->word[2]);
	}
	*found = item.found[0];
	return SMX_OK;
}
