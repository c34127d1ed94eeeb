/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/units.h"

const struct setting *
setting_find(enum section section, const char *path)
{
	for (size_t i = 0; i < setting_count; i++)
		if (settings[i].section == section &&
		    strcmp(settings[i].path, path) == 0)
			return &settings[i];
	return NULL;
}

/* What follows "path." in the setting's path, or NULL. */
static const char *
below(const struct setting *s, const char *path)
{
	size_t len = strlen(path);

	if (len == 0)
		return s->path;
	if (strncmp(s->path, path, len) != 0 || s->path[len] != '.')
		return NULL;
	return s->path + len + 1;
}

int
setting_is_group(enum section section, const char *path)
{
	for (size_t i = 0; i < setting_count; i++)
		if (settings[i].section == section &&
		    below(&settings[i], path) != NULL)
			return 1;
	return 0;
}

int
setting_group_is_out(const struct setting *group, const void *base)
{
	struct smx_backup backup;

	if (group->sub != SECTION_BACKUP)
		return 0;
	memcpy(&backup, (const char *)base + group->offset, sizeof(backup));
	return backup.while_up == 0;
}

size_t
setting_names(enum section section, const char *path,
    char (*names)[SETTING_NAME_MAX], size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < setting_count && count < max; i++) {
		const char *rest = below(&settings[i], path);
		size_t len;

		if (settings[i].section != section || rest == NULL)
			continue;
		len = strcspn(rest, ".");
		/* Members of one group stand together in the table. */
		if (count != 0 && strlen(names[count - 1]) == len &&
		    strncmp(names[count - 1], rest, len) == 0)
			continue;
		snprintf(names[count++], SETTING_NAME_MAX, "%.*s", (int)len,
		    rest);
	}
	return count;
}

static void
words_list(const struct setting_word *words, struct buf *b)
{
	for (; words->word != NULL; words++)
		if (words->refused == NULL)
			buf_fmt(b, "%s\"%s\"", b->len != 0 ? " or " : "",
			    words->word);
}

static void
bounds_text(const struct setting *s, char *out, size_t size)
{
	char low[UNITS_TEXT], high[UNITS_TEXT];

	if (s->kind == SETTING_DURATION)
		snprintf(out, size, "a time from %s to %s, as \"%s\"",
		    duration_format(s->low, low),
		    duration_format(s->high, high), s->preset);
	else if (s->kind == SETTING_SIZE)
		snprintf(out, size, "a size from %s to %s, as \"%s\"",
		    size_format(s->low, low), size_format(s->high, high),
		    s->preset[0] != '0' ? s->preset : "64M");
	else
		snprintf(out, size, "a number from %" PRId64 " to %" PRId64,
		    s->low, s->high);
}

void
setting_accepted(const struct setting *setting, char *out, size_t size)
{
	struct buf b;

	if (setting->accepted != NULL) {
		text_copy(out, size, setting->accepted);
	} else if (setting->words != NULL) {
		buf_init(&b, 0);
		words_list(setting->words, &b);
		snprintf(out, size, "%s%s", b.data != NULL ? b.data : "",
		    setting->kind == SETTING_CHOICES ? ", in a list; () for "
						       "no shadow"
						     : "");
		buf_free(&b);
	} else if (setting->kind == SETTING_FLAG) {
		text_copy(out, size, "true or false");
	} else {
		bounds_text(setting, out, size);
	}
}

int
setting_appends(const char *path)
{
	const struct setting *s = setting_find(SECTION_ROOT, path);

	return s != NULL && s->kind == SETTING_GROUPS;
}

const char *
setting_word(const struct setting *setting, int64_t value)
{
	for (const struct setting_word *w = setting->words; w->word != NULL;
	     w++)
		if (w->value == value && w->refused == NULL)
			return w->word;
	return NULL;
}
