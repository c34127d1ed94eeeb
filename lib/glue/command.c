/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/key.h"
#include "base/log.h"
#include "core/holder.h"
#include "glue/node_impl.h"

/*
 * The operator's commands.  Each answers in JSON lines; the reader must ignore
 * members that it does not know.
 */
int
command_line(struct command *c, struct buf *b)
{
	int rc = buf_error(b);

	if (rc == SMX_OK && c->line(c->line_ctx, b->data, b->len) != 0)
		rc = SMX_ECLOSED;
	buf_clear(b);
	return rc;
}

int
command_fail(struct command *c, int rc, const char *text, const char *word)
{
	if (c->why != NULL && c->why_size != 0)
		snprintf(c->why, c->why_size, "%s%s%s", text,
		    word[0] != '\0' ? ": " : "", word);
	return rc;
}

static int
command_peer_list(struct command *c)
{
	struct smx_engine *node = c->node;
	const struct conf *conf = config_conf(node->first_config);
	struct buf b;
	int rc = SMX_OK;

	buf_init(&b, 0);
	for (size_t i = 0; rc == SMX_OK && i < node->peers; i++) {
		json_open(&b);
		command_peer(node, i, &b);
		json_str(&b, "address", conf->members[i].address);
		json_close(&b);
		rc = command_line(c, &b);
	}
	buf_free(&b);
	return rc;
}

static int
command_takeover(struct command *c)
{
	size_t peer;
	int rc;

	if (c->words != 2)
		return command_fail(c, SMX_EINVAL, "takeover needs a host", "");
	if (c->node->ports.submit == NULL)
		return command_fail(c, SMX_ESTATE,
		    "mta.submit is not set: there is no way to resubmit", "");
	if (node_peer_find(c->node, c->word[1], &peer) != SMX_OK) {
		rc = node_take_orphans(c->node, c->word[1]);
		return rc != SMX_ENOTFOUND
			   ? rc
			   : command_fail(c, rc,
				 "no such member in the configuration, and "
				 "nothing is kept for it",
				 c->word[1]);
	}
	rc = engine_takeover_command(node_enter(c->node), peer);
	node_leave(c->node);
	node_kick(c->node);
	return rc;
}

static int
forget(struct command *c, const struct smx_key *key)
{
	struct smx_store *store = c->node->ports.store;
	struct smx_row row;
	struct log_line l;
	size_t foreign;
	int rc;

	rc = store->ops->get(store->ctx, key, &row);
	if (rc != SMX_OK)
		return command_fail(c, rc, "no such shadow here", c->word[2]);
	rc = store->ops->drop(store->ctx, NULL, key, 1, &foreign);
	log_begin(&l, SMX_LOG_WARNING, row.queue_id, "forgotten");
	log_key(&l, "key", key);
	log_str(&l, "primary", row.primary);
	log_str(&l, "state", smx_row_state_name(row.state));
	log_err(&l, "result", rc);
	log_end(&l);
	return rc;
}

static int
command_queue_change(struct command *c)
{
	struct smx_key key;
	int rc;

	if (c->words != 3 ||
	    smx_key_parse(c->word[2], strlen(c->word[2]), &key) != SMX_OK)
		return command_fail(c, SMX_EINVAL,
		    "a key is 32 hex digits, '-', 16", "");
	if (strcmp(c->word[1], "forget") == 0)
		return forget(c, &key);
	pthread_mutex_lock(&c->node->takeover_lock);
	rc = takeover_release(c->node->takeover, &key, clock_wall_ms());
	pthread_mutex_unlock(&c->node->takeover_lock);
	node_kick(c->node);
	if (rc == SMX_ENOTFOUND || rc == SMX_ESTATE)
		return command_fail(c, rc,
		    "no quarantined message with this key", c->word[2]);
	return rc;
}

static const struct {
	const char *first;
	const char *second; /* NULL: any */
	int (*run)(struct command *);
} commands[] = {
	{ "status", NULL, command_status },
	{ "peer", "list", command_peer_list },
	{ "queue", "list", command_queue_list },
	{ "queue", "show", command_queue_show },
	{ "queue", "cat", command_queue_cat },
	{ "queue", "forget", command_queue_change },
	{ "queue", "release", command_queue_change },
	{ "takeover", NULL, command_takeover },
};

/* Cut text into words in place; SMX_ELIMIT when there are too many. */
static int
split(char *text, struct command *c)
{
	char *p = text;

	for (;;) {
		while (*p == ' ' || *p == '\t')
			*p++ = '\0';
		if (*p == '\0')
			return SMX_OK;
		if (c->words == COMMAND_WORDS)
			return SMX_ELIMIT;
		c->word[c->words++] = p;
		while (*p != '\0' && *p != ' ' && *p != '\t')
			p++;
	}
}

int
smx_engine_command(struct smx_engine *engine, const char *command,
    smx_line_fn line, void *line_ctx, char *why, size_t why_size)
{
	struct command c = { .node = engine,
		.line = line,
		.line_ctx = line_ctx,
		.why = why,
		.why_size = why_size };
	char text[1024];
	const size_t count = sizeof(commands) / sizeof(*commands);

	if (why != NULL && why_size != 0)
		why[0] = '\0';
	if (text_copy(text, sizeof(text), command) ||
	    split(text, &c) != SMX_OK || c.words == 0)
		return command_fail(&c, SMX_EINVAL, "not a command", "");
	for (size_t i = 0; i < count; i++)
		if (strcmp(commands[i].first, c.word[0]) == 0 &&
		    (commands[i].second == NULL ||
			(c.words > 1 &&
			    strcmp(commands[i].second, c.word[1]) == 0)))
			return commands[i].run(&c);
	return command_fail(&c, SMX_EINVAL, "unknown command", c.word[0]);
}
