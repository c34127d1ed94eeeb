/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smkin.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

int
smkin_init(struct smkin *kin)
{
	kin->pair = calloc(SMKIN_MAX, sizeof(*kin->pair));
	kin->by_parent = calloc(SMKIN_MAX, sizeof(*kin->by_parent));
	kin->by_child = calloc(SMKIN_MAX, sizeof(*kin->by_child));
	kin->pairs = 0;
	return kin->pair != NULL && kin->by_parent != NULL &&
		       kin->by_child != NULL
		   ? pfbloom_init(&kin->forgotten)
		   : SMX_ENOMEM;
}

void
smkin_done(struct smkin *kin)
{
	free(kin->pair);
	free(kin->by_parent);
	free(kin->by_child);
	pfbloom_done(&kin->forgotten);
	memset(kin, 0, sizeof(*kin));
}

static uint64_t *
chain(uint64_t *last, const char *id)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *id != '\0'; id++)
		h = (h ^ (unsigned char)*id) * 0x100000001b3u;
	h ^= h >> 32;
	return &last[h % SMKIN_MAX];
}

/* NULL when a later pair took its place. */
static struct smkin_pair *
pair(const struct smkin *kin, uint64_t number)
{
	struct smkin_pair *p = &kin->pair[number % SMKIN_MAX];

	return number != 0 && p->number == number ? p : NULL;
}

const char *
smkin_child(const struct smkin *kin, const char *parent, uint64_t *at)
{
	const struct smkin_pair *p =
	    *at == 0 ? pair(kin, *chain(kin->by_parent, parent))
		     : pair(kin, *at);

	if (*at != 0 && p != NULL)
		p = pair(kin, p->before_parent);
	while (p != NULL && strcmp(p->parent, parent) != 0)
		p = pair(kin, p->before_parent);
	*at = p == NULL ? 0 : p->number;
	return p == NULL ? NULL : p->child;
}

const char *
smkin_parent(const struct smkin *kin, const char *child)
{
	const struct smkin_pair *p = pair(kin, *chain(kin->by_child, child));

	while (p != NULL && strcmp(p->child, child) != 0)
		p = pair(kin, p->before_child);
	return p == NULL ? NULL : p->parent;
}

void
smkin_lose(struct smkin *kin, const char *parent)
{
	pfbloom_add(&kin->forgotten, parent);
}

int
smkin_lost(const struct smkin *kin, const char *parent)
{
	return pfbloom_has(&kin->forgotten, parent);
}

int
smkin_add(struct smkin *kin, const char *parent, const char *child)
{
	const char *known = smkin_parent(kin, child);
	uint64_t *by_parent, *by_child;
	struct smkin_pair *p;

	if (known != NULL && strcmp(known, parent) == 0)
		return 0;
	p = &kin->pair[++kin->pairs % SMKIN_MAX];
	if (p->number != 0)
		smkin_lose(kin, p->parent);
	by_parent = chain(kin->by_parent, parent);
	by_child = chain(kin->by_child, child);
	text_copy(p->parent, sizeof(p->parent), parent);
	text_copy(p->child, sizeof(p->child), child);
	p->number = kin->pairs;
	p->before_parent = *by_parent;
	p->before_child = *by_child;
	*by_parent = *by_child = kin->pairs;
	return 1;
}
