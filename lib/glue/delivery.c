/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "glue/delivery_impl.h"
#include "glue/struck.h"

/* What is usual may be a millisecond; one that is busy for a moment is not to
 * be given up for that. */
#define FLOOR_MS 1000
#define WAYS_MAX 8 /* that one entry of a list can stand for */

void
delivery_free(struct delivery **delivery)
{
	struct delivery *d = *delivery;

	*delivery = NULL;
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->parts; i++) {
		hop_end(&d->part[i].hop);
		free(d->part[i].wanted);
	}
	for (size_t i = 0; i < d->slots; i++)
		free(d->slot[i].words);
	smx_envelope_free(&d->envelope);
	free(d->received);
	free(d->slot);
	free(d);
}

static int
make(struct delivery **out, const struct delivery_rcpt *ask)
{
	struct delivery *d = calloc(1, sizeof(*d));
	int rc;

	if (d == NULL)
		return SMX_ENOMEM;
	d->courier = ask->courier;
	(void)text_copy(d->client, sizeof(d->client), ask->client);
	rc = smx_envelope_new(&d->envelope, CONF_RECIPIENTS_MAX);
	if (rc == SMX_OK)
		rc = struck_head(d->envelope, ask->envelope);
	if (rc != SMX_OK)
		delivery_free(&d);
	*out = d;
	return rc;
}

static struct slot *
add_slot(struct delivery *d, const struct delivery_rcpt *ask)
{
	struct slot *s;

	if (d->slots == d->slot_room) {
		size_t room = d->slot_room == 0 ? 4 : d->slot_room * 2;

		s = realloc(d->slot, room * sizeof(*s));
		if (s == NULL)
			return NULL;
		d->slot = s;
		d->slot_room = room;
	}
	if (smx_envelope_rcpt(d->envelope, ask->address, ask->params,
		ask->param_count) != SMX_OK)
		return NULL;
	s = &d->slot[d->slots++];
	memset(s, 0, sizeof(*s));
	s->index = smx_envelope_recipients(ask->envelope);
	s->part = NOWHERE;
	return s;
}

void
delivery_drop(struct delivery *delivery)
{
	/* What a transaction has accepted it is not given in the end. */
	if (delivery != NULL && delivery->slots != 0)
		delivery->slots--;
}

/* ---- one next hop ---- */

/* NULL: it is not to be used now. */
static struct part *
open_part(struct delivery *d, const struct nexthop *to)
{
	struct hops *hops = courier_hops(d->courier);
	char name[NEXTHOP_TEXT];
	struct part *part;

	nexthop_format(to, name);
	for (size_t i = 0; i < d->parts; i++)
		if (strcmp(d->part[i].name, name) == 0)
			return d->part[i].dead ? NULL : &d->part[i];
	if (d->parts == PARTS_MAX || hops == NULL ||
	    courier_ask(d->courier, name) == HOPSTATE_DOWN_NOW)
		return NULL;
	part = &d->part[d->parts];
	memset(part, 0, sizeof(*part));
	part->to = *to;
	(void)text_copy(part->name, sizeof(part->name), name);
	if (hop_begin(&part->hop, hops, to, d->envelope) != SMX_OK)
		return NULL;
	d->parts++;
	return part;
}

/* The answer is what it was asked for, or this next hop cannot be had. */
static void
tell(struct delivery *d, struct part *part, const struct hop_answer *a,
    int64_t ms)
{
	if (a == NULL) {
		courier_tell(d->courier, part->name, HOPSTATE_SLOW, ms,
		    "no answer to RCPT in time");
		return;
	}
	if (a->class == HOP_UNREACHABLE || a->class == HOP_UNSURE) {
		part->dead = 1;
		courier_tell(d->courier, part->name, HOPSTATE_FAILED, ms,
		    a->text);
		return;
	}
	courier_tell(d->courier, part->name, HOPSTATE_RCPT, ms, NULL);
}

