/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/heirs.h"

#include <string.h>

#include "base/log.h"

void
heir_begin(struct heir *heir, const struct gate_world *world,
    const struct smx_row *row)
{
	struct gate_set set;

	memset(heir, 0, sizeof(*heir));
	heir->key = row->key;
	memcpy(heir->primary, row->primary, sizeof(heir->primary));
	gate_set_read(&set, world, row->holders);
	/* A copy may also be where the primary did not want one: there an
	 * answer to its question came too late. */
	heir->open = gate_others(world, row->primary);
	heir->named = set.named & heir->open;
}

static void
log_twice(const struct heir *heir, const char *member)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, NULL, "taken_twice");
	log_key(&l, "key", &heir->key);
	log_str(&l, "primary", heir->primary);
	log_str(&l, "peer", member);
	log_end(&l);
}

void
heir_answer(struct heir *heir, const struct gate_world *world, size_t member,
    enum smx_answer answer)
{
	uint64_t bit = UINT64_C(1) << member;

	if ((heir->open & bit) == 0)
		return;
	switch (answer) {
	case SMX_ANSWER_YIELDED:
		heir->yielded |= bit;
		break;
	case SMX_ANSWER_TAKEN:
		log_twice(heir, world->names[member]);
		break;
	case SMX_ANSWER_NONE:
	case SMX_ANSWER_DENIED:
		break;
	default:
		return;
	}
	heir->open &= ~bit;
}

void
heir_let_go(struct heir *heir, size_t member)
{
	heir->yielded &= ~(UINT64_C(1) << member);
}

int
heir_is_free(const struct heir *heir)
{
	return heir->yielded == 0 && (heir->open & heir->named) == 0;
}
