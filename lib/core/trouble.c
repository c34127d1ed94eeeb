/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/trouble.h"

static struct trouble *
find(const struct troubles *troubles, uint64_t holders, unsigned copies)
{
	for (size_t i = 0; i < troubles->count; i++) {
		const struct trouble *t = &troubles->list[i];

		if (t->holders == holders && t->copies == copies)
			return (struct trouble *)t;
	}
	return NULL;
}

int64_t
trouble_ms(const struct troubles *troubles, uint64_t holders, unsigned copies,
    int64_t now_ms)
{
	const struct trouble *t = find(troubles, holders, copies);

	if (t == NULL)
		return 0;
	return now_ms > t->since_ms ? now_ms - t->since_ms : 1;
}

static struct trouble *
place(struct troubles *troubles)
{
	struct trouble *oldest = &troubles->list[0];

	if (troubles->count < TROUBLES_MAX)
		return &troubles->list[troubles->count++];
	for (size_t i = 1; i < troubles->count; i++)
		if (troubles->list[i].last_ms < oldest->last_ms)
			oldest = &troubles->list[i];
	return oldest;
}

int
trouble_begin(struct troubles *troubles, uint64_t holders, unsigned copies,
    int64_t now_ms)
{
	struct trouble *t = find(troubles, holders, copies);

	if (t != NULL) {
		t->last_ms = now_ms;
		return 0;
	}
	t = place(troubles);
	t->holders = holders;
	t->copies = copies;
	t->since_ms = t->last_ms = now_ms;
	return 1;
}

int
trouble_end(struct troubles *troubles, uint64_t holders, unsigned copies)
{
	struct trouble *t = find(troubles, holders, copies);

	if (t == NULL)
		return 0;
	*t = troubles->list[--troubles->count];
	return 1;
}

void
trouble_recovered(struct troubles *troubles, uint64_t sound)
{
	size_t i = 0;

	while (i < troubles->count) {
		struct trouble *t = &troubles->list[i];
		unsigned n = 0;

		for (uint64_t b = t->holders & sound; b != 0; b &= b - 1)
			n++;
		if (n >= t->copies)
			*t = troubles->list[--troubles->count];
		else
			i++;
	}
}
