/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_CONF_CHECK_H
#define CORE_CONF_CHECK_H

#include "core/frozen.h"
#include "core/setting_read.h"

/*
 * What no single setting can tell: shared by conf_check.c, ack_check.c,
 * backup_check.c and speak_check.c.
 * Every check stands alone: a setting that was wrong by itself has its default
 * here and was reported before.
 */
struct check {
	struct problems *problems;
	const struct draft *draft;
	const struct tree *root;
};

/* With the node's place, or the file's when the setting was left out. */
void check_report(const struct check *c, const struct tree *node,
    const char *setting, const char *message, const char *accepted);

/* One acknowledge group; group is its name, node where it stands if it does.
 * relays: of the same policy, see policy_relays(). */
void ack_check(const struct check *c, const struct ack_conf *ack, int relays,
    const struct tree *node, const char *group);
/* primary_for; and who may speak for the domains of a backup group. */
void speak_check(const struct check *c);
void peer_check(const struct check *c, const struct policy_conf *policy,
    const struct tree *node, const char *name);
/* The backup group of a policy, if it has one; name: of the policy. */
void backup_check(const struct check *c, const struct policy_conf *policy,
    const struct tree *node, const char *name);

#endif
