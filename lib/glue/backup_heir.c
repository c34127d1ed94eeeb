/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_heir.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/policy.h"
#include "glue/backup_books.h"
#include "glue/backup_mark.h"
#include "glue/backup_release.h"
#include "glue/node_impl.h"
#include "glue/primaries.h"

#define CHANGE_MS 10000

static int
is_authenticated(const struct smx_envelope *envelope)
{
	return smx_envelope_get(envelope, SMX_FIELD_AUTH_TYPE)[0] != '\0' ||
	       smx_envelope_get(envelope, SMX_FIELD_AUTH_NAME)[0] != '\0';
}

/* The policy as it is here, for one recipient; NULL: not ours to keep. */
static const struct smx_backup *
backs_up(const struct backup_heir *heir, const char *rcpt)
{
	const struct smx_envelope *envelope = heir->envelope;
	struct smx_client client = {
		.address = smx_envelope_get(envelope, SMX_FIELD_CLIENT_ADDR),
		.authenticated = is_authenticated(envelope),
	};
	struct smx_ack ack;

	smx_policy_locate(heir->config, &client);
	memset(&ack, 0, sizeof(ack));
	if (smx_policy_recipient(heir->config, &client, rcpt,
		heir->job->row.size, &ack) != SMX_OK)
		return NULL;
	return ack.backup;
}

/* One more recipient that is still open.  What is not all for one domain that
 * has to wait does not wait. */
static void
judge(struct backup_heir *heir, const char *rcpt, int first)
{
	const struct smx_backup *ours = backs_up(heir, rcpt);
	char domain[BACKUP_DOMAIN_MAX + 1];
	struct primaries_word word;

	backup_domain(rcpt, domain);
	if (ours == NULL || domain[0] == '\0') {
		heir->hold = 0;
		return;
	}
	if (heir->domain[0] != '\0') {
		if (strcmp(domain, heir->domain) != 0)
			heir->hold = 0;
		return;
	}
	memcpy(heir->domain, domain, sizeof(domain));
	heir->state = primaries_state(backup_primaries(heir->backup), ours,
	    domain, &word);
	heir->hold_ms = ours->hold_ms;
	heir->hold = first && (heir->state == MX_DOWN || word.announced);
}

static int
has_way(const struct backup_heir *heir)
{
	return config_conf(heir->config)->mta_submit_held[0] != '\0';
}

/* Without a way into the hold queue the releaser puts it there.  What a person
 * had on hold there is a person's here, too. */
static void
choose_way(struct backup_heir *heir, struct smx_submission *submission)
{
	heir->until_ms = backup_marked(heir->envelope);
	if (submission->held) {
		heir->hold = heir->until_ms != 0;
		heir->by_hand = !heir->hold && !submission->released;
		submission->released |= heir->hold;
	} else if (heir->hold && has_way(heir)) {
		submission->held = submission->released = 1;
	}
}

void
backup_heir_begin(struct backup_heir *heir, struct smx_engine *node,
    const struct takeover_job *job, const struct smx_envelope *envelope,
    struct smx_submission *submission)
{
	size_t count = smx_envelope_recipients(envelope);
	int first = 1;

	memset(heir, 0, sizeof(*heir));
	heir->backup = node_backup(node);
	if (heir->backup == NULL)
		return;
	heir->config = node_config(node);
	heir->job = job;
	heir->envelope = envelope;
	for (size_t i = 0; i < count; i++)
		if (job->rcpt_states[i] == SMX_RCPT_OPEN) {
			judge(heir, smx_envelope_recipient(envelope, i), first);
			first = 0;
		}
	choose_way(heir, submission);
}

static size_t
taken(const struct backup_heir *heir, const struct smx_submit_result *submitted,
    const char **rcpts)
{
	size_t count = smx_envelope_recipients(heir->envelope), n = 0;

	for (size_t i = 0; i < count; i++) {
		const char *rcpt = smx_envelope_recipient(heir->envelope, i);

		if (heir->job->rcpt_states[i] == SMX_RCPT_OPEN &&
		    submitted->rcpt_states[i] == SMX_RCPT_HANDED &&
		    backs_up(heir, rcpt) != NULL)
			rcpts[n++] = rcpt;
	}
	return n;
}

/* On hold by our doing, and nobody would ever let it go: it becomes ordinary
 * mail.  What a person had on hold stays for a person. */
static void
unbooked(const struct backup_heir *heir, const char *queue_id, int rc)
{
	struct smx_queue *queue = backup_node(heir->backup)->ports.queue;
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, queue_id, "backup-not-booked");
	log_str(&l, "domain", heir->domain);
	log_err(&l, "reason", rc);
	log_end(&l);
	if (!heir->hold || !has_way(heir))
		return;
	rc = queue == NULL || queue->ops->change == NULL
		 ? SMX_EUNREACHABLE
		 : queue->ops->change(queue->ctx, SMX_QUEUE_RELEASE, &queue_id,
		       1, clock_mono_ms() + CHANGE_MS);
	if (rc != SMX_OK)
		log_event(SMX_LOG_ERR, "backup-release-failed",
		    "what=heir messages=1 result=%s", smx_errname(rc));
}

/* Not written: it is followed as any other that was taken over. */
static void
write_down(struct backup_heir *heir, const struct smx_submit_result *submitted,
    const char *const *rcpts, size_t count)
{
	int64_t until_ms = heir->until_ms != 0
			       ? heir->until_ms
			       : clock_wall_ms() + heir->hold_ms;
	struct books_mail mail = {
		.queue_id = submitted->queue_id,
		.sender = smx_envelope_sender(heir->envelope),
		.size = heir->job->row.size,
		.domain = heir->domain,
		.state = heir->state,
		.hold = heir->hold,
		.by_hand = heir->by_hand,
		.taken_ms = heir->job->row.stored_ms,
		.until_ms = heir->hold ? until_ms : 0,
		.rcpts = rcpts,
		.count = count,
	};

	int rc = books_take(backup_books(heir->backup), &mail);

	if (rc != SMX_OK)
		unbooked(heir, submitted->queue_id, rc);
	else if (heir->hold && !has_way(heir))
		(void)!releaser_hold(backup_releaser(heir->backup),
		    submitted->queue_id);
}

void
backup_heir_end(struct backup_heir *heir, int result,
    const struct smx_submit_result *submitted)
{
	const char **rcpts;
	size_t count;

	if (heir->backup == NULL)
		return;
	if (result == SMX_OK && heir->domain[0] != '\0' &&
	    submitted->queue_id[0] != '\0') {
		rcpts = calloc(smx_envelope_recipients(heir->envelope) + 1,
		    sizeof(*rcpts));
		count = rcpts != NULL ? taken(heir, submitted, rcpts) : 0;
		if (count != 0)
			write_down(heir, submitted, rcpts, count);
		free(rcpts);
	}
	smx_config_release(&heir->config);
}
