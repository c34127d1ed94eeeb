/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PFVERIFY_H
#define CORE_PFVERIFY_H

#include <stddef.h>

#include <shadowmx/queue.h>

#include "core/pfid.h"

/*
 * Is a message in the queue?  Folders are read one after the other while
 * Postfix moves files between them, so one reading can miss a file that is
 * there.  ABSENT therefore takes two readings of all folders, in opposite
 * orders, and no event about the id from before the first to after the second.
 */
enum pf_folder { /* in the order in which a message goes through them */
	PF_MAILDROP,
	PF_INCOMING,
	PF_ACTIVE,
	PF_DEFERRED,
	PF_HOLD,
	PF_CORRUPT,
	PF_FOLDERS
};

enum pf_sight {
	PF_NOT_THERE = 0,
	PF_THERE,
	PF_UNCOMMITTED, /* there, without the mark of a complete file */
	PF_BLIND        /* could not look */
};

struct pfverify_item {
	char id[PFID_TEXT];
	int touched; /* set by drain when an event names this id */
	int decided;
	enum smx_presence presence; /* STRAY and LINKED are the caller's */
};

struct pfverify_eye {
	void *ctx;
	enum pf_sight (*look)(void *ctx, const char *id, enum pf_folder folder);
	/* Take in every event that is waiting and mark the items it names.
	 * Non-zero: events were lost, nothing is certain. */
	int (*drain)(void *ctx);
};

#define PFVERIFY_ROUNDS 4 /* tries with an id that keeps moving */

/* Decide on every item; what cannot be decided is UNKNOWN. */
void pfverify_run(const struct pfverify_eye *eye, struct pfverify_item *items,
    size_t count);

#endif
