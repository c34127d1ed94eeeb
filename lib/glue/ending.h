/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_ENDING_H
#define GLUE_ENDING_H

#include <shadowmx/engine.h>
#include <shadowmx/envelope.h>

#include "glue/message.h"

struct asking;
struct delivery;
struct struck;

/*
 * The end of a message: from what has arrived to a verdict and its log line.
 * As a refusal is always possible, an error on the way is one.
 */
struct ending {
	struct smx_engine *engine;
	struct message *message; /* NULL: there is none, SMX_ESTATE */
	const struct smx_envelope *envelope;
	smx_waiting_fn waiting;
	void *waiting_ctx;
	struct struck *struck;       /* out; NULL: nothing can be struck out */
	const struct asking *asking; /* what single recipients ask for */
	struct delivery *delivery;   /* NULL: no next hop was asked */
};

/* Fills in *verdict in every case.  What smx_session_end returns. */
int ending_run(const struct ending *ending, struct smx_verdict *verdict);
/* The same for a message that needs no shadow and so no content. */
void ending_unasked(const struct ending *ending, struct smx_verdict *verdict);

#endif
