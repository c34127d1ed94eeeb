/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "check.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <shadowmx/identity.h>

static unsigned warned;

static void
print_problem(void *ctx, const struct smx_config_problem *problem)
{
	char line[1024];

	(void)ctx;
	warned += problem->warning != 0;
	smx_config_problem_format(problem, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
}

void
check_silent(void *ctx, const struct smx_config_problem *problem)
{
	(void)ctx;
	(void)problem;
}

unsigned
check_warned(void)
{
	return warned;
}

int
check_load(const char *file, struct smx_config **out)
{
	return smx_config_read(out, file, print_problem, NULL) == SMX_OK
		   ? EX_OK
		   : EX_CONFIG;
}

static int
is_member(void *ctx, const char *setting, const char *value, const char *origin)
{
	static const char members[] = "peers.members[";

	(void)value, (void)origin;
	*(int *)ctx |= strncmp(setting, members, sizeof(members) - 1) == 0;
	return *(int *)ctx;
}

/* Only members are shown a key. */
static int
check_key(const char *file, const struct smx_config *config)
{
	const char *key = smx_config_text(config, "peers.key");
	char pin[SMX_PIN_TEXT], why[256] = "";
	int rc, members = 0;

	(void)smx_config_each(config, is_member, &members);
	if (key == NULL || !members)
		return EX_OK;
	rc = smx_identity_pin(key, pin, why, sizeof(why));
	if (rc == SMX_OK)
		return EX_OK;
	fprintf(stderr,
	    "%s: peers.key = %s: %s; accepted: a key of \"shadowmxctl key "
	    "generate\" that only its owner can read, as there are "
	    "peers.members\n",
	    file, key, why[0] == '\0' ? smx_strerror(rc) : why);
	return EX_CONFIG;
}

static int
is_account(const char *setting, const char *name)
{
	if (strcmp(setting, "user") == 0 || strcmp(setting, "mta.owner") == 0)
		return getpwnam(name) != NULL;
	return getgrnam(name) != NULL;
}

/* The accounts that a service started as this user would need. */
static int
check_accounts(const char *file, const struct smx_config *config)
{
	static const char *const settings[] = { "control.group", "user",
		"mta.owner", "milter.group" };
	size_t count = geteuid() == 0 ? 4 : 1;
	int status = EX_OK;

	for (size_t i = 0; i < count; i++) {
		const char *name = smx_config_text(config, settings[i]);

		if (name == NULL || name[0] == '\0' ||
		    is_account(settings[i], name))
			continue;
		fprintf(stderr,
		    "%s: %s = %s: there is no such account; accepted: the name "
		    "of a system account\n",
		    file, settings[i], name);
		status = EX_CONFIG;
	}
	return status;
}

int
check_config(const char *file, struct smx_config **out)
{
	struct smx_config *config = NULL;
	int status = EX_OK;

	if (smx_config_load(&config, file, print_problem, NULL) != SMX_OK)
		status = EX_CONFIG;
	if (status != EX_OK)
		return status;
	status = check_key(file, config);
	if (check_accounts(file, config) != EX_OK)
		status = EX_CONFIG;
	if (out != NULL)
		*out = config;
	else
		smx_config_release(&config);
	return status;
}
