/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/wire_in.h"

#include <stdlib.h>
#include <string.h>

#include "core/envelope.h"

/*
 * What AMEND and RETURN bring: a line for each message, and behind it the bytes
 * of an envelope when the line says so.  Memory grows with what has arrived,
 * not with what was announced, up to the ceilings of link.h.
 */

#define NOWHERE SIZE_MAX
/* An envelope's text begins with it; what an amendment leaves out. */
#define CLIENT     "CLIENT\r\n"
#define CLIENT_LEN (sizeof(CLIENT) - 1)
#define TEXT_MAX                                                               \
	(SMX_AMEND_BYTES_MAX +                                                 \
	    SMX_AMEND_MAX * (SMX_HOLDERS_MAX + 1 + CLIENT_LEN))

struct wire_amend_at {
	size_t holders, envelope; /* in the text */
};

void
wire_amend_free(struct wire_amend *amend)
{
	free(amend->list);
	free(amend->at);
	buf_free(&amend->text);
	memset(amend, 0, sizeof(*amend));
}

int
wire_amend_check(const char *envelope, size_t len, size_t recipients)
{
	struct buf text;
	size_t count;
	int error;

	buf_init(&text, 0);
	buf_str(&text, CLIENT);
	buf_add(&text, envelope, len);
	error = buf_error(&text);
	if (error == SMX_OK)
		error = envelope_check(text.data, text.len, WIRE_RECIPIENTS_MAX,
		    &count);
	buf_free(&text);
	if (error == SMX_OK && (count != recipients || count == 0))
		error = SMX_EPROTO;
	return error;
}

/* Every text has its place now. */
static enum wire_event
amend_end(struct wire_server *w)
{
	struct wire_amend *a = &w->amend;

	for (size_t i = 0; i < a->count; i++) {
		if (a->at[i].holders != NOWHERE)
			a->list[i].holders = a->text.data + a->at[i].holders;
		if (a->at[i].envelope != NOWHERE)
			a->list[i].envelope = a->text.data + a->at[i].envelope;
	}
	w->request.kind = a->kind;
	w->request.amendments = a->list;
	w->request.count = a->count;
	w->state = WIRE_AT_COMMAND;
	return WIRE_EV_REQUEST;
}

enum wire_event
wire_amend_begin(struct wire_server *w, enum smx_request_kind kind,
    size_t count)
{
	struct wire_amend *a = &w->amend;

	wire_amend_free(a);
	a->kind = kind;
	buf_init(&a->text, TEXT_MAX);
	a->list = calloc(count + 1, sizeof(*a->list));
	a->at = calloc(count + 1, sizeof(*a->at));
	if (a->list == NULL || a->at == NULL)
		return wire_bad(w, WIRE_LATER);
	a->left = count;
	if (count == 0)
		return amend_end(w);
	w->state = WIRE_AT_AMEND;
	return WIRE_MORE;
}

static enum wire_event
amend_next(struct wire_server *w)
{
	w->amend.count++;
	if (--w->amend.left == 0)
		return amend_end(w);
	w->state = WIRE_AT_AMEND;
	return WIRE_MORE;
}

static int
holders_take(struct wire_server *w, const struct wire_param *param)
{
	struct wire_amend *a = &w->amend;
	size_t at = a->text.len;

	a->at[a->count].holders = NOWHERE;
	if (param->value == NULL)
		return 0;
	if (wire_holders_take(param, w->holders) != SMX_OK)
		return WIRE_SYNTAX;
	a->at[a->count].holders = at;
	return buf_add(&a->text, w->holders, strlen(w->holders) + 1) == SMX_OK
		   ? 0
		   : WIRE_LATER;
}

