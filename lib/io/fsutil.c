/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/fsutil.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"

#define SAFE (O_CLOEXEC | O_NOFOLLOW | O_NOCTTY)

static int
fs_error(const char *what, const char *name)
{
	int saved = errno;
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, NULL, "file_error");
	log_str(&l, "call", what);
	if (name != NULL)
		log_str(&l, "name", name);
	log_errno(&l, saved);
	log_end(&l);
	errno = saved;
	if (saved == ENOSPC || saved == EDQUOT)
		return SMX_EFULL;
	if (saved == ENOMEM)
		return SMX_ENOMEM;
	return SMX_EIO;
}

/* Whoever may rename the folder away may plant another one. */
static int
fs_parent_safe(int folder)
{
	struct stat st;

	if (fstatat(folder, "..", &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fs_error("stat", "..");
	if ((st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
		return SMX_EPERM;
	return SMX_OK;
}

static int
fs_folder_ours(int folder, const char *path)
{
	struct stat st;

	if (fstat(folder, &st) != 0)
		return fs_error("stat", path);
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return SMX_EPERM;
	if ((st.st_mode & 07777) != 0700 && fchmod(folder, 0700) != 0)
		return fs_error("chmod", path);
	return fs_parent_safe(folder);
}

static int
fs_sync_parent(int folder, const char *path)
{
	int parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (parent < 0)
		return fs_error("open", path);
	result = fs_sync(parent);
	fs_close(&parent);
	return result;
}

int
fs_open_folder(int at, const char *path, int *fd)
{
	int made = mkdirat(at, path, 0700) == 0;
	int folder, result;

	if (!made && errno != EEXIST)
		return fs_error("mkdir", path);
	folder = openat(at, path, O_RDONLY | O_DIRECTORY | SAFE);
	if (folder < 0)
		return fs_error("open", path);
	result = fs_folder_ours(folder, path);
	if (result == SMX_OK && made)
		result = fs_sync_parent(folder, path);
	if (result != SMX_OK) {
		fs_close(&folder);
		return result;
	}
	*fd = folder;
	return SMX_OK;
}

int
fs_create(int folder, const char *name, int *fd)
{
	int file = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | SAFE, 0600);

	if (file < 0 && errno == EEXIST)
		return SMX_EEXIST;
	if (file < 0)
		return fs_error("create", name);
	*fd = file;
	return SMX_OK;
}

int
fs_open_or_create(int folder, const char *name, int *fd)
{
	int file = openat(folder, name, O_RDWR | O_CREAT | SAFE, 0600);

	if (file < 0)
		return fs_error("open", name);
	*fd = file;
	return SMX_OK;
}

int
fs_open_read(int folder, const char *name, int *fd, uint64_t *size)
{
	int file = openat(folder, name, O_RDONLY | O_NONBLOCK | SAFE);
	struct stat st;

	if (file < 0 && errno == ENOENT)
		return SMX_ENOTFOUND;
	if (file < 0)
		return fs_error("open", name);
	if (fstat(file, &st) != 0 || !S_ISREG(st.st_mode)) {
		fs_close(&file);
		return SMX_EIO;
	}
	*fd = file;
	*size = (uint64_t)st.st_size;
	return SMX_OK;
}

void
fs_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int
fs_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len != 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fs_error("write", NULL);
		p += n;
		len -= (size_t)n;
	}
	return SMX_OK;
}

int
fs_read_at(int fd, uint64_t offset, void *buf, size_t len)
{
	char *p = buf;

	while (len != 0) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fs_error("read", NULL);
		if (n == 0)
			return SMX_ECORRUPT;
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return SMX_OK;
}

int
fs_sync(int fd)
{
	int result;

#ifdef MUTANT_NO_FSYNC
	(void)fd;
	return SMX_OK;
#endif
	do
		result = fsync(fd);
	while (result != 0 && errno == EINTR);
	return result == 0 ? SMX_OK : fs_error("fsync", NULL);
}

void
fs_uncache(int fd)
{
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

int
fs_allocate(int fd, uint64_t size)
{
	int error;

	do
		error = posix_fallocate(fd, 0, (off_t)size);
	while (error == EINTR);
	if (error == 0)
		return SMX_OK;
	return error == ENOSPC || error == EDQUOT ? SMX_EFULL : SMX_EIO;
}

int
fs_room(int fd, uint64_t *free_bytes, uint64_t *total)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs) != 0)
		return fs_error("statvfs", NULL);
	*free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	*total = (uint64_t)fs.f_blocks * fs.f_frsize;
	return SMX_OK;
}

int
fs_unlink(int folder, const char *name)
{
	if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
		return fs_error("unlink", name);
	return SMX_OK;
}

int
fs_each(int folder, fs_name_fn each, void *ctx)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int result = SMX_OK;

	if (dir == NULL) {
		result = fs_error("opendir", NULL);
		fs_close(&fd);
		return result;
	}
	while (result == SMX_OK && (errno = 0, entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			result = each(ctx, entry->d_name);
	if (result == SMX_OK && errno != 0)
		result = fs_error("readdir", NULL);
	closedir(dir);
	return result;
}

int
fs_lock(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return SMX_OK;
	return errno == EWOULDBLOCK ? SMX_EBUSY : fs_error("lock", NULL);
}
