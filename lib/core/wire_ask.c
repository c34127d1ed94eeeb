/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/wire_in.h"

#include <stdlib.h>
#include <string.h>

#include "base/key.h"

int
wire_take_count(struct words *words, size_t max, size_t *count)
{
	const char *space;
	uint64_t n;
	size_t len;

	if (words->len < 2 || words->p[0] != ' ')
		return WIRE_SYNTAX;
	space = memchr(words->p + 1, ' ', words->len - 1);
	len = space != NULL ? (size_t)(space - words->p) - 1 : words->len - 1;
	if (number_parse(words->p + 1, len, UINT64_MAX, &n) != SMX_OK)
		return WIRE_SYNTAX;
	if (n > max)
		return WIRE_LIMIT;
	words->p += len + 1;
	words->len -= len + 1;
	*count = (size_t)n;
	return 0;
}

static enum wire_event
keys_begin(struct wire_server *w, enum smx_request_kind kind, size_t count)
{
	free(w->keys);
	w->keys = calloc(count + 1, sizeof(*w->keys));
	if (w->keys == NULL)
		return wire_bad(w, WIRE_LATER);
	w->request.kind = kind;
	w->request.keys = w->keys;
	w->keys_left = count;
	if (count == 0)
		return WIRE_EV_REQUEST;
	w->state = WIRE_AT_KEYS;
	return WIRE_MORE;
}

static enum wire_event
take_keys(struct wire_server *w, struct words words, enum smx_request_kind kind)
{
	size_t count;
	int code = wire_take_count(&words, SMX_REQ_KEYS_MAX, &count);

	if (code == 0 && words.len != 0)
		code = WIRE_SYNTAX;
	return code != 0 ? wire_bad(w, code) : keys_begin(w, kind, count);
}

/* Keys of another node's. */
static enum wire_event
take_node_keys(struct wire_server *w, struct words words,
    enum smx_request_kind kind)
{
	struct wire_param p[] = { { .name = "NODE" } };
	size_t count;
	int code = wire_take_count(&words, SMX_REQ_KEYS_MAX, &count);

	if (code == 0 && (wire_params(words.p, words.len, p, 1) != SMX_OK ||
			     wire_node_take(&p[0], w->node) != SMX_OK))
		code = WIRE_SYNTAX;
	if (code != 0)
		return wire_bad(w, code);
	w->request.node = w->node;
	return keys_begin(w, kind, count);
}

enum wire_event
wire_take_key(struct wire_server *w, const char *line, size_t len)
{
	if (smx_key_parse(line, len, &w->keys[w->request.count]) != SMX_OK)
		return wire_bad(w, WIRE_SYNTAX);
	w->request.count++;
	if (--w->keys_left != 0)
		return WIRE_MORE;
	w->state = WIRE_AT_COMMAND;
	return WIRE_EV_REQUEST;
}

static enum wire_event
take_amend(struct wire_server *w, struct words words,
    enum smx_request_kind kind)
{
	size_t count;
	int code = wire_take_count(&words, SMX_AMEND_MAX, &count);

	if (code == 0 && words.len != 0)
		code = WIRE_SYNTAX;
	return code != 0 ? wire_bad(w, code) : wire_amend_begin(w, kind, count);
}

static enum wire_event
take_beat(struct wire_server *w, struct words words)
{
	if (wire_beat_params(words.p, words.len, &w->request.beat) != SMX_OK)
		return wire_bad(w, WIRE_SYNTAX);
	w->request.kind = SMX_REQ_BEAT;
	return WIRE_EV_REQUEST;
}

static enum wire_event
take_seen(struct wire_server *w, struct words words)
{
	struct wire_param p[] = { { .name = "NODE" } };

	if (wire_params(words.p, words.len, p, 1) != SMX_OK ||
	    wire_node_take(&p[0], w->node) != SMX_OK)
		return wire_bad(w, WIRE_SYNTAX);
	w->request.kind = SMX_REQ_SEEN;
	w->request.node = w->node;
	return WIRE_EV_REQUEST;
}

static enum wire_event
take_list(struct wire_server *w, struct words words)
{
	struct wire_param p[] = { { .name = "AFTER" }, { .name = "MAX" } };
	uint64_t limit;

	if (wire_params(words.p, words.len, p, 2) != SMX_OK ||
	    p[0].value == NULL ||
	    smx_key_parse(p[0].value, p[0].len, &w->request.after) != SMX_OK ||
	    wire_param_number(&p[1], UINT64_MAX, &limit) != SMX_OK)
		return wire_bad(w, WIRE_SYNTAX);
	if (limit > SMX_REQ_KEYS_MAX)
		return wire_bad(w, WIRE_LIMIT);
	w->request.kind = SMX_REQ_LIST;
	w->request.limit = (size_t)limit;
	return WIRE_EV_REQUEST;
}

enum wire_event
wire_take_request(struct wire_server *w, const char *line, size_t len)
{
	struct words words;

	if (wire_verb_is(line, len, "DISCARD", &words))
		return take_keys(w, words, SMX_REQ_DISCARD);
	if (wire_verb_is(line, len, "ABORT", &words))
		return take_keys(w, words, SMX_REQ_ABORT);
	if (wire_verb_is(line, len, "QUERY", &words))
		return take_keys(w, words, SMX_REQ_QUERY);
	if (wire_verb_is(line, len, "ASK", &words))
		return take_node_keys(w, words, SMX_REQ_ASK);
	if (wire_verb_is(line, len, "CLAIM", &words))
		return take_node_keys(w, words, SMX_REQ_CLAIM);
	if (wire_verb_is(line, len, "AMEND", &words))
		return take_amend(w, words, SMX_REQ_AMEND);
	if (wire_verb_is(line, len, "RETURN", &words))
		return take_amend(w, words, SMX_REQ_RETURN);
	if (wire_verb_is(line, len, "LIST", &words))
		return take_list(w, words);
	if (wire_verb_is(line, len, "BEAT", &words))
		return take_beat(w, words);
	if (wire_verb_is(line, len, "SEEN", &words))
		return take_seen(w, words);
	return wire_speech_take(w, line, len);
}
