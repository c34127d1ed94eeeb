/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mxlook.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "io/mxlook_in.h"

#define SMTP 25

int
mxlooker_new(struct mxlooker **out, const struct mxlooker_options *options,
    char *why, size_t why_size)
{
	struct mxlooker *looker = calloc(1, sizeof(*looker));
	struct hops_options tls;
	int rc;

	if (looker == NULL)
		return SMX_ENOMEM;
	looker->options = *options;
	mxsilent_init(&looker->silent);
	rc = hops_new(&looker->hops, &options->probe, why, why_size);
	tls = options->probe;
	tls.tls = HOP_TLS_ENCRYPT;
	if (rc == SMX_OK)
		rc = hops_new(&looker->tls_hops, &tls, why, why_size);
	if (rc == SMX_OK)
		rc = certtrust_new(&looker->trust, options->ca);
	if (rc != SMX_OK) {
		mxlooker_free(&looker);
		return rc;
	}
	*out = looker;
	return SMX_OK;
}

void
mxlooker_free(struct mxlooker **looker)
{
	struct mxlooker *l = *looker;

	if (l == NULL)
		return;
	hops_free(&l->hops);
	hops_free(&l->tls_hops);
	certtrust_free(&l->trust);
	pthread_mutex_destroy(&l->silent.lock);
	free(l);
	*looker = NULL;
}

int
mxlook_ask(struct mxlooking *l, const char *name, enum dns_type type)
{
	return dnsask(&l->dns, name, type, l->until_ms, &l->answer);
}

/* ---- the set ---- */

static int
record_order(const void *a, const void *b)
{
	const struct dnsrecord *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* The same of them, whatever order the server gave and however many. */
static void
hosts_of(struct mxcheck_look *look, struct dnsanswer *answer)
{
	look->set = MXSET_HOSTS;
	if (answer->count == 1 && answer->list[0].name[0] == '\0') {
		look->set = MXSET_NULL;
		return;
	}
	qsort(answer->list, answer->count, sizeof(*answer->list), record_order);
	for (size_t i = 0; i < answer->count && look->count < DNSMX_MAX; i++) {
		struct mxcheck_host *h = &look->hosts[look->count];

		if (answer->list[i].name[0] == '\0')
			continue;
		h->preference = answer->list[i].preference;
		(void)text_copy(h->name, sizeof(h->name), answer->list[i].name);
		look->count++;
	}
	if (look->count == 0)
		look->set = MXSET_NULL;
}

static int
set_of(struct mxlooking *l)
{
	struct mxcheck_look *look = l->look;
	int rc = mxlook_ask(l, l->question->domain, DNS_MX);

	switch (rc) {
	case SMX_OK:
		if (l->answer.count == 0)
			look->set = MXSET_NONE;
		else
			hosts_of(look, &l->answer);
		return SMX_OK;
	case SMX_ENOTFOUND:
		look->set = MXSET_NO_DOMAIN;
		return SMX_OK;
	case SMX_ECLOSED:
		return rc;
	case SMX_EINVAL:
		snprintf(look->why, sizeof(look->why),
		    "not a name that can be asked for");
		return SMX_OK;
	default:
		snprintf(look->why, sizeof(look->why),
		    rc == SMX_ETIMEOUT ? "no name server answers"
				       : "the name servers cannot tell");
		return SMX_OK;
	}
}

/* ---- each host ---- */

static void
address_take(const struct dnsanswer *answer, const char *host,
    enum dns_type type, struct hop_addrs *out)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };

	for (size_t i = 0; i < answer->count && out->count < MXLOOK_ADDRESSES;
	     i++) {
		const unsigned char *address = answer->list[i].address;

		if (type == DNS_A) {
			memcpy(&four.sin_addr, address, 4);
			hop_addrs_add(out, (struct sockaddr *)&four,
			    sizeof(four), host, SMTP);
		} else {
			memcpy(&six.sin6_addr, address, 16);
			hop_addrs_add(out, (struct sockaddr *)&six, sizeof(six),
			    host, SMTP);
		}
	}
}

static int
addresses_of(struct mxlooking *l, struct mxcheck_host *h, struct hop_addrs *out)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA };
	int sure = 1;

	for (size_t i = 0; i < 2; i++) {
		int rc = mxlook_ask(l, h->name, types[i]);

		if (rc == SMX_ECLOSED)
			return rc;
		if (rc == SMX_OK)
			address_take(&l->answer, h->name, types[i], out);
		h->alias |= rc == SMX_OK && l->answer.alias;
		sure &= rc == SMX_OK || rc == SMX_ENOTFOUND;
	}
	h->addresses = (unsigned)out->count;
	h->address = out->count != 0 ? THERE_YES
		     : sure          ? THERE_NO
				     : THERE_UNSURE;
	return SMX_OK;
}

