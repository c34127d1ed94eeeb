/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
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

uint64_t *
command_sole(struct smx_engine *node)
{
	uint64_t *sole = calloc(node->peers + 1, sizeof(*sole));

	if (sole == NULL)
		return NULL;
	engine_sole(node_enter(node), sole);
	node_leave(node);
	return sole;
}

static int
command_peer_list(struct command *c)
{
	struct smx_engine *node = c->node;
	const struct conf *conf = config_conf(node->first_config);
	uint64_t *sole = command_sole(node);
	struct buf b;
	int rc = sole == NULL ? SMX_ENOMEM : SMX_OK;

	buf_init(&b, 0);
	for (size_t i = 0; rc == SMX_OK && i < node->peers; i++) {
		json_open(&b);
		command_peer(node, i, sole[i], &b);
		json_str(&b, "address", conf->members[i].address);
		json_close(&b);
		rc = command_line(c, &b);
	}
	buf_free(&b);
	free(sole);
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

static const struct {
	const char *first;
	const char *second; /* NULL: any */
	int (*run)(struct command *);
} commands[] = {
	{ "status", NULL, command_status },
	{ "peer", "list", command_peer_list },
	{ "peer", "drain", command_peer_drain },
	{ "peer", "undrain", command_peer_drain },
	{ "queue", "list", command_queue_list },
	{ "queue", "show", command_queue_show },
	{ "queue", "cat", command_queue_cat },
	{ "queue", "forget", command_queue_order },
	{ "queue", "release", command_queue_order },
	{ "queue", "resubmit", command_queue_order },
	{ "mx", "check", command_mx },
	{ "nexthop", "list", command_nexthop },
	{ "nexthop", "probe", command_nexthop },
	{ "nexthop", "reset", command_nexthop },
	{ "recipient", NULL, command_recipient },
	{ "takeover", NULL, command_takeover },
	{ "drain", NULL, command_drain },
	{ "fence", NULL, command_fence },
	{ "undrain", NULL, command_drain },
	{ "leave", NULL, command_leave },
	{ "replay", NULL, command_replay },
	{ "backup", "list", command_backup_list },
	{ "backup", "show", command_backup_show },
	{ "backup", "report", command_backup_report },
	{ "backup", "hold", command_backup_move },
	{ "backup", "release", command_backup_move },
	{ "backup", "flush", command_backup_flush },
	{ "backup", "drain", command_backup_drain },
	{ "maintenance", NULL, command_maintenance },
};

/* Cut text into words in place; SMX_ELIMIT when there are too many. */
static int
split(char *text, struct command *c)
{
	char *p = text;

	for (;;) {
		const char *word;

		while (*p == ' ' || *p == '\t')
			*p++ = '\0';
		if (*p == '\0')
			return SMX_OK;
		if (c->words == COMMAND_WORDS)
			return SMX_ELIMIT;
		word = p;
		while (*p != '\0' && *p != ' ' && *p != '\t')
			p++;
		if (*p != '\0')
			*p++ = '\0';
		if (strcmp(word, COMMAND_YES) == 0)
			c->yes = 1;
		else
			c->word[c->words++] = word;
	}
}

static int
run_words(struct command *c)
{
	const size_t count = sizeof(commands) / sizeof(*commands);

	for (size_t i = 0; i < count; i++)
		if (strcmp(commands[i].first, c->word[0]) == 0 &&
		    (commands[i].second == NULL ||
			(c->words > 1 &&
			    strcmp(commands[i].second, c->word[1]) == 0)))
			return commands[i].run(c);
	return command_fail(c, SMX_EINVAL, "unknown command", c->word[0]);
}

int
command_run(struct smx_engine *node, int64_t uid, const char *text,
    smx_line_fn line, void *line_ctx, char *why, size_t why_size)
{
	struct command c = { .node = node,
		.uid = uid,
		.line = line,
		.line_ctx = line_ctx,
		.why = why,
		.why_size = why_size };
	char words[COMMAND_BYTES + 1];
	int rc;

	if (why != NULL && why_size != 0)
		why[0] = '\0';
	if (text_copy(words, sizeof(words), text))
		return command_fail(&c, SMX_ELIMIT,
		    "a command has 4096 bytes at most", "");
	rc = split(words, &c);
	if (rc != SMX_OK)
		return command_fail(&c, rc, "too many words in a command", "");
	if (c.words == 0)
		return command_fail(&c, SMX_EINVAL, "not a command", "");
	return run_words(&c);
}

int
smx_engine_command(struct smx_engine *engine, const char *command,
    smx_line_fn line, void *line_ctx, char *why, size_t why_size)
{
	return command_run(engine, -1, command, line, line_ctx, why, why_size);
}
