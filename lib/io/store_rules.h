/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_RULES_H
#define IO_STORE_RULES_H

#include <shadowmx/store.h>

/*
 * What every store has to decide in the same way, whatever it keeps its rows
 * in: who may do what with which key, and what is acceptable at all.
 */

#define STORE_CONTENT_MAX     ((uint64_t)1 << 40)
#define STORE_ENVELOPE_MAX    ((size_t)16 << 20)
#define STORE_RECIPIENTS_MAX  ((size_t)1 << 20)
#define STORE_META_VALUE_MAX  ((size_t)64 * 1024)
#define STORE_DROP_KEYS_MAX   ((size_t)100000)
#define STORE_AMEND_MAX       ((size_t)1000)
#define STORE_AMEND_BYTES_MAX ((size_t)64 << 20) /* of texts in one */
#define STORE_TOMB_RANGES_MAX ((size_t)4096)

/* 0 for a word that no state has. */
enum smx_row_state row_state_parse(const char *word);

int rules_head(const struct smx_shadow_head *head) SMX_MUST_USE;
int rules_change(const struct smx_row_change *change) SMX_MUST_USE;
/* One of the known chars for each recipient. */
int rules_rcpt_states(const char *states, size_t recipients) SMX_MUST_USE;
int rules_meta(const char *name, const char *value) SMX_MUST_USE;

int rules_amendments(const char *primary, const struct smx_row_amendment *list,
    size_t count) SMX_MUST_USE;

/*
 * Who gave the key out, and whose tombstone it gets: origin when the row was
 * yielded since, else ("") its primary.
 */
const char *rules_creator(const struct smx_row *row, const char *origin);

/* What a row keeps of its content: nothing once it is done. */
uint64_t rules_kept(const struct smx_row *row);

/* A copy has come for a key that has a row: SMX_EEXIST, SMX_ECONFLICT, or
 * SMX_EGONE when it is done.
 * digest NULL: not known yet, SMX_OK when it may be the same. */
int rules_repeat(const struct smx_row *row, const char *origin,
    const char *primary, const uint8_t *digest);

/* May this primary (NULL: this host) finish that row? */
int rules_may_drop(const struct smx_row *row, const char *primary);

/* The row's members after the change; SMX_ESTATE when it is in another state
 * than the change expects. */
int rules_apply(struct smx_row *row,
    const struct smx_row_change *change) SMX_MUST_USE;

/* Non-zero when the amendment changes the row; the envelope is the caller's to
 * store.  May it at all: rules_may_drop. */
int rules_amend(struct smx_row *row, char origin[SMX_NAME_MAX + 1],
    const struct smx_row_amendment *amendment);

/* A checksum of what only an amendment changes in a row: key, owner, holders,
 * envelope, what the content is.  The content has its own. */
int rules_seal(const struct smx_row *row, const char *origin,
    const char *envelope, size_t envelope_len,
    uint8_t seal[SMX_DIGEST_BYTES]) SMX_MUST_USE;

/*
 * Scan in pages: fetch fills at most max rows that pass the filter and lie
 * after *after (NULL: from the first), and holds no lock when it returns.
 * Fewer than max rows mean the end.
 */
#define RULES_PAGE 64
typedef int (*rules_fetch_fn)(void *ctx, const struct smx_store_filter *filter,
    const struct smx_key *after, struct smx_row *rows, size_t max,
    size_t *count);
int rules_scan(const struct smx_store_filter *filter, rules_fetch_fn fetch,
    void *ctx, smx_row_fn each, void *each_ctx);

#endif
