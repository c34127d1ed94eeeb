/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "base/key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

int
key_random(void *out, size_t len)
{
	unsigned char *p = out;

	while (len != 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return SMX_EIO;
		}
		p += n;
		len -= (size_t)n;
	}
	return SMX_OK;
}

void
hex_format(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
hex_parse(const char *text, size_t text_len, void *out, size_t len)
{
	uint8_t *p = out;

	if (text_len != len * 2)
		return SMX_EINVAL;
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(text[2 * i]);
		int lo = hex_digit(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return SMX_EINVAL;
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	return SMX_OK;
}

int
number_parse(const char *text, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (len == 0)
		return SMX_EINVAL;
	for (size_t i = 0; i < len; i++) {
		unsigned d = (unsigned char)text[i] - (unsigned)'0';

		if (d > 9 || n > (UINT64_MAX - d) / 10)
			return SMX_EINVAL;
		n = n * 10 + d;
	}
	if (n > max)
		return SMX_EINVAL;
	*out = n;
	return SMX_OK;
}

void
smx_key_format(const struct smx_key *key, char out[SMX_KEY_TEXT])
{
	hex_format(key->incarnation, 16, out);
	snprintf(out + 32, SMX_KEY_TEXT - 32, "-%016" PRIx64, key->counter);
}

int
smx_key_parse(const char *text, size_t len, struct smx_key *key)
{
	struct smx_key k;
	uint8_t be[8];

	if (len != SMX_KEY_TEXT - 1 || text[32] != '-' ||
	    hex_parse(text, 32, k.incarnation, 16) != SMX_OK ||
	    hex_parse(text + 33, 16, be, 8) != SMX_OK)
		return SMX_EINVAL;
	k.counter = 0;
	for (int i = 0; i < 8; i++)
		k.counter = k.counter << 8 | be[i];
	*key = k;
	return SMX_OK;
}

int
smx_key_compare(const struct smx_key *a, const struct smx_key *b)
{
	int c = memcmp(a->incarnation, b->incarnation, 16);

	if (c != 0)
		return c;
	return a->counter < b->counter ? -1 : a->counter > b->counter;
}

void
smx_epoch_format(const struct smx_epoch *epoch, char out[SMX_EPOCH_TEXT])
{
	hex_format(epoch->id, 16, out);
	snprintf(out + 32, SMX_EPOCH_TEXT - 32, ".%" PRIu64, epoch->counter);
}

int
smx_epoch_parse(const char *text, size_t len, struct smx_epoch *epoch)
{
	struct smx_epoch e;

	if (len < 34 || text[32] != '.' ||
	    hex_parse(text, 32, e.id, 16) != SMX_OK ||
	    number_parse(text + 33, len - 33, UINT64_MAX, &e.counter) != SMX_OK)
		return SMX_EINVAL;
	*epoch = e;
	return SMX_OK;
}

int
smx_epoch_same(const struct smx_epoch *a, const struct smx_epoch *b)
{
	return memcmp(a->id, b->id, 16) == 0;
}
