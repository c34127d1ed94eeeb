/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_suspect.h"

#include <string.h>

#include "base/log.h"
#include "io/fsutil.h"

#define MARK "suspect"

void
suspect_set(int folder, const char *reason)
{
	int fd, result = fs_open_or_create(folder, MARK, &fd);

	if (result == SMX_OK) {
		/* The name alone says it; what stands in it is for people. */
		(void)!fs_write_all(fd, reason, strlen(reason));
		(void)!fs_write_all(fd, "\n", 1);
		result = fs_sync(fd);
		fs_close(&fd);
	}
	if (result == SMX_OK)
		result = fs_sync(folder);
	if (result != SMX_OK)
		log_event(SMX_LOG_ERR, "suspect_unmarked", "result=%s",
		    smx_errname(result));
}

int
suspect_is(int folder)
{
	uint64_t size;
	int fd, result = fs_open_read(folder, MARK, &fd, &size);

	if (result == SMX_OK)
		fs_close(&fd);
	/* What cannot be told is not trusted. */
	return result != SMX_ENOTFOUND;
}

int
suspect_clear(int folder)
{
	int result = fs_unlink(folder, MARK);

	return result == SMX_OK ? fs_sync(folder) : result;
}

int
suspect_reread(int folder, const char *name)
{
	uint64_t size;
	int fd, result = fs_open_read(folder, name, &fd, &size);

	if (result == SMX_ENOTFOUND)
		return SMX_OK;
	if (result != SMX_OK)
		return result;
	result = fs_sync(fd);
	if (result == SMX_OK)
		fs_uncache(fd);
	fs_close(&fd);
	return result;
}

static int
reread_one(void *ctx, const char *name)
{
	const int *folder = ctx;

	return suspect_reread(*folder, name);
}

int
suspect_reread_all(int folder)
{
	return fs_each(folder, reread_one, &folder);
}
