/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/hop_probe.h"

#include <string.h>

#include "base/buf.h"
#include "io/hop_in.h"

static void
offers(const struct smtp_offer *offer, char *out, size_t size)
{
	static const struct {
		unsigned bit;
		const char *name;
	} all[] = { { SMTP_OFFERS_PIPELINING, "PIPELINING" },
		{ SMTP_OFFERS_SIZE, "SIZE" },
		{ SMTP_OFFERS_8BITMIME, "8BITMIME" },
		{ SMTP_OFFERS_SMTPUTF8, "SMTPUTF8" },
		{ SMTP_OFFERS_CHUNKING, "CHUNKING" },
		{ SMTP_OFFERS_DSN, "DSN" },
		{ SMTP_OFFERS_STARTTLS, "STARTTLS" } };
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if ((offer->bits & all[i].bit) == 0)
			continue;
		if (at != 0 && at + 1 < size)
			out[at++] = ' ';
		if (text_copy(out + at, size - at, all[i].name))
			return;
		at += strlen(out + at);
	}
}

static int
envelope_of(struct smx_envelope **out)
{
	int rc = smx_envelope_new(out, 1);

	if (rc == SMX_OK)
		rc = smx_envelope_mail(*out, "<>", NULL, 0);
	if (rc == SMX_OK)
		rc = smx_envelope_rcpt(*out, "<postmaster>", NULL, 0);
	return rc;
}

static void
describe(const struct hop *hop, struct hop_probe *out)
{
	const struct hop_answer *answer = hop_rcpt_answer(hop, 0);

	(void)text_copy(out->peer, sizeof(out->peer), hop_peer(hop));
	out->encrypted = hop->talk.line.encrypted;
	offers(&hop->talk.line.offer, out->offers, sizeof(out->offers));
	hop_times(hop, &out->times);
	if (answer != NULL)
		out->answer = *answer;
}

int
hop_probe(struct hops *hops, const struct nexthop *to, int64_t until_mono_ms,
    struct hop_probe *out)
{
	struct smx_envelope *envelope = NULL;
	struct hop *hop = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = envelope_of(&envelope);
	if (rc == SMX_OK)
		rc = hop_begin(&hop, hops, to, envelope);
	if (rc == SMX_OK)
		rc = hop_rcpt(hop, 0);
	if (rc == SMX_OK)
		rc = hop_run(&hop, 1, until_mono_ms, NULL, NULL);
	if (rc == SMX_OK || rc == SMX_ETIMEOUT)
		describe(hop, out);
	hop_end(&hop);
	smx_envelope_free(&envelope);
	return rc;
}
