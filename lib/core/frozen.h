/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_FROZEN_H
#define CORE_FROZEN_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/conf.h"
#include "core/policy.h"
#include "core/problem.h"
#include "core/source.h"
#include "core/tree.h"

/* A setting as smx_config_each() tells it. */
struct shown {
	const char *setting;
	const char *value;
	const char *origin;
	int64_t number; /* -1: it is no number */
};

/* What a configuration shares with those that are made of it. */
struct home {
	atomic_uint references;
	struct arena arena;
};

struct smx_config {
	atomic_uint references;
	struct home *home;
	struct draft draft;
	struct policies *policies;
	struct sources sources;
	struct shown *shown;
	size_t shown_count;
};

/*
 * Read, check and freeze.  The tree may go afterwards.  SMX_ECONFIG after at
 * least one report.  open_source belongs to whoever can open files: it fills in
 * what it has read of the source's file, and reports what is wrong.
 */
typedef void (*source_open_fn)(struct source *source, const struct tree *root,
    struct problems *problems);
int frozen_build(struct smx_config **out, const struct tree *root,
    source_open_fn open_source, struct problems *problems) SMX_MUST_USE;

/* The same configuration with what was read anew of its sources: list has as
 * many, in the same order.  The caller's users of them are not given away. */
int frozen_renew(struct smx_config **out, struct smx_config *config,
    const struct sources *sources) SMX_MUST_USE;

/* Steps of it.  conf_check.c: what no single setting can tell. */
void conf_check(struct problems *problems, const struct draft *draft,
    const struct tree *root);
/* shown.c */
int shown_build(struct smx_config *config,
    const struct tree *root) SMX_MUST_USE;

#endif
