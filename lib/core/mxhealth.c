/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mxhealth.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/mxhealth_in.h"

#define KEEPS_UP   3    /* probes that a word of yesterday stands for */
#define ASK_MS     2000 /* between the first probes of one that is unknown */
#define ASKS       10   /* and so many of them */
#define SOON_MS    1000 /* after bad news of somebody else */
#define SPREAD_MS  500  /* the first probes: over so long, */
#define SPREAD_ONE 20   /* and so much more for each host */

/* ---- its life ---- */

int
mxhealth_new(struct mxhealth **out, const struct mxhealth_options *options,
    uint64_t seed)
{
	struct mxhealth *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return SMX_ENOMEM;
	h->options = *options;
	h->random = seed | 1;
	idmap_init(&h->by_host, seed);
	idmap_init(&h->by_domain, seed);
	idmap_init(&h->by_pause, seed);
	*out = h;
	return SMX_OK;
}

void
mxhealth_free(struct mxhealth **health)
{
	struct mxhealth *h = *health;

	if (h == NULL)
		return;
	for (size_t i = 0; i < h->hosts; i++)
		free(h->host[i]);
	for (size_t i = 0; i < h->domains; i++)
		free(h->domain[i]);
	for (size_t i = 0; i < h->pauses; i++)
		free(h->pause[i]);
	free(h->host);
	free(h->domain);
	free(h->pause);
	idmap_free(&h->by_host);
	idmap_free(&h->by_domain);
	idmap_free(&h->by_pause);
	free(h);
	*health = NULL;
}

int
mxhealth_room(void ***list, size_t count, size_t *room, size_t max)
{
	size_t want = *room == 0 ? 64 : *room * 2;
	void **more;

	if (count >= max)
		return SMX_ELIMIT;
	if (count < *room)
		return SMX_OK;
	more = realloc(*list, want * sizeof(*more));
	if (more == NULL)
		return SMX_ENOMEM;
	*list = more;
	*room = want;
	return SMX_OK;
}

int64_t
mxhealth_dice(struct mxhealth *h, int64_t limit)
{
	h->random ^= h->random << 13;
	h->random ^= h->random >> 7;
	h->random ^= h->random << 17;
	return limit <= 0 ? 0 : (int64_t)(h->random % (uint64_t)limit);
}

/* ---- when ---- */

static int64_t
pause_of(const struct mxhealth *h, const struct mxhost *host)
{
	const struct mxhealth_options *o = &h->options;
	int64_t doubt = o->down_ms < o->up_ms ? o->down_ms : o->up_ms;

	if (host->state == MX_UP)
		return host->bad == 0 && host->busy == 0 ? o->up_ms : doubt;
	if (host->state == MX_DOWN)
		return o->down_ms;
	return host->results < ASKS && ASK_MS < doubt ? ASK_MS : doubt;
}

/* A tenth less to a tenth more. */
static void
plan(struct mxhealth *h, struct mxhost *host, int64_t now_ms)
{
	int64_t pause = pause_of(h, host);

	host->due_ms =
	    now_ms + pause - pause / 10 + mxhealth_dice(h, pause / 5 + 1);
}

/* Soon, but not all at the same time. */
static void
plan_first(struct mxhealth *h, struct mxhost *host, int64_t now_ms)
{
	int64_t spread = SPREAD_MS + SPREAD_ONE * (int64_t)h->hosts;

	if (spread > h->options.down_ms)
		spread = h->options.down_ms;
	host->due_ms = now_ms + mxhealth_dice(h, spread + 1);
}

void
mxhealth_change(struct mxhealth *h, const struct mxhealth_options *options)
{
	h->options = *options;
	/* a shorter pause holds at once; a longer one after the next probe */
	for (size_t i = 0; i < h->hosts; i++) {
		struct mxhost *host = h->host[i];
		int64_t latest = host->seen_now_ms + pause_of(h, host);

		host->own = 0;
		if (host->results > 0 && host->due_ms > latest)
			host->due_ms = latest + mxhealth_dice(h, SOON_MS);
	}
}

/* ---- hosts ---- */

struct mxhost *
mxhealth_find(const struct mxhealth *h, const char *name)
{
	uint64_t hash = idmap_hash(&h->by_host, name, strlen(name));

	for (struct idnode *n = idmap_first(&h->by_host, hash); n != NULL;
	     n = idmap_next(n)) {
		struct mxhost *host = (struct mxhost *)(void *)n;

		if (strcmp(host->name, name) == 0)
			return host;
	}
	return NULL;
}

/* One that nobody names any more makes room. */
static int
make_room(struct mxhealth *h)
{
	for (size_t i = 0; i < h->hosts; i++) {
		struct mxhost *host = h->host[i];

		if (host->domains != 0 || host->probing || host->changed)
			continue;
		idmap_remove(&h->by_host, &host->node);
		free(host);
		h->host[i] = h->host[--h->hosts];
		return SMX_OK;
	}
	return SMX_ELIMIT;
}

