/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "check.h"
#include "ctl_text.h"

/* Names to ask about, in a file or on the command line. */
#define NAMES_MAX    100000
#define NAME_MAX_LEN 320

struct names {
	char **list;
	size_t count;
	size_t room;
};

static int
names_add(struct names *names, const char *text, size_t len)
{
	char *copy;

	if (len == 0)
		return EX_OK;
	if (len > NAME_MAX_LEN || names->count == NAMES_MAX) {
		fprintf(stderr, "shadowmxctl: %s\n",
		    len > NAME_MAX_LEN ? "a name is too long"
				       : "too many names");
		return EX_USAGE;
	}
	if (names->count == names->room) {
		size_t room = names->room == 0 ? 64 : 2 * names->room;
		char **list = realloc(names->list, room * sizeof(*list));

		if (list == NULL)
			return EX_OSERR;
		names->list = list;
		names->room = room;
	}
	copy = strndup(text, len);
	if (copy == NULL)
		return EX_OSERR;
	names->list[names->count++] = copy;
	return EX_OK;
}

static void
names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

static int
names_of_list(struct names *names, const char *list)
{
	int status = EX_OK;

	while (status == EX_OK && *list != '\0') {
		size_t len = strcspn(list, ", \t");

		status = names_add(names, list, len);
		list += len + (list[len] != '\0');
	}
	return status;
}

/* One a line; "-" is standard input.  What begins with # is a remark. */
static int
names_of_file(struct names *names, const char *path)
{
	int is_stdin = strcmp(path, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(path, "re");
	char line[1024];
	int status = EX_OK;

	if (f == NULL) {
		fprintf(stderr, "shadowmxctl: %s: %s\n", path, strerror(errno));
		return EX_NOINPUT;
	}
	while (status == EX_OK && fgets(line, sizeof(line), f) != NULL) {
		char *at = line + strspn(line, " \t");

		if (*at != '#')
			status = names_add(names, at, strcspn(at, " \t\r\n"));
	}
	if (!is_stdin)
		fclose(f);
	return status;
}

int
ctl_config_check(const struct ctl *ctl, const struct phrase *phrase,
    char **args, int count)
{
	struct check_report report = { .json = ctl->json };
	struct names names = { NULL, 0, 0 };
	int status = EX_OK;

	(void)phrase;
	(void)args;
	(void)count;
	if (ctl->domains != NULL)
		status = names_of_list(&names, ctl->domains);
	if (status == EX_OK && ctl->recipients != NULL)
		status = names_of_file(&names, ctl->recipients);
	if (status == EX_OK)
		status = check_all(ctl->config_file,
		    (const char *const *)names.list, names.count, &report);
	names_free(&names);
	if (status == EX_OK && ctl->json)
		puts("{\"result\":\"ok\"}");
	else if (status == EX_OK && report.worst == 0)
		printf("%s: no problem found\n", ctl->config_file);
	return status;
}

/* ---- what this host's MTA takes ---- */

static void
print_domain(void *ctx, const char *domain)
{
	const struct ctl *ctl = ctx;
	char *shown = text_escape(domain);

	if (shown != NULL && ctl->json)
		check_json_line("domain", shown);
	else if (shown != NULL)
		puts(shown);
	text_release(&shown);
}

static void
print_skipped(void *ctx, const char *table, const char *why)
{
	char *shown = text_escape(table), *words = text_escape(why);

	(void)ctx;
	fprintf(stderr, "shadowmxctl: %s cannot be listed: %s\n",
	    shown == NULL ? "" : shown, words == NULL ? "" : words);
	text_release(&shown);
	text_release(&words);
}

int
ctl_config_domains(const struct ctl *ctl, const struct phrase *phrase,
    char **args, int count)
{
	struct smx_config *config = NULL;
	int status = check_load(ctl->config_file, &config), rc;

	(void)phrase;
	(void)args;
	(void)count;
	if (status != EX_OK)
		return status;
	rc =
	    smx_check_domains(config, print_domain, print_skipped, (void *)ctl);
	smx_config_release(&config);
	return rc == SMX_OK ? EX_OK : EX_UNAVAILABLE;
}
