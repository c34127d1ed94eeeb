/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/postconf.h"

#include <stdio.h>
#include <string.h>

#include "io/mtaask.h"

#define ANSWER_MAX 65536

int
postconf_ask(const char *config_directory, const char *setting, char *out,
    size_t size, char *why, size_t why_size)
{
	const char *const argv[] = { "-c", config_directory, "-h", setting,
		NULL };
	char words[512] = "";
	struct buf answer;
	int rc;

	buf_init(&answer, ANSWER_MAX);
	rc = mta_ask("postconf", argv, &answer, words, sizeof(words));
	if (rc == SMX_OK) {
		answer.data[strcspn(answer.data, "\n")] = '\0';
		if (answer.data[0] == '\0' || text_copy(out, size, answer.data))
			rc = SMX_EIO;
	}
	if (rc == SMX_ENOTFOUND)
		snprintf(why, why_size, "%s", words);
	else if (rc != SMX_OK)
		snprintf(why, why_size, "postconf -c %s -h %s: %s",
		    config_directory, setting,
		    words[0] != '\0' ? words : smx_strerror(rc));
	buf_free(&answer);
	return rc;
}
