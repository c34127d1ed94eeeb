/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/policy_rule.h"

#include <stdlib.h>
#include <string.h>

uint32_t
policy_country(const char *code)
{
	return (uint32_t)(unsigned char)code[0] << 8 | (unsigned char)code[1];
}

static int
number_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int
networks_compile(struct policy_rule *rule, struct arena *arena,
    const struct policy_match *match)
{
	struct ip_range *ranges;

	if (match->network_count == 0)
		return SMX_OK;
	ranges = arena_alloc(arena, match->network_count, sizeof(*ranges));
	if (ranges == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < match->network_count; i++)
		if (ip_network_parse(match->networks[i], &ranges[i]) != SMX_OK)
			return SMX_EINVAL;
	rule->networks = ranges;
	rule->network_count = ip_ranges_sort(ranges, match->network_count);
	return SMX_OK;
}

static int
numbers_compile(struct policy_rule *rule, struct arena *arena,
    const struct policy_match *match)
{
	uint32_t *countries, *asns;

	countries =
	    arena_alloc(arena, match->country_count, sizeof(*countries));
	asns = arena_alloc(arena, match->asn_count, sizeof(*asns));
	if (countries == NULL || asns == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < match->country_count; i++)
		countries[i] = policy_country(match->countries[i]);
	qsort(countries, match->country_count, sizeof(*countries),
	    number_order);
	rule->countries = countries;
	rule->country_count = match->country_count;
	if (match->asn_count != 0)
		memcpy(asns, match->asns, match->asn_count * sizeof(*asns));
	qsort(asns, match->asn_count, sizeof(*asns), number_order);
	rule->asns = asns;
	rule->asn_count = match->asn_count;
	return SMX_OK;
}

static void
ack_compile(struct smx_ack *out, const struct smx_ack *ack, const char *name)
{
	*out = *ack;
	out->policy = name;
	if (out->when == 0)
		out->copies = 0;
}

static int
rule_compile(struct policy_rule *rule, struct arena *arena,
    const struct policy_conf *conf)
{
	int result;

	ack_compile(&rule->ack, &conf->ack, conf->name);
	rule->authenticated = conf->match.authenticated;
	if (conf->match.recipient_count != 0)
		rule->by |= RULE_BY_RECIPIENT;
	if (conf->match.domain_count != 0)
		rule->by |= RULE_BY_DOMAIN;
	result = networks_compile(rule, arena, &conf->match);
	if (result == SMX_OK)
		result = numbers_compile(rule, arena, &conf->match);
	return result;
}

static int
keys_add(struct policies *p, struct arena *arena, const char *const *keys,
    size_t count, uint32_t policy)
{
	int result = SMX_OK;

	for (size_t i = 0; result == SMX_OK && i < count; i++)
		result = policy_map_add(&p->map, arena, keys[i], policy);
	return result;
}

static int
map_compile(struct policies *p, struct arena *arena, const struct draft *draft)
{
	size_t keys = 0;
	int result;

	for (size_t i = 0; i < draft->policy_count; i++)
		keys += draft->policies[i].match.recipient_count +
			draft->policies[i].match.domain_count;
	result = policy_map_init(&p->map, arena, keys);
	for (size_t i = 0; result == SMX_OK && i < draft->policy_count; i++) {
		const struct policy_match *m = &draft->policies[i].match;

		result = keys_add(p, arena, m->recipients, m->recipient_count,
		    (uint32_t)i);
		if (result == SMX_OK)
			result = keys_add(p, arena, m->domains, m->domain_count,
			    (uint32_t)i);
	}
	return result;
}

int
policies_compile(struct policies **out, struct arena *arena,
    const struct draft *draft)
{
	struct policies *p = arena_alloc(arena, 1, sizeof(*p));
	struct policy_rule *rules;
	uint32_t *general;
	int result = SMX_OK;

	rules = arena_alloc(arena, draft->policy_count, sizeof(*rules));
	general = arena_alloc(arena, draft->policy_count, sizeof(*general));
	if (p == NULL || rules == NULL || general == NULL)
		return SMX_ENOMEM;
	ack_compile(&p->defaults, &draft->conf.defaults, "defaults");
	p->rules = rules;
	p->general = general;
	for (size_t i = 0; result == SMX_OK && i < draft->policy_count; i++) {
		result = rule_compile(&rules[i], arena, &draft->policies[i]);
		if (rules[i].by == 0)
			general[p->general_count++] = (uint32_t)i;
	}
	if (result == SMX_OK)
		result = map_compile(p, arena, draft);
	if (result == SMX_OK)
		*out = p;
	return result;
}
