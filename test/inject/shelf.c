/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "flow.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/shadowmx.h>

#include "core/holder.h"

/*
 * A holder's life of four shadows: stored, amended, claimed and handed,
 * dropped; small ones and ones with a file of their own.
 */
#define SHADOWS 4
#define LARGE   20000

static const char envelope[] =
    "CLIENT\r\nMAIL <a@x>\r\nRCPT <b@y>\r\nRCPT <c@y>\r\n";
static const char amended[] = "MAIL <a@x>\r\nRCPT <c@y>\r\n";
static char content[LARGE];

/* What the store said OK to, of one round: bits by shadow. */
static struct {
	unsigned stored, amended, claimed, dropped, noted;
} promised;
static unsigned tried_to_drop;
static uint8_t round_no;

static struct smx_key
key_of(unsigned i)
{
	struct smx_key key = { .counter = i + 1 };

	key.incarnation[0] = round_no;
	return key;
}

static size_t
size_of(unsigned i)
{
	return i % 2 == 0 ? 100 : LARGE;
}

static int
keep(struct smx_store *store, unsigned i)
{
	const struct smx_shadow_head head = { .key = key_of(i),
		.primary = "mx1",
		.queue_id = "4jX",
		.envelope = envelope,
		.envelope_len = sizeof(envelope) - 1,
		.recipients = 2,
		.size = size_of(i),
		.now_ms = 1000000 };
	struct smx_draft *draft = NULL;
	int rc = store->ops->begin(store->ctx, &head, &draft);

	for (size_t at = 0; rc == SMX_OK && at < head.size; at += 50)
		rc = store->ops->write(store->ctx, draft, content + at, 50);
	if (rc == SMX_OK)
		rc = store->ops->commit(store->ctx, &draft);
	else if (draft != NULL)
		store->ops->abort(store->ctx, &draft);
	flow_must(draft == NULL, "a draft ends with its commit or abort");
	return rc;
}

static int
amend(struct smx_store *store, unsigned i)
{
	const struct smx_row_amendment change = { .key = key_of(i),
		.version = 5,
		.holders = "mx2 mx3",
		.envelope = amended,
		.envelope_len = sizeof(amended) - 1,
		.recipients = 1,
		.held = -1 };
	size_t foreign;

	return store->ops->amend(store->ctx, "mx1", &change, 1, &foreign);
}

static int
mark(struct smx_store *store, unsigned i, enum smx_row_state from,
    enum smx_row_state to)
{
	const struct smx_key key = key_of(i);
	const struct smx_row_change change = { .from = from,
		.to = to,
		.now_ms = 1000001,
		.attempts = 1,
		.handed_id = to == SMX_ROW_HANDED ? "4jY" : NULL,
		.rcpt_states = to == SMX_ROW_HANDED ? "ho" : NULL };

	return store->ops->mark(store->ctx, &key, &change);
}

static int
drop(struct smx_store *store, unsigned i)
{
	const struct smx_key key = key_of(i);
	size_t foreign;

	tried_to_drop |= 1u << i;
	return store->ops->drop(store->ctx, "mx1", &key, 1, &foreign);
}

static int
count(void *ctx, const struct smx_row *row)
{
	(void)row;
	++*(unsigned *)ctx;
	return 0;
}

static void
did(int *first, int rc, unsigned *bits, unsigned i)
{
	if (rc == SMX_OK)
		*bits |= 1u << i;
	else if (*first == SMX_OK)
		*first = rc;
}

