/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "folder.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char folder[64];

void
folder_make(void)
{
	snprintf(folder, sizeof(folder), "/tmp/check_folder.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int
remove_one(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(name);
}

void
folder_remove(void)
{
	ck_assert_int_eq(nftw(folder, remove_one, 4, FTW_DEPTH | FTW_PHYS), 0);
}

const char *
folder_file(const char *name)
{
	static char path[2][256];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

void
folder_put(const char *name, const char *data, size_t len)
{
	FILE *f = fopen(folder_file(name), "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

void
folder_put_text(const char *name, const char *text)
{
	folder_put(name, text, strlen(text));
}
