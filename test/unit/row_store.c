/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "row_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct smx_row *
row_store_find(struct row_store *s, const struct smx_key *key)
{
	for (size_t i = 0; i < s->rows; i++)
		if (smx_key_compare(&s->row[i].key, key) == 0)
			return &s->row[i];
	return NULL;
}

const char *
row_store_rcpt(struct row_store *s, const struct smx_row *row)
{
	return s->rcpt[row - s->row];
}

const char *
row_store_envelope(struct row_store *s, const struct smx_row *row)
{
	return s->envelope[row - s->row];
}

int
row_store_tombed(const struct row_store *s, const struct smx_key *key)
{
	for (size_t i = 0; i < s->tombs; i++)
		if (smx_key_compare(&s->tomb[i], key) == 0)
			return 1;
	return 0;
}

/* Counters must be added in growing order. */
struct smx_row *
row_store_add(struct row_store *s, const char *primary, uint64_t counter,
    enum smx_row_state state)
{
	struct smx_row *r = &s->row[s->rows];

	memset(r, 0, sizeof(*r));
	r->key.counter = counter;
	memcpy(r->primary, primary, strlen(primary) + 1);
	memcpy(r->queue_id, "Q1", 3);
	r->epoch.id[0] = 1;
	r->state = state;
	r->recipients = 2;
	r->stored_ms = 1000;
	memcpy(s->rcpt[s->rows], "oo", 3);
	snprintf(s->envelope[s->rows], sizeof(s->envelope[0]), "%s",
	    "CLIENT HELO=h\r\nMAIL <a@b.example> SIZE=5\r\n"
	    "RCPT <c@d.example>\r\nRCPT <e@f.example>\r\n");
	s->rows++;
	return r;
}

static int
op_drop(void *ctx, const char *primary, const struct smx_key *keys,
    size_t count, size_t *foreign)
{
	struct row_store *s = ctx;

	*foreign = 0;
	if (s->fail != 0)
		return s->fail;
	s->drops++;
	for (size_t i = 0; i < count; i++) {
		struct smx_row *r = row_store_find(s, &keys[i]);
		size_t at;

		if (r != NULL && primary != NULL &&
		    strcmp(r->primary, primary) != 0) {
			(*foreign)++;
			continue;
		}
		s->tomb[s->tombs++] = keys[i];
		if (r == NULL)
			continue;
		at = (size_t)(r - s->row);
		s->rows--;
		memmove(r, r + 1, (s->rows - at) * sizeof(*r));
		memmove(s->rcpt[at], s->rcpt[at + 1], (s->rows - at) * 8);
		memmove(s->envelope[at], s->envelope[at + 1],
		    (s->rows - at) * sizeof(s->envelope[0]));
	}
	return SMX_OK;
}

static int
op_mark(void *ctx, const struct smx_key *key, const struct smx_row_change *c)
{
	struct row_store *s = ctx;
	struct smx_row *r = row_store_find(s, key);

	if (s->fail != 0)
		return s->fail;
	if (r == NULL)
		return SMX_ENOTFOUND;
	if (r->state != c->from || r->state == SMX_ROW_DONE)
		return SMX_ESTATE;
	if (c->to == SMX_ROW_DONE && c->from != SMX_ROW_HANDED)
		return SMX_EINVAL;
	s->marks++;
	if (r->state != c->to)
		r->state_ms = c->now_ms;
	r->state = c->to;
	r->next_try_ms = c->next_try_ms;
	r->attempts = c->attempts;
	if (c->handed_id != NULL)
		memcpy(r->handed_id, c->handed_id, strlen(c->handed_id) + 1);
	if (c->reason != NULL)
		memcpy(r->reason, c->reason, strlen(c->reason) + 1);
	if (c->rcpt_states != NULL)
		memcpy(s->rcpt[r - s->row], c->rcpt_states,
		    strlen(c->rcpt_states) + 1);
	return SMX_OK;
}

static void
op_marks(void *ctx, struct smx_row_mark *list, size_t count)
{
	struct row_store *s = ctx;

	s->steps++;
	for (size_t i = 0; i < count; i++)
		list[i].result = op_mark(ctx, &list[i].key, &list[i].change);
}

