/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_BACKUP_H
#define CORE_BACKUP_H

#include <stddef.h>
#include <stdint.h>

/*
 * The words of a backup MX: what a policy says of recipients whose domain this
 * host is the secondary for, and what is known of the primary MX.
 */
enum backup_while_up {
	BACKUP_UP_ACCEPT = 1, /* taken, the MTA delivers it */
	BACKUP_UP_DEFER,      /* the first try is sent to the primary MX */
	BACKUP_UP_RELAY       /* the primary answers while the client waits */
};

/* A recipient that nobody knows, while the primary cannot be asked. */
enum backup_unknown {
	BACKUP_UNKNOWN_ACCEPT = 1,
	BACKUP_UNKNOWN_DEFER,
	BACKUP_UNKNOWN_REJECT
};

enum backup_end {
	BACKUP_END_RETURN = 1, /* its sender gets a notice */
	BACKUP_END_KEEP,       /* it stays on hold, and is shown */
	BACKUP_END_HAND        /* to hand_to */
};

/* Owned by the configuration. */
struct smx_backup {
	/* As nexthop_format() writes them, tried in this order; none: the hosts
	 * that the domain's MX records name and that are better than this one.
	 */
	const char *const *primaries;
	size_t primary_count;
	int64_t while_up; /* enum backup_while_up */
	int64_t unknown;  /* enum backup_unknown */
	int64_t at_end;   /* enum backup_end, when hold_ms is over */
	/* An address, or a host as nexthop_format() writes it; "" nobody. */
	const char *hand_to;
	int64_t grace_ms; /* a retry is accepted after so long */
	int64_t hold_ms;
	int64_t warn_ms;        /* so long before the end, 0: never */
	int64_t quota;          /* bytes on hold for one domain, 0: any */
	int64_t quota_messages; /* likewise */
	/* Members that may speak for it: names of nodes. */
	const char *const *peers;
	size_t peer_count;
	const char *const *exempt; /* client networks that are never sent away
				    */
	size_t exempt_count;
};

/* A primary MX host, or all of a domain: down when all are, up when one is. */
enum mx_state { MX_UNKNOWN = 1, MX_UP, MX_DOWN };

/* Where a message that was taken as secondary is. */
enum custody {
	CUSTODY_TAKEN = 1, /* written down; the 250 may not be out */
	CUSTODY_HELD,      /* on hold in the MTA's queue, by our doing */
	CUSTODY_HELD_BY,   /* on hold, by a person's doing */
	CUSTODY_QUEUED,    /* in the MTA's queue, as ordinary mail */
	CUSTODY_ENDED      /* not in the queue any more; see the recipients */
};

/* What became of one recipient of it. */
enum custody_end {
	CUSTODY_OPEN = 1,
	CUSTODY_DELIVERED, /* the log says so: the primary took it */
	CUSTODY_RETURNED,  /* its sender was told */
	CUSTODY_DELETED,   /* removed from the queue by a person, or never
			    * committed */
	CUSTODY_UNKNOWN,   /* it is gone and nothing says why: unaccounted */
	CUSTODY_HANDED     /* given to somebody else at the end of its hold */
};

/* How a recipient is known. */
enum rcpt_word {
	RCPT_NOT_KNOWN = 0,
	RCPT_GOOD,     /* the primary takes it */
	RCPT_BAD,      /* the primary refuses it for good */
	RCPT_GOOD_OLD, /* was good; older than it may be */
	RCPT_BAD_OLD
};

enum rcpt_source {
	RCPT_FROM_PROBE = 1, /* asked at RCPT */
	RCPT_FROM_DELIVERY,
	RCPT_FROM_PEER, /* the primary's own shadowmxd */
	RCPT_FROM_FILE  /* imported; does not age */
};

#endif
