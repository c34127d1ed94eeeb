/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/primaries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/alarm.h"
#include "glue/node.h"
#include "glue/primaries_in.h"
#include "io/backup_hosts.h"

/* ---- what is written down ---- */

static void
not_written(int rc)
{
	static struct log_limit limit;
	struct log_line l;

	if (rc == SMX_OK || rc == SMX_ECLOSED ||
	    !log_allow(&limit, 1, clock_mono_ms()))
		return;
	log_begin(&l, SMX_LOG_ERR, NULL, "primary-not-noted");
	log_err(&l, "result", rc);
	log_unsaid(&l, limit.unsaid);
	log_end(&l);
	limit.unsaid = 0;
}

static void
row_of(const struct mxhost_word *host, struct backup_host *out)
{
	memset(out, 0, sizeof(*out));
	(void)text_copy(out->hop, sizeof(out->hop), host->name);
	out->state = host->state;
	out->since_ms = host->since_ms;
	out->seen_ms = host->seen_ms;
	memcpy(out->why, host->why, sizeof(out->why));
}

static size_t
rows_of(struct primaries *p, struct backup_host **out)
{
	struct mxhost_word host;
	struct backup_host *rows;
	size_t n = 0;

	pthread_mutex_lock(&p->lock);
	while (mxhealth_host_at(p->health, n, &host) == SMX_OK)
		n++;
	rows = calloc(n + 1, sizeof(*rows));
	n = 0;
	for (size_t i = 0;
	     rows != NULL && mxhealth_host_at(p->health, i, &host) == SMX_OK;
	     i++)
		if (host.domains != 0 && host.seen_ms != 0)
			row_of(&host, &rows[n++]);
	pthread_mutex_unlock(&p->lock);
	*out = rows;
	return n;
}

void
primaries_save(struct primaries *p)
{
	struct backup_host *rows;
	size_t n = rows_of(p, &rows);

	not_written(backup_hosts_put(backup_db(p->backup), rows, n));
	free(rows);
}

static void
write_change(struct primaries *p, const struct mxchange *c)
{
	enum backup_outage_step step = c->to == MX_DOWN ? OUTAGE_BEGINS
				       : c->to == MX_UP ? OUTAGE_ENDS
							: OUTAGE_NONE;
	struct backup_host row;

	memset(&row, 0, sizeof(row));
	memcpy(row.hop, c->name, sizeof(row.hop));
	row.state = c->to;
	row.since_ms = c->at_ms;
	row.seen_ms = c->at_ms;
	memcpy(row.why, c->why, sizeof(row.why));
	not_written(backup_host_change(backup_db(p->backup), &row, step,
	    c->domains != 0 && c->announced == c->domains));
}

/* ---- what is told ---- */

static const char *
state_word(enum mx_state state)
{
	return state == MX_UP ? "up" : state == MX_DOWN ? "down" : "unknown";
}

static void
log_change(const struct mxchange *c)
{
	struct log_line l;

	if (c->to == MX_DOWN)
		log_begin(&l, SMX_LOG_WARNING, NULL, "primary-down");
	else
		log_begin(&l, SMX_LOG_NOTICE, NULL, "primary-up");
	log_str(&l, "host", c->name);
	log_str(&l, "was", state_word(c->from));
	log_num(&l, "was_ms",
	    c->lasted_ms >= 0 ? c->lasted_ms : c->at_ms - c->from_ms);
	log_num(&l, "domains", (int64_t)c->domains);
	if (c->announced != 0)
		log_num(&l, "announced", (int64_t)c->announced);
	log_str(&l, "reason", c->why);
	log_end(&l);
}

/* Nobody is called for a host beside which another one is up, nor for what was
 * announced. */
static void
alarm_change(struct primaries *p, const struct mxchange *c)
{
	char text[256];

	if (c->to != MX_DOWN || c->domains == c->announced)
		return;
	snprintf(text, sizeof(text),
	    "%zu domain%s without a primary MX that is up: %s",
	    c->domains - c->announced,
	    c->domains - c->announced == 1 ? "" : "s", c->why);
	alarm_tell(backup_node(p->backup), "primary-down", c->name, text);
}

static int
change_take(struct primaries *p, struct mxchange *out)
{
	int any;

	pthread_mutex_lock(&p->lock);
	any = mxhealth_changed(p->health, out);
	pthread_mutex_unlock(&p->lock);
	return any;
}

/* It was announced until now: whatever is still down is nobody's plan. */
static void
maintenance_over(struct primaries *p, const struct mxmaintenance *m)
{
	struct primaries_word word;
	struct log_line l;

	(void)primaries_state(p, NULL, m->domain, &word);
	not_written(
	    backup_maintenance_put(backup_db(p->backup), m->domain, 0, 0));
	log_begin(&l, SMX_LOG_NOTICE, NULL, "maintenance-over");
	log_str(&l, "domain", m->domain);
	log_str(&l, "primary", state_word(word.state));
	log_end(&l);
	if (word.state == MX_DOWN)
		alarm_tell(backup_node(p->backup), "primary-down", m->domain,
		    "its maintenance is over, and no primary MX is up");
}

static int
maintenance_take(struct primaries *p, struct mxmaintenance *out)
{
	struct mxtime at;
	int any;

	primaries_clock(&at);
	pthread_mutex_lock(&p->lock);
	any = mxhealth_maintenance_over(p->health, &at, out);
	pthread_mutex_unlock(&p->lock);
	return any;
}

void
primaries_tell(struct primaries *p)
{
	struct mxmaintenance m;
	struct mxchange c;

	while (change_take(p, &c)) {
		write_change(p, &c);
		log_change(&c);
		alarm_change(p, &c);
	}
	while (maintenance_take(p, &m))
		maintenance_over(p, &m);
}

/* ---- what an earlier process knew ---- */

static int
host_load(void *ctx, const struct backup_host *row)
{
	struct primaries *p = ctx;
	struct mxhost_word was = { .name = row->hop,
		.state = row->state,
		.since_ms = row->since_ms,
		.seen_ms = row->seen_ms };
	struct mxtime at;

	memcpy(was.why, row->why, sizeof(was.why));
	primaries_clock(&at);
	return mxhealth_restore(p->health, &was, &at) != SMX_OK;
}

static int
maintenance_load(void *ctx, const char *domain, int64_t from_ms,
    int64_t until_ms)
{
	struct primaries *p = ctx;
	struct mxtime at;

	primaries_clock(&at);
	return mxhealth_maintain(p->health, domain, from_ms, until_ms, &at) !=
	       SMX_OK;
}

int
primaries_load(struct primaries *p)
{
	int rc = backup_hosts_each(backup_db(p->backup), host_load, p);

	if (rc != SMX_OK)
		return rc;
	return backup_maintenances_each(backup_db(p->backup), maintenance_load,
	    p);
}
