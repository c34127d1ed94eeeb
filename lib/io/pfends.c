/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfends.h"

#include <stdlib.h>
#include <string.h>

int
pfends_init(struct pfends *ends)
{
	ends->end = calloc(PFENDS_MAX, sizeof(*ends->end));
	ends->last = calloc(PFENDS_MAX, sizeof(*ends->last));
	ends->lines = 0;
	if (ends->end != NULL && ends->last != NULL)
		return SMX_OK;
	pfends_done(ends);
	return SMX_ENOMEM;
}

void
pfends_done(struct pfends *ends)
{
	free(ends->end);
	free(ends->last);
	memset(ends, 0, sizeof(*ends));
}

void
pfends_clear(struct pfends *ends)
{
	if (ends->end == NULL)
		return;
	memset(ends->end, 0, PFENDS_MAX * sizeof(*ends->end));
	memset(ends->last, 0, PFENDS_MAX * sizeof(*ends->last));
	ends->lines = 0;
}

static uint64_t *
chain(const struct pfends *ends, const char *id)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *id != '\0'; id++)
		h = (h ^ (unsigned char)*id) * 0x100000001b3u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return &ends->last[(h ^ h >> 32) % PFENDS_MAX];
}

/* NULL when a later line took its place. */
static struct pfend *
line(const struct pfends *ends, uint64_t number)
{
	struct pfend *end = &ends->end[number % PFENDS_MAX];

	return number != 0 && end->number == number ? end : NULL;
}

void
pfends_add(struct pfends *ends, const char *id, enum smx_queue_event_kind kind,
    uint64_t sum)
{
	struct pfend *end;
	uint64_t *last;

	if (ends->end == NULL || strlen(id) >= sizeof(end->id))
		return;
	last = chain(ends, id);
	end = &ends->end[++ends->lines % PFENDS_MAX];
	memset(end, 0, sizeof(*end));
	memcpy(end->id, id, strlen(id) + 1);
	end->kind = kind;
	end->sum = sum;
	end->number = ends->lines;
	end->before = *last;
	*last = ends->lines;
}

const struct pfend *
pfends_next(const struct pfends *ends, const char *id, uint64_t *at)
{
	const struct pfend *end;

	if (ends->end == NULL)
		return NULL;
	end = *at == 0 ? line(ends, *chain(ends, id)) : line(ends, *at);
	if (*at != 0)
		end = end == NULL ? NULL : line(ends, end->before);
	while (end != NULL && strcmp(end->id, id) != 0)
		end = line(ends, end->before);
	*at = end == NULL ? 0 : end->number;
	return end;
}

void
pfends_drop(struct pfends *ends, const char *id)
{
	uint64_t at = 0;

	while (pfends_next(ends, id, &at) != NULL)
		ends->end[at % PFENDS_MAX].id[0] = '?';
}
