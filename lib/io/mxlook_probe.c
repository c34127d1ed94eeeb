/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mxlook.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "io/mxlook_in.h"

/* ---- those that were silent ---- */

void
mxsilent_init(struct mxsilent *silent)
{
	memset(silent, 0, sizeof(*silent));
	pthread_mutex_init(&silent->lock, NULL);
}

static int
was_silent(struct mxsilent *silent, struct mxcheck_host *h, int64_t again_ms)
{
	int64_t now = clock_mono_ms();
	int found = 0;

	pthread_mutex_lock(&silent->lock);
	for (size_t i = 0; i < MXLOOK_SILENT && !found; i++) {
		found = strcmp(silent->list[i].name, h->name) == 0 &&
			now - silent->list[i].seen_ms < again_ms;
		if (found)
			memcpy(h->said, silent->list[i].said, sizeof(h->said));
	}
	pthread_mutex_unlock(&silent->lock);
	return found;
}

static void
is_silent(struct mxsilent *silent, const struct mxcheck_host *h)
{
	pthread_mutex_lock(&silent->lock);
	memcpy(silent->list[silent->next].name, h->name, sizeof(h->name));
	memcpy(silent->list[silent->next].said, h->said, sizeof(h->said));
	silent->list[silent->next].seen_ms = clock_mono_ms();
	silent->next = (silent->next + 1) % MXLOOK_SILENT;
	pthread_mutex_unlock(&silent->lock);
}

/* ---- one address ---- */

static int
hop_of(const struct hop_addr *addr, struct nexthop *out)
{
	memset(out, 0, sizeof(*out));
	out->kind = NEXTHOP_HOST;
	out->port = 25;
	return getnameinfo((const struct sockaddr *)&addr->sa, addr->len,
		   out->host, sizeof(out->host), NULL, 0, NI_NUMERICHOST) == 0
		   ? SMX_OK
		   : SMX_EINVAL;
}

/* Postmaster is known everywhere (RFC 5321 4.5.1). */
static int
envelope_of(const char *domain, struct smx_envelope **out)
{
	char rcpt[320];
	int rc = smx_envelope_new(out, 1);

	snprintf(rcpt, sizeof(rcpt), "<postmaster@%s>", domain);
	if (rc == SMX_OK)
		rc = smx_envelope_mail(*out, "<>", NULL, 0);
	if (rc == SMX_OK)
		rc = smx_envelope_rcpt(*out, rcpt, NULL, 0);
	return rc;
}

static void
silence(struct hop_answer *out)
{
	hopanswer_own(out, HOP_UNREACHABLE, "no answer in time");
}

static int
ask(struct mxlooking *l, const struct nexthop *to, struct hop_answer *out)
{
	const struct mxlook_question *q = l->question;
	int64_t until_ms = clock_mono_ms() + q->probe_ms;
	struct smx_envelope *envelope = NULL;
	const struct hop_answer *answer;
	struct hop *hop = NULL;
	int rc = envelope_of(q->domain, &envelope);

	if (until_ms > l->until_ms)
		until_ms = l->until_ms;
	silence(out);
	if (rc == SMX_OK)
		rc = hop_begin(&hop, l->looker->hops, to, envelope);
	if (rc == SMX_OK)
		rc = hop_rcpt(hop, 0);
	if (rc == SMX_OK)
		rc = hop_run(&hop, 1, until_ms, q->waiting, q->waiting_ctx);
	answer = rc == SMX_OK ? hop_rcpt_answer(hop, 0) : NULL;
	if (answer != NULL)
		*out = *answer;
	hop_end(&hop);
	smx_envelope_free(&envelope);
	return rc == SMX_ETIMEOUT ? SMX_OK : rc;
}

/* ---- the host ---- */

#define WANTS_TLS 530 /* RFC 3207 4 */

static void
note(struct mxcheck_host *h, const struct hop_answer *a)
{
	if (a->class == HOP_YES)
		h->answer = MXANSWER_READY;
	else if (a->code / 100 == 5 && a->code != WANTS_TLS)
		h->answer = MXANSWER_REFUSES;
	else if (a->class == HOP_UNREACHABLE && a->code == 0)
		h->answer = MXANSWER_SILENT;
	else
		h->answer = MXANSWER_DEFERS;
	if (a->code != 0)
		snprintf(h->said, sizeof(h->said), "%d %s%s%.128s", a->code,
		    a->enhanced, a->enhanced[0] != '\0' ? " " : "", a->text);
	else
		snprintf(h->said, sizeof(h->said), "%.158s", a->text);
}

/* As a sender does: the next address only when one cannot be reached. */
int
mxlook_probe(struct mxlooking *l, struct mxcheck_host *host,
    const struct hop_addrs *addrs)
{
	struct mxsilent *silent = &l->looker->silent;
	struct hop_answer answer;
	struct nexthop to;
	int rc = SMX_OK;

	if (was_silent(silent, host, l->question->again_ms)) {
		host->answer = MXANSWER_SILENT;
		return SMX_OK;
	}
	for (size_t i = 0; i < addrs->count; i++) {
		/* too late to ask is not the same as no answer */
		if (clock_mono_ms() + 1000 >= l->until_ms ||
		    hop_of(&addrs->list[i], &to) != SMX_OK)
			continue;
		rc = ask(l, &to, &answer);
		if (rc != SMX_OK)
			return rc;
		note(host, &answer);
		if (host->answer != MXANSWER_SILENT)
			return SMX_OK;
	}
	if (host->answer == MXANSWER_SILENT)
		is_silent(silent, host);
	return SMX_OK;
}
