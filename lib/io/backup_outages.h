/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_BACKUP_OUTAGES_H
#define IO_BACKUP_OUTAGES_H

#include "core/nexthop.h"
#include "io/backup_db.h"

/*
 * What was taken while a primary MX host was down, counted in the row of that
 * outage and in the transaction that takes it: inside backup_db_write only.
 */
struct backup_mail_host {
	char hop[NEXTHOP_TEXT];
	int64_t down_ms; /* since then (wall clock); 0: it is not, any more */
	char why[160];
};

struct backup_outage_taken {
	uint64_t messages, recipients, bytes;
};

/*
 * One that lasts is counted in it, and begun by it when nobody has written that
 * down yet.  It was down when the message was taken: of one that is not any
 * more it is the outage that ended after ended_ms.
 */
int backup_outage_count(struct backup_db *db, struct db *on,
    const struct backup_mail_host *host, int64_t ended_ms,
    const struct backup_outage_taken *taken) SMX_MUST_USE;
/* Its outage lasts since then, if none is written down. */
int backup_outage_lasts(struct backup_db *db, struct db *on,
    const struct backup_mail_host *host) SMX_MUST_USE;

#endif
