/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/holder.h"
#include "core/takeover.h"
#include "glue/node_impl.h"

/*
 * What an operator does to single messages that are kept here:
 *
 *	queue resubmit|release|forget [--yes] ITEM...
 *
 * One line is answered for each, whatever became of it.  The takeover's lock is
 * held from the look at a row to the change of it, so that an order is never
 * carried out on a state that the operator did not see.
 */
#define ITEMS_MAX 64

enum verb { RESUBMIT, RELEASE, FORGET, VERBS };

static const char *const verbs[VERBS] = { "resubmit", "release", "forget" };

struct order {
	struct command *command;
	enum verb verb;
	size_t items;
	/* of the item at hand: */
	struct smx_row row;
	int result;
	const char *text; /* why not, or what it means */
};

static enum engine_peer_state
primary_state(struct smx_engine *node, const char *primary)
{
	struct engine_peer_info info;
	size_t peer;

	if (node_peer_find(node, primary, &peer) != SMX_OK)
		return ENGINE_PEER_SILENT;
	engine_peer_info(node_enter(node), peer, node_now_ms(), &info);
	node_leave(node);
	return info.state;
}

static int
say(struct order *o, int result, const char *text)
{
	o->result = result;
	o->text = text;
	return result;
}

/* The outcome of a change; text is what it means when it was made. */
static int
did(struct order *o, int result, const char *text)
{
	if (result == SMX_ENOTFOUND)
		text = "it has just ended";
	else if (result != SMX_OK)
		text = smx_strerror(result);
	return say(o, result, text);
}

/* It has ended here; members that hold it for this host are still being told.
 */
static int
is_over(const struct smx_row *row)
{
	return row->state == SMX_ROW_HANDED &&
	       strcmp(row->handed_id, HOLDER_OVER_ID) == 0;
}

static int
has_it(struct order *o)
{
	return say(o, SMX_ESTATE,
	    is_over(&o->row) ? "it has ended; members that hold it are still "
			       "being told"
			     : "this host's MTA has it already");
}

/* ---- the three ---- */

static int
resubmit_locked(struct order *o)
{
	struct smx_engine *node = o->command->node;
	struct takeover *t = node->takeover;

	switch (o->row.state) {
	case SMX_ROW_CLAIMED:
		return did(o, takeover_hasten(t, &o->row.key, clock_wall_ms()),
		    "was taken over already; it is tried again now");
	case SMX_ROW_HANDED:
		return has_it(o);
	case SMX_ROW_QUARANTINED:
		return say(o, SMX_ESTATE,
		    "it is quarantined; \"queue release\" tries it again");
	case SMX_ROW_DONE:
		return say(o, SMX_ESTATE, "it has ended here");
	case SMX_ROW_SHADOW:
		break;
	}
	if (!o->command->yes &&
	    primary_state(node, o->row.primary) == ENGINE_PEER_UP)
		return say(o, SMX_ESTATE,
		    "its primary is up and delivers it: it would be delivered "
		    "twice; nothing was done, " COMMAND_YES
		    " does it all the same");
	return did(o, takeover_resubmit(t, &o->row.key, clock_wall_ms()),
	    "this host answers for it now");
}

static int
release_locked(struct order *o)
{
	struct takeover *t = o->command->node->takeover;

	switch (o->row.state) {
	case SMX_ROW_QUARANTINED:
		return did(o, takeover_release(t, &o->row.key, clock_wall_ms()),
		    "it is tried again now");
	case SMX_ROW_CLAIMED:
		return did(o, takeover_hasten(t, &o->row.key, clock_wall_ms()),
		    "it is tried again now");
	case SMX_ROW_HANDED:
		return has_it(o);
	case SMX_ROW_DONE:
		return say(o, SMX_ESTATE, "it has ended here");
	case SMX_ROW_SHADOW:
		break;
	}
	return say(o, SMX_ESTATE,
	    "its primary answers for it; \"queue resubmit\" takes it over");
}

