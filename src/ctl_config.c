/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <stdio.h>
#include <sysexits.h>

#include "check.h"
#include "ctl_json.h"
#include "ctl_table.h"
#include "ctl_text.h"

int
ctl_config_check(const struct ctl *ctl, const struct phrase *phrase,
    char **args, int count)
{
	int status = check_config(ctl->config_file, NULL);

	(void)phrase;
	(void)args;
	(void)count;
	if (status == EX_OK && ctl->json)
		puts("{\"result\":\"ok\"}");
	else if (status == EX_OK)
		printf("%s: no problem found\n", ctl->config_file);
	return status;
}

static int
json_one(void *ctx, const char *setting, const char *value, const char *origin)
{
	static const char *const names[] = { "setting", "value", "origin" };
	const char *const values[] = { setting, value, origin };

	(void)ctx;
	return record_print(names, values);
}

static int
table_one(void *ctx, const char *setting, const char *value, const char *origin)
{
	struct table *table = ctx;
	const char *const texts[] = { setting, value, origin };

	for (size_t i = 0; i < 3; i++) {
		char *text = text_escape(texts[i]);
		int bad = text == NULL || table_cell(table, i, text) != 0;

		text_release(&text);
		if (bad)
			return 1;
	}
	return 0;
}

/* ---- of the running daemon ---- */

static int
take_line(void *ctx, const char *json, size_t len)
{
	static const char *const names[] = { "setting", "value", "origin" };
	struct record *r = record_parse(json, len);
	struct table *table = ctx;
	int bad = r == NULL;

	for (size_t i = 0; i < 3 && !bad; i++) {
		const char *text = record_text(r, names[i]);
		char shown[1200];

		bad = table_cell(table, i,
			  text_show(shown, sizeof(shown),
			      text == NULL ? "" : text)) != 0;
	}
	record_free(&r);
	return bad ? SMX_EPROTO : 0;
}

/* ---- both ---- */

static const char *const heads[] = { "SETTING", "VALUE", "FROM" };

static int
show_files(const struct ctl *ctl, struct table *table)
{
	struct smx_config *config = NULL;
	int status = check_load(ctl->config_file, &config), bad;

	if (status != EX_OK)
		return status;
	bad = ctl->json ? smx_config_each(config, json_one, NULL)
			: smx_config_each(config, table_one, table);
	smx_config_release(&config);
	return bad ? EX_OSERR : EX_OK;
}

/* With a socket named, the daemon behind it is meant. */
int
ctl_config_show(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct table table;
	int status;

	if (table_open(&table, heads, 3) != 0)
		return EX_OSERR;
	if (ctl->socket != NULL)
		status = ctl_ask(ctl, phrase, args, count, take_line, &table);
	else
		status = show_files(ctl, &table);
	table_close(&table);
	return status;
}