static int
life(struct smx_store *store)
{
	const struct smx_store_filter all = { .primary = "mx1" };
	unsigned rows = 0, handed = 0;
	int rc = SMX_OK;

	for (unsigned i = 0; i < SHADOWS; i++)
		did(&rc, keep(store, i), &promised.stored, i);
	if (promised.stored & 1u)
		did(&rc, amend(store, 0), &promised.amended, 0);
	if (promised.stored & 2u)
		did(&rc, mark(store, 1, SMX_ROW_SHADOW, SMX_ROW_CLAIMED),
		    &promised.claimed, 1);
	if (promised.claimed)
		did(&rc, mark(store, 1, SMX_ROW_CLAIMED, SMX_ROW_HANDED),
		    &handed, 1);
	for (unsigned i = 2; i < SHADOWS; i++)
		did(&rc, drop(store, i), &promised.dropped, i);
	did(&rc, store->ops->meta_set(store->ctx, "note", "value"),
	    &promised.noted, 0);
	did(&rc, store->ops->scan(store->ctx, &all, count, &rows), &handed, 0);
	return rc;
}

static int
shelf_open(struct smx_store *store, int sqlite)
{
	const struct smx_store_options options = { .path = flow_path("store"),
		.body_file_bytes = 4096,
		.tombstone_ms = 1000 };
	char why[256];

	for (size_t i = 0; i < LARGE; i++)
		content[i] = (char)(i * 7 >> 2);
	return sqlite ? smx_store_open_sqlite(store, &options, why, sizeof(why))
		      : smx_store_open_memory(store, &options);
}

static int
act(int sqlite)
{
	struct smx_store store = { NULL, NULL };
	int rc;

	memset(&promised, 0, sizeof(promised));
	tried_to_drop = 0;
	round_no++;
	rc = shelf_open(&store, sqlite);
	if (rc != SMX_OK)
		return rc;
	rc = life(&store);
	smx_store_close(&store);
	return rc;
}

/* ---- is it there? ---- */

static void
content_is_there(struct smx_store *store, unsigned i)
{
	const struct smx_key key = key_of(i);
	struct smx_content c;
	static char back[LARGE];

	flow_must(store->ops->open(store->ctx, &key, &c) == SMX_OK &&
		      c.size == size_of(i) &&
		      c.read(c.ctx, 0, back, size_of(i)) == SMX_OK &&
		      memcmp(back, content, size_of(i)) == 0,
	    "what was said to be stored is there, every byte");
	store->ops->close_content(store->ctx, &c);
}

static void
look_at(struct smx_store *store, unsigned i)
{
	const struct smx_key key = key_of(i);
	const unsigned bit = 1u << i;
	struct smx_row row;
	int rc = store->ops->get(store->ctx, &key, &row);

	flow_must(rc == SMX_OK || rc == SMX_ENOTFOUND, "the store answers");
	flow_must((promised.dropped & bit) == 0 || rc == SMX_ENOTFOUND,
	    "what was dropped is gone");
	flow_must((promised.stored & bit) == 0 || rc == SMX_OK ||
		      (tried_to_drop & bit) != 0,
	    "what was said to be stored is there");
	if (rc != SMX_OK)
		return;
	content_is_there(store, i);
	flow_must((promised.amended & bit) == 0 || row.amended,
	    "what was amended is");
	flow_must((promised.claimed & bit) == 0 ||
		      row.state == SMX_ROW_CLAIMED ||
		      row.state == SMX_ROW_HANDED,
	    "what was claimed is");
}

static void
sqlite_judge(void)
{
	struct smx_store store = { NULL, NULL };
	char value[32];

	flow_must(shelf_open(&store, 1) == SMX_OK, "the store opens again");
	for (unsigned i = 0; i < SHADOWS; i++)
		look_at(&store, i);
	flow_must(!promised.noted || (store.ops->meta_get(store.ctx, "note",
					  value, sizeof(value)) == SMX_OK &&
					 strcmp(value, "value") == 0),
	    "what was noted is there");
	smx_store_close(&store);
}

static int
sqlite_act(void)
{
	return act(1);
}

static int
memory_act(void)
{
	return act(0);
}

const struct flow flow_store = { "store", NULL, sqlite_act, sqlite_judge, 1 };
const struct flow flow_store_memory = { "store-memory", NULL, memory_act, NULL,
	0 };
