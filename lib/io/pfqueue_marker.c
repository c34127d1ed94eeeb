/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue_marker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/key.h"
#include "base/log.h"

#define NAME     "shadowmx.epoch"
#define NAME_NEW "shadowmx.epoch.new"
#define NO_BOOT  "unknown"

/* Counters of two runs of one queue, or of two queues that were one once, do
 * not meet; and 2^31 runs fit. */
#define STEP_MAX ((uint64_t)UINT32_MAX + 1)

void
pfmarker_boot_id(char out[PFMARKER_BOOT])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, PFMARKER_BOOT - 1);

	if (fd >= 0)
		close(fd);
	out[n < 0 ? 0 : n] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static int
fail(char *why, size_t why_size, int error, const char *what,
    const char *folder)
{
	snprintf(why, why_size, "%s: %s: %s", folder, what, strerror(errno));
	return error;
}

/* Less than size, or it is no marker; -1 with errno. */
static ssize_t
text_read(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, text + len, size - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < size) || (n < 0 && errno == EINTR));
	return n < 0 ? -1 : (ssize_t)len;
}

/* SMX_ENOTFOUND: there is none; SMX_ECORRUPT: there is one, not usable;
 * SMX_ECONFLICT: it is sound, and was written as another file; SMX_EIO: cannot
 * know, which is no reason to take the queue for a new one. */
