/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_MAIL_H
#define IO_BACKUP_MAIL_H

#include <stddef.h>
#include <stdint.h>

#include "core/custody.h"
#include "io/backup_db.h"
#include "io/backup_outages.h"

/*
 * The tables mail and mail_rcpt: what was taken as secondary, and what became
 * of it.  A message has a row for each domain that it is for.  Addresses are
 * kept as they were given; hashes are those of the queue's events.
 *
 * Results are those of backup_db_write and backup_db_read.
 */
struct backup_mail_new {
	const char *queue_id, *domain, *sender;
	uint64_t size;
	enum mx_state state;
	int64_t taken_ms, until_ms; /* wall clock; until: 0 it is not held */
	const char *const *rcpts;
	const uint64_t *hashes;
	size_t count;
	const struct backup_mail_host *hosts; /* taken while these were down */
	size_t host_count;
};
/* All of them or none, as CUSTODY_TAKEN; durable.  ids: one for each.  With
 * SMX_EUNSURE late (NULL: nobody) may be called in another thread when they are
 * written after all. */
typedef void (*backup_mail_late_fn)(void *ctx,
    const struct backup_mail_new *mails, size_t count, const int64_t *ids);
int backup_mail_add(struct backup_db *db, const struct backup_mail_new *mails,
    size_t count, int64_t *ids, backup_mail_late_fn late,
    void *ctx) SMX_MUST_USE;

/* What custody.h has found out, in this order; durable. */
int backup_mail_do(struct backup_db *db, const struct custody_deed *deeds,
    size_t count, int64_t wall_ms) SMX_MUST_USE;
/* What this host has done to them; durable. */
int backup_mail_move(struct backup_db *db, const int64_t *ids, size_t count,
    enum custody custody, int64_t wall_ms) SMX_MUST_USE;
int backup_mail_until(struct backup_db *db, int64_t id, int64_t until_ms,
    int64_t warned_ms) SMX_MUST_USE;
/* What ended before then goes, most at the most. */
int backup_mail_prune(struct backup_db *db, int64_t before_ms,
    unsigned most) SMX_MUST_USE;

/* Those that are open, in the order of their ids, after this one; non-zero from
 * each stops.  each is called with the database's lock held. */
typedef int (*backup_mail_open_fn)(void *ctx, const struct custody_new *mail);
int backup_mail_each_open(struct backup_db *db, int64_t after_id, unsigned most,
    backup_mail_open_fn each, void *ctx) SMX_MUST_USE;

#define BACKUP_MAIL_SENDER 330

struct backup_mail_row {
	int64_t id;
	char queue_id[64];
	char domain[256];
	char sender[BACKUP_MAIL_SENDER]; /* what fits */
	uint64_t size;
	int64_t taken_ms, until_ms, released_ms, ended_ms, warned_ms;
	enum mx_state state;
	enum custody custody;
	/* Being handed to somebody else: so many have it there whom its file
	 * still names; when it is tried again. */
	uint64_t handed;
	int64_t hand_next_ms;
};

struct backup_mail_page {
	const char *domain;   /* NULL: any */
	const char *queue_id; /* NULL: any; else also those that have ended */
	int held;             /* those that were put on hold once */
	int64_t after_taken_ms, after_id; /* those after this one */
	struct backup_mail_row *rows;
	size_t max, count; /* out */
};
/* Open ones, oldest first. */
int backup_mail_look(struct backup_db *db,
    struct backup_mail_page *page) SMX_MUST_USE;

/* Domains that have an open one, in the order of their names; non-zero from
 * each stops. */
typedef int (*backup_mail_domain_fn)(void *ctx, const char *domain);
int backup_mail_domains(struct backup_db *db, backup_mail_domain_fn each,
    void *ctx) SMX_MUST_USE;

/* Recipients of one. */
typedef int (*backup_mail_rcpt_fn)(void *ctx, const char *address,
    enum custody_end outcome, int64_t at_ms);
int backup_mail_rcpts(struct backup_db *db, int64_t id,
    backup_mail_rcpt_fn each, void *ctx) SMX_MUST_USE;

/* The address of that recipient of it; SMX_ENOTFOUND, SMX_ELIMIT. */
int backup_mail_address(struct backup_db *db, int64_t id, uint64_t hash,
    char *out, size_t size) SMX_MUST_USE;

struct backup_mail_sums {
	uint64_t messages, while_up, while_down, while_unknown;
	uint64_t held_messages, held_bytes;
	uint64_t taken, delivered, returned, deleted, handed, unaccounted;
	uint64_t held, queued; /* recipients of open ones */
	int64_t oldest_ms, end_ms;
};

struct backup_mail_range {
	const char *domain;     /* NULL: all */
	int64_t from_ms, to_ms; /* taken then, 0 any */
	int open;               /* only those that have not ended */
};
int backup_mail_sum(struct backup_db *db, const struct backup_mail_range *range,
    struct backup_mail_sums *out) SMX_MUST_USE;

#endif
