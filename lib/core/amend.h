/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_AMEND_H
#define CORE_AMEND_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/envelope.h>

/*
 * What the MTA committed against what the milter saw: both are envelopes in
 * text form, of which only the MAIL address and the RCPT addresses are
 * compared (order and case of the domain do not matter, nor do angle brackets).
 */

/* 0 is "not known", which differs from all: no memory, or not such a text.  A
 * CLIENT line may be there or not. */
uint64_t amend_sum(const char *text, size_t len);
uint64_t amend_sum_envelope(const struct smx_envelope *envelope);
/* Of one address, compared likewise, and those of the RCPT lines of a text
 * (malloc'ed; NULL: no memory, or not such a text). */
uint64_t amend_address(const char *address);
uint64_t *amend_addresses(const char *text, size_t len, size_t *count);
/* h goes on with these bytes. */
uint64_t amend_hash(uint64_t h, const char *text, size_t len);

/* Until when it is on hold as a backup MX, as the MAIL line says (HOLD=), 0: it
 * is not; -1: nothing is said of that. */
int64_t amend_mark(const char *text, size_t len);

/*
 * The envelope to keep: CLIENT line and MAIL parameters of old, addresses and
 * RCPT parameters of now (a MAIL and RCPT lines).  A HOLD= in the MAIL line of
 * now replaces the one in the CLIENT line.  *out is malloc'ed.
 * SMX_EINVAL: now is not such a text, or names no recipient.
 */
int amend_merge(const char *old, size_t old_len, const char *now,
    size_t now_len, char **out, size_t *out_len, size_t *recipients);

#endif
