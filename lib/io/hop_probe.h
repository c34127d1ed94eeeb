/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_HOP_PROBE_H
#define IO_HOP_PROBE_H

#include "io/hop.h"

/*
 * Is a next hop there, and what does it offer?  A transaction for postmaster,
 * whom every mail server has to know (RFC 5321 4.5.1), that is given up before
 * any content.
 */
struct hop_probe {
	char peer[320]; /* "": none was reached */
	int encrypted;
	char offers[128];         /* "PIPELINING SIZE ..." */
	struct hop_times times;   /* -1 not reached */
	struct hop_answer answer; /* to RCPT, or what came instead */
};

/* SMX_OK: *out says how it went; SMX_ETIMEOUT: it has not answered until then,
 * *out says how far it came; SMX_ENOMEM. */
int hop_probe(struct hops *hops, const struct nexthop *to,
    int64_t until_mono_ms, struct hop_probe *out) SMX_MUST_USE;

#endif
