/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/herald_in.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "glue/node_impl.h"

#define REST_MS       30000
#define REST_OLDER_MS (10 * 60000)

static void
say_older(struct herald *h, size_t peer)
{
	struct log_line l;

	if (h->older[peer])
		return;
	h->older[peer] = 1;
	log_begin(&l, SMX_LOG_WARNING, NULL, "backup-mx-deaf");
	log_str(&l, "peer", node_peer_name(h->node, peer));
	log_str(&l, "why", "its version is older than 1.4");
	log_end(&l);
}

int
herald_ask(struct herald *h, size_t peer, const struct smx_request *request,
    struct smx_reply *reply)
{
	struct smx_link *link = h->node->ports.link;
	int64_t now_ms = clock_mono_ms();
	int rc;

	memset(reply, 0, sizeof(*reply));
	rc = link->ops->request(link->ctx, peer, request, reply,
	    now_ms + HERALD_REQUEST_MS);
	if (rc == SMX_OK) {
		h->older[peer] = 0;
	} else if (rc == SMX_EREFUSED) {
		say_older(h, peer);
		h->rest_ms[peer] = now_ms + REST_OLDER_MS;
	} else {
		h->rest_ms[peer] = now_ms + REST_MS;
	}
	return rc;
}

void
herald_refused(struct herald *h, size_t peer, struct herald_domain *d,
    struct herald_ear *ear)
{
	struct log_line l;

	if (ear->refused)
		return;
	ear->refused = 1;
	log_begin(&l, SMX_LOG_WARNING, NULL, "backup-mx-refuses");
	log_str(&l, "peer", node_peer_name(h->node, peer));
	log_str(&l, "domain", d->name);
	log_str(&l, "why", "this host is not its policy's peer");
	log_end(&l);
}

/* ---- DRAIN ---- */

static int
is_announced(struct herald *h, const struct herald_domain *d)
{
	int announced;

	pthread_mutex_lock(&h->lock);
	announced = !d->over && d->until_ms > clock_wall_ms();
	pthread_mutex_unlock(&h->lock);
	return announced;
}

/* While a maintenance is announced the mail had better stay where it is. */
static int
wants_drain(struct herald *h, const struct herald_domain *d, size_t member)
{
	return !is_announced(h, d) && !d->ears[member].drained;
}

void
herald_leave(struct herald *h, struct herald_group *g, size_t member)
{
	for (size_t i = 0; i < g->conf->domain_count; i++)
		if (is_announced(h, &g->domains[i]))
			g->domains[i].ears[member].drained = 0;
}

static void
log_drain(struct herald *h, size_t peer, size_t domains, size_t refused)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_NOTICE, NULL, "drain-asked");
	log_str(&l, "peer", node_peer_name(h->node, peer));
	log_num(&l, "domains", (int64_t)domains);
	if (refused != 0)
		log_num(&l, "refused", (int64_t)refused);
	log_end(&l);
}

void
herald_say_drain(struct herald *h, struct herald_group *g, size_t member)
{
	const char *names[SMX_PUSH_MAX];
	struct smx_request request = { .kind = SMX_REQ_DRAIN,
		.domains = names };
	struct smx_reply reply;
	size_t at = 0, end;

	while (at < g->conf->domain_count) {
		request.count = 0;
		for (end = at; end < g->conf->domain_count &&
			       request.count < SMX_PUSH_MAX;
		     end++)
			if (wants_drain(h, &g->domains[end], member))
				names[request.count++] = g->domains[end].name;
		if (request.count != 0) {
			if (herald_ask(h, g->peers[member], &request, &reply) !=
			    SMX_OK)
				return;
			log_drain(h, g->peers[member], request.count,
			    reply.foreign);
		}
		/* A maintenance that was announced meanwhile is none's. */
		for (; at < end; at++)
			if (wants_drain(h, &g->domains[at], member))
				g->domains[at].ears[member].drained = 1;
	}
}

/* ---- MAINTAIN ---- */

/* Non-zero: it has not heard of it; for how long, and how that is noted. */
static int
wants_word(struct herald *h, const struct herald_domain *d, size_t member,
    int64_t *for_ms, int64_t *told_ms)
{
	int64_t now_ms = clock_wall_ms(), until;
	int over;

	pthread_mutex_lock(&h->lock);
	until = d->until_ms;
	over = d->over;
	pthread_mutex_unlock(&h->lock);
	/* What has come to its end has so for the others, too. */
	if (until <= now_ms)
		return 0;
	*for_ms = over ? 0 : until - now_ms;
	*told_ms = over ? -until : until;
	return d->ears[member].told_ms != *told_ms;
}

void
herald_say_maintenance(struct herald *h, struct herald_group *g, size_t member)
{
	for (size_t i = 0; i < g->conf->domain_count; i++) {
		struct herald_domain *d = &g->domains[i];
		struct smx_request request = { .kind = SMX_REQ_MAINTAIN,
			.domains = &d->name,
			.count = 1 };
		struct smx_reply reply;
		int64_t told_ms;

		if (!wants_word(h, d, member, &request.for_ms, &told_ms))
			continue;
		if (herald_ask(h, g->peers[member], &request, &reply) != SMX_OK)
			return;
		if (reply.foreign != 0)
			herald_refused(h, g->peers[member], d,
			    &d->ears[member]);
		d->ears[member].told_ms = told_ms;
	}
}
