/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/hop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/hop_in.h"
#include "io/tls.h"

/* ---- what all share ---- */

static int
tls_make(struct hops *hops, char *why, size_t why_size)
{
	const struct hops_options *o = &hops->options;
	int rc;

	if (o->tls == HOP_TLS_NONE)
		return SMX_OK;
	rc = tls_outside_new(&hops->tls, o->tls == HOP_TLS_VERIFY, o->tls_ca);
	if (rc == SMX_ECONFIG)
		snprintf(why, why_size, "%s: no certificates can be read",
		    o->tls_ca[0] == '\0' ? "the system's certificates"
					 : o->tls_ca);
	return rc;
}

int
hops_new(struct hops **out, const struct hops_options *options, char *why,
    size_t why_size)
{
	struct hops *hops = calloc(1, sizeof(*hops));
	int rc;

	if (why_size > 0)
		why[0] = '\0';
	if (hops == NULL)
		return SMX_ENOMEM;
	hops->options = *options;
	text_copy(hops->helo, sizeof(hops->helo), options->helo);
	hops->options.helo = hops->helo;
	rc = hop_cache_new(&hops->cache, options->idle_ms, options->idle_max);
	if (rc == SMX_OK)
		rc = resolver_new(&hops->resolver);
	if (rc == SMX_OK)
		rc = tls_make(hops, why, why_size);
	if (rc != SMX_OK) {
		hops_free(&hops);
		return rc;
	}
	*out = hops;
	return SMX_OK;
}

void
hops_free(struct hops **hops)
{
	if (*hops == NULL)
		return;
	hop_cache_free(&(*hops)->cache);
	resolver_free(&(*hops)->resolver);
	tls_context_free(&(*hops)->tls);
	free(*hops);
	*hops = NULL;
}

size_t
hops_reset(struct hops *hops, const struct nexthop *to)
{
	resolver_forget(hops->resolver);
	return hop_cache_drop(hops->cache, to);
}

size_t
hops_idle(struct hops *hops, const struct nexthop *to)
{
	hop_cache_tidy(hops->cache, clock_mono_ms());
	return hop_cache_count(hops->cache, to);
}

/* ---- one transaction ---- */

/* What does not leave the host needs no secret. */
static enum hoptalk_tls
tls_wish(const struct hops *hops, const struct nexthop *to)
{
	if (hops->tls == NULL || to->kind == NEXTHOP_UNIX)
		return HOPTALK_TLS_NONE;
	return hops->options.tls == HOP_TLS_MAY ? HOPTALK_TLS_MAY
						: HOPTALK_TLS_MUST;
}

int
hop_begin(struct hop **out, struct hops *hops, const struct nexthop *to,
    const struct smx_envelope *envelope)
{
	struct hop *hop = calloc(1, sizeof(*hop));

	if (hop == NULL)
		return SMX_ENOMEM;
	hop->hops = hops;
	hop->to = *to;
	hop->idle = 1;
	hopconn_init(&hop->conn, hops->options.step_ms);
	hoptalk_init(&hop->talk);
	hop->talk.helo = hops->helo;
	hop->talk.envelope = envelope;
	hop->talk.lmtp = to->lmtp;
	hop->talk.tls = tls_wish(hops, to);
	hop->talk.avoid = hop_cache_avoids(hops->cache, to, clock_mono_ms());
	if ((hop->talk.avoid & HOPTALK_NO_TLS) != 0) {
		/* what is in there in the end was met by this one */
		hop->talk.avoid &= ~HOPTALK_NO_TLS;
		hop->talk.tls_off = 1;
	}
	*out = hop;
	return SMX_OK;
}

void
hop_at(struct hop *hop, const struct hop_addr *addr)
{
	hop->addrs.list[0] = *addr;
	hop->addrs.count = 1;
	hop->resolved = 1;
}

int
hop_rcpt(struct hop *hop, size_t index)
{
	hop->talk.now_ms = clock_mono_ms();
	return hoptalk_rcpt(&hop->talk, index);
}

int
hop_content(struct hop *hop, const struct hop_body *body)
{
	hop->talk.now_ms = clock_mono_ms();
	return hoptalk_content(&hop->talk, body->content, body->received,
	    body->eight, body->wanted);
}

static const struct hoptalk_rcpt *
rcpt_at(const struct hop *hop, size_t n)
{
	return n < hop->talk.count ? &hop->talk.rcpts[n] : NULL;
}

const struct hop_answer *
hop_rcpt_answer(const struct hop *hop, size_t n)
{
	const struct hoptalk_rcpt *r = rcpt_at(hop, n);

	return r != NULL && r->rcpt_known ? &r->rcpt : NULL;
}

const struct hop_answer *
hop_final_answer(const struct hop *hop, size_t n)
{
	const struct hoptalk_rcpt *r = rcpt_at(hop, n);

	return r != NULL && r->final_known ? &r->final : NULL;
}

int
hop_is_committed(const struct hop *hop)
{
	return hoptalk_is_committed(&hop->talk);
}

void
hop_times(const struct hop *hop, struct hop_times *out)
{
	out->connect = hop->talk.connect_ms;
	out->rcpt = hop->talk.rcpt_ms;
	out->data = hop->talk.data_ms;
}

const char *
hop_peer(const struct hop *hop)
{
	return hop->peer;
}

int
hop_offers_tls(const struct hop *hop)
{
	return (hop->talk.line.offer.bits & SMTP_OFFERS_STARTTLS) != 0;
}

int
hop_certificates(const struct hop *hop, struct buf *out)
{
	if (hop->conn.tls == NULL || !hop->conn.shaken)
		return SMX_ENOTFOUND;
	return tls_certificates(hop->conn.tls, out);
}

static void
conn_keep(struct hop *hop)
{
	struct hop_kept kept = { .conn = hop->conn, .line = hop->talk.line };

	memcpy(kept.peer, hop->peer, sizeof(kept.peer));
	hopconn_init(&hop->conn, 0);
	hop_cache_put_take(hop->hops->cache, &hop->to, &kept, clock_mono_ms());
}

static void
learn(const struct hop *hop)
{
	struct hop_cache *cache = hop->hops->cache;
	struct log_line l;
	char name[NEXTHOP_TEXT];
	int64_t clear_ms =
	    hop_cache_learn(cache, &hop->to, hop->talk.avoid, clock_mono_ms());

	if (hop->talk.line.encrypted)
		hop_cache_secured(cache, &hop->to);
	if (clear_ms == 0)
		return;
	nexthop_format(&hop->to, name);
	log_begin(&l, SMX_LOG_WARNING, NULL, "next-hop-clear");
	log_str(&l, "next_hop", name);
	log_num(&l, "backoff_ms", clear_ms);
	log_str(&l, "reason", hop->talk.tls_why);
	log_end(&l);
}

void
hop_end(struct hop **hop)
{
	struct hop *h = *hop;

	if (h == NULL)
		return;
	/* what helped; a hop that is just broken teaches nothing */
	if (h->talk.rcpt_ms >= 0)
		learn(h);
	if (h->conn.fd >= 0 && hoptalk_keeps(&h->talk))
		conn_keep(h);
	hopconn_close(&h->conn, 0);
	lookup_end(&h->lookup);
	hoptalk_free(&h->talk);
	free(h);
	*hop = NULL;
}
