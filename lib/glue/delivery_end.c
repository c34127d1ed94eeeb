/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/delivery.h"

#include <stdlib.h>
#include <string.h>

#include <shadowmx/store.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/takeover.h"
#include "glue/delivery_impl.h"

#define FLOOR_MS   1000
#define BYTES_A_MS 1000 /* a slow line still counts as one that moves */
#define ANSWER_MS  100  /* of max_delay, for everything after the last word */
#define TRACE_SIZE 4096
#define LOOK_LATE  0

/* One end of message. */
struct run {
	struct delivery *delivery;
	const struct delivery_content *content;
	struct hop_body body;
	int64_t began_ms;
	int64_t dot_ms; /* no dot later than then */
	int64_t end_ms; /* nobody waits longer */
	int gave_up;
};

/* ---- who gets it ---- */

static int
is_yes(const struct delivery *d, const struct slot *slot)
{
	const struct hop_answer *a;

	if (slot->part == NOWHERE || d->part[slot->part].dead)
		return 0;
	a = hop_rcpt_answer(d->part[slot->part].hop, slot->at);
	return a != NULL && a->class == HOP_YES;
}

/* An answer to RCPT that came too late for its client is good enough now. */
static void
hear_late(const struct run *run)
{
	struct delivery *d = run->delivery;

	for (size_t i = 0; i < d->slots; i++) {
		const struct slot *s = &d->slot[i];

		if (s->part != NOWHERE && !d->part[s->part].dead &&
		    hop_rcpt_answer(d->part[s->part].hop, s->at) == NULL)
			(void)hop_run(&d->part[s->part].hop, 1,
			    clock_mono_ms() + LOOK_LATE, NULL, NULL);
	}
}

static int
mark(const struct run *run)
{
	struct delivery *d = run->delivery;

	for (size_t i = 0; i < d->parts; i++) {
		struct part *part = &d->part[i];

		part->wants = 0;
		part->wanted = calloc(part->count + 1, 1);
		if (part->wanted == NULL)
			return SMX_ENOMEM;
	}
	for (size_t i = 0; i < d->slots; i++) {
		const struct slot *s = &d->slot[i];
		const struct deliver_rcpt *r;

		if (s->index >= run->content->count || !is_yes(d, s))
			continue;
		r = &run->content->rcpts[s->index];
		if (r->outcome == DELIVER_KNOWN ||
		    (r->ack->when & SMX_WHEN_DELIVERED) == 0)
			continue;
		d->part[s->part].wanted[s->at] = 1;
		d->part[s->part].wants++;
	}
	return SMX_OK;
}

/* ---- how long ---- */

static void
set_times(struct run *run)
{
	const struct delivery_content *c = run->content;
	int64_t after = c->max_delay_ms / 4;
	int64_t most =
	    c->max_delay_ms - (after < ANSWER_MS ? after : ANSWER_MS);

	run->began_ms = clock_mono_ms();
	run->end_ms =
	    c->began_ms + (c->copies ? c->max_delay_ms * 3 / 4 : most);
	run->dot_ms = c->began_ms + (c->copies ? c->max_delay_ms / 2 : most);
}

/* What is usual for it, and the time that so many bytes take. */
static int64_t
dot_until(const struct run *run, const struct part *part)
{
	int64_t bytes_ms = (int64_t)(run->content->content->size / BYTES_A_MS);
	int64_t left = run->dot_ms - run->began_ms;

	if (left <= 0)
		return run->began_ms;
	if (!run->content->copies)
		return run->dot_ms;
	return run->began_ms + courier_data_wait(run->delivery->courier,
				   part->name, FLOOR_MS + bytes_ms, left);
}

/* ---- the content ---- */

static int
trace(struct run *run)
{
	const struct delivery_content *c = run->content;
	struct smx_row row;

	run->delivery->received = malloc(TRACE_SIZE);
	if (run->delivery->received == NULL)
		return SMX_ENOMEM;
	memset(&row, 0, sizeof(row));
	(void)text_copy(row.primary, sizeof(row.primary), c->node);
	(void)text_copy(row.queue_id, sizeof(row.queue_id), c->queue_id);
	row.stored_ms = clock_wall_ms();
	return takeover_received(&row, run->delivery->envelope, c->node,
	    row.stored_ms, run->delivery->received, TRACE_SIZE);
}

