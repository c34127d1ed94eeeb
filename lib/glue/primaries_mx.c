/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/primaries.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/node.h"
#include "glue/primaries_in.h"

/*
 * The hosts of a domain whose policy names none: those that its MX records name
 * and that are better than this one.  The resolver keeps an answer for a
 * minute; with many domains they are asked for less often, so that it costs
 * next to nothing.
 */
#define AGAIN_MS  RESOLVE_GOOD_MS
#define ONE_MS    250 /* and so much for each domain, whichever is longer */
#define FAILED_MS RESOLVE_BAD_MS
#define GAP_MS    10    /* between two that begin */
#define WAIT_MS   30000 /* for one answer */
#define PORT_SMTP 25

void
primaries_look_locked(struct primaries *p, struct watched *w)
{
	w->lookup_ms = 0;
	p->records_ms = 0;
}

/* Also when the next one will be, and how many there are. */
static struct watched *
due_locked(struct primaries *p, int64_t now_ms)
{
	struct watched *best = NULL;

	if (now_ms < p->records_ms)
		return NULL;
	p->by_records = 0;
	for (size_t i = 0; i < p->count; i++) {
		struct watched *w = p->list[i];

		p->by_records += w->lookup_ms != INT64_MAX;
		if (!w->looking &&
		    (best == NULL || w->lookup_ms < best->lookup_ms))
			best = w;
	}
	p->records_ms = best == NULL ? INT64_MAX : best->lookup_ms;
	return p->records_ms <= now_ms ? best : NULL;
}

int64_t
primaries_looks_due(struct primaries *p)
{
	int64_t due;

	pthread_mutex_lock(&p->lock);
	due = p->records_ms;
	pthread_mutex_unlock(&p->lock);
	return due < p->gap_ms ? p->gap_ms : due;
}

int
primaries_looking(const struct primaries *p)
{
	for (size_t i = 0; i < PRIMARIES_LOOKS; i++)
		if (p->look[i].lookup != NULL)
			return 1;
	return 0;
}

static struct look_slot *
free_slot(struct primaries *p)
{
	for (size_t i = 0; i < PRIMARIES_LOOKS; i++)
		if (p->look[i].lookup == NULL)
			return &p->look[i];
	return NULL;
}

static int
take_next(struct primaries *p, struct look_slot *slot, int64_t now_ms)
{
	struct watched *w;

	pthread_mutex_lock(&p->lock);
	w = due_locked(p, now_ms);
	if (w != NULL) {
		w->looking = 1;
		(void)text_copy(slot->domain, sizeof(slot->domain), w->name);
	}
	pthread_mutex_unlock(&p->lock);
	return w != NULL;
}

static int64_t
again_ms(const struct primaries *p)
{
	int64_t many_ms = ONE_MS * (int64_t)p->by_records;

	return many_ms > AGAIN_MS ? many_ms : AGAIN_MS;
}

/* It has been asked for, whatever came of it. */
static struct watched *
looked_locked(struct primaries *p, const char *domain, int64_t wait_ms)
{
	struct watched *w = primaries_find_locked(p, domain);

	if (w == NULL)
		return NULL;
	w->looking = 0;
	w->null_mx = 0;                /* unless this answer says it again */
	if (w->lookup_ms == INT64_MAX) /* its policy names hosts by now */
		return NULL;
	w->lookup_ms =
	    node_now_ms() + wait_ms + mxhealth_dice(p->health, wait_ms / 10);
	if (w->lookup_ms < p->records_ms)
		p->records_ms = w->lookup_ms;
	return w;
}

static void
failed(struct primaries *p, const char *domain)
{
	pthread_mutex_lock(&p->lock);
	(void)looked_locked(p, domain, FAILED_MS);
	pthread_mutex_unlock(&p->lock);
}

