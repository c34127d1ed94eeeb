/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A Sendmail queue:
 *
 *	smqueue_probe DOMAIN PID_FILE MARKER_DIRECTORY LOG PATH...
 */
#include "config.h"
#include "queue_probe.h"

#include <stdio.h>

#include "io/smqueue.h"

int
probe_open(struct smx_queue *out, int argc, char **argv, char *why,
    size_t why_size)
{
	struct smqueue_options options = { .stray_ms = 1000 };
	struct smqueue *q;
	int result;

	if (argc < 6) {
		snprintf(why, why_size,
		    "usage: smqueue_probe DOMAIN PID_FILE MARKER LOG PATH...");
		return SMX_EINVAL;
	}
	options.domain = argv[1];
	options.pid_file = argv[2];
	options.marker_directory = argv[3];
	options.log_file = argv[4];
	options.paths = (const char *const *)&argv[5];
	options.path_count = (size_t)argc - 5;
	options.deliveries = options.ends = 1;
	result = smqueue_open(&q, &options, why, why_size);
	if (result != SMX_OK)
		return result;
	out->ctx = q;
	out->ops = &smqueue_ops;
	return SMX_OK;
}
