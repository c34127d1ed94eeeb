/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/steady.h"

int64_t
steady_ms(struct steady *s, int64_t mono_ms, int64_t wall_ms)
{
	int64_t offset = wall_ms - mono_ms, jump = offset - s->offset_ms;

	if (!s->asked || jump > STEADY_JUMP_MS || jump < -STEADY_JUMP_MS)
		s->since_ms = mono_ms;
	s->asked = 1;
	s->offset_ms = offset;
	return mono_ms - s->since_ms;
}
