/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/rcptprobe.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "io/smtp_client.h"

#define ADDRESS_MAX 320
/* Refusals make a server slow its answers down and hang up in the end; a new
 * conversation after some of them starts afresh. */
#define REFUSALS_MAX 8

struct talking {
	const struct rcptprobe *probe;
	struct smtp_client client;
	struct smtpreply reply;
	struct buf out;
	int refusals;
};

static int
say(struct talking *t, const char *fmt, const char *what)
{
	int rc;

	buf_clear(&t->out);
	rc =
	    buf_fmt(&t->out, "%s%s%s\r\n", fmt, what, *what != '\0' ? ">" : "");
	if (rc != SMX_OK)
		return rc;
	rc = smtp_client_send(&t->client, t->out.data, t->out.len);
	if (rc == SMX_OK)
		rc = smtp_client_reply(&t->client, &t->reply, 0, NULL, NULL);
	return rc;
}

static int
is_fit(const char *address)
{
	size_t len = strlen(address);

	if (len == 0 || len > ADDRESS_MAX || strchr(address, '@') == NULL)
		return 0;
	for (; *address != '\0'; address++)
		if (*address <= ' ' || *address > '~' || *address == '<' ||
		    *address == '>')
			return 0;
	return 1;
}

static int
greet(struct talking *t, const struct smtp_target *target)
{
	const struct rcptprobe *p = t->probe;
	char ehlo[ADDRESS_MAX];
	int rc = smtp_client_open(&t->client, target, p->step_ms,
	    p->deadline_mono_ms);

	if (rc != SMX_OK)
		return rc;
	rc = smtp_client_reply(&t->client, &t->reply, 0, NULL, NULL);
	if (rc == SMX_OK)
		rc = smtpreply_result(&t->reply);
	snprintf(ehlo, sizeof(ehlo), "EHLO %s", p->helo);
	if (rc == SMX_OK)
		rc = say(t, ehlo, "");
	return rc == SMX_OK ? smtpreply_result(&t->reply) : rc;
}

/* The answer to MAIL counts as the answer: nothing of it would be taken. */
static int
question(struct talking *t, size_t index)
{
	const char *address = t->probe->addresses[index];
	int rc, result;

	if (!is_fit(address)) {
		t->probe->each(t->probe->ctx, index, SMX_EINVAL,
		    "this is no address");
		return SMX_OK;
	}
	rc = say(t, "MAIL FROM:<>", "");
	if (rc != SMX_OK)
		return rc;
	result = smtpreply_result(&t->reply);
	if (result == SMX_OK) {
		rc = say(t, "RCPT TO:<", address);
		if (rc != SMX_OK)
			return rc;
		result = smtpreply_result(&t->reply);
	}
	t->refusals += result != SMX_OK;
	t->probe->each(t->probe->ctx, index, result, t->reply.line);
	return say(t, "RSET", "");
}

static void
leave(struct talking *t)
{
	if (t->client.fd >= 0)
		(void)!say(t, "QUIT", "");
	smtp_client_close(&t->client);
	t->refusals = 0;
}

static int
ask_all(struct talking *t, const struct smtp_target *target)
{
	int rc = greet(t, target);

	for (size_t i = 0; rc == SMX_OK && i < t->probe->count; i++) {
		if (t->refusals >= REFUSALS_MAX) {
			leave(t);
			rc = greet(t, target);
		}
		if (rc == SMX_OK)
			rc = question(t, i);
	}
	return rc;
}

int
rcptprobe_run(const struct rcptprobe *probe, char *why, size_t why_size)
{
	struct talking t = { .probe = probe };
	struct smtp_target *target = NULL;
	int rc = smtp_target_new(&target, probe->target);

	t.client.fd = -1;
	buf_init(&t.out, 4096);
	if (rc == SMX_OK)
		rc = ask_all(&t, target);
	if (rc != SMX_OK)
		snprintf(why, why_size, "%s: %s", probe->target,
		    t.client.errnum != 0 ? strerror(t.client.errnum)
					 : smx_strerror(rc));
	if (rc == SMX_OK)
		leave(&t);
	smtp_client_close(&t.client);
	buf_free(&t.out);
	smtp_target_free(&target);
	return rc;
}
