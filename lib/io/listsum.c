/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/listsum.h"

#include <string.h>

#include "io/digest.h"

const uint8_t listsum_none[SMX_DIGEST_BYTES];

static uint64_t
lane_read(const uint8_t *at)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | at[i];
	return n;
}

void
listsum_begin(struct listsum *sum, const uint8_t digest[SMX_DIGEST_BYTES])
{
	for (size_t i = 0; i < 4; i++)
		sum->lane[i] = lane_read(digest + 8 * i);
}

int
listsum_count(struct listsum *sum, const char *entry, int gone)
{
	uint8_t digest[SMX_DIGEST_BYTES];
	int rc = digest_once(entry, strlen(entry), digest);

	for (size_t i = 0; rc == SMX_OK && i < 4; i++) {
		uint64_t n = lane_read(digest + 8 * i);

		sum->lane[i] = gone ? sum->lane[i] - n : sum->lane[i] + n;
	}
	return rc;
}

void
listsum_end(const struct listsum *sum, uint8_t digest[SMX_DIGEST_BYTES])
{
	for (size_t i = 0; i < SMX_DIGEST_BYTES; i++)
		digest[i] = (uint8_t)(sum->lane[i / 8] >> (56 - 8 * (i % 8)));
}
