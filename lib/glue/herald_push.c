/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/herald_in.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/node_impl.h"

/* The list of a domain: what the member has is asked for, and what is missing
 * is said. */
#define CONFIRM_MS (INT64_C(3600) * 1000)
#define AGAIN_MS   5000
#define REFUSED_MS (10 * 60000)

struct pushing {
	struct herald *herald;
	size_t peer;
	const struct herald_domain *domain;
	struct rcptwalk walk;
	struct smx_push push;
	struct smx_push_entry entries[SMX_PUSH_MAX];
	size_t count, added, gone;
};

static void
log_pushed(const struct pushing *p)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, NULL, "list-pushed");
	log_str(&l, "peer", node_peer_name(p->herald->node, p->peer));
	log_str(&l, "domain", p->domain->name);
	log_num(&l, "recipients", (int64_t)p->domain->now.set.count);
	log_num(&l, "whole", p->walk.before == NULL);
	log_num(&l, "added", (int64_t)p->added);
	log_num(&l, "gone", (int64_t)p->gone);
	log_end(&l);
}

static void
fill(struct pushing *p)
{
	p->count = 0;
	while (p->count < SMX_PUSH_MAX) {
		struct smx_push_entry *e = &p->entries[p->count];

		if (!rcptwalk_next(&p->walk, &e->local, &e->gone))
			break;
		p->count++;
		p->gone += e->gone != 0;
		p->added += e->gone == 0;
	}
	p->push.last = rcptwalk_is_over(&p->walk);
}

/* SMX_ECONFLICT: it has another list than it said, or stopped in between. */
static int
push_pieces(struct pushing *p)
{
	struct smx_request request = { .kind = SMX_REQ_PUSH, .push = &p->push };
	struct smx_reply reply;
	int rc = SMX_OK;

	p->push.entries = p->entries;
	while (rc == SMX_OK && !p->push.last) {
		fill(p);
		request.count = p->count;
		rc = herald_ending(p->herald)
			 ? SMX_ECLOSED
			 : herald_ask(p->herald, p->peer, &request, &reply);
		if (rc == SMX_OK &&
		    (reply.foreign != 0 || reply.next != p->push.part + 1))
			rc = SMX_ECONFLICT;
		p->push.part++;
	}
	if (rc == SMX_OK)
		log_pushed(p);
	return rc;
}

static void
log_unpushed(struct herald *h, size_t peer, const struct herald_domain *d,
    int rc)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_WARNING, NULL, "list-unpushed");
	log_str(&l, "peer", node_peer_name(h->node, peer));
	log_str(&l, "domain", d->name);
	log_err(&l, "result", rc);
	log_end(&l);
}

/* From what it has, when that is known here. */
static int
push_list(struct herald *h, size_t peer, const struct herald_domain *d,
    const uint8_t have[SMX_DIGEST_BYTES])
{
	struct pushing *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return SMX_ENOMEM;
	p->herald = h;
	p->peer = peer;
	p->domain = d;
	p->walk.now = &d->now.set;
	p->push.domain = d->name;
	memcpy(p->push.digest, d->now.digest, SMX_DIGEST_BYTES);
	if (memcmp(have, listsum_none, SMX_DIGEST_BYTES) != 0 &&
	    memcmp(have, d->before.digest, SMX_DIGEST_BYTES) == 0) {
		p->walk.before = &d->before.set;
		memcpy(p->push.base, have, SMX_DIGEST_BYTES);
	}
	rc = push_pieces(p);
	free(p);
	if (rc != SMX_OK && rc != SMX_ECLOSED)
		log_unpushed(h, peer, d, rc);
	return rc;
}

void
herald_push(struct herald *h, struct herald_group *g, size_t member,
    struct herald_domain *d)
{
	struct herald_ear *ear = &d->ears[member];
	struct smx_push push = { .domain = d->name };
	const struct smx_request request = { .kind = SMX_REQ_LISTED,
		.push = &push };
	size_t peer = g->peers[member];
	int64_t now_ms = clock_mono_ms();
	struct smx_reply reply;
	int rc = SMX_OK;

	if (d->now.set.count == 0 || now_ms < ear->look_ms)
		return;
	memcpy(push.digest, d->now.digest, SMX_DIGEST_BYTES);
	ear->look_ms = now_ms + AGAIN_MS;
	if (herald_ask(h, peer, &request, &reply) != SMX_OK)
		return;
	if (reply.foreign != 0) {
		herald_refused(h, peer, d, ear);
		ear->look_ms = now_ms + REFUSED_MS;
		return;
	}
	ear->refused = 0;
	if (memcmp(reply.have, push.digest, SMX_DIGEST_BYTES) != 0)
		rc = push_list(h, peer, d, reply.have);
	/* One that has no room for this list must not keep the others waiting.
	 */
	if (rc == SMX_OK)
		ear->look_ms = now_ms + CONFIRM_MS;
	else if (rc == SMX_ETEMP)
		ear->look_ms = now_ms + REFUSED_MS;
}
