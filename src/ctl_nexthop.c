/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_json.h"
#include "ctl_table.h"
#include "ctl_text.h"

#define CELL 400

static const char *const heads[] = { "NEXT-HOP", "STATE", "RCPT", "DATA",
	"DELIVERED", "REFUSED", "UNSURE", "FAILED", "IDLE", "REASON" };

static const char *
word(const struct record *r, const char *path, char out[CELL])
{
	const char *text = record_text(r, path);

	return text_show(out, CELL, text == NULL ? "" : text);
}

static int
number_cell(struct table *t, size_t column, const struct record *r,
    const char *path, const char *unit)
{
	long long n = record_number(r, path, -1);
	char text[40];

	snprintf(text, sizeof(text), "%lld%s", n, unit);
	return table_cell(t, column, n < 0 ? "-" : text);
}

static int
state_cell(struct table *t, const struct record *r)
{
	long long left = record_number(r, "backoff_left_ms", 0);
	char text[CELL], span[TEXT_SPAN];
	size_t len = strlen(word(r, "state", text));

	if (left > 0 && len < CELL)
		snprintf(text + len, CELL - len, " for %s",
		    text_age(span, left));
	return table_cell(t, 1, text);
}

static int
row(struct table *t, const struct record *r)
{
	char text[CELL];
	int bad;

	bad = table_cell(t, 0, word(r, "name", text)) != 0 ||
	      state_cell(t, r) != 0 ||
	      number_cell(t, 2, r, "rcpt_ms", "ms") != 0 ||
	      number_cell(t, 3, r, "data_ms", "ms") != 0 ||
	      number_cell(t, 4, r, "delivered", "") != 0 ||
	      number_cell(t, 5, r, "refused", "") != 0 ||
	      number_cell(t, 6, r, "unsure", "") != 0 ||
	      number_cell(t, 7, r, "failed", "") != 0 ||
	      number_cell(t, 8, r, "idle", "") != 0 ||
	      table_cell(t, 9, word(r, "reason", text)) != 0;
	return bad ? SMX_ENOMEM : 0;
}

static int
list_line(void *ctx, const char *json, size_t len)
{
	struct record *r = record_parse(json, len);
	int rc;

	if (r == NULL)
		return SMX_EPROTO;
	rc = row(ctx, r);
	record_free(&r);
	return rc;
}

static int
list(const struct ctl *ctl, const struct phrase *phrase)
{
	struct table t;
	int status;

	if (table_open(&t, heads, sizeof(heads) / sizeof(*heads)) != 0)
		return EX_OSERR;
	status = ctl_ask(ctl, phrase, NULL, 0, list_line, &t);
	table_close(&t);
	return status;
}

struct probed {
	const struct ctl *ctl;
	int ready;
};

static void
print_probe(const struct record *r)
{
	char text[CELL];

	printf("%s", word(r, "name", text));
	printf("  %s", word(r, "result", text));
	if (word(r, "peer", text)[0] != '\0')
		printf("  %s%s", text,
		    record_true(r, "encrypted") ? "  TLS" : "");
	putchar('\n');
	if (word(r, "offers", text)[0] != '\0')
		printf("offers  %s\n", text);
	if (record_number(r, "code", 0) > 0)
		printf("postmaster  %lld", record_number(r, "code", 0));
	else
		printf("reason ");
	if (word(r, "enhanced", text)[0] != '\0')
		printf(" %s", text);
	printf(" %s\n", word(r, "text", text));
}

static int
probe_line(void *ctx, const char *json, size_t len)
{
	struct probed *probed = ctx;
	struct record *r = record_parse(json, len);
	const char *result;

	if (r == NULL)
		return SMX_EPROTO;
	result = record_text(r, "result");
	probed->ready = result != NULL && strcmp(result, "ready") == 0;
	if (probed->ctl->json)
		printf("%.*s\n", (int)len, json);
	else
		print_probe(r);
	record_free(&r);
	return 0;
}

/* The exit status tells whether mail would be taken there. */
static int
probe(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct probed probed = { .ctl = ctl };
	char command[COMMAND_MAX];
	int status =
	    ctl_join(ctl, phrase, args, count, command, sizeof(command));

	if (status == EX_OK)
		status = ctl_say(ctl, command, probe_line, &probed);
	return status != EX_OK || probed.ready ? status : EX_NOT_ALL;
}

static int
reset_line(void *ctx, const char *json, size_t len)
{
	struct record *r = record_parse(json, len);

	(void)ctx;
	if (r == NULL)
		return SMX_EPROTO;
	printf("forgotten; connections closed: %lld\n",
	    record_number(r, "closed", 0));
	record_free(&r);
	return 0;
}

int
ctl_nexthop(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	if (strcmp(phrase->words[1], "list") == 0)
		return list(ctl, phrase);
	if (strcmp(phrase->words[1], "probe") == 0)
		return probe(ctl, phrase, args, count);
	return ctl_ask(ctl, phrase, args, count, reset_line, NULL);
}
