/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/fsutil.h"

static void
say(char *why, size_t size, const char *what, const char *path, int result)
{
	if (why != NULL)
		snprintf(why, size, "%s: %s: %s", path, what,
		    smx_strerror(result));
}

/* Who has it?  Only for the sentence; the lock itself is the kernel's. */
static void
say_holder(int lock, const char *path, char *why, size_t size)
{
	char pid[32] = "";
	ssize_t n = pread(lock, pid, sizeof(pid) - 1, 0);

	if (why == NULL)
		return;
	if (n < 0)
		n = 0;
	pid[n] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	snprintf(why, size, "%s: in use by process %s", path,
	    pid[0] != '\0' ? pid : "(unknown)");
}

static int
take_lock(struct store_dir *dir, const char *path, char *why, size_t why_size)
{
	char pid[32];
	int len, result = fs_open_or_create(dir->folder, "lock", &dir->lock);

	if (result == SMX_OK)
		result = fs_lock(dir->lock);
	if (result == SMX_EBUSY) {
		say_holder(dir->lock, path, why, why_size);
		return result;
	}
	len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (result == SMX_OK && ftruncate(dir->lock, 0) != 0)
		result = SMX_EIO;
	/* A full disk must not keep the store from starting. */
	if (result == SMX_OK &&
	    fs_write_all(dir->lock, pid, (size_t)len) == SMX_EIO)
		result = SMX_EIO;
	if (result != SMX_OK)
		say(why, why_size, "cannot be locked", path, result);
	return result;
}

/* The database is made here, since its side files take over its mode. */
static int
make_database(struct store_dir *dir, const char *path)
{
	struct buf name;
	struct stat st;
	int fd, result = fs_open_or_create(dir->folder, STORE_DATABASE, &fd);

	if (result != SMX_OK)
		return result;
	if (fstat(fd, &st) != 0)
		result = SMX_EIO;
	fs_close(&fd);
	if (result != SMX_OK)
		return result;
	dir->device = (uint64_t)st.st_dev;
	dir->inode = (uint64_t)st.st_ino;
	result = fs_sync(dir->folder);
	if (result != SMX_OK)
		return result;
	buf_init(&name, 0);
	buf_fmt(&name, "%s/%s", path, STORE_DATABASE);
	if (buf_error(&name) != SMX_OK) {
		buf_free(&name);
		return SMX_ENOMEM;
	}
	dir->database = buf_take(&name, NULL);
	return SMX_OK;
}

int
store_dir_open(struct store_dir *dir, const char *path, char *why,
    size_t why_size)
{
	int result;

	memset(dir, 0, sizeof(*dir));
	dir->folder = dir->lock = dir->bodies.folder = -1;
	result = fs_open_folder(AT_FDCWD, path, &dir->folder);
	if (result != SMX_OK) {
		say(why, why_size,
		    result == SMX_EPERM
			? "must be ours, and nobody else may write there"
			: "cannot be opened",
		    path, result);
		return result;
	}
	result = take_lock(dir, path, why, why_size);
	if (result != SMX_OK) {
		store_dir_close(dir);
		return result;
	}
	result = bodies_open(&dir->bodies, dir->folder);
	if (result == SMX_OK)
		result = make_database(dir, path);
	if (result != SMX_OK) {
		say(why, why_size, "cannot be used", path, result);
		store_dir_close(dir);
	}
	return result;
}

int
store_dir_moved(const struct store_dir *dir)
{
	struct stat st;

	return stat(dir->database, &st) != 0 ||
	       (uint64_t)st.st_dev != dir->device ||
	       (uint64_t)st.st_ino != dir->inode;
}

void
store_dir_close(struct store_dir *dir)
{
	free(dir->database);
	dir->database = NULL;
	bodies_close(&dir->bodies);
	fs_close(&dir->folder);
	/* Last: from here on another process may have it. */
	fs_close(&dir->lock);
}
