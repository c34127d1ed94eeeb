/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_cell.h"
#include "ctl_text.h"

/* "backup list", "hold", "release" and "flush": see ctl_books.c for the rest.
 */

#define CELL 600

/* ---- domains ---- */

static const char *const list_heads[] = { "DOMAIN", "STATE", "SINCE", "HELD",
	"BYTES", "QUEUED", "OLDEST", "ENDS", "HOST", "REASON" };

static int
state_cell(struct table *t, size_t column, const struct record *r)
{
	const char *state = record_text(r, "state");
	long long left = record_number(r, "announced_in_ms", -1);
	char text[64], span[TEXT_SPAN], out[CELL];

	text_show(text, sizeof(text), state == NULL ? "" : state);
	snprintf(out, sizeof(out), "%s%s%s", text,
	    record_true(r, "announced") ? ", announced" : "",
	    left < 0 ? "" : " for ");
	if (left >= 0) {
		size_t len = strlen(out);

		snprintf(out + len, sizeof(out) - len, "%s",
		    text_age(span, left));
	}
	return table_cell(t, column, out);
}

static int
list_row(struct table *t, const struct record *r)
{
	return cell_text(t, 0, r, "domain") != 0 || state_cell(t, 1, r) != 0 ||
	       cell_age(t, 2, r, "state_ago_ms") != 0 ||
	       cell_number(t, 3, r, "held_messages") != 0 ||
	       cell_size(t, 4, r, "held_bytes") != 0 ||
	       cell_number(t, 5, r, "queued") != 0 ||
	       cell_age(t, 6, r, "oldest_ago_ms") != 0 ||
	       cell_left(t, 7, r, "end_in_ms") != 0 ||
	       cell_text(t, 8, r, "host") != 0 ||
	       cell_text(t, 9, r, "reason") != 0;
}

int
ctl_backup_list(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	return ctl_rows(ctl, phrase, args, count, list_heads,
	    sizeof(list_heads) / sizeof(*list_heads), list_row);
}

/* ---- orders ---- */

static const char *const order_heads[] = { "ITEM", "OUTCOME", "WAS", "QUEUE-ID",
	"DOMAIN", "SIZE", "NOTE" };

/* A domain stands for many messages: one line comes back for each. */
#define BATCH 48

struct orders {
	const struct ctl *ctl;
	struct table table;
	long long done;
	long long not_done;
	long long lines; /* of the batch that is out */
};

static int
order_row(struct table *t, const struct record *r)
{
	return cell_text(t, 0, r, "item") != 0 ||
	       cell_text(t, 1, r, "outcome") != 0 ||
	       cell_text(t, 2, r, "custody") != 0 ||
	       cell_text(t, 3, r, "queue_id") != 0 ||
	       cell_text(t, 4, r, "domain") != 0 ||
	       cell_size(t, 5, r, "size") != 0 ||
	       cell_text(t, 6, r, "text") != 0;
}

static int
take_outcome(void *ctx, const char *json, size_t len)
{
	struct orders *o = ctx;
	struct record *r = record_parse(json, len);
	int bad;

	if (r == NULL)
		return SMX_EPROTO;
	o->lines++;
	if (record_is(r, "outcome", "ok"))
		o->done++;
	else
		o->not_done++;
	if (o->ctl->json)
		bad = printf("%.*s\n", (int)len, json) < 0;
	else
		bad = order_row(&o->table, r);
	record_free(&r);
	return bad ? SMX_EIO : 0;
}

/* What was said of each message is enough; only what came to none has to be
 * told. */
static int
send_batch(struct orders *o, const struct phrase *phrase, char **args,
    int count)
{
	char command[COMMAND_MAX], why[512] = "";
	int rc =
	    ctl_join(o->ctl, phrase, args, count, command, sizeof(command));

	if (rc != EX_OK)
		return rc;
	o->lines = 0;
	rc =
	    ctl_say_quietly(o->ctl, command, take_outcome, o, why, sizeof(why));
	if (rc == SMX_OK ||
	    (o->lines != 0 && rc != SMX_ECLOSED && rc != SMX_ETIMEOUT))
		return EX_OK;
	if (o->lines != 0)
		fputs("shadowmxctl: what has no line above may have been "
		      "carried out; see \"backup list\" and the log\n",
		    stderr);
	return ctl_complain(o->ctl, rc, why);
}

int
ctl_backup_order(const struct ctl *ctl, const struct phrase *phrase,
    char **args, int count)
{
	struct orders o = { .ctl = ctl };
	int status = EX_OK;

	if (table_open(&o.table, order_heads,
		sizeof(order_heads) / sizeof(*order_heads)) != 0)
		return EX_OSERR;
	for (int at = 0; status == EX_OK && at < count; at += BATCH)
		status = send_batch(&o, phrase, args + at,
		    count - at < BATCH ? count - at : BATCH);
	table_close(&o.table);
	if (ctl->json)
		printf("{\"done\":%lld,\"not_done\":%lld}\n", o.done,
		    o.not_done);
	else
		printf("%lld done, %lld not done\n", o.done, o.not_done);
	if (status != EX_OK)
		return status;
	return o.not_done == 0 ? EX_OK : EX_NOT_ALL;
}

static int
flush_line(void *ctx, const char *json, size_t len)
{
	struct record *r = record_parse(json, len);
	char domain[CELL], span[TEXT_SPAN];
	const char *text;

	(void)ctx;
	if (r == NULL)
		return SMX_EPROTO;
	text = record_text(r, "domain");
	printf("%s: %lld on hold; released for %s, whatever the probes say\n",
	    text_show(domain, sizeof(domain), text == NULL ? "?" : text),
	    record_number(r, "held_messages", 0),
	    text_age(span, record_number(r, "for_ms", -1)));
	record_free(&r);
	return 0;
}

int
ctl_backup_flush(const struct ctl *ctl, const struct phrase *phrase,
    char **args, int count)
{
	return ctl_ask(ctl, phrase, args, count, flush_line, NULL);
}

/* ---- backup drain ---- */

static const char *const drain_heads[] = { "MEMBER", "DOMAINS", "REFUSED",
	"RESULT" };

static int
drain_row(struct table *t, const struct record *r)
{
	return cell_text(t, 0, r, "member") != 0 ||
	       cell_number(t, 1, r, "domains") != 0 ||
	       cell_number(t, 2, r, "refused") != 0 ||
	       cell_text(t, 3, r, "result") != 0;
}

int
ctl_backup_drain(const struct ctl *ctl, const struct phrase *phrase,
    char **args, int count)
{
	return ctl_rows(ctl, phrase, args, count, drain_heads,
	    sizeof(drain_heads) / sizeof(*drain_heads), drain_row);
}