static const char *
forgotten_means(struct order *o)
{
	switch (o->row.state) {
	case SMX_ROW_SHADOW:
		return primary_state(o->command->node, o->row.primary) ==
			       ENGINE_PEER_UP
			   ? "its primary is up and delivers it, without this "
			     "copy"
			   : "its primary is not up: this may have been the "
			     "only copy";
	case SMX_ROW_HANDED:
		return is_over(&o->row) ? "it had ended; a member that was not "
					  "told keeps its "
					  "copy"
					: "this host's MTA has it; what "
					  "becomes of it is not "
					  "followed any more";
	case SMX_ROW_DONE:
		return "it had ended here; its primary was not told, and may "
		       "deliver its own";
	case SMX_ROW_CLAIMED:
	case SMX_ROW_QUARANTINED:
		break;
	}
	return "this host answered for it: it is not delivered";
}

static int
drop(struct order *o)
{
	struct smx_store *store = o->command->node->ports.store;
	size_t foreign;

	return store->ops->drop(store->ctx, NULL, &o->row.key, 1, &foreign);
}

static int
forget_locked(struct order *o)
{
	struct takeover *t = o->command->node->takeover;

	o->text = forgotten_means(o);
	if (!o->command->yes && o->items > 1)
		return say(o, SMX_ESTATE,
		    "nothing was done: to forget several needs " COMMAND_YES);
	if (!o->command->yes && o->row.state == SMX_ROW_SHADOW)
		return say(o, SMX_ESTATE,
		    "nothing was done: it is a shadow that another host "
		    "relies on; " COMMAND_YES " drops it all the same");
	/* For a member that never comes back. */
	if (is_over(&o->row))
		return o->command->yes ? did(o, drop(o), o->text) : has_it(o);
	return did(o, takeover_forget(t, &o->row.key, clock_wall_ms()),
	    o->text);
}

static int (*const carry_out[VERBS])(
    struct order *) = { resubmit_locked, release_locked, forget_locked };

/* ---- one item ---- */

static void
log_order(const struct order *o, const char *was)
{
	struct log_line l;

	log_begin(&l,
	    o->verb == FORGET && o->result == SMX_OK ? SMX_LOG_WARNING
						     : SMX_LOG_NOTICE,
	    o->row.queue_id, "operator");
	log_str(&l, "order", verbs[o->verb]);
	log_key(&l, "key", &o->row.key);
	log_str(&l, "primary", o->row.primary);
	log_str(&l, "was", was);
	log_num(&l, "uid", o->command->uid);
	log_err(&l, "result", o->result);
	log_end(&l);
}

static void
do_row(struct order *o, const struct item *item, const struct found *found)
{
	struct smx_engine *node = o->command->node;
	struct smx_store *store = node->ports.store;
	int rc;

	pthread_mutex_lock(&node->takeover_lock);
	rc = store->ops->get(store->ctx, &found->key, &o->row);
	if (rc != SMX_OK)
		did(o, rc, "");
	else if (item->expected != 0 && item->expected != o->row.state)
		say(o, SMX_ESTATE, "it has moved on meanwhile");
	else
		(void)carry_out[o->verb](o);
	pthread_mutex_unlock(&node->takeover_lock);
	if (rc != SMX_OK)
		return;
	log_order(o, smx_row_state_name(o->row.state));
}

/* One that this host has put on hold since another one took it over. */
static int
release_own(struct order *o, const struct found *found)
{
	struct smx_engine *node = o->command->node;
	struct log_line l;
	int rc = engine_fence_release(node_enter(node), &found->key,
	    o->command->yes, node_now_ms());

	node_leave(node);
	if (rc == SMX_ENOTFOUND)
		return rc;
	say(o, rc == SMX_EGONE ? SMX_ESTATE : rc,
	    rc == SMX_OK ? "this host's MTA delivers it"
	    : rc == SMX_EGONE
		? "it has ended at the host that took it over"
		: "another host has taken it over: it may be "
		  "delivered twice; nothing was done, " COMMAND_YES
		  " does it all the same");
	log_begin(&l, SMX_LOG_NOTICE, found->queue_id, "operator");
	log_str(&l, "order", verbs[o->verb]);
	log_key(&l, "key", &found->key);
	log_str(&l, "was", "fenced");
	log_num(&l, "uid", o->command->uid);
	log_err(&l, "result", o->result);
	log_end(&l);
	return rc;
}

