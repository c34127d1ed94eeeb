/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/err.h>

const struct fuzz_target *const fuzz_targets[] = { &fuzz_wire_server,
	&fuzz_wire_client, &fuzz_amend, &fuzz_envelope, &fuzz_pfcat,
	&fuzz_table, &fuzz_config, &fuzz_smtpreply, &fuzz_pflog, &fuzz_marker,
	&fuzz_books, &fuzz_header, &fuzz_data, &fuzz_shelf, &fuzz_talk,
	&fuzz_mx, &fuzz_dns, &fuzz_etrn, &fuzz_policy, &fuzz_smlog, &fuzz_smqf,
	NULL };

/* libconfig forgets the text that it was reading when it finds a mistake: a few
 * bytes for each file with one, out of our reach. */
SMX_API const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

const struct fuzz_target *
fuzz_target_find(const char *name)
{
	for (size_t i = 0; fuzz_targets[i] != NULL; i++)
		if (strcmp(fuzz_targets[i]->name, name) == 0)
			return fuzz_targets[i];
	return NULL;
}

void
fuzz_must(int true_that, const char *claim)
{
	if (true_that)
		return;
	fprintf(stderr, "not true: %s\n", claim);
	abort();
}

uint64_t
fuzz_mix(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *p = data;

	if (hash == 0)
		hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

size_t
fuzz_piece(uint64_t *state, size_t left)
{
	size_t piece;

	*state = *state * 6364136223846793005u + 1442695040888963407u;
	piece = (size_t)(*state >> 33) % ((*state >> 60) == 0 ? 9000 : 40) + 1;
	return piece < left ? piece : left;
}
