/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/inside.h"

/*
 * A message that could not be delivered goes on as a notice to its sender: a
 * message of its own, under an id of its own, which passes no milter unless
 * Postfix is told so (internal_mail_filter_classes).  Should this host be lost
 * then, its holders must still be able to tell the sender; so the end of the
 * one waits until the other has ended or is copied.  A notice that cannot be
 * delivered may go on in its turn, to the postmaster.
 */

static void
remember(struct engine *engine, struct own *own, const char *id)
{
	struct sequels *s = &engine->sequels;
	struct sequel *one;

	if (s->list == NULL)
		s->list = calloc(SEQUELS_MAX, sizeof(*s->list));
	if (s->list == NULL)
		return;
	one = &s->list[s->next];
	s->next = (s->next + 1) % SEQUELS_MAX;
	one->of = own->key;
	memcpy(one->id, id, strlen(id) + 1);
	own->returned = 1;
}

/* The notice of one that waits for it is given up, too.  Found by its message:
 * it may be no own one. */
static int
goes_on(struct engine *engine, const struct smx_queue_event *event)
{
	const struct sequels *s = &engine->sequels;
	int ours = 0;

	for (size_t i = 0; s->list != NULL && i < SEQUELS_MAX; i++) {
		struct own *own;

		if (strcmp(s->list[i].id, event->id) != 0)
			continue;
		own = own_find(&engine->own, &s->list[i].of);
		if (own == NULL)
			continue;
		ours = 1;
		remember(engine, own, event->other);
	}
	return ours;
}

/* Non-zero when there is such a message. */
static int
follow(struct engine *engine, const char *id, const char *other, int bounced)
{
	struct own *own = own_first_id(&engine->own, id);
	int ours = 0;

	for (; own != NULL; own = own_next_id(own)) {
		struct log_line l;

		if (own->state == OWN_HOLDING)
			continue;
		ours = 1;
		remember(engine, own, other);
		log_begin(&l, SMX_LOG_INFO, id,
		    bounced ? "bounced" : "sent-on");
		log_key(&l, "key", &own->key);
		log_str(&l, bounced ? "notice" : "as", other);
		log_end(&l);
	}
	return ours;
}

void
engine_goes_on(struct engine *engine, const char *queue_id, const char *other,
    int64_t now_ms)
{
	if (other[0] == '\0' || strlen(other) > SMX_QUEUE_ID_MAX)
		return;
	(void)follow(engine, queue_id, other, 0);
	if (own_first_id(&engine->own, other) == NULL)
		engine_passed(engine, other, now_ms);
}

void
sequel_seen(struct engine *engine, const struct smx_queue_event *event,
    int64_t now_ms)
{
	int ours;

	if (event->other[0] == '\0' ||
	    strnlen(event->other, sizeof(event->other)) > SMX_QUEUE_ID_MAX)
		return;
	ours = goes_on(engine, event);
	ours |= follow(engine, event->id, event->other, 1);
	/* It has not been taken by any session of ours, unless it has. */
	if (ours && own_first_id(&engine->own, event->other) == NULL)
		engine_passed(engine, event->other, now_ms);
}

/* Nobody but this host has the notice, or it is still looked for. */
static int
is_alone(struct engine *engine, const char *id)
{
	const struct own *o = own_first_id(&engine->own, id);

	if (passed_find(&engine->passed, id) != NULL)
		return 1;
	for (; o != NULL; o = own_next_id(o))
		if (o->has == 0 && o->wanted != 0)
			return 1;
	return 0;
}

int
sequel_is_open(struct engine *engine, struct own *own)
{
	const struct sequels *s = &engine->sequels;

	for (size_t i = 0; s->list != NULL && i < SEQUELS_MAX; i++)
		if (smx_key_compare(&s->list[i].of, &own->key) == 0 &&
		    is_alone(engine, s->list[i].id))
			return 1;
	own->returned = 0;
	return 0;
}
