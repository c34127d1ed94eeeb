/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_RCPTAGE_H
#define CORE_RCPTAGE_H

#include <stdint.h>

#include "core/backup.h"

/*
 * What is known of a recipient, and how old that may be.  Wall clock, in
 * milliseconds, since it outlives a restart.
 */
struct rcptage { /* backup.good, good_ask, bad, bad_ask */
	int64_t good_ms, good_ask_ms;
	int64_t bad_ms, bad_ask_ms;
};

struct rcpt_entry {
	int good;
	enum rcpt_source source;
	int64_t learned_ms;
};

struct rcpt_sight {
	enum rcpt_word word;
	int ask; /* to be asked again, when there is somebody to ask */
};

/*
 * entry NULL: there is none.  down_since_ms: the primary cannot be asked since
 * then, 0: it can.  While it cannot, nothing good grows older: whoever existed
 * when it went away does until it is back.
 */
void rcptage_see(const struct rcptage *ages, const struct rcpt_entry *entry,
    int64_t down_since_ms, int64_t now_ms, struct rcpt_sight *out);

/*
 * Of a domain whose primary MX has said by itself who its recipients are, all
 * of them, and did so last at confirmed_ms: what is there of that list is as
 * old as that, and who is not there is bad.  Other entries are left alone.
 * While the primary can be asked it is, for the list may be older than the
 * recipient.
 */
void rcptage_listed(const struct rcptage *ages, const struct rcpt_entry *entry,
    int64_t confirmed_ms, int64_t down_since_ms, int64_t now_ms,
    struct rcpt_sight *out);

/* Is what was learned now worth writing over what is there (NULL: nothing)? */
int rcptage_replaces(const struct rcpt_entry *was,
    const struct rcpt_entry *now);

/* An invented recipient is asked for so often. */
#define RCPTAGE_CATCHALL_MS (INT64_C(24) * 3600 * 1000)
int rcptage_catchall_old(int64_t asked_ms, int64_t now_ms);

#endif
