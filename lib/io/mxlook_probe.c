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
hear(const struct hop *hop, struct mxlook_heard *out)
{
	const struct hop_answer *answer = hop_rcpt_answer(hop, 0);
	struct hop_times times;
	int rc = SMX_OK;

	if (answer != NULL)
		out->answer = *answer;
	hop_times(hop, &times);
	out->hello = times.connect >= 0;
	out->offers_tls = hop_offers_tls(hop);
	if (out->certificates != NULL)
		rc = hop_certificates(hop, out->certificates);
	return rc == SMX_ENOTFOUND ? SMX_OK : rc;
}

int
mxlook_ask_hop(struct mxlooking *l, struct hops *hops,
    const struct hop_addr *addr, struct mxlook_heard *out)
{
	const struct mxlook_question *q = l->question;
	int64_t until_ms = clock_mono_ms() + q->probe_ms;
	struct smx_envelope *envelope = NULL;
	struct hop *hop = NULL;
	struct nexthop to;
	int rc;

	if (until_ms > l->until_ms)
		until_ms = l->until_ms;
	silence(&out->answer);
	if (hop_of(addr, &to) != SMX_OK)
		return SMX_OK;
	rc = envelope_of(q->domain, &envelope);
	if (rc == SMX_OK)
		rc = hop_begin(&hop, hops, &to, envelope);
	if (rc == SMX_OK)
		rc = hop_rcpt(hop, 0);
	if (rc == SMX_OK) {
		/* by its name, which it may have a certificate for */
		hop_at(hop, addr);
		rc = hop_run(&hop, 1, until_ms, q->waiting, q->waiting_ctx);
	}
	if (rc == SMX_OK)
		rc = hear(hop, out);
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

/* In the clear, and before that by TLS where it matters. */
static int
ask(struct mxlooking *l, struct mxcheck_host *host, const struct hop_addr *addr,
    struct hop_answer *out)
{
	struct mxlook_heard heard = { .hello = 0 };
	int wanted = mxlook_tls_wanted(l, host);
	int done = 0;
	int rc = wanted ? mxlook_tls(l, host, addr, out, &done) : SMX_OK;

	if (rc != SMX_OK || done)
		return rc;
	rc = mxlook_ask_hop(l, l->looker->hops, addr, &heard);
	*out = heard.answer;
	if (rc == SMX_OK && wanted)
		mxlook_tls_heard(host, &heard);
	return rc;
}

/* As a sender does: the next address only when one cannot be reached. */
int
mxlook_probe(struct mxlooking *l, struct mxcheck_host *host,
    const struct hop_addrs *addrs)
{
	struct mxsilent *silent = &l->looker->silent;
	struct hop_answer answer;
	int rc = SMX_OK;

	if (was_silent(silent, host, l->question->again_ms)) {
		host->answer = MXANSWER_SILENT;
		return SMX_OK;
	}
	for (size_t i = 0; i < addrs->count; i++) {
		/* too late to ask is not the same as no answer */
		if (clock_mono_ms() + 1000 >= l->until_ms)
			continue;
		rc = ask(l, host, &addrs->list[i], &answer);
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
