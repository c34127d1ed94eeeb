/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <string.h>

#include "base/clock.h"
#include "glue/backup.h"
#include "glue/mxwatch.h"

/* Shorter than the patience of who asked. */
#define CHECK_MS 60000

static int
send_lines(struct command *c, const struct buf *all)
{
	const char *at = all->data;
	struct buf line;
	int rc = SMX_OK;

	buf_init(&line, 0);
	for (const char *end;
	     rc == SMX_OK && all->len != 0 && (end = strchr(at, '\n')) != NULL;
	     at = end + 1) {
		(void)buf_add(&line, at, (size_t)(end - at));
		rc = command_line(c, &line);
	}
	buf_free(&line);
	return rc;
}

int
command_mx(struct command *c)
{
	struct backup *backup = node_backup(c->node);
	char domain[BACKUP_DOMAIN_MAX + 1] = "";
	char at[BACKUP_DOMAIN_MAX + 2] = "@";
	struct buf all;
	int rc;

	if (c->words > 3 ||
	    (c->words == 3 && text_copy(at + 1, sizeof(at) - 1, c->word[2])))
		return command_fail(c, SMX_EINVAL, "one domain is needed", "");
	if (backup == NULL)
		return command_fail(c, SMX_ESTATE,
		    "no policy has a backup group", "");
	backup_domain(at, domain);
	buf_init(&all, 0);
	rc = mxwatch_check(backup_mxwatch(backup),
	    c->words == 3 ? domain : NULL, clock_mono_ms() + CHECK_MS, &all);
	if (rc == SMX_OK)
		rc = send_lines(c, &all);
	buf_free(&all);
	return rc == SMX_ENOTFOUND
		   ? command_fail(c, rc, "no policy lists this domain", domain)
		   : rc;
}