void
primaries_looks_begin(struct primaries *p)
{
	struct look_slot *slot;

	while ((slot = free_slot(p)) != NULL) {
		struct nexthop to = { .kind = NEXTHOP_MX, .port = PORT_SMTP };
		int64_t now_ms = node_now_ms();

		if (now_ms < p->gap_ms || !take_next(p, slot, now_ms))
			return;
		p->gap_ms = now_ms + GAP_MS;
		(void)text_copy(to.host, sizeof(to.host), slot->domain);
		slot->until_ms = clock_mono_ms() + WAIT_MS;
		if (lookup_begin(&slot->lookup, p->resolver, &to) == SMX_OK)
			continue;
		slot->lookup = NULL;
		failed(p, slot->domain);
	}
}

/* Several addresses of one host are one host. */
static size_t
names_of(const struct hop_addrs *addrs, char names[HOP_ADDRS_MAX][NEXTHOP_TEXT],
    const char *list[HOP_ADDRS_MAX])
{
	struct nexthop to;
	char text[NEXTHOP_TEXT];
	size_t n = 0;

	for (size_t i = 0; i < addrs->count; i++) {
		size_t k = 0;

		snprintf(text, sizeof(text), "smtp:[%.255s]",
		    addrs->list[i].host);
		if (nexthop_parse(&to, text) != SMX_OK)
			continue;
		nexthop_format(&to, names[n]);
		while (k < n && strcmp(names[k], names[n]) != 0)
			k++;
		if (k == n) {
			list[n] = names[n];
			n++;
		}
	}
	return n;
}

/* The records say so: there is none, or it is this host.  A null MX refuses
 * mail for good, so its end is to be seen soon, however many domains there are.
 */
static void
nobody(struct primaries *p, const char *domain, const struct hop_answer *why)
{
	struct log_line l;
	struct mxtime at;
	struct watched *w;
	int null_mx = why->class == HOP_NO, said;

	primaries_clock(&at);
	pthread_mutex_lock(&p->lock);
	w = looked_locked(p, domain, null_mx ? AGAIN_MS : again_ms(p));
	if (w != NULL) {
		w->null_mx = null_mx;
		(void)!mxhealth_watch(p->health, domain, NULL, 0, &at);
	}
	said = w == NULL || w->none;
	if (w != NULL)
		w->none = 1;
	pthread_mutex_unlock(&p->lock);
	if (said)
		return;
	log_begin(&l, SMX_LOG_WARNING, NULL, "primary-none");
	log_str(&l, "domain", domain);
	log_str(&l, "reason", why->text);
	log_end(&l);
}

static void
answered(struct primaries *p, const char *domain, const struct hop_addrs *addrs,
    const struct hop_answer *why)
{
	char names[HOP_ADDRS_MAX][NEXTHOP_TEXT];
	const char *list[HOP_ADDRS_MAX];
	size_t n = names_of(addrs, names, list);
	struct watched *w;
	struct mxtime at;

	if (n == 0) {
		if (why->class == HOP_NO || why->class == HOP_CANNOT)
			nobody(p, domain, why);
		else
			failed(p, domain); /* the ones of before stand */
		return;
	}
	primaries_clock(&at);
	pthread_mutex_lock(&p->lock);
	w = looked_locked(p, domain, again_ms(p));
	if (w != NULL) {
		w->none = 0;
		(void)!mxhealth_watch(p->health, domain, list, n, &at);
	}
	pthread_mutex_unlock(&p->lock);
}

void
primaries_looks_end(struct primaries *p, int all)
{
	for (size_t i = 0; i < PRIMARIES_LOOKS; i++) {
		struct look_slot *slot = &p->look[i];
		struct hop_addrs addrs;
		struct hop_answer why;

		if (slot->lookup == NULL)
			continue;
		if (lookup_answer(slot->lookup, &addrs, &why))
			answered(p, slot->domain, &addrs, &why);
		else if (all || clock_mono_ms() >= slot->until_ms)
			failed(p, slot->domain);
		else
			continue;
		lookup_end(&slot->lookup);
	}
}
