/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/frozen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/setting_read.h"
#include "core/units.h"

/*
 * Every setting as text, made once when a configuration is frozen.  A list is
 * shown as it would be written; a long one is cut, with the number of what was
 * left out.
 */
#define ITEMS_MAX  50
#define SHOWN_GROW 64

struct show {
	struct smx_config *config;
	const struct tree *defaults; /* defaults.acknowledge, or NULL */
	struct shown *list;
	size_t count;
	size_t room;
	struct buf text;
	int64_t number;
};

static void
show_words(struct show *show, const struct setting *s)
{
	const char *comma = "";

	buf_str(&show->text, "(");
	for (const struct setting_word *w = s->words; w->word != NULL; w++) {
		if ((show->number & w->value) == 0)
			continue;
		buf_fmt(&show->text, "%s\"%s\"", comma, w->word);
		comma = ", ";
	}
	buf_str(&show->text, ")");
}

static void
show_list(struct show *show, const struct setting *s, const void *base)
{
	const char *const *texts;
	const uint32_t *asns;
	const char *at = (const char *)base + s->offset;
	size_t count;

	memcpy(&texts, at, sizeof(texts));
	memcpy(&asns, at, sizeof(asns));
	memcpy(&count, (const char *)base + s->count_offset, sizeof(count));
	buf_str(&show->text, "(");
	for (size_t i = 0; i < count && i < ITEMS_MAX; i++) {
		buf_str(&show->text, i != 0 ? ", " : "");
		if (s->kind == SETTING_ASNS && asns[i] == 0)
			buf_str(&show->text, "\"unknown\"");
		else if (s->kind == SETTING_ASNS)
			buf_fmt(&show->text, "%" PRIu32, asns[i]);
		else
			buf_fmt(&show->text, "\"%s\"", texts[i]);
	}
	if (count > ITEMS_MAX)
		buf_fmt(&show->text, ", and %zu more", count - ITEMS_MAX);
	buf_str(&show->text, ")");
}

static void
show_trial(struct show *show, const struct setting *s, const void *base)
{
	const char *word = setting_word(s, show->number);
	char unit[UNITS_TEXT];
	int64_t time_ms;

	memcpy(&time_ms, (const char *)base + s->count_offset, sizeof(time_ms));
	if (word == NULL)
		return;
	if (time_ms == 0)
		buf_str(&show->text, word);
	else
		buf_fmt(&show->text, "(\"%s\", \"%s\", \"accept\")", word,
		    duration_format(time_ms, unit));
}

static void
show_number(struct show *show, const struct setting *s)
{
	char unit[UNITS_TEXT];
	const char *word;

	switch (s->kind) {
	case SETTING_DURATION:
		buf_str(&show->text, duration_format(show->number, unit));
		break;
	case SETTING_SIZE:
		buf_str(&show->text, size_format(show->number, unit));
		break;
	case SETTING_CHOICE:
		word = setting_word(s, show->number);
		buf_str(&show->text, word != NULL ? word : "");
		break;
	case SETTING_FLAG:
		if (show->number >= 0)
			buf_str(&show->text, show->number ? "true" : "false");
		break;
	default:
		buf_fmt(&show->text, "%" PRId64, show->number);
		break;
	}
}

static void
show_value(struct show *show, const struct setting *s, const void *base)
{
	const char *text;

	buf_clear(&show->text);
	buf_str(&show->text, "");
	show->number = -1;
	switch (s->kind) {
	case SETTING_TEXT:
	case SETTING_WORD:
		memcpy(&text, (const char *)base + s->offset, sizeof(text));
		buf_str(&show->text, text);
		break;
	case SETTING_LIST:
	case SETTING_ASNS:
		show_list(show, s, base);
		break;
	case SETTING_TRIAL:
		show->number = setting_number(s, base);
		show_trial(show, s, base);
		break;
	case SETTING_CHOICES:
		show->number = setting_number(s, base);
		show_words(show, s);
		break;
	default:
		show->number = setting_number(s, base);
		show_number(show, s);
		break;
	}
}

