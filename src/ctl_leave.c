/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_json.h"
#include "ctl_text.h"

#define DAY_MS 86400000

/* "leave": which members know it now? */
struct leave {
	const struct ctl *ctl;
	int untold;
};

static int
take_line(void *ctx, const char *json, size_t len)
{
	struct leave *leave = ctx;
	struct record *r = record_parse(json, len);
	const char *name, *result;
	char text[300];
	int told;

	if (r == NULL)
		return SMX_EPROTO;
	name = record_text(r, "name");
	result = record_text(r, "result");
	told = result != NULL && strcmp(result, smx_errname(SMX_OK)) == 0;
	leave->untold += !told;
	if (leave->ctl->json)
		printf("%.*s\n", (int)len, json);
	else
		printf("%s %s\n",
		    text_show(text, sizeof(text), name == NULL ? "?" : name),
		    told ? "knows" : "does not answer");
	record_free(&r);
	return 0;
}

int
ctl_leave(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct leave leave = { .ctl = ctl };
	char command[64] = "leave";
	int status;

	(void)phrase;
	(void)args;
	(void)count;
	if (ctl->for_ms > DAY_MS) {
		fputs("shadowmxctl: --for: one day at the most\n", stderr);
		return EX_USAGE;
	}
	if ((ctl->given & OPTION_FOR) != 0)
		snprintf(command, sizeof(command), "leave %lld", ctl->for_ms);
	status = ctl_say(ctl, command, take_line, &leave);
	if (status != EX_OK || leave.untold == 0)
		return status;
	fputs("shadowmxctl: one that does not know it takes over as when this "
	      "host is lost\n",
	    stderr);
	return EX_NOT_ALL;
}
