/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * Mail that sendmail(1) has taken and pickup(8) has not: it is in maildrop
 * until cleanup has committed the message that is made of it, which is after
 * its shadow.  Counted only after something happened there, or while something
 * is there: nothing is looked at on the way of a message.
 */
static void
look_at(struct pfqueue *q, const char *path, const char *name,
    struct pflocal *out)
{
	char file[PFQUEUE_PATH + PFID_TEXT];
	const struct pfentry *known;
	int64_t made_ms;
	struct stat st;

	/* What postdrop has not completed is no mail yet, and what was
	 * requeued has its shadows. */
	if (!pfid_valid(name, strlen(name)))
		return;
	known = pftable_find(&q->facts, name);
	if (known != NULL &&
	    (known->flags & (FACT_REQUEUED | FACT_FOUND)) == FACT_REQUEUED)
		return;
	snprintf(file, sizeof(file), "%s/%s", path, name);
	if (fstatat(q->queue_fd, file, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode) || (st.st_mode & S_IXUSR) == 0)
		return;
	made_ms =
	    (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	if (out->count == 0 || made_ms < out->oldest_ms)
		out->oldest_ms = made_ms;
	out->count++;
}

static void
look_into(struct pfqueue *q, const char *path, struct pflocal *out)
{
	int fd = openat(q->queue_fd, path,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (out->count < PFQUEUE_LOCAL_MAX && (entry = readdir(dir)) != NULL)
		look_at(q, path, entry->d_name, out);
	closedir(dir);
}

void
pfqueue_local(struct pfqueue *q)
{
	struct pflocal found = { 0 };

	if (!q->local.changed && q->local.count == 0)
		return;
	for (size_t i = 0; i < q->watches; i++)
		if (q->watch[i].path[0] != '\0' &&
		    q->watch[i].folder == PF_MAILDROP)
			look_into(q, q->watch[i].path, &found);
	q->local = found;
}

void
pfqueue_local_tell(const struct pfqueue *q, struct smx_queue_state *out)
{
	int64_t age_ms = clock_wall_ms() - q->local.oldest_ms;

	out->local_waiting = q->local.count;
	out->local_oldest_ms = q->local.count == 0 || age_ms < 0 ? 0 : age_ms;
}
