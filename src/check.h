/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SRC_CHECK_H
#define SRC_CHECK_H

#include <shadowmx/config.h>

#ifndef SMX_SYSCONFDIR
#define SMX_SYSCONFDIR "/etc/shadowmx"
#endif
#define DEFAULT_CONFIG SMX_SYSCONFDIR "/shadowmx.conf"

/*
 * Everything short of serving: read the configuration, look at the key it
 * names.  Problems go to stderr, one a line.  Returns 0 or EX_CONFIG.  out may
 * be NULL; it is set whenever the files could be read.
 */
int check_config(const char *file, struct smx_config **out);
/* The first half alone. */
int check_load(const char *file, struct smx_config **out);
/* For those who can do without the files: reports nothing. */
void check_silent(void *ctx, const struct smx_config_problem *problem);

#endif