static void
do_item(struct order *o, const struct item *item)
{
	memset(&o->row, 0, sizeof(o->row));
	o->text = "";
	if (item->count == 0)
		say(o, SMX_ENOTFOUND, "no such shadow here");
	else if (item->count > 1)
		say(o, SMX_ECONFLICT,
		    "more than one message has this queue id; name its key");
	else if (item->found[0].own && o->verb == RELEASE &&
		 release_own(o, &item->found[0]) != SMX_ENOTFOUND)
		return;
	else if (item->found[0].own)
		say(o, SMX_EPERM,
		    "an own message of this host: its MTA has it, see "
		    "postqueue(1) and postsuper(1)");
	else
		do_row(o, item, &item->found[0]);
}

static int
tell(const struct order *o, const struct item *item, struct buf *b)
{
	struct command *c = o->command;

	json_open(b);
	json_str(b, "item", item->word);
	json_str(b, "outcome", smx_errname(o->result));
	json_str(b, "text", o->text);
	if (item->count == 1)
		found_members(b, &item->found[0]);
	json_num(b, "size", (long long)o->row.size);
	json_num(b, "recipients", (long long)o->row.recipients);
	if (item->count > 1) {
		json_list(b, "candidates");
		for (size_t i = 0; i < item->count && i < FOUND_MAX; i++) {
			buf_str(b, i == 0 ? "{" : ",{");
			found_members(b, &item->found[i]);
			json_close(b);
		}
		json_end(b);
	}
	json_close(b);
	return command_line(c, b);
}

/* ---- all of them ---- */

static int
parse_items(struct command *c, struct item *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (item_parse(c->word[i + 2], &items[i]) != SMX_OK)
			return command_fail(c, SMX_EINVAL,
			    "neither a key (32 hex digits, '-', 16 hex "
			    "digits) nor a queue id (letters and digits); "
			    "nothing was done",
			    c->word[i + 2]);
	return SMX_OK;
}

static int
carry_out_all(struct order *o, struct item *items)
{
	struct command *c = o->command;
	struct buf b;
	int rc = SMX_OK;

	buf_init(&b, 0);
	for (size_t i = 0; rc == SMX_OK && i < o->items; i++) {
		do_item(o, &items[i]);
		rc = tell(o, &items[i], &b);
	}
	buf_free(&b);
	node_kick(c->node);
	/* With one item, its outcome is the command's. */
	if (rc == SMX_OK && o->items == 1 && o->result != SMX_OK)
		rc = command_fail(c, o->result, o->text, items[0].word);
	return rc;
}

static int
can_resubmit(struct command *c)
{
	return c->node->ports.submit != NULL
		   ? SMX_OK
		   : command_fail(c, SMX_ESTATE,
			 "mta.submit is not set: there is no way to resubmit",
			 "");
}

int
command_queue_order(struct command *c)
{
	struct order o = { .command = c, .items = c->words - 2 };
	struct item *items;
	int rc = SMX_OK;

	while (strcmp(verbs[o.verb], c->word[1]) != 0)
		o.verb++;
	if (o.items == 0)
		return command_fail(c, SMX_EINVAL,
		    "a key or a queue id is needed", "");
	if (o.items > ITEMS_MAX)
		return command_fail(c, SMX_ELIMIT, "too many items", "");
	if (o.verb != FORGET)
		rc = can_resubmit(c);
	if (rc != SMX_OK)
		return rc;
	items = calloc(o.items, sizeof(*items));
	if (items == NULL)
		return SMX_ENOMEM;
	rc = parse_items(c, items, o.items);
	if (rc == SMX_OK)
		rc = items_find(c, items, o.items);
	if (rc == SMX_OK)
		rc = carry_out_all(&o, items);
	free(items);
	return rc;
}
