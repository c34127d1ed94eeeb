/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_IP_H
#define CORE_IP_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * IP addresses and networks as numbers.  A client that arrives as
 * "::ffff:192.0.2.7" is the IPv4 client 192.0.2.7; the family comes first in
 * the order, so that "::/0" means every IPv6 address and no other.
 */
struct ip {
	uint8_t family;    /* 4 or 6 */
	uint8_t octet[16]; /* IPv4: the last four, behind ::ffff: */
};

struct ip_range {
	struct ip low;
	struct ip high; /* inclusive */
};

/* "192.0.2.7", "2001:db8::7", "IPv6:2001:db8::7".  No zone, no brackets. */
int ip_parse(const char *text, size_t len, struct ip *out) SMX_MUST_USE;
/* 127.0.0.0/8 and ::1. */
int ip_is_loopback(const struct ip *ip);
int ip_compare(const struct ip *a, const struct ip *b);

/* "192.0.2.0/24", "2001:db8::/32" or one address.  SMX_EINVAL also when bits
 * are set to the right of the prefix: it is not clear what was meant. */
int ip_network_parse(const char *text, struct ip_range *out) SMX_MUST_USE;

/* Sort and join; returns the new count. */
size_t ip_ranges_sort(struct ip_range *ranges, size_t count);
/* Binary search in what ip_ranges_sort left. */
int ip_ranges_match(const struct ip_range *ranges, size_t count,
    const struct ip *ip);

#endif
