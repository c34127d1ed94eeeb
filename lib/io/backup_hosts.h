/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_HOSTS_H
#define IO_BACKUP_HOSTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/backup.h"
#include "core/nexthop.h"
#include "io/backup_db.h"
#include "io/backup_outages.h"

/*
 * What outlives the process of the primary MX hosts: their states, when they
 * were down, and the maintenances that were announced.  All times are the wall
 * clock's.
 */
struct backup_host {
	char hop[NEXTHOP_TEXT];
	enum mx_state state;
	int64_t since_ms;
	int64_t seen_ms; /* the last that was heard of it */
	char why[160];
};
enum backup_outage_step { OUTAGE_NONE, OUTAGE_BEGINS, OUTAGE_ENDS };

/* They are as they are now; of one, an outage begins with this state or ends
 * with it.  What of outages could not be written before is mended by the first.
 * Durable. */
int backup_hosts_put(struct backup_db *db, const struct backup_host *hosts,
    size_t count) SMX_MUST_USE;
int backup_host_change(struct backup_db *db, const struct backup_host *host,
    enum backup_outage_step step, int announced) SMX_MUST_USE;
/* Non-zero from each stops it. */
int backup_hosts_each(struct backup_db *db,
    int (*each)(void *ctx, const struct backup_host *host),
    void *ctx) SMX_MUST_USE;

struct backup_outage {
	char hop[NEXTHOP_TEXT];
	int64_t from_ms;
	int64_t to_ms; /* 0: it lasts */
	int announced;
	char why[160];
	struct backup_outage_taken taken; /* while it lasted */
};
/* The newest first; hop NULL: of all; those that lasted until then or longer.
 */
int backup_outages_each(struct backup_db *db, const char *hop, int64_t since_ms,
    int (*each)(void *ctx, const struct backup_outage *outage),
    void *ctx) SMX_MUST_USE;

/* until_ms 0: it is over.  Durable. */
int backup_maintenance_put(struct backup_db *db, const char *domain,
    int64_t from_ms, int64_t until_ms) SMX_MUST_USE;
int backup_maintenances_each(struct backup_db *db,
    int (*each)(void *ctx, const char *domain, int64_t from_ms,
	int64_t until_ms),
    void *ctx) SMX_MUST_USE;

/* Forget what ended before then. */
int backup_hosts_prune(struct backup_db *db, int64_t before_ms) SMX_MUST_USE;

#endif
