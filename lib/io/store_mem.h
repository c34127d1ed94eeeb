/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_STORE_MEM_H
#define IO_STORE_MEM_H

#include <pthread.h>

#include <shadowmx/store.h>

#include "io/store_mem_meta.h"
#include "io/store_mem_table.h"
#include "io/store_tombs.h"
#include "io/store_usage.h"

/* What the two halves of the memory store share: changes in store_mem.c,
 * looking in store_mem_look.c. */
struct mem {
	pthread_mutex_t lock;
	struct mem_table table;
	struct mem_metas metas;
	struct tombs *tombs;
	struct usage *usage;
	uint64_t commits;
};

/* What a row takes; the lock is held. */
void mem_usage(struct mem *mem, const struct mem_row *row,
    struct usage_row *out);

/* As in struct smx_store_ops. */
int mem_amend(void *ctx, const char *primary,
    const struct smx_row_amendment *list, size_t count, size_t *foreign);
int mem_scan(void *ctx, const struct smx_store_filter *filter, smx_row_fn each,
    void *each_ctx);
int mem_get(void *ctx, const struct smx_key *key, struct smx_row *row);
int mem_envelope(void *ctx, const struct smx_key *key, char **text, size_t *len,
    char **rcpt_states);
int mem_open(void *ctx, const struct smx_key *key, struct smx_content *content);
void mem_close_content(void *ctx, struct smx_content *content);

#endif
