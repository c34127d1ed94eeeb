/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/config.h>

#include "core/frozen.h"
#include "core/settings.h"
#include "io/conf_file.h"
#include "io/source_file.h"

/* Everything that is read on the way to one configuration. */
struct load {
	struct arena arena;
	struct problems problems;
	struct conf_budget budget;
	struct tree *root;
};

static int
load_begin(struct load *l, const char *name, smx_config_report_fn report,
    void *ctx)
{
	memset(l, 0, sizeof(*l));
	arena_init(&l->arena);
	l->problems.report = report;
	l->problems.ctx = ctx;
	l->root = tree_new(&l->arena, TREE_GROUP, NULL);
	if (l->root == NULL)
		return SMX_ENOMEM;
	/* Where a setting is missed that stands nowhere. */
	l->root->file = arena_str(&l->arena, name);
	return arena_failed(&l->arena) ? SMX_ENOMEM : SMX_OK;
}

/* The text is parsed only when the scan had nothing to say about it. */
static int
load_text(struct load *l, const char *path, const char *text)
{
	size_t before = l->problems.count;
	struct tree *tree = NULL;
	struct conf_text t;
	int result;

	conf_text_init(&t, &l->problems, &l->budget);
	result = text != NULL ? conf_text_string(&t, path, text)
			      : conf_text_file(&t, path);
	if (result == SMX_OK && l->problems.count == before)
		result = conf_file_parse(&t, &l->arena, &tree);
	if (tree != NULL)
		tree_merge(l->root, tree, setting_appends);
	conf_text_free(&t);
	return result == SMX_ECONFIG ? SMX_OK : result;
}

/* ---- conf.d ---- */

static int
wanted(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 &&
	       strcmp(entry->d_name + len - 5, ".conf") == 0;
}

/* Bytes, not the locale: the order must be the same on every host. */
static int
name_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
folder_path(const char *path, struct buf *out)
{
	const char *slash = strrchr(path, '/');

	buf_init(out, 0);
	if (slash != NULL)
		buf_add(out, path, (size_t)(slash + 1 - path));
	return buf_str(out, "conf.d");
}

static int
load_folder(struct load *l, const char *path)
{
	struct dirent **names = NULL;
	int count, result;
	struct buf b;
	size_t len;

	result = folder_path(path, &b);
	count =
	    result == SMX_OK ? scandir(b.data, &names, wanted, name_order) : 0;
	if (count < 0 && errno == ENOMEM)
		result = SMX_ENOMEM;
	else if (count < 0 && errno != ENOENT)
		problem_file(&l->problems, b.data, 0, "",
		    "the folder cannot be read", "a readable folder, or none");
	len = b.len;
	for (int i = 0; i < count; i++) {
		b.len = len;
		buf_fmt(&b, "/%s", names[i]->d_name);
		if (result == SMX_OK && buf_error(&b) != SMX_OK)
			result = SMX_ENOMEM;
		if (result == SMX_OK)
			result = load_text(l, b.data, NULL);
		free(names[i]);
	}
	free(names);
	buf_free(&b);
	return result;
}

/* ---- public ---- */

/* What a file with an error sets is not known, so nothing is missed yet. */
static int
load_end(struct load *l, int result, source_open_fn open_source,
    struct smx_config **out)
{
	if (result == SMX_OK && l->problems.count != 0)
		result = SMX_ECONFIG;
	if (result == SMX_OK)
		result = frozen_build(out, l->root, open_source, &l->problems);
	arena_free(&l->arena);
	return result;
}

static int
load_files(struct smx_config **out, const char *path,
    source_open_fn open_source, smx_config_report_fn report, void *ctx)
{
	struct load l;
	int result = load_begin(&l, path, report, ctx);

	if (result == SMX_OK)
		result = load_text(&l, path, NULL);
	if (result == SMX_OK)
		result = load_folder(&l, path);
	return load_end(&l, result, open_source, out);
}

int
smx_config_load(struct smx_config **out, const char *path,
    smx_config_report_fn report, void *report_ctx)
{
	return load_files(out, path, source_open, report, report_ctx);
}

int
smx_config_read(struct smx_config **out, const char *path,
    smx_config_report_fn report, void *report_ctx)
{
	return load_files(out, path, NULL, report, report_ctx);
}

int
smx_config_parse(struct smx_config **out, const char *text, const char *name,
    smx_config_report_fn report, void *report_ctx)
{
	struct load l;
	int result = load_begin(&l, name, report, report_ctx);

	if (result == SMX_OK)
		result = load_text(&l, name, text);
	return load_end(&l, result, source_open, out);
}
