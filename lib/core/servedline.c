/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/servedline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/amend.h"

#define DIGEST_HEX ((size_t)2 * SMX_DIGEST_BYTES)
#define CHECKED    (SERVEDLINE_LEN - 17)
#define LINE_SIZE  (SERVEDLINE_LEN + 1)

void
servedline_write(char out[LINE_SIZE], const struct servedline *one)
{
	size_t n = (size_t)snprintf(out, LINE_SIZE, "%016" PRIx64 " ",
	    (uint64_t)one->ms);

	for (size_t i = 0; i < sizeof(one->digest); i++)
		n += (size_t)snprintf(out + n, LINE_SIZE - n, "%02x",
		    one->digest[i]);
	n += (size_t)snprintf(out + n, LINE_SIZE - n,
	    " %016" PRIx64 " %016" PRIx64 " ", one->origin, one->line);
	(void)snprintf(out + n, LINE_SIZE - n, "%016" PRIx64 "\n",
	    amend_hash(0, out, n));
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Sixteen digits and what has to follow them. */
static int
read_number(const char *text, char after, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < 16; i++) {
		int d = digit(text[i]);

		if (d < 0)
			return 0;
		*out = *out << 4 | (unsigned)d;
	}
	return text[16] == after;
}

int
servedline_read(const char *text, struct servedline *out)
{
	const char *digest = text + 17, *rest = digest + DIGEST_HEX + 1;
	uint64_t ms, check;

	memset(out, 0, sizeof(*out));
	if (!read_number(text, ' ', &ms) || ms > INT64_MAX || rest[-1] != ' ' ||
	    !read_number(rest, ' ', &out->origin) ||
	    !read_number(rest + 17, ' ', &out->line) ||
	    !read_number(rest + 34, '\n', &check) ||
	    check != amend_hash(0, text, CHECKED))
		return 0;
	for (size_t i = 0; i < sizeof(out->digest); i++) {
		int high = digit(digest[2 * i]), low = digit(digest[2 * i + 1]);

		if (high < 0 || low < 0)
			return 0;
		out->digest[i] = (uint8_t)(high << 4 | low);
	}
	out->ms = (int64_t)ms;
	return 1;
}
