/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include <shadowmx/submit.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/submit_talk.h"

#define STEP_MS 60000

static int
converse(struct talk *t)
{
	int rc = talk_check(t);

	if (rc == SMX_OK)
		rc = talk_trail(t);
	if (rc == SMX_OK)
		rc = talk_mail(t);
	if (rc == SMX_OK)
		rc = talk_rcpts(t);
	if (rc != SMX_OK)
		return rc;
	if (t->accepted == 0)
		return t->refused > 0 || t->deferred == 0 ? SMX_OK : SMX_ETEMP;
	rc = talk_data(t);
	return rc == SMX_OK ? talk_dot(t) : rc;
}

/* Accepted recipients of a message that was not taken are open again, or
 * refused with it. */
static void
settle(struct talk *t, int rc)
{
	char state = rc == SMX_EREFUSED ? SMX_RCPT_REFUSED : SMX_RCPT_OPEN;

	if (rc == SMX_OK)
		return;
	for (size_t i = 0; i < t->recipients; i++)
		if (talk_wanted(t, i) &&
		    t->result->rcpt_states[i] != SMX_RCPT_REFUSED)
			t->result->rcpt_states[i] = state;
}

static void
leave(struct talk *t)
{
	if (t->client.fd < 0)
		return;
	/* the answer is awaited so that our end does not look broken off */
	if (!t->no_quit &&
	    smtp_client_send(&t->client, "QUIT\r\n", 6) == SMX_OK)
		(void)!smtp_client_reply(&t->client, &t->reply, 1000, NULL,
		    NULL);
	smtp_client_close(&t->client);
}

/* What was on hold must not be delivered, so it has one way only; that its
 * addresses may be mapped once more is for the person to see who releases it.
 */
static const struct smtp_target *
way_in(const struct talk *t)
{
	if (t->job->held && (t->smtp->held != NULL || !t->job->released))
		return t->smtp->held;
	if (t->job->amended && t->smtp->amended != NULL)
		return t->smtp->amended;
	return t->smtp->target;
}

/* From the beginning of the message, on whatever connection. */
static void
begin(struct talk *t)
{
	struct smx_submit_result *result = t->result;

	t->accepted = t->refused = t->deferred = 0;
	t->trail = t->messages = 0;
	t->mail = t->complained = t->left = t->begun = t->no_quit = 0;
	buf_clear(&t->out);
	result->queue_id[0] = '\0';
	result->text[0] = '\0';
	for (size_t i = 0; i < t->recipients; i++)
		result->rcpt_states[i] = t->job->rcpt_states == NULL
					     ? SMX_RCPT_OPEN
					     : t->job->rcpt_states[i];
}

static int
run_new(struct talk *t, const struct smtp_target *target)
{
	int rc = smtp_client_open(&t->client, target, t->smtp->step_ms,
	    t->job->deadline_mono_ms);

	if (rc != SMX_OK)
		return talk_tell_failure(t, rc, SMX_EUNREACHABLE, "connect");
	memset(&t->offer, 0, sizeof(t->offer));
	rc = talk_greet(t);
	return rc == SMX_OK ? converse(t) : rc;
}

/* A server may leave a connection between two messages at any time.  Before the
 * content is on its way nothing can have been taken, so another connection
 * begins anew.  SMX_ENOTFOUND: none was kept, or it was left. */
static int
run_kept(struct talk *t, const struct smtp_target *target)
{
	int rc;

	if (kept_take(t, target) != SMX_OK)
		return SMX_ENOTFOUND;
	rc = converse(t);
	if (rc == SMX_OK || t->begun || !t->left)
		return rc;
	leave(t);
	begin(t);
	return SMX_ENOTFOUND;
}

static int
talk_run(struct talk *t)
{
	const struct smtp_target *target = way_in(t);
	int rc;

	if (target == NULL)
		return talk_tell(t, SMX_EREFUSED, "submit",
		    "it was on hold at its primary, and mta.submit_held is not "
		    "set");
	rc = talk_measure(t);
	if (rc != SMX_OK)
		return rc;
	rc = run_kept(t, target);
	if (rc == SMX_ENOTFOUND)
		rc = run_new(t, target);
	if (rc == SMX_OK)
		kept_put(t, target);
	leave(t);
	return rc;
}

