/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mxhealth.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/mxhealth_in.h"

/* ---- domains ---- */

struct mxdomain *
mxhealth_domain_find(const struct mxhealth *h, const char *domain)
{
	uint64_t hash = idmap_hash(&h->by_domain, domain, strlen(domain));

	for (struct idnode *n = idmap_first(&h->by_domain, hash); n != NULL;
	     n = idmap_next(n)) {
		struct mxdomain *d = (struct mxdomain *)(void *)n;

		if (strcmp(d->name, domain) == 0)
			return d;
	}
	return NULL;
}

static struct mxdomain *
add(struct mxhealth *h, const char *domain, const struct mxtime *at, int *rc)
{
	size_t len = strlen(domain);
	void **list = (void **)h->domain;
	struct mxdomain *d = NULL;

	*rc =
	    mxhealth_room(&list, h->domains, &h->domain_room, MXHEALTH_DOMAINS);
	h->domain = (struct mxdomain **)list;
	if (*rc == SMX_OK)
		*rc = idmap_reserve(&h->by_domain);
	if (*rc == SMX_OK) {
		d = calloc(1, sizeof(*d) + len + 1);
		*rc = d == NULL ? SMX_ENOMEM : SMX_OK;
	}
	if (*rc != SMX_OK)
		return NULL;
	memcpy(d->name, domain, len + 1);
	d->state = MX_UNKNOWN;
	d->since_ms = at->wall_ms;
	d->place = h->domains;
	h->domain[h->domains++] = d;
	idmap_add(&h->by_domain, &d->node,
	    idmap_hash(&h->by_domain, domain, len));
	return d;
}

static enum mx_state
state_of(const struct mxdomain *d, const struct mxhost **shown)
{
	size_t down = 0, others = 0;

	*shown = NULL;
	for (size_t i = 0; i < d->count; i++) {
		if (d->host[i]->own)
			continue;
		if (others++ == 0)
			*shown = d->host[i];
		if (d->host[i]->state == MX_UP) {
			*shown = d->host[i];
			return MX_UP;
		}
		down += d->host[i]->state == MX_DOWN;
	}
	return down != 0 && down == others ? MX_DOWN : MX_UNKNOWN;
}

/* Since when: the first of those that are up, the last of those that went. */
static int64_t
since_of(const struct mxdomain *d, enum mx_state state, int64_t wall_ms)
{
	int64_t since_ms = state == MX_UP ? wall_ms : 0;

	for (size_t i = 0; i < d->count; i++) {
		const struct mxhost *host = d->host[i];

		if (host->state != state)
			continue;
		if (state == MX_UP ? host->since_ms < since_ms
				   : host->since_ms > since_ms)
			since_ms = host->since_ms;
	}
	return since_ms;
}

/* Non-zero: it is in another state now. */
static int
follow(struct mxdomain *d, const struct mxhost *cause, const struct mxtime *at)
{
	enum mx_state state = state_of(d, &d->shown);

	if (state == d->state)
		return 0;
	d->state = state;
	d->since_ms =
	    state == MX_UNKNOWN ? at->wall_ms : since_of(d, state, at->wall_ms);
	if (cause == NULL)
		cause = d->shown;
	d->why[0] = '\0';
	if (cause != NULL)
		memcpy(d->why, cause->why, sizeof(d->why));
	return 1;
}

/* Changes are rare, so that a way through all domains is cheaper than knowing
 * whose they are. */
void
mxhealth_follow(struct mxhealth *h, const struct mxhost *host,
    const struct mxtime *at, struct mxchange *change)
{
	change->domains = change->announced = 0;
	for (size_t i = 0; i < h->domains; i++) {
		struct mxdomain *d = h->domain[i];
		size_t k = 0;

		while (k < d->count && d->host[k] != host)
			k++;
		if (k == d->count || !follow(d, host, at))
			continue;
		change->domains++;
		change->announced +=
		    mxhealth_pause_find(h, d->name, at->now_ms) != NULL;
	}
}

