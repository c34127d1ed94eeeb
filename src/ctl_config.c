/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "check.h"
#include "ctl_json.h"
#include "ctl_text.h"

static int
json_one(void *ctx, const char *setting, const char *value, const char *origin)
{
	static const char *const names[] = { "setting", "value", "origin" };
	const char *const values[] = { setting, value, origin };

	(void)ctx;
	return record_print(names, values);
}

static int
print_one(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	return fwrite(line, 1, len, stdout) == len && putchar('\n') != EOF
		   ? 0
		   : SMX_EIO;
}

static int
show_files(const struct ctl *ctl, unsigned flags, const char *only)
{
	struct smx_config *config = NULL;
	int status = check_load(ctl->config_file, &config), rc;

	if (status != EX_OK)
		return status;
	rc = ctl->json ? smx_config_each(config, json_one, NULL)
		       : smx_config_write(config, only, flags, print_one, NULL);
	smx_config_release(&config);
	if (rc == SMX_ENOTFOUND) {
		char *shown = text_escape(only);

		fprintf(stderr,
		    "shadowmxctl: no setting is called \"%.200s\"; \"config "
		    "show\" shows all\n",
		    shown == NULL ? "" : shown);
		text_release(&shown);
		return EX_USAGE;
	}
	return rc != 0 ? EX_OSERR : EX_OK;
}

/* ---- of the running daemon ---- */

static int
take_line(void *ctx, const char *json, size_t len)
{
	struct record *r = record_parse(json, len);
	const char *line = r == NULL ? NULL : record_text(r, "line");
	int bad = line == NULL || print_one(ctx, line, strlen(line)) != 0;

	record_free(&r);
	return bad ? SMX_EPROTO : 0;
}

static int
show_daemon(const struct ctl *ctl, const struct phrase *phrase, unsigned flags,
    char **args, int count)
{
	static const struct phrase all = { .words = { "config", "text" } };
	char changed[] = "-n";
	char *words[] = { changed, count > 0 ? args[0] : NULL };
	int some = flags == SMX_CONFIG_CHANGED;

	if (ctl->json)
		return ctl_ask(ctl, phrase, args, 0, NULL, NULL);
	return ctl_ask(ctl, &all, words + !some, count + some, take_line, NULL);
}

/* ---- both ---- */

/* With a socket named, the daemon behind it is meant. */
int
ctl_config_show(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	int some = (ctl->given & OPTION_CHANGED) != 0;
	unsigned flags = some ? SMX_CONFIG_CHANGED : SMX_CONFIG_ORIGINS;

	if (ctl->json && (some || count > 0)) {
		fputs("shadowmxctl: --json shows all settings; neither "
		      "--changed nor a name goes with it\n",
		    stderr);
		return EX_USAGE;
	}
	if (ctl->socket != NULL)
		return show_daemon(ctl, phrase, flags, args, count);
	return show_files(ctl, flags, count > 0 ? args[0] : NULL);
}