static int
add(struct mxhealth *h, struct mxhost *host)
{
	void **list = (void **)h->host;
	int rc = SMX_OK;

	if (h->hosts == MXHEALTH_HOSTS)
		rc = make_room(h);
	if (rc == SMX_OK)
		rc = mxhealth_room(&list, h->hosts, &h->host_room,
		    MXHEALTH_HOSTS);
	h->host = (struct mxhost **)list;
	if (rc == SMX_OK)
		rc = idmap_reserve(&h->by_host);
	if (rc != SMX_OK)
		return rc;
	h->host[h->hosts++] = host;
	idmap_add(&h->by_host, &host->node,
	    idmap_hash(&h->by_host, host->name, strlen(host->name)));
	return SMX_OK;
}

struct mxhost *
mxhealth_get(struct mxhealth *h, const char *name, const struct mxtime *at,
    int *rc)
{
	struct mxhost *host = mxhealth_find(h, name);

	*rc = SMX_OK;
	if (host != NULL)
		return host;
	host = calloc(1, sizeof(*host));
	*rc = host == NULL ? SMX_ENOMEM : SMX_OK;
	if (host != NULL && text_copy(host->name, sizeof(host->name), name))
		*rc = SMX_EINVAL;
	if (*rc == SMX_OK)
		*rc = add(h, host);
	if (*rc != SMX_OK) {
		free(host);
		return NULL;
	}
	host->state = MX_UNKNOWN;
	host->since_ms = at->wall_ms;
	host->since_now_ms = at->now_ms;
	return host;
}

static int
is_stale(const struct mxhealth *h, int64_t age_ms)
{
	return age_ms < 0 || age_ms > KEEPS_UP * h->options.up_ms;
}

static void
forget_up(struct mxhost *host, const struct mxtime *at)
{
	host->state = MX_UNKNOWN;
	host->since_ms = at->wall_ms;
	host->since_now_ms = at->now_ms;
	host->good = 0;
}

void
mxhealth_use(struct mxhealth *h, struct mxhost *host, const struct mxtime *at)
{
	if (host->domains++ != 0)
		return;
	if (host->state == MX_UP && is_stale(h, at->now_ms - host->seen_now_ms))
		forget_up(host, at);
	host->results = 0;
	plan_first(h, host, at->now_ms);
}

void
mxhealth_unuse(struct mxhost *host)
{
	host->domains--;
}

int
mxhealth_restore(struct mxhealth *h, const struct mxhost_word *was,
    const struct mxtime *at)
{
	int rc;
	struct mxhost *host = mxhealth_get(h, was->name, at, &rc);

	if (host == NULL)
		return rc;
	(void)text_copy(host->why, sizeof(host->why), was->why);
	host->seen_ms = was->seen_ms;
	host->seen_now_ms = at->now_ms;
	if (was->state != MX_DOWN &&
	    (was->state != MX_UP || is_stale(h, at->wall_ms - was->seen_ms)))
		return SMX_OK;
	host->state = was->state;
	host->since_ms =
	    was->since_ms < at->wall_ms ? was->since_ms : at->wall_ms;
	host->since_now_ms = -1;
	return SMX_OK;
}

static void
describe(const struct mxhost *host, struct mxhost_word *out)
{
	memset(out, 0, sizeof(*out));
	out->name = host->name;
	out->state = host->state;
	out->since_ms = host->since_ms;
	out->seen_ms = host->seen_ms;
	memcpy(out->why, host->why, sizeof(out->why));
	out->domains = host->domains;
	out->due_ms = host->due_ms;
}

int
mxhealth_host(const struct mxhealth *h, const char *name,
    struct mxhost_word *out)
{
	const struct mxhost *host = mxhealth_find(h, name);

	if (host == NULL)
		return SMX_ENOTFOUND;
	describe(host, out);
	return SMX_OK;
}

int
mxhealth_host_at(const struct mxhealth *h, size_t n, struct mxhost_word *out)
{
	if (n >= h->hosts)
		return SMX_ENOTFOUND;
	describe(h->host[n], out);
	return SMX_OK;
}

/* ---- probes ---- */

static int
may_be_probed(const struct mxhost *host)
{
	return host->domains != 0 && !host->probing && !host->own;
}

static struct mxhost *
earliest(const struct mxhealth *h)
{
	struct mxhost *best = NULL;

	for (size_t i = 0; i < h->hosts; i++)
		if (may_be_probed(h->host[i]) &&
		    (best == NULL || h->host[i]->due_ms < best->due_ms))
			best = h->host[i];
	return best;
}

const char *
mxhealth_next(struct mxhealth *h, int64_t now_ms)
{
	struct mxhost *host = earliest(h);

	if (host == NULL || host->due_ms > now_ms)
		return NULL;
	host->probing = 1;
	return host->name;
}

int64_t
mxhealth_due(const struct mxhealth *h)
{
	const struct mxhost *host = earliest(h);

	return host != NULL ? host->due_ms : INT64_MAX;
}

