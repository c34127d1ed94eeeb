/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_MXLOOK_H
#define IO_MXLOOK_H

#include "core/backup.h"
#include "core/mxcheck.h"
#include "io/dnsask.h"
#include "io/hop.h"

/*
 * One look at the MX records of a domain: asks the name servers of this host
 * for them, for the addresses and TLSA records of each MX host and for
 * _mta-sts; the domain's own name servers for the MX records; and, when this
 * host is one of the MX hosts or is to be, for the MTA-STS policy, and each of
 * them whether it takes mail for postmaster: by TLS where the policy or a TLSA
 * record is about that.  One question at a time.
 */
#define MXLOOK_MS 45000 /* what is not known by then is unsure */

struct mxlooker;

struct mxlooker_options {
	const char *resolv_conf; /* lent */
	const char *node;        /* this host's name; lent */
	const char *ca; /* file: who signs for MTA-STS, "": the system's */
	struct hops_options probe; /* how MX hosts are spoken to */
};
/* SMX_ENOMEM, SMX_ECONFIG with a sentence in why. */
int mxlooker_new(struct mxlooker **out, const struct mxlooker_options *options,
    char *why, size_t why_size) SMX_MUST_USE;
void mxlooker_free(struct mxlooker **looker);

/* A policy that was had and found to be good, for a while: begins as zeros. */
struct mxlook_kept {
	char *text; /* NULL: none */
	size_t len;
	char id[MXCHECK_STS]; /* of the record that announced it */
	int64_t had_ms;       /* CLOCK_MONOTONIC */
};
void mxlook_kept_free(struct mxlook_kept *kept);

struct mxlook_question {
	const char *domain;
	const struct smx_backup *backup; /* NULL: it is not the secondary */
	int primary_is_away; /* known, or meant to be: nothing to be told of */
	int64_t probe_ms;    /* for one host, or web server; 0: not asked */
	int64_t again_ms; /* one that was silent is not asked again for so long
			   */
	struct mxlook_kept *kept; /* of this domain; for this look alone */
	int fresh;                /* what is kept does not do */
	smx_waiting_fn waiting;
	void *waiting_ctx;
};
/* Any thread.  SMX_ECLOSED: waiting said so; SMX_ENOMEM. */
int mxlook(struct mxlooker *looker, const struct mxlook_question *question,
    struct mxcheck_look *out) SMX_MUST_USE;

#endif
