/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_DAMAGE_H
#define IO_STORE_DAMAGE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/store.h>

/*
 * Which rows this host cannot vouch for: those that were found damaged, and,
 * as long as a suspect store is being verified, those that nobody has looked at
 * yet.  They are there, and are handed out when they prove to be sound; but
 * nobody is told that they are held, so that their primary copies them again.
 *
 * Kept in memory: the audit of the next start finds them again.
 * Ceiling:  DAMAGE_MAX keys; of more only the number is known, and none is
 *           vouched for until an audit finds fewer.
 * Threads:  any.
 */
#define DAMAGE_MAX 65536

struct damage;

int damage_new(struct damage **out) SMX_MUST_USE;
void damage_free(struct damage **damage);

/* Non-zero when it was not known before. */
int damage_found(struct damage *damage, const struct smx_key *key);
/* It was looked at and is sound, was replaced, or is gone. */
void damage_mended(struct damage *damage, const struct smx_key *key);
int damage_is(struct damage *damage, const struct smx_key *key);
/* The tables themselves: rows may be missing that nobody can name. */
void damage_tables(struct damage *damage, int damaged);

/* Nothing that was stored before since_ms is vouched for, from here on until
 * damage_verified has passed its key, or all is verified (NULL). */
void damage_suspect(struct damage *damage, int64_t since_ms);
void damage_verified(struct damage *damage, const struct smx_key *key);
/* A new audit has gone through everything: too many or not is known anew. */
void damage_recounted(struct damage *damage, uint64_t found);

int damage_vouches(struct damage *damage, const struct smx_row *row);
void damage_stats(struct damage *damage, struct smx_store_stats *stats);

#endif
