/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/frozen.h"

#include <string.h>

#include "base/buf.h"
#include "core/setting_read.h"
#include "core/setting_write.h"

/*
 * A configuration as text that reads back as the same one.  Settings are
 * written in the order of the table, each group of names opened and closed as
 * the path says; a value is written when it can be (a list that says nothing
 * when it is empty cannot) and when it is asked for.
 */
struct writer {
	const struct smx_config *config;
	const char *only; /* this setting or group, NULL all */
	unsigned flags;
	smx_config_write_fn write;
	void *ctx;
	struct arena arena; /* of the table's defaults */
	struct buf line;
	struct buf open; /* names of the groups that are open, '.' after each */
	size_t depth;    /* of them, and of the items around them */
	size_t shown;    /* place in config->shown, which has the same order */
	int matched;     /* something that was asked for is there */
	int stop;        /* what write answered */
};

/* ---- lines ---- */

static void
line_begin(struct writer *w)
{
	buf_clear(&w->line);
	buf_str(&w->line, "");
	for (size_t i = 0; i < w->depth; i++)
		buf_str(&w->line, "\t");
}

static void
line_end(struct writer *w)
{
	if (w->stop != 0)
		return;
	if (buf_error(&w->line) != SMX_OK)
		w->stop = buf_error(&w->line);
	else
		w->stop = w->write(w->ctx, w->line.data, w->line.len);
}

static void
line_put(struct writer *w, const char *text)
{
	line_begin(w);
	buf_str(&w->line, text);
	line_end(w);
}

/* ---- groups ---- */

/* How much of the open groups stays open for path; path is moved past it. */
static size_t
common(const struct writer *w, const char **path, size_t from)
{
	size_t at = from;

	while (at < w->open.len) {
		const char *dot = strchr(w->open.data + at, '.');
		size_t len = (size_t)(dot - (w->open.data + at)) + 1;

		if (strncmp(w->open.data + at, *path, len) != 0)
			break;
		*path += len;
		at += len;
	}
	return at;
}

static void
groups_close(struct writer *w, size_t keep)
{
	while (w->open.len > keep) {
		size_t at = w->open.len - 1;

		while (at > keep && w->open.data[at - 1] != '.')
			at--;
		w->open.len = at;
		w->open.data[at] = '\0';
		w->depth--;
		line_put(w, "};");
	}
}

/* Open what path names before its last dot; returns the name after it. */
static const char *
groups_open(struct writer *w, const char *path, size_t from)
{
	size_t keep = common(w, &path, from);
	const char *dot;

	groups_close(w, keep);
	while ((dot = strchr(path, '.')) != NULL) {
		size_t len = (size_t)(dot - path);

		line_begin(w);
		buf_add(&w->line, path, len);
		buf_str(&w->line, " = {");
		line_end(w);
		buf_add(&w->open, path, len + 1);
		w->depth++;
		path = dot + 1;
	}
	return path;
}

/* ---- one setting ---- */

static int
is_asked(const struct writer *w, const char *full)
{
	size_t len = w->only == NULL ? 0 : strlen(w->only);

	return w->only == NULL ||
	       (strncmp(full, w->only, len) == 0 &&
		   (full[len] == '\0' || full[len] == '.' || full[len] == '['));
}

/* An item of a list: is anything in it asked for? */
static int
is_around(const struct writer *w, const char *item)
{
	size_t len = strlen(item);

	return is_asked(w, item) ||
	       (strncmp(w->only, item, len) == 0 && w->only[len] == '.');
}

/* Both are in the order of the table; what is not asked for was passed over,
 * and what has nothing to say is not there. */
static const char *
origin_of(struct writer *w, const char *full)
{
	const struct smx_config *c = w->config;
	size_t at = w->shown;

	while (w->only != NULL && at < c->shown_count &&
	       strcmp(c->shown[at].setting, full) != 0)
		at++;
	if (at >= c->shown_count || strcmp(c->shown[at].setting, full) != 0)
		return "default";
	w->shown = at + 1;
	return c->shown[at].origin;
}

static void
setting_write(struct writer *w, const struct setting *s, const void *base,
    const void *presets, const char *path, const char *full, size_t from)
{
	struct buf value, preset;
	const char *origin;
	int known;

	if (!is_asked(w, full))
		return;
	w->matched = 1;
	origin = origin_of(w, full);
	buf_init(&value, 0);
	buf_init(&preset, 0);
	buf_str(&value, "");
	buf_str(&preset, "");
	known = value_write(&value, s, base);
	if (known && (w->flags & SMX_CONFIG_CHANGED) != 0 &&
	    value_write(&preset, s, presets) &&
	    strcmp(value.data, preset.data) == 0)
		known = 0;
	if (known) {
		const char *name = groups_open(w, path, from);

		line_begin(w);
		buf_fmt(&w->line, "%s = %s;", name, value.data);
		if ((w->flags & SMX_CONFIG_ORIGINS) != 0)
			buf_fmt(&w->line, " # %s", origin);
		line_end(w);
	}
	buf_free(&value);
	buf_free(&preset);
}

