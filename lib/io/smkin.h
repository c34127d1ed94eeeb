/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_SMKIN_H
#define IO_SMKIN_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "core/smid.h"
#include "io/pfqueue_table.h"

/*
 * Messages that Sendmail has divided: some recipients of the one go on under
 * the id of another.  The last SMKIN_MAX such pairs; of those before them it is
 * only known that there was something.
 */
#define SMKIN_MAX 65536

struct smkin_pair {
	char parent[SMID_TEXT], child[SMID_TEXT];
	uint64_t number;                      /* from 1; 0: none */
	uint64_t before_parent, before_child; /* in their chains */
};

struct smkin {
	struct smkin_pair *pair;        /* number n is in n % SMKIN_MAX */
	uint64_t *by_parent, *by_child; /* the last of each chain */
	uint64_t pairs;
	struct pfbloom forgotten; /* parents */
};

int smkin_init(struct smkin *kin) SMX_MUST_USE;
void smkin_done(struct smkin *kin);
/* Zero when it was known. */
int smkin_add(struct smkin *kin, const char *parent, const char *child);
/* There are children, and not all of them are known. */
void smkin_lose(struct smkin *kin, const char *parent);
int smkin_lost(const struct smkin *kin, const char *parent);
/* The next child of parent, the last first; begin with *at 0, NULL ends. */
const char *smkin_child(const struct smkin *kin, const char *parent,
    uint64_t *at);
/* NULL: nobody's. */
const char *smkin_parent(const struct smkin *kin, const char *child);

#endif
