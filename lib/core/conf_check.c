/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/conf_check.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "core/endpoint.h"
#include "core/placement.h"
#include "core/policy.h"
#include "core/policy_map.h"
#include "core/units.h"

#define HEARTBEATS_MIN  3
#define HEARTBEATS_HOLD 4
#define TEXT_BYTES      160

void
check_report(const struct check *c, const struct tree *node,
    const char *setting, const char *message, const char *accepted)
{
	struct tree none = *c->root;

	none.kind = TREE_TEXT;
	none.text = "";
	none.line = 0;
	if (node != NULL) {
		problem_node(c->problems, node, setting, message, accepted);
	} else {
		struct smx_config_problem problem = { .file = none.file,
			.setting = setting,
			.value = "",
			.message = message,
			.accepted = accepted };

		problem_report(c->problems, &problem);
	}
}

static void
report_at(const struct check *c, const char *setting, const char *message,
    const char *accepted)
{
	check_report(c, tree_find(c->root, setting), setting, message,
	    accepted);
}

/* It is used all the same. */
static void
warn_at(const struct check *c, const char *setting, const char *message,
    const char *accepted)
{
	const struct tree *node = tree_find(c->root, setting);
	const struct smx_config_problem problem = { .file = node != NULL
								? node->file
								: c->root->file,
		.line = node != NULL ? node->line : 0,
		.setting = setting,
		.value = node != NULL && node->text != NULL ? node->text : "",
		.message = message,
		.accepted = accepted,
		.warning = 1 };

	problem_report(c->problems, &problem);
}

/* What a host does on its own about others, and others about it. */
static void
isolation_check(const struct check *c)
{
	const struct conf *conf = &c->draft->conf;
	int64_t beat = conf->peers_heartbeat_ms;
	char unit[UNITS_TEXT], accepted[TEXT_BYTES];

	if (conf->peers_on_isolation == CONF_ISOLATION_HOLD &&
	    conf->peers_takeover_after_ms <= HEARTBEATS_HOLD * beat) {
		snprintf(accepted, sizeof(accepted), "more than %s",
		    duration_format(HEARTBEATS_HOLD * beat, unit));
		warn_at(c, "peers.takeover_after",
		    "so near to peers.heartbeat that with on_isolation = "
		    "\"hold\" messages wait whenever two heartbeats fail",
		    accepted);
	}
	if (conf->peers_mta_down_takeover_ms != 0 &&
	    conf->peers_mta_down_takeover_ms < HEARTBEATS_MIN * beat) {
		snprintf(accepted, sizeof(accepted), "0, or at least %s",
		    duration_format(HEARTBEATS_MIN * beat, unit));
		report_at(c, "peers.mta_down_takeover",
		    "shorter than three times peers.heartbeat", accepted);
	}
}

static void
times_check(const struct check *c)
{
	const struct conf *conf = &c->draft->conf;
	char unit[UNITS_TEXT], accepted[TEXT_BYTES];

	if (conf->peers_takeover_after_ms <
	    HEARTBEATS_MIN * conf->peers_heartbeat_ms) {
		snprintf(accepted, sizeof(accepted), "at least %s",
		    duration_format(HEARTBEATS_MIN * conf->peers_heartbeat_ms,
			unit));
		report_at(c, "peers.takeover_after",
		    "shorter than three times peers.heartbeat", accepted);
	}
	if (conf->takeover_retry_max_ms < conf->takeover_retry_ms) {
		snprintf(accepted, sizeof(accepted), "at least %s",
		    duration_format(conf->takeover_retry_ms, unit));
		report_at(c, "takeover.retry_max",
		    "shorter than takeover.retry", accepted);
	}
	if (conf->delivery_backoff_max_ms < conf->delivery_backoff_ms) {
		snprintf(accepted, sizeof(accepted), "at least %s",
		    duration_format(conf->delivery_backoff_ms, unit));
		report_at(c, "delivery.backoff_max",
		    "shorter than delivery.backoff", accepted);
	}
	if (conf->backup_rate_max < conf->backup_rate) {
		snprintf(accepted, sizeof(accepted), "at least %lld",
		    (long long)conf->backup_rate);
		report_at(c, "backup.rate_max", "less than backup.rate",
		    accepted);
	}
}

static void
control_check(const struct check *c)
{
	const struct conf *conf = &c->draft->conf;

	if (conf->control_listen[0] == '\0' &&
	    strlen(conf->run_directory) + strlen("/control.sock") >
		SOCKET_PATH_MAX)
		report_at(c, "run_directory",
		    "control.sock in it would be longer than a socket may be",
		    "a shorter path, or another control.listen");
}

/* ---- members ---- */

static int
pins_shared(const struct conf_member *a, const struct conf_member *b)
{
	for (size_t i = 0; i < a->pin_count; i++)
		for (size_t j = 0; j < b->pin_count; j++)
			if (a->pins[i] != NULL && b->pins[j] != NULL &&
			    strcmp(a->pins[i], b->pins[j]) == 0)
				return 1;
	return 0;
}

static int
same(const char *a, const char *b)
{
	return a[0] != '\0' && strcmp(a, b) == 0;
}

static void
member_report(const struct check *c, const struct tree *node, size_t i,
    const char *field, const char *message)
{
	const struct tree *value = tree_find(node, field);
	char item[READ_PATH], setting[READ_PATH];

	path_item(item, "peers.members", i);
	check_report(c, value != NULL ? value : node,
	    path_join(setting, item, field), message,
	    "one of its own for each member");
}

