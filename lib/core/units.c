/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/key.h"

struct unit {
	const char *word;
	int64_t factor;
};

/* Largest first, for the format functions; the last has factor 1. */
static const struct unit durations[] = {
	{ "w", 604800000 },
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};
static const struct unit sizes[] = {
	{ "T", (int64_t)1 << 40 },
	{ "G", (int64_t)1 << 30 },
	{ "M", (int64_t)1 << 20 },
	{ "K", (int64_t)1 << 10 },
	{ "B", 1 },
};
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static int
parse(const char *text, const struct unit *units, size_t count, int64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t n;

	if (strcmp(text, "0") == 0) {
		*out = 0;
		return SMX_OK;
	}
	for (size_t i = 0; digits != 0 && i < count; i++) {
		if (strcmp(text + digits, units[i].word) != 0)
			continue;
		if (number_parse(text, digits,
			(uint64_t)(INT64_MAX / units[i].factor), &n) != SMX_OK)
			return SMX_ELIMIT;
		*out = (int64_t)n * units[i].factor;
		return SMX_OK;
	}
	return SMX_EINVAL;
}

static const char *
format(int64_t value, const struct unit *units, size_t count, char *out)
{
	size_t i = 0;

	if (value == 0) {
		memcpy(out, "0", 2);
		return out;
	}
	while (i < count - 1 && value % units[i].factor != 0)
		i++;
	snprintf(out, UNITS_TEXT, "%" PRId64 "%s", value / units[i].factor,
	    units[i].word);
	return out;
}

int
duration_parse(const char *text, int64_t *ms)
{
	return parse(text, durations, COUNT(durations), ms);
}

int
size_parse(const char *text, int64_t *bytes)
{
	return parse(text, sizes, COUNT(sizes), bytes);
}

const char *
duration_format(int64_t ms, char out[UNITS_TEXT])
{
	/* "1w" for seven days is right but nobody writes it. */
	return format(ms, durations + 1, COUNT(durations) - 1, out);
}

const char *
size_format(int64_t bytes, char out[UNITS_TEXT])
{
	return format(bytes, sizes, COUNT(sizes), out);
}
