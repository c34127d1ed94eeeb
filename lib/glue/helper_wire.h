/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_HELPER_WIRE_H
#define GLUE_HELPER_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "core/pfid.h"
#include "glue/helper.h"

/*
 * One request, one answer, as text in one packet each:
 *
 *	shadowmx-helper 1 ask GENERATION TOKEN DEADLINE VERB COUNT\n
 *	ID\n ...
 *	shadowmx-helper 1 answer GENERATION TOKEN RESULT DONE\n
 *
 * GENERATION is 16 hex digits chosen by the worker at its start, so that no
 * worker takes an answer for its own that was meant for the one before.
 * A helper that begins sends an answer to nobody, HELPER_STARTED: what was
 * asked of the one before has no other answer.  DEADLINE is on CLOCK_MONOTONIC,
 *which both processes share: a request found later is not run.  RESULT is the
 *negative of a code of <shadowmx/err.h>.
 */
#define HELPER_PACKET_MAX 40960

struct helper_request {
	uint64_t generation;
	uint64_t token;
	uint64_t deadline_ms;
	enum helper_verb verb;
	size_t count;
	char id[HELPER_IDS_MAX][PFID_TEXT];
};

struct helper_answer {
	uint64_t generation;
	uint64_t token;
	int result;
	size_t done;
};

#define HELPER_STARTED                                                         \
	{                                                                      \
		.generation = 0, .token = 0, .result = SMX_EUNREACHABLE        \
	}

const char *helper_verb_name(enum helper_verb verb);

/* Length of the packet, 0 when it does not fit. */
size_t helper_put_request(char *out, size_t size,
    const struct helper_request *request);
size_t helper_put_answer(char *out, size_t size,
    const struct helper_answer *answer);
/* SMX_EPROTO for anything else than the above. */
int helper_get_request(const char *text, size_t len,
    struct helper_request *request) SMX_MUST_USE;
int helper_get_answer(const char *text, size_t len,
    struct helper_answer *answer) SMX_MUST_USE;

/* helper_run.c: do it.  *done as helper_ask. */
int helper_run(const struct helper_options *options,
    const struct helper_request *request, size_t *done);

#endif
