/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_FAKE_HOP_H
#define TEST_FAKE_HOP_H

#include <stddef.h>

/*
 * Next hops that do as the recipient's local part says, up to its first '-':
 *
 *	yes no temp unsure	to the content; no and temp with words
 *	slow lost		before the final dot, for the whole transaction
 *	rno rtemp rslow gone	at RCPT
 */
struct fake_hop {
	unsigned delivered[8]; /* by the digit behind the word: "yes3-" */
	unsigned unsure[8];
	unsigned asked; /* RCPT */
	unsigned open;  /* transactions */
};
extern struct fake_hop fake_hop;

#endif
