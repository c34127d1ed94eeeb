/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_FROZEN_H
#define CORE_FROZEN_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/conf.h"
#include "core/geo.h"
#include "core/policy.h"
#include "core/problem.h"
#include "core/tree.h"

/* A setting as smx_config_each() tells it. */
struct shown {
	const char *setting;
	const char *value;
	const char *origin;
	int64_t number; /* -1: it is no number */
};

struct smx_config {
	atomic_uint references;
	struct arena arena;
	struct draft draft;
	struct policies *policies;
	struct geo geo;
	struct shown *shown;
	size_t shown_count;
};

/*
 * Read, check and freeze.  The tree may go afterwards.  SMX_ECONFIG after at
 * least one report.  open_geo belongs to whoever can open files: it reports
 * what is wrong with a database, or fills in *geo.
 */
typedef void (*geo_open_fn)(struct geo *geo, const struct conf *conf,
    const struct tree *root, struct problems *problems);
int frozen_build(struct smx_config **out, const struct tree *root,
    geo_open_fn open_geo, struct problems *problems) SMX_MUST_USE;

/* Steps of it.  conf_check.c: what no single setting can tell. */
void conf_check(struct problems *problems, const struct draft *draft,
    const struct tree *root);
/* shown.c */
int shown_build(struct smx_config *config,
    const struct tree *root) SMX_MUST_USE;

#endif
