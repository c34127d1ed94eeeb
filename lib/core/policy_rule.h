/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_POLICY_RULE_H
#define CORE_POLICY_RULE_H

#include <stddef.h>
#include <stdint.h>

#include "core/ip.h"
#include "core/policy.h"
#include "core/policy_map.h"

/* A compiled policy.  An empty array asks for nothing. */
#define RULE_BY_RECIPIENT 0x01u /* its key must be among those found */
#define RULE_BY_DOMAIN    0x02u

struct policy_rule {
	struct smx_ack ack;
	unsigned by;
	const struct ip_range *networks;
	size_t network_count;
	const uint32_t *countries; /* two letters, sorted */
	size_t country_count;
	const uint32_t *asns; /* sorted */
	size_t asn_count;
	int authenticated;     /* -1 does not matter */
	const uint8_t *tables; /* places in sources; any of them, or a key */
	size_t table_count;
	uint64_t min_size;
	uint64_t max_size; /* UINT64_MAX: none; see by_size */
	int by_size;
};

struct policies {
	struct smx_ack defaults;
	struct policy_map map;
	const struct policy_rule *rules;
	const uint32_t *general; /* rules that no key of the map leads to */
	size_t general_count;
	const struct ip_range *own; /* networks of our own */
	size_t own_count;
	int by_tables; /* any rule has one */
	int by_size;
	unsigned copies; /* the most that any of them asks for */
	int may_skip;    /* some ask for nothing */
	int delivered;   /* some ask for an answer of the next hop */
	uint64_t common; /* holders of all that ask */
	unsigned least;  /* and the most copies that any must have */
};

/* 0: unknown, for "" and "unknown". */
uint32_t policy_country(const char *code);

#endif
