/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_DNSVIEW_H
#define CORE_DNSVIEW_H

#include <stddef.h>

#include <shadowmx/err.h>

/* The bytes of a DNS message (RFC 1035 4.1).  They have an end: what is beyond
 * it reads as an error, once and for all. */
struct dnsview {
	const unsigned char *data;
	size_t len;
	size_t at;
	int bad;
};

#define DNSVIEW_NAME 256 /* of a name as text, without the last dot */

unsigned dnsview_byte(struct dnsview *v);
unsigned dnsview_word(struct dnsview *v);
void dnsview_skip(struct dnsview *v, size_t n);
/* Pointers only lead back (RFC 1035 4.1.4), and not for ever.  SMX_OK also for
 * the root, ""; SMX_EINVAL: nothing that a host can be called, out is "";
 * SMX_EPROTO. */
int dnsview_name(struct dnsview *v, char *out, size_t size) SMX_MUST_USE;
/* SMX_EPROTO */
int dnsview_name_skip(struct dnsview *v) SMX_MUST_USE;

#endif
