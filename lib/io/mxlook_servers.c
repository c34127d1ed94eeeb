/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mxlook.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "io/mxlook_in.h"

#define SERVER_MS 4000

/* Those of the zone that the domain is in: its own, or those of a domain above
 * it. */
static int
names_of(struct mxlooking *l)
{
	struct mxcheck_look *look = l->look;
	const char *zone = l->question->domain;

	for (; zone != NULL && *zone != '\0'; zone = strchr(zone, '.')) {
		int rc;

		zone += *zone == '.';
		rc = mxlook_ask(l, zone, DNS_NS);
		if (rc == SMX_ECLOSED)
			return rc;
		if (rc != SMX_OK && rc != SMX_ENOTFOUND)
			return SMX_OK;
		if (rc == SMX_OK && l->answer.count != 0)
			break;
	}
	if (zone == NULL)
		return SMX_OK;
	for (size_t i = 0;
	     i < l->answer.count && look->server_count < MXCHECK_SERVERS; i++)
		(void)text_copy(look->servers[look->server_count++].name,
		    sizeof(look->servers->name), l->answer.list[i].name);
	return SMX_OK;
}

/* SMX_ENOTFOUND: it has none. */
static int
address_of(struct mxlooking *l, const char *name, struct dnsask *out)
{
	int four = mxlook_ask(l, name, DNS_A), six;

	if (four == SMX_OK && l->answer.count != 0) {
		dnsask_server(out, l->answer.list[0].address, 4, DNSASK_PORT);
		return SMX_OK;
	}
	if (four == SMX_ECLOSED)
		return four;
	six = mxlook_ask(l, name, DNS_AAAA);
	if (six == SMX_OK && l->answer.count != 0) {
		dnsask_server(out, l->answer.list[0].address, 16, DNSASK_PORT);
		return SMX_OK;
	}
	if (six == SMX_ECLOSED)
		return six;
	return (four == SMX_OK || four == SMX_ENOTFOUND) &&
		       (six == SMX_OK || six == SMX_ENOTFOUND)
		   ? SMX_ENOTFOUND
		   : SMX_ETEMP;
}

static int
order(const struct dnsrecord *a, const struct mxcheck_host *b)
{
	return a->preference == b->preference && strcmp(a->name, b->name) == 0;
}

/* Each there is here, and as many. */
static int
same_hosts(const struct mxcheck_look *look, const struct dnsanswer *answer)
{
	size_t there = 0;

	for (size_t i = 0; i < answer->count; i++) {
		size_t k = 0;

		if (answer->list[i].name[0] == '\0')
			continue;
		there++;
		while (k < look->count &&
		       !order(&answer->list[i], &look->hosts[k]))
			k++;
		/* more than are looked at are not compared */
		if (k == look->count && look->count < DNSMX_MAX)
			return 0;
	}
	return there == look->count || look->count == DNSMX_MAX;
}

static enum mxcheck_agrees
compare(const struct mxcheck_look *look, int rc, const struct dnsanswer *answer)
{
	if (rc != SMX_OK && rc != SMX_ENOTFOUND)
		return SERVER_SILENT;
	if (rc == SMX_ENOTFOUND)
		return SERVER_DIFFERS;
	if (look->set == MXSET_NONE)
		return answer->count == 0 ? SERVER_AGREES : SERVER_DIFFERS;
	if (look->set == MXSET_NULL)
		return answer->count == 1 && answer->list[0].name[0] == '\0'
			   ? SERVER_AGREES
			   : SERVER_DIFFERS;
	return same_hosts(look, answer) ? SERVER_AGREES : SERVER_DIFFERS;
}

static int
server_of(struct mxlooking *l, struct mxcheck_server *s)
{
	struct dnsask server;
	int64_t until_ms;
	int rc = address_of(l, s->name, &server);

	if (rc == SMX_ENOTFOUND)
		s->agrees = SERVER_NO_ADDRESS;
	if (rc != SMX_OK)
		return rc == SMX_ECLOSED ? rc : SMX_OK;
	server.waiting = l->question->waiting;
	server.waiting_ctx = l->question->waiting_ctx;
	until_ms = clock_mono_ms() + SERVER_MS;
	if (until_ms > l->until_ms)
		return SMX_OK;
	rc = dnsask(&server, l->question->domain, DNS_MX, until_ms, &l->answer);
	if (rc == SMX_ECLOSED)
		return rc;
	s->agrees = compare(l->look, rc, &l->answer);
	/* this host may have no way to them at all */
	if (s->agrees == SERVER_SILENT &&
	    server.servers[0].sa.ss_family != AF_INET)
		s->agrees = SERVER_UNSURE;
	return SMX_OK;
}

int
mxlook_servers(struct mxlooking *l)
{
	int rc = names_of(l);

	for (size_t i = 0; rc == SMX_OK && i < l->look->server_count; i++)
		rc = server_of(l, &l->look->servers[i]);
	return rc;
}
