/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MUTATE_H
#define MUTATE_H

#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"

/* Input that came to something new, and what is made of it next. */
#define CORPUS_MAX 4096

struct kept {
	char *data;
	size_t len;
};

struct corpus {
	struct kept kept[CORPUS_MAX];
	size_t count;
	size_t unchanged; /* seeds that were not given as they are yet */
	const char *const *words;
	size_t words_count;
	uint64_t chance;
};

void corpus_open(struct corpus *c, const struct fuzz_target *target,
    uint64_t seed);
void corpus_close(struct corpus *c);
void corpus_keep(struct corpus *c, const char *data, size_t len);
/* What was saved for the target of this name; how many. */
size_t corpus_load(struct corpus *c, const char *folder, const char *name);
/* Some of those from the from-th on, behind what is there. */
void corpus_save(const struct corpus *c, size_t from, const char *folder,
    const char *name);
/* The next input; its length. */
size_t corpus_next(struct corpus *c, char *out, size_t size);

#endif
