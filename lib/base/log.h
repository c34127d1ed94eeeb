/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include <shadowmx/err.h>
#include <shadowmx/key.h>
#include <shadowmx/log.h>

/*
 * One event, one line, built field by field so that no outside byte can reach
 * the log unescaped:
 *
 *	struct log_line l;
 *
 *	log_begin(&l, SMX_LOG_INFO, queue_id, "shadowed");
 *	log_key(&l, "key", &key);
 *	log_str(&l, "peer", name);
 *	log_num(&l, "delay_ms", n);
 *	log_end(&l);
 *
 * gives "4jXKs0: event=shadowed key=... peer=mx2 delay_ms=3".  queue_id NULL or
 * "" leaves the prefix out.  A value with a space or '=' is quoted.
 */
#define LOG_LINE_MAX 2048

struct log_line {
	enum smx_level level;
	int wanted;
	size_t len;
	char text[LOG_LINE_MAX];
};

int log_wants(enum smx_level level);
void log_begin(struct log_line *l, enum smx_level level, const char *queue_id,
    const char *event);
void log_str(struct log_line *l, const char *name, const char *value);
void log_num(struct log_line *l, const char *name, int64_t value);
void log_key(struct log_line *l, const char *name, const struct smx_key *key);
void log_err(struct log_line *l, const char *name, int smx_error);
/* errno as text; keeps errno */
void log_errno(struct log_line *l, int errnum);
void log_end(struct log_line *l);

/* A whole line for events with no or one plain field.  The text after event= is
 * ours; arguments must be numbers or our own words. */
void log_event(enum smx_level level, const char *event, const char *fmt, ...)
    SMX_PRINTF(3, 4);

/* Escape as described in <shadowmx/log.h>; returns out. */
char *log_escape(char *out, size_t size, const char *text, size_t len);

/* At most burst lines of one kind a second pass; static storage, no init. */
struct log_limit {
	int64_t second;
	unsigned count;
	uint64_t unsaid; /* kept back; the next line may tell and clear it */
};
int log_allow(struct log_limit *limit, unsigned burst, int64_t mono_ms);
/* As a field; nothing for 0. */
void log_unsaid(struct log_line *l, uint64_t unsaid);

#endif
