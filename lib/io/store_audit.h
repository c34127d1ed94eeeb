/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_AUDIT_H
#define IO_STORE_AUDIT_H

#include <shadowmx/err.h>

#include "io/store_body.h"
#include "io/store_damage.h"

/*
 * A thread that reads everything that is kept and compares it with its digests
 * and seals, at the start and once a day from then on, so that a copy that has
 * gone bad is known while its primary can still send another.  It takes a tenth
 * of its time, unless the store is suspect: then it hurries, and takes the mark
 * away at its end (store_suspect.h).
 */
struct audit;

struct audit_options {
	const char *path; /* of the database */
	int folder;       /* the store's, for the mark */
	struct bodies *bodies;
	struct damage *damage;
	int suspect;
};

/* What options name must outlive the audit. */
int audit_start(struct audit **out,
    const struct audit_options *options) SMX_MUST_USE;
void audit_stop(struct audit **audit);

#endif
