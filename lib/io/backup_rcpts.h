/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_RCPTS_H
#define IO_BACKUP_RCPTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/rcptage.h"
#include "io/backup_db.h"

/*
 * The ledger of recipients: who exists, as the primary MX hosts or an
 * administrator's list have said.  Addresses as core/addr.h has them.
 *
 * A ceiling: for what is new what is over goes first, bad before good, then
 * what is bad and oldest; good ones that are not over go for good ones only,
 * and those of a list never.
 *
 * Threads: any.  Errors of backup_db_read and backup_db_write.
 */
struct backup_rcpts;

/* Counts what is there. */
int backup_rcpts_open(struct backup_rcpts **out,
    struct backup_db *db) SMX_MUST_USE;
void backup_rcpts_close(struct backup_rcpts **rcpts); /* accepts NULL inside */
uint64_t backup_rcpts_count(struct backup_rcpts *rcpts);

/* Of a domain: does its primary take invented recipients? */
enum rcpts_all {
	RCPTS_ALL_UNSAID = 0,
	RCPTS_ALL_NO,
	RCPTS_ALL_YES,
	RCPTS_ALL_FILE,   /* a list says so; that does not age */
	RCPTS_ALL_LISTED, /* a list of the primary's own is here, complete: who
			   * is not in it does not exist; asked_ms: when that
			   * was confirmed */
	RCPTS_ALL_PEER    /* the same, and it says that all exist */
};

struct backup_rcpts_sight {
	int found;
	struct rcpt_entry entry;
	enum rcpts_all all;
	int64_t all_asked_ms; /* wall clock */
};
int backup_rcpts_look(struct backup_rcpts *rcpts, const struct addr *addr,
    struct backup_rcpts_sight *out) SMX_MUST_USE;

struct backup_rcpts_limits {
	uint64_t most;
	struct rcptage ages;
	int64_t now_ms; /* wall clock */
};

struct backup_rcpts_news {
	const char *domain;
	const char *local;
	struct rcpt_entry entry;
};
/* Remember them, durably, in one change.  *unkept: for which there was no room.
 */
int backup_rcpts_learn(struct backup_rcpts *rcpts,
    const struct backup_rcpts_news *news, size_t count,
    const struct backup_rcpts_limits *limits, size_t *unkept) SMX_MUST_USE;
/* RCPTS_ALL_NO and _YES do not take back what a list says, _LISTED and _PEER
 * not what a file says; _UNSAID takes back the former. */
int backup_rcpts_all(struct backup_rcpts *rcpts, const char *domain,
    enum rcpts_all all, int64_t now_ms) SMX_MUST_USE;

/* After a list of a domain was learned with entries of one and the same
 * learned_ms: those of an earlier list that are not in it go, and what it said
 * of all, unless it says so again. */
int backup_rcpts_renew(struct backup_rcpts *rcpts, const char *domain,
    int64_t learned_ms, int all, size_t *gone) SMX_MUST_USE;

/* Of the list that a primary has said by itself: these are not in it any more.
 * What a file says stays. */
int backup_rcpts_strike(struct backup_rcpts *rcpts, const char *domain,
    const char *const *locals, size_t count, size_t *gone) SMX_MUST_USE;
/* After the whole of such a list was learned with entries of one and the same
 * learned_ms: those of an earlier one that are not in it go. */
int backup_rcpts_settle(struct backup_rcpts *rcpts, const char *domain,
    int64_t learned_ms, size_t *gone) SMX_MUST_USE;

/* local NULL: a whole domain, and what is known of all. */
int backup_rcpts_forget(struct backup_rcpts *rcpts, const char *domain,
    const char *local, size_t *gone) SMX_MUST_USE;

/* Those behind (domain, local) in the order of both, many a call: each gets
 * them without a lock held and may stop by non-zero, which is returned.  domain
 * NULL: of all. */
typedef int (*backup_rcpts_fn)(void *ctx, const char *domain, const char *local,
    const struct rcpt_entry *entry);
int backup_rcpts_each(struct backup_rcpts *rcpts, const char *domain,
    backup_rcpts_fn each, void *ctx) SMX_MUST_USE;
/* The domains of which something is known as a whole, likewise. */
typedef int (*backup_rcpts_all_fn)(void *ctx, const char *domain,
    enum rcpts_all all, int64_t asked_ms);
int backup_rcpts_each_all(struct backup_rcpts *rcpts, const char *domain,
    backup_rcpts_all_fn each, void *ctx) SMX_MUST_USE;

#endif
