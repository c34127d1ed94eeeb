/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The store port over plain arrays.  What is in them is durable: a crash of the
 * worker or of the host takes only what had not been committed yet. */

static struct disk *
of(void *ctx)
{
	return &((struct host *)ctx)->disk;
}

const char *
host_name(int index)
{
	static const char *const names[] = { "mx1", "mx2", "mx3" };

	return names[index];
}

struct stored *
disk_find(struct host *h, const struct smx_key *key)
{
	for (size_t i = 0; i < h->disk.rows; i++)
		if (smx_key_compare(&h->disk.row[i].row.key, key) == 0)
			return &h->disk.row[i];
	return NULL;
}

static int
tombed(struct disk *d, const struct smx_key *key)
{
#ifdef MUTANT_FORGET_TOMBSTONE
	return 0;
#endif
	for (size_t i = 0; i < d->tombs; i++)
		if (smx_key_compare(&d->tomb[i], key) == 0)
			return 1;
	return 0;
}

static void
bury(struct disk *d, const struct smx_key *key)
{
	if (tombed(d, key))
		return;
	if (d->tombs == d->tomb_size) {
		d->tomb_size = d->tomb_size == 0 ? 64 : d->tomb_size * 2;
		d->tomb = realloc(d->tomb, d->tomb_size * sizeof(*d->tomb));
		if (d->tomb == NULL)
			abort();
	}
	d->tomb[d->tombs++] = *key;
}

static void
insert(struct disk *d, const struct stored *s)
{
	size_t i = d->rows;

	if (d->rows == ROWS)
		abort();
	while (
	    i > 0 && smx_key_compare(&d->row[i - 1].row.key, &s->row.key) > 0) {
		d->row[i] = d->row[i - 1];
		i--;
	}
	d->row[i] = *s;
	d->rows++;
}

/* What was to be delivered, in the form of the envelope's text. */
char *
disk_text(int attempt, int variant)
{
	char text[200];
	int n = snprintf(text, sizeof(text),
	    "CLIENT\r\nMAIL <a@x.example>\r\nRCPT <m%d@x.example>\r\n",
	    attempt);

	for (int i = 1; i <= variant; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    "RCPT <v%d@x.example>\r\n", i);
	return copy(text, (size_t)n + 1);
}

int
disk_commit(struct host *h, const struct smx_shadow_announced *a, int primary,
    int attempt, int64_t wall_ms)
{
	struct stored *have = disk_find(h, &a->key);
	struct stored s;

	if (tombed(&h->disk, &a->key))
		return SMX_EGONE;
	if (have != NULL && have->row.state == SMX_ROW_DONE)
		return SMX_EGONE;
	if (have != NULL)
		return have->attempt == attempt ? SMX_EEXIST : SMX_ECONFLICT;
	if (h->disk.full)
		return SMX_EFULL;
	memset(&s, 0, sizeof(s));
	s.row.key = a->key;
	memcpy(s.row.primary, host_name(primary), 4);
	memcpy(s.row.queue_id, a->queue_id, ID_SIZE);
	s.row.epoch = a->epoch;
	s.row.state = SMX_ROW_SHADOW;
	s.row.recipients = 1;
	s.row.stored_ms = wall_ms;
	memcpy(s.row.holders, a->holders, strlen(a->holders) + 1);
	s.attempt = attempt;
	s.rcpt[0] = SMX_RCPT_OPEN;
	insert(&h->disk, &s);
	return SMX_OK;
}

static int
op_drop(void *ctx, const char *primary, const struct smx_key *keys,
    size_t count, size_t *foreign)
{
	struct host *h = ctx;

	*foreign = 0;
	for (size_t i = 0; i < count; i++) {
		struct stored *s = disk_find(h, &keys[i]);

		if (s != NULL && primary != NULL &&
		    strcmp(s->row.primary, primary) != 0) {
			(*foreign)++;
			continue;
		}
		bury(&h->disk, &keys[i]);
		if (s == NULL)
			continue;
		h->disk.rows--;
		memmove(s, s + 1,
		    (size_t)(&h->disk.row[h->disk.rows] - s) * sizeof(*s));
	}
	return SMX_OK;
}

