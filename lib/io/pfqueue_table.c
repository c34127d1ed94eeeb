/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define BLOOM_BYTES (1024u * 1024) /* a million ids: one in fifty too many */

static uint64_t
hash(const char *id)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *id != '\0'; id++)
		h = (h ^ (unsigned char)*id) * 0x100000001b3u;
	/* The low bits of the plain sum follow the last characters only. */
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

int
pftable_init(struct pftable *t, uint32_t size)
{
	memset(t, 0, sizeof(*t));
	t->size = size;
	for (t->buckets = 16; t->buckets < size;)
		t->buckets *= 2;
	t->entry = calloc((size_t)size + 1, sizeof(*t->entry));
	t->bucket = calloc(t->buckets, sizeof(*t->bucket));
	if (t->entry == NULL || t->bucket == NULL) {
		pftable_done(t);
		return SMX_ENOMEM;
	}
	t->fresh = 1;
	return SMX_OK;
}

void
pftable_done(struct pftable *t)
{
	free(t->entry);
	free(t->bucket);
	memset(t, 0, sizeof(*t));
}

void
pftable_clear(struct pftable *t)
{
	memset(t->bucket, 0, t->buckets * sizeof(*t->bucket));
	memset(&t->entry[0], 0, sizeof(t->entry[0]));
	t->used = 0;
	t->free = 0;
	t->fresh = 1;
}

static uint32_t *
slot(const struct pftable *t, const char *id)
{
	uint32_t *at = &t->bucket[hash(id) & (t->buckets - 1)];

	while (*at != 0 && strcmp(t->entry[*at].id, id) != 0)
		at = &t->entry[*at].next;
	return at;
}

struct pfentry *
pftable_find(const struct pftable *t, const char *id)
{
	uint32_t n = *slot(t, id);

	return n == 0 ? NULL : &t->entry[n];
}

static void
age_unlink(struct pftable *t, uint32_t n)
{
	struct pfentry *e = &t->entry[n];

	t->entry[e->older].newer = e->newer;
	t->entry[e->newer].older = e->older;
}

static void
age_append(struct pftable *t, uint32_t n)
{
	struct pfentry *ring = &t->entry[0];

	t->entry[n].older = ring->older;
	t->entry[n].newer = 0;
	t->entry[ring->older].newer = n;
	ring->older = n;
}

static uint32_t
take_free(struct pftable *t)
{
	uint32_t n = t->free;

	if (n != 0)
		t->free = t->entry[n].next;
	else
		n = t->fresh++;
	return n;
}

struct pfentry *
pftable_put(struct pftable *t, const char *id, struct pfentry *lost)
{
	struct pfentry *e = pftable_find(t, id);
	uint32_t n;
	uint32_t *at;

	lost->id[0] = '\0';
	if (e != NULL)
		return e;
	if (t->used == t->size) {
		*lost = t->entry[t->entry[0].newer];
		pftable_drop(t, lost->id);
	}
	n = take_free(t);
	e = &t->entry[n];
	memset(e, 0, sizeof(*e));
	text_copy(e->id, sizeof(e->id), id);
	at = slot(t, e->id);
	e->next = *at;
	*at = n;
	age_append(t, n);
	t->used++;
	return e;
}

void
pftable_drop(struct pftable *t, const char *id)
{
	uint32_t *at = slot(t, id);
	uint32_t n = *at;

	if (n == 0)
		return;
	*at = t->entry[n].next;
	age_unlink(t, n);
	t->entry[n].next = t->free;
	t->free = n;
	t->used--;
}

void
pftable_unflag(struct pftable *t, unsigned flags)
{
	for (uint32_t n = t->entry[0].newer; n != 0; n = t->entry[n].newer)
		t->entry[n].flags &= ~flags;
}

int
pfbloom_init(struct pfbloom *b)
{
	b->used = 0;
	b->bits = calloc(BLOOM_BYTES, 1);
	return b->bits == NULL ? SMX_ENOMEM : SMX_OK;
}

void
pfbloom_done(struct pfbloom *b)
{
	free(b->bits);
	b->bits = NULL;
}

static uint32_t
bit(uint64_t h, int i)
{
	/* Four positions out of two halves of one hash. */
	return (uint32_t)((h & 0xffffffffu) + (uint64_t)i * (h >> 32 | 1)) %
	       (BLOOM_BYTES * 8);
}

void
pfbloom_add(struct pfbloom *b, const char *id)
{
	uint64_t h = hash(id);

	for (int i = 0; i < 4; i++)
		b->bits[bit(h, i) / 8] |= (uint8_t)(1u << bit(h, i) % 8);
	b->used = 1;
}

int
pfbloom_has(const struct pfbloom *b, const char *id)
{
	uint64_t h = hash(id);

	if (!b->used)
		return 0;
	for (int i = 0; i < 4; i++)
		if ((b->bits[bit(h, i) / 8] & 1u << bit(h, i) % 8) == 0)
			return 0;
	return 1;
}