/* ---- sections ---- */

static void section_write(struct writer *w, enum section section,
    const void *base, const void *presets, const char *path, const char *full,
    size_t from);

/* What a section's settings are when nothing is said; zeroed and never freed
 * before the end.  NULL: no memory. */
static void *
presets_make(struct writer *w, enum section section, size_t width)
{
	void *base = arena_alloc(&w->arena, 1, width);
	struct problems none = { 0 };
	struct reader r = { .arena = &w->arena, .problems = &none };

	if (base == NULL) {
		w->stop = SMX_ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < setting_count; i++)
		if (settings[i].section == section &&
		    settings[i].kind != SETTING_GROUP &&
		    settings[i].kind != SETTING_GROUPS)
			value_preset(&r, &settings[i], base);
	return base;
}

static void
item_write(struct writer *w, const struct setting *s, const void *item,
    const char *full, int *comma)
{
	void *presets = presets_make(w, s->sub, s->width);
	size_t from = w->open.len;

	if (presets == NULL)
		return;
	line_put(w, *comma ? ", {" : "{");
	*comma = 1;
	w->depth++;
	section_write(w, s->sub, item, presets, "", full, from);
	groups_close(w, from);
	w->depth--;
	line_put(w, "}");
}

static void
items_write(struct writer *w, const struct setting *s, const void *base,
    const char *path, const char *full, size_t from)
{
	const char *items, *name;
	size_t count;
	int comma = 0;

	memcpy(&items, (const char *)base + s->offset, sizeof(items));
	memcpy(&count, (const char *)base + s->count_offset, sizeof(count));
	for (size_t i = 0; w->stop == 0 && i < count; i++) {
		char item[READ_PATH];

		path_item(item, full, i);
		if (!is_around(w, item))
			continue;
		if (!comma) {
			name = groups_open(w, path, from);
			line_begin(w);
			buf_fmt(&w->line, "%s = (", name);
			line_end(w);
			w->depth++;
		}
		item_write(w, s, items + i * s->width, item, &comma);
	}
	if (comma) {
		w->depth--;
		line_put(w, ");");
	}
}

/* Known names with nothing to say, if one of them was asked for. */
static void
left_out(struct writer *w, enum section section, const char *full)
{
	for (size_t i = 0; i < setting_count; i++) {
		char whole[READ_PATH];

		if (settings[i].section == section &&
		    is_asked(w, path_join(whole, full, settings[i].path)))
			w->matched = 1;
	}
}

/* A policy starts from the defaults of this configuration, these from the
 * table's; one that leaves everything out says nothing. */
static void
group_write(struct writer *w, const struct setting *s, const void *base,
    const char *path, const char *full, size_t from)
{
	unsigned flags = w->flags;
	const void *presets;

	if (setting_group_is_out(s, base)) {
		left_out(w, s->sub, full);
		return;
	}
	if (s->sub == SECTION_ACK && s->section != SECTION_ROOT)
		presets = &w->config->draft.defaults;
	else
		presets = presets_make(w, s->sub, s->width);
	/* What was left out of a match cannot be written. */
	if (s->sub == SECTION_MATCH)
		w->flags |= SMX_CONFIG_CHANGED;
	if (presets != NULL)
		section_write(w, s->sub, (const char *)base + s->offset,
		    presets, path, full, from);
	w->flags = flags;
}

static void
section_write(struct writer *w, enum section section, const void *base,
    const void *presets, const char *path, const char *full, size_t from)
{
	for (size_t i = 0; w->stop == 0 && i < setting_count; i++) {
		const struct setting *s = &settings[i];
		char sub[READ_PATH], whole[READ_PATH];

		if (s->section != section)
			continue;
		path_join(sub, path, s->path);
		path_join(whole, full, s->path);
		if (s->kind == SETTING_GROUPS)
			items_write(w, s, base, sub, whole, from);
		else if (s->kind == SETTING_GROUP)
			group_write(w, s, base, sub, whole, from);
		else
			setting_write(w, s, base, presets, sub, whole, from);
	}
}

int
smx_config_write(const struct smx_config *config, const char *only,
    unsigned flags, smx_config_write_fn write, void *ctx)
{
	struct writer w = { .config = config,
		.only = only,
		.flags = flags,
		.write = write,
		.ctx = ctx };
	void *presets;

	arena_init(&w.arena);
	buf_init(&w.line, 0);
	buf_init(&w.open, 0);
	buf_str(&w.open, "");
	presets = presets_make(&w, SECTION_ROOT, sizeof(struct draft));
	if (presets != NULL)
		section_write(&w, SECTION_ROOT, &config->draft, presets, "", "",
		    0);
	groups_close(&w, 0);
	if (w.stop == 0 && arena_failed(&w.arena))
		w.stop = SMX_ENOMEM;
	if (w.stop == 0 && only != NULL && !w.matched)
		w.stop = SMX_ENOTFOUND;
	buf_free(&w.open);
	buf_free(&w.line);
	arena_free(&w.arena);
	return w.stop;
}