/* NULL: nothing in time. */
static const struct hop_answer *
ask_part(struct delivery *d, struct part *part, const struct delivery_rcpt *ask,
    int64_t until_ms)
{
	int64_t began = clock_mono_ms();
	int64_t wait = courier_rcpt_wait(d->courier, part->name, FLOOR_MS,
	    until_ms - began);
	size_t at = part->count;
	const struct hop_answer *a;

	if (hop_rcpt(part->hop, smx_envelope_recipients(d->envelope) - 1) !=
	    SMX_OK)
		return NULL;
	part->count++;
	(void)hop_run(&part->hop, 1, began + wait, ask->waiting,
	    ask->waiting_ctx);
	a = hop_rcpt_answer(part->hop, at);
	tell(d, part, a, clock_mono_ms() - began);
	return a;
}

/* ---- the list of next hops ---- */

static size_t
ways_of(struct delivery *d, const struct delivery_rcpt *ask, const char *text,
    struct nexthop ways[WAYS_MAX], int64_t until_ms)
{
	size_t count = WAYS_MAX;

	if (nexthop_parse(&ways[0], text) != SMX_OK)
		return 0;
	if (ways[0].kind != NEXTHOP_MTA)
		return 1;
	if (routes_find(courier_routes(d->courier),
		smx_envelope_sender(d->envelope), ask->address, ways, &count,
		until_ms) != SMX_OK)
		return 0;
	return count;
}

/* Non-zero: it has said yes or no.  What did not come in time may still come
 * before the end of the message. */
static int
ask_way(struct delivery *d, struct slot *slot, const struct nexthop *to,
    const struct delivery_rcpt *ask, int64_t until_ms,
    const struct hop_answer **answer)
{
	struct part *part = open_part(d, to);
	size_t at;

	if (part == NULL)
		return 0;
	at = part->count;
	*answer = ask_part(d, part, ask, until_ms);
	if (part->count == at)
		return 0;
	if (*answer == NULL || (*answer)->class == HOP_YES) {
		slot->part = (size_t)(part - d->part);
		slot->at = at;
	}
	if (*answer == NULL)
		return 0;
	return (*answer)->class == HOP_YES || (*answer)->class == HOP_NO ||
	       (*answer)->class == HOP_TEMP;
}

static const struct hop_answer *
ask_all(struct delivery *d, struct slot *slot, const struct delivery_rcpt *ask)
{
	int64_t most = ask->conf->delivery_rcpt_wait_ms;
	struct nexthop ways[WAYS_MAX];
	const struct hop_answer *answer;
	int64_t until;

	if (ask->ack->max_delay_ms < most)
		most = ask->ack->max_delay_ms;
	until = clock_mono_ms() + most;
	for (size_t i = 0; i < ask->ack->next_hop_count; i++) {
		size_t n = ways_of(d, ask, ask->ack->next_hops[i], ways, until);

		for (size_t w = 0; w < n; w++) {
			if (clock_mono_ms() >= until)
				return NULL;
			if (ask_way(d, slot, &ways[w], ask, until, &answer))
				return answer;
		}
	}
	return NULL;
}

int
delivery_rcpt(struct delivery **delivery, const struct delivery_rcpt *ask,
    struct hop_answer *words)
{
	const struct hop_answer *answer;
	struct delivery *d = *delivery;
	struct slot *slot;

	if (courier_enter(ask->courier, ask->conf, ask->client) != SMX_OK)
		return SMX_OK;
	if (d == NULL && make(&d, ask) != SMX_OK) {
		courier_leave(ask->courier, ask->client);
		return SMX_OK;
	}
	*delivery = d;
	slot = add_slot(d, ask);
	answer = slot == NULL ? NULL : ask_all(d, slot, ask);
	courier_leave(ask->courier, ask->client);
	if (answer != NULL)
		*words = *answer;
	if (answer == NULL || answer->class == HOP_YES)
		return SMX_OK;
	delivery_drop(d);
	courier_count(ask->courier, COURIER_REFUSED_RCPT, 1);
	return answer->class == HOP_NO ? SMX_EREFUSED : SMX_ETEMP;
}
