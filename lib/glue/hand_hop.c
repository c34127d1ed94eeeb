/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/hand_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/hopbody.h"
#include "glue/courier.h"
#include "glue/node.h"

/*
 * To another host, by the client that also delivers while a client waits, but
 * nobody waits here.  Each step has its deadline (delivery.step); these are for
 * all of them together.
 */
#define RCPT_MS  300000
#define DATA_MS  1800000
#define GRACE_MS 5000 /* at a stop, for the answer to the final dot */

struct passing {
	struct handing *h;
	struct courier *courier;
	struct hop *hop;
	size_t *index; /* in the envelope, of each of the hop's recipients */
	size_t count;
	unsigned char *wanted;
	size_t wants;
	int64_t ending_ms; /* the stop was seen then */
	int64_t data_ms;
	char name[NEXTHOP_TEXT];
};

static int
on_waiting(void *ctx, int64_t waited_ms)
{
	struct passing *p = ctx;
	int64_t now = clock_mono_ms();

	(void)waited_ms;
	if (!backup_rest(p->h->backup, 0))
		return 0;
	if (p->ending_ms == 0)
		p->ending_ms = now;
	return !hop_is_committed(p->hop) || now - p->ending_ms >= GRACE_MS;
}

static void
why(struct handing *h, const struct hop_answer *a, const char *else_text)
{
	char text[sizeof(h->why)];

	if (h->why[0] != '\0')
		return;
	if (a == NULL)
		snprintf(text, sizeof(text), "%s", else_text);
	else if (a->code != 0)
		snprintf(text, sizeof(text), "%d %s%s%.120s", a->code,
		    a->enhanced, a->enhanced[0] != '\0' ? " " : "", a->text);
	else
		snprintf(text, sizeof(text), "%.150s", a->text);
	(void)text_copy(h->why, sizeof(h->why), text);
}

/* ---- who is accepted ---- */

static int
ask(struct passing *p)
{
	struct handing *h = p->h;

	p->index = calloc(h->count + 1, sizeof(*p->index));
	p->wanted = calloc(h->count + 1, 1);
	if (p->index == NULL || p->wanted == NULL)
		return SMX_ENOMEM;
	for (size_t i = 0; i < h->count; i++) {
		if (!h->asked[i])
			continue;
		if (hop_rcpt(p->hop, i) != SMX_OK)
			return SMX_ENOMEM;
		p->index[p->count++] = i;
	}
	return hop_run(&p->hop, 1, clock_mono_ms() + RCPT_MS, on_waiting, p);
}

static void
hear_rcpts(struct passing *p)
{
	struct handing *h = p->h;

	for (size_t i = 0; i < p->count; i++) {
		const struct hop_answer *a = hop_rcpt_answer(p->hop, i);

		if (a != NULL && a->class == HOP_YES) {
			p->wanted[i] = 1;
			p->wants++;
			continue;
		}
		why(h, a, "no answer to RCPT in time");
	}
}

/* ---- the content ---- */

static int
give(struct passing *p)
{
	struct hop_body body = { .content = &p->h->content,
		.received = "",
		.wanted = p->wanted };
	struct hopbody look;
	int rc;

	hopbody_init(&look, &p->h->content, "");
	rc = hopbody_measure(&look);
	if (rc != SMX_OK)
		return rc;
	body.eight = look.eight;
	p->data_ms = clock_mono_ms();
	rc = hop_content(p->hop, &body);
	if (rc == SMX_OK)
		(void)!hop_run(&p->hop, 1, clock_mono_ms() + DATA_MS,
		    on_waiting, p);
	return rc;
}

static void
hear_ends(struct passing *p)
{
	struct handing *h = p->h;

	for (size_t i = 0; i < p->count; i++) {
		const struct hop_answer *a = hop_final_answer(p->hop, i);

		if (!p->wanted[i])
			continue;
		if (a != NULL && a->class == HOP_YES) {
			h->taken[p->index[i]] = 1;
			continue;
		}
		h->lost |= a == NULL ? hop_is_committed(p->hop)
				     : a->class == HOP_UNSURE;
		why(h, a, "no answer to the content in time");
	}
}

/* One word for all of them: the best that anybody has heard. */
static void
tell(struct passing *p)
{
	const struct hop_answer *last = NULL;
	int64_t ms = clock_mono_ms() - p->data_ms;
	int yes = 0, no = 0;

	for (size_t i = 0; i < p->count; i++) {
		last = p->wants != 0 ? hop_final_answer(p->hop, i)
				     : hop_rcpt_answer(p->hop, i);
		yes |= p->h->taken[p->index[i]];
		no |= last != NULL &&
		      (last->class == HOP_NO || last->class == HOP_TEMP);
	}
	if (yes)
		courier_tell(p->courier, p->name, HOPSTATE_DELIVERED, ms, NULL);
	else if (no)
		courier_tell(p->courier, p->name, HOPSTATE_REFUSED, ms, NULL);
	else if (p->h->lost)
		courier_tell(p->courier, p->name, HOPSTATE_UNSURE, ms,
		    p->h->why);
	else if (last != NULL && last->class == HOP_UNREACHABLE)
		courier_tell(p->courier, p->name, HOPSTATE_FAILED, ms,
		    last->text);
}

static void
converse(struct passing *p)
{
	p->data_ms = clock_mono_ms();
	if (ask(p) == SMX_ENOMEM) {
		why(p->h, NULL, smx_strerror(SMX_ENOMEM));
		return;
	}
	hear_rcpts(p);
	if (p->wants != 0 && give(p) != SMX_OK)
		why(p->h, NULL, "the content cannot be given");
	else if (p->wants != 0)
		hear_ends(p);
	if (p->count != 0)
		tell(p);
}

void
hand_deliver(struct handing *h)
{
	struct passing p = { .h = h, .courier = node_courier(h->node) };
	struct hops *hops = p.courier == NULL ? NULL : courier_hops(p.courier);

	nexthop_format(&h->to.hop, p.name);
	if (hops == NULL || courier_ask(p.courier, p.name) == HOPSTATE_DOWN_NOW)
		why(h, NULL, "it could not be reached just now");
	else if (hop_begin(&p.hop, hops, &h->to.hop, h->envelope) != SMX_OK)
		why(h, NULL, smx_strerror(SMX_ENOMEM));
	else
		converse(&p);
	hop_end(&p.hop);
	free(p.index);
	free(p.wanted);
}