static void
amend_row(struct row_store *s, struct smx_row *r,
    const struct smx_row_amendment *a)
{
	if (a->version != 0)
		r->version = a->version;
	if (a->holders != NULL)
		snprintf(r->holders, sizeof(r->holders), "%s", a->holders);
	if (a->held >= 0)
		r->held = a->held;
	if (a->envelope != NULL) {
		snprintf(s->envelope[r - s->row], sizeof(s->envelope[0]), "%s",
		    a->envelope);
		r->recipients = a->recipients;
		r->amended = 1;
	}
	if (a->primary != NULL) {
		int back = a->primary[0] == '\0';
		const char *to = back ? s->origin : a->primary;

		r->yielded = !back && (r->yielded || strcmp(r->primary, to));
		snprintf(r->primary, sizeof(r->primary), "%s", to);
		r->epoch = a->epoch;
	}
}

static int
op_amend(void *ctx, const char *primary, const struct smx_row_amendment *list,
    size_t count, size_t *foreign)
{
	struct row_store *s = ctx;

	*foreign = 0;
	if (s->fail != 0)
		return s->fail;
	s->amends++;
	for (size_t i = 0; i < count; i++) {
		struct smx_row *r = row_store_find(s, &list[i].key);

		if (r != NULL && primary != NULL &&
		    strcmp(r->primary, primary) != 0)
			(*foreign)++;
		else if (r != NULL && r->state == SMX_ROW_SHADOW &&
			 (list[i].version == 0 || list[i].version > r->version))
			amend_row(s, r, &list[i]);
	}
	return SMX_OK;
}

static int
op_scan(void *ctx, const struct smx_store_filter *f, smx_row_fn each,
    void *each_ctx)
{
	struct row_store *s = ctx;
	size_t n = 0;

	s->scans++;

	for (size_t i = 0; i < s->rows; i++) {
		const struct smx_row *r = &s->row[i];
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
	struct smx_row *r = row_store_find(ctx, key);

	if (r == NULL)
		return SMX_ENOTFOUND;
	*row = *r;
	return SMX_OK;
}

static int
op_envelope(void *ctx, const struct smx_key *key, char **text, size_t *len,
    char **rcpt_states)
{
	struct row_store *s = ctx;
	struct smx_row *r = row_store_find(s, key);

	if (r == NULL)
		return SMX_ENOTFOUND;
	*text = strdup(row_store_envelope(s, r));
	*len = strlen(*text);
	if (rcpt_states != NULL)
		*rcpt_states = strdup(row_store_rcpt(s, r));
	return SMX_OK;
}

static int
op_meta_get(void *ctx, const char *name, char *value, size_t size)
{
	struct row_store *s = ctx;

	for (size_t i = 0; i < ROW_META_MAX; i++) {
		if (strcmp(s->meta[i].name, name) != 0)
			continue;
		if (strlen(s->meta[i].value) >= size)
			return SMX_ELIMIT;
		memcpy(value, s->meta[i].value, strlen(s->meta[i].value) + 1);
		return SMX_OK;
	}
	return SMX_ENOTFOUND;
}

static int
op_meta_set(void *ctx, const char *name, const char *value)
{
	struct row_store *s = ctx;
	size_t i = 0;

	while (i < ROW_META_MAX && s->meta[i].name[0] != '\0' &&
	       strcmp(s->meta[i].name, name) != 0)
		i++;
	if (i == ROW_META_MAX)
		return SMX_EFULL;
	snprintf(s->meta[i].name, sizeof(s->meta[i].name), "%s", name);
	snprintf(s->meta[i].value, sizeof(s->meta[i].value), "%s", value);
	return SMX_OK;
}

static const struct smx_store_ops ops = { .drop = op_drop,
	.mark = op_mark,
	.marks = op_marks,
	.amend = op_amend,
	.scan = op_scan,
	.get = op_get,
	.envelope = op_envelope,
	.meta_get = op_meta_get,
	.meta_set = op_meta_set };

void
row_store_init(struct row_store *s)
{
	memset(s, 0, sizeof(*s));
	s->port.ctx = s;
	s->port.ops = &ops;
}
