/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SOURCE_H
#define CORE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/geo.h"
#include "core/settings.h"
#include "core/table.h"

/*
 * Files that a configuration names and that may change while it is in use:
 * tables of recipients and databases of places.  What is read of one never
 * changes and is counted; a change of the file makes another configuration that
 * shares everything else with the old one (frozen_renew).
 */
enum source_kind { SOURCE_TABLE = 1, SOURCE_COUNTRY, SOURCE_ASN };

/* What tells one state of a file from another; all zero: it is not there. */
struct stamp {
	uint64_t device;
	uint64_t inode;
	uint64_t bytes;
	int64_t changed_ns; /* its content */
	int64_t altered_ns; /* anything about it */
};

struct source {
	enum source_kind kind;
	const char *path;    /* the configuration's */
	const char *setting; /* that names it first, for people */
	struct stamp stamp;  /* of the file when it was read, or tried */
	struct table *table; /* SOURCE_TABLE */
	struct geo geo;      /* others; without ops: could not be opened */
};

#define SOURCES_MAX 66 /* 64 tables and two databases */
#define TABLES_MAX  64

struct sources {
	struct source list[SOURCES_MAX];
	size_t count;
};

/* What the draft names, each file once.  SMX_ELIMIT: more than TABLES_MAX
 * tables; SMX_ENOMEM. */
int sources_of(struct sources *out, const struct draft *draft,
    struct arena *arena) SMX_MUST_USE;
/* SOURCES_MAX when it is not there. */
size_t sources_find(const struct sources *sources, enum source_kind kind,
    const char *path);
/* One more user of what was read. */
void source_hold(const struct source *source);
void source_release(struct source *source);
int stamp_same(const struct stamp *a, const struct stamp *b);

#endif
