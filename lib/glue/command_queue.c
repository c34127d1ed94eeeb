/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/key.h"
#include "core/holder.h"
#include "glue/node_impl.h"

/* Both sides of the queue: shadows kept here for others (role holder), and own
 * messages that are still open (role primary). */
#define PAGE      200
#define CAT_BYTES 3072 /* content per line, a multiple of three */

/* Names with one space between. */
static void
list_words(struct buf *b, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, " ");
		char word[SMX_NAME_MAX + 1];

		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		json_item(b, word);
		text += len;
		text += strspn(text, " ");
	}
}

static void
row_members(struct buf *b, const struct smx_row *row)
{
	char key[SMX_KEY_TEXT];
	int64_t age = clock_wall_ms() - row->stored_ms;
	int over = row->state == SMX_ROW_HANDED &&
		   strcmp(row->handed_id, HOLDER_OVER_ID) == 0;

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
	json_bool(b, "over", over);
	json_str(b, "handed_id", over ? "" : row->handed_id);
	json_str(b, "reason", row->reason);
	json_bool(b, "held", row->held);
	json_bool(b, "amended", row->amended);
	json_list(b, "holders");
	list_words(b, row->holders);
	json_end(b);
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

static int
state_bit(const char *word, unsigned *states)
{
	for (int s = SMX_ROW_SHADOW; s <= SMX_ROW_DONE; s++)
		if (strcmp(word, smx_row_state_name((enum smx_row_state)s)) ==
		    0) {
			*states |= 1u << s;
			return 1;
		}
	return 0;
}

/* queue list [shadow|claimed|handed|quarantined|done|own]...
 * [PEER|primary=NAME] */
int
command_queue_list(struct command *c)
{
	static const char named[] = "primary=";
	const char *primary = NULL;
	unsigned states = 0;
	int own = 0;
	size_t peer;
	int rc = SMX_OK;

	for (size_t w = 2; w < c->words; w++) {
		const char *word = c->word[w];

		if (strcmp(word, "own") == 0)
			own = 1;
		else if (strncmp(word, named, sizeof(named) - 1) == 0)
			/* Also a host that is no member any more. */
			primary = word + sizeof(named) - 1;
		else if (node_peer_find(c->node, word, &peer) == SMX_OK)
			primary = node_peer_name(c->node, peer);
		else if (!state_bit(word, &states))
			return command_fail(c, SMX_EINVAL,
			    "neither a state (shadow, claimed, handed, "
			    "quarantined, done, own) nor a member",
			    word);
	}
	/* What is done is no mail any more, and is shown when asked for. */
	if (!own || states != 0 || primary != NULL)
		rc = list_rows(c, states != 0 ? states : ~(1u << SMX_ROW_DONE),
		    primary);
	if (rc == SMX_OK && (own || (states == 0 && primary == NULL)))
		rc = command_own_list(c);
	return rc;
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

/* The whole story: what queue list tells, the envelope, and the times. */
static int
show_row(struct command *c, const struct smx_row *row)
{
	struct smx_store *store = c->node->ports.store;
	int64_t now = clock_wall_ms();
	struct smx_envelope *e = NULL;
	char epoch[SMX_EPOCH_TEXT];
	char *text, *states;
	struct buf b;
	size_t len;
	int rc;

	rc = store->ops->envelope(store->ctx, &row->key, &text, &len, &states);
	if (rc != SMX_OK)
		return command_fail(c, rc, "the envelope cannot be read", "");
	rc = smx_envelope_decode(text, len, row->recipients, &e);
	smx_epoch_format(&row->epoch, epoch);
	buf_init(&b, 0);
	json_open(&b);
	row_members(&b, row);
	json_num(&b, "state_age_ms",
	    now < row->state_ms ? 0 : now - row->state_ms);
	json_num(&b, "version", (long long)row->version);
	json_str(&b, "epoch", epoch);
	if (row->state == SMX_ROW_CLAIMED) {
		json_bool(&b, "trying", row->next_try_ms < 0);
		json_num(&b, "next_try_in_ms",
		    row->next_try_ms > now ? row->next_try_ms - now : 0);
	}
	if (rc == SMX_OK)
		envelope_members(&b, e,
		    states != NULL && strlen(states) == row->recipients ? states
									: NULL);
	json_close(&b);
	rc = command_line(c, &b);
	buf_free(&b);
	smx_envelope_free(&e);
	free(text);
	free(states);
	return rc;
}

static int
get_row(struct command *c, const struct found *found, struct smx_row *row)
{
	struct smx_store *store = c->node->ports.store;
	int rc = store->ops->get(store->ctx, &found->key, row);

	return rc == SMX_OK
		   ? rc
		   : command_fail(c, rc, "it has just ended", c->word[2]);
}

int
command_queue_show(struct command *c)
{
	struct found found;
	struct smx_row row;
	int rc = command_find_one(c, &found);

	if (rc != SMX_OK)
		return rc;
	if (found.own)
		return command_own_show(c, &found.key);
	rc = get_row(c, &found, &row);
	return rc == SMX_OK ? show_row(c, &row) : rc;
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

static int
send_content(struct command *c, const struct smx_content *content)
{
	uint8_t part[CAT_BYTES];
	struct buf b;
	int rc = SMX_OK;

	buf_init(&b, 0);
	for (uint64_t at = 0; rc == SMX_OK && at < content->size;) {
		size_t n = sizeof(part);

		if (n > content->size - at)
			n = (size_t)(content->size - at);
		rc = content->read(content->ctx, at, part, n);
		if (rc != SMX_OK)
			break;
		buf_str(&b, "{\"content\":\"");
		base64(&b, part, n);
		buf_str(&b, "\"}");
		rc = command_line(c, &b);
		at += n;
	}
	buf_free(&b);
	return rc;
}

int
command_queue_cat(struct command *c)
{
	struct smx_store *store = c->node->ports.store;
	struct smx_content content;
	struct found found;
	int rc = command_find_one(c, &found);

	if (rc != SMX_OK)
		return rc;
	if (found.own)
		return command_fail(c, SMX_ENOTFOUND,
		    "an own message of this host: its MTA has it, see "
		    "postcat(1)",
		    c->word[2]);
	rc = store->ops->open(store->ctx, &found.key, &content);
	if (rc == SMX_ENOTFOUND)
		return command_fail(c, rc,
		    "it has ended, and its content is not kept", c->word[2]);
	if (rc != SMX_OK)
		return command_fail(c, rc, "the content cannot be read", "");
	rc = send_content(c, &content);
	store->ops->close_content(store->ctx, &content);
	return rc;
}
