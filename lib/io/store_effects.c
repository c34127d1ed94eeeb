/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_effects.h"

#include <stdlib.h>

#include "base/buf.h"

int
effects_add(struct effects *effects, int removed, const struct usage_row *row,
    const char *file)
{
	struct effect *effect;

	if (effects->count == effects->size) {
		size_t size = effects->size == 0 ? 64 : effects->size * 2;

		effect = realloc(effects->effect, size * sizeof(*effect));
		if (effect == NULL)
			return SMX_ENOMEM;
		effects->effect = effect;
		effects->size = size;
	}
	effect = &effects->effect[effects->count++];
	effect->row = *row;
	effect->removed = removed;
	effect->draft_peer = row->peer;
	effect->taken = 0;
	text_copy(effect->file, sizeof(effect->file), file);
	return SMX_OK;
}

void
effects_taken(struct effects *effects, size_t draft_peer, uint64_t taken)
{
	effects->effect[effects->count - 1].draft_peer = draft_peer;
	effects->effect[effects->count - 1].taken = taken;
}

void
effects_count(const struct effects *effects, struct usage *usage)
{
	for (size_t i = 0; i < effects->count; i++) {
		const struct effect *effect = &effects->effect[i];

		if (effect->removed)
			usage_remove(usage, &effect->row);
		else
			usage_settle(usage, &effect->row, effect->draft_peer,
			    effect->taken);
	}
}

void
effects_clean(struct effects *effects, struct bodies *bodies)
{
	for (size_t i = 0; i < effects->count; i++)
		if (effects->effect[i].file[0] != '\0')
			body_remove(bodies, effects->effect[i].file);
	effects->count = 0;
}

void
effects_free(struct effects *effects)
{
	free(effects->effect);
	effects->effect = NULL;
	effects->count = effects->size = 0;
}
