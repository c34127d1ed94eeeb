/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/policy.h"

#include <string.h>

#include "core/addr.h"
#include "core/frozen.h"
#include "core/policy_rule.h"

/* A domain key has at most 127 labels; three more keys hold an '@'. */
#define CURSORS_MAX 130

/* The policies that name this recipient in one way, from the first on. */
struct cursor {
	const struct policy_use *use;
	unsigned by;
};

struct search {
	const struct policies *policies;
	const struct smx_client *client;
	struct ip ip;
	int ip_state; /* 0 not looked at, 1 good, -1 none */
	size_t general;
	size_t count;
	struct cursor cursors[CURSORS_MAX];
};

static void
probe(struct search *s, uint32_t hash, const char *key, size_t len, unsigned by)
{
	const struct policy_use *use =
	    policy_map_find(&s->policies->map, hash, key, len);

	if (use != NULL && s->count < CURSORS_MAX)
		s->cursors[s->count++] = (struct cursor){ use, by };
}

/* text is "local@domain" in its normal form, folded; at is where the '@' is. */
static void
probe_all(struct search *s, const char *text, size_t len, size_t at)
{
	uint32_t hash = POLICY_HASH_BEGIN;

	for (size_t i = len; i > at + 1; i--) {
		hash = policy_hash_step(hash, text[i - 1]);
		if (text[i - 2] == '.' || i - 2 == at)
			probe(s, hash, text + i - 1, len - (i - 1),
			    RULE_BY_DOMAIN);
	}
	hash = policy_hash_step(hash, '@');
	probe(s, hash, text + at, len - at, RULE_BY_RECIPIENT);
	for (size_t i = at; i > 0; i--)
		hash = policy_hash_step(hash, text[i - 1]);
	probe(s, hash, text, len, RULE_BY_RECIPIENT);

	hash = POLICY_HASH_BEGIN;
	for (size_t i = at + 1; i > 0; i--)
		hash = policy_hash_step(hash, text[i - 1]);
	probe(s, hash, text, at + 1, RULE_BY_RECIPIENT);
}

static int
number_in(const uint32_t *list, size_t count, uint32_t n)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (list[mid] == n)
			return 1;
		if (list[mid] < n)
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

static int
network_in(struct search *s, const struct policy_rule *rule)
{
	const char *address = s->client->address;

	if (s->ip_state == 0)
		s->ip_state =
		    address != NULL && ip_parse(address, strnlen(address, 64),
					   &s->ip) == SMX_OK
			? 1
			: -1;
	return s->ip_state > 0 &&
	       ip_ranges_match(rule->networks, rule->network_count, &s->ip);
}

/* Everything but recipients and domains. */
static int
client_matches(struct search *s, const struct policy_rule *rule)
{
	const struct smx_client *client = s->client;

	if (rule->authenticated >= 0 &&
	    rule->authenticated != (client->authenticated != 0))
		return 0;
	if (rule->country_count != 0 &&
	    !number_in(rule->countries, rule->country_count,
		policy_country(client->country)))
		return 0;
	if (rule->asn_count != 0 &&
	    !number_in(rule->asns, rule->asn_count, client->asn))
		return 0;
	return rule->network_count == 0 || network_in(s, rule);
}

/* The next policy in the order of the file that could match, with what names
 * the recipient in it; 0 when there is none. */
static int
candidate(struct search *s, uint32_t *policy, unsigned *by)
{
	const struct policies *p = s->policies;
	uint32_t least = UINT32_MAX;

	if (s->general < p->general_count)
		least = p->general[s->general];
	for (size_t i = 0; i < s->count; i++)
		if (s->cursors[i].use != NULL &&
		    s->cursors[i].use->policy < least)
			least = s->cursors[i].use->policy;
	if (least == UINT32_MAX)
		return 0;
	*policy = least;
	*by = 0;
	if (s->general < p->general_count && p->general[s->general] == least)
		s->general++;
	for (size_t i = 0; i < s->count; i++) {
		struct cursor *c = &s->cursors[i];

		if (c->use == NULL || c->use->policy != least)
			continue;
		*by |= c->by;
		c->use = c->use->next;
	}
	return 1;
}

const struct smx_ack *
policies_find(const struct policies *policies, const struct smx_client *client,
    const char *recipient)
{
	struct search s;
	struct addr a;
	char text[2 * ADDR_MAX + 2];
	uint32_t policy;
	unsigned by;

	if (addr_read(&a, recipient) != SMX_OK)
		return NULL;
	s.policies = policies;
	s.client = client;
	s.ip_state = 0;
	s.general = s.count = 0;
	memcpy(text, a.local, a.local_len);
	text[a.local_len] = '@';
	memcpy(text + a.local_len + 1, a.domain, a.domain_len);
	addr_fold(text, a.local_len);
	probe_all(&s, text, a.local_len + 1 + a.domain_len, a.local_len);
	while (candidate(&s, &policy, &by)) {
		const struct policy_rule *rule = &policies->rules[policy];

		if ((rule->by & ~by) == 0 && client_matches(&s, rule))
			return &rule->ack;
	}
	return &policies->defaults;
}

/* ---- public ---- */

void
smx_policy_locate(const struct smx_config *config, struct smx_client *client)
{
	struct ip ip;

	client->country[0] = '\0';
	client->asn = 0;
	if (config->geo.ops == NULL || client->address == NULL ||
	    ip_parse(client->address, strnlen(client->address, 64), &ip) !=
		SMX_OK)
		return;
	config->geo.ops->locate(config->geo.ctx, &ip, client);
}

int
smx_policy_recipient(const struct smx_config *config,
    const struct smx_client *client, const char *recipient, struct smx_ack *ack)
{
	const struct smx_ack *found;

	if (recipient == NULL || client == NULL)
		return SMX_EINVAL;
	found = policies_find(config->policies, client, recipient);
	if (found == NULL)
		return SMX_ELIMIT;
	*ack = *found;
	return SMX_OK;
}

void
smx_policy_combine(struct smx_ack *message, const struct smx_ack *recipient)
{
	if (message->policy == NULL ||
	    (message->when == 0 && recipient->when != 0)) {
		*message = *recipient;
		return;
	}
	if (recipient->when == 0)
		return;
	message->when |= recipient->when;
	if (recipient->copies > message->copies)
		message->copies = recipient->copies;
	if (recipient->max_delay_ms < message->max_delay_ms)
		message->max_delay_ms = recipient->max_delay_ms;
	/* The name is that of the wish that a client may come to feel. */
	if (message->when_unprotected != SMX_UNPROTECTED_TEMPFAIL &&
	    recipient->when_unprotected == SMX_UNPROTECTED_TEMPFAIL) {
		message->when_unprotected = SMX_UNPROTECTED_TEMPFAIL;
		message->policy = recipient->policy;
	}
}
