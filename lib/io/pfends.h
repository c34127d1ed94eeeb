/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFENDS_H
#define IO_PFENDS_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/queue.h>

#include "core/pfid.h"

/*
 * What the log has said of the ends of messages, for those who ask later: the
 * last PFENDS_MAX lines, by queue id.
 */
#define PFENDS_MAX (128 * 1024)

struct pfend {
	char id[PFID_TEXT];
	uint64_t sum;                   /* of the recipient, 0: of all */
	uint64_t number;                /* of the line, 0: none */
	uint64_t before;                /* the line before it in its chain */
	enum smx_queue_event_kind kind; /* SENT, BOUNCED, DELETED */
};

struct pfends {
	struct pfend *end; /* line n is in n % PFENDS_MAX; NULL: not kept */
	uint64_t *last;    /* the last line of each chain */
	uint64_t lines;
};

int pfends_init(struct pfends *ends) SMX_MUST_USE;
void pfends_done(struct pfends *ends);
void pfends_clear(struct pfends *ends);
void pfends_add(struct pfends *ends, const char *id,
    enum smx_queue_event_kind kind, uint64_t sum);
/* The id belongs to another message now. */
void pfends_drop(struct pfends *ends, const char *id);
/* What is known of this id, the latest first: begin with 0, NULL ends. */
const struct pfend *pfends_next(const struct pfends *ends, const char *id,
    uint64_t *at);

#endif
