/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_DNSMX_H
#define CORE_DNSMX_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/* MX records, out of the bytes of a DNS message (RFC 1035, RFC 5321 5.1). */
#define DNSMX_MAX 32 /* hosts that are looked at */

struct dnsmx_host {
	unsigned preference;
	char name[256];
};

struct dnsmx {
	struct dnsmx_host hosts[DNSMX_MAX];
	size_t count;
	int none; /* the null MX (RFC 7505): this domain takes no mail */
};

/* SMX_OK, also without a record; SMX_ENOTFOUND: there is no such name;
 * SMX_ETEMP: the server says that it cannot tell; SMX_EPROTO. */
int dnsmx_parse(struct dnsmx *out, const void *message, size_t len);
/* In the order in which they are tried; equal ones as the dice say, which are
 * DNSMX_MAX random numbers. */
void dnsmx_sort(struct dnsmx *mx, const uint32_t dice[DNSMX_MAX]);
/* own: non-zero for each that is this host.  Only those with a lower preference
 * than this may be given the mail, or it would come back (RFC 5321 5.1). */
#define DNSMX_ALL 65536u
unsigned dnsmx_limit(const struct dnsmx *mx,
    const unsigned char own[DNSMX_MAX]);

#endif