static int
tlsa_of(struct mxlooking *l, struct mxcheck_host *h)
{
	char name[300];
	int rc;

	snprintf(name, sizeof(name), "_25._tcp.%s", h->name);
	rc = mxlook_ask(l, name, DNS_TLSA);
	if (rc == SMX_ECLOSED)
		return rc;
	if (rc == SMX_OK || rc == SMX_ENOTFOUND)
		h->tlsa =
		    rc == SMX_OK && l->answer.count != 0 ? THERE_YES : THERE_NO;
	h->tlsa_secure = h->tlsa == THERE_YES && l->answer.secure;
	return SMX_OK;
}

static int
names_it(const char *primary, const struct hop_addrs *addrs, const char *name)
{
	struct hop_addrs literal = { .count = 0 };
	struct nexthop hop;

	if (nexthop_parse(&hop, primary) != SMX_OK || hop.kind != NEXTHOP_HOST)
		return 0;
	if (dnsrecord_same_name(hop.host, name))
		return 1;
	hop.port = SMTP;
	if (!hop_addrs_literal(&literal, &hop))
		return 0;
	for (size_t i = 0; i < addrs->count; i++)
		if (addrs->list[i].len == literal.list[0].len &&
		    memcmp(&addrs->list[i].sa, &literal.list[0].sa,
			literal.list[0].len) == 0)
			return 1;
	return 0;
}

/* Whose it is: ours, a primary's, or neither's. */
static void
part_of(const struct mxlooking *l, struct mxcheck_host *h,
    const struct hop_addrs *addrs)
{
	const struct smx_backup *backup = l->question->backup;

	h->own = dnsrecord_same_name(h->name, l->looker->options.node);
	for (size_t i = 0; i < addrs->count; i++)
		h->own |= hop_addr_is_own(&addrs->list[i]);
	for (size_t i = 0; backup != NULL && i < backup->primary_count; i++)
		h->primary |= names_it(backup->primaries[i], addrs, h->name);
	h->excused =
	    l->question->primary_is_away && !h->own &&
	    (h->primary || backup == NULL || backup->primary_count == 0);
}

static int
host_of(struct mxlooking *l, size_t i)
{
	struct mxcheck_host *h = &l->look->hosts[i];
	int rc = addresses_of(l, h, &l->addrs[i]);

	if (rc == SMX_OK)
		rc = tlsa_of(l, h);
	part_of(l, h, &l->addrs[i]);
	return rc;
}

/* Hosts of a domain that this one has nothing to do with are not bothered. */
static int
is_concerned(const struct mxcheck_look *look)
{
	int concerned = look->backup;

	for (size_t i = 0; i < look->count; i++)
		concerned |= look->hosts[i].own;
	return concerned;
}

static int
probe_all(struct mxlooking *l)
{
	struct mxcheck_look *look = l->look;
	int rc = SMX_OK;

	if (l->question->probe_ms <= 0)
		return SMX_OK;
	for (size_t i = 0; rc == SMX_OK && i < look->count; i++)
		if (look->hosts[i].address == THERE_YES)
			rc = mxlook_probe(l, &look->hosts[i], &l->addrs[i]);
	return rc;
}

static int
look_run(struct mxlooking *l)
{
	struct mxcheck_look *look = l->look;
	int rc = set_of(l);

	if (rc == SMX_OK && look->set != MXSET_UNSURE &&
	    look->set != MXSET_NO_DOMAIN)
		rc = mxlook_servers(l);
	if (rc == SMX_OK && look->set == MXSET_HOSTS)
		rc = mxlook_sts(l);
	for (size_t i = 0; rc == SMX_OK && i < look->count; i++)
		rc = host_of(l, i);
	if (rc != SMX_OK || !is_concerned(look))
		return rc;
	rc = mxlook_policy(l);
	return rc == SMX_OK ? probe_all(l) : rc;
}

int
mxlook(struct mxlooker *looker, const struct mxlook_question *question,
    struct mxcheck_look *out)
{
	struct mxlooking *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return SMX_ENOMEM;
	memset(out, 0, sizeof(*out));
	out->backup = question->backup != NULL;
	l->looker = looker;
	l->question = question;
	l->look = out;
	dnsask_system(&l->dns, looker->options.resolv_conf);
	l->dns.waiting = question->waiting;
	l->dns.waiting_ctx = question->waiting_ctx;
	l->until_ms = clock_mono_ms() + MXLOOK_MS;
	rc = look_run(l);
	free(l);
	return rc;
}