static int
envelope_announced(struct wire_amend *a, const struct wire_param *size,
    const struct wire_param *rcpts)
{
	struct smx_amendment *m = &a->list[a->count];
	uint64_t bytes, count;

	a->at[a->count].envelope = NOWHERE;
	a->envelope_left = 0;
	if (size->value == NULL && rcpts->value == NULL)
		return 0;
	if (wire_param_number(size, UINT64_MAX, &bytes) != SMX_OK ||
	    wire_param_number(rcpts, UINT64_MAX, &count) != SMX_OK ||
	    bytes == 0 || count == 0)
		return WIRE_SYNTAX;
	if (bytes > SMX_AMEND_BYTES_MAX - a->bytes ||
	    count > WIRE_RECIPIENTS_MAX)
		return WIRE_LIMIT;
	m->envelope_len = (size_t)bytes;
	m->recipients = (size_t)count;
	a->bytes += (size_t)bytes;
	a->envelope_left = (size_t)bytes;
	if (buf_str(&a->text, CLIENT) != SMX_OK)
		return WIRE_LATER;
	a->at[a->count].envelope = a->text.len;
	return 0;
}

static int
held_take(const struct wire_param *param, int *held)
{
	uint64_t n = 0;

	*held = -1;
	if (param->value == NULL)
		return 0;
	if (wire_param_number(param, 1, &n) != SMX_OK)
		return WIRE_SYNTAX;
	*held = (int)n;
	return 0;
}

/* RETURN has no version, and says all else; what an AMEND would say more is
 * passed over. */
static int
returned_take(struct wire_server *w, struct wire_param p[5])
{
	struct wire_amend *a = &w->amend;
	int code;

	a->at[a->count].holders = NOWHERE;
	if (p[2].value == NULL || p[3].value == NULL)
		return WIRE_SYNTAX;
	code = held_take(&p[2], &a->list[a->count].held);
	return code != 0 ? code : envelope_announced(a, &p[3], &p[4]);
}

static int
amendment_take(struct wire_server *w, struct wire_param p[5])
{
	struct wire_amend *a = &w->amend;
	struct smx_amendment *m = &a->list[a->count];
	int code;

	if (wire_param_number(&p[0], UINT64_MAX, &m->version) != SMX_OK ||
	    m->version == 0)
		return WIRE_SYNTAX;
	code = held_take(&p[2], &m->held);
	if (code == 0)
		code = holders_take(w, &p[1]);
	return code != 0 ? code : envelope_announced(a, &p[3], &p[4]);
}

enum wire_event
wire_amend_line(struct wire_server *w, const char *line, size_t len)
{
	struct wire_param p[] = { { .name = "VERSION" }, { .name = "HOLDERS" },
		{ .name = "HELD" }, { .name = "ENVELOPE" },
		{ .name = "RCPTS" } };
	const size_t key = SMX_KEY_TEXT - 1;
	struct smx_amendment *m = &w->amend.list[w->amend.count];
	int code;

	if (len < key || smx_key_parse(line, key, &m->key) != SMX_OK ||
	    wire_params(line + key, len - key, p, 5) != SMX_OK)
		return wire_bad(w, WIRE_SYNTAX);
	code = w->amend.kind == SMX_REQ_RETURN ? returned_take(w, p)
					       : amendment_take(w, p);
	if (code != 0)
		return wire_bad(w, code);
	if (w->amend.envelope_left == 0)
		return amend_next(w);
	w->state = WIRE_AT_AMEND_ENVELOPE;
	return WIRE_MORE;
}

enum wire_event
wire_amend_bytes(struct wire_server *w, const char **p, size_t *left)
{
	struct wire_amend *a = &w->amend;
	size_t n = *left < a->envelope_left ? *left : a->envelope_left;
	size_t from = a->at[a->count].envelope - CLIENT_LEN;
	size_t recipients;
	int error;

	if (buf_add(&a->text, *p, n) != SMX_OK)
		return wire_bad(w, WIRE_LATER);
	*p += n;
	*left -= n;
	a->envelope_left -= n;
	if (a->envelope_left != 0)
		return WIRE_MORE;
	error = envelope_check(a->text.data + from, a->text.len - from,
	    WIRE_RECIPIENTS_MAX, &recipients);
	if (error != SMX_OK || recipients != a->list[a->count].recipients)
		return wire_bad(w,
		    error == SMX_ELIMIT ? WIRE_LIMIT : WIRE_SYNTAX);
	return amend_next(w);
}
