/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_RECORDER_H
#define GLUE_RECORDER_H

#include <pthread.h>

#include "core/takeover.h"

/*
 * Writes down what attempts at resubmission have come to, in a thread of its
 * own, all that wait in one step: a submitter need not wait for the disk before
 * it takes the next message.  A message whose outcome is not yet written is as
 * one that is still out: a crash repeats it, nothing else begins it again.
 */
#define RECORDER_MAX 64 /* outcomes that wait; more make submitters wait */

struct recorder;

struct attempt {
	struct takeover_job job;
	struct smx_submit_result result; /* rcpt_states is malloc'ed */
	struct takeover_outcome outcome; /* the recorder's, as is the next */
	struct attempt *next;
};

struct smx_engine;

/* SMX_ENOMEM, SMX_EIO (no thread). */
int recorder_new(struct recorder **out, struct smx_engine *node) SMX_MUST_USE;
/* All that was put is written before this returns. */
void recorder_free(struct recorder **recorder);
/* Takes the attempt. */
void recorder_put_take(struct recorder *recorder, struct attempt *attempt,
    int result);
void attempt_free(struct attempt **attempt);

#endif
