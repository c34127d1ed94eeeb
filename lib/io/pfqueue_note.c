/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/addr.h"
#include "core/amend.h"
#include "core/pflog.h"

#define GREW_MS 1000

/*
 * The life of a file as the folders show it:
 *
 *	incoming/NNN.PID --rename--> incoming/ID	begun, mode 0600
 *	incoming/ID  CLOSE_WRITE, executable		committed
 *	incoming/ID  CLOSE_WRITE, not executable	refused (DELETE follows)
 *							or a stray (none does)
 *	incoming -> active (-> deferred -> active ...)	executable for certain
 *	incoming -> hold, then CLOSE_WRITE		quarantined, committed
 *	active -> deferred				delivery was tried
 *	any -> hold, hold -> any			and back: the operator
 *	any -> maildrop					requeued: pickup makes a
 *							new file, deletes this
 *	active -> corrupt				set aside
 *
 * qmgr may move a file to active between the change of its mode and cleanup's
 * close; then the next close in whatever folder tells of the commit.
 */

/* A fact must not be forgotten just because there are many: what the table
 * pushes out can be suspected for ever, never believed absent. */
static struct pfentry *
fact(struct pfqueue *q, const char *id)
{
	struct pfentry lost;
	struct pfentry *e = pftable_put(&q->facts, id, &lost);

	if (lost.id[0] != '\0')
		pfbloom_add(&q->forgotten, lost.id);
	return e;
}

static struct pfentry *
seen(struct pfqueue *q, const char *id)
{
	struct pfentry lost;

	return pftable_put(&q->seen, id, &lost);
}