static int
submit(void *ctx, const struct smx_submission *submission,
    struct smx_submit_result *result)
{
	struct talk *t;
	int rc;

	result->queue_id[0] = '\0';
	result->text[0] = '\0';
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return SMX_ETEMP;
	t->client.fd = -1;
	t->smtp = ctx;
	t->job = submission;
	t->result = result;
	t->recipients = smx_envelope_recipients(submission->envelope);
	buf_init(&t->out, 0);
	begin(t);
	t->chunk = malloc(CHUNK_BYTES);
	rc = t->chunk == NULL
		 ? talk_tell(t, SMX_ETEMP, "submit", smx_strerror(SMX_ENOMEM))
		 : talk_run(t);
	settle(t, rc);
	free(t->chunk);
	buf_free(&t->out);
	free(t);
	return rc;
}

static void
close_smtp(void *ctx)
{
	struct submit_smtp *smtp = ctx;

	kept_free(&smtp->kept);
	smtp_target_free(&smtp->target);
	smtp_target_free(&smtp->amended);
	smtp_target_free(&smtp->held);
	free(smtp->helo);
	free(smtp);
}

static void
rest(void *ctx)
{
	struct submit_smtp *smtp = ctx;

	kept_close(smtp->kept);
}

static const struct smx_submit_ops ops = { .submit = submit,
	.close = close_smtp,
	.rest = rest };

/* It becomes part of a command line. */
static int
helo_is_fit(const char *helo)
{
	size_t len = strlen(helo);

	if (len == 0 || len > 255)
		return 0;
	for (; *helo != '\0'; helo++)
		if (*helo <= 0x20 || *helo > 0x7e)
			return 0;
	return 1;
}

static int
target_open(struct smtp_target **out, const char *text, char *why,
    size_t why_size)
{
	int rc = smtp_target_new(out, text);

	if (rc != SMX_OK)
		(void)snprintf(why, why_size, "%s: %s", text,
		    rc == SMX_EINVAL ? "not ADDRESS:PORT or unix:/path"
				     : smx_strerror(rc));
	return rc;
}

static int
target_maybe(struct smtp_target **out, const char *text, char *why,
    size_t why_size)
{
	if (text == NULL || text[0] == '\0')
		return SMX_OK;
	return target_open(out, text, why, why_size);
}

int
smx_submit_open_smtp(struct smx_submit *out,
    const struct smx_submit_smtp_options *options, char *why, size_t why_size)
{
	struct submit_smtp *smtp;
	int rc;

	if (!helo_is_fit(options->helo)) {
		(void)snprintf(why, why_size, "not a host name for EHLO");
		return SMX_EINVAL;
	}
	smtp = calloc(1, sizeof(*smtp));
	if (smtp == NULL)
		return SMX_ENOMEM;
	smtp->step_ms = options->step_ms > 0 ? options->step_ms : STEP_MS;
	smtp->helo = strdup(options->helo);
	rc = smtp->helo == NULL ? SMX_ENOMEM : kept_new(&smtp->kept);
	if (rc == SMX_OK)
		rc = target_open(&smtp->target, options->target, why, why_size);
	if (rc == SMX_OK)
		rc = target_maybe(&smtp->amended, options->target_amended, why,
		    why_size);
	if (rc == SMX_OK)
		rc = target_maybe(&smtp->held, options->target_held, why,
		    why_size);
	if (rc != SMX_OK) {
		close_smtp(smtp);
		return rc;
	}
	out->ctx = smtp;
	out->ops = &ops;
	return SMX_OK;
}

void
smx_submit_close(struct smx_submit *out)
{
	if (out->ops != NULL)
		out->ops->close(out->ctx);
	out->ctx = NULL;
	out->ops = NULL;
}
