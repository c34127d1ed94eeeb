/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_MTACONF_H
#define CORE_MTACONF_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "core/arena.h"

/*
 * Postfix's settings, as postconf(1) writes them, taken apart.  Text comes from
 * the administrator's files: bounded, and what cannot be read is left out.
 * Everything lives in the caller's arena.
 */
#define MTA_VALUES_MAX   8192
#define MTA_SERVICES_MAX 256

struct mta_value {
	const char *name;
	const char *value;
};

/* Sorted by name.  Of a name given twice the last one counts, as in Postfix. */
struct mta_values {
	struct mta_value *list;
	size_t count;
};

/* NULL: this version of Postfix has no such setting. */
const char *mta_value(const struct mta_values *values, const char *name);
/* "" when there is none. */
const char *mta_text(const struct mta_values *values, const char *name);
int mta_is_yes(const struct mta_values *values, const char *name);
/* "10", "300s", "5d"; unit: in milliseconds, for a number without one.  -1 when
 * it is neither. */
int64_t mta_span_ms(const char *text, int64_t unit_ms);
/* -1 when it is no number. */
int64_t mta_number(const char *text);

/* Lines "name = value" (postconf, postconf -x). */
int mta_values_parse(struct arena *arena, const char *text,
    struct mta_values *out);

struct mta_service {
	const char *id; /* "submission/inet" */
	const char *name;
	const char *type;    /* inet, unix, pass, fifo */
	const char *program; /* smtpd */
	const char *limit;   /* process_limit as written */
	int is_private;
	int chroot;
	int64_t processes; /* 0: no limit, -1: default_process_limit */
	struct mta_values overrides; /* its -o, as written */
	struct mta_values values;    /* all settings as they hold for it */
};

struct mta_services {
	struct mta_service *list;
	size_t count;
};

/* fields: postconf -F, overrides: postconf -P.  values stay empty.
 * chroot_default: what "-" in that column means. */
int mta_services_parse(struct arena *arena, const char *fields,
    const char *overrides, int chroot_default, struct mta_services *out);

/* ---- lists of words ---- */

/* The next element of a list divided by commas and white space; what stands in
 * braces is one.  Moves *at; 0 at the end.  *word and *len include the braces.
 */
int mta_word_next(const char **at, const char **word, size_t *len);
/* The next table of a list: what "inline:{a=b, c=d}" has in braces is no end of
 * it. */
int mta_table_next(const char **at, const char **table, size_t *len);
/* Is this one of its words?  ASCII letters match in both cases. */
int mta_has_word(const char *list, const char *word);

/* ---- milters ---- */

#define MTA_MILTERS_MAX 32

struct mta_milter {
	const char *text; /* as written, without white space */
	const char *endpoint;
	const char *default_action;  /* NULL: the service's */
	const char *content_timeout; /* likewise */
	const char *command_timeout;
};

/* How many; more than MTA_MILTERS_MAX are cut off. */
size_t mta_milters_parse(struct arena *arena, const char *list,
    struct mta_milter *out);

/* printf into the arena; "" when there is no memory. */
const char *mta_fmt(struct arena *arena, const char *fmt, ...) SMX_PRINTF(2, 3);

#endif
