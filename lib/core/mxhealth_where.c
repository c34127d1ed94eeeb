/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mxhealth.h"

#include <string.h>

#include "core/mxhealth_in.h"

/* Hosts by their address, as those who deliver to them know them. */

void
mxhealth_addresses(struct mxhealth *h, const char *name, const struct ip *ips,
    size_t count)
{
	struct mxhost *host = mxhealth_find(h, name);

	if (host == NULL || count == 0)
		return;
	host->addresses =
	    count < MXHEALTH_ADDRESSES ? count : MXHEALTH_ADDRESSES;
	memcpy(host->address, ips, host->addresses * sizeof(*ips));
}

/* Names end in ":PORT". */
static int
is_at(const struct mxhost *host, const struct ip *ip, const char *port)
{
	const char *colon = strrchr(host->name, ':');
	size_t i = 0;

	if (colon == NULL || strcmp(colon + 1, port) != 0)
		return 0;
	while (i < host->addresses && ip_compare(&host->address[i], ip) != 0)
		i++;
	return i < host->addresses;
}

const char *
mxhealth_next_at(const struct mxhealth *h, const struct ip *ip,
    const char *port, size_t *n)
{
	while (*n < h->hosts) {
		const struct mxhost *host = h->host[(*n)++];

		if (is_at(host, ip, port))
			return host->name;
	}
	return NULL;
}

/* One that is written as an address is there before it was ever probed. */
static int
is_written(const struct mxhost *host, const struct ip *ip)
{
	struct nexthop to;
	struct ip own;

	return nexthop_parse(&to, host->name) == SMX_OK &&
	       ip_parse(to.host, strlen(to.host), &own) == SMX_OK &&
	       ip_compare(&own, ip) == 0;
}

int
mxhealth_is_of(const struct mxhealth *h, const char *domain,
    const struct ip *ip)
{
	const struct mxdomain *d = mxhealth_domain_find(h, domain);

	for (size_t i = 0; d != NULL && i < d->count; i++) {
		const struct mxhost *host = d->host[i];

		if (host->own)
			continue;
		for (size_t k = 0; k < host->addresses; k++)
			if (ip_compare(&host->address[k], ip) == 0)
				return 1;
		if (is_written(host, ip))
			return 1;
	}
	return 0;
}
