/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/key.h"
#include "glue/node_impl.h"

/* Both sides of the queue: shadows kept here for others (role holder), and own
 * messages that are still open (role primary). */
#define PAGE      200
#define CAT_BYTES 3072 /* content per line, a multiple of three */

static void
row_members(struct buf *b, const struct smx_row *row)
{
	char key[SMX_KEY_TEXT];
	int64_t age = clock_wall_ms() - row->stored_ms;

	smx_key_format(&row->key, key);
	json_str(b, "role", "holder");
	json_str(b, "key", key);
	json_str(b, "primary", row->primary);
	json_str(b, "queue_id", row->queue_id);
	json_str(b, "state", smx_row_state_name(row->state));
	json_num(b, "size", (long long)row->size);
	json_num(b, "recipients", (long long)row->recipients);
	json_num(b, "age_ms", age < 0 ? 0 : age);
	json_num(b, "attempts", row->attempts);
	json_str(b, "handed_id", row->handed_id);
	json_str(b, "reason", row->reason);
}

struct page {
	struct smx_row rows[PAGE];
	size_t count;
};

static int
keep_row(void *ctx, const struct smx_row *row)
{
	struct page *page = ctx;

	page->rows[page->count++] = *row;
	return page->count == PAGE;
}

static int
list_rows(struct command *c, unsigned states, const char *primary)
{
	struct smx_store *store = c->node->ports.store;
	struct smx_store_filter filter = { .states = states,
		.primary = primary,
		.limit = PAGE };
	struct smx_key after;
	struct page *page = malloc(sizeof(*page));
	struct buf b;
	int rc = page == NULL ? SMX_ENOMEM : SMX_OK;

	buf_init(&b, 0);
	while (rc == SMX_OK) {
		page->count = 0;
		rc = store->ops->scan(store->ctx, &filter, keep_row, page);
		if (rc > 0)
			rc = SMX_OK;
		for (size_t i = 0; rc == SMX_OK && i < page->count; i++) {
			json_open(&b);
			row_members(&b, &page->rows[i]);
			json_close(&b);
			rc = command_line(c, &b);
		}
		if (page->count < PAGE)
			break;
		after = page->rows[PAGE - 1].key;
		filter.after = &after;
	}
	buf_free(&b);
	free(page);
	return rc;
}

struct own_list {
	struct smx_engine *node;
	struct buf lines; /* with line breaks; sent outside the lock */
};

static int
keep_own(void *ctx, const struct engine_open *open)
{
	struct own_list *list = ctx;
	struct buf *b = &list->lines;
	char key[SMX_KEY_TEXT];

	smx_key_format(&open->key, key);
	buf_str(b, "{");
	json_str(b, "role", "primary");
	json_str(b, "key", key);
	json_str(b, "queue_id", open->queue_id);
	json_str(b, "state", open->state);
	json_bool(b, "unprotected", open->unprotected);
	json_num(b, "age_ms", open->age_ms);
	json_list(b, "holders");
	for (size_t i = 0; i < open->holder_count; i++)
		json_item(b, node_peer_name(list->node, open->holders[i]));
	json_end(b);
	buf_str(b, "}\n");
	return buf_error(b);
}

static int
list_own(struct command *c)
{
	struct own_list list = { .node = c->node };
	char *p, *end;
	int rc;

	buf_init(&list.lines, 0);
	rc = engine_each_open(node_enter(c->node), node_now_ms(), keep_own,
	    &list);
	node_leave(c->node);
	p = list.lines.data;
	while (rc == SMX_OK && p != NULL && *p != '\0') {
		end = strchr(p, '\n');
		if (c->line(c->line_ctx, p, (size_t)(end - p)) != 0)
			rc = SMX_ECLOSED;
		p = end + 1;
	}
	buf_free(&list.lines);
	return rc;
}

/* queue list [shadow|claimed|handed|quarantined|own] [PEER] */
int
command_queue_list(struct command *c)
{
	const char *primary = NULL;
	unsigned states = 0;
	int only_own = 0;
	size_t peer;
	int rc = SMX_OK;

	for (size_t w = 2; w < c->words; w++) {
		int known = strcmp(c->word[w], "own") == 0;

		only_own |= known;
		for (int s = SMX_ROW_SHADOW; s <= SMX_ROW_QUARANTINED; s++)
			if (strcmp(c->word[w],
				smx_row_state_name((enum smx_row_state)s)) ==
			    0) {
				states |= 1u << s;
				known = 1;
			}
		if (known)
			continue;
		if (node_peer_find(c->node, c->word[w], &peer) != SMX_OK)
			return command_fail(c, SMX_EINVAL,
			    "neither a state (shadow, claimed, handed, "
			    "quarantined, own) nor a member",
			    c->word[w]);
		primary = node_peer_name(c->node, peer);
	}
	if (!only_own)
		rc = list_rows(c, states, primary);
	if (rc == SMX_OK && (only_own || (states == 0 && primary == NULL)))
		rc = list_own(c);
	return rc;
}

