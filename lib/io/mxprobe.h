/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_MXPROBE_H
#define IO_MXPROBE_H

#include <stddef.h>
#include <stdint.h>

#include "core/ip.h"
#include "io/hop.h"

/*
 * Would a primary MX host take mail?  MAIL from <> and one RCPT, given up
 * before any content.  Many at a time, driven by one thread that waits for
 * none of them.
 */
struct mxprobe;

/* rcpt: with angle brackets; NULL: postmaster. */
int mxprobe_begin(struct mxprobe **out, struct hops *hops,
    const struct nexthop *to, const char *rcpt,
    int64_t until_mono_ms) SMX_MUST_USE;
/* Go on with all of them until none waits, or until then; NULLs are left out.
 */
#define MXPROBES_MAX 64
void mxprobe_run(struct mxprobe *const *probes, size_t count,
    int64_t until_mono_ms);

/*
 * Non-zero: it is through, or past its time.  *well: an enum mx_result; good,
 * the host takes mail from us, whatever it says to this recipient; busy, it
 * takes none now (4xx to MAIL, but 421).  What it said to the greeting, to MAIL
 * or not at all is said to everybody.
 */
int mxprobe_result(const struct mxprobe *probe, int64_t now_mono_ms, int *well,
    struct hop_answer *out);
/* Non-zero: who answered is this host's own port 25.  The loopback's addresses
 * are for whoever has written them down. */
int mxprobe_is_own(const struct mxprobe *probe);
/* Where the host is, as far as it was found out; how many. */
size_t mxprobe_addresses(const struct mxprobe *probe, struct ip *out,
    size_t max);
void mxprobe_end(struct mxprobe **probe);

#endif
