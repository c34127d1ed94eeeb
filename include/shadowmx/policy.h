/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_POLICY_H
#define SHADOWMX_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/config.h>
#include <shadowmx/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What one recipient asks for, and what one message therefore gets.  Usable
 * without an engine: load a configuration and ask.
 *
 * Threads:   all functions may be called by many threads at a time.
 * Ownership: names in results belong to the configuration.
 */
enum smx_unprotected {
	SMX_UNPROTECTED_ACCEPT = 1, /* acknowledge, count as unprotected */
	SMX_UNPROTECTED_TEMPFAIL    /* 451, the client keeps the message */
};

#define SMX_WHEN_SHADOWED  0x01u /* a holder has a durable copy */
#define SMX_WHEN_DELIVERED 0x02u /* the next hop has taken it; tried first */
/* when == 0: acknowledged at once, no shadow is made */

struct smx_backup; /* of the policy; opaque */

struct smx_ack {
	const char *policy;   /* name of the policy that decided, "defaults" */
	unsigned when;        /* SMX_WHEN_* bits */
	unsigned copies;      /* holders wanted */
	unsigned min_copies;  /* with fewer, when_unprotected decides; from 1
			       * to copies */
	int64_t max_delay_ms; /* the longest the client waits */
	enum smx_unprotected when_unprotected;
	int64_t tempfail_ms; /* TEMPFAIL: refuse for the first so much of
			      * trouble, then accept.  0: refuse always */
	/* Members that may have a copy, a bit each in the order of the
	 * configuration (sites, placement), and those of them to be asked
	 * first. */
	uint64_t holders;
	uint64_t preferred;
	/* With SMX_WHEN_DELIVERED: where to, tried in this order, as
	 * shadowmx.conf(5) writes them in full.  Of one recipient: in what was
	 * folded they mean nothing. */
	const char *const *next_hops;
	size_t next_hop_count;
	/* This host is the backup MX of the recipient's domain; NULL: it is
	 * not.  Likewise of one recipient. */
	const struct smx_backup *backup;
};

/* The size of a message that is not known yet. */
#define SMX_SIZE_UNKNOWN UINT64_MAX

struct smx_client {
	const char *address; /* "192.0.2.7", "2001:db8::7"; "" local */
	int authenticated;
	char country[3]; /* ISO 3166 alpha-2, "" unknown */
	uint32_t asn;    /* 0 unknown */
};

/* Fill country and asn from the configured databases; absent databases and
 * unknown addresses leave "" and 0. */
SMX_API void smx_policy_locate(const struct smx_config *config,
    struct smx_client *client);

/* recipient as in RCPT, with or without angle brackets.  size: of the content,
 * in bytes; a policy that matches by size matches nothing while it is
 * SMX_SIZE_UNKNOWN, so ask again at the end of the message when
 * smx_policy_by_size() says so.  The first policy that matches decides; what it
 * leaves out comes from the defaults.  Mail of this host itself
 * (client->address
 * "") is never held for its next hop: SMX_WHEN_DELIVERED is left out. */
SMX_API int smx_policy_recipient(const struct smx_config *config,
    const struct smx_client *client, const char *recipient, uint64_t size,
    struct smx_ack *ack) SMX_MUST_USE;

/* Does any policy match by size? */
SMX_API int smx_policy_by_size(const struct smx_config *config);

/*
 * Fold one more recipient's wish into the message's: the most copies and
 * min_copies, tempfail before accept and the longer one, the smallest
 * max_delay, a shadow if any asks for one, the holders that all who do allow.
 * A recipient with when == 0 adds nothing to one that has a wish.  Start from a
 * zeroed struct.
 *
 * SMX_ECONFLICT: fewer holders are left than the two together need
 * (min_copies), though each alone has enough.  With split the message is then
 * left as it was, for the recipient to be sent in another one; without it the
 * strictest holds for all, folded in all the same.
 */
SMX_API int smx_policy_combine(struct smx_ack *message,
    const struct smx_ack *recipient, int split);

#ifdef __cplusplus
}
#endif
#endif
