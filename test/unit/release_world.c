/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "release_world.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#define PROBES_MS 30000
#define RETRY_MS  300000
#define FAILS     20 /* deliveries at a time to a host that is away */

void
world_domain(char out[32], size_t domain)
{
	snprintf(out, 32, "d%zu.test", domain);
}

void
world_make(struct world *w, size_t hosts, size_t domains, size_t mails)
{
	static const struct release_conf conf = { { 10, 200 }, 432000000 };

	memset(w, 0, sizeof(*w));
	w->now_ms = 1000000;
	w->wall_ms = INT64_C(1800000000000);
	w->hosts = hosts;
	w->domains = domains;
	w->mails = mails;
	w->policy.hold_ms = 432000000;
	w->policy.warn_ms = 86400000;
	w->policy.at_end = BACKUP_END_RETURN;
	for (size_t i = 0; i < hosts; i++) {
		w->host[i].probed = MX_DOWN;
		w->host[i].rate = 20;
	}
	for (size_t i = 0; i < domains; i++)
		w->host_of[i] = i % hosts;
	for (size_t i = 0; i < mails; i++) {
		w->mail[i].domain = i % domains;
		w->mail[i].place = ON_HOLD;
		w->mail[i].taken_ms = w->wall_ms - 3600000 + (int64_t)i;
		w->mail[i].hold.until_ms =
		    w->mail[i].taken_ms + w->policy.hold_ms;
	}
	ck_assert_int_eq(release_new(&w->release, &conf, 4711), SMX_OK);
}

void
world_free(struct world *w)
{
	release_free(&w->release);
}

void
world_host(struct world *w, size_t host, int up)
{
	w->host[host].up = up;
	w->host[host].since_ms = w->now_ms;
}

void
world_probe(struct world *w)
{
	for (size_t i = 0; i < w->hosts; i++)
		w->host[i].probed = w->host[i].up ? MX_UP : MX_DOWN;
}

size_t
world_count(const struct world *w, enum place place)
{
	size_t n = 0;

	for (size_t i = 0; i < w->mails; i++)
		n += w->mail[i].place == place;
	return n;
}

/* ---- the MTA ---- */

static void
leaves(struct world *w, struct mail *m, enum place place)
{
	struct host *h = &w->host[w->host_of[m->domain]];

	m->place = place;
	m->times += place == TAKEN;
	w->flow[m->domain].left++;
	w->flow[m->domain].in_queue--;
	h->in_queue--;
	*(place == TAKEN ? &w->flow[m->domain].delivered
			 : &w->flow[m->domain].returned) += 1;
}

static void
try_one(struct world *w, struct mail *m, int fails[HOSTS_MAX])
{
	struct host *h = &w->host[w->host_of[m->domain]];

	if (h->up && !m->stubborn && h->left_10 >= 10) {
		h->left_10 -= 10;
		leaves(w, m, h->refuses ? GIVEN_BACK : TAKEN);
	} else if (m->stubborn ||
		   (!h->up && fails[w->host_of[m->domain]]++ < FAILS)) {
		m->try_ms = w->now_ms + RETRY_MS;
		w->flow[m->domain].deferred += !m->put_off;
		m->put_off = 1;
	}
}

static void
mta(struct world *w)
{
	int fails[HOSTS_MAX] = { 0 };

	for (size_t i = 0; i < w->hosts; i++)
		w->host[i].left_10 = w->host[i].rate * RELEASE_STEP_MS / 100;
	for (size_t i = 0; i < w->mails; i++)
		if (w->mail[i].place == IN_QUEUE &&
		    w->now_ms >= w->mail[i].try_ms)
			try_one(w, &w->mail[i], fails);
}

static void
probe(struct world *w)
{
	for (size_t i = 0; i < w->hosts; i++)
		if (w->now_ms - w->host[i].since_ms >= PROBES_MS)
			w->host[i].probed = w->host[i].up ? MX_UP : MX_DOWN;
}

/* ---- the releaser ---- */

