/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "check.h"

/* The file that the phrase or the configuration names; the configuration's user
 * as well, if it can be read at all. */
struct place {
	char file[PATH_MAX];
	char user[64];
};

static int
find_place(const struct ctl *ctl, char **args, int count, struct place *out)
{
	struct smx_config *config = NULL;
	const char *file, *user;
	int status = EX_OK;

	memset(out, 0, sizeof(*out));
	if (count > 0)
		(void)!smx_config_read(&config, ctl->config_file, check_silent,
		    NULL);
	else
		status = check_load(ctl->config_file, &config);
	if (status != EX_OK)
		return status;
	file = count > 0 ? args[0] : smx_config_text(config, "peers.key");
	user = config == NULL ? NULL : smx_config_text(config, "user");
	snprintf(out->file, sizeof(out->file), "%s", file == NULL ? "" : file);
	snprintf(out->user, sizeof(out->user), "%s", user == NULL ? "" : user);
	smx_config_release(&config);
	return EX_OK;
}

/* The reason names the file, if there is one. */
static int
complain(const char *file, int rc, const char *why)
{
	if (why[0] == '\0')
		fprintf(stderr, "shadowmxctl: %s: %s\n", file,
		    smx_strerror(rc));
	else
		fprintf(stderr, "shadowmxctl: %s\n", why);
	return rc == SMX_EIO || rc == SMX_ENOTFOUND ? EX_NOINPUT
						    : ctl_status_of(rc);
}

static int
print_pin(const struct ctl *ctl, const char *file)
{
	char pin[SMX_PIN_TEXT], why[256] = "";
	int rc = smx_identity_pin(file, pin, why, sizeof(why));

	if (rc != SMX_OK)
		return complain(file, rc, why);
	if (ctl->json)
		printf("{\"pin\":\"%s\"}\n", pin);
	else
		printf("%s\n", pin);
	return EX_OK;
}

/* The worker reads the key, and it is not root. */
static int
give(const struct place *place)
{
	struct passwd *pw;
	int fd, bad;

	if (geteuid() != 0 || place->user[0] == '\0')
		return EX_OK;
	pw = getpwnam(place->user);
	if (pw == NULL) {
		fprintf(stderr,
		    "shadowmxctl: there is no user %s yet: give %s to it "
		    "later\n",
		    place->user, place->file);
		return EX_OK;
	}
	fd = open(place->file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bad = fd < 0 || fchown(fd, pw->pw_uid, pw->pw_gid) != 0;
	if (bad)
		fprintf(stderr, "shadowmxctl: %s: %s\n", place->file,
		    strerror(errno));
	if (fd >= 0)
		close(fd);
	return bad ? EX_OSERR : EX_OK;
}

int
ctl_key_generate(const struct ctl *ctl, const struct phrase *phrase,
    char **args, int count)
{
	struct place place;
	char why[256] = "";
	int rc, status;

	(void)phrase;
	status = find_place(ctl, args, count, &place);
	if (status != EX_OK)
		return status;
	rc = smx_identity_generate(place.file, why, sizeof(why));
	if (rc != SMX_OK) {
		status = complain(place.file, rc, why);
		return status == EX_NOPERM ? status : EX_CANTCREAT;
	}
	status = print_pin(ctl, place.file);
	return status == EX_OK ? give(&place) : status;
}

int
ctl_key_show(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count)
{
	struct place place;
	int status = find_place(ctl, args, count, &place);

	(void)phrase;
	return status == EX_OK ? print_pin(ctl, place.file) : status;
}
