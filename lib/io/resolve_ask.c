/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/resolve_in.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/nameser.h>
#include <resolv.h>

#include "base/buf.h"
#include "base/key.h"
#include "core/dnsmx.h"

#define ANSWER 16384

static void
addresses(const char *host, uint16_t port, struct hop_addrs *out,
    struct hop_answer *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG };
	struct addrinfo *found = NULL;
	int error = getaddrinfo(host, NULL, &hints, &found);

	/* a host with no address but its own still has that one */
	if (error == EAI_NONAME || error == EAI_ADDRFAMILY) {
		hints.ai_flags = 0;
		error = getaddrinfo(host, NULL, &hints, &found);
	}
	if (error != 0) {
		hopanswer_own(why, HOP_UNREACHABLE, "%s: %s", host,
		    gai_strerror(error));
		return;
	}
	for (const struct addrinfo *a = found; a != NULL; a = a->ai_next)
		if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
			hop_addrs_add(out, a->ai_addr, a->ai_addrlen, host,
			    port);
	freeaddrinfo(found);
}

static int
query_failed(const char *domain, int error, struct hop_answer *why)
{
	switch (error) {
	case NO_DATA:
		return SMX_OK;
	case HOST_NOT_FOUND:
		hopanswer_own(why, HOP_UNREACHABLE, "%s: no such domain",
		    domain);
		return SMX_ENOTFOUND;
	default:
		hopanswer_own(why, HOP_UNREACHABLE,
		    "%s: MX records cannot be had at the moment", domain);
		return SMX_ETEMP;
	}
}

/* SMX_OK: what there is of them, perhaps nothing. */
static int
records(const char *domain, struct dnsmx *mx, struct hop_answer *why)
{
	unsigned char answer[ANSWER];
	struct __res_state state;
	int n, error;

	memset(mx, 0, sizeof(*mx));
	memset(&state, 0, sizeof(state));
	if (res_ninit(&state) != 0)
		return query_failed(domain, TRY_AGAIN, why);
	n = res_nquery(&state, domain, ns_c_in, ns_t_mx, answer,
	    sizeof(answer));
	error = state.res_h_errno;
	res_nclose(&state);
	if (n < 0)
		return query_failed(domain, error, why);
	if (n > ANSWER || dnsmx_parse(mx, answer, (size_t)n) != SMX_OK)
		return query_failed(domain, TRY_AGAIN, why);
	return SMX_OK;
}

/* Without this host and those that come after it. */
static void
hosts(const struct dnsmx *mx, const struct nexthop *to, struct hop_addrs *out,
    struct hop_answer *why)
{
	unsigned char own[DNSMX_MAX] = { 0 };
	size_t of[HOP_ADDRS_MAX], n = 0, kept = 0;
	unsigned limit;

	for (size_t i = 0; i < mx->count && out->count < HOP_ADDRS_MAX; i++) {
		addresses(mx->hosts[i].name, to->port, out, why);
		for (; n < out->count; n++) {
			of[n] = i;
			own[i] |= (unsigned char)hop_addr_is_own(&out->list[n]);
		}
	}
	limit = dnsmx_limit(mx, own);
	for (n = 0; n < out->count; n++)
		if (mx->hosts[of[n]].preference < limit)
			out->list[kept++] = out->list[n];
	if (kept == 0 && out->count != 0)
		hopanswer_own(why, HOP_CANNOT,
		    "%s: mail for it is to come to this host", to->host);
	out->count = kept;
}

static void
domain_hosts(const struct nexthop *to, struct hop_addrs *out,
    struct hop_answer *why)
{
	uint32_t dice[DNSMX_MAX] = { 0 };
	struct dnsmx mx;

	if (records(to->host, &mx, why) != SMX_OK)
		return;
	if (mx.none) {
		hopanswer_own(why, HOP_NO, "%s accepts no mail (null MX)",
		    to->host);
		why->code = 556;
		memcpy(why->enhanced, "5.1.10", sizeof("5.1.10"));
		return;
	}
	if (mx.count == 0) {
		(void)text_copy(mx.hosts[0].name, sizeof(mx.hosts[0].name),
		    to->host);
		mx.count = 1;
	}
	/* without dice they stay as the server put them */
	(void)!key_random(dice, sizeof(dice));
	dnsmx_sort(&mx, dice);
	hosts(&mx, to, out, why);
}

void
resolve_ask(const struct nexthop *to, struct hop_addrs *out,
    struct hop_answer *why)
{
	memset(out, 0, sizeof(*out));
	hopanswer_own(why, HOP_UNREACHABLE, "%s: no address", to->host);
	if (to->kind == NEXTHOP_MX)
		domain_hosts(to, out, why);
	else
		addresses(to->host, to->port, out, why);
}
