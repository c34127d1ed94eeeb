/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/reload.h"

#include <string.h>

#include "base/buf.h"
#include "core/settings.h"

/* Also what is inside such a setting: "peers.members[0].pin". */
static int
is_fixed(const char *name)
{
	for (size_t i = 0; i < setting_count; i++) {
		size_t len = strlen(settings[i].path);

		if (settings[i].section == SECTION_ROOT &&
		    (settings[i].flags & SETTING_RESTART) != 0 &&
		    strncmp(name, settings[i].path, len) == 0 &&
		    strchr(".[", name[len]) != NULL)
			return 1;
	}
	return 0;
}

struct search {
	const char *setting;
	const char *value;
	int same;
};

static int
search_one(void *ctx, const char *setting, const char *value,
    const char *origin)
{
	struct search *search = ctx;

	(void)origin;
	if (strcmp(setting, search->setting) != 0)
		return 0;
	search->same = strcmp(value, search->value) == 0;
	return 1;
}

struct compare {
	const struct smx_config *other;
	struct buf *names;
	size_t count;
};

static int
compare_one(void *ctx, const char *setting, const char *value,
    const char *origin)
{
	struct compare *compare = ctx;
	struct search search = { setting, value, 0 };

	(void)origin;
	if (!is_fixed(setting))
		return 0;
	(void)smx_config_each(compare->other, search_one, &search);
	if (search.same || (compare->names->len != 0 &&
			       strstr(compare->names->data, setting) != NULL))
		return 0;
	buf_fmt(compare->names, "%s%s", compare->count == 0 ? "" : ", ",
	    setting);
	compare->count++;
	return 0;
}

size_t
reload_needs_restart(const struct smx_config *now,
    const struct smx_config *next, char *names, size_t size)
{
	struct buf b;
	struct compare compare = { .names = &b };

	buf_init(&b, 0);
	compare.other = now;
	(void)smx_config_each(next, compare_one, &compare);
	/* And what the new files do not have any more. */
	compare.other = next;
	(void)smx_config_each(now, compare_one, &compare);
	text_copy(names, size, b.data == NULL ? "" : b.data);
	buf_free(&b);
	return compare.count;
}
