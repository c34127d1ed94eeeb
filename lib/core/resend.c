/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/resend_in.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/amend.h"

/* What identifies an attempt, and what is remembered of the last ones. */

static uint64_t
add(uint64_t h, const char *text)
{
	/* The NUL too: nothing can move from one field to the next. */
	return amend_hash(h, text, strlen(text) + 1);
}

static uint64_t
add_all(uint64_t h, const char *const *params, size_t count)
{
	for (size_t i = 0; i < count; i++)
		h = add(h, params[i]);
	return h;
}

static uint64_t
origin_of(const struct smx_envelope *envelope)
{
	static const enum smx_field fields[] = { SMX_FIELD_CLIENT_ADDR,
		SMX_FIELD_AUTH_TYPE, SMX_FIELD_AUTH_NAME };
	const char *sender = smx_envelope_sender(envelope);
	const char *const *params;
	size_t n = smx_envelope_mail_params(envelope, &params);
	uint64_t h = add(0, sender == NULL ? "" : sender);

	h = add_all(h, params, n);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		h = add(h, smx_envelope_get(envelope, fields[i]));
	return h;
}

int
resend_describe(struct resend_message *out, const struct smx_envelope *envelope,
    const uint8_t *digest)
{
	const char *const *params;
	size_t count = smx_envelope_recipients(envelope);

	memset(out, 0, sizeof(*out));
	if (count == 0 || count > RESEND_RCPTS_ONE)
		return SMX_ELIMIT;
	out->rcpts = calloc(count, sizeof(*out->rcpts));
	if (out->rcpts == NULL)
		return SMX_ENOMEM;
	out->count = count;
	out->origin = origin_of(envelope);
	memcpy(out->digest, digest, sizeof(out->digest));
	for (size_t i = 0; i < count; i++) {
		const char *rcpt = smx_envelope_recipient(envelope, i);
		size_t n = smx_envelope_rcpt_params(envelope, i, &params);

		out->rcpts[i].line = add_all(add(0, rcpt), params, n);
		out->rcpts[i].address = amend_address(rcpt);
	}
	return SMX_OK;
}

void
resend_message_free(struct resend_message *message)
{
	free(message->rcpts);
	memset(message, 0, sizeof(*message));
}

/* ---- the ledger ---- */

void
resends_init(struct resends *resends, uint64_t seed)
{
	memset(resends, 0, sizeof(*resends));
	idmap_init(&resends->rcpts, seed);
	idmap_init(&resends->keys, seed);
	idmap_init(&resends->ids, seed);
}

void
resends_forget(struct resends *resends, struct resend_attempt *a)
{
	for (size_t i = 0; i < a->count; i++)
		idmap_remove(&resends->rcpts, &a->slot[i].by_rcpt);
	idmap_remove(&resends->keys, &a->by_key);
	idmap_remove(&resends->ids, &a->by_id);
	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		resends->first = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
	else
		resends->last = a->prev;
	resends->count -= a->count;
	free(a);
}

void
resends_free(struct resends *resends)
{
	while (resends->first != NULL)
		resends_forget(resends, resends->first);
	idmap_free(&resends->rcpts);
	idmap_free(&resends->keys);
	idmap_free(&resends->ids);
}

static uint64_t
slot_hash(const struct resends *resends, const uint8_t *digest, uint64_t origin,
    uint64_t line)
{
	struct {
		uint8_t digest[SMX_DIGEST_BYTES];
		uint64_t origin, line;
	} all;

	memset(&all, 0, sizeof(all));
	memcpy(all.digest, digest, sizeof(all.digest));
	all.origin = origin;
	all.line = line;
	return idmap_hash(&resends->rcpts, &all, sizeof(all));
}

static uint64_t
key_hash(const struct resends *resends, const struct smx_key *key)
{
	return idmap_hash(&resends->keys, key, sizeof(*key));
}

static uint64_t
id_hash(const struct resends *resends, const char *id)
{
	return idmap_hash(&resends->ids, id, strlen(id));
}

