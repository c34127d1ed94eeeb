/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/clientnet.h"

#include <string.h>

#include "core/ip.h"

int
clientnet_of(const char *address, struct clientnet *out)
{
	struct ip ip;
	int rc = ip_parse(address, strlen(address), &ip);

	if (rc != SMX_OK)
		return rc;
	memset(out, 0, sizeof(*out));
	out->octet[0] = ip.family;
	if (ip.family == 4)
		memcpy(out->octet + 1, ip.octet + 12, 3);
	else
		memcpy(out->octet + 1, ip.octet, 8);
	return SMX_OK;
}
