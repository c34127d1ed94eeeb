/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_RESEND_IN_H
#define CORE_RESEND_IN_H

#include "core/resend.h"

/* Between resend.c, which remembers, and resend_ask.c, which judges. */
void resends_add(struct resends *resends, const struct smx_key *key,
    const char *id, const struct resend_message *message, int64_t until_ms,
    int64_t now_ms);
void resends_forget(struct resends *resends, struct resend_attempt *a);
/* NULL: none (any more). */
struct resend_attempt *resends_find(const struct resends *resends,
    const struct smx_key *key);
struct resend_attempt *resends_first_id(const struct resends *resends,
    const char *id);
struct resend_attempt *resends_next_id(const struct resend_attempt *a);
/* The attempts that are the same for this recipient, the last first. */
struct resend_slot *resends_first(const struct resends *resends,
    const struct resend_message *message, size_t rcpt);
struct resend_slot *resends_next(const struct resend_slot *slot,
    const struct resend_message *message);

#endif
