/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/source.h"

#include <string.h>

#include "core/setting_read.h"

size_t
sources_find(const struct sources *sources, enum source_kind kind,
    const char *path)
{
	for (size_t i = 0; i < sources->count; i++)
		if (sources->list[i].kind == kind &&
		    strcmp(sources->list[i].path, path) == 0)
			return i;
	return SOURCES_MAX;
}

static void
source_add(struct sources *s, enum source_kind kind, const char *path,
    const char *setting)
{
	struct source *source = &s->list[s->count++];

	memset(source, 0, sizeof(*source));
	source->kind = kind;
	source->path = path;
	source->setting = setting;
}

static int
tables_add(struct sources *s, const struct policy_match *match, size_t policy,
    struct arena *arena)
{
	char name[READ_PATH], setting[READ_PATH], item[READ_PATH];

	path_item(name, "policies", policy);
	path_join(setting, name, "match.recipient_tables");
	for (size_t i = 0; i < match->table_count; i++) {
		/* What was wrong by itself has been reported. */
		if (match->tables[i] == NULL ||
		    sources_find(s, SOURCE_TABLE, match->tables[i]) !=
			SOURCES_MAX)
			continue;
		if (s->count == TABLES_MAX)
			return SMX_ELIMIT;
		source_add(s, SOURCE_TABLE, match->tables[i],
		    arena_str(arena, path_item(item, setting, i)));
	}
	return arena_failed(arena) ? SMX_ENOMEM : SMX_OK;
}

int
sources_of(struct sources *out, const struct draft *draft, struct arena *arena)
{
	int result = SMX_OK;

	out->count = 0;
	for (size_t i = 0; result == SMX_OK && i < draft->policy_count; i++)
		result = tables_add(out, &draft->policies[i].match, i, arena);
	if (draft->conf.geo_country[0] != '\0')
		source_add(out, SOURCE_COUNTRY, draft->conf.geo_country,
		    "geo.country");
	if (draft->conf.geo_asn[0] != '\0')
		source_add(out, SOURCE_ASN, draft->conf.geo_asn, "geo.asn");
	return result;
}

void
source_hold(const struct source *source)
{
	if (source->table != NULL)
		table_hold(source->table);
	if (source->geo.ops != NULL)
		source->geo.ops->hold(source->geo.ctx);
}

void
source_release(struct source *source)
{
	table_release(&source->table);
	if (source->geo.ops != NULL)
		source->geo.ops->close(source->geo.ctx);
	source->geo.ops = NULL;
	source->geo.ctx = NULL;
}

int
stamp_same(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->bytes == b->bytes && a->changed_ns == b->changed_ns &&
	       a->altered_ns == b->altered_ns;
}
