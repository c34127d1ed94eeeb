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
#define TEXT_MAX 512
#define NO_BOOT  "unknown"

struct record {
	struct smx_epoch epoch;
	char boot[PFMARKER_BOOT];
	uint64_t inode;
	uint64_t unclean;
	int clean;
};

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

static int
record_format(const struct record *r, char *out, size_t size)
{
	char id[33];

	hex_format(r->epoch.id, 16, id);
	return snprintf(out, size,
	    "shadowmx-epoch 1\nid %s\ncounter %" PRIu64
	    "\nboot %s\ninode %" PRIu64 "\nunclean %" PRIu64
	    "\nclean %d\nend\n",
	    id, r->epoch.counter, r->boot, r->inode, r->unclean, r->clean);
}

/* Anything that record_format cannot have written is damaged. */
static int
record_parse(const char *text, size_t len, struct record *r)
{
	char id[33], boot[PFMARKER_BOOT], again[TEXT_MAX];

	memset(r, 0, sizeof(*r));
	if (sscanf(text,
		"shadowmx-epoch 1\nid %32s\ncounter %" SCNu64
		"\nboot %39s\ninode %" SCNu64 "\nunclean %" SCNu64
		"\nclean %d\nend",
		id, &r->epoch.counter, boot, &r->inode, &r->unclean,
		&r->clean) != 6 ||
	    hex_parse(id, strlen(id), r->epoch.id, 16) != SMX_OK)
		return SMX_ECORRUPT;
	text_copy(r->boot, sizeof(r->boot), boot);
	if (record_format(r, again, sizeof(again)) != (int)len ||
	    memcmp(text, again, len) != 0)
		return SMX_ECORRUPT;
	return SMX_OK;
}

/* SMX_ENOTFOUND: there is none; SMX_ECORRUPT: there is one, not usable. */
static int
record_read(int dir_fd, struct record *r)
{
	char text[TEXT_MAX + 1];
	struct stat st;
	ssize_t n = -1;
	int fd = openat(dir_fd, NAME,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT ? SMX_ENOTFOUND : SMX_ECORRUPT;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, TEXT_MAX);
	close(fd);
	if (n <= 0 || n == TEXT_MAX)
		return SMX_ECORRUPT;
	text[n] = '\0';
	if (record_parse(text, (size_t)n, r) != SMX_OK ||
	    r->inode != (uint64_t)st.st_ino)
		return SMX_ECORRUPT;
	return SMX_OK;
}

static int
write_durably(int fd, struct record *r)
{
	char text[TEXT_MAX];
	struct stat st;
	int len;

	if (fstat(fd, &st) != 0)
		return SMX_EIO;
	r->inode = (uint64_t)st.st_ino;
	len = record_format(r, text, sizeof(text));
	if (write(fd, text, (size_t)len) != len || fsync(fd) != 0)
		return SMX_EIO;
	return SMX_OK;
}

/* The old record or the new one, never half of one. */
static int
record_write(int dir_fd, struct record *r)
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

static int
count_up(struct pfmarker *m, const char *folder, const char *boot)
{
	struct record r;
	int found = record_read(m->dir_fd, &r);
	uint16_t step;

	if (found == SMX_ECORRUPT && set_aside(m->dir_fd, folder) != SMX_OK)
		return SMX_EIO;
	if (key_random(&step, sizeof(step)) != SMX_OK)
		return SMX_EIO;
	if (found != SMX_OK) {
		memset(&r, 0, sizeof(r));
		if (key_random(r.epoch.id, sizeof(r.epoch.id)) != SMX_OK)
			return SMX_EIO;
	} else if (strcmp(r.boot, boot) != 0 || strcmp(boot, NO_BOOT) == 0) {
		/* Within one boot the answer stands: a watch that begins again
		 * does not make the stop before it clean. */
		if (!r.clean)
			r.unclean = r.epoch.counter;
	}
	m->before = r.epoch.counter;
	r.epoch.counter += 1 + (uint64_t)step;
	r.clean = 0;
	text_copy(r.boot, sizeof(r.boot), boot);
	if (record_write(m->dir_fd, &r) != SMX_OK)
		return SMX_EIO;
	m->epoch = r.epoch;
	m->unclean = r.unclean;
	m->made = found != SMX_OK;
	text_copy(m->boot, sizeof(m->boot), boot);
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
			fail(why, why_size, result, "cannot write " NAME,
			    folder);
	}
	if (result != SMX_OK && m->dir_fd >= 0) {
		close(m->dir_fd);
		m->dir_fd = -1;
	}
	return result;
}

void
pfmarker_close(struct pfmarker *m, int clean)
{
	struct record r;

	if (m->dir_fd < 0)
		return;
	if (clean) {
		memset(&r, 0, sizeof(r));
		r.epoch = m->epoch;
		r.unclean = m->unclean;
		r.clean = 1;
		text_copy(r.boot, sizeof(r.boot), m->boot);
		if (record_write(m->dir_fd, &r) != SMX_OK)
			log_event(SMX_LOG_WARNING, "marker-unclean", "errno=%d",
			    errno);
	}
	close(m->dir_fd);
	m->dir_fd = -1;
}