static int
is_eight(const unsigned char *bytes, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++)
		all |= bytes[i];
	return all >= 0x80;
}

/* What cannot be read now is taken for the worst. */
static int
has_eight(const struct smx_content *content)
{
	unsigned char bytes[16384];
	uint64_t at = 0;
	int eight = 0;

	if (content->bytes != NULL)
		return is_eight(content->bytes, (size_t)content->size);
	while (!eight && at < content->size) {
		size_t n = sizeof(bytes);

		if (n > content->size - at)
			n = (size_t)(content->size - at);
		eight = content->read(content->ctx, at, bytes, n) != SMX_OK ||
			is_eight(bytes, n);
		at += n;
	}
	return eight;
}

static void
give(struct run *run)
{
	struct delivery *d = run->delivery;

	for (size_t i = 0; i < d->parts; i++) {
		struct part *part = &d->part[i];
		struct hop_body body = run->body;

		part->through = 1;
		if (part->wants == 0)
			continue;
		body.wanted = part->wanted;
		part->until_ms = dot_until(run, part);
		part->data_ms = clock_mono_ms();
		part->through = hop_content(part->hop, &body) != SMX_OK;
		part->dead |= part->through;
	}
}

static int
is_through(const struct part *part)
{
	if (part->through)
		return 1;
	for (size_t i = 0; i < part->count; i++)
		if (part->wanted[i] && hop_final_answer(part->hop, i) == NULL)
			return 0;
	return 1;
}

/* Those that still have time; the next moment at which one has no more. */
static size_t
still(struct run *run, struct hop *hops[PARTS_MAX], int64_t *until_ms)
{
	struct delivery *d = run->delivery;
	int64_t now = clock_mono_ms();
	size_t n = 0;

	*until_ms = run->end_ms;
	for (size_t i = 0; i < d->parts; i++) {
		struct part *part = &d->part[i];
		int64_t until =
		    hop_is_committed(part->hop) ? run->end_ms : part->until_ms;

		part->through = is_through(part);
		if (part->through || now >= until)
			continue;
		hops[n++] = part->hop;
		if (until < *until_ms)
			*until_ms = until;
	}
	return n;
}

static void
run_all(struct run *run)
{
	const struct delivery_content *c = run->content;
	struct hop *hops[PARTS_MAX];
	int64_t until;
	size_t n;
	int rc = SMX_OK;

	while ((n = still(run, hops, &until)) != 0 &&
	       (rc == SMX_OK || rc == SMX_ETIMEOUT))
		rc = hop_run(hops, n, until, c->waiting, c->waiting_ctx);
	run->gave_up = rc == SMX_ECLOSED;
}

/* ---- what became of it ---- */

static enum deliver_outcome
outcome_of(const struct part *part, size_t at)
{
	const struct hop_answer *a = hop_final_answer(part->hop, at);

	if (a == NULL)
		return part->wants != 0 && hop_is_committed(part->hop)
			   ? DELIVER_UNSURE
			   : DELIVER_GIVEN_UP;
	switch (a->class) {
	case HOP_YES:
		return DELIVER_TAKEN;
	case HOP_NO:
		return DELIVER_NO;
	case HOP_TEMP:
		return DELIVER_TEMP;
	case HOP_UNSURE:
		return DELIVER_UNSURE;
	default:
		return DELIVER_GIVEN_UP;
	}
}