static int
op_mark(void *ctx, const struct smx_key *key, const struct smx_row_change *c)
{
	struct host *h = ctx;
	struct stored *s = disk_find(h, key);

	if (s == NULL)
		return SMX_ENOTFOUND;
	if (s->row.state != c->from || s->row.state == SMX_ROW_DONE)
		return SMX_ESTATE;
	if (c->to == SMX_ROW_DONE && c->from != SMX_ROW_HANDED)
		return SMX_EINVAL;
	if (c->to == SMX_ROW_CLAIMED && c->from == SMX_ROW_SHADOW)
		h->disk.w->sum.claimed++;
	s->row.state = c->to;
	s->row.state_ms = c->now_ms;
	s->row.next_try_ms = c->next_try_ms;
	s->row.attempts = c->attempts;
	if (c->handed_id != NULL)
		memcpy(s->row.handed_id, c->handed_id,
		    strlen(c->handed_id) + 1);
	if (c->rcpt_states != NULL)
		memcpy(s->rcpt, c->rcpt_states, strlen(c->rcpt_states) + 1);
	return SMX_OK;
}

/* An envelope that is not this message's, or older than the one before. */
static void
check_text(struct host *h, struct stored *s, const struct smx_row_amendment *a)
{
	int variant = (int)a->recipients - 1;
	char *want = disk_text(s->attempt, variant);

	if (strlen(want) != a->envelope_len ||
	    memcmp(want, a->envelope, a->envelope_len) != 0)
		fail(h->disk.w, "attempt %d was amended with another envelope",
		    s->attempt);
	/* It may be, in a queue that is as it was then. */
	if (variant < s->variant &&
	    h->disk.w->wiped_ms[h->disk.w->attempt[s->attempt].host] == 0)
		fail(h->disk.w, "attempt %d was amended back to %d", s->attempt,
		    variant);
	free(want);
	s->variant = variant;
	s->row.amended = 1;
	s->row.recipients = a->recipients;
	memset(s->rcpt, SMX_RCPT_OPEN, a->recipients);
	s->rcpt[a->recipients] = '\0';
	h->disk.w->sum.amended++;
}

static void
amend_one(struct host *h, struct stored *s, const struct smx_row_amendment *a)
{
	const char *origin, *to;

	if (s->row.state != SMX_ROW_SHADOW ||
	    (a->version != 0 && a->version <= s->row.version))
		return;
	if (a->version != 0)
		s->row.version = a->version;
	if (a->holders != NULL)
		memcpy(s->row.holders, a->holders, strlen(a->holders) + 1);
	if (a->held >= 0)
		s->row.held = a->held;
	if (a->envelope != NULL)
		check_text(h, s, a);
	if (a->primary == NULL)
		return;
	origin = host_name(h->disk.w->attempt[s->attempt].host);
	to = a->primary[0] == '\0' ? origin : a->primary;
	s->row.epoch = a->epoch;
	if (strcmp(to, s->row.primary) == 0)
		return;
	memcpy(s->row.primary, to, strlen(to) + 1);
	s->row.yielded = strcmp(to, origin) != 0;
	h->disk.w->sum.yielded += (uint64_t)s->row.yielded;
}

static int
op_amend(void *ctx, const char *primary, const struct smx_row_amendment *list,
    size_t count, size_t *foreign)
{
	*foreign = 0;
	for (size_t i = 0; i < count; i++) {
		struct stored *s = disk_find(ctx, &list[i].key);

		/* NULL: this host's own decision */
		if (s != NULL &&
		    (primary == NULL || strcmp(s->row.primary, primary) == 0))
			amend_one(ctx, s, &list[i]);
		else
			*foreign += s != NULL;
	}
	return SMX_OK;
}

