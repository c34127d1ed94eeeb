/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/custody.h"
#include "core/pfid.h"
#include "glue/backup.h"
#include "glue/backup_books.h"
#include "glue/primaries.h"
#include "io/backup_hand.h"
#include "io/backup_hosts.h"
#include "io/backup_mail.h"

#define PAGE         200
#define OUTAGES_MOST 100

struct showing {
	struct command *command;
	struct backup *backup;
	char domain[BACKUP_DOMAIN_MAX + 1];
	int64_t now_ms, since_ms;
	struct primaries_word word;
	const struct smx_backup *policy; /* NULL: none has the domain */
	size_t outages;
	struct buf b;
	int rc;
};

static int
say(struct showing *s)
{
	json_close(&s->b);
	return command_line(s->command, &s->b);
}

static void
ago(struct showing *s, const char *name, int64_t then_ms)
{
	if (then_ms != 0)
		json_num(&s->b, name,
		    s->now_ms > then_ms ? s->now_ms - then_ms : 0);
}

/* ---- sums ---- */

void
command_books_sums(struct buf *b, const struct books_sums *sums)
{
	int64_t now_ms = clock_wall_ms();

	json_num(b, "messages", (long long)sums->messages);
	json_num(b, "while_up", (long long)sums->while_up);
	json_num(b, "while_down", (long long)sums->while_down);
	json_num(b, "while_unknown", (long long)sums->while_unknown);
	json_num(b, "taken", (long long)sums->taken);
	json_num(b, "delivered", (long long)sums->delivered);
	json_num(b, "returned", (long long)sums->returned);
	json_num(b, "deleted", (long long)sums->deleted);
	json_num(b, "handed", (long long)sums->handed);
	json_num(b, "held", (long long)sums->held);
	json_num(b, "queued", (long long)sums->queued);
	json_num(b, "unaccounted", (long long)sums->unaccounted);
	json_num(b, "held_messages", (long long)sums->held_messages);
	json_num(b, "held_bytes", (long long)sums->held_bytes);
	if (sums->oldest_ms != 0)
		json_num(b, "oldest_ago_ms",
		    now_ms > sums->oldest_ms ? now_ms - sums->oldest_ms : 0);
	if (sums->end_ms != 0)
		json_num(b, "end_in_ms", sums->end_ms - now_ms);
}

static int
is_balanced(const struct books_sums *s)
{
	return s->unaccounted == 0 && s->taken == s->delivered + s->returned +
						      s->deleted + s->handed +
						      s->held + s->queued;
}

/* ---- outages ---- */

static int
show_outage(void *ctx, const struct backup_outage *outage)
{
	struct showing *s = ctx;
	struct buf *b = &s->b;

	json_open(b);
	json_str(b, "what", "outage");
	json_str(b, "host", outage->hop);
	json_num(b, "from_at_ms", outage->from_ms);
	if (outage->to_ms != 0)
		json_num(b, "to_at_ms", outage->to_ms);
	json_bool(b, "announced", outage->announced);
	json_num(b, "messages", (long long)outage->taken.messages);
	json_num(b, "recipients", (long long)outage->taken.recipients);
	json_num(b, "bytes", (long long)outage->taken.bytes);
	json_str(b, "reason", outage->why);
	s->rc = say(s);
	return s->rc != SMX_OK || ++s->outages == OUTAGES_MOST;
}

static int
show_outages(struct showing *s)
{
	int rc = primaries_outages(backup_primaries(s->backup), s->domain,
	    s->since_ms, show_outage, s);

	return s->rc != SMX_OK ? s->rc : rc < 0 ? rc : SMX_OK;
}

/* ---- messages ---- */

static void
json_address(struct buf *b, const char *name, const char *address)
{
	size_t len = strlen(address);
	char text[BACKUP_MAIL_SENDER];

	if (len > 2 && address[0] == '<' && address[len - 1] == '>') {
		text_copy(text, sizeof(text), address + 1);
		if (len - 2 < sizeof(text))
			text[len - 2] = '\0';
		address = text;
	}
	json_str(b, name, address);
}

struct counting {
	struct showing *s;
	size_t count;
	int list;
};

static int
one_rcpt(void *ctx, const char *address, enum custody_end outcome,
    int64_t at_ms)
{
	struct counting *c = ctx;
	struct buf *b = &c->s->b;

	c->count++;
	if (!c->list)
		return 0;
	json_open(b);
	json_address(b, "address", address);
	json_str(b, "end", custody_end_word(outcome));
	ago(c->s, "ended_ago_ms", at_ms);
	json_close(b);
	return 0;
}

/* Attempts to hand it to somebody else. */
static void
show_hand(struct showing *s, int64_t mail)
{
	struct backup_hand hand;

	if (backup_hand_look(backup_db(s->backup), mail, &hand) != SMX_OK ||
	    (hand.tries == 0 && !hand.out))
		return;
	json_num(&s->b, "hand_tries", (long long)hand.tries);
	json_num(&s->b, "hand_unsure", (long long)hand.lost);
	if (hand.next_ms != 0)
		json_num(&s->b, "hand_next_in_ms", hand.next_ms - s->now_ms);
	json_str(&s->b, "hand_reason", hand.why);
}