static void
member_pair(const struct check *c, const struct tree *node, size_t i, size_t j)
{
	const struct conf_member *a = &c->draft->conf.members[j];
	const struct conf_member *b = &c->draft->conf.members[i];

	if (same(b->name, a->name))
		member_report(c, node, i, "name", "two members have this name");
	if (same(b->address, a->address))
		member_report(c, node, i, "address",
		    "two members have this address");
	if (pins_shared(a, b))
		member_report(c, node, i, "pin", "two members have this pin");
}

static void
members_check(const struct check *c)
{
	const struct conf *conf = &c->draft->conf;
	const struct tree *list = tree_find(c->root, "peers.members");
	const struct tree *node = list != NULL ? list->first : NULL;

	if (conf->member_count > PLACEMENT_MEMBERS_MAX)
		report_at(c, "peers.members", "more than 32 members",
		    "at most 32");
	for (size_t i = 0; i < conf->member_count; i++, node = node->next) {
		if (same(conf->members[i].name, conf->node))
			member_report(c, node, i, "name",
			    "this is the name of this host itself");
		for (size_t j = 0; j < i; j++)
			member_pair(c, node, i, j);
	}
}

/* ---- policies ---- */

static int
matches_all(const struct policy_match *m)
{
	return m->recipient_count == 0 && m->domain_count == 0 &&
	       m->network_count == 0 && m->country_count == 0 &&
	       m->asn_count == 0 && m->authenticated < 0 &&
	       m->table_count == 0 && m->min_size == 0 && m->max_size == 0;
}

static void
located_check(const struct check *c, const struct policy_match *m,
    const struct tree *node, const char *policy)
{
	char setting[READ_PATH];

	if (m->country_count != 0 && c->draft->conf.geo_country[0] == '\0')
		check_report(c, tree_find(node, "match.client_countries"),
		    path_join(setting, policy, "match.client_countries"),
		    "geo.country is not set, so no client's country is known",
		    "a database in geo.country");
	if (m->asn_count != 0 && c->draft->conf.geo_asn[0] == '\0')
		check_report(c, tree_find(node, "match.client_asns"),
		    path_join(setting, policy, "match.client_asns"),
		    "geo.asn is not set, so no client's network is known",
		    "a database in geo.asn");
}

static void
size_check(const struct check *c, const struct policy_match *m,
    const struct tree *node, const char *policy)
{
	char setting[READ_PATH], unit[UNITS_TEXT], accepted[TEXT_BYTES];

	if (m->max_size == 0 || m->min_size <= m->max_size)
		return;
	snprintf(accepted, sizeof(accepted), "at least %s",
	    size_format(m->min_size, unit));
	check_report(c, tree_find(node, "match.max_size"),
	    path_join(setting, policy, "match.max_size"),
	    "smaller than match.min_size, so this would never match", accepted);
}

static void
name_check(const struct check *c, struct policy_map *map, struct arena *arena,
    size_t i)
{
	const char *name = c->draft->policies[i].name;
	const struct tree *node = tree_find(c->root, "policies")->first;
	char item[READ_PATH], setting[READ_PATH];
	uint32_t hash = POLICY_HASH_BEGIN;

	if (name[0] == '\0')
		return;
	for (size_t n = strlen(name); n > 0; n--)
		hash = policy_hash_step(hash, name[n - 1]);
	if (policy_map_find(map, hash, name, strlen(name)) == NULL) {
		(void)!policy_map_add(map, arena, name, (uint32_t)i);
		return;
	}
	for (size_t n = 0; n < i; n++)
		node = node->next;
	path_item(item, "policies", i);
	check_report(c, tree_find(node, "name"),
	    path_join(setting, item, "name"), "two policies have this name",
	    "a name of its own");
}

static void
names_check(const struct check *c)
{
	const struct draft *draft = c->draft;
	struct policy_map map;
	struct arena arena;

	arena_init(&arena);
	if (policy_map_init(&map, &arena, draft->policy_count) == SMX_OK)
		for (size_t i = 0; i < draft->policy_count; i++)
			name_check(c, &map, &arena, i);
	if (arena_failed(&arena))
		check_report(c, NULL, "policies",
		    "not enough memory to compare the names", "");
	arena_free(&arena);
}

static void
policies_check(const struct check *c)
{
	const struct draft *draft = c->draft;
	const struct tree *list = tree_find(c->root, "policies");
	const struct tree *node = list != NULL ? list->first : NULL;
	int inherited = 0, reached = 1;

	for (size_t i = 0; i < draft->policy_count; i++, node = node->next) {
		const struct policy_conf *p = &draft->policies[i];
		const struct tree *ack = tree_find(node, "acknowledge");
		char item[READ_PATH], setting[READ_PATH];

		path_item(item, "policies", i);
		path_join(setting, item, "acknowledge");
		located_check(c, &p->match, node, item);
		size_check(c, &p->match, node, item);
		backup_check(c, p, node, item);
		if (ack != NULL)
			ack_check(c, &p->ack, policy_relays(p), ack, setting);
		else if (policy_relays(p))
			ack_check(c, &p->ack, 1, NULL, setting);
		else
			inherited = 1;
		if (matches_all(&p->match))
			reached = 0;
	}
	/* With a policy that matches everybody nobody is left for them. */
	if (inherited || reached)
		ack_check(c, &draft->defaults, 0,
		    tree_find(c->root, "defaults.acknowledge"),
		    "defaults.acknowledge");
}

void
conf_check(struct problems *problems, const struct draft *draft,
    const struct tree *root)
{
	struct check c = { problems, draft, root };

	times_check(&c);
	isolation_check(&c);
	control_check(&c);
	members_check(&c);
	names_check(&c);
	policies_check(&c);
	speak_check(&c);
}
