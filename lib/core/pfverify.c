/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/pfverify.h"

static void
decide(struct pfverify_item *item, enum smx_presence presence)
{
	item->decided = 1;
	item->presence = presence;
}

/* Non-zero when the item is decided now. */
static int
look(const struct pfverify_eye *eye, struct pfverify_item *item,
    enum pf_folder folder)
{
	switch (eye->look(eye->ctx, item->id, folder)) {
	case PF_NOT_THERE:
		return 0;
	case PF_THERE:
		decide(item, folder == PF_CORRUPT ? SMX_PRESENCE_CORRUPT
						  : SMX_PRESENCE_THERE);
		return 1;
	case PF_UNCOMMITTED:
		decide(item, SMX_PRESENCE_UNCOMMITTED);
		return 1;
	case PF_BLIND:
		break;
	}
	decide(item, SMX_PRESENCE_UNKNOWN);
	return 1;
}

/* With the stream a file can be overtaken only when it goes back, against the
 * stream only when it goes on. */
static void
pass(const struct pfverify_eye *eye, struct pfverify_item *items, size_t count,
    int backward)
{
	for (size_t i = 0; i < count; i++)
		for (int f = 0; f < PF_FOLDERS && !items[i].decided; f++)
			look(eye, &items[i],
			    (enum pf_folder)(
				backward ? PF_FOLDERS - 1 - f : f));
}

static int
all_passes(const struct pfverify_eye *eye, struct pfverify_item *items,
    size_t count)
{
	for (int backward = 0; backward < 2; backward++) {
		pass(eye, items, count, backward);
		if (eye->drain(eye->ctx))
			return -1;
	}
	return 0;
}

static size_t
settle(struct pfverify_item *items, size_t count)
{
	size_t open = 0;

	for (size_t i = 0; i < count; i++) {
		if (items[i].decided)
			continue;
		if (!items[i].touched) {
			decide(&items[i], SMX_PRESENCE_ABSENT);
			continue;
		}
		items[i].touched = 0;
		open++;
	}
	return open;
}

void
pfverify_run(const struct pfverify_eye *eye, struct pfverify_item *items,
    size_t count)
{
	size_t open = count;
	int lost = eye->drain(eye->ctx);

	for (size_t i = 0; i < count; i++) {
		items[i].touched = 0;
		items[i].decided = 0;
		items[i].presence = SMX_PRESENCE_UNKNOWN;
	}
	for (int round = 0; !lost && open != 0 && round < PFVERIFY_ROUNDS;
	     round++) {
		lost = all_passes(eye, items, count);
		if (!lost)
			open = settle(items, count);
	}
	/* An absence decided before events were lost may rest on a move that
	 * nobody saw. */
	for (size_t i = 0; i < count; i++)
		if (lost || !items[i].decided)
			items[i].presence = SMX_PRESENCE_UNKNOWN;
}
