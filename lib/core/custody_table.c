/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/custody.h"

#include <stdlib.h>
#include <string.h>

const char *
custody_word(enum custody custody)
{
	static const char *const words[] = { "?", "taken", "held",
		"held-by-hand", "queued", "ended" };

	return words[custody <= CUSTODY_ENDED ? custody : 0];
}

const char *
custody_end_word(enum custody_end end)
{
	static const char *const words[] = { "?", "open", "delivered",
		"returned", "deleted", "unaccounted", "handed" };

	return words[end <= CUSTODY_HANDED ? end : 0];
}

/* ---- heaps ---- */

static void
put(struct custody_heap *h, size_t at, struct custody_place place)
{
	h->place[at] = place;
	place.mail->at[h->which] = at;
}

static void
settle(struct custody_heap *h, size_t at, struct custody_place place)
{
	while (at > 1 && h->place[at / 2].due_ms > place.due_ms) {
		put(h, at, h->place[at / 2]);
		at /= 2;
	}
	for (;;) {
		size_t child = at * 2;

		if (child > h->count)
			break;
		if (child < h->count &&
		    h->place[child + 1].due_ms < h->place[child].due_ms)
			child++;
		if (h->place[child].due_ms >= place.due_ms)
			break;
		put(h, at, h->place[child]);
		at = child;
	}
	put(h, at, place);
}

/* All can have a place, so that custody_due cannot fail. */
static int
heap_reserve(struct custody_heap *h, size_t count)
{
	size_t size = h->size == 0 ? 64 : h->size * 2;
	struct custody_place *place;

	if (count + 2 < h->size)
		return SMX_OK;
	place = realloc(h->place, size * sizeof(*place));
	if (place == NULL)
		return SMX_ENOMEM;
	h->place = place;
	h->size = size;
	return SMX_OK;
}

void
custody_due(struct custody_heap *heap, struct custody_mail *mail,
    int64_t due_ms)
{
	struct custody_place place = { due_ms, mail };

	if (mail->at[heap->which] == 0)
		mail->at[heap->which] = ++heap->count;
	settle(heap, mail->at[heap->which], place);
}

void
custody_sooner(struct custody_heap *heap, struct custody_mail *mail,
    int64_t due_ms)
{
	size_t at = mail->at[heap->which];

	if (at == 0 || heap->place[at].due_ms > due_ms)
		custody_due(heap, mail, due_ms);
}

void
custody_rest(struct custody_heap *heap, struct custody_mail *mail)
{
	size_t at = mail->at[heap->which];
	struct custody_place last;

	if (at == 0)
		return;
	mail->at[heap->which] = 0;
	last = heap->place[heap->count--];
	if (last.mail != mail)
		settle(heap, at, last);
}

struct custody_mail *
custody_earliest(const struct custody_heap *heap, int64_t now_ms)
{
	return heap->count != 0 && heap->place[1].due_ms <= now_ms
		   ? heap->place[1].mail
		   : NULL;
}

/* ---- finding one ---- */

static struct custody_mail *
from_id(struct idnode *node)
{
	return (void *)((char *)node - offsetof(struct custody_mail, by_id));
}

static struct custody_mail *
from_mail(struct idnode *node)
{
	return (void *)((char *)node - offsetof(struct custody_mail, by_mail));
}

static struct custody_domain *
from_name(struct idnode *node)
{
	return (
	    void *)((char *)node - offsetof(struct custody_domain, by_name));
}

static struct custody_mail *
with_id(struct idnode *n, const char *id)
{
	while (n != NULL && strcmp(from_id(n)->id, id) != 0)
		n = idmap_next(n);
	return n == NULL ? NULL : from_id(n);
}

static uint64_t
id_hash(const struct custody_table *table, const char *id)
{
	return idmap_hash(&table->ids, id, strlen(id));
}

