/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/backoff.h"

int64_t
backoff_ms(int64_t first_ms, int64_t most_ms, unsigned times)
{
	int64_t pause = first_ms;

	while (times-- > 0 && pause < most_ms)
		pause *= 2;
	return pause < most_ms ? pause : most_ms;
}
