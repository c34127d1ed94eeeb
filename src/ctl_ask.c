/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "ctl_socket.h"
#include "ctl_text.h"

/* A reload may take as long as reading large tables does. */
#define DEADLINE_MS 70000

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

/* One argument is one word of printable ASCII, whatever is in it. */
static const char *
what_is_wrong(const char *argument)
{
	if (argument[0] == '\0')
		return "an argument is empty";
	for (const char *p = argument; *p != '\0'; p++)
		if (*p <= 0x20 || *p > 0x7e)
			return "an argument has a blank or a byte that is not "
			       "printable ASCII";
	return NULL;
}

int
ctl_join(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count, char *out, size_t size)
{
	size_t len = (size_t)snprintf(out, size, "%s%s%s%s", phrase->words[0],
	    phrase->words[1] == NULL ? "" : " ",
	    phrase->words[1] == NULL ? "" : phrase->words[1],
	    (ctl->given & OPTION_YES) != 0 ? " --yes" : "");

	for (int i = 0; i < count; i++) {
		const char *wrong = what_is_wrong(args[i]);

		if (wrong == NULL && len + strlen(args[i]) + 2 > size)
			wrong = "an argument is too long";
		if (wrong != NULL) {
			char *shown = text_escape(args[i]);

			fprintf(stderr, "shadowmxctl: %s: \"%.100s\"\n", wrong,
			    shown == NULL ? "" : shown);
			text_release(&shown);
			return EX_USAGE;
		}
		len += (size_t)snprintf(out + len, size - len, " %s", args[i]);
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
ctl_complain(const struct ctl *ctl, int rc, const char *why)
{
	const char *socket;

	fflush(stdout);
	fprintf(stderr, "shadowmxctl: %s%s%s\n", smx_strerror(rc),
	    why[0] == '\0' ? "" : ": ", why);
	if (rc == SMX_EUNREACHABLE && !socket_find(ctl, &socket))
		fprintf(stderr,
		    "shadowmxctl: %s could not be used to find the socket; "
		    "see \"config check\"\n",
		    ctl->config_file);
	return ctl_status_of(rc);
}

int
ctl_say_quietly(const struct ctl *ctl, const char *command, smx_line_fn line,
    void *line_ctx, char *why, size_t why_size)
{
	const char *socket;

	(void)socket_find(ctl, &socket);
	return smx_control_ask(socket, command, DEADLINE_MS, line, line_ctx,
	    why, why_size);
}

int
ctl_say(const struct ctl *ctl, const char *command, smx_line_fn line,
    void *line_ctx)
{
	char why[512] = "";
	int rc =
	    ctl_say_quietly(ctl, command, line, line_ctx, why, sizeof(why));

	return rc == SMX_OK ? EX_OK : ctl_complain(ctl, rc, why);
}

int
ctl_ask(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count, smx_line_fn line, void *line_ctx)
{
	char command[COMMAND_MAX];
	int rc = ctl_join(ctl, phrase, args, count, command, sizeof(command));

	if (rc != EX_OK)
		return rc;
	return ctl_say(ctl, command, ctl->json ? pass_on : line, line_ctx);
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

long long
ctl_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}
