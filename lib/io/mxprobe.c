/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mxprobe.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/mxhealth.h"
#include "io/hop_in.h"

#define PORT 25

struct mxprobe {
	struct smx_envelope *envelope;
	struct hop *hop;
	int64_t until_ms;
};

int
mxprobe_begin(struct mxprobe **out, struct hops *hops, const struct nexthop *to,
    const char *rcpt, int64_t until_mono_ms)
{
	struct mxprobe *probe = calloc(1, sizeof(*probe));
	int rc = probe == NULL ? SMX_ENOMEM : SMX_OK;

	if (rc == SMX_OK)
		rc = smx_envelope_new(&probe->envelope, 1);
	if (rc == SMX_OK)
		rc = smx_envelope_mail(probe->envelope, "<>", NULL, 0);
	if (rc == SMX_OK)
		rc = smx_envelope_rcpt(probe->envelope,
		    rcpt == NULL ? "<postmaster>" : rcpt, NULL, 0);
	if (rc == SMX_OK)
		rc = hop_begin(&probe->hop, hops, to, probe->envelope);
	if (rc == SMX_OK)
		rc = hop_rcpt(probe->hop, 0);
	if (rc != SMX_OK) {
		mxprobe_end(&probe);
		return rc;
	}
	probe->until_ms = until_mono_ms;
	*out = probe;
	return SMX_OK;
}

void
mxprobe_run(struct mxprobe *const *probes, size_t count, int64_t until_mono_ms)
{
	struct hop *hops[MXPROBES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < count && n < MXPROBES_MAX; i++)
		if (probes[i] != NULL)
			hops[n++] = probes[i]->hop;
	if (n != 0)
		(void)hop_run(hops, n, until_mono_ms, NULL, NULL);
}

/* How far it came, for one that has no answer. */
static void
late(const struct mxprobe *probe, struct hop_answer *out)
{
	const char *at = hoptalk_awaits(&probe->hop->talk);
	const char *peer = hop_peer(probe->hop);

	hopanswer_own(out, HOP_UNREACHABLE, "%s%s%s%sno answer in time", peer,
	    peer[0] == '\0' ? "" : ": ", at, at[0] == '\0' ? "" : ": ");
}

/* 421: it goes, whatever was asked. */
static enum mx_result
judge(const struct mxprobe *probe, const struct hop_answer *answer)
{
	int spoke = answer->class == HOP_YES || answer->class == HOP_TEMP ||
		    answer->class == HOP_NO;

	if (answer->code == 0 || answer->code == 421 || !spoke)
		return MX_BAD;
	if (!hoptalk_mail_refused(&probe->hop->talk))
		return MX_GOOD;
	return answer->class == HOP_TEMP ? MX_BUSY : MX_BAD;
}

int
mxprobe_result(const struct mxprobe *probe, int64_t now_mono_ms, int *well,
    struct hop_answer *out)
{
	const struct hop_answer *answer = hop_rcpt_answer(probe->hop, 0);

	if (answer == NULL) {
		*well = MX_BAD;
		late(probe, out);
		return now_mono_ms >= probe->until_ms;
	}
	*out = *answer;
	*well = judge(probe, answer);
	return 1;
}

static int
is_loopback(const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

	if (sa->ss_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

int
mxprobe_is_own(const struct mxprobe *probe)
{
	const struct hop *hop = probe->hop;
	const struct hop_addr *a = &hop->addrs.list[hop->cursor];

	return hop->to.kind == NEXTHOP_HOST && hop->to.port == PORT &&
	       hop->cursor < hop->addrs.count && !is_loopback(&a->sa) &&
	       hop_addr_is_own(a);
}

size_t
mxprobe_addresses(const struct mxprobe *probe, struct ip *out, size_t max)
{
	const struct hop_addrs *addrs = &probe->hop->addrs;
	size_t n = 0;

	for (size_t i = 0; i < addrs->count && n < max; i++) {
		const struct hop_addr *a = &addrs->list[i];
		char text[INET6_ADDRSTRLEN] = "";

		if (getnameinfo((const struct sockaddr *)&a->sa, a->len, text,
			sizeof(text), NULL, 0, NI_NUMERICHOST) == 0 &&
		    ip_parse(text, strlen(text), &out[n]) == SMX_OK)
			n++;
	}
	return n;
}

void
mxprobe_end(struct mxprobe **probe)
{
	struct mxprobe *p = *probe;

	if (p == NULL)
		return;
	hop_end(&p->hop);
	smx_envelope_free(&p->envelope);
	free(p);
	*probe = NULL;
}
