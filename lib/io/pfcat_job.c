/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/pfcat_job.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE     65536
#define SLICES    4 /* in one turn */
#define LONG_MS   1000
#define ENDING_MS 2 /* its output is closed, its end is not there yet */

int
pfcat_job_start(struct pfcat_job *job, const struct pfcat_tool *tool,
    const int *files, size_t count, int64_t until_mono_ms)
{
	int result = SMX_OK;

	memset(job, 0, sizeof(*job));
	pfcat_init(&job->cat);
	for (size_t i = 0; result == SMX_OK && i < count; i++) {
		char label[PFCAT_NAME];

		pfcat_name(files[i], label);
		result = pfcat_add(&job->cat, label);
	}
	job->out_fd = memfd_create("shadowmx-postcat", MFD_CLOEXEC);
	if (result == SMX_OK && job->out_fd < 0)
		result = SMX_EIO;
	if (result == SMX_OK)
		result = pfcat_run_start(&job->run, tool, PFCAT_ENVELOPE, files,
		    count, NULL, job->out_fd, PFCAT_OUTPUT_MAX, until_mono_ms);
	job->running = result == SMX_OK;
	if (result != SMX_OK)
		pfcat_job_end(job);
	return result;
}

static void
run_ended(struct pfcat_job *job, int result)
{
	struct stat st;

	job->running = 0;
	job->result = result;
	job->at = 0;
	job->size = fstat(job->out_fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

int
pfcat_job_turn(struct pfcat_job *job)
{
	char slice[SLICE];

	if (job->running) {
		int result = pfcat_run_turn(&job->run);

		if (result == SMX_ETEMP)
			return result;
		run_ended(job, result);
	}
	for (int i = 0; i < SLICES && job->at < job->size; i++) {
		ssize_t n =
		    pread(job->out_fd, slice, sizeof(slice), (off_t)job->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			job->result = SMX_EIO;
			return job->result;
		}
		pfcat_feed(&job->cat, slice, (size_t)n);
		job->at += (uint64_t)n;
	}
	return job->at < job->size ? SMX_ETEMP : job->result;
}

int64_t
pfcat_run_wait_ms(const struct pfcat_run *run)
{
	return run->err_fd < 0 ? ENDING_MS : LONG_MS;
}

int64_t
pfcat_job_wait_ms(const struct pfcat_job *job)
{
	return job->running ? pfcat_run_wait_ms(&job->run) : 0;
}

void
pfcat_job_end(struct pfcat_job *job)
{
	if (job->out_fd < 0)
		return;
	pfcat_run_kill(&job->run);
	pfcat_done(&job->cat);
	close(job->out_fd);
	job->out_fd = -1;
	job->running = 0;
}
