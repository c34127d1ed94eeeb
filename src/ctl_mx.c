/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_cell.h"
#include "ctl_text.h"

/* "mx check": would mail for a domain find its way? */

#define NAME 600

struct looked {
	const struct ctl *ctl;
	int status;
};

static const char *
word(const struct record *r, const char *path, char out[NAME])
{
	const char *text = record_text(r, path);

	return text_show(out, NAME, text == NULL ? "" : text);
}

/* Where it was looked at. */
static void
print_tls(const struct record *host)
{
	char tls[NAME];

	if (word(host, "tls", tls)[0] == '\0')
		return;
	if (strcmp(tls, "yes") != 0)
		printf("  TLS %s", tls);
	else if (record_true(host, "certified"))
		fputs("  certificate", stdout);
	if (record_true(host, "tlsa_matches"))
		fputs("  TLSA", stdout);
}

static void
print_hosts(const struct record *r)
{
	char name[NAME], text[NAME];

	for (size_t i = 0; i < record_count(r, "hosts"); i++) {
		const struct record *host = record_item(r, "hosts", i);

		if (host == NULL)
			continue;
		printf("  %5lld %s", record_number(host, "preference", 0),
		    word(host, "name", name));
		if (record_true(host, "own"))
			fputs("  this host", stdout);
		else if (record_true(host, "primary"))
			fputs("  primary", stdout);
		if (record_number(host, "addresses", -1) == 0)
			fputs("  no address", stdout);
		else if (strcmp(word(host, "answers", text), "yes") == 0)
			fputs("  answers", stdout);
		else if (strcmp(text, "no") == 0)
			printf("  does not: %s", word(host, "text", text));
		print_tls(host);
		putchar('\n');
	}
}

static void
print_policy(const struct record *r)
{
	char id[NAME], mode[NAME], text[NAME];

	if (word(r, "sts_id", id)[0] == '\0')
		return;
	printf("  MTA-STS %s", id);
	if (word(r, "sts_mode", mode)[0] != '\0')
		printf(": %s", mode);
	else if (word(r, "sts_text", text)[0] != '\0')
		printf(": %s", text);
	putchar('\n');
}

static void
print_findings(const struct record *r)
{
	char level[NAME], what[NAME], text[NAME];

	for (size_t i = 0; i < record_count(r, "findings"); i++) {
		const struct record *f = record_item(r, "findings", i);

		if (f != NULL)
			printf("  %s: %s: %s\n", word(f, "level", level),
			    word(f, "what", what), word(f, "text", text));
	}
}

/* What could not be looked at is no good news. */
static int
worse(int status, const struct record *r)
{
	if (record_is(r, "result", "alarm"))
		return EX_CRITICAL;
	if (status == EX_OK && !record_is(r, "result", "ok"))
		return EX_WARNING;
	return status;
}

static int
take_line(void *ctx, const char *json, size_t len)
{
	struct looked *looked = ctx;
	struct record *r = record_parse(json, len);
	char domain[NAME], result[NAME];

	if (r == NULL)
		return SMX_EPROTO;
	looked->status = worse(looked->status, r);
	if (looked->ctl->json) {
		printf("%.*s\n", (int)len, json);
	} else {
		printf("%s: %s\n", word(r, "domain", domain),
		    word(r, "result", result));
		print_hosts(r);
		print_policy(r);
		print_findings(r);
	}
	/* Each took its time. */
	fflush(stdout);
	record_free(&r);
	return 0;
}

/* The exit status tells whether all is well. */
int
ctl_mx(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct looked looked = { .ctl = ctl };
	char command[COMMAND_MAX];
	int status =
	    ctl_join(ctl, phrase, args, count, command, sizeof(command));

	if (status == EX_OK)
		status = ctl_say(ctl, command, take_line, &looked);
	return status != EX_OK ? status : looked.status;
}
