/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_cell.h"
#include "ctl_text.h"

/* "backup show" and "backup report": what was taken as secondary MX, and what
 * became of it. */

#define CELL 600

static const char *const outage_heads[] = { "FROM", "TO", "MESSAGES",
	"RECIPIENTS", "SIZE", "HOST", "REASON" };
static const char *const message_heads[] = { "QUEUE-ID", "CUSTODY", "TAKEN",
	"ENDS", "SIZE", "RCPTS", "SENDER" };

struct books {
	const struct ctl *ctl;
	struct table outages, messages;
	int balanced;
};

/* ---- outages ---- */

static int
moment_cell(struct table *t, size_t column, const struct record *r,
    const char *path, const char *none)
{
	long long ms = record_number(r, path, -1);
	char text[TEXT_MOMENT];

	return table_cell(t, column,
	    ms < 0 ? none : text_moment_show(text, ms));
}

static int
outage_row(struct table *t, const struct record *r)
{
	const char *reason = record_text(r, "reason");
	char text[CELL], out[CELL + 16];

	text_show(text, sizeof(text), reason == NULL ? "" : reason);
	snprintf(out, sizeof(out), "%s%s%s",
	    record_true(r, "announced") ? "announced" : "",
	    record_true(r, "announced") && text[0] != '\0' ? ": " : "", text);
	return moment_cell(t, 0, r, "from_at_ms", "-") != 0 ||
	       moment_cell(t, 1, r, "to_at_ms", "now") != 0 ||
	       cell_number(t, 2, r, "messages") != 0 ||
	       cell_number(t, 3, r, "recipients") != 0 ||
	       cell_size(t, 4, r, "bytes") != 0 ||
	       cell_text(t, 5, r, "host") != 0 || table_cell(t, 6, out) != 0;
}

/* ---- messages ---- */

static int
message_row(struct table *t, const struct record *r)
{
	return cell_text(t, 0, r, "queue_id") != 0 ||
	       cell_text(t, 1, r, "custody") != 0 ||
	       cell_age(t, 2, r, "taken_ago_ms") != 0 ||
	       cell_left(t, 3, r, "until_in_ms") != 0 ||
	       cell_size(t, 4, r, "size") != 0 ||
	       cell_number(t, 5, r, "recipients") != 0 ||
	       cell_text(t, 6, r, "sender") != 0;
}

static void
print_recipient(const struct record *r)
{
	const char *address = record_text(r, "address"),
		   *end = record_text(r, "end");
	char who[CELL], what[64], span[TEXT_SPAN];
	long long ago = record_number(r, "ended_ago_ms", -1);

	printf("%-12s  %s  %s%s%s\n", "to",
	    text_show(who, sizeof(who), address == NULL ? "?" : address),
	    text_show(what, sizeof(what), end == NULL ? "?" : end),
	    ago < 0 ? "" : "  ", ago < 0 ? "" : text_age(span, ago));
}

static void
print_message(const struct record *r)
{
	line_text(r, "queue_id", "queue id");
	line_number(r, "id", "number");
	line_text(r, "domain", "domain");
	line_text(r, "custody", "custody");
	line_text(r, "state", "primary was");
	line_moment(r, "taken_at_ms", "taken");
	line_left(r, "until_in_ms", "hold ends");
	line_age(r, "released_ago_ms", "released");
	line_age(r, "ended_ago_ms", "ended");
	if (record_number(r, "hand_tries", 0) > 0) {
		line_number(r, "hand_tries", "not handed");
		line_number(r, "hand_unsure", "  unsure");
		line_left(r, "hand_next_in_ms", "  next try");
		line_text(r, "hand_reason", "  reason");
	}
	line_size(r, "size", "size");
	line_text(r, "sender", "from");
	for (size_t i = 0; i < record_count(r, "rcpts"); i++) {
		const struct record *rcpt = record_item(r, "rcpts", i);

		if (rcpt != NULL)
			print_recipient(rcpt);
	}
}

/* ---- a domain ---- */

