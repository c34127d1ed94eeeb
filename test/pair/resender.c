/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/amend.h"
#include "core/resend.h"

/* The resend guard: at the end of message the queue is asked what became of the
 * attempts before, and what is taken already is discarded with a 250. */

#define WINDOW_MS ((int64_t)60 * 60 * 1000)
#define WAIT_MS   500
#define PAUSE_MS  10

struct asking {
	struct resend_question question;
	struct resend_message message;
	struct resend_rcpt rcpt;
	unsigned char taken;
	int64_t until_ms;
};

/* What is in the file names the attempt; to the client it is one recipient. */
static uint64_t
address_of(int attempt)
{
	char text[32];

	snprintf(text, sizeof(text), "<m%d@x.example>", attempt);
	return amend_address(text);
}

static void
describe(const struct world *w, int attempt, struct asking *k)
{
	k->rcpt.line = (uint64_t)w->attempt[attempt].message + 1;
	k->rcpt.address = address_of(attempt);
	k->message.digest[0] = (uint8_t)w->attempt[attempt].message;
	k->message.count = 1;
	k->message.rcpts = &k->rcpt;
	k->question.message = &k->message;
	k->question.taken = &k->taken;
}

static int
attempt_of(const struct world *w, const struct smx_key *key)
{
	for (size_t i = 0; i < w->attempts; i++)
		if (smx_key_compare(&w->attempt[i].key, key) == 0)
			return (int)i;
	return -1;
}

static void
ask(struct world *w, struct event *e)
{
	struct host *h = &w->host[e->host];
	struct asking k = *(struct asking *)e->p;
	int attempt = e->a;

	if (w->attempt[attempt].over || w->attempt[attempt].answered)
		return;
	describe(w, attempt, &k);
	engine_resend_ask(h->engine, &k.question, w->now);
	if (k.question.count != 0) {
		client_resent(w, attempt, attempt_of(w, &k.question.first));
	} else if (k.question.waiting != 0 && w->now < k.until_ms) {
		e = later(w, PAUSE_MS, ask, h->index, attempt, 0);
		e->life = h->life;
		e->p = copy(&k, sizeof(k));
	} else {
		client_hold(w, attempt);
	}
	host_pump(w, h);
}

void
resender_begin(struct world *w, int attempt)
{
	struct host *h = &w->host[w->attempt[attempt].host];
	struct asking k;
	struct event *e;

	memset(&k, 0, sizeof(k));
	k.question.min_copies = (unsigned)w->min_copies;
	k.until_ms = w->now + WAIT_MS;
	e = later(w, 0, ask, h->index, attempt, 0);
	e->life = h->life;
	e->p = copy(&k, sizeof(k));
}

void
resender_note(struct world *w, int attempt)
{
	struct host *h = &w->host[w->attempt[attempt].host];
	struct asking k;

	if (!w->guard)
		return;
	memset(&k, 0, sizeof(k));
	describe(w, attempt, &k);
	engine_resend_note(h->engine, &w->attempt[attempt].key, &k.message,
	    WINDOW_MS, w->now);
}

/* As the mail log has it; read some time later, or never. */
void
resender_sent(struct world *w, struct host *h, const struct file *f)
{
	char address[17];

	if (!w->guard)
		return;
	snprintf(address, sizeof(address), "%016" PRIx64,
	    address_of(f->attempt));
	mta_tell(w, h, SMX_QUEUE_SENT, f->id, address);
}