int
pfqueue_complete(struct pfqueue *q, const char *path, const char *id)
{
	char name[PFQUEUE_PATH + PFID_TEXT];
	struct stat st;

	snprintf(name, sizeof(name), "%s/%s", path, id);
	if (fstatat(q->queue_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? -1 : -2;
	if (!S_ISREG(st.st_mode))
		return -2;
	return (st.st_mode & S_IXUSR) != 0;
}

static void
committed(struct pfqueue *q, struct pfentry *e)
{
	if ((e->flags & SEEN_COMMITTED) != 0)
		return;
	e->flags |= SEEN_COMMITTED;
	pftable_drop(&q->strays, e->id);
	pfqueue_emit(q, SMX_QUEUE_COMMITTED, e->id, "");
}

static void
begun(struct pfqueue *q, const char *id)
{
	struct pfentry *e;

	pftable_drop(&q->seen, id);
	pftable_drop(&q->strays, id);
	/* Short ids come back for other messages; what is known about a long
	 * one stays true. */
	if (!pfid_long(id)) {
		pftable_drop(&q->facts, id);
		pfends_drop(&q->ends, id);
	}
	e = seen(q, id);
	e->flags = SEEN_BEGUN;
}

static void
closed_uncommitted(struct pfqueue *q, const char *id)
{
	struct pfentry lost;
	struct pfstray *s;

	pftable_put(&q->strays, id, &lost);
	if (q->strays_due == PFQUEUE_STRAYS_MAX)
		return; /* stays "uncommitted" to whoever asks */
	s = &q->stray[(q->stray_first + q->strays_due++) % PFQUEUE_STRAYS_MAX];
	text_copy(s->id, sizeof(s->id), id);
	s->due_ms = clock_mono_ms() + q->stray_ms;
}

/* cleanup, or for a file that was committed before: a delivery agent */
static void
closed(struct pfqueue *q, const struct pfnote *n)
{
	struct pfentry *e = pftable_find(&q->seen, n->name);
	int complete;

	if (n->folder == PF_MAILDROP || n->folder == PF_CORRUPT)
		return;
	if (n->folder != PF_INCOMING &&
	    (e == NULL || (e->flags & (SEEN_COMMITTED | SEEN_ENDED)) != 0))
		return;
	complete = n->folder == PF_ACTIVE || n->folder == PF_DEFERRED
		       ? 1
		       : pfqueue_complete(q, n->path, n->name);
	if (complete == 0 && n->folder == PF_INCOMING) {
		closed_uncommitted(q, n->name);
	} else if (complete == 1) {
		committed(q, seen(q, n->name));
	} else if (complete == -1) {
		/* Moved on, or deleted: the next event tells which. */
		seen(q, n->name)->flags |= SEEN_CLOSED;
	}
}

static void
deleted(struct pfqueue *q, const struct pfnote *n)
{
	struct pfentry *e;

	pftable_drop(&q->strays, n->name);
	if (n->folder == PF_MAILDROP) {
		/* Of interest only when it was a message in the queue before;
		 * a new submission gets its queue id from cleanup. */
		if (pftable_find(&q->facts, n->name) != NULL)
			pfqueue_emit(q, SMX_QUEUE_GONE, n->name, "");
		return;
	}
	if (n->folder == PF_CORRUPT)
		return;
	e = pftable_find(&q->facts, n->name);
	if (e != NULL)
		e->flags &= ~(unsigned)FACT_AWAY; /* it had come back */
	e = seen(q, n->name);
	e->flags |= SEEN_ENDED;
	pfqueue_emit(q, SMX_QUEUE_GONE, n->name, "");
}

static void
requeued(struct pfqueue *q, const char *id)
{
	struct pfentry *e = fact(q, id);

	if ((e->flags & FACT_REQUEUED) == 0 && !q->log_quiet)
		pfqueue_emit(q, SMX_QUEUE_REQUEUED, id, "");
	e->flags |= FACT_REQUEUED;
	e->flags &= ~(unsigned)FACT_FOUND;
}

/*
 * What is said of its envelope or of its place may be another now.  Of a file
 * that cleanup puts on hold the commit is still to come, and tells enough.
 * Where it came from is not always known: then once too often.
 */
static void
put_aside(struct pfqueue *q, const struct pfnote *n, enum pf_folder from)
{
	const struct pfentry *e = pftable_find(&q->seen, n->name);
	int open = e == NULL || (e->flags & SEEN_BEGUN) == 0 ||
		   (e->flags & SEEN_COMMITTED) != 0;
	int told = 0;

	if (from == n->folder && !q->growing)
		return; /* found at the beginning; a RESET says it all */
	if (n->folder == PF_HOLD)
		told = open;
	else if (n->folder == PF_DEFERRED)
		told = from != PF_INCOMING;
	else if (n->folder == PF_ACTIVE || n->folder == PF_INCOMING)
		told = from == PF_HOLD && open;
	if (told)
		pfqueue_emit(q, SMX_QUEUE_MOVED, n->name, "");
}

/* from PF_FOLDERS: it has just been made */
static void
arrived(struct pfqueue *q, const struct pfnote *n, enum pf_folder from)
{
	struct pfentry *e = pftable_find(&q->facts, n->name);

	if (e != NULL)
		e->flags &= ~(unsigned)FACT_AWAY;
	e = pftable_find(&q->seen, n->name);
	switch (n->folder) {
	case PF_INCOMING:
		if (from == PF_FOLDERS)
			begun(q, n->name);
		break;
	case PF_ACTIVE:
		/* qmgr takes complete files only; of one whose beginning was
		 * not seen the close will not be recognised either. */
		if (from == PF_DEFERRED)
			break;
		if (e == NULL || (e->flags & SEEN_CLOSED) != 0)
			committed(q, seen(q, n->name));
		break;
	case PF_CORRUPT:
		pfqueue_emit(q, SMX_QUEUE_CORRUPT, n->name, "");
		break;
	default:
		break;
	}
	put_aside(q, n, from);
}

static void
moved_to(struct pfqueue *q, const struct pfnote *n, int is_id)
{
	int follows = q->moved.name[0] != '\0' && q->moved.cookie == n->cookie;
	enum pf_folder from =
	    follows && q->moved.is_id ? q->moved.folder : PF_FOLDERS;
	int same = follows && strcmp(q->moved.name, n->name) == 0;

	/* A new name for the file: the id is no longer to be found, the
	 * message is (postsuper names files after their inode). */
	if (follows && !same && q->moved.is_id)
		fact(q, q->moved.name)->flags |= FACT_AWAY;
	if (follows)
		q->moved.name[0] = '\0';
	if (!is_id)
		return;
	/* postdrop renames within maildrop; all else there is a requeue. */
	if (n->folder == PF_MAILDROP &&
	    !(follows && q->moved.folder == PF_MAILDROP))
		requeued(q, n->name);
	arrived(q, n, from);
}

/* Where the id says that the file belongs, if that queue is hashed. */
static void
check_place(struct pfqueue *q, const struct pfnote *n)
{
	const char *p = strchr(n->path, '/');
	char hash[PFID_HASH + 1];

	pfid_hash(n->name, hash);
	for (int level = 0; p != NULL; level++, p = strchr(p + 1, '/'))
		if (level >= PFID_HASH || p[1] != hash[level])
			q->misplaced = 1;
}

static void
found(struct pfqueue *q, const struct pfnote *n)
{
	check_place(q, n);
	if (n->folder == PF_MAILDROP) {
		struct pfentry *e = fact(q, n->name);

		/* From outside the queue or from within, nobody can tell. */
		if ((e->flags & FACT_REQUEUED) == 0)
			e->flags |= FACT_REQUEUED | FACT_FOUND;
	}
	arrived(q, n, n->folder);
}

void
pfqueue_note(struct pfqueue *q, const struct pfnote *n)
{
	int is_id = pfid_valid(n->name, strlen(n->name));

	if (is_id)
		pfqueue_verify_touch(q, n->name);
	if (is_id && (n->mask & (IN_MOVED_TO | IN_CREATE)) != 0)
		check_place(q, n);
	if ((n->mask & IN_MOVED_TO) != 0) {
		moved_to(q, n, is_id);
		return;
	}
	if ((n->mask & IN_MOVED_FROM) != 0) {
		pfqueue_note_settle(q);
		if (text_copy(q->moved.name, sizeof(q->moved.name), n->name))
			q->moved.name[0] = '\0';
		q->moved.cookie = n->cookie;
		q->moved.folder = n->folder;
		q->moved.is_id = is_id;
		return;
	}
	if (!is_id)
		return;
	if ((n->mask & IN_CLOSE_WRITE) != 0)
		closed(q, n);
	else if ((n->mask & IN_DELETE) != 0)
		deleted(q, n);
	else if ((n->mask & IN_CREATE) != 0)
		arrived(q, n, PF_FOLDERS);
	else
		found(q, n);
}

/*
 * Postfix makes a subfolder when it first needs it, and moves a file into it
 * before we can watch it.  That is no way out: from there the file can only go
 * on to folders that are watched (maildrop above all), or end.
 */
void
pfqueue_note_settle(struct pfqueue *q)
{
	int grown = q->depth[PF_MAILDROP] == 0 &&
		    clock_mono_ms() - q->grew_ms < GREW_MS;

	if (q->moved.name[0] != '\0' && q->moved.is_id && !grown)
		fact(q, q->moved.name)->flags |= FACT_AWAY;
	q->moved.name[0] = '\0';
}

/* Where incoming has subfolders the file may be at any level of its hash. */
static int
still_uncommitted(struct pfqueue *q, const char *id)
{
	char path[PFQUEUE_PATH], hash[PFID_HASH + 1];
	int complete = -1;

	pfid_hash(id, hash);
	text_copy(path, sizeof(path), pfqueue_folder(PF_INCOMING));
	for (int level = 0; level <= q->depth[PF_INCOMING] && complete == -1;
	     level++) {
		size_t at = strlen(path);

		if (level > 0)
			snprintf(path + at, sizeof(path) - at, "/%c",
			    hash[level - 1]);
		complete = pfqueue_complete(q, path, id);
	}
	return complete == 0;
}

void
pfqueue_note_strays(struct pfqueue *q, int64_t now_ms)
{
	while (
	    q->strays_due != 0 && q->stray[q->stray_first].due_ms <= now_ms) {
		struct pfstray *s = &q->stray[q->stray_first];
		struct pfentry *e = pftable_find(&q->strays, s->id);

		q->stray_first = (q->stray_first + 1) % PFQUEUE_STRAYS_MAX;
		q->strays_due--;
		if (e == NULL || (e->flags & STRAY_TOLD) != 0 ||
		    !still_uncommitted(q, s->id))
			continue;
		e->flags |= STRAY_TOLD;
		pfqueue_emit(q, SMX_QUEUE_STRAY, s->id, "");
	}
}

/* A second new id for the same message cannot be: one of the lines is forged,
 * and nobody can tell which. */
static void
linked(struct pfqueue *q, const struct pflog_line *line)
{
	struct pfentry *e = fact(q, line->id);

	if ((e->flags & FACT_LINKED) != 0) {
		if (strcmp(e->other, line->other) != 0)
			e->flags |= FACT_DISPUTED;
		return;
	}
	e->flags |= FACT_LINKED;
	text_copy(e->other, sizeof(e->other), line->other);
	if (!q->log_quiet)
		pfqueue_emit(q, SMX_QUEUE_LINKED, line->id, line->other);
}

static enum smx_queue_event_kind
kind_of(const struct pflog_line *line)
{
	if (line->kind == PFLOG_SENT)
		return line->rewritten ? SMX_QUEUE_SENT_AS : SMX_QUEUE_SENT;
	return line->rewritten ? SMX_QUEUE_BOUNCED_AS : SMX_QUEUE_BOUNCED;
}

/* Of one recipient. */
static void
delivery(struct pfqueue *q, const struct pflog_line *line)
{
	enum smx_queue_event_kind kind = kind_of(line);
	char address[ADDR_MAX + 1], text[17];
	uint64_t sum;
	int told = kind == SMX_QUEUE_SENT ? q->deliveries : q->ends.end != NULL;

	if ((!told && q->ends.end == NULL) || line->rcpt_len > ADDR_MAX)
		return;
	memcpy(address, line->rcpt, line->rcpt_len);
	address[line->rcpt_len] = '\0';
	sum = amend_address(address);
	pfends_add(&q->ends, line->id, kind, sum);
	snprintf(text, sizeof(text), "%016" PRIx64, sum);
	if (kind == SMX_QUEUE_BOUNCED)
		pfqueue_refused(q, line, sum);
	if (told && !q->log_quiet)
		pfqueue_emit(q, kind, line->id, text);
}

/* Of all that were left. */
static void
ended(struct pfqueue *q, const struct pflog_line *line,
    enum smx_queue_event_kind kind)
{
	if (q->ends.end == NULL)
		return;
	pfends_add(&q->ends, line->id, kind, 0);
	if (!q->log_quiet)
		pfqueue_emit(q, kind, line->id, "");
}

void
pfqueue_note_log(void *ctx, const char *line, size_t len)
{
	struct pfqueue *q = ctx;
	struct pflog_line out;

	switch (pflog_read(line, len, &out)) {
	case PFLOG_REQUEUED:
		requeued(q, out.id);
		break;
	case PFLOG_LINKED:
		linked(q, &out);
		break;
	case PFLOG_RETURNED:
		if (!q->log_quiet)
			pfqueue_emit(q, SMX_QUEUE_RETURNED, out.id, out.other);
		break;
	case PFLOG_SENT:
		pfqueue_relay(q, &out, SMX_QUEUE_REACHED);
		delivery(q, &out);
		break;
	case PFLOG_BOUNCED:
		delivery(q, &out);
		break;
	case PFLOG_EXPIRED:
		ended(q, &out, SMX_QUEUE_BOUNCED);
		break;
	case PFLOG_DELETED:
		ended(q, &out, SMX_QUEUE_DELETED);
		break;
	case PFLOG_DEFERRED:
		pfqueue_relay(q, &out, SMX_QUEUE_UNREACHED);
		break;
	case PFLOG_NOTHING:
		break;
	}
}
