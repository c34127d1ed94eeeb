/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/smqueue.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define SLICE 65536

/* ---- envelopes ---- */

/* Without the CLIENT line. */
static char *
envelope_of(const struct smqueue *q, const char *id, int *held)
{
	struct smqf qf;
	size_t folder, len, client;
	char *text = NULL;

	smqf_init(&qf);
	if (smqueue_file_read(q, id, &qf, held, &folder) == SMX_OK &&
	    smqf_envelope(&qf, &text, &len, &client) == SMX_OK)
		memmove(text, text + client, len - client + 1);
	smqf_done(&qf);
	return text;
}

void
smqueue_read_turn(struct smqueue *q)
{
	struct smpending asked[SMQUEUE_READ_BATCH];
	size_t room = smqueue_room(q), count;

	if (q->ring_text > SMQUEUE_TEXT_MAX)
		return;
	count = smqueue_asked(q, &q->read, asked,
	    room < SMQUEUE_READ_BATCH ? room / 2 : SMQUEUE_READ_BATCH);
	for (size_t i = 0; i < count; i++) {
		int held = 0;
		char *text = NULL;

		/* Those that there is no room for will be asked again. */
		if (!q->blind && !q->broken && asked[i].id[0] != '\0' &&
		    q->ring_text <= SMQUEUE_TEXT_MAX)
			text = envelope_of(q, asked[i].id, &held);
		smqueue_answer_read(q, &asked[i], text != NULL && held, text);
	}
}

/* ---- one message whole ---- */

/* A file that goes with its last descriptor, whatever happens to us. */
static int
spool_open(const char *folder)
{
	char name[PATH_MAX];
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

	if (fd >= 0 || (size_t)snprintf(name, sizeof(name), "%s/copy.XXXXXX",
			   folder) >= sizeof(name))
		return fd;
	/* Not every file system has those. */
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(name);
	return fd;
}

static int
put(int fd, const char *data, size_t len)
{
	while (len != 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return SMX_EIO;
		data += n;
		len -= (size_t)n;
	}
	return SMX_OK;
}

static int
put_file(int to, int from, int64_t until_mono_ms)
{
	char *data = malloc(SLICE);
	int result = data == NULL ? SMX_ENOMEM : SMX_OK;
	ssize_t n = 1;

	while (result == SMX_OK && n > 0) {
		n = read(from, data, SLICE);
		if (n < 0)
			result = SMX_EIO;
		else if (clock_mono_ms() > until_mono_ms)
			result = SMX_ETIMEOUT;
		else
			result = put(to, data, (size_t)n);
	}
	free(data);
	return result;
}

/* What a copy is made from. */
struct source {
	struct smqf qf;
	int held;
	int data_fd; /* -1: none */
	char *envelope;
	size_t envelope_len;
};

/* The df is found by its name, wherever the qf says that it is: no two messages
 * have the same. */
static int
source_open(struct smqueue *q, const char *id, struct source *s)
{
	size_t folder, client;
	int result;

	memset(s, 0, sizeof(*s));
	s->data_fd = -1;
	smqf_init(&s->qf);
	pthread_mutex_lock(&q->folders_lock);
	result = smqueue_file_read(q, id, &s->qf, &s->held, &folder);
	if (result == SMX_OK)
		result =
		    smqueue_file_open(q, SMID_DATA, id, &s->data_fd, &folder);
	pthread_mutex_unlock(&q->folders_lock);
	if (result == SMX_OK)
		result = smqf_envelope(&s->qf, &s->envelope, &s->envelope_len,
		    &client);
	return result;
}

static void
source_close(struct source *s)
{
	smqf_done(&s->qf);
	if (s->data_fd >= 0)
		close(s->data_fd);
	free(s->envelope);
}

static int
content(const struct source *s, int to, int64_t until_mono_ms)
{
	int result =
	    put(to, s->qf.headers.data == NULL ? "" : s->qf.headers.data,
		s->qf.headers.len);

	if (result == SMX_OK)
		result = put(to, "\n", 1);
	return result == SMX_OK ? put_file(to, s->data_fd, until_mono_ms)
				: result;
}

int
smqueue_copy(struct smqueue *q, const char *id, char **envelope,
    size_t *envelope_len, int *fd, uint64_t *size, int *held,
    int64_t until_mono_ms)
{
	struct source s;
	struct stat st;
	int to = -1, result = source_open(q, id, &s);

	if (result == SMX_OK && (to = spool_open(q->marker_directory)) < 0)
		result = SMX_EIO;
	if (result == SMX_OK)
		result = content(&s, to, until_mono_ms);
	if (result == SMX_OK &&
	    (fstat(to, &st) != 0 || lseek(to, 0, SEEK_SET) != 0))
		result = SMX_EIO;
	if (result == SMX_OK) {
		*envelope = s.envelope;
		*envelope_len = s.envelope_len;
		*fd = to;
		*size = (uint64_t)st.st_size;
		*held = s.held;
		s.envelope = NULL;
	} else if (to >= 0) {
		close(to);
	}
	source_close(&s);
	return result == SMX_OK || result == SMX_ENOTFOUND ||
		       result == SMX_ETIMEOUT
		   ? result
		   : SMX_EIO;
}
