/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <string.h>

#include "glue/node_impl.h"

/*
 * "fence": what must not be delivered here for now, one line.  "fence now" asks
 * all members first, so that the lines that follow tell when they have
 * answered.
 */
static void
members(struct smx_engine *node, struct buf *b)
{
	json_list(b, "members");
	for (size_t i = 0; i < node->peers; i++) {
		struct engine_peer_info info;
		struct engine *core = node_enter(node);
		int listed = engine_fence_listed(core, i);

		engine_peer_info(core, i, node_now_ms(), &info);
		node_leave(node);
		buf_str(b, i == 0 ? "{" : ",{");
		json_str(b, "name", node_peer_name(node, i));
		json_str(b, "state", engine_peer_state_name(info.state));
		json_bool(b, "answered", listed);
		json_close(b);
	}
	json_end(b);
}

void
command_fence_members(struct buf *b, const struct engine_fence_counts *n)
{
	json_bool(b, "able", n->able);
	json_str(b, "failing",
	    n->failing == SMX_OK ? "" : smx_errname(n->failing));
	json_num(b, "fenced", (long long)n->fenced);
	json_num(b, "pending", (long long)n->pending);
	json_num(b, "held", (long long)n->held);
	json_num(b, "persons", (long long)n->persons);
	json_num(b, "erased", (long long)n->erased);
	json_num(b, "given_back", (long long)n->given_back);
	json_num(b, "second_copies", (long long)n->second);
	json_num(b, "maybe_twice", (long long)n->twice);
}

int
command_fence(struct command *c)
{
	struct smx_engine *node = c->node;
	struct engine_fence_counts counts;
	struct engine *core;
	struct buf b;
	int rc;

	if (c->words > 2 || (c->words == 2 && strcmp(c->word[1], "now") != 0))
		return command_fail(c, SMX_EINVAL, "no argument is expected",
		    c->word[1]);
	core = node_enter(node);
	if (c->words == 2)
		engine_fence_ask(core, node_now_ms());
	engine_fence_counts(core, &counts);
	node_leave(node);
	if (c->words == 2)
		node_kick(node);
	buf_init(&b, 0);
	json_open(&b);
	command_fence_members(&b, &counts);
	members(node, &b);
	json_close(&b);
	rc = command_line(c, &b);
	buf_free(&b);
	return rc;
}
