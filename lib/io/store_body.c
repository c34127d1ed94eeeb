/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_body.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/key.h"
#include "base/log.h"
#include "io/fsutil.h"

#define RESERVE_NAME "reserve"
/* As much as the log may hold before it is moved: LOG_PAGES and a group. */
#define RESERVE_BYTES ((uint64_t)16 << 20)

int
bodies_open(struct bodies *bodies, int store_folder)
{
	return fs_open_folder(store_folder, "bodies", &bodies->folder);
}

void
bodies_close(struct bodies *bodies)
{
	fs_close(&bodies->folder);
}

int
body_create(struct bodies *bodies, const struct smx_key *key,
    char name[BODY_NAME_MAX], int *fd)
{
	char text[SMX_KEY_TEXT];
	char tail[2 * sizeof(uint64_t) + 1];
	uint64_t random;

	if (key_random(&random, sizeof(random)) != SMX_OK)
		return SMX_EIO;
	smx_key_format(key, text);
	hex_format(&random, sizeof(random), tail);
	snprintf(name, BODY_NAME_MAX, "%s.%s", text, tail);
	return fs_create(bodies->folder, name, fd);
}

int
body_sync(int fd)
{
#ifdef MUTANT_NO_FSYNC
	(void)fd;
	return SMX_OK;
#else
	int result;

	crash_point("before the body's fsync");
	result = fs_sync(fd);
	crash_point("after the body's fsync");
	return result;
#endif
}

int
bodies_sync(struct bodies *bodies)
{
#ifdef MUTANT_NO_FSYNC
	(void)bodies;
	return SMX_OK;
#else
	int result;

	crash_point("before the folder's fsync");
	result = fs_sync(bodies->folder);
	crash_point("after the folder's fsync");
	return result;
#endif
}

void
body_remove(struct bodies *bodies, const char *name)
{
	crash_point("before a body's unlink");
	(void)!fs_unlink(bodies->folder, name);
	crash_point("after a body's unlink");
}

int
body_open(struct bodies *bodies, const char *name, uint64_t size, int *fd)
{
	uint64_t found;
	int file, result = fs_open_read(bodies->folder, name, &file, &found);

	if (result == SMX_OK && found != size) {
		fs_close(&file);
		result = SMX_ECORRUPT;
	} else if (result == SMX_ENOTFOUND) {
		result = SMX_ECORRUPT;
	}
	if (result == SMX_ECORRUPT) {
		struct log_line l;

		log_begin(&l, SMX_LOG_ERR, NULL, "body_damaged");
		log_str(&l, "file", name);
		log_num(&l, "bytes", (int64_t)size);
		log_end(&l);
	}
	if (result == SMX_OK)
		*fd = file;
	return result;
}

struct sweep {
	struct bodies *bodies;
	body_named_fn named;
	void *ctx;
	size_t removed;
};

static int
sweep_one(void *ctx, const char *name)
{
	struct sweep *sweep = ctx;
	int named = 0, result;

	if (strcmp(name, RESERVE_NAME) == 0)
		return SMX_OK;
	result = sweep->named(sweep->ctx, name, &named);
	if (result != SMX_OK || named)
		return result;
	sweep->removed++;
	return fs_unlink(sweep->bodies->folder, name);
}

int
bodies_sweep(struct bodies *bodies, body_named_fn named, void *ctx,
    size_t *removed)
{
	struct sweep sweep = { bodies, named, ctx, 0 };
	int result = fs_each(bodies->folder, sweep_one, &sweep);

	*removed = sweep.removed;
	return result;
}

void
reserve_make(struct bodies *bodies)
{
	uint64_t size;
	int fd;

	if (fs_open_read(bodies->folder, RESERVE_NAME, &fd, &size) == SMX_OK) {
		fs_close(&fd);
		if (size == RESERVE_BYTES)
			return;
		(void)!fs_unlink(bodies->folder, RESERVE_NAME);
	}
	if (fs_create(bodies->folder, RESERVE_NAME, &fd) != SMX_OK)
		return;
	if (fs_allocate(fd, RESERVE_BYTES) != SMX_OK)
		(void)!fs_unlink(bodies->folder, RESERVE_NAME);
	fs_close(&fd);
}

int
reserve_spend(struct bodies *bodies)
{
	uint64_t size;
	int fd;

	if (fs_open_read(bodies->folder, RESERVE_NAME, &fd, &size) != SMX_OK)
		return 0;
	fs_close(&fd);
	log_event(SMX_LOG_WARNING, "reserve_spent", "bytes=%llu",
	    (unsigned long long)RESERVE_BYTES);
	return fs_unlink(bodies->folder, RESERVE_NAME) == SMX_OK;
}
