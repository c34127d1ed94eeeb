/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_KEY_H
#define SHADOWMX_KEY_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A key names one shadow for ever.  The incarnation is 128 random bits, new at
 * every start of a worker; the counter never repeats within it.  It is never
 * the MTA's queue id, which can be used again for another message.
 *
 * Text form: 32 hex digits, '-', 16 hex digits, lower case.
 */
#define SMX_KEY_TEXT 50 /* with the closing NUL */

struct smx_key {
	uint8_t incarnation[16];
	uint64_t counter;
};

/*
 * An epoch names one state of a host: a random id that changes when the state
 * is replaced, and a counter that only grows while it is not.
 * Text form: 32 hex digits, '.', decimal counter.
 */
#define SMX_EPOCH_TEXT 54

struct smx_epoch {
	uint8_t id[16];
	uint64_t counter;
};

SMX_API void smx_key_format(const struct smx_key *key, char out[SMX_KEY_TEXT]);
/* SMX_EINVAL unless text is exactly one key.  len excludes any NUL. */
SMX_API int smx_key_parse(const char *text, size_t len,
    struct smx_key *key) SMX_MUST_USE;
/* Incarnation first, then counter; <0, 0, >0 like memcmp. */
SMX_API int smx_key_compare(const struct smx_key *a, const struct smx_key *b);

SMX_API void smx_epoch_format(const struct smx_epoch *epoch,
    char out[SMX_EPOCH_TEXT]);
SMX_API int smx_epoch_parse(const char *text, size_t len,
    struct smx_epoch *epoch) SMX_MUST_USE;
/* Non-zero when both carry the same id; the counter does not matter. */
SMX_API int smx_epoch_same(const struct smx_epoch *a,
    const struct smx_epoch *b);

#ifdef __cplusplus
}
#endif
#endif
