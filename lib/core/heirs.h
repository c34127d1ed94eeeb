/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HEIRS_H
#define CORE_HEIRS_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/link.h>
#include <shadowmx/store.h>

#include "core/gate.h"

/*
 * The other members that have a copy of what this host has taken over.  They
 * are told so (CLAIM) and hold it for this host from then on; when it has
 * ended they are told that (DISCARD), and only then does the own row go: a
 * member that finds no row here any more has to take the message for lost.
 *
 * Nothing is remembered of the answers.  CLAIM may be said as often as one
 * likes, so it is said again before the DISCARD, and after a restart.
 */
struct heir {
	struct smx_key key;
	char primary[SMX_NAME_MAX + 1];
	uint64_t named;   /* in the ranked set: waited for */
	uint64_t open;    /* have not answered */
	uint64_t yielded; /* hold it for this host */
};

void heir_begin(struct heir *heir, const struct gate_world *world,
    const struct smx_row *row);
/* The answer to CLAIM; UNKNOWN: none came. */
void heir_answer(struct heir *heir, const struct gate_world *world,
    size_t member, enum smx_answer answer);
/* DISCARD was confirmed. */
void heir_let_go(struct heir *heir, size_t member);
/* Does nobody hold it for this host, as far as can be known? */
int heir_is_free(const struct heir *heir);

#endif
