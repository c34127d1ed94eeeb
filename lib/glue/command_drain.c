/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "glue/node_impl.h"

/*
 * Emptying a holder before its maintenance, from either side: "peer drain" at a
 * primary stops asking one member for copies; "drain" at the holder stops
 * taking copies in.  Both outlive a restart.
 */
#define NAME_SELF  "drain.self"
#define NAME_PEER  "drain.peer."
#define NAME_BYTES (SMX_NAME_MAX + sizeof(NAME_PEER))

static int
is_on(struct smx_engine *node, const char *name)
{
	struct smx_store *store = node->ports.store;
	char value[8] = "";

	return store->ops->meta_get(store->ctx, name, value, sizeof(value)) ==
		   SMX_OK &&
	       strcmp(value, "on") == 0;
}

static int
keep(struct command *c, const char *name, int on)
{
	struct smx_store *store = c->node->ports.store;
	int rc = store->ops->meta_set(store->ctx, name, on ? "on" : "off");

	return rc == SMX_OK ? rc
			    : command_fail(c, rc,
				  "nothing has changed: the store could not "
				  "write it down",
				  "");
}

static const char *
peer_key(const struct smx_engine *node, size_t peer, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, NAME_PEER "%s", node_peer_name(node, peer));
	return out;
}

void
node_drain_load(struct smx_engine *node)
{
	char name[NAME_BYTES];

	atomic_store(&node->draining, is_on(node, NAME_SELF));
	if (atomic_load(&node->draining))
		log_event(SMX_LOG_NOTICE, "draining", "restart=1");
	for (size_t i = 0; i < node->peers; i++)
		if (is_on(node, peer_key(node, i, name)))
			engine_drain(node->core, i, 1);
}

/* Is there somebody else who can be asked for copies now? */
static int
other_holder(struct smx_engine *node, size_t peer)
{
	struct engine *core = node_enter(node);
	int found = 0;

	for (size_t i = 0; i < node->peers; i++) {
		struct engine_peer_info info;

		engine_peer_info(core, i, node_now_ms(), &info);
		found |=
		    i != peer && !info.drained && info.state == ENGINE_PEER_UP;
	}
	node_leave(node);
	return found;
}

int
command_peer_drain(struct command *c)
{
	int on = strcmp(c->word[1], "drain") == 0;
	char name[NAME_BYTES];
	size_t peer;
	int rc;

	if (c->words != 3)
		return command_fail(c, SMX_EINVAL, "one member is needed", "");
	if (node_peer_find(c->node, c->word[2], &peer) != SMX_OK)
		return command_fail(c, SMX_EINVAL,
		    "no such member in the configuration", c->word[2]);
	if (on && !c->yes && !other_holder(c->node, peer))
		return command_fail(c, SMX_ESTATE,
		    "no other member is up: until this is undone, messages are "
		    "accepted with one copy or refused, as when_unprotected "
		    "says; nothing has changed, " COMMAND_YES
		    " does it all the same",
		    "");
	rc = keep(c, peer_key(c->node, peer, name), on);
	if (rc != SMX_OK)
		return rc;
	engine_drain(node_enter(c->node), peer, on);
	node_leave(c->node);
	return SMX_OK;
}

int
command_drain(struct command *c)
{
	int on = strcmp(c->word[0], "drain") == 0;
	int rc;

	if (c->words != 1)
		return command_fail(c, SMX_EINVAL,
		    "no argument is expected; a member is drained with "
		    "\"peer drain\"",
		    c->word[1]);
	rc = keep(c, NAME_SELF, on);
	if (rc != SMX_OK)
		return rc;
	if (atomic_exchange(&c->node->draining, on) != on)
		log_event(SMX_LOG_NOTICE, on ? "draining" : "undraining",
		    "uid=%lld", (long long)c->uid);
	return SMX_OK;
}
