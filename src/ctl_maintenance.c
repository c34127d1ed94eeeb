/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_cell.h"
#include "ctl_text.h"

/* "maintenance": a primary MX that will be down on purpose. */

#define NAME 300

static const char *const heads[] = { "DOMAIN", "STATE", "LEFT" };

static int
row(struct table *t, const struct record *r)
{
	return cell_text(t, 0, r, "domain") != 0 ||
	       cell_text(t, 1, r, "state") != 0 ||
	       cell_left(t, 2, r, "announced_in_ms") != 0;
}

/* Said on the primary itself, to a member that is its secondary. */
static int
member_line(const struct record *r, const char *what)
{
	char name[NAME];
	const char *member = record_text(r, "member");

	if (member == NULL)
		return 0;
	printf("%s: %s\n", text_show(name, sizeof(name), member),
	    record_true(r, "heard") ? what
	    : record_number(r, "refused", 0) != 0
		? "does not take this host's word for the domain"
		: "not told yet, is told when it answers");
	return 1;
}

static int
start_line(void *ctx, const char *json, size_t len)
{
	struct record *r = record_parse(json, len);
	char domain[NAME], span[TEXT_SPAN];
	const char *text;

	(void)ctx;
	if (r == NULL)
		return SMX_EPROTO;
	text = record_text(r, "domain");
	if (member_line(r, "told")) {
		record_free(&r);
		return 0;
	}
	printf("%s: its primary MX counts as down for %s\n",
	    text_show(domain, sizeof(domain), text == NULL ? "?" : text),
	    text_age(span, record_number(r, "announced_in_ms", -1)));
	record_free(&r);
	return 0;
}

static int
end_line(void *ctx, const char *json, size_t len)
{
	struct record *r = record_parse(json, len);
	char domain[NAME];
	const char *text;

	(void)ctx;
	if (r == NULL)
		return SMX_EPROTO;
	text = record_text(r, "domain");
	if (member_line(r, "told that it is over")) {
		record_free(&r);
		return 0;
	}
	printf("%s: %s\n",
	    text_show(domain, sizeof(domain), text == NULL ? "?" : text),
	    record_true(r, "was") ? "the probes decide again"
				  : "nothing was announced");
	record_free(&r);
	return 0;
}

static int
start(const struct ctl *ctl, const struct phrase *phrase, char **args)
{
	char span[32];
	char *words[2] = { args[0], span };

	if ((ctl->given & OPTION_FOR) == 0 || ctl->for_ms == 0) {
		fputs("shadowmxctl: for how long? --for 2h\n", stderr);
		return EX_USAGE;
	}
	snprintf(span, sizeof(span), "%lld", ctl->for_ms);
	return ctl_ask(ctl, phrase, words, 2, start_line, NULL);
}

int
ctl_maintenance(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	if (strcmp(phrase->words[1], "start") == 0)
		return start(ctl, phrase, args);
	if (strcmp(phrase->words[1], "end") == 0)
		return ctl_ask(ctl, phrase, args, count, end_line, NULL);
	return ctl_rows(ctl, phrase, args, count, heads,
	    sizeof(heads) / sizeof(*heads), row);
}
