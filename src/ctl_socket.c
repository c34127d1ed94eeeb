/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "ctl_socket.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

#define DEFAULT_FOLDER "/run/shadowmx"
#define FOLDER_MAX     256

/*
 * The daemon may well run with an older, good configuration while the files are
 * being worked on, and then it is asked for all the same ("status", "reload"):
 * its folder is taken from wrong files as far as it can be read there.
 * Returns zero when even that could not be had.
 */
static int
find_folder(const char *file, char *out, size_t size)
{
	static const char name[] = "run_directory";
	char line[PATH_MAX];
	FILE *f = fopen(file, "re");
	int found = 0;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		char *at = line + strspn(line, " \t");
		size_t len;

		if (strncmp(at, name, sizeof(name) - 1) != 0)
			continue;
		at += sizeof(name) - 1;
		at += strspn(at, " \t=:");
		len = strcspn(at + 1, "\"\n");
		if (at[0] != '"' || at[1] != '/' || len >= size)
			continue;
		memcpy(out, at + 1, len);
		out[len] = '\0';
		found = 1;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

static int
look(const struct ctl *ctl, char *out, size_t size)
{
	struct smx_config *config = NULL;
	char found[FOLDER_MAX];
	const char *listen = "", *folder = DEFAULT_FOLDER;
	int known = 1;

	if (smx_config_read(&config, ctl->config_file, check_silent, NULL) ==
	    SMX_OK) {
		listen = smx_config_text(config, "control.listen");
		folder = smx_config_text(config, "run_directory");
	} else if (find_folder(ctl->config_file, found, sizeof(found))) {
		folder = found;
	} else {
		known = 0;
	}
	if (listen != NULL && listen[0] != '\0')
		snprintf(out, size, "%s", listen);
	else
		snprintf(out, size, "%s/control.sock",
		    folder == NULL ? DEFAULT_FOLDER : folder);
	smx_config_release(&config);
	return known;
}

int
socket_find(const struct ctl *ctl, const char **path)
{
	static char found[PATH_MAX];
	static int known = -1; /* not looked yet */

	if (ctl->socket != NULL) {
		*path = ctl->socket;
		return 1;
	}
	if (known < 0)
		known = look(ctl, found, sizeof(found));
	*path = found;
	return known;
}