static int
find(struct command *c, struct smx_key *key, struct smx_row *row)
{
	struct smx_store *store = c->node->ports.store;
	int rc;

	if (c->words != 3 ||
	    smx_key_parse(c->word[2], strlen(c->word[2]), key) != SMX_OK)
		return command_fail(c, SMX_EINVAL,
		    "a key is 32 hex digits, '-', 16 hex digits", "");
	rc = store->ops->get(store->ctx, key, row);
	if (rc != SMX_OK)
		return command_fail(c, rc, "no such shadow here", c->word[2]);
	return SMX_OK;
}

static void
envelope_members(struct buf *b, const struct smx_envelope *e,
    const char *states)
{
	json_str(b, "sender", smx_envelope_sender(e));
	json_str(b, "client_name", smx_envelope_get(e, SMX_FIELD_CLIENT_NAME));
	json_str(b, "client_addr", smx_envelope_get(e, SMX_FIELD_CLIENT_ADDR));
	json_str(b, "helo", smx_envelope_get(e, SMX_FIELD_HELO));
	json_str(b, "auth", smx_envelope_get(e, SMX_FIELD_AUTH_NAME));
	json_list(b, "to");
	for (size_t i = 0; i < smx_envelope_recipients(e); i++) {
		char state[2] = { states == NULL ? 'o' : states[i], '\0' };

		buf_str(b, i == 0 ? "{" : ",{");
		json_str(b, "address", smx_envelope_recipient(e, i));
		json_str(b, "state", state);
		json_close(b);
	}
	json_end(b);
}

int
command_queue_show(struct command *c)
{
	struct smx_store *store = c->node->ports.store;
	struct smx_envelope *e = NULL;
	struct smx_key key;
	struct smx_row row;
	struct buf b;
	char *text, *states;
	size_t len;
	int rc;

	rc = find(c, &key, &row);
	if (rc != SMX_OK)
		return rc;
	rc = store->ops->envelope(store->ctx, &key, &text, &len, &states);
	if (rc != SMX_OK)
		return command_fail(c, rc, "the envelope cannot be read", "");
	rc = smx_envelope_decode(text, len, row.recipients, &e);
	buf_init(&b, 0);
	json_open(&b);
	row_members(&b, &row);
	if (rc == SMX_OK)
		envelope_members(&b, e,
		    states != NULL && strlen(states) == row.recipients ? states
								       : NULL);
	json_close(&b);
	rc = command_line(c, &b);
	buf_free(&b);
	smx_envelope_free(&e);
	free(text);
	free(states);
	return rc;
}

static void
base64(struct buf *b, const uint8_t *p, size_t len)
{
	static const char digit[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		unsigned v = (unsigned)p[i] << 16;
		char out[4];

		v |= i + 1 < len ? (unsigned)p[i + 1] << 8 : 0;
		v |= i + 2 < len ? p[i + 2] : 0;
		out[0] = digit[v >> 18 & 63];
		out[1] = digit[v >> 12 & 63];
		out[2] = i + 1 < len ? digit[v >> 6 & 63] : '=';
		out[3] = i + 2 < len ? digit[v & 63] : '=';
		buf_add(b, out, 4);
	}
}

int
command_queue_cat(struct command *c)
{
	struct smx_store *store = c->node->ports.store;
	struct smx_content content;
	struct smx_key key;
	struct smx_row row;
	uint8_t part[CAT_BYTES];
	struct buf b;
	int rc;

	rc = find(c, &key, &row);
	if (rc != SMX_OK)
		return rc;
	rc = store->ops->open(store->ctx, &key, &content);
	if (rc != SMX_OK)
		return command_fail(c, rc, "the content cannot be read", "");
	buf_init(&b, 0);
	for (uint64_t at = 0; rc == SMX_OK && at < content.size;) {
		size_t n = sizeof(part);

		if (n > content.size - at)
			n = (size_t)(content.size - at);
		rc = content.read(content.ctx, at, part, n);
		if (rc != SMX_OK)
			break;
		buf_str(&b, "{\"content\":\"");
		base64(&b, part, n);
		buf_str(&b, "\"}");
		rc = command_line(c, &b);
		at += n;
	}
	buf_free(&b);
	store->ops->close_content(store->ctx, &content);
	return rc;
}