static int
record_read(int dir_fd, struct pfmarker_record *r)
{
	char text[PFMARKER_TEXT + 1];
	struct stat st;
	ssize_t n = 0;
	int fd = openat(dir_fd, NAME,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT                    ? SMX_ENOTFOUND
		       : errno == ELOOP || errno == ENXIO ? SMX_ECORRUPT
							  : SMX_EIO;
	if (fstat(fd, &st) != 0)
		n = -1;
	else if (S_ISREG(st.st_mode))
		n = text_read(fd, text, PFMARKER_TEXT);
	close(fd);
	if (n < 0)
		return SMX_EIO;
	if (n == 0 || n == PFMARKER_TEXT)
		return SMX_ECORRUPT;
	text[n] = '\0';
	if (pfmarker_parse(text, (size_t)n, r) != SMX_OK)
		return SMX_ECORRUPT;
	return r->inode == (uint64_t)st.st_ino ? SMX_OK : SMX_ECONFLICT;
}

static int
write_durably(int fd, struct pfmarker_record *r)
{
	char text[PFMARKER_TEXT];
	struct stat st;
	size_t len;

	if (fstat(fd, &st) != 0)
		return SMX_EIO;
	r->inode = (uint64_t)st.st_ino;
	len = pfmarker_format(r, text, sizeof(text));
	if (len >= sizeof(text) || write(fd, text, len) != (ssize_t)len ||
	    fsync(fd) != 0)
		return SMX_EIO;
	return SMX_OK;
}

/* The old record or the new one, never half of one. */
static int
record_write(int dir_fd, struct pfmarker_record *r)
{
	int result, fd;

	if (unlinkat(dir_fd, NAME_NEW, 0) != 0 && errno != ENOENT)
		return SMX_EIO;
	fd = openat(dir_fd, NAME_NEW,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return SMX_EIO;
	crash_point("marker written");
	result = write_durably(fd, r);
	if (close(fd) != 0)
		result = SMX_EIO;
	if (result != SMX_OK || renameat(dir_fd, NAME_NEW, dir_fd, NAME) != 0 ||
	    fsync(dir_fd) != 0)
		return SMX_EIO;
	crash_point("marker durable");
	return SMX_OK;
}

static int
set_aside(int dir_fd, const char *folder)
{
	struct log_line l;
	char name[64];

	snprintf(name, sizeof(name), NAME ".bad.%" PRId64, clock_wall_ms());
	if (renameat(dir_fd, NAME, dir_fd, name) != 0)
		return SMX_EIO;
	log_begin(&l, SMX_LOG_ERR, NULL, "marker-damaged");
	log_str(&l, "folder", folder);
	log_str(&l, "kept_as", name);
	log_str(&l, "result", "new epoch");
	log_end(&l);
	return SMX_OK;
}

static int
folder_open(struct pfmarker *m, const char *folder, int queue_fd, char *why,
    size_t why_size)
{
	struct stat here, queue;

	if (mkdir(folder, 0750) != 0 && errno != EEXIST)
		return fail(why, why_size, SMX_EIO, "cannot make it", folder);
	m->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir_fd < 0)
		return fail(why, why_size, SMX_EIO, "cannot open it", folder);
	if (flock(m->dir_fd, LOCK_EX | LOCK_NB) != 0)
		return fail(why, why_size, SMX_EBUSY,
		    "watched by another process", folder);
	if (fstat(m->dir_fd, &here) != 0 || fstat(queue_fd, &queue) != 0)
		return fail(why, why_size, SMX_EIO, "cannot stat it", folder);
	if (here.st_dev == queue.st_dev)
		return SMX_OK;
	snprintf(why, why_size,
	    "%s: is not on the file system of the queue, so it says nothing "
	    "about it",
	    folder);
	return SMX_ECONFIG;
}

static void
log_copied(const char *folder, const struct smx_epoch *epoch)
{
	char text[SMX_EPOCH_TEXT];
	struct log_line l;

	smx_epoch_format(epoch, text);
	log_begin(&l, SMX_LOG_ERR, NULL, "marker-copied");
	log_str(&l, "folder", folder);
	log_str(&l, "epoch", text);
	log_str(&l, "result", "only what is found in the queue counts");
	log_end(&l);
}

/* What this queue has been so far. */
static void
remember(struct smx_queue_state *s, int copied)
{
	if (copied) {
		s->spans = 0;
		s->forgot = 0;
		return;
	}
	if (s->spans == SMX_QUEUE_SPANS_MAX) {
		memmove(s->span, s->span + 1,
		    (SMX_QUEUE_SPANS_MAX - 1) * sizeof(*s->span));
		s->spans--;
		s->forgot = 1;
	}
	s->span[s->spans].first = s->first;
	s->span[s->spans].last = s->epoch.counter;
	s->spans++;
}

static int
begin_epoch(struct pfmarker_record *r)
{
	memset(r, 0, sizeof(*r));
	return key_random(r->lineage.epoch.id, sizeof(r->lineage.epoch.id));
}

static int
next_run(struct pfmarker_record *r, int found, const char *boot)
{
	struct smx_queue_state *s = &r->lineage;
	int known = found == SMX_OK || found == SMX_ECONFLICT;
	uint32_t step;

	if (key_random(&step, sizeof(step)) != SMX_OK)
		return SMX_EIO;
	/* There is an end to counting, after very many runs. */
	if (known && s->epoch.counter > UINT64_MAX - 2 * STEP_MAX)
		known = 0;
	if (!known && begin_epoch(r) != SMX_OK)
		return SMX_EIO;
	/* Within one boot the answer stands: a watch that begins again
	 * does not make the stop before it clean. */
	if (known && !r->clean &&
	    (strcmp(r->boot, boot) != 0 || strcmp(boot, NO_BOOT) == 0))
		s->unclean = s->epoch.counter;
	if (known)
		remember(s, found == SMX_ECONFLICT);
	s->epoch.counter += 1 + (uint64_t)step;
	s->first = s->epoch.counter;
	r->clean = 0;
	text_copy(r->boot, sizeof(r->boot), boot);
	return SMX_OK;
}

/* Another file under the name, or other words in it, are another state. */
static int
is_ours(const struct pfmarker *m)
{
	struct pfmarker_record r;
	struct stat st;

	if (fstatat(m->dir_fd, NAME, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    (uint64_t)st.st_ino != m->record.inode)
		return 0;
	if (st.st_ctim.tv_sec == m->written.tv_sec &&
	    st.st_ctim.tv_nsec == m->written.tv_nsec)
		return 1;
	return record_read(m->dir_fd, &r) == SMX_OK &&
	       smx_epoch_same(&r.lineage.epoch, &m->record.lineage.epoch) &&
	       r.lineage.epoch.counter == m->record.lineage.epoch.counter;
}

int
pfmarker_valid(const struct pfmarker *m, const char *folder)
{
	struct stat here, there;

	return m->dir_fd >= 0 && fstat(m->dir_fd, &here) == 0 &&
	       stat(folder, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino && is_ours(m);
}

/* What is written last is known again without reading it. */
static int
put_down(struct pfmarker *m, struct pfmarker_record *r)
{
	struct stat st;
	int result = record_write(m->dir_fd, r);

	if (result != SMX_OK)
		return result;
	m->record = *r;
	memset(&m->written, 0, sizeof(m->written));
	if (fstatat(m->dir_fd, NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
		m->written = st.st_ctim;
	return SMX_OK;
}

static int
count_up(struct pfmarker *m, const char *folder, const char *boot)
{
	struct pfmarker_record r;
	int found = record_read(m->dir_fd, &r);

	if (found == SMX_EIO)
		return SMX_EIO;
	if (found == SMX_ECORRUPT && set_aside(m->dir_fd, folder) != SMX_OK)
		return SMX_EIO;
	if (found == SMX_ECONFLICT)
		log_copied(folder, &r.lineage.epoch);
	if (next_run(&r, found, boot) != SMX_OK || put_down(m, &r) != SMX_OK)
		return SMX_EIO;
	m->made = found != SMX_OK && found != SMX_ECONFLICT;
	m->copied = found == SMX_ECONFLICT;
	return SMX_OK;
}

int
pfmarker_open(struct pfmarker *m, const char *folder, int queue_fd,
    const char *boot, char *why, size_t why_size)
{
	int result;

	memset(m, 0, sizeof(*m));
	m->dir_fd = -1;
	if (boot[0] == '\0')
		boot = NO_BOOT;
	result = folder_open(m, folder, queue_fd, why, why_size);
	if (result == SMX_OK) {
		result = count_up(m, folder, boot);
		if (result != SMX_OK)
			fail(why, why_size, result,
			    "cannot read or write " NAME, folder);
	}
	if (result != SMX_OK && m->dir_fd >= 0) {
		close(m->dir_fd);
		m->dir_fd = -1;
	}
	return result;
}

int
pfmarker_beat(struct pfmarker *m)
{
	struct pfmarker_record r = m->record;
	int result;

	if (m->dir_fd < 0 || r.lineage.epoch.counter > UINT64_MAX - STEP_MAX)
		return SMX_ESTATE;
	r.lineage.epoch.counter++;
	result = put_down(m, &r);
	if (result != SMX_OK) {
		if (!m->deaf)
			log_event(SMX_LOG_WARNING, "marker-stuck", "errno=%d",
			    errno);
		m->deaf = 1;
		return result;
	}
	m->deaf = 0;
	return SMX_OK;
}

void
pfmarker_close(struct pfmarker *m, int clean)
{
	struct pfmarker_record r = m->record;

	if (m->dir_fd < 0)
		return;
	r.clean = 1;
	if (clean && is_ours(m) && record_write(m->dir_fd, &r) != SMX_OK)
		log_event(SMX_LOG_WARNING, "marker-unclean", "errno=%d", errno);
	close(m->dir_fd);
	m->dir_fd = -1;
}
