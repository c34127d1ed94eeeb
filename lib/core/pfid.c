/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/pfid.h"

#include <string.h>

#define SHORT_MIN 6  /* five digits of microseconds and one of the inode */
#define LONG_MIN  10 /* six of the time, four of the microseconds */

/* No vowels, so that no word can appear; the order is the value. */
static const char digits52[] =
    "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";

static int
valid_short(const char *text, size_t len)
{
	if (len < SHORT_MIN)
		return 0;
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= '0' && text[i] <= '9') ||
			(text[i] >= 'A' && text[i] <= 'F')))
			return 0;
	return 1;
}

static int
valid_long(const char *text, size_t len)
{
	size_t z = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\0' || strchr(digits52, text[i]) == NULL)
			return 0;
		if (text[i] == 'z')
			z = i;
	}
	return z >= LONG_MIN && z + 1 < len;
}

int
pfid_valid(const char *text, size_t len)
{
	if (len >= PFID_TEXT)
		return 0;
	return valid_short(text, len) || valid_long(text, len);
}

int
pfid_long(const char *id)
{
	/* The short form has upper-case digits only. */
	return strchr(id, 'z') != NULL;
}

void
pfid_hash(const char *id, char out[PFID_HASH + 1])
{
	static const char hex[] = "0123456789ABCDEF";
	const char *z = strrchr(id, 'z');
	unsigned long usec = 0;

	if (z == NULL) {
		memcpy(out, id, PFID_HASH);
	} else {
		for (const char *p = z - 4; p < z; p++)
			usec = usec * 52 +
			       (unsigned long)(strchr(digits52, *p) - digits52);
		for (int i = PFID_HASH - 1; i >= 0; i--, usec >>= 4)
			out[i] = hex[usec & 15];
	}
	out[PFID_HASH] = '\0';
}
