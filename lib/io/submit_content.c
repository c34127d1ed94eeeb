/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/submit_talk.h"

#include <string.h>

/* The answer to the final dot may take ten steps (RFC 5321 4.5.3.2.6): giving
 * up early there means a message that is delivered twice. */
#define DOT_STEPS 10

typedef int (*part_fn)(struct talk *t, const void *data, size_t len);

/* The received line(s), then the content, in parts. */
static int
each_part(struct talk *t, part_fn part)
{
	const struct smx_content *c = t->job->content;
	int rc = part(t, t->job->received, strlen(t->job->received));

	for (uint64_t at = 0; rc == SMX_OK && at < c->size;) {
		uint64_t left = c->size - at;
		size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

		if (c->bytes != NULL) {
			rc = part(t, (const char *)c->bytes + at, n);
		} else {
			rc = c->read(c->ctx, at, t->chunk, n);
			if (rc == SMX_OK)
				rc = part(t, t->chunk, n);
			else
				(void)talk_tell(t, rc, "content",
				    smx_strerror(rc));
		}
		at += n;
	}
	return rc == SMX_OK ? rc : SMX_ETEMP;
}

static int
measure_part(struct talk *t, const void *data, size_t len)
{
	return smtpdata_add(&t->size, data, len, NULL);
}

int
talk_measure(struct talk *t)
{
	smtpdata_begin(&t->size);
	if (each_part(t, measure_part) != SMX_OK)
		return SMX_ETEMP;
	return smtpdata_end(&t->size, NULL);
}

static int
send_out(struct talk *t)
{
	int rc = buf_error(&t->out);

	if (rc == SMX_OK)
		rc = smtp_client_send(&t->client, t->out.data, t->out.len);
	buf_clear(&t->out);
	return rc == SMX_OK ? rc
			    : talk_tell_failure(t, rc, SMX_ETEMP, "content");
}

static int
send_part(struct talk *t, const void *data, size_t len)
{
	(void)smtpdata_add(&t->size, data, len, &t->out);
	return t->out.len < CHUNK_BYTES ? SMX_OK : send_out(t);
}

int
talk_data(struct talk *t)
{
	int rc;

	(void)buf_str(&t->out, "DATA\r\n");
	rc = talk_command(t, "DATA");
	if (rc != SMX_OK)
		return rc;
	if (t->reply.code != 354) {
		rc = smtpreply_result(&t->reply);
		return talk_tell_reply(t, rc == SMX_EREFUSED ? rc : SMX_ETEMP,
		    "DATA");
	}
	t->no_quit = 1;
	t->begun = 1;
	smtpdata_begin(&t->size);
	rc = each_part(t, send_part);
	if (rc != SMX_OK)
		return rc;
	(void)smtpdata_end(&t->size, &t->out);
	return send_out(t);
}

/* From here on the server may have the message whatever we see. */
int
talk_dot(struct talk *t)
{
	int rc = smtp_client_reply(&t->client, &t->reply,
	    t->smtp->step_ms * DOT_STEPS, NULL, NULL);

	if (rc != SMX_OK)
		return talk_tell_failure(t, rc, SMX_EUNSURE, "end of data");
	rc = smtpreply_result(&t->reply);
	if (rc == SMX_EPROTO)
		return talk_tell_reply(t, SMX_EUNSURE, "end of data");
	t->no_quit = 0;
	if (rc != SMX_OK)
		return talk_tell_reply(t, rc, "end of data");
	(void)smtpreply_queue_id(&t->reply, t->result->queue_id,
	    sizeof(t->result->queue_id));
	if (t->refused + t->deferred == 0)
		(void)talk_tell_reply(t, SMX_OK, "end of data");
	return SMX_OK;
}