static int
has(const struct mxhost *const *list, size_t count, const struct mxhost *host)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == host)
			return 1;
	return 0;
}

/* Those that are gone are let go only when the new ones are there. */
static void
replace(struct mxdomain *d, struct mxhost *const *hosts, size_t count)
{
	for (size_t i = 0; i < d->count; i++)
		mxhealth_unuse(d->host[i]);
	memcpy(d->host, hosts, count * sizeof(*hosts));
	d->count = count;
}

int
mxhealth_watch(struct mxhealth *h, const char *domain, const char *const *names,
    size_t count, const struct mxtime *at)
{
	struct mxdomain *d = mxhealth_domain_find(h, domain);
	struct mxhost *hosts[MXHEALTH_OF_ONE];
	int rc = SMX_OK, made = d == NULL;
	size_t n = 0;

	if (made)
		d = add(h, domain, at, &rc);
	if (d == NULL)
		return rc;
	for (size_t i = 0; i < count && n < MXHEALTH_OF_ONE; i++) {
		struct mxhost *host = mxhealth_get(h, names[i], at, &rc);

		/* those that there is room for are better than none */
		if (host == NULL ||
		    has((const struct mxhost *const *)hosts, n, host))
			continue;
		mxhealth_use(h, host, at);
		hosts[n++] = host;
	}
	if (n == 0 && count != 0) {
		if (made)
			mxhealth_unwatch(h, domain);
		return rc;
	}
	replace(d, hosts, n);
	(void)follow(d, NULL, at);
	return SMX_OK;
}

void
mxhealth_unwatch(struct mxhealth *h, const char *domain)
{
	struct mxdomain *d = mxhealth_domain_find(h, domain);

	if (d == NULL)
		return;
	for (size_t i = 0; i < d->count; i++)
		mxhealth_unuse(d->host[i]);
	idmap_remove(&h->by_domain, &d->node);
	h->domain[d->place] = h->domain[--h->domains];
	h->domain[d->place]->place = d->place;
	free(d);
}

int
mxhealth_domain(const struct mxhealth *h, const char *domain,
    const struct mxtime *at, struct mxdomain_word *out)
{
	const struct mxdomain *d = mxhealth_domain_find(h, domain);
	const struct mxpause *pause;

	if (d == NULL)
		return SMX_ENOTFOUND;
	memset(out, 0, sizeof(*out));
	out->state = d->state;
	out->since_ms = d->since_ms;
	out->host = d->shown != NULL ? d->shown->name : "";
	memcpy(out->why, d->why, sizeof(out->why));
	pause = mxhealth_pause_find(h, domain, at->now_ms);
	if (pause == NULL)
		return SMX_OK;
	out->announced = 1;
	/* what was down before stays so since then */
	if (out->state != MX_DOWN || out->since_ms > pause->from_ms)
		out->since_ms = pause->from_ms;
	out->state = MX_DOWN;
	(void)text_copy(out->why, sizeof(out->why), "announced maintenance");
	return SMX_OK;
}

size_t
mxhealth_hosts_of(const struct mxhealth *h, const char *domain,
    const char *hosts[MXHEALTH_OF_ONE], enum mx_state states[MXHEALTH_OF_ONE])
{
	const struct mxdomain *d = mxhealth_domain_find(h, domain);

	size_t n = 0;

	if (d == NULL)
		return 0;
	for (size_t i = 0; i < d->count; i++) {
		if (d->host[i]->own)
			continue;
		hosts[n] = d->host[i]->name;
		states[n++] = d->host[i]->state;
	}
	return n;
}

size_t
mxhealth_domains(const struct mxhealth *h)
{
	return h->domains;
}

/* ---- maintenance ---- */

static struct mxpause *
find(const struct mxhealth *h, const char *domain)
{
	uint64_t hash;

	if (h->pauses == 0)
		return NULL;
	hash = idmap_hash(&h->by_pause, domain, strlen(domain));
	for (struct idnode *n = idmap_first(&h->by_pause, hash); n != NULL;
	     n = idmap_next(n)) {
		struct mxpause *p = (struct mxpause *)(void *)n;

		if (strcmp(p->name, domain) == 0)
			return p;
	}
	return NULL;
}

