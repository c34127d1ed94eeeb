/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/passed.h"

#include <stdlib.h>
#include <string.h>

#include "core/backoff.h"

#define KEPT_MS     ((int64_t)10 * 60 * 1000)
#define FIRST_MS    1000 /* first pause after a look, doubles */
#define LOOK_MAX_MS ((int64_t)60 * 1000)
#define NEVER_MS    INT64_MAX

void
passed_init(struct passed *passed, uint64_t seed)
{
	memset(passed, 0, sizeof(*passed));
	idmap_init(&passed->ids, seed);
	passed->next_ms = NEVER_MS;
}

void
passed_free(struct passed *passed)
{
	while (passed->first != NULL)
		passed_forget(passed, passed->first);
	idmap_free(&passed->ids);
	memset(passed, 0, sizeof(*passed));
}

static uint64_t
id_hash(const struct passed *passed, const char *id)
{
	return idmap_hash(&passed->ids, id, strlen(id));
}

struct passed_id *
passed_find(const struct passed *passed, const char *id)
{
	struct idnode *n = idmap_first(&passed->ids, id_hash(passed, id));

	for (; n != NULL; n = idmap_next(n)) {
		struct passed_id *p =
		    (void *)((char *)n - offsetof(struct passed_id, by_id));

		if (strcmp(p->id, id) == 0)
			return p;
	}
	return NULL;
}

void
passed_forget(struct passed *passed, struct passed_id *one)
{
	idmap_remove(&passed->ids, &one->by_id);
	if (one->prev != NULL)
		one->prev->next = one->next;
	else
		passed->first = one->next;
	if (one->next != NULL)
		one->next->prev = one->prev;
	else
		passed->last = one->prev;
	passed->count--;
	free(one);
}

int
passed_add(struct passed *passed, const char *id, uint64_t after,
    int64_t due_ms, int64_t now_ms)
{
	struct passed_id *p = passed_find(passed, id);

	if (p != NULL)
		passed_forget(passed, p);
	while (passed->count >= PASSED_MAX) {
		passed_forget(passed, passed->first);
		passed->dropped++;
	}
	if (idmap_reserve(&passed->ids) != SMX_OK)
		return SMX_ENOMEM;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return SMX_ENOMEM;
	memcpy(p->id, id, strlen(id) + 1);
	p->since_ms = now_ms;
	p->due_ms = due_ms;
	p->after = after;
	idmap_add(&passed->ids, &p->by_id, id_hash(passed, id));
	p->prev = passed->last;
	if (p->prev != NULL)
		p->prev->next = p;
	else
		passed->first = p;
	passed->last = p;
	passed->count++;
	if (due_ms < passed->next_ms)
		passed->next_ms = due_ms;
	return SMX_OK;
}

struct passed_id *
passed_due(struct passed *passed, int64_t now_ms)
{
	if (now_ms < passed->next_ms)
		return NULL;
	while (passed->first != NULL &&
	       now_ms - passed->first->since_ms >= KEPT_MS)
		passed_forget(passed, passed->first);
	passed->next_ms = NEVER_MS;
	for (struct passed_id *p = passed->first; p != NULL; p = p->next) {
		if (p->due_ms > now_ms) {
			if (p->due_ms < passed->next_ms)
				passed->next_ms = p->due_ms;
			continue;
		}
		p->due_ms =
		    now_ms + backoff_ms(FIRST_MS, LOOK_MAX_MS, p->tries);
		p->tries++;
		passed->next_ms = now_ms; /* there may be more */
		return p;
	}
	return NULL;
}