static void
print_sums(const struct record *r)
{
	line_number(r, "messages", "messages");
	line_number(r, "while_up", "  while up");
	line_number(r, "while_down", "  while down");
	line_number(r, "while_unknown", "  unknown");
	line_number(r, "taken", "recipients");
	line_number(r, "delivered", "  delivered");
	line_number(r, "returned", "  returned");
	line_number(r, "deleted", "  deleted");
	line_number(r, "handed", "  handed");
	line_number(r, "held", "  on hold");
	line_number(r, "queued", "  queued");
	line_number(r, "unaccounted", "unaccounted");
	line_number(r, "held_messages", "mail on hold");
	line_size(r, "held_bytes", "  bytes");
	line_age(r, "oldest_ago_ms", "oldest");
	line_left(r, "end_in_ms", "hold ends");
}

static void
print_domain(const struct record *r)
{
	line_text(r, "domain", "domain");
	line_text(r, "state", "primary");
	line_age(r, "state_ago_ms", "since");
	line_text(r, "host", "host");
	line_text(r, "reason", "reason");
	if (record_true(r, "announced"))
		line_left(r, "announced_in_ms", "announced");
	print_sums(r);
}

static void
print_report(struct books *books, const struct record *r)
{
	line_text(r, "domain", "domain");
	if (record_number(r, "from_at_ms", 0) > 0)
		line_moment(r, "from_at_ms", "since");
	print_sums(r);
	printf("%-12s  %s\n", "balanced", books->balanced ? "yes" : "NO");
}

/* ---- the answer ---- */

/* Tables come after what is said of the domain; outages before messages. */
static int
show(struct books *books, const struct record *r)
{
	if (record_is(r, "what", "domain"))
		print_domain(r);
	else if (record_is(r, "what", "sums"))
		print_report(books, r);
	else if (record_is(r, "what", "outage"))
		return outage_row(&books->outages, r);
	else if (record_count(r, "rcpts") != 0)
		print_message(r);
	else if (record_is(r, "what", "message")) {
		table_close(&books->outages);
		return message_row(&books->messages, r);
	}
	return 0;
}

static int
take_line(void *ctx, const char *json, size_t len)
{
	struct books *books = ctx;
	struct record *r = record_parse(json, len);
	int bad;

	if (r == NULL)
		return SMX_EPROTO;
	if (record_is(r, "what", "sums"))
		books->balanced = record_true(r, "balanced");
	if (books->ctl->json)
		bad = printf("%.*s\n", (int)len, json) < 0;
	else
		bad = show(books, r);
	record_free(&r);
	return bad ? SMX_ENOMEM : 0;
}

static int
ask(struct books *books, const char *command)
{
	int status = EX_OSERR;

	if (table_open(&books->outages, outage_heads, 7) == 0 &&
	    table_open(&books->messages, message_heads, 7) == 0)
		status = ctl_say(books->ctl, command, take_line, books);
	table_close(&books->outages);
	table_close(&books->messages);
	return status;
}

int
ctl_backup_show(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct books books = { .ctl = ctl };
	char command[COMMAND_MAX];
	int status =
	    ctl_join(ctl, phrase, args, count, command, sizeof(command));

	return status != EX_OK ? status : ask(&books, command);
}

/* The exit status tells whether the books balance. */
int
ctl_backup_report(const struct ctl *ctl, const struct phrase *phrase,
    char **args, int count)
{
	struct books books = { .ctl = ctl };
	char command[COMMAND_MAX];
	int status =
	    ctl_join(ctl, phrase, args, count, command, sizeof(command) - 32);

	if (status == EX_OK && ctl->since != NULL) {
		long long ms = text_moment(ctl->since);
		size_t len = strlen(command);

		if (ms < 0)
			return text_moment_wrong("since");
		snprintf(command + len, sizeof(command) - len, " %lld", ms);
	}
	if (status == EX_OK)
		status = ask(&books, command);
	return status != EX_OK || books.balanced ? status : EX_NOT_ALL;
}
