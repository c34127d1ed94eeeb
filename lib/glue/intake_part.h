/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_INTAKE_PART_H
#define GLUE_INTAKE_PART_H

#include "glue/intake.h"

/*
 * A part of a message that is put on hold on its own: its recipients of one
 * domain are given to the own MTA as another message, into hold
 * (mta.submit_held), with copies of its own, and are in the books before they
 * leave the message that they came in.  doc/STATES says what a stop at each of
 * these steps leaves.
 */
struct intake_part {
	const struct intake_end *end;
	const struct intake_domain *domain;
	const size_t *index; /* its recipients, as numbered in the envelope */
	size_t count;
	int64_t until_mono_ms; /* the client waits no longer */
};

/* Non-zero: this host can. */
int intake_part_able(const struct intake_end *end);
/* SMX_OK: those that the MTA has taken are marked, one for each of count, and
 * are to be struck out of the message; anything else: nothing is. */
int intake_part_off(const struct intake_part *part,
    unsigned char *taken) SMX_MUST_USE;

#endif
