/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SRC_CHECK_H
#define SRC_CHECK_H

#include <stddef.h>

#include <shadowmx/check.h>
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
/* How many warnings there were about what the files say. */
unsigned check_warned(void);
/* What is set, alone: no table and no database is opened. */
int check_load(const char *file, struct smx_config **out);

/*
 * check_config(), then the MTA: findings go to stdout, as text or one JSON
 * object a line.  names: domains and addresses that this host's MTA should
 * take, too.  Returns 0 (notes count for nothing), CHECK_WARNINGS,
 * CHECK_ERRORS, EX_CONFIG when our own files are wrong, or EX_OSERR.
 */
#define CHECK_WARNINGS 1
#define CHECK_ERRORS   2

struct check_report {
	int json;
	enum smx_severity worst; /* 0 none */
	unsigned counts[SMX_ERROR + 1];
};
int check_all(const char *file, const char *const *names, size_t count,
    struct check_report *report);
void check_json_line(const char *name, const char *value);

/* For those who can do without the files: reports nothing. */
void check_silent(void *ctx, const struct smx_config_problem *problem);

#endif
