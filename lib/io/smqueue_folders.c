/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smqueue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Paths of folders; what to do with each is the caller's. */
struct visit {
	int (*each)(void *ctx, const char *path);
	void *ctx;
};

/* Those that Sendmail takes: folders, by way of links, too. */
static int
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
visit_star(const char *parent, const char *begins, const struct visit *v)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(parent);
	int result = dir == NULL ? SMX_EIO : SMX_OK;

	while (result == SMX_OK && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0 ||
		    strncmp(entry->d_name, begins, strlen(begins)) != 0 ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", parent,
			entry->d_name) >= sizeof(path) ||
		    !is_folder(path))
			continue;
		result = v->each(v->ctx, path);
	}
	if (dir != NULL)
		closedir(dir);
	return result;
}

static int
visit_path(const char *path, const struct visit *v)
{
	char parent[PATH_MAX], *name;
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(parent))
		return SMX_ECONFIG;
	if (path[len - 1] != '*')
		return v->each(v->ctx, path);
	memcpy(parent, path, len);
	parent[len - 1] = '\0';
	name = strrchr(parent, '/');
	if (name == NULL || name == parent)
		return SMX_ECONFIG;
	*name = '\0';
	return visit_star(parent, name + 1, v);
}

/* ---- opening ---- */

/* As Sendmail does, by way of a link, too: in the folder above there would be
 * nothing, and nothing there is what has ended. */
static int
below(int fd, const char *name)
{
	int one = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return one < 0 && (errno == ENOENT || errno == ENOTDIR)
		   ? fcntl(fd, F_DUPFD_CLOEXEC, 0)
		   : one;
}

static int
folder_open(struct smfolder *f, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st, qf;
	int result = SMX_EIO;

	f->path = strdup(path);
	f->qf_fd = f->df_fd = f->qf_watch = -1;
	if (fd < 0)
		return SMX_EIO;
	f->qf_fd = below(fd, "qf");
	f->df_fd = below(fd, "df");
	if (f->path != NULL && f->qf_fd >= 0 && f->df_fd >= 0 &&
	    fstat(fd, &st) == 0 && fstat(f->qf_fd, &qf) == 0) {
		f->dev = st.st_dev;
		f->ino = st.st_ino;
		f->qf_ino = qf.st_ino;
		result = qf.st_dev == st.st_dev ? SMX_OK : SMX_ECONFIG;
	}
	close(fd);
	return result;
}

static int
add(void *ctx, const char *path)
{
	struct smqueue *q = ctx;
	struct smfolder *f;
	int result;

	if (q->folders == SMQUEUE_FOLDERS_MAX)
		return SMX_ELIMIT;
	f = &q->folder[q->folders++];
	result = folder_open(f, path);
	if (result != SMX_OK)
		return result;
	for (size_t i = 0; i + 1 < q->folders; i++)
		if (q->folder[i].dev == f->dev && q->folder[i].ino == f->ino) {
			/* Two groups may share one. */
			close(f->qf_fd);
			close(f->df_fd);
			free(f->path);
			q->folders--;
			return SMX_OK;
		}
	/* The marker speaks for one file system only. */
	return f->dev == q->folder[0].dev ? SMX_OK : SMX_ECONFIG;
}

int
smqueue_folders_open(struct smqueue *q, char *why, size_t why_size)
{
	const struct visit v = { add, q };
	int result = SMX_OK;

	smqueue_folders_close(q);
	q->folder = calloc(SMQUEUE_FOLDERS_MAX, sizeof(*q->folder));
	if (q->folder == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < q->paths && result == SMX_OK; i++) {
		errno = 0;
		result = visit_path(q->path[i], &v);
		if (result == SMX_ECONFIG)
			snprintf(why, why_size,
			    "%s: no path of a queue, or queues on several file "
			    "systems",
			    q->path[i]);
		else if (result != SMX_OK)
			snprintf(why, why_size, "%s: %s", q->path[i],
			    errno != 0 ? strerror(errno)
				       : smx_strerror(result));
	}
	if (result == SMX_OK && q->folders == 0) {
		snprintf(why, why_size, "no folder of a queue is there");
		result = SMX_EIO;
	}
	return result;
}

void
smqueue_folders_close(struct smqueue *q)
{
	for (size_t i = 0; i < q->folders; i++) {
		struct smfolder *f = &q->folder[i];

		if (f->qf_fd >= 0)
			close(f->qf_fd);
		if (f->df_fd >= 0)
			close(f->df_fd);
		free(f->path);
	}
	free(q->folder);
	q->folder = NULL;
	q->folders = 0;
}

/* ---- the same again? ---- */

struct match {
	const struct smqueue *q;
	size_t found;
};

/* One that is made, or put there, later takes all that comes from then on. */
static int
same_qf(const struct smfolder *f)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/qf", f->path);

	if ((size_t)n >= sizeof(path))
		return 0;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return st.st_ino == f->qf_ino && st.st_dev == f->dev;
	return f->qf_ino == f->ino;
}

static int
same(void *ctx, const char *path)
{
	struct match *m = ctx;
	struct stat st;

	if (stat(path, &st) != 0)
		return SMX_EIO;
	for (size_t i = 0; i < m->q->folders; i++)
		if (m->q->folder[i].dev == st.st_dev &&
		    m->q->folder[i].ino == st.st_ino) {
			m->found += strcmp(m->q->folder[i].path, path) == 0;
			return same_qf(&m->q->folder[i]) ? SMX_OK
							 : SMX_ENOTFOUND;
		}
	return SMX_ENOTFOUND;
}

int
smqueue_folders_valid(const struct smqueue *q)
{
	struct match m = { q, 0 };
	const struct visit v = { same, &m };

	for (size_t i = 0; i < q->paths; i++)
		if (visit_path(q->path[i], &v) != SMX_OK)
			return 0;
	return m.found >= q->folders;
}