static const char *
origin_of(struct show *show, const struct tree *node)
{
	struct arena *arena = &show->config->home->arena;
	const char *origin;
	struct buf b;

	if (node == NULL)
		return "default";
	buf_init(&b, 0);
	buf_fmt(&b, "%s:%d", node->file, node->line);
	origin = b.data != NULL ? arena_str(arena, b.data) : NULL;
	buf_free(&b);
	return origin;
}

static int
show_add(struct show *show, const struct setting *s, const char *name,
    const struct tree *node)
{
	struct arena *arena = &show->config->home->arena;
	struct shown *entry;

	if (show->count == show->room) {
		size_t room = show->room != 0 ? show->room * 2 : SHOWN_GROW;
		struct shown *list = arena_alloc(arena, room, sizeof(*list));

		if (list == NULL)
			return SMX_ENOMEM;
		if (show->count != 0)
			memcpy(list, show->list, show->count * sizeof(*list));
		show->list = list;
		show->room = room;
	}
	if (node == NULL && s->section == SECTION_ACK)
		node = tree_find(show->defaults, s->path);
	entry = &show->list[show->count++];
	entry->setting = arena_str(arena, name);
	entry->value =
	    show->text.data != NULL ? arena_str(arena, show->text.data) : NULL;
	entry->origin = origin_of(show, node);
	entry->number = show->number;
	return arena_failed(arena) || buf_error(&show->text) != SMX_OK
		   ? SMX_ENOMEM
		   : SMX_OK;
}

static int show_section(struct show *show, enum section section,
    const void *base, const struct tree *group, const char *name);

static int
show_groups(struct show *show, const struct setting *s, const void *base,
    const struct tree *node, const char *name)
{
	const struct tree *t = node != NULL ? node->first : NULL;
	int result = SMX_OK;
	const char *items;
	size_t count;

	memcpy(&items, (const char *)base + s->offset, sizeof(items));
	memcpy(&count, (const char *)base + s->count_offset, sizeof(count));
	for (size_t i = 0; result == SMX_OK && i < count; i++) {
		char item[READ_PATH];

		result = show_section(show, s->sub, items + i * s->width, t,
		    path_item(item, name, i));
		t = t != NULL ? t->next : NULL;
	}
	return result;
}

/* A list that was not given in a match says nothing. */
static int
is_silent(const struct setting *s, const struct tree *node)
{
	return s->section == SECTION_MATCH && node == NULL;
}

static int
show_section(struct show *show, enum section section, const void *base,
    const struct tree *group, const char *name)
{
	int result = SMX_OK;

	for (size_t i = 0; result == SMX_OK && i < setting_count; i++) {
		const struct setting *s = &settings[i];
		const struct tree *node = tree_find(group, s->path);
		char full[READ_PATH];

		if (s->section != section || is_silent(s, node))
			continue;
		path_join(full, name, s->path);
		if (s->kind == SETTING_GROUPS) {
			result = show_groups(show, s, base, node, full);
		} else if (s->kind == SETTING_GROUP &&
			   !setting_group_is_out(s, base)) {
			result = show_section(show, s->sub,
			    (const char *)base + s->offset, node, full);
		} else if (s->kind != SETTING_GROUP) {
			show_value(show, s, base);
			result = show_add(show, s, full, node);
		}
	}
	return result;
}

int
shown_build(struct smx_config *config, const struct tree *root)
{
	struct show show = { .config = config,
		.defaults = tree_find(root, "defaults.acknowledge"),
		.number = -1 };
	int result;

	buf_init(&show.text, 0);
	result = show_section(&show, SECTION_ROOT, &config->draft, root, "");
	buf_free(&show.text);
	config->shown = show.list;
	config->shown_count = show.count;
	return result;
}