/* Of a transaction one word is told: the best that anybody has heard. */
static void
tell(const struct run *run, const struct part *part)
{
	struct courier *courier = run->delivery->courier;
	int64_t ms = clock_mono_ms() - part->data_ms;
	const struct hop_answer *last = NULL;
	int yes = 0, no = 0, unsure = 0;

	for (size_t i = 0; i < part->count; i++) {
		enum deliver_outcome o;

		if (!part->wanted[i])
			continue;
		o = outcome_of(part, i);
		last = hop_final_answer(part->hop, i);
		yes += o == DELIVER_TAKEN;
		no += o == DELIVER_NO || o == DELIVER_TEMP;
		unsure += o == DELIVER_UNSURE;
	}
	if (yes != 0)
		courier_tell(courier, part->name, HOPSTATE_DELIVERED, ms, NULL);
	else if (no != 0)
		courier_tell(courier, part->name, HOPSTATE_REFUSED, ms, NULL);
	else if (unsure != 0)
		courier_tell(courier, part->name, HOPSTATE_UNSURE, ms,
		    last == NULL ? "no answer to the content in time"
				 : last->text);
	else if (last == NULL)
		courier_tell(courier, part->name, HOPSTATE_SLOW_DATA, ms,
		    "not ready for the content in time");
	else if (last->class == HOP_UNREACHABLE)
		courier_tell(courier, part->name, HOPSTATE_FAILED, ms,
		    last->text);
}

static void
keep_words(struct slot *slot, const struct hop_answer *a)
{
	if (a == NULL || (a->class != HOP_NO && a->class != HOP_TEMP))
		return;
	slot->words = malloc(sizeof(*slot->words));
	if (slot->words != NULL)
		*slot->words = *a;
}

static void
settle(const struct run *run)
{
	const struct delivery_content *c = run->content;
	struct delivery *d = run->delivery;

	for (size_t i = 0; i < d->slots; i++) {
		struct slot *s = &d->slot[i];
		const struct part *part;

		if (s->index >= c->count || s->part == NOWHERE)
			continue;
		part = &d->part[s->part];
		if (!part->wanted[s->at])
			continue;
		c->rcpts[s->index].outcome = outcome_of(part, s->at);
		keep_words(s, hop_final_answer(part->hop, s->at));
	}
}

/* A connection that is good is another session's now. */
static void
end_all(struct delivery *d)
{
	for (size_t i = 0; i < d->parts; i++) {
		hop_end(&d->part[i].hop);
		d->part[i].dead = 1;
	}
}

static int64_t
longer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void
report_on(const struct run *run, struct delivery_report *report)
{
	const struct delivery *d = run->delivery;
	const char *comma = "";
	struct buf names;

	buf_init(&names, 0);
	for (size_t i = 0; i < d->parts; i++) {
		const struct part *part = &d->part[i];
		struct hop_times times;

		if (part->wants == 0)
			continue;
		hop_times(part->hop, &times);
		report->connect_ms = longer(report->connect_ms, times.connect);
		report->rcpt_ms = longer(report->rcpt_ms, times.rcpt);
		report->data_ms = longer(report->data_ms, times.data);
		buf_str(&names, comma);
		buf_str(&names, part->name);
		comma = ",";
	}
	if (buf_error(&names) == SMX_OK && names.len != 0)
		(void)text_copy(report->next_hop, sizeof(report->next_hop),
		    names.data);
	buf_free(&names);
	report->gave_up = run->gave_up;
}

static size_t
wants(const struct delivery *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->parts; i++)
		n += d->part[i].wants;
	return n;
}

void
delivery_run(struct delivery *delivery, const struct delivery_content *content,
    struct delivery_report *report)
{
	struct run run;

	memset(report, 0, sizeof(*report));
	report->connect_ms = report->rcpt_ms = report->data_ms = -1;
	memset(&run, 0, sizeof(run));
	run.delivery = delivery;
	run.content = content;
	hear_late(&run);
	if (mark(&run) != SMX_OK || wants(delivery) == 0 ||
	    trace(&run) != SMX_OK ||
	    courier_enter(delivery->courier, content->conf, delivery->client) !=
		SMX_OK)
		return;
	run.body.content = content->content;
	run.body.received = delivery->received;
	run.body.eight = has_eight(content->content);
	set_times(&run);
	give(&run);
	run_all(&run);
	courier_leave(delivery->courier, delivery->client);
	for (size_t i = 0; i < delivery->parts; i++)
		if (delivery->part[i].wants != 0)
			tell(&run, &delivery->part[i]);
	settle(&run);
	report_on(&run, report);
	end_all(delivery);
}

const struct hop_answer *
delivery_words(const struct delivery *delivery, size_t index)
{
	for (size_t i = 0; i < delivery->slots; i++)
		if (delivery->slot[i].index == index)
			return delivery->slot[i].words;
	return NULL;
}
