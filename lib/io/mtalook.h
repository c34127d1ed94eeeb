/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_MTALOOK_H
#define IO_MTALOOK_H

#include <shadowmx/config.h>
#include <shadowmx/err.h>

#include "core/arena.h"
#include "core/mtacheck.h"

/*
 * Postfix's settings and what the machine shows, for core/mtacheck.h to judge.
 * All memory is the arena's.
 *
 * Threads: call from a process that has one thread only (it forks).
 */
struct mta_look {
	struct mta_values main;
	struct mta_values raw;
	struct mta_services services;
	struct mta_facts facts;
	const char *config_directory; /* of mta_look_rewrites */
};

/* facts.asked tells whether postconf has answered.  SMX_ENOMEM. */
int mta_look(struct mta_look *look, const struct smx_config *config,
    struct arena *arena) SMX_MUST_USE;
/* The first step of it: main alone.  0 when postconf did not answer; why it did
 * not is in facts.answer. */
int mta_look_main(struct mta_look *look, const char *config_directory,
    struct arena *arena);

/* mtafacts.c: the machine.  Needs the values. */
void mta_look_facts(struct mta_look *look, const struct smx_config *config,
    struct arena *arena);

/* mtarewrites.c: what changes addresses of mail that a policy with "delivered"
 * is for.  Needs the values. */
void mta_look_rewrites(struct mta_look *look, const struct smx_config *config,
    struct arena *arena);

/* mtabackup.c: the domains that policies with a backup group name.  Needs the
 * values. */
void mta_look_backup(struct mta_look *look, const struct smx_config *config,
    struct arena *arena);

/* Are these two paths the same place, all links followed? */
int mta_same_path(const char *a, const char *b);

#endif
