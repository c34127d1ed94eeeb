/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_DELIVERY_IMPL_H
#define GLUE_DELIVERY_IMPL_H

#include "glue/delivery.h"

/* delivery*.c only */
#define PARTS_MAX 32 /* next hops of one message */

struct part {
	char name[NEXTHOP_TEXT];
	struct nexthop to;
	struct hop *hop;
	size_t count; /* recipients, of the hop */
	int dead;     /* it has failed: no more of this message */
	/* At the end of the message: */
	unsigned char *wanted;
	size_t wants;
	int64_t until_ms; /* not beyond, before the dot */
	int64_t data_ms;  /* when the content began */
	int through;
};

#define NOWHERE ((size_t)-1)

struct slot {
	size_t index; /* in the message's envelope */
	size_t part;  /* NOWHERE: nobody was asked or has answered in time */
	size_t at;    /* in the part's transaction */
	struct hop_answer *words; /* of a no; NULL: none, or no memory */
};

struct delivery {
	struct courier *courier;
	/* The message's, with those recipients that were asked about, also
	 * those that were refused: a hop knows them by their number. */
	struct smx_envelope *envelope;
	struct part part[PARTS_MAX];
	size_t parts;
	struct slot *slot;
	size_t slots, slot_room;
	char client[64];
	char *received; /* lent to the transactions */
};

#endif
