/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_cell.h"
#include "ctl_text.h"

/* "recipient": who exists at a primary MX, as far as this host has learned. */

static const char *const heads[] = { "RECIPIENT", "KNOWN", "FROM", "LEARNED" };

/* ---- looking ---- */

static int
known_cell(struct table *t, size_t column, const struct record *r)
{
	char out[64], text[32];
	const char *known = record_text(r, "known");

	snprintf(out, sizeof(out), "%s%s",
	    text_show(text, sizeof(text), known == NULL ? "" : known),
	    record_true(r, "old") ? ", old" : "");
	return table_cell(t, column, out);
}

/* What holds for a domain as a whole stands behind its recipients. */
static int
domain_row(struct table *t, const struct record *r)
{
	char out[300], text[256];
	const char *domain = record_text(r, "domain");
	int listed = record_true(r, "listed");

	snprintf(out, sizeof(out), "@%s",
	    text_show(text, sizeof(text), domain == NULL ? "" : domain));
	return table_cell(t, 0, out) != 0 ||
	       table_cell(t, 1,
		   record_true(r, "catch_all") ? "takes all"
		   : listed                    ? "takes these"
					       : "takes some") != 0 ||
	       table_cell(t, 2, listed ? "peer" : "probe") != 0 ||
	       cell_age(t, 3, r, "asked_ago_ms") != 0;
}

static int
row(struct table *t, const struct record *r)
{
	if (record_text(r, "address") == NULL)
		return domain_row(t, r);
	return cell_text(t, 0, r, "address") != 0 || known_cell(t, 1, r) != 0 ||
	       cell_text(t, 2, r, "source") != 0 ||
	       cell_age(t, 3, r, "learned_ago_ms") != 0;
}

static int
show_line(void *ctx, const char *json, size_t len)
{
	struct record *r = record_parse(json, len);

	(void)ctx;
	if (r == NULL)
		return SMX_EPROTO;
	line_text(r, "address", "recipient");
	line_text(r, "known", "known");
	if (record_true(r, "old"))
		printf("%-12s  %s\n", "", "older than it may be");
	line_text(r, "source", "from");
	line_age(r, "learned_ago_ms", "learned");
	line_text(r, "domain", "domain");
	line_text(r, "state", "primary");
	if (record_true(r, "catch_all"))
		printf("%-12s  %s\n", "", "takes any recipient");
	record_free(&r);
	return 0;
}

/* ---- changing ---- */

struct imported {
	const struct ctl *ctl;
	long long refused;
};

static int
import_line(void *ctx, const char *json, size_t len)
{
	struct imported *done = ctx;
	struct record *r = record_parse(json, len);

	if (r == NULL)
		return SMX_EPROTO;
	done->refused = record_number(r, "refused", 0);
	if (done->ctl->json)
		printf("%.*s\n", (int)len, json);
	else
		printf("%lld imported, %lld of other domains, %lld lines "
		       "refused\n",
		    record_number(r, "imported", 0),
		    record_number(r, "skipped", 0), done->refused);
	if (!done->ctl->json && record_number(r, "forgotten", 0) > 0)
		printf("%lld of an earlier file are forgotten\n",
		    record_number(r, "forgotten", 0));
	if (!done->ctl->json && record_true(r, "catch_all"))
		puts("any recipient of the domain is good");
	if (!done->ctl->json && done->refused != 0)
		printf("the first line that is no address: %lld\n",
		    record_number(r, "refused_line", 0));
	record_free(&r);
	return 0;
}

/* The daemon reads it, from where it is. */
static int
import(const struct ctl *ctl, const struct phrase *phrase, char **args)
{
	struct imported done = { .ctl = ctl };
	char path[PATH_MAX], command[COMMAND_MAX];
	char *words[2] = { path, args[1] };
	int status;

	if (realpath(args[0], path) == NULL) {
		fprintf(stderr, "shadowmxctl: %s: %s\n", args[0],
		    strerror(errno));
		return EX_NOINPUT;
	}
	status = ctl_join(ctl, phrase, words, 2, command, sizeof(command));
	if (status == EX_OK)
		status = ctl_say(ctl, command, import_line, &done);
	return status != EX_OK || done.refused == 0 ? status : EX_NOT_ALL;
}

static int
forget_line(void *ctx, const char *json, size_t len)
{
	struct record *r = record_parse(json, len);

	(void)ctx;
	if (r == NULL)
		return SMX_EPROTO;
	printf("%lld forgotten\n", record_number(r, "forgotten", 0));
	record_free(&r);
	return 0;
}

int
ctl_recipient(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	const char *verb = phrase->words[1];

	if (strcmp(verb, "list") == 0)
		return ctl_rows(ctl, phrase, args, count, heads,
		    sizeof(heads) / sizeof(*heads), row);
	if (strcmp(verb, "show") == 0)
		return ctl_ask(ctl, phrase, args, count, show_line, NULL);
	if (strcmp(verb, "import") == 0)
		return import(ctl, phrase, args);
	return ctl_ask(ctl, phrase, args, count, forget_line, NULL);
}
