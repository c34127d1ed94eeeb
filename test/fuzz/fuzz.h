/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

/*
 * Readers of text from outside, each given any bytes at all.  A target ends
 * without a crash, without a leak, and with what it claims of itself still
 * true (fuzz_must).
 */
#define FUZZ_LEN_MAX (128 * 1024)

struct fuzz_target {
	const char *name;
	void (*run)(const char *data, size_t len);
	const char *const *seeds; /* good input; ends with NULL */
	const char *const *words; /* to be put in; ends with NULL */
};

extern const struct fuzz_target *const fuzz_targets[]; /* ends with NULL */
const struct fuzz_target *fuzz_target_find(const char *name);

/* What the present input came to: input that comes to something new is kept
 * and changed further. */
void fuzz_saw(unsigned what);
/* Ends the process when it is not true. */
void fuzz_must(int true_that, const char *claim);
/* A hash that goes on from one piece to the next; 0 at first. */
uint64_t fuzz_mix(uint64_t hash, const void *data, size_t len);
/* How long the next piece is when the input comes in pieces. */
size_t fuzz_piece(uint64_t *state, size_t left);

extern const struct fuzz_target fuzz_amend, fuzz_books, fuzz_config, fuzz_data,
    fuzz_dns, fuzz_etrn, fuzz_envelope, fuzz_header, fuzz_marker, fuzz_mx,
    fuzz_shelf, fuzz_pfcat, fuzz_pflog, fuzz_policy, fuzz_smlog, fuzz_smqf,
    fuzz_smtpreply, fuzz_table, fuzz_talk, fuzz_wire_client, fuzz_wire_server;

#endif
