/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_EARN_H
#define GLUE_EARN_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>
#include <shadowmx/link.h>
#include <shadowmx/policy.h>

#include "core/engine.h"

/*
 * Earning the right to say yes to one message: core decides whom to ask and
 * when to stop (core/hold.h), the link asks, and core/engine.h is told of every
 * step, the verdict included, before the caller can answer the MTA.
 */
struct earn_request {
	struct smx_engine *engine;
	const struct smx_ack *ack;
	struct smx_shadow shadow; /* all but key and holders; lent */
	uint64_t envelope_sum;    /* amend_sum() of its envelope */
	int64_t hold_until_ms;    /* backup_marked() of it */
	/* A message that core knows already; it was committed, so there is no
	 * verdict, and only the copies that it lacks are asked for.  NULL:
	 * register it. */
	const struct smx_key *known;
	int ask;                /* 0: ask nobody, only apply the policy */
	smx_waiting_fn waiting; /* may be NULL */
	void *waiting_ctx;
};

struct earn_result {
	enum smx_earned earned;
	struct smx_key key;
	int gave_up;               /* the MTA did */
	unsigned wanted;           /* copies */
	size_t asked;              /* calls begun or tried */
	size_t there;              /* known: so many had it before */
	int enough;                /* known: nothing is missing */
	struct engine_ranks ranks; /* who has it */
	int last_error;     /* of the last that has it not, SMX_OK: none */
	int64_t trouble_ms; /* accepted as trouble has lasted so long */
};

/* A comma between; out is cut when it must be. */
void earn_names(const struct smx_engine *engine,
    const struct engine_ranks *ranks, char *out, size_t size);

/* SMX_ELIMIT, SMX_ENOMEM: the message could not even be registered; nothing was
 * sent and nothing is to be accepted. */
int earn(const struct earn_request *request,
    struct earn_result *result) SMX_MUST_USE;

#endif
