/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static int
failed(const char *path, char *why, size_t why_size)
{
	snprintf(why, why_size, "%s: %s", path, strerror(errno));
	return errno == ENOENT ? SMX_ENOTFOUND : SMX_EIO;
}

/* Where everybody may write, names can be exchanged under our hands; the sticky
 * bit (/tmp) keeps others from that. */
static int
check_safe(int fd, const char *path, char *why, size_t why_size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return failed(path, why, why_size);
	if ((st.st_mode & S_IWOTH) == 0 || (st.st_mode & S_ISVTX) != 0)
		return SMX_OK;
	snprintf(why, why_size, "%s can be written by everybody", path);
	return SMX_EPERM;
}

/* Split path into an open parent and the last name. */
static int
open_parent(const char *path, int *parent, char *name, size_t size, char *why,
    size_t why_size)
{
	char dir[PATH_MAX];
	char *slash;
	int rc;

	if (text_copy(dir, sizeof(dir), path))
		dir[0] = '\0';
	while ((slash = strrchr(dir, '/')) != NULL && slash != dir &&
	       slash[1] == '\0')
		*slash = '\0';
	if (dir[0] != '/' || slash == NULL ||
	    text_copy(name, size, slash + 1) || name[0] == '\0') {
		snprintf(why, why_size, "%s: not an absolute path", path);
		return SMX_EINVAL;
	}
	slash[slash == dir] = '\0';
	*parent = open(dir, OPEN_FOLDER);
	if (*parent < 0)
		return failed(dir, why, why_size);
	rc = check_safe(*parent, dir, why, why_size);
	if (rc != SMX_OK)
		close(*parent);
	return rc;
}

static int
make_new(int parent, const char *name, const struct folder *folder, char *why,
    size_t why_size)
{
	int fd = -1, rc = SMX_OK;

	if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST)
		return failed(folder->path, why, why_size);
	fd = openat(parent, name, OPEN_FOLDER | O_NOFOLLOW);
	if (fd < 0)
		return failed(folder->path, why, why_size);
	if (fchown(fd, folder->uid, folder->gid) != 0 ||
	    fchmod(fd, folder->mode) != 0)
		rc = failed(folder->path, why, why_size);
	close(fd);
	return rc;
}

int
folder_make(const struct folder *folder, char *why, size_t why_size)
{
	char name[NAME_MAX + 1];
	int fd, parent, rc;

	fd = open(folder->path, OPEN_FOLDER);
	if (fd >= 0) {
		rc = check_safe(fd, folder->path, why, why_size);
		close(fd);
		return rc;
	}
	if (errno != ENOENT)
		return failed(folder->path, why, why_size);
	rc = open_parent(folder->path, &parent, name, sizeof(name), why,
	    why_size);
	if (rc != SMX_OK)
		return rc;
	rc = make_new(parent, name, folder, why, why_size);
	close(parent);
	return rc;
}
