/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/digest.h"

/* Header lines are short: gather them, or each would be a write of its own. */
#define WRITE_BYTES 65536

struct spill {
	char *folder;
	size_t memory_limit;
	struct buf gather;     /* everything, or what is not yet in the file */
	int fd;                /* -1: all is in memory */
	uint64_t written;      /* bytes in the file */
	struct digest *digest; /* of the file's bytes */
};

static pthread_mutex_t trouble_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_limit trouble; /* under trouble_lock */

/* An outage of the disk meets every message: one line a second is enough. */
static int
report(const char *step, int errnum)
{
	struct log_line l;
	int allowed;

	pthread_mutex_lock(&trouble_lock);
	allowed = log_allow(&trouble, 1, clock_mono_ms());
	pthread_mutex_unlock(&trouble_lock);
	if (allowed) {
		log_begin(&l, SMX_LOG_ERR, NULL, "spill-failed");
		log_str(&l, "step", step);
		log_errno(&l, errnum);
		log_end(&l);
	}
	if (errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG)
		return SMX_EFULL;
	return errnum == ENOMEM ? SMX_ENOMEM : SMX_EIO;
}

/* Not every file system knows O_TMPFILE. */
static int
open_named(const char *folder)
{
	char path[PATH_MAX];
	int fd, len;

	len = snprintf(path, sizeof(path), "%s/spill.XXXXXX", folder);
	if (len < 0 || (size_t)len >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

static int
open_unnamed(const char *folder)
{
#ifdef O_TMPFILE
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR &&
			   errno != EINVAL && errno != ENOENT))
		return fd;
#endif
	return open_named(folder);
}

static int
open_file(struct spill *spill)
{
	spill->fd = open_unnamed(spill->folder);
	if (spill->fd < 0 && errno == ENOENT &&
	    (mkdir(spill->folder, 0700) == 0 || errno == EEXIST))
		spill->fd = open_unnamed(spill->folder);
	if (spill->fd < 0)
		return report("open", errno);
	return SMX_OK;
}

int
spill_new(struct spill **out, const char *folder, size_t memory_limit)
{
	struct spill *spill = calloc(1, sizeof(*spill));

	if (spill == NULL)
		return SMX_ENOMEM;
	spill->fd = -1;
	spill->memory_limit = memory_limit;
	buf_init(&spill->gather, 0);
	spill->folder = strdup(folder);
	if (spill->folder == NULL) {
		spill_free(&spill);
		return SMX_ENOMEM;
	}
	*out = spill;
	return SMX_OK;
}

static int
write_out(struct spill *spill, const char *data, size_t len)
{
	digest_add(spill->digest, data, len);
	while (len > 0) {
		ssize_t n = write(spill->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return report("write", errno);
		data += n;
		len -= (size_t)n;
		spill->written += (uint64_t)n;
	}
	return SMX_OK;
}

static int
flush(struct spill *spill)
{
	int rc = write_out(spill, spill->gather.data, spill->gather.len);

	buf_clear(&spill->gather);
	return rc;
}

/* Past the limit: what was in memory goes to the file, and the large buffer
 * back to the heap. */
static int
overflow(struct spill *spill)
{
	int rc = digest_new(&spill->digest);

	if (rc == SMX_OK)
		rc = open_file(spill);
	if (rc == SMX_OK && spill->gather.len > 0)
		rc = flush(spill);
	buf_free(&spill->gather);
	return rc;
}

int
spill_add(struct spill *spill, const void *data, size_t len)
{
	int rc = SMX_OK;

	if (len == 0)
		return SMX_OK;
	if (spill->fd < 0 && len > spill->memory_limit - spill->gather.len)
		rc = overflow(spill);
	if (rc == SMX_OK && spill->fd >= 0 && spill->gather.len > 0 &&
	    spill->gather.len + len > WRITE_BYTES)
		rc = flush(spill);
	if (rc != SMX_OK)
		return rc;
	if (spill->fd >= 0 && len >= WRITE_BYTES)
		return write_out(spill, data, len);
	return buf_add(&spill->gather, data, len);
}

int
spill_end(struct spill *spill, uint8_t digest[SMX_DIGEST_BYTES])
{
	int rc = SMX_OK;

	if (spill->fd < 0)
		return digest_once(spill->gather.len > 0 ? spill->gather.data
							 : "",
		    spill->gather.len, digest);
	if (spill->gather.len > 0)
		rc = flush(spill);
	buf_free(&spill->gather);
	if (rc == SMX_OK)
		rc = digest_end(spill->digest, digest);
	return rc;
}

uint64_t
spill_size(const struct spill *spill)
{
	return spill->written + spill->gather.len;
}

static int
read_memory(void *ctx, uint64_t offset, void *out, size_t len)
{
	const struct spill *spill = ctx;

	if (offset > spill->gather.len || len > spill->gather.len - offset)
		return SMX_EINVAL;
	if (len > 0)
		memcpy(out, spill->gather.data + offset, len);
	return SMX_OK;
}

static int
read_file(void *ctx, uint64_t offset, void *out, size_t len)
{
	const struct spill *spill = ctx;
	char *to = out;

	if (offset > spill->written || len > spill->written - offset)
		return SMX_EINVAL;
	while (len > 0) {
		ssize_t n = pread(spill->fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return report("read", n < 0 ? errno : EIO);
		to += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return SMX_OK;
}

void
spill_content(const struct spill *spill, struct smx_content *out)
{
	/* The reader only reads, but struct smx_content knows no const. */
	union {
		const struct spill *in;
		void *ctx;
	} lend = { .in = spill };

	out->ctx = lend.ctx;
	out->size = spill_size(spill);
	if (spill->fd >= 0) {
		out->bytes = NULL;
		out->read = read_file;
	} else {
		out->bytes = spill->gather.len > 0 ? spill->gather.data : "";
		out->read = read_memory;
	}
}

void
spill_free(struct spill **spill)
{
	struct spill *s = *spill;

	if (s == NULL)
		return;
	if (s->fd >= 0)
		(void)close(s->fd);
	digest_free(&s->digest);
	buf_free(&s->gather);
	free(s->folder);
	free(s);
	*spill = NULL;
}
