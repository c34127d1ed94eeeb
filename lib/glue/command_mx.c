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
send_line(void *ctx, struct buf *object)
{
	return command_line(ctx, object);
}

int
command_mx(struct command *c)
{
	struct backup *backup = node_backup(c->node);
	char domain[BACKUP_DOMAIN_MAX + 1] = "";
	char at[BACKUP_DOMAIN_MAX + 2] = "@";
	int rc;

	if (c->words > 3 ||
	    (c->words == 3 && text_copy(at + 1, sizeof(at) - 1, c->word[2])))
		return command_fail(c, SMX_EINVAL, "one domain is needed", "");
	if (backup == NULL)
		return command_fail(c, SMX_ESTATE,
		    "no policy has a backup group", "");
	backup_domain(at, domain);
	rc =
	    mxwatch_check(backup_mxwatch(backup), c->words == 3 ? domain : NULL,
		clock_mono_ms() + CHECK_MS, send_line, c);
	return rc == SMX_ENOTFOUND
		   ? command_fail(c, rc, "no policy lists this domain", domain)
		   : rc;
}
