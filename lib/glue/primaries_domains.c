/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/primaries.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/addr.h"
#include "core/policy.h"
#include "glue/node.h"
#include "glue/primaries_in.h"

/* One that only its recipients have named is forgotten when nobody has asked
 * for it for so long. */
#define ASKED_MS (INT64_C(24) * 3600 * 1000)

struct watched *
primaries_find_locked(struct primaries *p, const char *domain)
{
	uint64_t hash = idmap_hash(&p->by_name, domain, strlen(domain));

	for (struct idnode *n = idmap_first(&p->by_name, hash); n != NULL;
	     n = idmap_next(n)) {
		struct watched *w = (struct watched *)(void *)n;

		if (strcmp(w->name, domain) == 0)
			return w;
	}
	return NULL;
}

static int
room_locked(struct primaries *p)
{
	size_t room = p->room == 0 ? 64 : p->room * 2;
	struct watched **list;

	if (p->count == MXHEALTH_DOMAINS)
		return SMX_ELIMIT;
	if (p->count < p->room)
		return SMX_OK;
	list = realloc(p->list, room * sizeof(*list));
	if (list == NULL)
		return SMX_ENOMEM;
	p->list = list;
	p->room = room;
	return SMX_OK;
}

static struct watched *
make_locked(struct primaries *p, const char *domain)
{
	size_t len = strlen(domain);
	struct watched *w;

	if (len > BACKUP_DOMAIN_MAX || room_locked(p) != SMX_OK ||
	    idmap_reserve(&p->by_name) != SMX_OK)
		return NULL;
	w = calloc(1, sizeof(*w) + len + 1);
	if (w == NULL)
		return NULL;
	memcpy(w->name, domain, len + 1);
	w->place = p->count;
	p->list[p->count++] = w;
	idmap_add(&p->by_name, &w->node, idmap_hash(&p->by_name, domain, len));
	return w;
}

static void
drop_locked(struct primaries *p, struct watched *w)
{
	mxhealth_unwatch(p->health, w->name);
	idmap_remove(&p->by_name, &w->node);
	p->list[w->place] = p->list[--p->count];
	p->list[w->place]->place = w->place;
	free(w);
}

/* Its hosts, as this policy says.  MX records that were found before stand
 * until they are asked for again. */
static int
bind_locked(struct primaries *p, struct watched *w,
    const struct smx_backup *backup)
{
	int found = w->backup != NULL && w->lookup_ms != INT64_MAX;
	struct mxtime at;
	int rc = SMX_OK;

	primaries_clock(&at);
	if (backup->primary_count != 0 || !found)
		rc = mxhealth_watch(p->health, w->name, backup->primaries,
		    backup->primary_count, &at);
	if (rc != SMX_OK)
		return rc;
	if (backup->primary_count != 0) {
		w->lookup_ms = INT64_MAX;
		w->null_mx = 0;
	}
	if (backup->primary_count == 0 && !found)
		primaries_look_locked(p, w);
	w->backup = backup;
	w->policy = policy_backup_name(p->config, backup);
	return SMX_OK;
}

struct watched *
primaries_add_locked(struct primaries *p, const char *domain,
    const struct smx_backup *backup)
{
	static struct log_limit limit;
	struct watched *w;
	struct log_line l;

	if (policy_backup_name(p->config, backup) == NULL)
		return NULL;
	w = make_locked(p, domain);
	if (w != NULL && bind_locked(p, w, backup) == SMX_OK)
		return w;
	if (w != NULL)
		drop_locked(p, w);
	if (!log_allow(&limit, 1, clock_mono_ms()))
		return NULL;
	log_begin(&l, SMX_LOG_WARNING, NULL, "primary-not-watched");
	log_str(&l, "domain", domain);
	log_num(&l, "watched", (int64_t)p->count);
	log_unsaid(&l, limit.unsaid);
	log_end(&l);
	limit.unsaid = 0;
	return NULL;
}

/* ---- another configuration ---- */

/* The first policy that names a domain says who its primary is. */
static int
take_locked(void *ctx, const char *domain, const struct smx_backup *backup)
{
	struct primaries *p = ctx;
	struct watched *w = primaries_find_locked(p, domain);

	if (w == NULL)
		w = primaries_add_locked(p, domain, backup);
	else if (!w->kept && bind_locked(p, w, backup) != SMX_OK)
		w = NULL;
	if (w == NULL)
		return 0;
	w->listed = 1;
	w->kept = 1;
	return 0;
}

/* One that a recipient named stays with its policy, if that is still there. */
static int
stays_locked(struct primaries *p, struct watched *w)
{
	const struct smx_backup *backup;

	if (w->kept)
		return 1;
	if (w->listed || node_now_ms() - w->asked_ms > ASKED_MS)
		return 0;
	backup = policy_backup_of(p->config, w->policy);
	return backup != NULL && bind_locked(p, w, backup) == SMX_OK;
}

static void
change_locked(struct primaries *p, struct smx_config *config)
{
	const struct conf *conf = config_conf(config);
	const struct mxhealth_options options = { conf->backup_probe_ms,
		conf->backup_probe_down_ms, (unsigned)conf->backup_up_after,
		(unsigned)conf->backup_down_after };

	p->config = config;
	mxhealth_change(p->health, &options);
	for (size_t i = 0; i < p->count; i++)
		p->list[i]->kept = 0;
	policy_backup_each(config, take_locked, p);
	/* Without memory for all of them the others come with their recipients.
	 */
	(void)!policy_backup_tables(config, take_locked, p);
	for (size_t i = p->count; i > 0; i--)
		if (!stays_locked(p, p->list[i - 1]))
			drop_locked(p, p->list[i - 1]);
}

void
primaries_sync(struct primaries *p)
{
	struct smx_config *config = node_config(backup_node(p->backup));
	struct smx_config *old;

	pthread_mutex_lock(&p->lock);
	old = p->config;
	if (config != old) {
		change_locked(p, config);
		config = NULL;
	} else {
		old = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	smx_config_release(&config);
	smx_config_release(&old);
}

void
primaries_sweep_locked(struct primaries *p)
{
	int64_t now_ms = node_now_ms();

	for (size_t i = p->count; i > 0; i--) {
		struct watched *w = p->list[i - 1];

		if (!w->listed && !w->looking &&
		    now_ms - w->asked_ms > ASKED_MS)
			drop_locked(p, w);
	}
}

size_t
primaries_below(struct primaries *p, const char *domain, const struct ip *from,
    char (*out)[BACKUP_DOMAIN_MAX + 1], size_t max, size_t *watched)
{
	size_t n = 0;

	*watched = 0;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->count; i++) {
		const char *name = p->list[i]->name;

		if (!domain_within(name, domain))
			continue;
		++*watched;
		if (from != NULL && !mxhealth_is_of(p->health, name, from))
			continue;
		if (n < max || strcmp(name, domain) == 0)
			(void)text_copy(out[n < max ? n : 0], sizeof(*out),
			    name);
		n++;
	}
	pthread_mutex_unlock(&p->lock);
	return n;
}
