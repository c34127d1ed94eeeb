/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PROBLEM_H
#define CORE_PROBLEM_H

#include <stddef.h>

#include <shadowmx/config.h>

#include "core/tree.h"

/* Where problems go.  Counting them decides whether a configuration is used;
 * warnings do not count. */
struct problems {
	smx_config_report_fn report; /* may be NULL */
	void *ctx;
	size_t count;
};

void problem_report(struct problems *p,
    const struct smx_config_problem *problem);
/* About a whole file or a place in it. */
void problem_file(struct problems *p, const char *file, int line,
    const char *value, const char *message, const char *accepted);
/* About a setting; node (may be NULL: it is missing) gives place and value. */
void problem_node(struct problems *p, const struct tree *node,
    const char *setting, const char *message, const char *accepted);

/* The name in the list that text was probably meant to be, or NULL. */
const char *nearest_name(const char *text, const char *const *names,
    size_t count);

#endif
