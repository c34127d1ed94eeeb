/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/policy_rule.h"

#include <stdlib.h>
#include <string.h>

#include "core/placement.h"

uint32_t
policy_country(const char *code)
{
	if (code[0] == '\0' || strcmp(code, "unknown") == 0)
		return 0;
	return (uint32_t)(unsigned char)code[0] << 8 | (unsigned char)code[1];
}

static int
number_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* networks: as in the configuration. */
static int
networks_compile(const struct ip_range **out, size_t *out_count,
    struct arena *arena, const char *const *networks, size_t count)
{
	struct ip_range *ranges;

	if (count == 0)
		return SMX_OK;
	ranges = arena_alloc(arena, count, sizeof(*ranges));
	if (ranges == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (ip_network_parse(networks[i], &ranges[i]) != SMX_OK)
			return SMX_EINVAL;
	*out = ranges;
	*out_count = ip_ranges_sort(ranges, count);
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
ack_compile(struct smx_ack *out, const struct ack_conf *ack, const char *name,
    const struct conf *conf)
{
	struct ack_conf placed = *ack;

	placement_fill(&placed, conf);
	*out = placed.ack;
	out->policy = name;
	if ((out->when & SMX_WHEN_SHADOWED) == 0) {
		out->copies = out->min_copies = 0;
		out->holders = out->preferred = 0;
	}
	if ((out->when & SMX_WHEN_DELIVERED) == 0) {
		out->next_hops = NULL;
		out->next_hop_count = 0;
	}
}

int
policy_relays(const struct policy_conf *policy)
{
	return policy->backup.while_up == BACKUP_UP_RELAY;
}

/* What a backup group makes of the wish: the primary's word, while the client
 * waits, instead of what the MTA makes of it later. */
static void
backup_compile(struct smx_ack *out, const struct policy_conf *policy)
{
	static const char *const mta[] = { "mta" };
	const struct smx_backup *backup = &policy->backup;

	if (backup->while_up == 0)
		return;
	out->backup = backup;
	if (!policy_relays(policy))
		return;
	out->when |= SMX_WHEN_DELIVERED;
	out->next_hops = policy->ack.ack.next_hops;
	out->next_hop_count = policy->ack.ack.next_hop_count;
	if (backup->primary_count != 0) {
		out->next_hops = backup->primaries;
		out->next_hop_count = backup->primary_count;
	} else if (out->next_hop_count == 0) {
		out->next_hops = mta;
		out->next_hop_count = 1;
	}
}

static int
tables_compile(struct policy_rule *rule, struct arena *arena,
    const struct policy_match *match, const struct sources *sources)
{
	uint8_t *tables = arena_alloc(arena, match->table_count, 1);

	if (tables == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < match->table_count; i++) {
		size_t at =
		    sources_find(sources, SOURCE_TABLE, match->tables[i]);

		if (at == SOURCES_MAX)
			return SMX_EINVAL;
		tables[i] = (uint8_t)at;
	}
	rule->tables = tables;
	rule->table_count = match->table_count;
	return SMX_OK;
}

static void
sizes_compile(struct policy_rule *rule, const struct policy_match *match)
{
	rule->by_size = match->min_size != 0 || match->max_size != 0;
	rule->min_size = (uint64_t)match->min_size;
	rule->max_size =
	    match->max_size != 0 ? (uint64_t)match->max_size : UINT64_MAX - 1;
}

static int
rule_compile(struct policy_rule *rule, struct arena *arena,
    const struct policy_conf *conf, const struct sources *sources)
{
	const struct policy_match *match = &conf->match;
	int result;

	rule->authenticated = match->authenticated;
	if (match->recipient_count != 0 || match->table_count != 0)
		rule->by |= RULE_BY_RECIPIENT;
	if (match->domain_count != 0)
		rule->by |= RULE_BY_DOMAIN;
	sizes_compile(rule, match);
	result = networks_compile(&rule->networks, &rule->network_count, arena,
	    match->networks, match->network_count);
	if (result == SMX_OK)
		result = numbers_compile(rule, arena, match);
	if (result == SMX_OK)
		result = tables_compile(rule, arena, match, sources);
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

static void
wish_note(struct policies *p, const struct smx_ack *ack)
{
	p->delivered |= (ack->when & SMX_WHEN_DELIVERED) != 0;
	/* Without a shadow nothing is asked for mail of this host itself. */
	if ((ack->when & SMX_WHEN_SHADOWED) == 0) {
		p->may_skip = 1;
		return;
	}
	p->common &= ack->holders;
	if (ack->min_copies > p->least)
		p->least = ack->min_copies;
}

static int
rules_compile(struct policies *p, struct arena *arena,
    const struct draft *draft, const struct sources *sources)
{
	struct policy_rule *rules;
	uint32_t *general;
	int result = SMX_OK;

	rules = arena_alloc(arena, draft->policy_count, sizeof(*rules));
	general = arena_alloc(arena, draft->policy_count, sizeof(*general));
	if (rules == NULL || general == NULL)
		return SMX_ENOMEM;
	p->rules = rules;
	p->general = general;
	for (size_t i = 0; result == SMX_OK && i < draft->policy_count; i++) {
		const struct policy_conf *conf = &draft->policies[i];

		ack_compile(&rules[i].ack, &conf->ack, conf->name,
		    &draft->conf);
		backup_compile(&rules[i].ack, conf);
		result = rule_compile(&rules[i], arena, conf, sources);
		if (rules[i].by == 0 || rules[i].table_count != 0)
			general[p->general_count++] = (uint32_t)i;
		if (rules[i].ack.copies > p->copies)
			p->copies = rules[i].ack.copies;
		p->by_size |= rules[i].by_size;
		p->by_tables |= rules[i].table_count != 0;
		wish_note(p, &rules[i].ack);
	}
	return result;
}

int
policies_compile(struct policies **out, struct arena *arena,
    const struct draft *draft, const struct sources *sources)
{
	struct policies *p = arena_alloc(arena, 1, sizeof(*p));
	int result;

	if (p == NULL)
		return SMX_ENOMEM;
	ack_compile(&p->defaults, &draft->defaults, "defaults", &draft->conf);
	p->copies = p->defaults.copies;
	p->common = UINT64_MAX;
	wish_note(p, &p->defaults);
	result = rules_compile(p, arena, draft, sources);
	if (result == SMX_OK)
		result = networks_compile(&p->own, &p->own_count, arena,
		    draft->conf.own_networks, draft->conf.own_network_count);
	if (result == SMX_OK)
		result = map_compile(p, arena, draft);
	if (result == SMX_OK)
		*out = p;
	return result;
}
