/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/policy.h"

#include <string.h>

#include "core/addr.h"
#include "core/frozen.h"
#include "core/placement.h"
#include "core/policy_rule.h"

/* A domain of ADDR_MAX bytes has at most 501 labels, but one that mail can have
 * 127.  Two kinds of key for each, and three more that hold an '@'. */
/* As many recipients as Postfix takes in one message when not told otherwise:
 * nobody needs to hear of each that is too many. */
#define RCPTS_PLENTY 1000

#define LABELS_MAX 127
#define KEYS_MAX   (2 * LABELS_MAX + 3)

/* One way to name the recipient. */
struct key {
	const char *text;
	uint32_t len;
	uint32_t hash;
	enum table_form form;
};

/* The policies that name this recipient in one way, from the first on. */
struct cursor {
	const struct policy_use *use;
	unsigned by;
};

struct search {
	const struct policies *policies;
	const struct policy_question *question;
	struct ip ip;
	int ip_state; /* 0 not looked at, 1 good, -1 none */
	int waits;    /* a policy would match but for the size */
	size_t general;
	size_t key_count;
	size_t cursor_count;
	int8_t hits[SOURCES_MAX]; /* a table's: 0 not asked, 1 yes, -1 no */
	struct cursor cursors[KEYS_MAX];
	struct key keys[KEYS_MAX];
};

static void
key_add(struct search *s, const struct key *key)
{
	const struct policy_use *use = NULL;

	/* Room for what holds an '@' is kept. */
	if (s->key_count == KEYS_MAX ||
	    (s->key_count == 2 * LABELS_MAX &&
		(key->form == TABLE_DOMAIN || key->form == TABLE_BELOW)))
		return;
	s->keys[s->key_count++] = *key;
	if (key->form != TABLE_BELOW)
		use = policy_map_find(&s->policies->map, key->hash, key->text,
		    key->len);
	if (use != NULL)
		s->cursors[s->cursor_count++] = (struct cursor){ use,
			key->form == TABLE_DOMAIN ? RULE_BY_DOMAIN
						  : RULE_BY_RECIPIENT };
}

/* Of "a.b.example": example, .example, b.example, .b.example, a.b.example.
 * Returns the hash of it all. */
static uint32_t
domain_keys(struct search *s, const char *domain, size_t len)
{
	uint32_t hash = POLICY_HASH_BEGIN;

	for (size_t i = len; i > 0; i--) {
		struct key key = { domain + i - 1, (uint32_t)(len - i + 1), 0,
			TABLE_BELOW };

		hash = policy_hash_step(hash, domain[i - 1]);
		key.hash = hash;
		if (domain[i - 1] == '.' && i > 1)
			key_add(s, &key);
		key.form = TABLE_DOMAIN;
		if (i == 1 || domain[i - 2] == '.')
			key_add(s, &key);
	}
	return hash;
}

/* text is "local@domain" in its normal form, folded; at is where the '@' is.
 * The hash goes from the end to the front. */
static void
keys_add(struct search *s, const char *text, size_t len, size_t at)
{
	uint32_t hash = domain_keys(s, text + at + 1, len - at - 1);
	struct key key = { text + at, (uint32_t)(len - at), 0, TABLE_AT };

	key.hash = hash = policy_hash_step(hash, '@');
	key_add(s, &key);
	for (size_t i = at; i > 0; i--)
		hash = policy_hash_step(hash, text[i - 1]);
	key_add(s, &(struct key){ text, (uint32_t)len, hash, TABLE_ADDRESS });
	hash = POLICY_HASH_BEGIN;
	for (size_t i = at + 1; i > 0; i--)
		hash = policy_hash_step(hash, text[i - 1]);
	key_add(s, &(struct key){ text, (uint32_t)at + 1, hash, TABLE_USER });
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
	const char *address = s->question->client->address;

	if (s->ip_state == 0)
		s->ip_state =
		    address != NULL && ip_parse(address, strnlen(address, 64),
					   &s->ip) == SMX_OK
			? 1
			: -1;
	return s->ip_state > 0 &&
	       ip_ranges_match(rule->networks, rule->network_count, &s->ip);
}

