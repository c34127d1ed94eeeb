/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "check.h"

/* A reload may take as long as reading large tables does. */
#define DEADLINE_MS    70000
#define DEFAULT_FOLDER "/run/shadowmx"
#define COMMAND_MAX    1024
#define FOLDER_MAX     256

int
ctl_status_of(int rc)
{
	switch (rc) {
	case SMX_OK:
		return EX_OK;
	case SMX_EINVAL:
		return EX_USAGE;
	case SMX_EUNREACHABLE:
		return EX_UNAVAILABLE;
	case SMX_ETIMEOUT:
	case SMX_ETEMP:
	case SMX_EBUSY:
	case SMX_EFULL:
	case SMX_ELIMIT:
	case SMX_ECLOSED:
		return EX_TEMPFAIL;
	case SMX_EPERM:
		return EX_NOPERM;
	case SMX_ECONFIG:
		return EX_CONFIG;
	default:
		return EX_SOFTWARE;
	}
}

/*
 * The daemon may well run with an older, good configuration while the files are
 * being worked on, and then it is asked for all the same ("status", "reload"):
 * its folder is taken from wrong files as far as it can be read there.
 * Returns zero when even that could not be had.
 */
static int
find_folder(const char *file, char *out, size_t size)
{
	static const char name[] = "run_directory";
	char line[PATH_MAX];
	FILE *f = fopen(file, "re");
	int found = 0;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		char *at = line + strspn(line, " \t");
		size_t len;

		if (strncmp(at, name, sizeof(name) - 1) != 0)
			continue;
		at += sizeof(name) - 1;
		at += strspn(at, " \t=:");
		len = strcspn(at + 1, "\"\n");
		if (at[0] != '"' || at[1] != '/' || len >= size)
			continue;
		memcpy(out, at + 1, len);
		out[len] = '\0';
		found = 1;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

static int
find_socket(const struct ctl *ctl, char *out, size_t size)
{
	struct smx_config *config = NULL;
	char found[FOLDER_MAX];
	const char *listen = "", *folder = DEFAULT_FOLDER;
	int known = 1;

	if (ctl->socket != NULL) {
		snprintf(out, size, "%s", ctl->socket);
		return 1;
	}
	if (smx_config_load(&config, ctl->config_file, check_silent, NULL) ==
	    SMX_OK) {
		listen = smx_config_text(config, "control.listen");
		folder = smx_config_text(config, "run_directory");
	} else if (find_folder(ctl->config_file, found, sizeof(found))) {
		folder = found;
	} else {
		known = 0;
	}
	if (listen != NULL && listen[0] != '\0')
		snprintf(out, size, "%s", listen);
	else
		snprintf(out, size, "%s/control.sock",
		    folder == NULL ? DEFAULT_FOLDER : folder);
	smx_config_release(&config);
	return known;
}

static int
join_command(const struct phrase *phrase, char **args, int count, char *out,
    size_t size)
{
	size_t len;

	snprintf(out, size, "%s%s%s", phrase->words[0],
	    phrase->words[1] == NULL ? "" : " ",
	    phrase->words[1] == NULL ? "" : phrase->words[1]);
	for (int i = 0; i < count; i++) {
		len = strlen(out);
		/* One argument is one word, whatever is in it. */
		if (args[i][0] == '\0' || strpbrk(args[i], " \t\r\n") != NULL ||
		    len + strlen(args[i]) + 2 > size) {
			fprintf(stderr, "shadowmxctl: not a usable argument\n");
			return EX_USAGE;
		}
		snprintf(out + len, size - len, " %s", args[i]);
	}
	return EX_OK;
}

static int
pass_on(void *ctx, const char *json, size_t len)
{
	(void)ctx;
	if (fwrite(json, 1, len, stdout) != len || putchar('\n') == EOF)
		return SMX_EIO;
	return 0;
}

int
ctl_ask(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count, smx_line_fn line, void *line_ctx)
{
	char socket[PATH_MAX], command[COMMAND_MAX], why[512] = "";
	int known, rc;

	rc = join_command(phrase, args, count, command, sizeof(command));
	if (rc != EX_OK)
		return rc;
	known = find_socket(ctl, socket, sizeof(socket));
	rc = smx_control_ask(socket, command, DEADLINE_MS,
	    ctl->json ? pass_on : line, line_ctx, why, sizeof(why));
	if (rc == SMX_OK)
		return EX_OK;
	fflush(stdout);
	fprintf(stderr, "shadowmxctl: %s%s%s\n", smx_strerror(rc),
	    why[0] == '\0' ? "" : ": ", why);
	if (rc == SMX_EUNREACHABLE && !known)
		fprintf(stderr,
		    "shadowmxctl: %s could not be used to find the socket; "
		    "see \"config check\"\n",
		    ctl->config_file);
	return ctl_status_of(rc);
}

int
ctl_order(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	int status = ctl_ask(ctl, phrase, args, count, NULL, NULL);

	if (status == EX_OK && ctl->json)
		puts("{\"result\":\"ok\"}");
	return status;
}
