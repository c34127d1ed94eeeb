/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_BODY_H
#define IO_STORE_BODY_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/content.h>
#include <shadowmx/err.h>
#include <shadowmx/key.h>

/*
 * Content too large for a row, one file each.  A file gets its final name when
 * it is made; it counts only once a durable row names it.  So there is nothing
 * to rename, and a file without a row is rubbish whenever it is found.
 */
#define BODY_NAME_MAX (SMX_KEY_TEXT + 17)

struct bodies {
	int folder;
};

int bodies_open(struct bodies *bodies, int store_folder) SMX_MUST_USE;
void bodies_close(struct bodies *bodies);

/* A new file for this key, with a name that no file has had. */
int body_create(struct bodies *bodies, const struct smx_key *key,
    char name[BODY_NAME_MAX], int *fd) SMX_MUST_USE;
/* The bytes, and separately the names of all files made so far, durable. */
int body_sync(int fd) SMX_MUST_USE;
int bodies_sync(struct bodies *bodies) SMX_MUST_USE;
/* Failure leaves rubbish for the next start; it is logged, that is all. */
void body_remove(struct bodies *bodies, const char *name);
/* SMX_ECORRUPT when the file is missing or not size bytes long. */
int body_open(struct bodies *bodies, const char *name, uint64_t size,
    int *fd) SMX_MUST_USE;

/* Remove every file that no row names. */
typedef int (*body_named_fn)(void *ctx, const char *name, int *named);
int bodies_sweep(struct bodies *bodies, body_named_fn named, void *ctx,
    size_t *removed) SMX_MUST_USE;

/*
 * Room kept aside so that finished shadows can be dropped on a full disk: a
 * file that is given up for it and made again when there is room.
 */
void reserve_make(struct bodies *bodies);
int reserve_spend(struct bodies *bodies); /* non-zero when there was one */

#endif