static int
client_matches(struct search *s, const struct policy_rule *rule)
{
	const struct smx_client *client = s->question->client;

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

static int
table_names(const struct search *s, const struct table *table)
{
	if (table == NULL)
		return 0;
	for (size_t i = s->key_count; i > 0; i--) {
		const struct key *key = &s->keys[i - 1];

		if (table_has(table, key->form) &&
		    table_find(table, key->hash, key->text, key->len))
			return 1;
	}
	return 0;
}

/* A table is asked once, however many policies name it. */
static int
tables_match(struct search *s, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->table_count; i++) {
		size_t at = rule->tables[i];

		if (s->hits[at] == 0)
			s->hits[at] =
			    table_names(s, s->question->sources->list[at].table)
				? 1
				: -1;
		if (s->hits[at] > 0)
			return 1;
	}
	return 0;
}

/* The last thing to be asked, so that it is known whether the size alone is
 * missing. */
static int
size_matches(struct search *s, const struct policy_rule *rule)
{
	uint64_t size = s->question->size;

	if (size == SMX_SIZE_UNKNOWN) {
		s->waits = 1;
		return 0;
	}
	return size >= rule->min_size && size <= rule->max_size;
}

/* by: what the map has found for it. */
static int
rule_matches(struct search *s, const struct policy_rule *rule, unsigned by)
{
	unsigned missing = rule->by & ~by;

	if ((missing & ~RULE_BY_RECIPIENT) != 0 || !client_matches(s, rule))
		return 0;
	if (missing != 0 && !tables_match(s, rule))
		return 0;
	return !rule->by_size || size_matches(s, rule);
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
	for (size_t i = 0; i < s->cursor_count; i++)
		if (s->cursors[i].use != NULL &&
		    s->cursors[i].use->policy < least)
			least = s->cursors[i].use->policy;
	if (least == UINT32_MAX)
		return 0;
	*policy = least;
	*by = 0;
	if (s->general < p->general_count && p->general[s->general] == least)
		s->general++;
	for (size_t i = 0; i < s->cursor_count; i++) {
		struct cursor *c = &s->cursors[i];

		if (c->use == NULL || c->use->policy != least)
			continue;
		*by |= c->by;
		c->use = c->use->next;
	}
	return 1;
}

/* What the keys point to. */
struct search_text {
	char text[2 * ADDR_MAX + 2];
};

static int
search_begin(struct search *s, struct search_text *t,
    const struct policies *policies, const struct policy_question *question)
{
	struct addr a;

	if (addr_read(&a, question->recipient) != SMX_OK)
		return 0;
	s->policies = policies;
	s->question = question;
	s->ip_state = s->waits = 0;
	s->general = s->key_count = s->cursor_count = 0;
	if (policies->by_tables)
		memset(s->hits, 0, sizeof(s->hits));
	memcpy(t->text, a.local, a.local_len);
	t->text[a.local_len] = '@';
	memcpy(t->text + a.local_len + 1, a.domain, a.domain_len);
	addr_fold(t->text, a.local_len);
	keys_add(s, t->text, a.local_len + 1 + a.domain_len, a.local_len);
	return 1;
}

const struct smx_ack *
policies_find(const struct policies *policies,
    const struct policy_question *question, int *waits)
{
	struct search_text text;
	struct search s;
	uint32_t policy;
	unsigned by;

	if (!search_begin(&s, &text, policies, question))
		return NULL;
	*waits = 0;
	while (candidate(&s, &policy, &by)) {
		int found = rule_matches(&s, &policies->rules[policy], by);

		*waits = s.waits;
		if (found)
			return &policies->rules[policy].ack;
	}
	return &policies->defaults;
}

/* For whoever the client is, and however large the message. */
static int
rule_is_certain(const struct policy_rule *rule)
{
	return rule->authenticated < 0 && rule->country_count == 0 &&
	       rule->asn_count == 0 && rule->network_count == 0 &&
	       !rule->by_size;
}

static int
is_delivered(const struct smx_ack *ack)
{
	return (ack->when & SMX_WHEN_DELIVERED) != 0;
}

