/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/rights.h"

#include <string.h>
#include <sys/socket.h>

#define GROUPS_MAX 1024

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

/* Everything that only looks.  Content of mail ("queue cat") is not for the
 * group: it is other people's. */
static const char *const looking[] = { "status", "peer list", "nexthop list",
	"queue list", "queue show", "config show", "config text",
	"recipient list", "recipient show", "backup show", "backup report" };

/* Asked again and again by who waits; with a word behind it does something. */
static const char looking_alone[] = "fence";

int
control_only_looks(const char *command)
{
	if (strcmp(command, looking_alone) == 0)
		return 1;
	for (size_t i = 0; i < sizeof(looking) / sizeof(*looking); i++) {
		size_t len = strlen(looking[i]);

		if (strncmp(command, looking[i], len) == 0 &&
		    (command[len] == '\0' || command[len] == ' '))
			return 1;
	}
	return 0;
}

static int
in_group(int fd, gid_t primary, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (group == (gid_t)-1)
		return 0;
	if (primary == group)
		return 1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return 0;
	for (size_t i = 0; i < len / sizeof(*groups); i++)
		if (groups[i] == group)
			return 1;
	return 0;
}

void
rights_of(const struct control_options *options, int fd, struct rights *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	memset(out, 0, sizeof(*out));
	out->uid = (uid_t)-1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 ||
	    len != sizeof(cred) || cred.uid == (uid_t)-1)
		return;
	out->uid = cred.uid;
	out->pid = cred.pid;
	out->may_change = cred.uid == 0 || cred.uid == options->owner;
	out->may_look = out->may_change || cred.uid == options->reader ||
			in_group(fd, cred.gid, options->group);
}
