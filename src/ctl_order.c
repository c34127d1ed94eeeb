/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_json.h"
#include "ctl_table.h"
#include "ctl_text.h"

/*
 * "queue resubmit", "release" and "forget": what the command line names, or
 * what a list with the filters shows, goes to the daemon in commands of some
 * dozens; one line comes back for each.  What was listed is ordered together
 * with the state in which it was seen, and is left alone when it has moved on.
 */
#define BATCH      48
#define ITEM_BYTES 64 /* a key, '/', and a state */

struct items {
	char (*list)[ITEM_BYTES];
	size_t count;
	size_t room;
};

struct orders {
	const struct ctl *ctl;
	struct table table;
	long long done;
	long long not_done;
	size_t lines; /* of the batch that is out */
};

/* ---- from the filters ---- */

static int
add_item(struct items *items, const char *key, const char *state)
{
	char(*list)[ITEM_BYTES];

	if (items->count == items->room) {
		size_t room = items->room == 0 ? 256 : items->room * 2;

		list = realloc(items->list, room * sizeof(*list));
		if (list == NULL)
			return SMX_ENOMEM;
		items->list = list;
		items->room = room;
	}
	if (snprintf(items->list[items->count], ITEM_BYTES, "%s/%s", key,
		state) >= ITEM_BYTES)
		return SMX_EPROTO;
	items->count++;
	return 0;
}

static int
take_listed(void *ctx, const char *json, size_t len)
{
	struct items *items = ctx;
	struct record *r = record_parse(json, len);
	const char *key, *state, *role;
	int rc = 0;

	if (r == NULL)
		return SMX_EPROTO;
	key = record_text(r, "key");
	state = record_text(r, "state");
	role = record_text(r, "role");
	if (role != NULL && strcmp(role, "holder") == 0)
		rc = key == NULL || state == NULL ? SMX_EPROTO
						  : add_item(items, key, state);
	record_free(&r);
	return rc;
}

/* What each order is for, when no state is named. */
static const char *
usual_states(const char *verb)
{
	if (strcmp(verb, "resubmit") == 0)
		return " shadow";
	if (strcmp(verb, "release") == 0)
		return " quarantined claimed";
	return " shadow claimed handed quarantined";
}

static int
list_command(const struct ctl *ctl, const char *verb, char *out, size_t size)
{
	const struct phrase list = { .words = { "queue", "list" } };
	char primary[512];
	char *args[] = { primary };
	int named = (ctl->given & OPTION_PRIMARY) != 0, rc;
	size_t len;

	if (named)
		snprintf(primary, sizeof(primary), "primary=%s", ctl->primary);
	rc = ctl_join(&(struct ctl){ 0 }, &list, args, named, out, size);
	if (rc != EX_OK)
		return rc;
	len = strlen(out);
	if ((ctl->given & OPTION_STATE) != 0)
		snprintf(out + len, size - len, " %s", ctl->state);
	else
		snprintf(out + len, size - len, "%s", usual_states(verb));
	return EX_OK;
}

static int
find_items(const struct ctl *ctl, const char *verb, struct items *items)
{
	char command[COMMAND_MAX];
	int rc = list_command(ctl, verb, command, sizeof(command));

	return rc != EX_OK ? rc : ctl_say(ctl, command, take_listed, items);
}

/* ---- to the daemon ---- */

static const char *const heads[] = { "ITEM", "OUTCOME", "WAS", "PRIMARY",
	"QUEUE-ID", "SIZE", "NOTE" };

static int
show_outcome(struct orders *o, const struct record *r)
{
	static const char *const paths[] = { "item", "outcome", "state",
		"primary", "queue_id" };
	char text[600], span[TEXT_SPAN];
	int bad = 0;

	for (size_t i = 0; i < 5; i++) {
		const char *value = record_text(r, paths[i]);

		bad |= table_cell(&o->table, i,
			   text_show(text, sizeof(text),
			       value == NULL ? "" : value)) != 0;
	}
	bad |= table_cell(&o->table, 5,
		   text_size(span, record_number(r, "size", -1))) != 0;
	bad |= table_cell(&o->table, 6,
		   text_show(text, sizeof(text),
		       record_text(r, "text") == NULL
			   ? ""
			   : record_text(r, "text"))) != 0;
	return bad;
}

/* The messages that an ambiguous queue id can mean. */
static int
show_candidates(struct orders *o, const struct record *r)
{
	static const char *const paths[] = { "key", NULL, "state", "primary",
		"queue_id" };
	int bad = 0;

	for (size_t i = 0; i < record_count(r, "candidates") && !bad; i++) {
		const struct record *c = record_item(r, "candidates", i);
		char text[600];

		for (size_t k = 0; k < 7 && !bad; k++) {
			const char *value =
			    c == NULL || k > 4 || paths[k] == NULL
				? NULL
				: record_text(c, paths[k]);

			bad =
			    table_cell(&o->table, k,
				k == 1 ? "candidate"
				       : text_show(text, sizeof(text),
					     value == NULL ? "" : value)) != 0;
		}
	}
	return bad;
}

