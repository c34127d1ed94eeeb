/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smqueue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOVES 4 /* tries with a message that is being put elsewhere */

static void
name_of(enum smid_file file, const char *id, char out[SMID_TEXT + 3])
{
	snprintf(out, SMID_TEXT + 3, "%s%s", smid_prefix(file), id);
}

int
smqueue_file_open(const struct smqueue *q, enum smid_file file, const char *id,
    int *fd, size_t *folder)
{
	char name[SMID_TEXT + 3];

	name_of(file, id, name);
	for (size_t i = 0; i < q->folders; i++) {
		const struct smfolder *f = &q->folder[i];
		struct stat st;

		*fd = openat(file == SMID_DATA ? f->df_fd : f->qf_fd, name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (*fd < 0 && errno == ENOENT)
			continue;
		if (*fd < 0)
			return SMX_EIO;
		*folder = i;
		if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
			return SMX_OK;
		close(*fd);
		*fd = -1;
		return SMX_EIO;
	}
	return SMX_ENOTFOUND;
}

int
smqueue_file_complete(int fd)
{
	struct stat st;
	char end[3];

	if (fstat(fd, &st) != 0)
		return -1;
	if (st.st_size < (off_t)sizeof(end))
		return 0;
	if (pread(fd, end, sizeof(end), st.st_size - (off_t)sizeof(end)) !=
	    (ssize_t)sizeof(end))
		return -1;
	return smqf_complete(end, sizeof(end));
}

/*
 * Whoever works on a message has its qf locked, by flock or by fcntl, as
 * Sendmail was built.  The first can only be tried: with a lock that others may
 * have, too, for as long as it takes to give it back; a queue run that comes
 * just then leaves the message to the next one.
 */
int
smqueue_file_busy(int fd)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (flock(fd, LOCK_SH | LOCK_NB) != 0)
		return errno == EWOULDBLOCK;
	(void)flock(fd, LOCK_UN);
	return fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

int
smqueue_busy(const struct smqueue *q, const char *id)
{
	size_t folder;
	int fd, busy;

	if (smqueue_file_open(q, SMID_QUEUED, id, &fd, &folder) != SMX_OK &&
	    smqueue_file_open(q, SMID_QUARANTINED, id, &fd, &folder) != SMX_OK)
		return -1;
	busy = smqueue_file_busy(fd);
	close(fd);
	return busy;
}

/*
 * A session keeps the df open while it waits for the milter.  A lease is given
 * only for a file that nobody else has open; it is given back at once, and
 * whoever wants the file meanwhile waits for that, which we are told by a
 * signal that does nothing.
 */
static int
is_wanted(int fd)
{
	if (fcntl(fd, F_SETSIG, SIGURG) != 0 ||
	    fcntl(fd, F_SETLEASE, F_WRLCK) != 0)
		return 1;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return 0;
}

static int
is_old(int fd, int64_t age_ms)
{
	struct stat st;
	struct timespec now;

	return fstat(fd, &st) == 0 &&
	       clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	       (int64_t)(now.tv_sec - st.st_ctim.tv_sec) * 1000 >= age_ms;
}

/* ---- is it there? ---- */

static enum smsight
look_control(struct smqueue *q, enum smid_file file, const char *id)
{
	enum smsight sight = SM_UNCOMMITTED;
	size_t folder;
	int fd, complete, result = smqueue_file_open(q, file, id, &fd, &folder);

	if (result != SMX_OK)
		return result == SMX_ENOTFOUND ? SM_NOT_THERE : SM_BLIND;
	complete = smqueue_file_complete(fd);
	if (complete < 0)
		sight = SM_BLIND;
	else if (complete)
		sight = SM_THERE;
	/* Its writer may have ended it just now. */
	else if (!smqueue_file_busy(fd) && is_old(fd, q->stray_ms) &&
		 smqueue_file_complete(fd) == 0)
		sight = SM_STRAY;
	close(fd);
	return sight;
}

static enum smsight
look_data(struct smqueue *q, const char *id)
{
	enum smsight sight = SM_UNCOMMITTED;
	size_t folder;
	int fd, result = smqueue_file_open(q, SMID_DATA, id, &fd, &folder);

	if (result != SMX_OK)
		return result == SMX_ENOTFOUND ? SM_NOT_THERE : SM_BLIND;
	if (is_old(fd, q->stray_ms) && !is_wanted(fd))
		sight = SM_STRAY;
	close(fd);
	return sight;
}

static enum smsight
look_lost(struct smqueue *q, const char *id)
{
	size_t folder;
	int fd, result = smqueue_file_open(q, SMID_LOST, id, &fd, &folder);

	if (result == SMX_OK)
		close(fd);
	return result == SMX_OK          ? SM_CORRUPT
	       : result == SMX_ENOTFOUND ? SM_NOT_THERE
					 : SM_BLIND;
}

/*
 * Into quarantine and out of it the new file is there before the old one goes:
 * qf, hf, qf misses it only when it moved twice between, which the watch tells.
 * A df is no evidence as long as there can be a qf, and last of all.
 */
enum smsight
smqueue_look(struct smqueue *q, const char *id)
{
	static const enum smid_file order[] = { SMID_QUEUED, SMID_QUARANTINED,
		SMID_QUEUED };
	enum smsight sight = SM_NOT_THERE;
	size_t folder;
	int fd;

	for (size_t i = 0; i < 3 && sight == SM_NOT_THERE; i++)
		sight = look_control(q, order[i], id);
	if (sight == SM_NOT_THERE)
		sight = look_lost(q, id);
	if (sight != SM_NOT_THERE)
		return sight;
	/* Being written anew without the one it shall replace: no such thing.
	 */
	if (smqueue_file_open(q, SMID_REWRITTEN, id, &fd, &folder) !=
	    SMX_ENOTFOUND) {
		if (fd >= 0)
			close(fd);
		return SM_BLIND;
	}
	return look_data(q, id);
}

/* ---- reading ---- */

static int
slurp(int fd, char **text, size_t *len)
{
	struct stat st;
	size_t size;
	ssize_t n = 1;

	if (fstat(fd, &st) != 0)
		return SMX_EIO;
	if (st.st_size > (off_t)SMQF_FILE_MAX)
		return SMX_EPROTO;
	size = (size_t)st.st_size;
	*text = malloc(size + 1);
	if (*text == NULL)
		return SMX_ENOMEM;
	for (*len = 0; *len < size && n > 0; *len += n > 0 ? (size_t)n : 0)
		n = pread(fd, *text + *len, size - *len, (off_t)*len);
	if (n >= 0)
		return SMX_OK;
	free(*text);
	return SMX_EIO;
}

static int
read_control(const struct smqueue *q, int fd, struct smqf *qf)
{
	char *text;
	size_t len;
	int result = slurp(fd, &text, &len);

	if (result != SMX_OK)
		return result;
	result = smqf_read(qf, text, len, q->domain);
	free(text);
	return result;
}

static int
is_there(const struct smqueue *q, enum smid_file file, const char *id)
{
	size_t folder;
	int fd;

	if (smqueue_file_open(q, file, id, &fd, &folder) != SMX_OK)
		return 0;
	close(fd);
	return 1;
}

int
smqueue_file_read(const struct smqueue *q, const char *id, struct smqf *qf,
    int *held, size_t *folder)
{
	int fd, result = SMX_ETEMP;

	for (int i = 0; i < MOVES && result == SMX_ETEMP; i++) {
		int queued = is_there(q, SMID_QUEUED, id);

		*held = is_there(q, SMID_QUARANTINED, id);
		if (queued && *held)
			continue; /* one of them is about to go */
		result = smqueue_file_open(q,
		    *held ? SMID_QUARANTINED : SMID_QUEUED, id, &fd, folder);
		if (result == SMX_ENOTFOUND && (queued || *held))
			result = SMX_ETEMP;
		if (result != SMX_OK)
			continue;
		result = read_control(q, fd, qf);
		close(fd);
		return result;
	}
	return result;
}
