/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mxlook.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "io/mxlook_in.h"

#define CERTIFICATES_MAX (256 * 1024)

/* Ten thousand domains are many handshakes: only where it makes a difference.
 */
int
mxlook_tls_wanted(const struct mxlooking *l, const struct mxcheck_host *h)
{
	const struct mxcheck_look *look = l->look;

	return h->tlsa == THERE_YES ||
	       (look->sts_policy == THERE_YES && look->policy.mode != STS_NONE);
}

/* ---- what it has shown ---- */

static int
certified(struct mxlooking *l, struct mxcheck_host *h,
    const struct certchain *chain)
{
	char why[CERTCHECK_WHY];
	int rc = certcheck_host(l->looker->trust, chain, h->name, why);

	if (rc == SMX_ENOMEM)
		return rc;
	if (rc == SMX_OK)
		h->certified = THERE_YES;
	if (rc == SMX_EREFUSED) {
		h->certified = THERE_NO;
		(void)text_copy(h->tls_said, sizeof(h->tls_said), why);
	}
	return SMX_OK;
}

/* Records that there was no room for may be those that fit. */
static size_t
records_of(struct mxcheck_host *h, const struct dnsanswer *answer,
    struct certtlsa out[DNSRECORD_MAX], int *all)
{
	size_t usable = 0;

	*all = 1;
	for (size_t i = 0; i < answer->count; i++) {
		const struct dnsrecord *r = &answer->list[i];

		out[i] = (struct certtlsa){ .usage = r->usage,
			.selector = r->selector,
			.matching = r->matching,
			.data = answer->bytes + r->data,
			.len = r->data_len };
		*all &= r->data_len != 0;
		usable += certtlsa_is_usable(&out[i]) != 0;
	}
	if (usable != 0 || *all)
		h->tlsa_usable = usable != 0 ? THERE_YES : THERE_NO;
	return answer->count;
}

static int
fits(struct mxlooking *l, struct mxcheck_host *h, const struct certchain *chain)
{
	struct certtlsa records[DNSRECORD_MAX];
	char name[300];
	size_t count;
	int all, rc;

	snprintf(name, sizeof(name), "_25._tcp.%s", h->name);
	rc = mxlook_ask(l, name, DNS_TLSA);
	if (rc != SMX_OK)
		return rc == SMX_ECLOSED ? rc : SMX_OK;
	count = records_of(h, &l->answer, records, &all);
	if (h->tlsa_usable != THERE_YES)
		return SMX_OK;
	rc =
	    certcheck_tlsa(chain, h->name, l->question->domain, records, count);
	if (rc == SMX_OK)
		h->tlsa_matches = THERE_YES;
	if (rc == SMX_EREFUSED && all)
		h->tlsa_matches = THERE_NO;
	return rc == SMX_ENOMEM ? rc : SMX_OK;
}

static int
look_at(struct mxlooking *l, struct mxcheck_host *h, const struct buf *shown)
{
	struct certchain chain = { shown->data, shown->len };
	int rc = certified(l, h, &chain);

	h->tls = MXTLS_YES;
	if (rc == SMX_OK && h->tlsa == THERE_YES)
		rc = fits(l, h, &chain);
	return rc;
}

/* ---- asking ---- */

/* In a host's own words, too: then it is asked in the clear for nothing. */
static int
is_about_tls(const struct hop_answer *answer)
{
	return answer->class == HOP_UNREACHABLE &&
	       strstr(answer->text, "TLS") != NULL;
}

int
mxlook_tls(struct mxlooking *l, struct mxcheck_host *host,
    const struct hop_addr *addr, struct hop_answer *answer, int *done)
{
	struct mxlook_heard heard = { .hello = 0 };
	struct buf shown;
	int rc;

	buf_init(&shown, CERTIFICATES_MAX);
	heard.certificates = &shown;
	host->tls = MXTLS_NOT_ASKED;
	rc = mxlook_ask_hop(l, l->looker->tls_hops, addr, &heard);
	*answer = heard.answer;
	*done = !is_about_tls(&heard.answer);
	if (!*done)
		(void)text_copy(host->tls_said, sizeof(host->tls_said),
		    heard.answer.text);
	else if (rc == SMX_OK && shown.len != 0)
		rc = look_at(l, host, &shown);
	buf_free(&shown);
	return rc == SMX_ELIMIT ? SMX_OK : rc;
}

void
mxlook_tls_heard(struct mxcheck_host *host, const struct mxlook_heard *heard)
{
	if (heard->hello)
		host->tls =
		    heard->offers_tls ? MXTLS_FAILED : MXTLS_NOT_OFFERED;
}