static int
make_room(struct resends *resends, size_t count, int64_t now_ms)
{
	while (resends->first != NULL &&
	       (resends->first->until_ms <= now_ms ||
		   resends->count + count > RESEND_RCPTS_MAX))
		resends_forget(resends, resends->first);
	if (idmap_reserve(&resends->keys) != SMX_OK ||
	    idmap_reserve(&resends->ids) != SMX_OK)
		return SMX_ENOMEM;
	return SMX_OK;
}

static int
add_slots(struct resends *resends, struct resend_attempt *a,
    const struct resend_message *message)
{
	for (; a->count < message->count; a->count++) {
		struct resend_slot *slot = &a->slot[a->count];

		if (idmap_reserve(&resends->rcpts) != SMX_OK)
			return SMX_ENOMEM;
		slot->of = a;
		slot->rcpt = message->rcpts[a->count];
		idmap_add(&resends->rcpts, &slot->by_rcpt,
		    slot_hash(resends, a->digest, a->origin, slot->rcpt.line));
	}
	return SMX_OK;
}

/* Without memory it is not remembered. */
void
resends_add(struct resends *resends, const struct smx_key *key, const char *id,
    const struct resend_message *message, int64_t until_ms, int64_t now_ms)
{
	struct resend_attempt *a;
	int rc;

	if (make_room(resends, message->count, now_ms) != SMX_OK)
		return;
	a = calloc(1, sizeof(*a) + message->count * sizeof(a->slot[0]));
	if (a == NULL)
		return;
	a->key = *key;
	memcpy(a->id, id, strlen(id) + 1);
	memcpy(a->digest, message->digest, sizeof(a->digest));
	a->origin = message->origin;
	a->until_ms = until_ms;
	idmap_add(&resends->keys, &a->by_key, key_hash(resends, key));
	idmap_add(&resends->ids, &a->by_id, id_hash(resends, id));
	a->prev = resends->last;
	if (a->prev != NULL)
		a->prev->next = a;
	else
		resends->first = a;
	resends->last = a;
	rc = add_slots(resends, a, message);
	resends->count += a->count;
	if (rc != SMX_OK)
		resends_forget(resends, a);
}

struct resend_attempt *
resends_find(const struct resends *resends, const struct smx_key *key)
{
	struct idnode *n = idmap_first(&resends->keys, key_hash(resends, key));

	for (; n != NULL; n = idmap_next(n)) {
		struct resend_attempt *a =
		    (void *)((char *)n -
			     offsetof(struct resend_attempt, by_key));

		if (smx_key_compare(&a->key, key) == 0)
			return a;
	}
	return NULL;
}

static struct resend_attempt *
with_id(struct idnode *n, const char *id)
{
	for (; n != NULL; n = idmap_next(n)) {
		struct resend_attempt *a =
		    (void *)((char *)n -
			     offsetof(struct resend_attempt, by_id));

		if (strcmp(a->id, id) == 0)
			return a;
	}
	return NULL;
}

struct resend_attempt *
resends_first_id(const struct resends *resends, const char *id)
{
	return with_id(idmap_first(&resends->ids, id_hash(resends, id)), id);
}

struct resend_attempt *
resends_next_id(const struct resend_attempt *a)
{
	return with_id(idmap_next(&a->by_id), a->id);
}

static struct resend_slot *
same(struct idnode *n, const struct resend_message *message, uint64_t line)
{
	for (; n != NULL; n = idmap_next(n)) {
		struct resend_slot *s =
		    (void *)((char *)n - offsetof(struct resend_slot, by_rcpt));

		if (s->rcpt.line == line && s->of->origin == message->origin &&
		    memcmp(s->of->digest, message->digest,
			sizeof(message->digest)) == 0)
			return s;
	}
	return NULL;
}

struct resend_slot *
resends_first(const struct resends *resends,
    const struct resend_message *message, size_t rcpt)
{
	uint64_t line = message->rcpts[rcpt].line;

	return same(idmap_first(&resends->rcpts,
			slot_hash(resends, message->digest, message->origin,
			    line)),
	    message, line);
}

struct resend_slot *
resends_next(const struct resend_slot *slot,
    const struct resend_message *message)
{
	return same(idmap_next(&slot->by_rcpt), message, slot->rcpt.line);
}