/* Several that nobody has taken yet are one; back where it was is none. */
static void
note(struct mxhost *host, enum mx_state to, const struct mxtime *at)
{
	struct mxchange *c = &host->change;
	int64_t wall_ms =
	    at->wall_ms < host->since_ms ? host->since_ms : at->wall_ms;

	if (!host->changed) {
		memset(c, 0, sizeof(*c));
		memcpy(c->name, host->name, sizeof(c->name));
		c->from = host->state;
		c->from_ms = host->since_ms;
		c->lasted_ms = host->since_now_ms < 0
				   ? -1
				   : at->now_ms - host->since_now_ms;
	}
	host->changed = c->from != to;
	c->to = to;
	c->at_ms = wall_ms;
	memcpy(c->why, host->why, sizeof(c->why));
	host->state = to;
	host->since_ms = wall_ms;
	host->since_now_ms = at->now_ms;
}

/* Who is busy breaks no row: a host that is half down and half busy takes no
 * mail either way. */
static void
count(const struct mxhealth *h, struct mxhost *host, int well)
{
	const struct mxhealth_options *o = &h->options;

	if (well == MX_BUSY) {
		host->busy += host->busy < o->down_after * MXHEALTH_BUSY;
	} else if (well) {
		host->good += host->good < o->up_after;
		host->bad = host->busy = 0;
	} else {
		host->bad += host->bad < o->down_after;
		host->good = 0;
	}
}

static enum mx_state
state_of(const struct mxhealth *h, const struct mxhost *host, int well)
{
	const struct mxhealth_options *o = &h->options;

	if (well == MX_GOOD && host->good >= o->up_after)
		return MX_UP;
	if (host->bad >= o->down_after ||
	    host->busy >= o->down_after * MXHEALTH_BUSY)
		return MX_DOWN;
	return host->state;
}

static void
result(struct mxhealth *h, struct mxhost *host, int well, const char *why,
    const struct mxtime *at)
{
	enum mx_state to;

	if (host->own)
		return;
	if (host->results < ASKS)
		host->results++;
	host->seen_ms = at->wall_ms;
	host->seen_now_ms = at->now_ms;
	count(h, host, well);
	to = state_of(h, host, well);
	if (to == host->state)
		return;
	(void)text_copy(host->why, sizeof(host->why), why);
	note(host, to, at);
	mxhealth_follow(h, host, at, &host->change);
}

void
mxhealth_probed(struct mxhealth *h, const char *name, int well, const char *why,
    const struct mxtime *at)
{
	struct mxhost *host = mxhealth_find(h, name);

	if (host == NULL)
		return;
	host->probing = 0;
	result(h, host, well, why, at);
	plan(h, host, at->now_ms);
}

void
mxhealth_unprobed(struct mxhealth *h, const char *name, const struct mxtime *at)
{
	struct mxhost *host = mxhealth_find(h, name);

	if (host == NULL)
		return;
	host->probing = 0;
	plan(h, host, at->now_ms);
}

void
mxhealth_own(struct mxhealth *h, const char *name, const struct mxtime *at)
{
	struct mxhost *host = mxhealth_find(h, name);
	struct mxchange ignored;

	if (host == NULL)
		return;
	host->probing = 0;
	host->own = 1;
	host->state = MX_UNKNOWN;
	host->good = host->bad = host->busy = 0;
	host->changed = 0;
	(void)text_copy(host->why, sizeof(host->why), "it is this host");
	mxhealth_follow(h, host, at, &ignored);
}

/* Not the last one that is missing: that is a probe's to say. */
static void
heard_bad(struct mxhealth *h, struct mxhost *host, int well, int64_t now_ms)
{
	int64_t soon = now_ms + mxhealth_dice(h, SOON_MS + 1);

	if (well != MX_BUSY)
		host->good = 0;
	if (well != MX_BUSY && host->bad + 1 < h->options.down_after)
		host->bad++;
	if (host->seen_now_ms + SOON_MS > soon && host->results > 0)
		soon = host->seen_now_ms + SOON_MS;
	if (host->state != MX_DOWN && soon < host->due_ms)
		host->due_ms = soon;
}

void
mxhealth_heard(struct mxhealth *h, const char *name, int well, const char *why,
    const struct mxtime *at)
{
	struct mxhost *host = mxhealth_find(h, name);

	if (host == NULL)
		return;
	if (well != MX_GOOD) {
		heard_bad(h, host, well, at->now_ms);
		return;
	}
	result(h, host, 1, why, at);
	plan(h, host, at->now_ms);
}

int
mxhealth_changed(struct mxhealth *h, struct mxchange *out)
{
	for (size_t i = 0; i < h->hosts; i++) {
		if (!h->host[i]->changed)
			continue;
		h->host[i]->changed = 0;
		*out = h->host[i]->change;
		return 1;
	}
	return 0;
}