static int
is_of(const struct world *w, size_t mail, const char *domain)
{
	char name[32];

	world_domain(name, w->mail[mail].domain);
	return strcmp(name, domain) == 0;
}

static void
let_go(struct world *w, struct mail *m)
{
	struct host *h = &w->host[w->host_of[m->domain]];

	m->place = IN_QUEUE;
	m->put_off = 0;
	m->try_ms = w->now_ms;
	m->order = ++w->orders;
	m->anew |= release_way(w->release, m->taken_ms) == RELEASE_ANEW;
	w->flow[m->domain].in_queue++;
	w->gave++;
	w->gave_to[m->domain]++;
	h->in_queue++;
	if (h->in_queue > h->in_queue_most)
		h->in_queue_most = h->in_queue;
}

static void
go(struct world *w, const struct release_turn *turn)
{
	struct release_word word;
	size_t n = 0;

	ck_assert_uint_ne(turn->count, 0);
	ck_assert_int_eq(release_ask(w->release, turn->domain, &word), SMX_OK);
	for (size_t i = 0; i < w->mails && n < turn->count; i++) {
		if (w->mail[i].place != ON_HOLD || !is_of(w, i, turn->domain))
			continue;
		if (w->broken)
			break;
		let_go(w, &w->mail[i]);
		n++;
		w->host[w->host_of[w->mail[i].domain]].over +=
		    w->host[w->host_of[w->mail[i].domain]].in_queue >
		    word.window;
	}
	if (w->broken)
		release_failed(w->release);
	else
		release_gave(w->release, n);
}

static void
put_back(struct world *w, const char *domain)
{
	w->backs++;
	for (size_t i = 0; i < w->mails; i++) {
		if (w->mail[i].place != IN_QUEUE || !is_of(w, i, domain))
			continue;
		w->mail[i].place = ON_HOLD;
		w->flow[w->mail[i].domain].in_queue--;
		w->host[w->host_of[w->mail[i].domain]].in_queue--;
	}
}

static void
end(struct world *w, const char *domain)
{
	for (size_t i = 0; i < w->mails; i++) {
		struct mail *m = &w->mail[i];
		enum release_end e;

		if (m->place != ON_HOLD || !is_of(w, i, domain))
			continue;
		e = release_end(w->release, &m->hold, &w->policy);
		if (e == RELEASE_END_WARN) {
			m->hold.warned_ms = w->wall_ms;
			m->warnings++;
		} else if (e == RELEASE_END_RETURN) {
			m->place = GIVEN_BACK;
		}
	}
}

static void
see(struct world *w)
{
	for (size_t i = 0; i < w->domains; i++) {
		const struct host *h = &w->host[w->host_of[i]];
		struct release_seen seen = { .unwatched = w->unwatched[i],
			.held = 1,
			.hold_ms = w->policy.hold_ms,
			.flow = w->flow[i] };
		char name[32], host[32];

		snprintf(host, sizeof(host), "h%zu", w->host_of[i]);
		world_domain(name, i);
		seen.host = host;
		seen.state =
		    w->unwatched[i] ? MX_UNKNOWN : (enum mx_state)h->probed;
		ck_assert_int_eq(release_see(w->release, name, &seen), SMX_OK);
	}
}

void
world_step(struct world *w)
{
	struct release_turn turn;

	w->now_ms += RELEASE_STEP_MS;
	w->wall_ms += RELEASE_STEP_MS;
	mta(w);
	probe(w);
	release_begin(w->release, w->now_ms, w->wall_ms);
	see(w);
	release_plan(w->release);
	while (release_turn(w->release, &turn) == SMX_OK) {
		if (turn.what == RELEASE_GO)
			go(w, &turn);
		else if (turn.what == RELEASE_BACK)
			put_back(w, turn.domain);
		else if (turn.what == RELEASE_SOUR)
			w->sour++;
		else
			end(w, turn.domain);
	}
}

void
world_run(struct world *w, int64_t ms)
{
	for (int64_t until = w->now_ms + ms; w->now_ms < until;)
		world_step(w);
}
