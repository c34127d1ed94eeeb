/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_mem_meta.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static struct mem_meta *
metas_find(const struct mem_metas *metas, const char *name)
{
	for (size_t i = 0; i < metas->count; i++)
		if (strcmp(metas->meta[i].name, name) == 0)
			return &metas->meta[i];
	return NULL;
}

int
metas_get(const struct mem_metas *metas, const char *name, char *value,
    size_t size)
{
	const struct mem_meta *meta = metas_find(metas, name);

	if (meta == NULL)
		return SMX_ENOTFOUND;
	if (strlen(meta->value) >= size)
		return SMX_ELIMIT;
	text_copy(value, size, meta->value);
	return SMX_OK;
}

static int
metas_add(struct mem_metas *metas, const char *name, char *value)
{
	struct mem_meta *grown;
	char *copy;

	if (metas->count == MEM_METAS_MAX)
		return SMX_ELIMIT;
	grown = realloc(metas->meta, (metas->count + 1) * sizeof(*grown));
	if (grown == NULL)
		return SMX_ENOMEM;
	metas->meta = grown;
	copy = strdup(name);
	if (copy == NULL)
		return SMX_ENOMEM;
	grown[metas->count++] = (struct mem_meta){ copy, value };
	return SMX_OK;
}

int
metas_set(struct mem_metas *metas, const char *name, const char *value)
{
	struct mem_meta *meta = metas_find(metas, name);
	char *copy = strdup(value);
	int result;

	if (copy == NULL)
		return SMX_ENOMEM;
	if (meta != NULL) {
		free(meta->value);
		meta->value = copy;
		return SMX_OK;
	}
	result = metas_add(metas, name, copy);
	if (result != SMX_OK)
		free(copy);
	return result;
}

void
metas_free(struct mem_metas *metas)
{
	for (size_t i = 0; i < metas->count; i++) {
		free(metas->meta[i].name);
		free(metas->meta[i].value);
	}
	free(metas->meta);
	metas->meta = NULL;
	metas->count = 0;
}
