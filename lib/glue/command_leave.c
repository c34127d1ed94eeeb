/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/key.h"
#include "base/log.h"
#include "glue/node_impl.h"

/* "leave MILLISECONDS": this host will be away in order, for so long; 0: it
 * stays after all. */
#define LEAVE_MAX_MS ((int64_t)24 * 3600 * 1000)
#define TELL_MS      10000

static int
tell(struct command *c, const int *told)
{
	struct buf b;
	int rc = SMX_OK;

	buf_init(&b, 0);
	for (size_t i = 0; rc == SMX_OK && i < c->node->peers; i++) {
		json_open(&b);
		json_str(&b, "name", node_peer_name(c->node, i));
		json_str(&b, "result", smx_errname(told[i]));
		json_close(&b);
		rc = command_line(c, &b);
	}
	buf_free(&b);
	return rc;
}

static int
for_how_long(struct command *c, int64_t *ms)
{
	uint64_t n = (uint64_t)config_conf(c->node->first_config)
			 ->peers_takeover_after_ms;

	if (c->words > 2 ||
	    (c->words == 2 && number_parse(c->word[1], strlen(c->word[1]),
				  (uint64_t)LEAVE_MAX_MS, &n) != SMX_OK))
		return command_fail(c, SMX_EINVAL,
		    "leave needs a time of 24 hours at most", "");
	*ms = (int64_t)n < LEAVE_MAX_MS ? (int64_t)n : LEAVE_MAX_MS;
	return SMX_OK;
}

int
command_leave(struct command *c)
{
	int *told = calloc(c->node->peers + 1, sizeof(*told));
	int64_t for_ms = 0;
	int rc = told == NULL ? SMX_ENOMEM : for_how_long(c, &for_ms);

	if (rc == SMX_OK && node_leave_set(c->node, for_ms) != SMX_OK)
		rc = command_fail(c, SMX_EIO,
		    "the store could not write it down: it is forgotten when "
		    "the worker ends",
		    "");
	if (rc == SMX_OK) {
		log_event(SMX_LOG_NOTICE, "leaving", "for_ms=%lld uid=%lld",
		    (long long)for_ms, (long long)c->uid);
		node_leave_say(c->node, TELL_MS, told);
		rc = tell(c, told);
	}
	free(told);
	return rc;
}
