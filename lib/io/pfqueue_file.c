/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "core/pfid.h"

#define PATH_SIZE 64 /* "deferred/F/2/C/6/" and an id */

static const struct {
	enum pf_folder folder;
	const char *name;
} places[] = {
	{ PF_INCOMING, "incoming" },
	{ PF_ACTIVE, "active" },
	{ PF_DEFERRED, "deferred" },
	{ PF_HOLD, "hold" },
};

/* cleanup marks what is complete; the other two folders have nothing else. */
static int
take(struct pffile *file, int fd, enum pf_folder folder)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return SMX_EIO;
	}
	if ((folder == PF_INCOMING || folder == PF_HOLD) &&
	    (st.st_mode & S_IXUSR) == 0) {
		close(fd);
		return SMX_ENOTFOUND;
	}
	file->fd = fd;
	file->folder = folder;
	file->size = (uint64_t)st.st_size;
	return SMX_OK;
}

/* In the folder itself and at each level below, as deep as folders can go. */
static int
open_in(int queue_fd, const char *folder, const char *id, int flags, int *fd)
{
	char path[PATH_SIZE], name[PATH_SIZE + PFID_TEXT], hash[PFID_HASH + 1];

	pfid_hash(id, hash);
	text_copy(path, sizeof(path), folder);
	for (int level = 0; level <= PFID_HASH; level++) {
		size_t at = strlen(path);

		if (level > 0)
			snprintf(path + at, sizeof(path) - at, "/%c",
			    hash[level - 1]);
		snprintf(name, sizeof(name), "%s/%s", path, id);
		*fd = openat(queue_fd, name, flags | O_CLOEXEC | O_NOFOLLOW);
		if (*fd >= 0)
			return SMX_OK;
		if (errno != ENOENT)
			return SMX_EIO;
		/* No such subfolder, none below it. */
		if (level > 0 && faccessat(queue_fd, path, F_OK, 0) != 0)
			break;
	}
	return SMX_ENOTFOUND;
}

static int
look_in(struct pffile *file, int queue_fd, const char *id, size_t place)
{
	int fd;
	int result = open_in(queue_fd, places[place].name, id,
	    O_RDONLY | O_NONBLOCK, &fd);

	return result == SMX_OK ? take(file, fd, places[place].folder) : result;
}

int
pffile_open(struct pffile *file, const char *queue_directory, const char *id)
{
	int queue_fd, result = SMX_ENOTFOUND;

	file->fd = -1;
	if (!pfid_valid(id, strlen(id)))
		return SMX_ENOTFOUND;
	queue_fd = open(queue_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (queue_fd < 0)
		return SMX_EIO;
	/* Twice, for it may go to where we have been. */
	for (int round = 0; round < 2 && result == SMX_ENOTFOUND; round++)
		for (size_t i = 0; i < sizeof(places) / sizeof(*places) &&
				   result == SMX_ENOTFOUND;
		     i++)
			result = look_in(file, queue_fd, id, i);
	close(queue_fd);
	return result;
}

void
pffile_close(struct pffile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

/* A recipient is entered there before it is marked as done. */
int
pffile_sender_waits(const char *queue_directory, const char *id)
{
	static const char *const notes[] = { "bounce", "trace" };
	int queue_fd = open(queue_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int waits = queue_fd < 0;

	for (size_t i = 0; !waits && i < sizeof(notes) / sizeof(*notes); i++) {
		int fd;
		int result = open_in(queue_fd, notes[i], id, O_PATH, &fd);

		if (result == SMX_OK)
			close(fd);
		waits = result != SMX_ENOTFOUND;
	}
	if (queue_fd >= 0)
		close(queue_fd);
	return waits;
}
