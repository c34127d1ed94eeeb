/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/alarm.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/conf.h"
#include "glue/backup.h"
#include "glue/node_impl.h"
#include "io/alarm_run.h"

#define WAITING 10
#define RUN_MS  30000

struct job {
	char program[4096];
	char what[64];
	char subject[512];
	char text[512];
};

struct alarms {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *job[WAITING]; /* under lock, the oldest first */
	size_t jobs;
	atomic_int ending;
	pthread_t thread;
	int running;
};

/* ---- the program ---- */

static int
is_ending(void *ctx)
{
	struct alarms *a = ctx;

	return atomic_load(&a->ending);
}

static void
run_job(struct alarms *a, const struct job *job)
{
	const char *name = strrchr(job->program, '/');
	const char *argv[] = { name != NULL ? name + 1 : job->program,
		job->what, job->subject, job->text, NULL };
	struct log_line l;
	int status = 0;
	int rc = alarm_run(job->program, argv, clock_mono_ms() + RUN_MS,
	    is_ending, a, &status);

	if ((rc == SMX_OK && status == 0) || is_ending(a))
		return;
	log_begin(&l, SMX_LOG_ERR, NULL, "alarm-failed");
	log_str(&l, "program", job->program);
	log_str(&l, "what", job->what);
	if (rc != SMX_OK)
		log_err(&l, "result", rc);
	else if (WIFEXITED(status))
		log_num(&l, "status", WEXITSTATUS(status));
	else
		log_num(&l, "signal", WTERMSIG(status));
	log_end(&l);
}

static struct job *
take(struct alarms *a)
{
	struct job *job = NULL;

	pthread_mutex_lock(&a->lock);
	while (a->jobs == 0 && !is_ending(a))
		pthread_cond_wait(&a->wake, &a->lock);
	if (!is_ending(a)) {
		job = a->job[0];
		a->jobs--;
		memmove(a->job, a->job + 1, a->jobs * sizeof(*a->job));
	}
	pthread_mutex_unlock(&a->lock);
	return job;
}

static void *
run(void *ctx)
{
	struct alarms *a = ctx;
	struct job *job;

	while ((job = take(a)) != NULL) {
		run_job(a, job);
		free(job);
	}
	return NULL;
}

/* ---- its life ---- */

int
alarms_new(struct alarms **out)
{
	struct alarms *a = calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->wake, NULL);
	rc = node_thread(&a->thread, run, a);
	a->running = rc == SMX_OK;
	if (rc != SMX_OK)
		alarms_free(&a);
	else
		*out = a;
	return rc;
}

void
alarms_stop(struct alarms *a)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->lock);
	atomic_store(&a->ending, 1);
	pthread_cond_signal(&a->wake);
	pthread_mutex_unlock(&a->lock);
	if (a->running)
		pthread_join(a->thread, NULL);
	a->running = 0;
}

void
alarms_free(struct alarms **alarms)
{
	struct alarms *a = *alarms;

	*alarms = NULL;
	if (a == NULL)
		return;
	alarms_stop(a);
	for (size_t i = 0; i < a->jobs; i++)
		free(a->job[i]);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->wake);
	free(a);
}

/* ---- an alarm ---- */

static int
add(struct alarms *a, struct job *job)
{
	int added;

	pthread_mutex_lock(&a->lock);
	added = a->jobs < WAITING && !is_ending(a);
	if (added) {
		a->job[a->jobs++] = job;
		pthread_cond_signal(&a->wake);
	}
	pthread_mutex_unlock(&a->lock);
	return added;
}

static int
run_program(struct alarms *a, const char *program, const char *what,
    const char *subject, const char *text)
{
	struct job *job = calloc(1, sizeof(*job));
	int added = 0;

	if (job == NULL)
		return 0;
	if (!text_copy(job->program, sizeof(job->program), program)) {
		(void)text_copy(job->what, sizeof(job->what), what);
		(void)text_copy(job->subject, sizeof(job->subject), subject);
		(void)text_copy(job->text, sizeof(job->text), text);
		added = add(a, job);
	}
	if (!added)
		free(job);
	return added;
}

void
alarm_tell(struct smx_engine *node, const char *what, const char *subject,
    const char *text)
{
	struct backup *backup = node_backup(node);
	struct smx_config *config = node_config(node);
	const char *program = config_conf(config)->backup_alarm;
	struct log_line l;
	int told = 1;

	if (program[0] != '\0')
		told = backup != NULL && run_program(backup_alarms(backup),
					     program, what, subject, text);
	log_begin(&l, SMX_LOG_ERR, NULL, "alarm");
	log_str(&l, "what", what);
	log_str(&l, "subject", subject);
	log_str(&l, "text", text);
	if (!told)
		log_str(&l, "program", "not-run");
	log_end(&l);
	smx_config_release(&config);
}
