/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/hand_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <shadowmx/submit.h>

#include "base/buf.h"
#include "base/clock.h"
#include "glue/node_impl.h"
#include "glue/struck.h"

/* By way of the own MTA: as what a holder has taken over is resubmitted. */
#define SUBMIT_MS  600000 /* RFC 5321 4.5.3.2.6: ten minutes for the dot */
#define TRACE_MOST 50     /* recipients that are named in a header */

/* Non-zero: the MTA has taken something, under new_id when it told one. */
static int
submit(struct handing *h, const struct smx_submission *submission, char *states)
{
	struct smx_submit *port = h->node->ports.submit;
	struct smx_submit_result result = { .rcpt_states = states };
	int rc;

	if (port == NULL) {
		(void)text_copy(h->why, sizeof(h->why),
		    "there is no way into the MTA (mta.submit)");
		return 0;
	}
	rc = port->ops->submit(port->ctx, submission, &result);
	if (port->ops->rest != NULL)
		port->ops->rest(port->ctx);
	h->lost |= rc == SMX_EUNSURE;
	(void)text_copy(h->new_id, sizeof(h->new_id), result.queue_id);
	if (rc != SMX_OK || strchr(states, SMX_RCPT_HANDED) == NULL ||
	    strchr(states, SMX_RCPT_REFUSED) != NULL)
		(void)text_copy(h->why, sizeof(h->why),
		    result.text[0] != '\0' ? result.text : smx_strerror(rc));
	return rc == SMX_OK && strchr(states, SMX_RCPT_HANDED) != NULL;
}

/* ---- to one address ---- */

static const char *
notify_of(const struct smx_envelope *envelope, size_t index)
{
	const char *const *params;
	size_t count = smx_envelope_rcpt_params(envelope, index, &params);

	for (size_t i = 0; i < count; i++)
		if (strncasecmp(params[i], "NOTIFY=", 7) == 0)
			return params[i];
	return "";
}

/* A wish that they all had; of one alone all that came with it. */
static int
add_rcpt(const struct handing *h, struct smx_envelope *to)
{
	const char *const *params = NULL;
	const char *wish = NULL;
	size_t asked = 0, last = 0, count;

	for (size_t i = 0; i < h->count; i++) {
		if (!h->asked[i])
			continue;
		if (wish == NULL)
			wish = notify_of(h->envelope, i);
		else if (strcasecmp(wish, notify_of(h->envelope, i)) != 0)
			wish = "";
		asked++;
		last = i;
	}
	if (asked == 1) {
		count = smx_envelope_rcpt_params(h->envelope, last, &params);
		return smx_envelope_rcpt(to, h->to.address, params, count);
	}
	count = wish != NULL && wish[0] != '\0';
	return smx_envelope_rcpt(to, h->to.address, &wish, count);
}

/* Whom it was for: nothing else in the message need say so. */
static void
trace(const struct handing *h, struct buf *out)
{
	size_t named = 0;

	for (size_t i = 0; i < h->count && named < TRACE_MOST; i++) {
		if (!h->asked[i])
			continue;
		(void)buf_fmt(out, "X-Original-To: %s\r\n",
		    smx_envelope_recipient(h->envelope, i));
		named++;
	}
}

void
hand_redirect(struct handing *h)
{
	struct smx_submission s = { .content = &h->content,
		.trail_id = h->job->queue_id,
		.deadline_mono_ms = clock_mono_ms() + SUBMIT_MS };
	struct smx_envelope *to = NULL;
	struct buf received;
	char states[2] = { SMX_RCPT_OPEN, '\0' };
	int rc = smx_envelope_new(&to, 1);

	buf_init(&received, 0);
	if (rc == SMX_OK)
		rc = struck_head(to, h->envelope);
	if (rc == SMX_OK)
		rc = add_rcpt(h, to);
	trace(h, &received);
	s.envelope = to;
	s.received = buf_error(&received) == SMX_OK && received.len != 0
			 ? received.data
			 : "";
	if (rc != SMX_OK)
		(void)text_copy(h->why, sizeof(h->why), smx_strerror(rc));
	else if (submit(h, &s, states))
		memcpy(h->taken, h->asked, h->count);
	buf_free(&received);
	smx_envelope_free(&to);
}

/* ---- who is left ---- */

/* Their addresses are as the MTA has made them already. */
void
hand_send_on(struct handing *h)
{
	struct smx_submission s = { .envelope = h->envelope,
		.content = &h->content,
		.received = "",
		.trail_id = h->job->queue_id,
		.amended = 1,
		.deadline_mono_ms = clock_mono_ms() + SUBMIT_MS };
	char *wanted = calloc(h->count + 1, 1),
	     *states = calloc(h->count + 1, 1);

	if (wanted == NULL || states == NULL) {
		(void)text_copy(h->why, sizeof(h->why),
		    smx_strerror(SMX_ENOMEM));
	} else {
		for (size_t i = 0; i < h->count; i++)
			wanted[i] = states[i] =
			    h->asked[i] ? SMX_RCPT_OPEN : 'x';
		s.rcpt_states = wanted;
		(void)!submit(h, &s, states);
		for (size_t i = 0; i < h->count; i++)
			h->taken[i] =
			    h->asked[i] && states[i] == SMX_RCPT_HANDED;
	}
	free(wanted);
	free(states);
}