static int
op_scan(void *ctx, const struct smx_store_filter *f, smx_row_fn each,
    void *each_ctx)
{
	struct disk *d = of(ctx);
	size_t n = 0;

	for (size_t i = 0; i < d->rows; i++) {
		const struct smx_row *r = &d->row[i].row;
		int stop;

		if ((f->primary != NULL && strcmp(f->primary, r->primary)) ||
		    (f->states != 0 && (f->states >> r->state & 1) == 0) ||
		    (f->due_ms > 0 && r->next_try_ms > f->due_ms) ||
		    (f->after != NULL &&
			smx_key_compare(&r->key, f->after) <= 0))
			continue;
		if (f->limit != 0 && n++ == f->limit)
			break;
		stop = each(each_ctx, r);
		if (stop != 0)
			return stop;
	}
	return SMX_OK;
}

static int
op_get(void *ctx, const struct smx_key *key, struct smx_row *row)
{
	struct stored *s = disk_find(ctx, key);

	if (s == NULL)
		return SMX_ENOTFOUND;
	*row = s->row;
	return SMX_OK;
}

static int
op_envelope(void *ctx, const struct smx_key *key, char **text, size_t *len,
    char **rcpt_states)
{
	struct stored *s = disk_find(ctx, key);

	if (s == NULL)
		return SMX_ENOTFOUND;
	*text = disk_text(s->attempt, s->variant);
	*len = strlen(*text);
	if (rcpt_states != NULL)
		*rcpt_states = copy(s->rcpt, sizeof(s->rcpt));
	return SMX_OK;
}

/* The place of this name, or a free one. */
static struct noted *
noted(struct disk *d, const char *name)
{
	size_t i = 0;

	while (i < NOTES && d->note[i].name[0] != '\0' &&
	       strcmp(d->note[i].name, name) != 0)
		i++;
	if (i == NOTES)
		abort();
	return &d->note[i];
}

static int
op_meta_get(void *ctx, const char *name, char *value, size_t size)
{
	const struct noted *n = noted(of(ctx), name);

	if (n->name[0] == '\0')
		return SMX_ENOTFOUND;
	if (strlen(n->value) >= size)
		return SMX_ELIMIT;
	memcpy(value, n->value, strlen(n->value) + 1);
	return SMX_OK;
}

static int
op_meta_set(void *ctx, const char *name, const char *value)
{
	struct noted *n = noted(of(ctx), name);

	snprintf(n->name, sizeof(n->name), "%s", name);
	snprintf(n->value, sizeof(n->value), "%s", value);
	return SMX_OK;
}

static const struct smx_store_ops ops = { .drop = op_drop,
	.mark = op_mark,
	.amend = op_amend,
	.scan = op_scan,
	.get = op_get,
	.envelope = op_envelope,
	.meta_get = op_meta_get,
	.meta_set = op_meta_set };

void
disk_open(struct world *w, struct host *h)
{
	h->store.ctx = h;
	h->store.ops = &ops;
	h->disk.w = w;
}

void
disk_wipe(struct host *h)
{
	struct world *w = h->disk.w;

	free(h->disk.tomb);
	memset(&h->disk, 0, sizeof(h->disk));
	h->disk.w = w;
}

static void
disk_copy(struct disk *to, const struct disk *from)
{
	*to = *from;
	to->tomb_size = from->tombs;
	to->tomb = from->tombs == 0
		       ? NULL
		       : copy(from->tomb, from->tombs * sizeof(*from->tomb));
}

void
disk_drop(struct host *h)
{
	if (h->kept != NULL)
		free(h->kept->tomb);
	free(h->kept);
	h->kept = NULL;
}

void
disk_keep(struct host *h)
{
	disk_drop(h);
	h->kept = malloc(sizeof(*h->kept));
	if (h->kept == NULL)
		abort();
	disk_copy(h->kept, &h->disk);
}

void
disk_back(struct host *h)
{
	free(h->disk.tomb);
	disk_copy(&h->disk, h->kept);
	disk_drop(h);
}
