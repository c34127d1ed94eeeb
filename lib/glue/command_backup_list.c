/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <string.h>

#include "base/clock.h"
#include "glue/backup.h"
#include "glue/backup_books.h"
#include "glue/primaries.h"

struct list {
	struct command *command;
	struct backup *backup;
	struct buf line;
	int rc;
};

const char *
command_primary_state(enum mx_state state)
{
	return state == MX_UP ? "up" : state == MX_DOWN ? "down" : "unknown";
}

void
command_primary(struct buf *b, const char *domain,
    const struct primaries_word *word, int64_t left_ms)
{
	int64_t wall_ms = clock_wall_ms();

	json_str(b, "domain", domain);
	json_str(b, "state", command_primary_state(word->state));
	json_bool(b, "announced", word->announced);
	if (word->announced)
		json_num(b, "announced_in_ms", left_ms);
	json_num(b, "state_ago_ms",
	    wall_ms > word->since_ms ? wall_ms - word->since_ms : 0);
	json_str(b, "host", word->host);
	json_str(b, "reason", word->why);
}

static int
list_one(void *ctx, const char *domain, const struct smx_backup *backup,
    const struct primaries_word *word)
{
	struct list *list = ctx;
	struct buf *b = &list->line;

	(void)backup;
	json_open(b);
	command_primary(b, domain, word,
	    primaries_maintained(backup_primaries(list->backup), domain));
	json_close(b);
	list->rc = command_line(list->command, b);
	return list->rc != SMX_OK;
}

int
command_backup_list(struct command *c)
{
	struct list list = { .command = c, .backup = node_backup(c->node) };
	int rc;

	if (c->words != 2)
		return command_fail(c, SMX_EINVAL, "nothing more is needed",
		    "");
	if (list.backup == NULL)
		return command_fail(c, SMX_ESTATE,
		    "no policy has a backup group", "");
	buf_init(&list.line, 0);
	rc = primaries_each(backup_primaries(list.backup), list_one, &list);
	buf_free(&list.line);
	return list.rc != SMX_OK ? list.rc : rc;
}
