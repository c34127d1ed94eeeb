/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_GROUP_H
#define IO_STORE_GROUP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "io/db_sqlite.h"
#include "io/store_body.h"
#include "io/store_damage.h"
#include "io/store_dir.h"
#include "io/store_effects.h"
#include "io/store_graves.h"
#include "io/store_net.h"
#include "io/store_rows.h"
#include "io/store_tombs.h"
#include "io/store_usage.h"
#include "io/store_witness.h"
#include "io/store_work.h"

/*
 * One group: all that waits, made durable in one transaction.
 *
 *	1 every body file was synced by its session
 *	2 the folder of the bodies is synced, once for all of them
 *	3 rows, drops, marks, amendments and tombstones go into one transaction
 *	4 COMMIT, which syncs the log
 *	5 everybody is told
 *	6 body files of dropped rows are removed
 *
 * No step begins before the one above it has succeeded.
 */
struct group {
	struct db *db;
	struct rows *rows;
	struct graves *graves;
	struct tombs *tombs;
	struct usage *usage;
	const struct store_dir *dir;
	struct bodies *bodies;
	struct workq *queue;
	struct damage *damage;
	struct witness witness;
	int folder;             /* the store's, for the mark of a suspect one */
	uint64_t grown;         /* by amendments, in the transaction */
	struct effects effects; /* of the transaction, once it is durable */
	struct netrows *netrows;
	struct net_gate *gate;  /* of the safety net; NULL: there is none */
	struct net_tally tally; /* of the transaction, likewise */
	int no_net;             /* the disk is full: nothing goes there */
	size_t nobody;          /* the account of what counts for no peer */
	_Atomic uint64_t commits, committed;
	atomic_int distrusted; /* being marked */
	atomic_int
	    failed; /* a sync, or the file itself, can no longer be trusted */
};

/* Steps 2 to 5; each work has its result.  Once failed, SMX_EIO for all. */
void group_run(struct group *group, struct work *list);
/* Once failed as well when the file that is written is no longer the store's.
 */
void group_look(struct group *group);
/* Step 6. */
void group_clean(struct group *group);
/* Forget old tombstones; before_ms as in tombs_prune. */
void group_prune(struct group *group, int64_t before_ms);
void group_checkpoint(struct group *group);
/* A sync failed: whoever sees it says so here, from any thread. */
void group_distrust(struct group *group, int result);
void group_free(struct group *group);

#endif
