/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "glue/backup.h"
#include "glue/backup_books.h"
#include "glue/primaries.h"
#include "io/backup_hosts.h"
#include "io/backup_mail.h"

/* ---- one domain ---- */

const char *
command_primary_state(enum mx_state state)
{
	return state == MX_UP ? "up" : state == MX_DOWN ? "down" : "unknown";
}

static int64_t
ago(int64_t then_ms)
{
	int64_t wall_ms = clock_wall_ms();

	return wall_ms > then_ms ? wall_ms - then_ms : 0;
}

void
command_primary(struct buf *b, const char *domain,
    const struct primaries_word *word, int64_t announced_ms)
{
	json_str(b, "domain", domain);
	json_str(b, "state", command_primary_state(word->state));
	json_bool(b, "announced", word->announced);
	if (word->announced)
		json_num(b, "announced_in_ms", announced_ms);
	if (word->since_ms != 0)
		json_num(b, "state_ago_ms", ago(word->since_ms));
	json_str(b, "host", word->host);
	json_str(b, "reason", word->why);
}

/* The newest, which lasts: what was taken since it began. */
static int
outage_note(void *ctx, const struct backup_outage *outage)
{
	struct buf *b = ctx;

	if (outage->to_ms != 0)
		return 0;
	json_num(b, "outage_from_at_ms", outage->from_ms);
	json_num(b, "outage_messages", (long long)outage->taken.messages);
	json_num(b, "outage_recipients", (long long)outage->taken.recipients);
	json_num(b, "outage_bytes", (long long)outage->taken.bytes);
	return 1;
}

void
command_backup_members(struct buf *b, struct backup *backup, const char *domain,
    const struct primaries_word *word)
{
	struct books_sums sums;

	command_primary(b, domain, word,
	    primaries_maintained(backup_primaries(backup), domain));
	if (books_open(backup_books(backup), domain, &sums) == SMX_OK)
		command_books_sums(b, &sums);
	if (word->state == MX_DOWN)
		(void)!backup_outages_each(backup_db(backup), word->host,
		    clock_wall_ms(), outage_note, b);
}

/* ---- all of them ---- */

struct open {
	char *domain;
	int listed;
};

struct list {
	struct command *command;
	struct backup *backup;
	struct buf line;
	struct open *open; /* domains of open mail, in their order */
	size_t count, room;
	int rc;
};

static int
by_name(const void *key, const void *open)
{
	return strcmp(key, ((const struct open *)open)->domain);
}

static int
open_note(void *ctx, const char *domain)
{
	struct list *list = ctx;

	if (list->count == list->room) {
		size_t room = list->room == 0 ? 64 : list->room * 2;
		struct open *more = realloc(list->open, room * sizeof(*more));

		if (more == NULL)
			return list->rc = SMX_ENOMEM;
		list->open = more;
		list->room = room;
	}
	list->open[list->count].domain = strdup(domain);
	list->open[list->count].listed = 0;
	if (list->open[list->count].domain == NULL)
		return list->rc = SMX_ENOMEM;
	list->count++;
	return 0;
}

static int
tell(struct list *list, const char *domain, const struct primaries_word *word)
{
	json_open(&list->line);
	command_backup_members(&list->line, list->backup, domain, word);
	json_close(&list->line);
	list->rc = command_line(list->command, &list->line);
	return list->rc != SMX_OK;
}

static int
list_one(void *ctx, const char *domain, const struct smx_backup *backup,
    const struct primaries_word *word)
{
	struct list *list = ctx;
	struct open *open = NULL;

	(void)backup;
	if (list->count != 0)
		open = bsearch(domain, list->open, list->count,
		    sizeof(*list->open), by_name);
	if (open != NULL)
		open->listed = 1;
	return tell(list, domain, word);
}

/* No policy names them any more, and their mail is still here. */
static void
list_rest(struct list *list)
{
	struct primaries_word word;

	for (size_t i = 0; i < list->count && list->rc == SMX_OK; i++) {
		if (list->open[i].listed)
			continue;
		(void)primaries_state(backup_primaries(list->backup), NULL,
		    list->open[i].domain, &word);
		(void)tell(list, list->open[i].domain, &word);
	}
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
	rc = backup_mail_domains(backup_db(list.backup), open_note, &list);
	if (rc == SMX_OK && list.rc == SMX_OK)
		rc = primaries_each(backup_primaries(list.backup), list_one,
		    &list);
	if (rc == SMX_OK && list.rc == SMX_OK)
		list_rest(&list);
	for (size_t i = 0; i < list.count; i++)
		free(list.open[i].domain);
	free(list.open);
	buf_free(&list.line);
	return list.rc != SMX_OK ? list.rc : rc;
}
