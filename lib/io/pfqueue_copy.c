/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfqueue_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define SLACK  4096 /* a limit that is met exactly stops some writers */
#define SLICE  65536
#define SLICES 4 /* in one turn */

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
reader_make(struct pfcopy *copy, const char *label)
{
	copy->cat = malloc(sizeof(*copy->cat));
	if (copy->cat == NULL)
		return SMX_ENOMEM;
	pfcat_init(copy->cat);
	if (pfcat_add(copy->cat, label) != SMX_OK)
		return SMX_EIO;
	pfcat_split_init(&copy->split, copy->cat);
	return SMX_OK;
}

/* The lines of the content need less room than the records that they stand in.
 */
static int
run_start(struct pfcopy *copy)
{
	int result = pfcat_secret_name(copy->file.fd, copy->name);

	if (result == SMX_OK)
		result = reader_make(copy, copy->name);
	copy->content_fd = spool_open(copy->spool);
	if (copy->content_fd < 0)
		result = SMX_EIO;
	return result != SMX_OK
		   ? result
		   : pfcat_run_start(&copy->run, copy->tool, PFCAT_WHOLE,
			 &copy->file.fd, 1, copy->name, copy->content_fd,
			 copy->file.size + PFCAT_OUTPUT_MAX + SLACK,
			 copy->until_mono_ms);
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
	copy->until_mono_ms = until_mono_ms;
	if (tool->program[0] == '\0')
		return SMX_EIO;
	result = pffile_open(&copy->file, queue_directory, id);
	if (result != SMX_OK)
		return result;
	result = run_start(copy);
	if (result == SMX_OK)
		copy->stage = PFCOPY_RUN;
	else
		pfcopy_end(copy);
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

static int
run_turn(struct pfcopy *copy)
{
	int result = pfcat_run_turn(&copy->run);
	struct stat st;

	if (result == SMX_ETEMP)
		return result;
	/* A warning about what it read is as bad as a failure. */
	if (result == SMX_OK && copy->run.words_len != 0)
		result = SMX_EIO;
	if (result == SMX_OK && fstat(copy->content_fd, &st) != 0)
		result = SMX_EIO;
	if (result != SMX_OK) {
		tell(&copy->run, result);
		return result;
	}
	copy->stage = PFCOPY_SPLIT;
	copy->output = (uint64_t)st.st_size;
	return SMX_ETEMP;
}

/* What stands around the content is cut off: before it by the place where
 * reading begins, behind it by the end of the file. */
static int
cut(struct pfcopy *copy)
{
	const struct pfcat_split *split = &copy->split;
	struct pfcat_file *file = &copy->cat->file[0];

	copy->size = split->end - split->begin;
	if (!pfcat_split_whole(split) || copy->size > copy->file.size ||
	    ftruncate(copy->content_fd, (off_t)split->end) != 0 ||
	    lseek(copy->content_fd, (off_t)split->begin, SEEK_SET) < 0) {
		tell(&copy->run, SMX_EIO);
		return SMX_EIO;
	}
	copy->envelope = file->text;
	copy->envelope_len = file->len;
	file->text = NULL;
	return SMX_OK;
}

static int
split_turn(struct pfcopy *copy)
{
	char slice[SLICE];

	for (int i = 0; i < SLICES && copy->split.at < copy->output; i++) {
		ssize_t n = pread(copy->content_fd, slice, sizeof(slice),
		    (off_t)copy->split.at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return SMX_EIO;
		pfcat_split_feed(&copy->split, slice, (size_t)n);
	}
	return copy->split.at < copy->output ? SMX_ETEMP : cut(copy);
}

int
pfcopy_turn(struct pfcopy *copy)
{
	int result = SMX_EIO;

	if (copy->stage == PFCOPY_RUN)
		result = run_turn(copy);
	else if (copy->stage == PFCOPY_SPLIT)
		result = split_turn(copy);
	if (result != SMX_ETEMP)
		copy->stage = PFCOPY_NONE;
	return result;
}

int
pfcopy_fd(const struct pfcopy *copy)
{
	return copy->stage == PFCOPY_RUN ? copy->run.err_fd : -1;
}

int64_t
pfcopy_wait_ms(const struct pfcopy *copy)
{
	return copy->stage == PFCOPY_RUN ? pfcat_run_wait_ms(&copy->run) : 0;
}

void
pfcopy_end(struct pfcopy *copy)
{
	if (copy->tool == NULL)
		return;
	pfcat_run_kill(&copy->run);
	pffile_close(&copy->file);
	if (copy->cat != NULL)
		pfcat_done(copy->cat);
	free(copy->cat);
	copy->cat = NULL;
	free(copy->envelope);
	copy->envelope = NULL;
	if (copy->content_fd >= 0)
		close(copy->content_fd);
	copy->content_fd = -1;
	copy->stage = PFCOPY_NONE;
	copy->tool = NULL;
}
