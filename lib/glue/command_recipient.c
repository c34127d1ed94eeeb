/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "glue/backup_rcpt_in.h"
#include "glue/node.h"
#include "io/backup_import.h"

/* The ledger of recipients.  An address is what has an '@'. */
struct asking_ledger {
	struct command *command;
	struct decider *decider;
	struct rcptage ages;
	int64_t now_ms; /* wall clock */
	struct buf line;
	size_t lines;
};

static const char *
source_word(enum rcpt_source source)
{
	static const char *const words[] = { [RCPT_FROM_PROBE] = "probe",
		[RCPT_FROM_DELIVERY] = "delivery",
		[RCPT_FROM_PEER] = "peer",
		[RCPT_FROM_FILE] = "file" };

	return source >= RCPT_FROM_PROBE && source <= RCPT_FROM_FILE
		   ? words[source]
		   : "";
}

static int64_t
ago(const struct asking_ledger *a, int64_t then_ms)
{
	return then_ms < a->now_ms ? a->now_ms - then_ms : 0;
}

static void
entry_members(struct asking_ledger *a, const char *local, const char *domain,
    const struct rcpt_entry *entry)
{
	char address[2 * ADDR_MAX + 2];
	struct rcpt_sight sight;
	struct buf *b = &a->line;

	snprintf(address, sizeof(address), "%s@%s", local, domain);
	json_str(b, "address", address);
	if (entry == NULL) {
		json_str(b, "known", "no");
		return;
	}
	rcptage_see(&a->ages, entry, 0, a->now_ms, &sight);
	json_str(b, "known", entry->good ? "good" : "bad");
	json_bool(b, "old",
	    sight.word == RCPT_GOOD_OLD || sight.word == RCPT_BAD_OLD);
	json_str(b, "source", source_word(entry->source));
	json_num(b, "learned_ago_ms", ago(a, entry->learned_ms));
}

static int
send_line(struct asking_ledger *a)
{
	json_close(&a->line);
	a->lines++;
	return command_line(a->command, &a->line);
}

/* ---- recipient list ---- */

static int
list_one(void *ctx, const char *domain, const char *local,
    const struct rcpt_entry *entry)
{
	struct asking_ledger *a = ctx;

	json_open(&a->line);
	entry_members(a, local, domain, entry);
	return send_line(a);
}

static void
all_members(struct asking_ledger *a, enum rcpts_all all, int64_t asked_ms)
{
	if (all == RCPTS_ALL_UNSAID)
		return;
	json_bool(&a->line, "catch_all",
	    all != RCPTS_ALL_NO && all != RCPTS_ALL_LISTED);
	/* Told by the primary itself, all of them. */
	json_bool(&a->line, "listed", all >= RCPTS_ALL_LISTED);
	json_num(&a->line, "asked_ago_ms", ago(a, asked_ms));
}

static int
list_all(void *ctx, const char *domain, enum rcpts_all all, int64_t asked_ms)
{
	struct asking_ledger *a = ctx;

	if (all == RCPTS_ALL_UNSAID)
		return SMX_OK;
	json_open(&a->line);
	json_str(&a->line, "domain", domain);
	all_members(a, all, asked_ms);
	return send_line(a);
}

static int
domain_word(struct command *c, const char *word, char out[ADDR_MAX + 1])
{
	return domain_parse(out, word) == SMX_OK
		   ? SMX_OK
		   : command_fail(c, SMX_EINVAL, "not a domain", word);
}

static int
list(struct asking_ledger *a)
{
	struct command *c = a->command;
	char domain[ADDR_MAX + 1];
	const char *only = c->words == 3 ? domain : NULL;
	int rc = SMX_OK;

	if (c->words > 3)
		return command_fail(c, SMX_EINVAL, "one domain at most", "");
	if (only != NULL)
		rc = domain_word(c, c->word[2], domain);
	if (rc == SMX_OK)
		rc = rcptlearn_flush(a->decider->learn);
	if (rc == SMX_OK)
		rc = backup_rcpts_each(a->decider->rcpts, only, list_one, a);
	if (rc == SMX_OK)
		rc =
		    backup_rcpts_each_all(a->decider->rcpts, only, list_all, a);
	if (rc == SMX_OK && only != NULL && a->lines == 0)
		rc = command_fail(c, SMX_ENOTFOUND,
		    "no recipient of this domain is known", domain);
	return rc;
}

/* ---- recipient show ---- */

static int
address_word(struct command *c, const char *word, struct addr *out)
{
	return addr_parse(out, word) == SMX_OK
		   ? SMX_OK
		   : command_fail(c, SMX_EINVAL, "not an address", word);
}

static void
state_member(struct asking_ledger *a, const char *address, const char *domain)
{
	struct smx_config *config = node_config(a->command->node);
	struct smx_client client = { .address = "" };
	struct primaries_word primary;
	struct smx_ack ack;
	enum mx_state state;

	if (smx_policy_recipient(config, &client, address, SMX_SIZE_UNKNOWN,
		&ack) == SMX_OK &&
	    ack.backup != NULL) {
		state = primaries_state(backup_primaries(a->decider->backup),
		    ack.backup, domain, &primary);
		json_str(&a->line, "state", command_primary_state(state));
	}
	smx_config_release(&config);
}

