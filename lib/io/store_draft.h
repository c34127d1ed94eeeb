/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_DRAFT_H
#define IO_STORE_DRAFT_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

#include "base/buf.h"
#include "io/digest.h"
#include "io/store_body.h"
#include "io/store_usage.h"

/*
 * A shadow that is arriving.  Content goes to memory, or to the file when there
 * is one; it is counted, summed and held against the quota as it comes.
 * The first failure sticks and is what the commit answers.
 */
struct smx_draft {
	struct smx_row row; /* as it will be stored */
	char *envelope;
	size_t envelope_len;
	int announced; /* digest below was given in advance */
	uint8_t announced_digest[SMX_DIGEST_BYTES];
	struct digest *digest;
	struct buf body;
	int fd; /* -1: in memory */
	char file[BODY_NAME_MAX];
	struct bodies *bodies;
	int kept;    /* a row may name the file: it must stay */
	int replace; /* what is stored under this key is damaged */
	uint8_t seal[SMX_DIGEST_BYTES];
	char origin[SMX_NAME_MAX + 1]; /* inherited with a replaced row */
	uint64_t received;
	struct usage *usage;
	size_t peer;
	uint64_t taken; /* bytes counted in usage */
	int error;
};

/* head has passed rules_head. */
int draft_new(struct smx_draft **out, const struct smx_shadow_head *head,
    struct usage *usage) SMX_MUST_USE;
/* Content goes to a new file from here on. */
int draft_to_file(struct smx_draft *draft, struct bodies *bodies) SMX_MUST_USE;
int draft_write(struct smx_draft *draft, const void *data,
    size_t len) SMX_MUST_USE;
/* All has arrived: SMX_ECORRUPT unless it is what was announced. */
int draft_finish(struct smx_draft *draft) SMX_MUST_USE;
/* What it takes once it is stored. */
void draft_usage(const struct smx_draft *draft, struct usage_row *row);
int draft_seal(struct smx_draft *draft) SMX_MUST_USE;
/* It is stored and counted as a row: its own count has ended. */
void draft_settle(struct smx_draft *draft);
/* Gives its room back and removes the file unless that is kept. */
void draft_free(struct smx_draft **draft);

#endif
