/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A Postfix queue, through the public interface:
 *
 *	queue_probe USER QUEUE_DIRECTORY LOG [CONFIG_DIRECTORY]
 */
#include "config.h"
#include "queue_probe.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

static int
become(const char *name)
{
	const struct passwd *pw = getpwnam(name);

	return pw != NULL && initgroups(name, pw->pw_gid) == 0 &&
	       setgid(pw->pw_gid) == 0 && setuid(pw->pw_uid) == 0;
}

int
probe_open(struct smx_queue *out, int argc, char **argv, char *why,
    size_t why_size)
{
	struct smx_queue_postfix_options options = { 0 };

	if (argc < 4 || argc > 5 || !become(argv[1])) {
		snprintf(why, why_size,
		    "usage: queue_probe USER QUEUE LOG [CONFIG]");
		return SMX_EINVAL;
	}
	options.queue_directory = argv[2];
	options.log_file = argv[3];
	options.marker_directory = "";
	options.config_directory = argc == 5 ? argv[4] : "";
	return smx_queue_open_postfix(out, &options, why, why_size);
}
