/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/helper_wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/key.h"

static const char *const verbs[] = { [HELPER_HOLD] = "hold",
	[HELPER_RELEASE] = "release",
	[HELPER_REQUEUE] = "requeue",
	[HELPER_DELETE] = "delete",
	[HELPER_EXPIRE] = "expire",
	[HELPER_FLUSH] = "flush" };

#define VERBS (sizeof(verbs) / sizeof(*verbs))

const char *
helper_verb_name(enum helper_verb verb)
{
	return verb >= HELPER_HOLD && (size_t)verb < VERBS ? verbs[verb] : "?";
}

size_t
helper_put_request(char *out, size_t size, const struct helper_request *r)
{
	int n = snprintf(out, size,
	    "shadowmx-helper 1 ask %016" PRIx64 " %" PRIu64 " %" PRIu64
	    " %s %zu\n",
	    r->generation, r->token, r->deadline_ms, helper_verb_name(r->verb),
	    r->count);
	size_t len = n < 0 ? size : (size_t)n;

	for (size_t i = 0; i < r->count && len < size; i++) {
		n = snprintf(out + len, size - len, "%s\n", r->id[i]);
		len += n < 0 ? size : (size_t)n;
	}
	return len < size ? len : 0;
}

size_t
helper_put_answer(char *out, size_t size, const struct helper_answer *a)
{
	int n = snprintf(out, size,
	    "shadowmx-helper 1 answer %016" PRIx64 " %" PRIu64 " %d %zu\n",
	    a->generation, a->token, -a->result, a->done);

	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

/* ---- reading: nothing is believed ---- */

struct text {
	const char *at;
	size_t len;
};

static int
word(struct text *t, char stop, struct text *out)
{
	const char *end = t->len == 0 ? NULL : memchr(t->at, stop, t->len);

	if (end == NULL)
		return 0;
	out->at = t->at;
	out->len = (size_t)(end - t->at);
	t->at = end + 1;
	t->len -= out->len + 1;
	return 1;
}

static int
number(struct text *t, char stop, uint64_t max, uint64_t *out)
{
	struct text w;

	return word(t, stop, &w) &&
	       number_parse(w.at, w.len, max, out) == SMX_OK;
}

static int
head(struct text *t, const char *start, uint64_t *generation, uint64_t *token)
{
	size_t n = strlen(start);
	unsigned char be[8];
	struct text w;

	if (t->len < n || memcmp(t->at, start, n) != 0)
		return 0;
	t->at += n;
	t->len -= n;
	if (!word(t, ' ', &w) || hex_parse(w.at, w.len, be, 8) != SMX_OK)
		return 0;
	*generation = 0;
	for (size_t i = 0; i < sizeof(be); i++)
		*generation = *generation << 8 | be[i];
	return number(t, ' ', UINT64_MAX, token);
}

static int
verb(struct text *t, enum helper_verb *out)
{
	struct text w;

	if (!word(t, ' ', &w))
		return 0;
	for (size_t v = HELPER_HOLD; v < VERBS; v++)
		if (strlen(verbs[v]) == w.len &&
		    memcmp(verbs[v], w.at, w.len) == 0) {
			*out = (enum helper_verb)v;
			return 1;
		}
	return 0;
}

static int
id_list(struct text *t, struct helper_request *r)
{
	struct text w;

	for (size_t i = 0; i < r->count; i++) {
		if (!word(t, '\n', &w) || !pfid_valid(w.at, w.len))
			return 0;
		memcpy(r->id[i], w.at, w.len);
		r->id[i][w.len] = '\0';
	}
	return t->len == 0;
}

int
helper_get_request(const char *data, size_t len, struct helper_request *r)
{
	struct text t = { data, len };
	uint64_t count;

	if (!head(&t, "shadowmx-helper 1 ask ", &r->generation, &r->token) ||
	    !number(&t, ' ', INT64_MAX, &r->deadline_ms) ||
	    !verb(&t, &r->verb) || !number(&t, '\n', HELPER_IDS_MAX, &count))
		return SMX_EPROTO;
	r->count = (size_t)count;
	return count != 0 && id_list(&t, r) ? SMX_OK : SMX_EPROTO;
}

int
helper_get_answer(const char *data, size_t len, struct helper_answer *a)
{
	struct text t = { data, len };
	uint64_t result, done;

	if (!head(&t, "shadowmx-helper 1 answer ", &a->generation, &a->token) ||
	    !number(&t, ' ', 99, &result) ||
	    !number(&t, '\n', HELPER_IDS_MAX, &done) || t.len != 0)
		return SMX_EPROTO;
	a->result = -(int)result;
	a->done = (size_t)done;
	return SMX_OK;
}
