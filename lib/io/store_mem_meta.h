/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_MEM_META_H
#define IO_STORE_MEM_META_H

#include <stddef.h>

#include <shadowmx/err.h>

/* The memory store's values by name.  All under the store's lock. */
#define MEM_METAS_MAX ((size_t)1024)

struct mem_meta {
	char *name, *value;
};

struct mem_metas {
	struct mem_meta *meta;
	size_t count;
};

int metas_get(const struct mem_metas *metas, const char *name, char *value,
    size_t size) SMX_MUST_USE;
int metas_set(struct mem_metas *metas, const char *name,
    const char *value) SMX_MUST_USE;
void metas_free(struct mem_metas *metas);

#endif
