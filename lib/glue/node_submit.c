/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/node.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/backup_heir.h"
#include "glue/node_impl.h"

/* Resubmission: several of these threads, one message each at a time. */
#define SUBMIT_MS 600000 /* RFC 5321 4.5.3.2.6: ten minutes for the dot */

/* The stored message cannot be given to anybody: a person must look. */
static int
unusable(struct smx_submit_result *result, const char *text)
{
	text_copy(result->text, sizeof(result->text), text);
	return SMX_EREFUSED;
}

static int
submit_content(struct smx_engine *node, const struct takeover_job *job,
    const struct smx_envelope *envelope, struct smx_submit_result *result)
{
	struct smx_store *store = node->ports.store;
	struct smx_submit *submit = node->ports.submit;
	struct smx_submission s;
	struct smx_content content;
	struct backup_heir heir;
	char received[2048];
	int rc;

	memset(&s, 0, sizeof(s));
	rc = store->ops->open(store->ctx, &job->row.key, &content);
	if (rc == SMX_ECORRUPT)
		return unusable(result, "the stored copy is damaged");
	if (rc != SMX_OK)
		return SMX_ETEMP;
	rc = takeover_received(&job->row, envelope, node->node_name,
	    clock_wall_ms(), received, sizeof(received));
	if (rc != SMX_OK)
		received[0] = '\0';
	s.envelope = envelope;
	s.rcpt_states = job->rcpt_states;
	s.content = &content;
	s.received = received;
	s.trail_id = job->row.queue_id;
	s.amended = job->row.amended;
	s.held = job->row.held;
	s.released = s.held && !takeover_job_is_held(job);
	s.deadline_mono_ms = clock_mono_ms() + SUBMIT_MS;
	backup_heir_begin(&heir, node, job, envelope, &s);
	rc = submit->ops->submit(submit->ctx, &s, result);
	backup_heir_end(&heir, rc, result);
	store->ops->close_content(store->ctx, &content);
	return rc;
}

static void
do_attempt(struct smx_engine *node, struct attempt *attempt)
{
	struct takeover_job *job = &attempt->job;
	struct smx_envelope *envelope = NULL;
	size_t count = strlen(job->rcpt_states);
	int rc;

	attempt->result.rcpt_states = strdup(job->rcpt_states);
	if (attempt->result.rcpt_states == NULL)
		rc = SMX_ETEMP;
	else if (smx_envelope_decode(job->envelope, job->envelope_len, count,
		     &envelope) != SMX_OK)
		rc = unusable(&attempt->result,
		    "the stored envelope is damaged");
	else
		rc = submit_content(node, job, envelope, &attempt->result);
	smx_envelope_free(&envelope);
	recorder_put_take(node->recorder, attempt, rc);
}

/* Nothing is to be done now. */
static void
rest(struct smx_engine *node, int64_t wake)
{
	struct smx_submit *submit = node->ports.submit;
	int64_t wait;

	if (submit->ops->rest != NULL)
		submit->ops->rest(submit->ctx);
	/* The wall clock may jump: look at least every second. */
	wait = wake - clock_wall_ms();
	if (wait < 0 || wait > 1000)
		wait = 1000;
	pthread_mutex_lock(&node->lock);
	node_wait_jobs_locked(node, node_now_ms() + wait);
	pthread_mutex_unlock(&node->lock);
}

void *
node_submit_run(void *ctx)
{
	struct smx_engine *node = ctx;
	struct attempt *attempt = NULL;

	while (!node_ending(node)) {
		int64_t wake = clock_wall_ms() + 1000;
		int rc = SMX_ENOMEM;

		if (attempt == NULL)
			attempt = calloc(1, sizeof(*attempt));
		if (attempt != NULL) {
			pthread_mutex_lock(&node->takeover_lock);
			rc = takeover_next(node->takeover, clock_wall_ms(),
			    &attempt->job, &wake);
			pthread_mutex_unlock(&node->takeover_lock);
		}
		if (rc == SMX_OK) {
			do_attempt(node, attempt);
			attempt = NULL;
		} else
			rest(node, wake);
	}
	attempt_free(&attempt);
	return NULL;
}
