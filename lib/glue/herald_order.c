/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/herald.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "glue/herald_in.h"
#include "glue/node_impl.h"

/* An operator's word, in the thread of who asks. */

static struct herald_domain *
find_locked(struct herald *h, const char *name, struct herald_group **group)
{
	for (size_t g = 0; g < h->group_count; g++)
		for (size_t i = 0; i < h->groups[g].conf->domain_count; i++)
			if (strcmp(h->groups[g].domains[i].name, name) == 0) {
				*group = &h->groups[g];
				return &h->groups[g].domains[i];
			}
	return NULL;
}

/* 0 when it is over. */
static int64_t
left_of(const struct herald_domain *d)
{
	int64_t left = d->until_ms - clock_wall_ms();

	return d->over || left < 0 ? 0 : left;
}

int
herald_maintained(struct herald *h, const char *domain, int64_t *left_ms)
{
	struct herald_group *group;
	struct herald_domain *d;

	pthread_mutex_lock(&h->lock);
	d = find_locked(h, domain, &group);
	*left_ms = d != NULL ? left_of(d) : 0;
	pthread_mutex_unlock(&h->lock);
	return d != NULL ? SMX_OK : SMX_ENOTFOUND;
}

int
herald_announced(struct herald *h, size_t n, char domain[SMX_NAME_MAX + 1],
    int64_t *left_ms)
{
	int rc = SMX_ENOTFOUND;

	pthread_mutex_lock(&h->lock);
	for (size_t g = 0; rc != SMX_OK && g < h->group_count; g++)
		for (size_t i = 0;
		     rc != SMX_OK && i < h->groups[g].conf->domain_count; i++) {
			struct herald_domain *d = &h->groups[g].domains[i];

			*left_ms = left_of(d);
			if (*left_ms == 0 || n-- != 0)
				continue;
			(void)text_copy(domain, SMX_NAME_MAX + 1, d->name);
			rc = SMX_OK;
		}
	pthread_mutex_unlock(&h->lock);
	return rc;
}

/* The thread says it, too, until it was heard. */
static int
maintenance_note(struct herald *h, const char *domain, int64_t for_ms)
{
	struct herald_group *group;
	struct herald_domain *d;
	int rc = SMX_ENOTFOUND;

	pthread_mutex_lock(&h->lock);
	d = find_locked(h, domain, &group);
	if (d != NULL) {
		if (for_ms != 0)
			d->until_ms = clock_wall_ms() + for_ms;
		d->over = for_ms == 0;
		rc = herald_note(h, d);
	}
	pthread_mutex_unlock(&h->lock);
	return rc;
}

struct telling {
	struct herald *herald;
	enum smx_request_kind kind;
	const char *domain; /* NULL: all */
	int64_t for_ms;
	herald_told_fn each;
	void *ctx;
};

/* In pieces; those that the order is about. */
static int
tell_member(const struct telling *t, const struct conf_primary_for *p,
    const char *member)
{
	struct smx_link *link = t->herald->node->ports.link;
	struct herald_told told = { .member = member };
	size_t peer, at = 0;
	int one = t->domain != NULL;

	told.result = node_peer_find(t->herald->node, member, &peer);
	while (told.result == SMX_OK && at < (one ? 1 : p->domain_count)) {
		struct smx_request request = { .kind = t->kind,
			.domains = one ? &t->domain : p->domains + at,
			.count = one ? 1 : p->domain_count - at,
			.for_ms = t->for_ms };
		struct smx_reply reply = { 0 };

		if (request.count > SMX_PUSH_MAX)
			request.count = SMX_PUSH_MAX;
		told.result = link->ops->request(link->ctx, peer, &request,
		    &reply, clock_mono_ms() + HERALD_REQUEST_MS);
		told.domains += request.count;
		told.refused += reply.foreign;
		at += request.count;
	}
	return t->each(t->ctx, &told);
}

static int
is_about(const struct telling *t, const struct conf_primary_for *p)
{
	if (t->domain == NULL)
		return 1;
	for (size_t i = 0; i < p->domain_count; i++)
		if (strcmp(p->domains[i], t->domain) == 0)
			return 1;
	return 0;
}

static int
tell_all(const struct telling *t)
{
	struct smx_config *config = node_config(t->herald->node);
	const struct conf *conf = config_conf(config);
	int rc = SMX_OK, found = 0;

	for (size_t i = 0; i < conf->primary_for_count; i++) {
		const struct conf_primary_for *p = &conf->primary_for[i];

		if (!is_about(t, p))
			continue;
		found = 1;
		for (size_t m = 0; rc == SMX_OK && m < p->member_count; m++)
			rc = tell_member(t, p, p->members[m]);
	}
	smx_config_release(&config);
	return found ? rc : SMX_ENOTFOUND;
}

int
herald_drain(struct herald *h, const char *domain, herald_told_fn each,
    void *ctx)
{
	const struct telling t = { h, SMX_REQ_DRAIN, domain, 0, each, ctx };

	return tell_all(&t);
}

int
herald_maintain(struct herald *h, const char *domain, int64_t for_ms,
    herald_told_fn each, void *ctx)
{
	const struct telling t = { h, SMX_REQ_MAINTAIN, domain, for_ms, each,
		ctx };
	int rc = maintenance_note(h, domain, for_ms);

	if (rc == SMX_OK)
		rc = tell_all(&t);
	pthread_mutex_lock(&h->lock);
	h->kicked = 1;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	return rc;
}