static int
show(struct asking_ledger *a)
{
	struct command *c = a->command;
	struct backup_rcpts_sight sight;
	struct addr addr;
	int rc;

	if (c->words != 3)
		return command_fail(c, SMX_EINVAL, "one address is needed", "");
	rc = address_word(c, c->word[2], &addr);
	if (rc == SMX_OK)
		rc = rcptlearn_look(a->decider->learn, &addr, &sight);
	if (rc != SMX_OK)
		return rc;
	json_open(&a->line);
	entry_members(a, addr.local, addr.domain,
	    sight.found ? &sight.entry : NULL);
	json_str(&a->line, "domain", addr.domain);
	all_members(a, sight.all, sight.all_asked_ms);
	state_member(a, c->word[2], addr.domain);
	return send_line(a);
}

/* ---- recipient forget, recipient import ---- */

static int
forget(struct asking_ledger *a)
{
	struct command *c = a->command;
	struct addr addr;
	size_t gone = 0;
	int one, rc;

	if (c->words != 3)
		return command_fail(c, SMX_EINVAL,
		    "one address or domain is needed", "");
	one = strchr(c->word[2], '@') != NULL;
	rc = one ? address_word(c, c->word[2], &addr)
		 : domain_word(c, c->word[2], addr.domain);
	if (rc == SMX_OK)
		rc = rcptlearn_forget(a->decider->learn, addr.domain,
		    one ? addr.local : NULL, &gone);
	if (rc != SMX_OK)
		return rc;
	json_open(&a->line);
	json_num(&a->line, "forgotten", (long long)gone);
	return send_line(a);
}

static void
log_import(const struct command *c, const struct backup_import *import)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, NULL, "recipients-imported");
	log_num(&l, "uid", c->uid);
	log_str(&l, "domain", import->domain);
	log_str(&l, "file", import->path);
	log_num(&l, "imported", (int64_t)import->imported);
	log_num(&l, "refused", (int64_t)import->refused);
	log_num(&l, "forgotten", (int64_t)import->gone);
	log_end(&l);
}

static int
tell_import(struct asking_ledger *a, const struct backup_import *import)
{
	struct buf *b = &a->line;

	json_open(b);
	json_num(b, "imported", (long long)import->imported);
	json_num(b, "skipped", (long long)import->skipped);
	json_num(b, "refused", (long long)import->refused);
	if (import->refused != 0)
		json_num(b, "refused_line", (long long)import->refused_line);
	json_num(b, "forgotten", (long long)import->gone);
	json_bool(b, "catch_all", import->all);
	return send_line(a);
}

static int
import_list(struct asking_ledger *a, const struct conf *conf)
{
	struct command *c = a->command;
	struct backup_import import = { .rcpts = a->decider->rcpts };
	char domain[ADDR_MAX + 1];
	int rc;

	if (c->words != 4 || c->word[2][0] != '/')
		return command_fail(c, SMX_EINVAL,
		    "an absolute path without blanks and a domain are needed",
		    "");
	rc = domain_word(c, c->word[3], domain);
	if (rc != SMX_OK)
		return rc;
	import.path = c->word[2];
	import.domain = domain;
	import.limits.most = (uint64_t)conf->backup_recipients;
	import.limits.ages = a->ages;
	import.limits.now_ms = a->now_ms;
	rc = backup_import_run(&import);
	if (rc != SMX_OK)
		return command_fail(c, rc, import.why, import.path);
	log_import(c, &import);
	return tell_import(a, &import);
}

/* ---- */

static int
unknown(struct asking_ledger *a)
{
	return command_fail(a->command, SMX_EINVAL,
	    "recipient list, show, import or forget", "");
}

static int
run(struct asking_ledger *a, const struct conf *conf)
{
	const char *what = a->command->words > 1 ? a->command->word[1] : "";

	if (strcmp(what, "list") == 0)
		return list(a);
	if (strcmp(what, "show") == 0)
		return show(a);
	if (strcmp(what, "forget") == 0)
		return forget(a);
	return strcmp(what, "import") == 0 ? import_list(a, conf) : unknown(a);
}

int
command_recipient(struct command *c)
{
	struct backup *backup = node_backup(c->node);
	struct asking_ledger a = { .command = c, .now_ms = clock_wall_ms() };
	struct smx_config *config;
	int rc;

	if (backup == NULL)
		return command_fail(c, SMX_ESTATE,
		    "no policy has a backup group", "");
	config = node_config(c->node);
	a.decider = backup_decider(backup);
	a.ages = decider_ages(config_conf(config));
	buf_init(&a.line, 0);
	rc = run(&a, config_conf(config));
	buf_free(&a.line);
	smx_config_release(&config);
	return rc;
}
