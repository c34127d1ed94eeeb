/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <string.h>

#include "base/log.h"
#include "core/addr.h"
#include "glue/herald.h"

/* "backup drain" and "maintenance" on the primary MX itself. */

struct telling {
	struct command *command;
	const char *domain; /* NULL: all */
	int64_t for_ms;     /* maintenance; below 0: a drain */
	struct buf line;
	size_t members, heard;
};

static int
told_line(void *ctx, const struct herald_told *told)
{
	struct telling *t = ctx;
	struct buf *b = &t->line;
	int taken = told->result == SMX_OK && told->refused < told->domains;

	t->members++;
	t->heard += taken != 0;
	json_open(b);
	json_str(b, "member", told->member);
	if (t->domain != NULL)
		json_str(b, "domain", t->domain);
	json_num(b, "domains", (long long)told->domains);
	json_num(b, "refused", (long long)told->refused);
	json_bool(b, "heard", taken);
	if (t->for_ms > 0)
		json_num(b, "announced_in_ms", (long long)t->for_ms);
	json_str(b, "result", smx_errname(told->result));
	json_close(b);
	return command_line(t->command, b);
}

static void
log_order(const struct telling *t, const char *order, int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, NULL, "operator");
	log_str(&l, "order", order);
	if (t->domain != NULL)
		log_str(&l, "domain", t->domain);
	if (t->for_ms > 0)
		log_num(&l, "for_ms", t->for_ms);
	log_num(&l, "uid", t->command->uid);
	log_num(&l, "members", (int64_t)t->members);
	log_num(&l, "heard", (int64_t)t->heard);
	log_err(&l, "result", rc);
	log_end(&l);
}

int
command_backup_drain(struct command *c)
{
	struct herald *herald = node_herald(c->node);
	struct telling t = { .command = c, .for_ms = -1 };
	char domain[ADDR_MAX + 1];
	int rc;

	if (herald == NULL)
		return command_fail(c, SMX_ESTATE, "there is no primary_for",
		    "");
	if (c->words > 3 ||
	    (c->words == 3 && domain_parse(domain, c->word[2]) != SMX_OK))
		return command_fail(c, SMX_EINVAL, "one domain at most", "");
	if (c->words == 3)
		t.domain = domain;
	buf_init(&t.line, 0);
	rc = herald_drain(herald, t.domain, told_line, &t);
	buf_free(&t.line);
	log_order(&t, "backup-drain", rc);
	if (rc == SMX_ENOTFOUND)
		return command_fail(c, rc, "no primary_for names this domain",
		    t.domain != NULL ? t.domain : "");
	if (rc == SMX_OK && t.heard == 0)
		return command_fail(c, SMX_EUNREACHABLE,
		    "no member has taken it", "");
	return rc;
}

int
command_herald_maintain(struct command *c, const char *domain, int64_t for_ms)
{
	struct herald *herald = node_herald(c->node);
	struct telling t = { .command = c, .domain = domain, .for_ms = for_ms };
	int rc = SMX_ENOTFOUND;

	if (herald == NULL)
		return rc;
	buf_init(&t.line, 0);
	rc = herald_maintain(herald, domain, for_ms, told_line, &t);
	buf_free(&t.line);
	if (rc != SMX_ENOTFOUND)
		log_order(&t,
		    for_ms > 0 ? "maintenance-start" : "maintenance-end", rc);
	return rc;
}

int
command_herald_list(struct command *c)
{
	struct herald *herald = node_herald(c->node);
	char domain[SMX_NAME_MAX + 1];
	int64_t left_ms;
	struct buf b;
	int rc = SMX_OK;

	buf_init(&b, 0);
	for (size_t n = 0;
	     rc == SMX_OK && herald != NULL &&
	     herald_announced(herald, n, domain, &left_ms) == SMX_OK;
	     n++) {
		json_open(&b);
		json_str(&b, "domain", domain);
		json_str(&b, "state", "here");
		json_num(&b, "announced_in_ms", (long long)left_ms);
		json_close(&b);
		rc = command_line(c, &b);
	}
	buf_free(&b);
	return rc;
}
