/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/ip.h"

#include <stdlib.h>
#include <string.h>

#include "base/key.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static int
v4_parse(const char *p, const char *end, uint8_t out[4])
{
	for (int i = 0; i < 4; i++) {
		const char *dot = p;
		uint64_t n;

		while (dot < end && *dot != '.')
			dot++;
		/* "010" is octal to some and decimal to others. */
		if ((dot - p > 1 && *p == '0') ||
		    number_parse(p, (size_t)(dot - p), 255, &n) != SMX_OK ||
		    (i < 3) != (dot < end))
			return SMX_EINVAL;
		out[i] = (uint8_t)n;
		p = dot + 1;
	}
	return SMX_OK;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One 16-bit group; returns its length, 0 when there is none. */
static size_t
group_parse(const char *p, const char *end, uint8_t out[2])
{
	unsigned n = 0;
	size_t len = 0;

	while (p + len < end && len < 4 && hex_value(p[len]) >= 0)
		n = n << 4 | (unsigned)hex_value(p[len++]);
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
	return len;
}

struct v6 {
	uint8_t octet[16];
	size_t used;
	int gap; /* where "::" stood, -1 none */
};

/* A last group may be a whole IPv4 address. */
static int
v6_tail(struct v6 *v, const char *p, const char *end)
{
	if (v->used > 12 || memchr(p, ':', (size_t)(end - p)) != NULL ||
	    v4_parse(p, end, v->octet + v->used) != SMX_OK)
		return SMX_EINVAL;
	v->used += 4;
	return SMX_OK;
}

static int
v6_groups(struct v6 *v, const char *p, const char *end)
{
	while (p < end) {
		size_t n;

		if (end - p >= 2 && p[0] == ':' && p[1] == ':') {
			if (v->gap >= 0)
				return SMX_EINVAL;
			v->gap = (int)v->used;
			p += 2;
			continue;
		}
		if (v->used != 0 && v->gap != (int)v->used) {
			if (*p++ != ':')
				return SMX_EINVAL;
		}
		if (v->used == 16)
			return SMX_EINVAL;
		n = group_parse(p, end, v->octet + v->used);
		if (n == 0)
			return SMX_EINVAL;
		if (p + n < end && p[n] == '.')
			return v6_tail(v, p, end);
		v->used += 2;
		p += n;
	}
	return SMX_OK;
}

static int
v6_parse(const char *p, const char *end, uint8_t out[16])
{
	struct v6 v = { .gap = -1 };
	size_t tail;

	if (v6_groups(&v, p, end) != SMX_OK || (v.gap < 0) != (v.used == 16))
		return SMX_EINVAL;
	memset(out, 0, 16);
	if (v.gap < 0) {
		memcpy(out, v.octet, 16);
		return SMX_OK;
	}
	tail = v.used - (size_t)v.gap;
	memcpy(out, v.octet, (size_t)v.gap);
	memcpy(out + 16 - tail, v.octet + v.gap, tail);
	return SMX_OK;
}

static int
has_v6_prefix(const char *text, size_t len)
{
	return len > 5 && (text[0] == 'I' || text[0] == 'i') &&
	       (text[1] == 'P' || text[1] == 'p') &&
	       (text[2] == 'v' || text[2] == 'V') && text[3] == '6' &&
	       text[4] == ':';
}

int
ip_parse(const char *text, size_t len, struct ip *out)
{
	const char *end = text + len;
	struct ip ip;

	if (has_v6_prefix(text, len)) {
		text += 5;
		if (v6_parse(text, end, ip.octet) != SMX_OK)
			return SMX_EINVAL;
	} else if (len != 0 && memchr(text, ':', len) != NULL) {
		if (v6_parse(text, end, ip.octet) != SMX_OK)
			return SMX_EINVAL;
	} else {
		memcpy(ip.octet, mapped, sizeof(mapped));
		if (v4_parse(text, end, ip.octet + 12) != SMX_OK)
			return SMX_EINVAL;
	}
	ip.family = memcmp(ip.octet, mapped, sizeof(mapped)) == 0 ? 4 : 6;
	*out = ip;
	return SMX_OK;
}

int
ip_is_loopback(const struct ip *ip)
{
	static const uint8_t six[16] = { [15] = 1 };

	if (ip->family == 4)
		return ip->octet[12] == 127;
	return memcmp(ip->octet, six, sizeof(six)) == 0;
}

int
ip_compare(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->octet, b->octet, sizeof(a->octet));
}

static void
range_fill(const struct ip *ip, unsigned bits, struct ip_range *out)
{
	out->low.family = out->high.family = ip->family;
	for (unsigned i = 0; i < 16; i++) {
		unsigned left = bits > 8 * i ? bits - 8 * i : 0;
		unsigned host = left >= 8 ? 0 : 0xffu >> left;

		out->low.octet[i] = (uint8_t)(ip->octet[i] & ~host);
		out->high.octet[i] = (uint8_t)(ip->octet[i] | host);
	}
}

int
ip_network_parse(const char *text, struct ip_range *out)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct ip_range range;
	unsigned base;
	uint64_t bits;
	struct ip ip;

	if (ip_parse(text, len, &ip) != SMX_OK)
		return SMX_EINVAL;
	base = memchr(text, ':', len) == NULL ? 96 : 0;
	bits = 128 - base;
	if (slash != NULL &&
	    number_parse(slash + 1, strlen(slash + 1), bits, &bits) != SMX_OK)
		return SMX_EINVAL;
	range_fill(&ip, base + (unsigned)bits, &range);
	if ((ip.family == 4 && base + bits < 96) ||
	    ip_compare(&ip, &range.low) != 0)
		return SMX_EINVAL;
	*out = range;
	return SMX_OK;
}

static int
range_order(const void *a, const void *b)
{
	const struct ip_range *x = a, *y = b;

	return ip_compare(&x->low, &y->low);
}

size_t
ip_ranges_sort(struct ip_range *ranges, size_t count)
{
	size_t last = 0;

	if (count == 0)
		return 0;
	qsort(ranges, count, sizeof(*ranges), range_order);
	for (size_t i = 1; i < count; i++) {
		if (ip_compare(&ranges[i].low, &ranges[last].high) > 0)
			ranges[++last] = ranges[i];
		else if (ip_compare(&ranges[i].high, &ranges[last].high) > 0)
			ranges[last].high = ranges[i].high;
	}
	return last + 1;
}

int
ip_ranges_match(const struct ip_range *ranges, size_t count,
    const struct ip *ip)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ip_compare(ip, &ranges[mid].low) < 0)
			high = mid;
		else if (ip_compare(ip, &ranges[mid].high) > 0)
			low = mid + 1;
		else
			return 1;
	}
	return 0;
}
