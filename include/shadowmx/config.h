/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_CONFIG_H
#define SHADOWMX_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A configuration: read, checked as a whole, then frozen and counted.  See
 * shadowmx.conf(5) for every setting.
 *
 * Threads:   a loaded configuration never changes; hold and release may be
 *            called by any thread.
 */
struct smx_config;

/* One problem.  file may be "" (no file), line 0 (whole file), setting "" and
 * value "" where they mean nothing.  accepted says what would be.  With warning
 * the configuration is used all the same. */
struct smx_config_problem {
	const char *file;
	int line;
	const char *setting;
	const char *value;
	const char *message;
	const char *accepted;
	int warning;
};

typedef void (
    *smx_config_report_fn)(void *ctx, const struct smx_config_problem *problem);

/*
 * Read path, then the *.conf files of the conf.d folder beside it in the order
 * of their names, then the tables and databases that they name.  Every problem
 * is reported, not just the first.
 * SMX_ECONFIG: at least one was no warning; *out is unchanged.
 */
SMX_API int smx_config_load(struct smx_config **out, const char *path,
    smx_config_report_fn report, void *report_ctx) SMX_MUST_USE;
/* The same without the tables and databases, for whoever wants to know what is
 * set: no table names anybody, no client's place is known. */
SMX_API int smx_config_read(struct smx_config **out, const char *path,
    smx_config_report_fn report, void *report_ctx) SMX_MUST_USE;
/* As _load, from text; name stands for the file in messages. */
SMX_API int smx_config_parse(struct smx_config **out, const char *text,
    const char *name, smx_config_report_fn report,
    void *report_ctx) SMX_MUST_USE;
/* One line for people, as shadowmxd -t prints it: "file:line: setting = value:
 * message; accepted: ...".  Always NUL-terminated. */
SMX_API void smx_config_problem_format(const struct smx_config_problem *problem,
    char *out, size_t size);

SMX_API struct smx_config *smx_config_hold(struct smx_config *config);
SMX_API void smx_config_release(struct smx_config **config);

/* Values by the name that the manual uses ("store.quota").  NULL / -1 when
 * there is no such setting.  Times in milliseconds, sizes in bytes. */
SMX_API const char *smx_config_text(const struct smx_config *config,
    const char *setting);
SMX_API int64_t smx_config_number(const struct smx_config *config,
    const char *setting);

/* Every setting with its value as text and where it came from ("file:line" or
 * "default"), in the order of the manual.  each returns non-zero to stop. */
typedef int (*smx_config_each_fn)(void *ctx, const char *setting,
    const char *value, const char *origin);
SMX_API int smx_config_each(const struct smx_config *config,
    smx_config_each_fn each, void *ctx);

/*
 * The configuration as text that smx_config_parse() reads back as the same one,
 * a line without its line break at a time.  only: a setting or a group by its
 * name ("store", "policies[0].match"), NULL all.  write returns non-zero to
 * stop, and that is returned; SMX_ENOTFOUND: nothing is called so.
 */
#define SMX_CONFIG_CHANGED 0x01u /* only what differs from the defaults */
#define SMX_CONFIG_ORIGINS 0x02u /* with comments: where each comes from */

typedef int (*smx_config_write_fn)(void *ctx, const char *line, size_t len);
SMX_API int smx_config_write(const struct smx_config *config, const char *only,
    unsigned flags, smx_config_write_fn write, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
