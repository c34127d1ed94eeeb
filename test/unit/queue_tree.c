/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "queue_tree.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

void
tree_make(struct tree *t)
{
	static const char *const folders[] = { "", "/maildrop", "/incoming",
		"/active", "/deferred", "/hold", "/corrupt", "/pid", "/public",
		"/deferred/F", "/deferred/0" };
	char path[160];

	snprintf(t->dir, sizeof(t->dir), "/tmp/shadowmx-queue.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(t->dir));
	snprintf(t->queue, sizeof(t->queue), "%s/spool", t->dir);
	snprintf(t->log, sizeof(t->log), "%s/mail.log", t->dir);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		snprintf(path, sizeof(path), "%s%s", t->queue, folders[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void
tree_remove(struct tree *t)
{
	nftw(t->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
tree_path(const struct tree *t, const char *name)
{
	static _Thread_local char path[2][200];
	static _Thread_local int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", t->queue, name);
	return path[turn];
}

static int open_fd = -1;

void
tree_begin(const struct tree *t, const char *id)
{
	char to[64];

	open_fd = open(tree_path(t, "incoming/631338.4711"),
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(open_fd, 0);
	snprintf(to, sizeof(to), "incoming/%s", id);
	tree_move(t, "incoming/631338.4711", to);
	ck_assert_int_eq(write(open_fd, "C", 1), 1);
}

/* id NULL: close without the mark of a complete file */
void
tree_commit(const struct tree *t, const char *id)
{
	(void)t;
	if (id != NULL)
		ck_assert_int_eq(fchmod(open_fd, 0700), 0);
	ck_assert_int_eq(close(open_fd), 0);
	open_fd = -1;
}

void
tree_move(const struct tree *t, const char *from, const char *to)
{
	ck_assert_int_eq(rename(tree_path(t, from), tree_path(t, to)), 0);
}

void
tree_delete(const struct tree *t, const char *name)
{
	ck_assert_int_eq(unlink(tree_path(t, name)), 0);
}

void
tree_put(const struct tree *t, const char *name, unsigned mode)
{
	int fd = open(tree_path(t, name), O_RDWR | O_CREAT | O_CLOEXEC, mode);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, (mode_t)mode), 0);
	close(fd);
}

void
tree_log(const struct tree *t, const char *text)
{
	FILE *f = fopen(t->log, "ae");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "Nov 22 08:47:52 mx1 postfix/%s\n", text);
	fclose(f);
}

int
tree_event(struct smx_queue *q, enum smx_queue_event_kind kind, const char *id,
    struct smx_queue_event *out, int64_t wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;
	struct smx_queue_event e;
	size_t n;

	while (clock_mono_ms() < until)
		if (q->ops->next(q->ctx, &e, 1, &n, until) == SMX_OK &&
		    n == 1 && e.kind == kind &&
		    (id == NULL || strcmp(e.id, id) == 0)) {
			if (out != NULL)
				*out = e;
			return 1;
		}
	return 0;
}

enum smx_presence
tree_verify(struct smx_queue *q, const char *id, char *other)
{
	static uint64_t token = 1000;
	struct smx_queue_event e = { 0 };
	int64_t until = clock_mono_ms() + 5000;

	token++;
	ck_assert_int_eq(q->ops->verify(q->ctx, &id, 1, token), SMX_OK);
	do
		ck_assert_int_eq(tree_event(q, SMX_QUEUE_VERIFIED, id, &e,
				     until - clock_mono_ms()),
		    1);
	while (e.token != token);
	if (other != NULL)
		memcpy(other, e.other, sizeof(e.other));
	return e.presence;
}

enum smx_presence
tree_until(struct smx_queue *q, const char *id, enum smx_presence wanted,
    int64_t wait_ms)
{
	int64_t until = clock_mono_ms() + wait_ms;
	enum smx_presence p;

	do
		p = tree_verify(q, id, NULL);
	while (p != wanted && clock_mono_ms() < until);
	return p;
}