const struct smx_ack *
policies_may_deliver(const struct policies *policies,
    const struct policy_question *question)
{
	struct search_text text;
	struct search s;
	uint32_t policy;
	unsigned by;

	if (!search_begin(&s, &text, policies, question))
		return NULL;
	while (candidate(&s, &policy, &by)) {
		const struct policy_rule *rule = &policies->rules[policy];
		unsigned missing = rule->by & ~by;

		if ((missing & ~RULE_BY_RECIPIENT) != 0 ||
		    (missing != 0 && !tables_match(&s, rule)))
			continue;
		if (is_delivered(&rule->ack))
			return &rule->ack;
		if (rule_is_certain(rule))
			return NULL;
	}
	return is_delivered(&policies->defaults) ? &policies->defaults : NULL;
}

const struct smx_ack *
policies_defaults(const struct policies *policies)
{
	return &policies->defaults;
}

int
policies_by_size(const struct policies *policies)
{
	return policies->by_size;
}

int
policies_own(const struct policies *policies, const char *address)
{
	struct ip ip;

	if (address == NULL ||
	    ip_parse(address, strnlen(address, 64), &ip) != SMX_OK)
		return 1; /* mail of this host has none */
	return ip_is_loopback(&ip) ||
	       ip_ranges_match(policies->own, policies->own_count, &ip);
}

/* ---- public ---- */

void
smx_policy_locate(const struct smx_config *config, struct smx_client *client)
{
	struct ip ip;

	memset(client->country, 0, sizeof(client->country));
	client->asn = 0;
	if (client->address == NULL ||
	    ip_parse(client->address, strnlen(client->address, 64), &ip) !=
		SMX_OK)
		return;
	for (size_t i = 0; i < config->sources.count; i++) {
		const struct geo *geo = &config->sources.list[i].geo;

		if (geo->ops != NULL)
			geo->ops->locate(geo->ctx, &ip, client);
	}
}

/* pickup(8) takes one message after the other: nothing is held there. */
static void
ack_local(struct smx_ack *ack)
{
	ack->when &= ~SMX_WHEN_DELIVERED;
	ack->next_hops = NULL;
	ack->next_hop_count = 0;
}

int
smx_policy_recipient(const struct smx_config *config,
    const struct smx_client *client, const char *recipient, uint64_t size,
    struct smx_ack *ack)
{
	const struct policy_question question = { client, recipient, size,
		&config->sources };
	const struct smx_ack *found;
	int waits;

	if (recipient == NULL || client == NULL)
		return SMX_EINVAL;
	found = policies_find(config->policies, &question, &waits);
	if (found == NULL)
		return SMX_ELIMIT;
	*ack = *found;
	if (client->address == NULL || client->address[0] == '\0')
		ack_local(ack);
	return SMX_OK;
}

int
smx_policy_by_size(const struct smx_config *config)
{
	return policies_by_size(config->policies);
}

int
policy_waits(const struct smx_config *config, const struct smx_client *client,
    const char *recipient)
{
	const struct policy_question question = { client, recipient,
		SMX_SIZE_UNKNOWN, &config->sources };
	int waits = 0;

	(void)policies_find(config->policies, &question, &waits);
	return waits;
}

unsigned
policy_copies(const struct smx_config *config)
{
	return config->policies->copies;
}

int
policy_own(const struct smx_config *config, const char *address)
{
	return policies_own(config->policies, address);
}

int
policy_may_skip(const struct smx_config *config)
{
	return config->policies->may_skip;
}

/* Whatever is folded keeps the holders that all have in common. */
static int
may_split(const struct smx_config *config)
{
	const struct policies *policies = config->policies;

	return placement_count(policies->common) < policies->least;
}

const struct smx_ack *
policy_may_deliver(const struct smx_config *config, const char *recipient)
{
	const struct policy_question question = { NULL, recipient,
		SMX_SIZE_UNKNOWN, &config->sources };

	return policies_may_deliver(config->policies, &question);
}

int
policy_delivers(const struct smx_config *config)
{
	return config->policies->delivered;
}

int
policy_backs_up(const struct smx_config *config)
{
	const struct draft *draft = &config->draft;

	for (size_t i = 0; i < draft->policy_count; i++)
		if (draft->policies[i].backup.while_up != 0)
			return 1;
	return 0;
}

int
policy_answers_rcpt(const struct smx_config *config)
{
	return policy_delivers(config) || policy_backs_up(config) ||
	       config->draft.conf.milter_max_recipients < RCPTS_PLENTY ||
	       may_split(config);
}
