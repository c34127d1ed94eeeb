/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"

int
user_find(const char *name, struct user *out, char *why, size_t why_size)
{
	struct passwd *pw = getpwnam(name);

	if (pw == NULL) {
		snprintf(why, why_size, "there is no user %s", name);
		return SMX_ENOTFOUND;
	}
	out->uid = pw->pw_uid;
	out->gid = pw->pw_gid;
	if (text_copy(out->name, sizeof(out->name), name)) {
		snprintf(why, why_size, "the user name is too long");
		return SMX_ENOTFOUND;
	}
	return SMX_OK;
}

int
user_group(const char *name, gid_t *out, char *why, size_t why_size)
{
	struct group *gr = getgrnam(name);

	if (gr == NULL) {
		snprintf(why, why_size, "there is no group %s", name);
		return SMX_ENOTFOUND;
	}
	*out = gr->gr_gid;
	return SMX_OK;
}

static int
is_exactly(const struct user *user)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	return getresuid(&ruid, &euid, &suid) == 0 &&
	       getresgid(&rgid, &egid, &sgid) == 0 && ruid == user->uid &&
	       euid == user->uid && suid == user->uid && rgid == user->gid &&
	       egid == user->gid && sgid == user->gid;
}

int
user_become(const struct user *user, const gid_t *groups, size_t count)
{
	/* Groups first: afterwards there is no right to change them. */
	if (setgroups(count, groups) != 0 ||
	    setresgid(user->gid, user->gid, user->gid) != 0 ||
	    setresuid(user->uid, user->uid, user->uid) != 0)
		return SMX_EIO;
	if (!is_exactly(user) || user->uid == 0 || setuid(0) == 0) {
		errno = EPERM;
		return SMX_EPERM;
	}
	return SMX_OK;
}
