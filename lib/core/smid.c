/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/smid.h"

#include <string.h>

#define COUNTED 8 /* characters before the process id */
#define PID_MIN 6

/* The order is the value. */
static const char digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* How many values each of the first characters can have. */
static const unsigned char limits[COUNTED] = { 60, 12, 32, 24, 62, 62, 60, 60 };

int
smid_valid(const char *text, size_t len)
{
	if (len < COUNTED + PID_MIN || len >= SMID_TEXT)
		return 0;
	for (size_t i = 0; i < COUNTED; i++) {
		const char *at = memchr(digits, text[i], sizeof(digits) - 1);

		if (at == NULL || at - digits >= limits[i])
			return 0;
	}
	for (size_t i = COUNTED; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return 0;
	return 1;
}

static const char letters[] = {
	[SMID_QUEUED] = 'q',
	[SMID_QUARANTINED] = 'h',
	[SMID_REWRITTEN] = 't',
	[SMID_DATA] = 'd',
	[SMID_LOST] = 'Q',
};

enum smid_file
smid_file(const char *name, const char **id)
{
	const char *letter;

	if (name[0] == '\0' || name[1] != 'f' ||
	    !smid_valid(name + 2, strlen(name + 2)))
		return SMID_NO_FILE;
	letter = memchr(letters + 1, name[0], sizeof(letters) - 1);
	if (letter == NULL)
		return SMID_NO_FILE;
	*id = name + 2;
	return (enum smid_file)(letter - letters);
}

const char *
smid_prefix(enum smid_file file)
{
	static const char *const prefixes[] = { "", "qf", "hf", "tf", "df",
		"Qf" };

	return prefixes[file];
}
