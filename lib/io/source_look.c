/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/source_look.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/source_file.h"

static void
tell_refused(const struct source *source, const struct source_trouble *trouble)
{
	int table = source->kind == SOURCE_TABLE;
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, NULL,
	    table ? "table-refused" : "geo-refused");
	log_str(&l, "file", source->path);
	if (trouble->line != 0) {
		log_num(&l, "line", (int64_t)trouble->line);
		log_str(&l, "text", trouble->text);
	}
	log_str(&l, "message", trouble->message);
	if (trouble->accepted[0] != '\0')
		log_str(&l, "accepted", trouble->accepted);
	log_str(&l, "in_use",
	    table || source->geo.ops != NULL ? "the old one" : "none");
	log_end(&l);
}

static void
tell_loaded(const struct source *source, int64_t took_ms)
{
	struct log_line l;

	if (source->kind != SOURCE_TABLE) {
		log_begin(&l, SMX_LOG_NOTICE, NULL, "geo-loaded");
		log_str(&l, "file", source->path);
		log_end(&l);
		return;
	}
	/* An empty one is more often an accident than a wish. */
	log_begin(&l,
	    table_count(source->table) != 0 ? SMX_LOG_NOTICE : SMX_LOG_WARNING,
	    NULL, "table-loaded");
	log_str(&l, "file", source->path);
	log_num(&l, "recipients", (int64_t)table_count(source->table));
	log_num(&l, "bytes", (int64_t)table_bytes(source->table));
	log_num(&l, "took_ms", took_ms);
	log_end(&l);
}

/* Non-zero when it is time to read it. */
static int
is_due(struct source_look_row *row, const struct source *source,
    const struct stamp *stamp, int64_t now_ms)
{
	if (stamp_same(stamp, &source->stamp)) {
		row->has_seen = row->has_tried = row->has_told = 0;
		return 0;
	}
	if (row->has_tried && stamp_same(stamp, &row->tried))
		return 0;
	if (!row->has_seen || !stamp_same(stamp, &row->seen)) {
		row->has_seen = 1;
		row->seen = *stamp;
		row->since_ms = now_ms;
		return 0;
	}
	return now_ms - row->since_ms >= SOURCE_STILL_MS;
}

static void
refuse(struct source_look_row *row, const struct source *source,
    const struct stamp *stamp, int result, const struct source_trouble *trouble)
{
	if (result == SMX_EBUSY) {
		row->has_seen = 0;
		return;
	}
	/* Want of memory may be over at the next look. */
	if (result == SMX_ECONFIG || result == SMX_ENOTFOUND) {
		row->tried = *stamp;
		row->has_tried = 1;
	}
	if (!row->has_told || !stamp_same(stamp, &row->told))
		tell_refused(source, trouble);
	row->told = *stamp;
	row->has_told = 1;
}

/* Non-zero when *fresh is another one now. */
static int
look_at(struct source_look_row *row, const struct source *source,
    int64_t now_ms, struct source *fresh)
{
	struct source_trouble trouble;
	int64_t began_ms = clock_mono_ms();
	struct stamp stamp;
	int result;

	stamp_take(&stamp, source->path);
	if (!is_due(row, source, &stamp, now_ms))
		return 0;
	result = source_read(fresh, &trouble);
	if (result != SMX_OK) {
		fresh->stamp = source->stamp;
		refuse(row, source, &stamp, result, &trouble);
		return 0;
	}
	/* It has been still for long enough. */
	fresh->stamp = stamp;
	tell_loaded(fresh, clock_mono_ms() - began_ms);
	return 1;
}

int
source_look(struct source_look *look, struct smx_config *config, int64_t now_ms,
    struct smx_config **next)
{
	struct sources fresh = config->sources;
	unsigned char changed[SOURCES_MAX] = { 0 };
	int any = 0, result = SMX_ENOTFOUND;

	if (look->home != config->home) {
		memset(look, 0, sizeof(*look));
		look->home = config->home;
	}
	for (size_t i = 0; i < fresh.count; i++) {
		changed[i] = (unsigned char)look_at(&look->row[i],
		    &config->sources.list[i], now_ms, &fresh.list[i]);
		any |= changed[i];
	}
	if (any)
		result = frozen_renew(next, config, &fresh);
	/* The new configuration has users of its own. */
	for (size_t i = 0; i < fresh.count; i++)
		if (changed[i])
			source_release(&fresh.list[i]);
	return result;
}

int
source_inherit(struct smx_config *next, const struct smx_config *before,
    struct smx_config **out)
{
	struct sources fresh = next->sources;
	int any = 0;

	for (size_t i = 0; i < fresh.count; i++) {
		struct source *source = &fresh.list[i];
		size_t at =
		    sources_find(&before->sources, source->kind, source->path);

		if (source->kind == SOURCE_TABLE || source->geo.ops != NULL ||
		    at == SOURCES_MAX ||
		    before->sources.list[at].geo.ops == NULL)
			continue;
		source->geo = before->sources.list[at].geo;
		any = 1;
	}
	return any ? frozen_renew(out, next, &fresh) : SMX_ENOTFOUND;
}
