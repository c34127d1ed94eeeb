/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <string.h>

#include "base/clock.h"
#include "base/key.h"
#include "core/addr.h"
#include "glue/backup.h"
#include "glue/backup_release.h"
#include "glue/herald.h"
#include "glue/primaries.h"

#define FOR_MAX (INT64_C(90) * 24 * 3600 * 1000)

static int
one_line(struct command *c, struct buf *b)
{
	int rc;

	json_close(b);
	rc = command_line(c, b);
	buf_free(b);
	return rc;
}

/* What comes last counts: a flush of before is over. */
static int
begin(struct backup *backup, const char *domain, int64_t for_ms)
{
	int rc =
	    releaser_flush(backup_releaser(backup), domain, clock_mono_ms());

	return rc != SMX_OK ? SMX_EIO
			    : primaries_maintain(backup_primaries(backup),
				  domain, clock_wall_ms() + for_ms);
}

/* p NULL: this host is nobody's backup MX.  It may be the primary. */
static int
start(struct command *c, struct primaries *p, const char *domain)
{
	struct backup *backup = node_backup(c->node);
	uint64_t for_ms;
	struct buf b;
	int rc = SMX_ENOTFOUND;

	if (c->words != 4 ||
	    number_parse(c->word[3], strlen(c->word[3]), FOR_MAX, &for_ms) !=
		SMX_OK ||
	    for_ms == 0)
		return command_fail(c, SMX_EINVAL,
		    "a domain and a time of up to 90 days are needed", "");
	if (p != NULL)
		rc = begin(backup, domain, (int64_t)for_ms);
	if (rc == SMX_ENOTFOUND) {
		rc = command_herald_maintain(c, domain, (int64_t)for_ms);
		return rc != SMX_ENOTFOUND
			   ? rc
			   : command_fail(c, rc,
				 "no policy has a backup group for this "
				 "domain, and no primary_for names it",
				 domain);
	}
	if (rc != SMX_OK)
		return command_fail(c, rc, "it could not be noted", domain);
	buf_init(&b, 0);
	json_open(&b);
	json_str(&b, "domain", domain);
	json_num(&b, "announced_in_ms", primaries_maintained(p, domain));
	return one_line(c, &b);
}

static int
end(struct command *c, struct primaries *p, const char *domain)
{
	int was = p != NULL && primaries_maintained(p, domain) != 0;
	struct buf b;
	int rc;

	if (c->words != 3)
		return command_fail(c, SMX_EINVAL, "one domain is needed", "");
	if (!was) {
		rc = command_herald_maintain(c, domain, 0);
		if (rc != SMX_ENOTFOUND)
			return rc;
	}
	if (was) {
		rc = primaries_maintain(p, domain, 0);
		if (rc != SMX_OK)
			return command_fail(c, rc, "it could not be noted",
			    domain);
	}
	buf_init(&b, 0);
	json_open(&b);
	json_str(&b, "domain", domain);
	json_bool(&b, "was", was);
	return one_line(c, &b);
}

struct list {
	struct command *command;
	struct primaries *primaries;
	struct buf line;
	int rc;
};

static int
list_one(void *ctx, const char *domain, const struct smx_backup *backup,
    const struct primaries_word *word)
{
	struct list *list = ctx;
	struct buf *b = &list->line;

	(void)backup;
	if (!word->announced)
		return 0;
	json_open(b);
	json_str(b, "domain", domain);
	json_str(b, "state", command_primary_state(word->state));
	json_num(b, "announced_in_ms",
	    primaries_maintained(list->primaries, domain));
	json_close(b);
	list->rc = command_line(list->command, b);
	return list->rc != SMX_OK;
}

static int
list(struct command *c, struct primaries *p)
{
	struct list all = { .command = c, .primaries = p };
	int rc;

	if (c->words != 2)
		return command_fail(c, SMX_EINVAL, "nothing more is needed",
		    "");
	buf_init(&all.line, 0);
	rc = p != NULL ? primaries_each(p, list_one, &all) : SMX_OK;
	buf_free(&all.line);
	if (all.rc != SMX_OK || rc != SMX_OK)
		return all.rc != SMX_OK ? all.rc : rc;
	return command_herald_list(c);
}

int
command_maintenance(struct command *c)
{
	struct backup *backup = node_backup(c->node);
	char domain[ADDR_MAX + 1] = "";
	const char *verb = c->words > 1 ? c->word[1] : "";
	struct primaries *p = backup != NULL ? backup_primaries(backup) : NULL;

	if (backup == NULL && node_herald(c->node) == NULL)
		return command_fail(c, SMX_ESTATE,
		    "no policy has a backup group, and there is no "
		    "primary_for",
		    "");
	if (strcmp(verb, "list") == 0)
		return list(c, p);
	if (strcmp(verb, "start") != 0 && strcmp(verb, "end") != 0)
		return command_fail(c, SMX_EINVAL,
		    "one of start, end and list is needed", verb);
	if (c->words < 3 || domain_parse(domain, c->word[2]) != SMX_OK ||
	    strlen(domain) > BACKUP_DOMAIN_MAX)
		return command_fail(c, SMX_EINVAL, "this is not a domain name",
		    c->words < 3 ? "" : c->word[2]);
	if (strcmp(verb, "end") == 0)
		return end(c, p, domain);
	return start(c, p, domain);
}
