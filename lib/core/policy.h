/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <shadowmx/policy.h>

#include "core/arena.h"
#include "core/settings.h"
#include "core/source.h"

/*
 * The policies of one configuration, ready to be asked.  How long an answer
 * takes depends on the policies that name this recipient, that name a table or
 * that name no recipient at all, never on how many recipients and domains are
 * listed, here or in a table.
 */
struct policies;

/* The draft has been checked.  Keeps pointers into it; memory is the arena's.
 * sources: what the draft names, see sources_of().  SMX_ENOMEM. */
int policies_compile(struct policies **out, struct arena *arena,
    const struct draft *draft, const struct sources *sources) SMX_MUST_USE;

struct policy_question {
	const struct smx_client *client;
	const char *recipient;
	uint64_t size; /* SMX_SIZE_UNKNOWN */
	const struct sources *sources;
};
/* NULL only for a recipient longer than ADDR_MAX.  *waits: the size is not
 * known, and with it the answer may be another one. */
const struct smx_ack *policies_find(const struct policies *policies,
    const struct policy_question *question, int *waits);
/* See policy_may_deliver(); the question's client and size are not looked at.
 */
const struct smx_ack *policies_may_deliver(const struct policies *policies,
    const struct policy_question *question);
const struct smx_ack *policies_defaults(const struct policies *policies);
int policies_by_size(const struct policies *policies);
/* Non-zero: a network of milter.own_networks, or this host itself. */
int policies_own(const struct policies *policies, const char *address);

/* The same of a configuration. */
int policy_waits(const struct smx_config *config,
    const struct smx_client *client, const char *recipient);
/* The most copies that any policy asks for. */
unsigned policy_copies(const struct smx_config *config);
int policy_own(const struct smx_config *config, const char *address);
/* Non-zero: for some recipient nothing is asked, whatever the size. */
int policy_may_skip(const struct smx_config *config);
/* Non-zero: for some recipient the next hop is asked first. */
int policy_delivers(const struct smx_config *config);
/* A policy that does so, by its name; NULL: none. */
const char *policy_delivering(const struct smx_config *config);
/* The wish with SMX_WHEN_DELIVERED that a recipient has when its client and its
 * size are as they have to be; NULL: there is none.  And that of somebody in a
 * domain. */
const struct smx_ack *policy_may_deliver(const struct smx_config *config,
    const char *recipient);
const struct smx_ack *policy_may_deliver_domain(const struct smx_config *config,
    const char *domain);
/* What this one of the configuration's policies wishes. */
const struct smx_ack *policy_wish(const struct smx_config *config,
    size_t policy);
/* Non-zero: while the primary MX is up it is asked as a next hop. */
int policy_relays(const struct policy_conf *policy);
/* Non-zero: this host is the backup MX of some recipients. */
int policy_backs_up(const struct smx_config *config);
/* policy_backup.c: every domain that a policy with a backup group names, in the
 * order of the policies; non-zero from each stops. */
typedef int (*policy_backup_fn)(void *ctx, const char *domain,
    const struct smx_backup *backup);
void policy_backup_each(const struct smx_config *config, policy_backup_fn each,
    void *ctx);
/* The same of those that only stand in the files of its tables, each once for a
 * policy; who is below a domain cannot be listed.  SMX_ENOMEM. */
int policy_backup_tables(const struct smx_config *config, policy_backup_fn each,
    void *ctx);
/* The name of the policy that it is of; NULL: of none here.  And back: NULL
 * when there is no such policy, or it has no such group. */
const char *policy_backup_name(const struct smx_config *config,
    const struct smx_backup *backup);
const struct smx_backup *policy_backup_of(const struct smx_config *config,
    const char *name);
/* policy_domains.c: each domain that any policy lists, in the order of the
 * policies, once for each; backup is NULL when that policy has no such group.
 * Non-zero from each stops. */
typedef int (*policy_domain_fn)(void *ctx, const char *domain,
    const struct smx_backup *backup);
void policy_domains_each(const struct smx_config *config, policy_domain_fn each,
    void *ctx);
/* Non-zero: the MTA has to hear of each recipient whether it can be taken. */
int policy_answers_rcpt(const struct smx_config *config);

#endif