static int
take_outcome(void *ctx, const char *json, size_t len)
{
	struct orders *o = ctx;
	struct record *r = record_parse(json, len);
	const char *outcome;
	int bad = 0;

	if (r == NULL)
		return SMX_EPROTO;
	o->lines++;
	outcome = record_text(r, "outcome");
	if (outcome != NULL && strcmp(outcome, "ok") == 0)
		o->done++;
	else
		o->not_done++;
	if (o->ctl->json)
		bad = printf("%.*s\n", (int)len, json) < 0;
	else
		bad = show_outcome(o, r) || show_candidates(o, r);
	record_free(&r);
	return bad ? SMX_EIO : 0;
}

/* One command.  Who gave an answer for each item has said all that went wrong
 * with them. */
static int
send_batch(struct orders *o, const struct phrase *phrase, char **args,
    int count)
{
	char command[COMMAND_MAX], why[512] = "";
	int rc;

	rc = ctl_join(o->ctl, phrase, args, count, command, sizeof(command));
	if (rc != EX_OK)
		return rc;
	o->lines = 0;
	rc =
	    ctl_say_quietly(o->ctl, command, take_outcome, o, why, sizeof(why));
	if (rc == SMX_OK || (o->lines == (size_t)count && why[0] != '\0' &&
				rc != SMX_ECLOSED && rc != SMX_ETIMEOUT))
		return EX_OK;
	o->not_done += count - (long long)o->lines;
	if (rc == SMX_ECLOSED || rc == SMX_ETIMEOUT)
		fprintf(stderr,
		    "shadowmxctl: what has no line above may have been carried "
		    "out; see \"queue list\" and the log\n");
	return ctl_complain(o->ctl, rc, why);
}

static int
send_all(struct orders *o, const struct phrase *phrase, char **args, int count)
{
	int rc = EX_OK, at = 0;

	while (rc == EX_OK && at < count) {
		size_t bytes = 0;
		int n = 0;

		while (n < BATCH && at + n < count) {
			size_t len = strlen(args[at + n]) + 1;

			if (n > 0 && bytes + len > COMMAND_MAX - 64)
				break;
			bytes += len;
			n++;
		}
		rc = send_batch(o, phrase, args + at, n);
		at += n;
	}
	o->not_done += count - at;
	return rc;
}

static int
finish(struct orders *o, int rc)
{
	if (o->ctl->json)
		printf("{\"done\":%lld,\"not_done\":%lld}\n", o->done,
		    o->not_done);
	else
		printf("%lld done, %lld not done\n", o->done, o->not_done);
	if (rc != EX_OK)
		return rc;
	return o->not_done == 0 ? EX_OK : EX_NOT_ALL;
}

static int
carry_out(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct orders o = { .ctl = ctl };
	int rc;

	if (table_open(&o.table, heads, 7) != 0)
		return EX_OSERR;
	rc = send_all(&o, phrase, args, count);
	table_close(&o.table);
	return finish(&o, rc);
}

/* ---- the command line ---- */

static int
wrong_use(const char *text)
{
	fprintf(stderr, "shadowmxctl: %s\n", text);
	return EX_USAGE;
}

/* The key, and the state in which it was selected. */
static void
show_item(const char *item)
{
	size_t key = strcspn(item, "/");

	printf("%.*s", (int)key, item);
	if (item[key] != '\0')
		printf("  %s", item + key + 1);
	putchar('\n');
}

static int
show_only(const struct ctl *ctl, const struct items *items, const char *verb)
{
	if (ctl->json)
		printf("{\"done\":0,\"not_done\":%zu}\n", items->count);
	else
		for (size_t i = 0; i < items->count; i++)
			show_item(items->list[i]);
	fflush(stdout);
	fprintf(stderr,
	    "shadowmxctl: queue %s would be for %zu message%s; nothing was "
	    "done, --yes does it\n",
	    verb, items->count, items->count == 1 ? "" : "s");
	return EX_NOT_ALL;
}

static int
order_all(const struct ctl *ctl, const struct phrase *phrase)
{
	struct items items = { 0 };
	char **args = NULL;
	int rc = find_items(ctl, phrase->words[1], &items);

	if (rc == EX_OK && (ctl->given & OPTION_YES) == 0)
		rc = show_only(ctl, &items, phrase->words[1]);
	else if (rc == EX_OK) {
		args = calloc(items.count + 1, sizeof(*args));
		for (size_t i = 0; args != NULL && i < items.count; i++)
			args[i] = items.list[i];
		rc = args == NULL
			 ? EX_OSERR
			 : carry_out(ctl, phrase, args, (int)items.count);
	}
	free(args);
	free(items.list);
	return rc;
}

int
ctl_queue_order(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	int all = (ctl->given & OPTION_ALL) != 0;

	if (all && count > 0)
		return wrong_use("either ids or --all");
	if (!all && (ctl->given & (OPTION_PRIMARY | OPTION_STATE)) != 0)
		return wrong_use("--primary and --state go with --all");
	if (ctl->state != NULL && strcmp(ctl->state, "own") == 0)
		return wrong_use("own messages are the MTA's: see postqueue(1) "
				 "and postsuper(1)");
	if (!all && count == 0)
		return wrong_use("a key, a queue id or --all is needed");
	if (all)
		return order_all(ctl, phrase);
	return carry_out(ctl, phrase, args, count);
}
