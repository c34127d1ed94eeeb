/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H

#include <stdint.h>

#include <shadowmx/err.h>

#include "core/hopanswer.h"
#include "core/nexthop.h"
#include "io/hop_addr.h"

/*
 * Names to addresses, as the system does it (/etc/hosts counts), and the hosts
 * of a domain by their MX records.  The system's functions wait for as long as
 * they like: they do so in at most two threads of this, and who asked waits for
 * a descriptor, with a deadline.  Answers are kept for a minute, failures for
 * ten seconds.  Any thread.
 */
#define RESOLVE_THREADS 2
#define RESOLVE_QUEUE   64 /* questions that wait; more are failures at once */
#define RESOLVE_CACHE   256
#define RESOLVE_GOOD_MS 60000
#define RESOLVE_BAD_MS  10000

struct resolver;
int resolver_new(struct resolver **out) SMX_MUST_USE;
/* Does not wait: a thread that is still asking ends on its own. */
void resolver_free(struct resolver **resolver);
/* Forget all answers. */
void resolver_forget(struct resolver *resolver);

/* One question about a NEXTHOP_HOST or NEXTHOP_MX. */
struct lookup;
int lookup_begin(struct lookup **out, struct resolver *resolver,
    const struct nexthop *to) SMX_MUST_USE;
/* To be polled for reading, until there is an answer. */
int lookup_fd(const struct lookup *lookup);
/* Non-zero: it is answered.  No address: why says what everybody gets. */
int lookup_answer(struct lookup *lookup, struct hop_addrs *out,
    struct hop_answer *why);
void lookup_end(struct lookup **lookup);

#endif