static int
show_row(struct showing *s, const struct backup_mail_row *row, int list)
{
	struct counting c = { .s = s };
	struct buf *b = &s->b;
	int rc;

	json_open(b);
	json_str(b, "what", "message");
	json_num(b, "id", row->id);
	json_str(b, "queue_id", row->queue_id);
	json_str(b, "domain", row->domain);
	json_address(b, "sender", row->sender);
	json_num(b, "size", (long long)row->size);
	json_str(b, "custody", custody_word(row->custody));
	json_str(b, "state", command_primary_state(row->state));
	json_num(b, "taken_at_ms", row->taken_ms);
	ago(s, "taken_ago_ms", row->taken_ms);
	if (row->until_ms != 0 && row->custody != CUSTODY_ENDED)
		json_num(b, "until_in_ms", row->until_ms - s->now_ms);
	ago(s, "released_ago_ms", row->released_ms);
	ago(s, "ended_ago_ms", row->ended_ms);
	show_hand(s, row->id);
	rc = backup_mail_rcpts(backup_db(s->backup), row->id, one_rcpt, &c);
	json_num(b, "recipients", (long long)c.count);
	c.list = list;
	if (rc == SMX_OK && list) {
		json_list(b, "rcpts");
		rc = backup_mail_rcpts(backup_db(s->backup), row->id, one_rcpt,
		    &c);
		json_end(b);
	}
	return rc == SMX_OK ? say(s) : rc;
}

static int
show_rows(struct showing *s, struct backup_mail_page *page, size_t *shown)
{
	int rc = SMX_OK;

	page->max = PAGE;
	page->rows = calloc(PAGE, sizeof(*page->rows));
	if (page->rows == NULL)
		return SMX_ENOMEM;
	do {
		rc = backup_mail_look(backup_db(s->backup), page);
		for (size_t i = 0; rc == SMX_OK && i < page->count; i++)
			rc =
			    show_row(s, &page->rows[i], page->queue_id != NULL);
		*shown += page->count;
		if (page->count != 0) {
			page->after_taken_ms =
			    page->rows[page->count - 1].taken_ms;
			page->after_id = page->rows[page->count - 1].id;
		}
	} while (rc == SMX_OK && page->count == PAGE);
	free(page->rows);
	return rc;
}

/* ---- the commands ---- */

static int
find_domain(void *ctx, const char *domain, const struct smx_backup *backup,
    const struct primaries_word *word)
{
	struct showing *s = ctx;

	if (strcmp(domain, s->domain) != 0)
		return 0;
	s->policy = backup;
	s->word = *word;
	return 1;
}

static int
begin(struct showing *s, struct command *c, const char *word)
{
	char at[BACKUP_DOMAIN_MAX + 2];

	memset(s, 0, sizeof(*s));
	s->command = c;
	s->backup = node_backup(c->node);
	s->now_ms = clock_wall_ms();
	s->word.state = MX_UNKNOWN;
	if (s->backup == NULL)
		return command_fail(c, SMX_ESTATE,
		    "no policy has a backup group", "");
	if (strlen(word) > BACKUP_DOMAIN_MAX)
		return command_fail(c, SMX_EINVAL, "not a domain", word);
	at[0] = '@';
	text_copy(at + 1, sizeof(at) - 1, word);
	backup_domain(at, s->domain);
	buf_init(&s->b, 0);
	(void)primaries_each(backup_primaries(s->backup), find_domain, s);
	return SMX_OK;
}

static int
show_domain(struct showing *s)
{
	struct backup_mail_page page = { .domain = s->domain };
	struct books_sums sums;
	size_t shown = 0;
	int rc = books_sum(backup_books(s->backup), s->domain, 0, 0, &sums);

	if (rc != SMX_OK)
		return rc;
	if (s->policy == NULL && sums.messages == 0)
		return command_fail(s->command, SMX_ENOTFOUND,
		    "neither a message in the books nor a domain that this "
		    "host is the backup MX of",
		    s->domain);
	json_open(&s->b);
	json_str(&s->b, "what", "domain");
	command_primary(&s->b, s->domain, &s->word,
	    primaries_maintained(backup_primaries(s->backup), s->domain));
	command_books_sums(&s->b, &sums);
	rc = say(s);
	if (rc == SMX_OK)
		rc = show_outages(s);
	return rc == SMX_OK ? show_rows(s, &page, &shown) : rc;
}

int
command_backup_show(struct command *c)
{
	struct backup_mail_page page = { 0 };
	struct showing s;
	size_t shown = 0;
	int rc;

	if (c->words != 3)
		return command_fail(c, SMX_EINVAL,
		    "backup show needs a domain or a queue id", "");
	rc = begin(&s, c, c->word[2]);
	if (rc != SMX_OK)
		return rc;
	if (pfid_valid(c->word[2], strlen(c->word[2]))) {
		page.queue_id = c->word[2];
		rc = show_rows(&s, &page, &shown);
	}
	if (rc == SMX_OK && shown == 0)
		rc = show_domain(&s);
	buf_free(&s.b);
	return rc;
}

int
command_backup_report(struct command *c)
{
	struct books_sums sums;
	struct showing s;
	char *end;
	int rc;

	if (c->words < 3 || c->words > 4)
		return command_fail(c, SMX_EINVAL,
		    "backup report needs a domain", "");
	rc = begin(&s, c, c->word[2]);
	if (rc != SMX_OK)
		return rc;
	if (c->words == 4) {
		s.since_ms = strtoll(c->word[3], &end, 10);
		if (*end != '\0' || s.since_ms < 0)
			return command_fail(c, SMX_EINVAL,
			    "not a time in milliseconds", c->word[3]);
	}
	rc = books_sum(backup_books(s.backup), s.domain, s.since_ms, 0, &sums);
	if (rc == SMX_OK) {
		json_open(&s.b);
		json_str(&s.b, "what", "sums");
		json_str(&s.b, "domain", s.domain);
		json_num(&s.b, "from_at_ms", s.since_ms);
		command_books_sums(&s.b, &sums);
		json_bool(&s.b, "balanced", is_balanced(&sums));
		rc = say(&s);
	}
	if (rc == SMX_OK)
		rc = show_outages(&s);
	buf_free(&s.b);
	return rc;
}
