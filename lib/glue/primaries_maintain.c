/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/primaries.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/addr.h"
#include "glue/node.h"
#include "glue/primaries_in.h"
#include "io/backup_hosts.h"

/* ---- an operator's word ---- */

/* One that its recipients would name is watched from now on. */
static int
is_ours(struct primaries *p, const char *domain)
{
	struct smx_config *config = node_config(backup_node(p->backup));
	const struct smx_client client = { .address = "" };
	char rcpt[ADDR_MAX + 1];
	struct smx_ack ack;
	int ours;

	pthread_mutex_lock(&p->lock);
	ours = primaries_find_locked(p, domain) != NULL;
	pthread_mutex_unlock(&p->lock);
	(void)snprintf(rcpt, sizeof(rcpt), "postmaster@%s", domain);
	if (!ours &&
	    smx_policy_recipient(config, &client, rcpt, SMX_SIZE_UNKNOWN,
		&ack) == SMX_OK &&
	    ack.backup != NULL) {
		(void)primaries_state(p, ack.backup, domain, NULL);
		ours = 1;
	}
	smx_config_release(&config);
	return ours;
}

void
primaries_watch_announced(struct primaries *p)
{
	struct mxmaintenance m;
	struct mxtime at;
	size_t n = 0;
	int more = 1;

	primaries_clock(&at);
	while (more) {
		pthread_mutex_lock(&p->lock);
		more =
		    mxhealth_maintenance_at(p->health, n++, &at, &m) == SMX_OK;
		pthread_mutex_unlock(&p->lock);
		if (more)
			(void)is_ours(p, m.domain);
	}
}

int
primaries_maintain(struct primaries *p, const char *domain, int64_t until_ms)
{
	struct log_line l;
	struct mxtime at;
	int rc;

	primaries_clock(&at);
	if (until_ms != 0 && until_ms <= at.wall_ms)
		return SMX_EINVAL;
	if (until_ms != 0 && !is_ours(p, domain))
		return SMX_ENOTFOUND;
	rc = backup_maintenance_put(backup_db(p->backup), domain, at.wall_ms,
	    until_ms);
	if (rc != SMX_OK)
		return rc;
	pthread_mutex_lock(&p->lock);
	rc = mxhealth_maintain(p->health, domain, at.wall_ms, until_ms, &at);
	pthread_mutex_unlock(&p->lock);
	log_begin(&l, SMX_LOG_NOTICE, NULL,
	    until_ms == 0 ? "maintenance-over" : "maintenance");
	log_str(&l, "domain", domain);
	if (until_ms != 0)
		log_num(&l, "for_ms", until_ms - at.wall_ms);
	log_end(&l);
	return rc;
}

int64_t
primaries_maintained(struct primaries *p, const char *domain)
{
	struct mxmaintenance m;
	struct mxtime at;
	int64_t left = 0;

	primaries_clock(&at);
	pthread_mutex_lock(&p->lock);
	if (mxhealth_maintenance(p->health, domain, &at, &m) == SMX_OK)
		left = m.left_ms;
	pthread_mutex_unlock(&p->lock);
	return left;
}

/* ---- outages ---- */

size_t
primaries_down(struct primaries *p, const char *domain,
    struct backup_mail_host *out)
{
	const char *names[MXHEALTH_OF_ONE];
	enum mx_state states[MXHEALTH_OF_ONE];
	struct mxhost_word host;
	struct mxdomain_word word;
	struct mxtime at;
	size_t count, n = 0;

	_Static_assert(PRIMARIES_OF_ONE == MXHEALTH_OF_ONE, "hosts of one");
	primaries_clock(&at);
	pthread_mutex_lock(&p->lock);
	count = mxhealth_hosts_of(p->health, domain, names, states);
	if (mxhealth_domain(p->health, domain, &at, &word) != SMX_OK)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		if (mxhealth_host(p->health, names[i], &host) != SMX_OK ||
		    (word.announced && host.state != MX_DOWN))
			continue;
		memset(&out[n], 0, sizeof(out[n]));
		(void)text_copy(out[n].hop, sizeof(out[n].hop), names[i]);
		(void)text_copy(out[n].why, sizeof(out[n].why), host.why);
		out[n++].down_ms = host.state == MX_DOWN ? host.since_ms : 0;
	}
	pthread_mutex_unlock(&p->lock);
	return n;
}

struct some {
	char hosts[MXHEALTH_OF_ONE][NEXTHOP_TEXT];
	size_t count;
	primaries_outage_fn each;
	void *ctx;
};

static int
is_one_of(void *ctx, const struct backup_outage *outage)
{
	struct some *some = ctx;

	for (size_t i = 0; i < some->count; i++)
		if (strcmp(some->hosts[i], outage->hop) == 0)
			return some->each(some->ctx, outage);
	return 0;
}

int
primaries_outages(struct primaries *p, const char *domain, int64_t since_ms,
    primaries_outage_fn each, void *ctx)
{
	const char *names[MXHEALTH_OF_ONE];
	enum mx_state states[MXHEALTH_OF_ONE];
	struct some some = { .each = each, .ctx = ctx };

	pthread_mutex_lock(&p->lock);
	some.count = mxhealth_hosts_of(p->health, domain, names, states);
	for (size_t i = 0; i < some.count; i++)
		(void)snprintf(some.hosts[i], NEXTHOP_TEXT, "%s", names[i]);
	pthread_mutex_unlock(&p->lock);
	if (some.count == 0)
		return SMX_OK;
	return backup_outages_each(backup_db(p->backup), NULL, since_ms,
	    is_one_of, &some);
}
