/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_DELIVERY_H
#define GLUE_DELIVERY_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>
#include <shadowmx/envelope.h>
#include <shadowmx/policy.h>

#include "core/conf.h"
#include "core/deliver.h"
#include "glue/courier.h"

/*
 * One message's transactions with next hops: opened at RCPT, one for each next
 * hop, and given the content at the end of the message.  Until then nothing has
 * happened that the next hop would keep; freeing it gives them up.
 *
 * For one thread at a time.
 */
struct delivery;

void delivery_free(struct delivery **delivery);

struct delivery_rcpt {
	struct courier *courier;
	const struct conf *conf;
	const char *client;                  /* address */
	const struct smx_envelope *envelope; /* without this recipient */
	const struct smx_ack *ack;           /* its own */
	const char *address;
	const char *const *params;
	size_t param_count;
	smx_waiting_fn waiting; /* may be NULL */
	void *waiting_ctx;
};

/*
 * Ask this recipient's next hops, for as long as its wait may last.  *delivery
 * is made when there is none.  SMX_OK: it can be taken, whoever will have it in
 * the end; SMX_EREFUSED, SMX_ETEMP: it cannot, with the words of a next hop in
 * *words, which are also there when one has said yes; else they are left alone.
 */
int delivery_rcpt(struct delivery **delivery, const struct delivery_rcpt *ask,
    struct hop_answer *words) SMX_MUST_USE;
/* The recipient after all was not added to the envelope. */
void delivery_drop(struct delivery *delivery);

struct delivery_content {
	const struct conf *conf;
	const char *node;     /* this host's name */
	const char *queue_id; /* for the trace line */
	const struct smx_content *content;
	int64_t began_ms; /* CLOCK_MONOTONIC */
	/* How long the client may wait, in all; copies: some of it is to be
	 * kept for them. */
	int64_t max_delay_ms;
	int copies;
	/* Recipients of the envelope, in its order: outcome DELIVER_KNOWN in,
	 * not to be delivered; the others out. */
	struct deliver_rcpt *rcpts;
	size_t count;
	smx_waiting_fn waiting;
	void *waiting_ctx;
};

struct delivery_report {
	int gave_up; /* waiting said so */
	char next_hop[256];
	int64_t connect_ms, rcpt_ms, data_ms; /* the longest; -1 none */
};

/* Give the content to all that accepted a recipient, and fill in what became of
 * each.  Nobody is left waiting for an answer. */
void delivery_run(struct delivery *delivery,
    const struct delivery_content *content, struct delivery_report *report);
/* In which words recipient `index` of the envelope was refused; NULL: it was
 * not. */
const struct hop_answer *delivery_words(const struct delivery *delivery,
    size_t index);

#endif
