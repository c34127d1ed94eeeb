/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_PRIMARIES_IN_H
#define GLUE_PRIMARIES_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/idmap.h"
#include "core/mxhealth.h"
#include "glue/primaries.h"
#include "io/hop.h"
#include "io/mxprobe.h"
#include "io/resolve.h"

/* For primaries*.c only. */
#define PRIMARIES_LOOKS                                                        \
	16                /* domains whose MX records are asked for at a time */
#define PRIMARIES_ASKS 50 /* sessions that ask a primary at a time */

/* A domain, and what it has to do with the configuration. */
struct watched {
	struct idnode node;
	size_t place;
	const struct smx_backup *backup; /* of primaries.config */
	const char *policy;              /* likewise */
	int listed;        /* the policies name it; else a recipient did */
	int kept;          /* sync: the new configuration has it, too */
	int64_t asked_ms;  /* node_now_ms() */
	int64_t lookup_ms; /* its MX records, then; INT64_MAX: never */
	int looking;       /* just now */
	int none;          /* there is no primary, which was said */
	int null_mx;       /* as of the last lookup, if that was answered */
	char name[];
};

struct probe_slot {
	struct mxprobe *probe; /* NULL: free */
	char host[NEXTHOP_TEXT];
};

struct look_slot {
	struct lookup *lookup; /* NULL: free */
	int64_t until_ms;
	char domain[BACKUP_DOMAIN_MAX + 1];
};

struct primaries {
	struct backup *backup;
	pthread_mutex_t lock;
	struct mxhealth *health;   /* under lock, like all until the thread's */
	struct smx_config *config; /* that the domains are of */
	struct idmap by_name;
	struct watched **list;
	size_t count, room;
	size_t by_records;  /* domains whose hosts MX records name */
	int64_t records_ms; /* no lookup is due before that */
	int64_t gap_ms;     /* nor begun, the thread's */

	struct hops *probes; /* a new connection each */
	struct hops *asks;   /* kept for a while */
	struct resolver *resolver;
	atomic_int asking;

	pthread_t thread;
	int running;
	/* the thread's */
	struct probe_slot slot[MXPROBES_MAX];
	struct look_slot look[PRIMARIES_LOOKS];
	int64_t save_ms, prune_ms;
};

void primaries_clock(struct mxtime *out);
/* To what the courier hears of next hops, or no more. */
void primaries_listen(struct primaries *primaries, int on);

/* primaries_domains.c; the lock is held. */
struct watched *primaries_find_locked(struct primaries *primaries,
    const char *domain);
/* A recipient names it: NULL when there is no room, or the policy is of another
 * configuration. */
struct watched *primaries_add_locked(struct primaries *primaries,
    const char *domain, const struct smx_backup *backup);
/* The configuration of this moment, without the lock. */
void primaries_sync(struct primaries *primaries);
/* Forget domains that nobody has asked for. */
void primaries_sweep_locked(struct primaries *primaries);

/* primaries_mx.c: MX records of domains whose policy names no host. */
void primaries_looks_begin(struct primaries *primaries);
void primaries_looks_end(struct primaries *primaries, int all);
int64_t primaries_looks_due(struct primaries *primaries);
/* Its records are asked for next. */
void primaries_look_locked(struct primaries *primaries, struct watched *w);
int primaries_looking(const struct primaries *primaries);

/* primaries_maintain.c: domains of maintenances that an earlier process knew,
 * which no policy has to name. */
void primaries_watch_announced(struct primaries *primaries);

/* primaries_tell.c: what changed, to the log, the database and a person. */
void primaries_tell(struct primaries *primaries);
void primaries_save(struct primaries *primaries);
int primaries_load(struct primaries *primaries) SMX_MUST_USE;

#endif