const struct mxpause *
mxhealth_pause_find(const struct mxhealth *h, const char *domain,
    int64_t now_ms)
{
	const struct mxpause *p = find(h, domain);

	return p != NULL && now_ms < p->end_ms ? p : NULL;
}

static void
drop(struct mxhealth *h, struct mxpause *pause)
{
	size_t i = 0;

	while (h->pause[i] != pause)
		i++;
	h->pause[i] = h->pause[--h->pauses];
	idmap_remove(&h->by_pause, &pause->node);
	free(pause);
}

static struct mxpause *
pause_add(struct mxhealth *h, const char *domain, int *rc)
{
	void **list = (void **)h->pause;
	struct mxpause *p = NULL;

	*rc = mxhealth_room(&list, h->pauses, &h->pause_room, MXHEALTH_DOMAINS);
	h->pause = (struct mxpause **)list;
	if (*rc == SMX_OK)
		*rc = idmap_reserve(&h->by_pause);
	if (*rc == SMX_OK) {
		p = calloc(1, sizeof(*p));
		*rc = p == NULL ? SMX_ENOMEM : SMX_OK;
	}
	if (p != NULL && text_copy(p->name, sizeof(p->name), domain)) {
		*rc = SMX_EINVAL;
		free(p);
		p = NULL;
	}
	if (p == NULL)
		return NULL;
	h->pause[h->pauses++] = p;
	idmap_add(&h->by_pause, &p->node,
	    idmap_hash(&h->by_pause, p->name, strlen(p->name)));
	return p;
}

int
mxhealth_maintain(struct mxhealth *h, const char *domain, int64_t from_ms,
    int64_t until_ms, const struct mxtime *at)
{
	struct mxpause *p = find(h, domain);
	int64_t left = until_ms - at->wall_ms;
	int rc;

	if (until_ms == 0 || left <= 0) {
		if (p != NULL)
			drop(h, p);
		return SMX_OK;
	}
	/* the wall clock went back meanwhile: not longer than it was meant */
	if (from_ms > at->wall_ms && left > until_ms - from_ms)
		left = until_ms - from_ms;
	if (p == NULL)
		p = pause_add(h, domain, &rc);
	if (p == NULL)
		return rc;
	p->from_ms = from_ms;
	p->until_ms = until_ms;
	p->end_ms = at->now_ms + left;
	return SMX_OK;
}

static void
pause_describe(const struct mxpause *p, const struct mxtime *at,
    struct mxmaintenance *out)
{
	memcpy(out->domain, p->name, sizeof(out->domain));
	out->from_ms = p->from_ms;
	out->until_ms = p->until_ms;
	out->left_ms = p->end_ms > at->now_ms ? p->end_ms - at->now_ms : 0;
}

int
mxhealth_maintenance_at(const struct mxhealth *h, size_t n,
    const struct mxtime *at, struct mxmaintenance *out)
{
	for (size_t i = 0; i < h->pauses; i++) {
		if (h->pause[i]->end_ms <= at->now_ms || n-- != 0)
			continue;
		pause_describe(h->pause[i], at, out);
		return SMX_OK;
	}
	return SMX_ENOTFOUND;
}

int
mxhealth_maintenance(const struct mxhealth *h, const char *domain,
    const struct mxtime *at, struct mxmaintenance *out)
{
	const struct mxpause *p = mxhealth_pause_find(h, domain, at->now_ms);

	if (p == NULL)
		return SMX_ENOTFOUND;
	pause_describe(p, at, out);
	return SMX_OK;
}

int
mxhealth_maintenance_over(struct mxhealth *h, const struct mxtime *at,
    struct mxmaintenance *out)
{
	for (size_t i = 0; i < h->pauses; i++) {
		struct mxpause *p = h->pause[i];

		if (p->end_ms > at->now_ms)
			continue;
		pause_describe(p, at, out);
		drop(h, p);
		return 1;
	}
	return 0;
}