struct custody_mail *
custody_first_id(const struct custody_table *table, const char *id)
{
	return with_id(idmap_first(&table->ids, id_hash(table, id)), id);
}

struct custody_mail *
custody_next_id(const struct custody_mail *mail)
{
	return with_id(idmap_next(&mail->by_id), mail->id);
}

struct custody_mail *
custody_find(const struct custody_table *table, int64_t mail)
{
	struct idnode *n = idmap_first(&table->mails,
	    idmap_hash(&table->mails, &mail, sizeof(mail)));

	while (n != NULL && from_mail(n)->mail != mail)
		n = idmap_next(n);
	return n == NULL ? NULL : from_mail(n);
}

void
custody_rename(struct custody_table *table, struct custody_mail *mail,
    const char *id)
{
	idmap_remove(&table->ids, &mail->by_id);
	memset(mail->id, 0, sizeof(mail->id));
	memcpy(mail->id, id, strnlen(id, sizeof(mail->id) - 1));
	idmap_add(&table->ids, &mail->by_id, id_hash(table, mail->id));
}

/* ---- domains ---- */

static struct custody_domain *
find_domain(const struct custody_table *table, const char *name)
{
	struct idnode *n = idmap_first(&table->domains,
	    idmap_hash(&table->domains, name, strlen(name)));

	while (n != NULL && strcmp(from_name(n)->name, name) != 0)
		n = idmap_next(n);
	return n == NULL ? NULL : from_name(n);
}

const struct custody_domain *
custody_domain(const struct custody_table *table, const char *name)
{
	return find_domain(table, name);
}

static struct custody_domain *
make_domain(struct custody_table *table, const char *name)
{
	struct custody_domain *domain = find_domain(table, name);
	size_t size = strlen(name) + 1;

	if (domain != NULL || table->domains.count >= CUSTODY_DOMAINS_MAX ||
	    idmap_reserve(&table->domains) != SMX_OK)
		return domain;
	domain = calloc(1, sizeof(*domain) + size);
	if (domain == NULL)
		return NULL;
	memcpy(domain->name, name, size);
	idmap_add(&table->domains, &domain->by_name,
	    idmap_hash(&table->domains, name, size - 1));
	return domain;
}

static int
is_held(const struct custody_mail *mail)
{
	return mail->custody == CUSTODY_HELD ||
	       mail->custody == CUSTODY_HELD_BY ||
	       (mail->custody == CUSTODY_TAKEN && mail->hold);
}

/* sign 1: it comes, -1: it goes. */
static void
count(const struct custody_mail *mail, int sign)
{
	struct custody_domain *d = mail->domain;

	if (d == NULL)
		return;
	if (mail->custody == CUSTODY_QUEUED)
		d->queued += (uint64_t)sign;
	if (is_held(mail)) {
		d->held += (uint64_t)sign;
		d->held_bytes += sign > 0 ? mail->size : -mail->size;
	}
}

void
custody_set(struct custody_mail *mail, enum custody custody)
{
	count(mail, -1);
	mail->custody = (uint8_t)custody;
	count(mail, 1);
}

/* ---- members ---- */

int
custody_init(struct custody_table *table, uint64_t seed, size_t max,
    custody_fn deed, void *ctx)
{
	memset(table, 0, sizeof(*table));
	idmap_init(&table->ids, seed);
	idmap_init(&table->mails, seed);
	idmap_init(&table->domains, seed);
	table->reads.which = CUSTODY_READS;
	table->max = max;
	table->deed = deed;
	table->ctx = ctx;
	return SMX_OK;
}

void
custody_forget(struct custody_table *table)
{
	while (table->first != NULL)
		custody_remove(table, table->first);
	table->unfollowed = 0;
}

static void
free_domains(struct custody_table *table)
{
	for (size_t i = 0; i < table->domains.size; i++) {
		struct idnode *n = table->domains.slots[i];

		while (n != NULL) {
			struct idnode *next = n->next;

			free(from_name(n));
			n = next;
		}
	}
}

