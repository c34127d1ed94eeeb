/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/store_writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"

#define GROUP_BYTES   ((size_t)8 << 20)
#define GROUP_MAX     256
#define IDLE_MS       500
#define LOG_PAGES     2048 /* 8 MiB of log: move it even without a pause */
#define PRUNE_EACH_MS ((int64_t)3600 * 1000)

struct writer {
	struct group *group;
	pthread_t thread;
	int64_t tombstone_ms;
	int64_t pruned_mono_ms;
};

static void
writer_prune(struct writer *writer)
{
	int64_t now_ms = clock_mono_ms();

	if (writer->tombstone_ms <= 0 ||
	    (writer->pruned_mono_ms != 0 &&
		now_ms - writer->pruned_mono_ms < PRUNE_EACH_MS))
		return;
	writer->pruned_mono_ms = now_ms;
	group_prune(writer->group, clock_wall_ms() - writer->tombstone_ms);
}

/* Between groups, when nobody has to wait for it. */
static void
writer_upkeep(struct writer *writer, int idle)
{
	struct group *group = writer->group;
	int pages = db_log_pages(group->db);

	if (idle)
		group_look(group);
	if (group->failed)
		return;
	if (pages >= LOG_PAGES || (idle && pages > 0))
		group_checkpoint(group);
	if (idle)
		reserve_make(group->bodies);
	writer_prune(writer);
}

static void *
writer_main(void *arg)
{
	struct writer *writer = arg;
	struct group *group = writer->group;
	int stopped = 0;

	while (!stopped) {
		struct work *list = workq_take(group->queue, GROUP_MAX,
		    GROUP_BYTES, IDLE_MS, &stopped);

		if (list != NULL) {
			group_run(group, list);
			group_clean(group);
			workq_release(group->queue, list);
		}
		writer_upkeep(writer, list == NULL);
	}
	return NULL;
}

int
writer_start(struct writer **out, struct group *group, int64_t tombstone_ms)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	sigset_t all, before;
	int error;

	if (writer == NULL)
		return SMX_ENOMEM;
	writer->group = group;
	writer->tombstone_ms = tombstone_ms;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&writer->thread, NULL, writer_main, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		free(writer);
		return SMX_ENOMEM;
	}
	*out = writer;
	return SMX_OK;
}

void
writer_stop(struct writer **writer)
{
	if (*writer == NULL)
		return;
	workq_close((*writer)->group->queue);
	pthread_join((*writer)->thread, NULL);
	free(*writer);
	*writer = NULL;
}
