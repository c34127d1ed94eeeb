/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POWERCUT_GUEST_H
#define POWERCUT_GUEST_H

#include <stddef.h>

#include <shadowmx/store.h>

/* What the writing (guest.c) and the judging (judge.c) share. */
#define KEYS_MAX  (1u << 18)
#define BODY_FILE 4096
#define PRIMARY   "mx1"

extern struct smx_store store;

struct smx_key key_of(unsigned n);
size_t size_of(unsigned n);
char *bytes_of(unsigned n); /* malloc'ed */
/* Starts the shadow; amended: what its amendment says of the envelope. */
void envelope_of(unsigned n, unsigned version, char out[128]);
int begin(unsigned n, struct smx_draft **draft);
void say(const char *fmt, ...) SMX_PRINTF(1, 2);

/*
 * Is the store as promised?  Says what is not so and a summary, and for what
 * nobody was told of whether it is there: from now on that is how it stays.
 * Returns the first number that was never used.
 */
unsigned judge(const char *said);
/* The store cannot be opened: everything that was promised is lost. */
void judge_refused(const char *said, const char *why);

#endif