void
custody_free(struct custody_table *table)
{
	custody_forget(table);
	free_domains(table);
	idmap_free(&table->ids);
	idmap_free(&table->mails);
	idmap_free(&table->domains);
	free(table->looks.place);
	free(table->reads.place);
	memset(table, 0, sizeof(*table));
}

static struct custody_mail *
make(struct custody_table *table, const struct custody_new *new)
{
	struct custody_mail *mail =
	    calloc(1, sizeof(*mail) + new->count * sizeof(*mail->hash));

	if (mail == NULL)
		return NULL;
	mail->mail = new->mail;
	mail->size = new->size;
	mail->custody = (uint8_t) new->custody;
	mail->hold = new->hold != 0;
	mail->by_hand = new->by_hand != 0;
	mail->fresh = new->fresh != 0;
	mail->committed = new->custody != CUSTODY_TAKEN;
	mail->open = (uint32_t) new->count;
	if (new->count != 0)
		memcpy(mail->hash, new->open, new->count * sizeof(*mail->hash));
	mail->looked_after = mail->read_after = table->token;
	memcpy(mail->id, new->queue_id, strlen(new->queue_id) + 1);
	return mail;
}

static void
enter(struct custody_table *table, struct custody_mail *mail)
{
	idmap_add(&table->ids, &mail->by_id, id_hash(table, mail->id));
	idmap_add(&table->mails, &mail->by_mail,
	    idmap_hash(&table->mails, &mail->mail, sizeof(mail->mail)));
	mail->next = table->first;
	if (mail->next != NULL)
		mail->next->prev = mail;
	table->first = mail;
	count(mail, 1);
}

/* The id was free: an earlier one is no longer the file that is there. */
static void
outlive(struct custody_table *table, const char *id, int64_t now_ms)
{
	for (struct custody_mail *m = custody_first_id(table, id); m != NULL;
	     m = custody_next_id(m)) {
		m->outlived = 1;
		custody_due(&table->looks, m, now_ms);
	}
}

/* A fresh one is heard of soon, and looked for should a hint get lost. */
#define FRESH_MS 10000

int
custody_add(struct custody_table *table, const struct custody_new *new,
    int64_t now_ms)
{
	int was = table->unfollowed;
	struct custody_mail *mail;

	if (!pfid_valid(new->queue_id, strlen(new->queue_id)))
		return SMX_EINVAL;
	table->unfollowed = 1;
	if (table->mails.count >= table->max)
		return SMX_EFULL;
	if (idmap_reserve(&table->ids) != SMX_OK ||
	    idmap_reserve(&table->mails) != SMX_OK ||
	    heap_reserve(&table->looks, table->mails.count + 1) != SMX_OK ||
	    heap_reserve(&table->reads, table->mails.count + 1) != SMX_OK ||
	    (mail = make(table, new)) == NULL)
		return SMX_ENOMEM;
	table->unfollowed = was;
	mail->domain = make_domain(table, new->domain);
	if (mail->fresh && !new->beside)
		outlive(table, mail->id, now_ms);
	enter(table, mail);
	custody_due(&table->looks, mail,
	    mail->fresh ? now_ms + FRESH_MS : now_ms);
	if (!mail->fresh)
		custody_due(&table->reads, mail, now_ms);
	return SMX_OK;
}

void
custody_remove(struct custody_table *table, struct custody_mail *mail)
{
	count(mail, -1);
	custody_rest(&table->looks, mail);
	custody_rest(&table->reads, mail);
	idmap_remove(&table->ids, &mail->by_id);
	idmap_remove(&table->mails, &mail->by_mail);
	if (mail->prev != NULL)
		mail->prev->next = mail->next;
	else
		table->first = mail->next;
	if (mail->next != NULL)
		mail->next->prev = mail->prev;
	free(mail->as);
	free(mail);
}
