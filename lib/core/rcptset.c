/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/rcptset.h"

#include <stdlib.h>
#include <string.h>

void
rcptset_init(struct rcptset *set)
{
	memset(set, 0, sizeof(*set));
	buf_init(&set->names, 0);
}

void
rcptset_free(struct rcptset *set)
{
	buf_free(&set->names);
	free(set->list);
	rcptset_init(set);
}

int
rcptset_add(struct rcptset *set, const char *local)
{
	set->count++;
	return buf_add(&set->names, local, strlen(local) + 1);
}

static int
compare(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

int
rcptset_close(struct rcptset *set)
{
	const char *name = set->names.data;
	size_t kept = 0;

	if (buf_error(&set->names) != SMX_OK)
		return buf_error(&set->names);
	set->list = calloc(set->count + 1, sizeof(*set->list));
	if (set->list == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < set->count; i++, name += strlen(name) + 1)
		set->list[i] = name;
	qsort(set->list, set->count, sizeof(*set->list), compare);
	for (size_t i = 0; i < set->count; i++)
		if (kept == 0 || strcmp(set->list[kept - 1], set->list[i]) != 0)
			set->list[kept++] = set->list[i];
	set->count = kept;
	return SMX_OK;
}

/* Which comes first, and in which of the two it is: below zero, only before;
 * above, only now; zero, in both. */
static int
side(const struct rcptwalk *walk)
{
	size_t had = walk->before != NULL ? walk->before->count : 0;

	if (walk->at_before >= had)
		return 1;
	if (walk->at_now >= walk->now->count)
		return -1;
	return strcmp(walk->before->list[walk->at_before],
	    walk->now->list[walk->at_now]);
}

static void
skip_same(struct rcptwalk *walk)
{
	while (walk->before != NULL && walk->at_before < walk->before->count &&
	       walk->at_now < walk->now->count && side(walk) == 0) {
		walk->at_before++;
		walk->at_now++;
	}
}

int
rcptwalk_is_over(const struct rcptwalk *walk)
{
	struct rcptwalk ahead = *walk;
	const char *local;
	int gone;

	return !rcptwalk_next(&ahead, &local, &gone);
}

int
rcptwalk_next(struct rcptwalk *walk, const char **local, int *gone)
{
	size_t had = walk->before != NULL ? walk->before->count : 0;

	skip_same(walk);
	if (walk->at_before >= had && walk->at_now >= walk->now->count)
		return 0;
	*gone = side(walk) < 0;
	*local = *gone ? walk->before->list[walk->at_before++]
		       : walk->now->list[walk->at_now++];
	return 1;
}
