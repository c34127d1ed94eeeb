/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_EARN_H
#define GLUE_EARN_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>
#include <shadowmx/link.h>
#include <shadowmx/policy.h>

/*
 * Earning the right to say yes to one message: core decides whom to ask and
 * when to stop (core/hold.h), the link asks, and core/engine.h is told of every
 * step, the verdict included, before the caller can answer the MTA.
 */
struct earn_request {
	struct smx_engine *engine;
	const struct smx_ack *ack;
	struct smx_shadow shadow; /* all but the key; lent */
	int ask;                  /* 0: ask nobody, only apply the policy */
	smx_waiting_fn waiting;   /* may be NULL */
	void *waiting_ctx;
};

struct earn_result {
	enum smx_earned earned;
	struct smx_key key;
	int gave_up;      /* the MTA did */
	size_t asked;     /* calls begun or tried */
	size_t confirmed; /* of them: has it */
	size_t peer;      /* the last that confirmed */
	int last_error;   /* of the last that did not, SMX_OK: none */
};

/* SMX_ELIMIT, SMX_ENOMEM: the message could not even be registered; nothing was
 * sent and nothing is to be accepted. */
int earn(const struct earn_request *request,
    struct earn_result *result) SMX_MUST_USE;

#endif
