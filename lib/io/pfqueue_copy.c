/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue_copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define SLACK 4096 /* a limit that is met exactly stops some writers */

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

int
pfcopy_start(struct pfcopy *copy, const struct pfcat_tool *tool,
    const char *queue_directory, const char *spool, const char *id,
    int64_t until_mono_ms)
{
	int result;

	memset(copy, 0, sizeof(*copy));
	copy->tool = tool;
	copy->spool = spool;
	copy->content_fd = -1;
	copy->file.fd = -1;
	copy->job.out_fd = -1;
	copy->until_mono_ms = until_mono_ms;
	if (tool->program[0] == '\0')
		return SMX_EIO;
	result = pffile_open(&copy->file, queue_directory, id);
	if (result != SMX_OK)
		return result;
	result =
	    pfcat_job_start(&copy->job, tool, &copy->file.fd, 1, until_mono_ms);
	if (result != SMX_OK)
		pffile_close(&copy->file);
	else
		copy->stage = PFCOPY_ENVELOPE;
	return result;
}

static void
tell(const struct pfcat_run *run, int result)
{
	static struct log_limit limit;
	struct log_line l;

	if (!log_allow(&limit, 5, clock_mono_ms()))
		return;
	log_begin(&l, SMX_LOG_WARNING, NULL, "postcat-failed");
	log_err(&l, "result", result);
	log_str(&l, "says", run->words);
	log_end(&l);
}

/* The lines of the content need less room than the records that they stand in,
 * so the output never is longer than the file. */
static int
content_start(struct pfcopy *copy)
{
	copy->content_fd = spool_open(copy->spool);
	if (copy->content_fd < 0)
		return SMX_EIO;
	copy->stage = PFCOPY_CONTENT;
	return pfcat_run_start(&copy->run, copy->tool, PFCAT_CONTENT,
	    &copy->file.fd, 1, copy->content_fd, copy->file.size + SLACK,
	    copy->until_mono_ms);
}

static int
envelope_turn(struct pfcopy *copy)
{
	struct pfcat *cat = &copy->job.cat;
	int result = pfcat_job_turn(&copy->job);

	if (result == SMX_ETEMP)
		return result;
	if (result == SMX_OK &&
	    (cat->forged || cat->ended != 1 || cat->file[0].text == NULL))
		result = SMX_EIO;
	if (result == SMX_OK) {
		copy->envelope = cat->file[0].text;
		copy->envelope_len = cat->file[0].len;
		cat->file[0].text = NULL;
	} else {
		tell(&copy->job.run, result);
	}
	pfcat_job_end(&copy->job);
	return result == SMX_OK ? content_start(copy) : result;
}

static int
content_turn(struct pfcopy *copy)
{
	int result = pfcat_run_turn(&copy->run);
	struct stat st;

	if (result == SMX_ETEMP)
		return result;
	/* A warning about what it read is as bad as a failure. */
	if (result == SMX_OK && copy->run.words_len != 0)
		result = SMX_EIO;
	if (result == SMX_OK && (fstat(copy->content_fd, &st) != 0 ||
				    (uint64_t)st.st_size > copy->file.size ||
				    lseek(copy->content_fd, 0, SEEK_SET) != 0))
		result = SMX_EIO;
	if (result == SMX_OK)
		copy->size = (uint64_t)st.st_size;
	else
		tell(&copy->run, result);
	return result;
}

int
pfcopy_turn(struct pfcopy *copy)
{
	int result = SMX_EIO;

	if (copy->stage == PFCOPY_ENVELOPE) {
		result = envelope_turn(copy);
		if (result == SMX_OK)
			return SMX_ETEMP;
	} else if (copy->stage == PFCOPY_CONTENT) {
		result = content_turn(copy);
	}
	if (result != SMX_ETEMP)
		copy->stage = PFCOPY_NONE;
	return result;
}

int
pfcopy_fd(const struct pfcopy *copy)
{
	if (copy->stage == PFCOPY_CONTENT)
		return copy->run.err_fd;
	return copy->stage == PFCOPY_ENVELOPE ? copy->job.run.err_fd : -1;
}

int64_t
pfcopy_wait_ms(const struct pfcopy *copy)
{
	return copy->stage == PFCOPY_CONTENT ? pfcat_run_wait_ms(&copy->run)
					     : pfcat_job_wait_ms(&copy->job);
}

void
pfcopy_end(struct pfcopy *copy)
{
	if (copy->tool == NULL)
		return;
	pfcat_job_end(&copy->job);
	pfcat_run_kill(&copy->run);
	pffile_close(&copy->file);
	free(copy->envelope);
	copy->envelope = NULL;
	if (copy->content_fd >= 0)
		close(copy->content_fd);
	copy->content_fd = -1;
	copy->stage = PFCOPY_NONE;
	copy->tool = NULL;
}
