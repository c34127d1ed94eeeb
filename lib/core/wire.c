/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/wire.h"

#include <inttypes.h>
#include <string.h>

#include "base/key.h"
#include "core/xtext.h"

void
wire_put_ehlo(struct buf *b, const char *node, const struct smx_hello *hello)
{
	buf_fmt(b, "EHLO %s VERSION=%d.%d", node, WIRE_MAJOR, WIRE_MINOR);
	if (hello != NULL)
		wire_put_hello_params(b, hello);
	buf_str(b, "\r\n");
}

int
wire_put_shadow(struct buf *b, const struct smx_shadow *shadow)
{
	const char *holders = shadow->holders != NULL ? shadow->holders : "";
	size_t id = strlen(shadow->queue_id);
	char key[SMX_KEY_TEXT], epoch[SMX_EPOCH_TEXT];
	char digest[2 * SMX_DIGEST_BYTES + 1];

	if (id > WIRE_QUEUE_ID_MAX ||
	    strpbrk(shadow->queue_id, "\r\n") != NULL ||
	    wire_holders_check(holders) != SMX_OK)
		return SMX_EINVAL;
	smx_key_format(&shadow->key, key);
	smx_epoch_format(&shadow->epoch, epoch);
	hex_format(shadow->digest, SMX_DIGEST_BYTES, digest);
	buf_fmt(b,
	    "SHADOW %s SIZE=%" PRIu64
	    " ENVELOPE=%zu RCPTS=%zu DIGEST=%s EPOCH=%s",
	    key, shadow->content->size, shadow->envelope_len,
	    shadow->recipients, digest, epoch);
	if (id != 0) {
		buf_str(b, " QUEUE=");
		xtext_put(b, shadow->queue_id, id);
	}
	if (holders[0] != '\0') {
		buf_str(b, " HOLDERS=");
		wire_holders_put(b, holders);
	}
	if (shadow->amended)
		buf_str(b, " AMENDED=1");
	if (shadow->held)
		buf_str(b, " HELD=1");
	buf_str(b, "\r\n");
	buf_add(b, shadow->envelope, shadow->envelope_len);
	buf_fmt(b, "BDAT %" PRIu64 " LAST\r\n", shadow->content->size);
	return buf_error(b);
}

/* RETURN tells of each message whom it has still to be delivered to, and is a
 * question: it has no version. */
static int
amendment_check(enum smx_request_kind kind, const struct smx_amendment *m,
    size_t *bytes)
{
	if (kind == SMX_REQ_RETURN && (m->held < 0 || m->envelope == NULL))
		return SMX_EINVAL;
	if ((kind == SMX_REQ_AMEND && m->version == 0) || m->held < -1 ||
	    m->held > 1 ||
	    (m->holders != NULL && wire_holders_check(m->holders) != SMX_OK))
		return SMX_EINVAL;
	if (m->envelope == NULL)
		return SMX_OK;
	if (m->envelope_len == 0 || m->recipients == 0)
		return SMX_EINVAL;
	if (m->envelope_len > SMX_AMEND_BYTES_MAX - *bytes ||
	    m->recipients > WIRE_RECIPIENTS_MAX)
		return SMX_ELIMIT;
	*bytes += m->envelope_len;
	return SMX_OK;
}

int
wire_request_amends(const struct smx_request *request)
{
	return request->kind == SMX_REQ_AMEND ||
	       request->kind == SMX_REQ_RETURN;
}

/* Is it about another node's? */
static int
names_node(enum smx_request_kind kind)
{
	return kind == SMX_REQ_ASK || kind == SMX_REQ_CLAIM ||
	       kind == SMX_REQ_SEEN;
}

int
wire_request_check(const struct smx_request *request)
{
	size_t max =
	    wire_request_amends(request) ? SMX_AMEND_MAX : SMX_REQ_KEYS_MAX;
	size_t bytes = 0;
	int error = SMX_OK;

	if (wire_request_speaks(request))
		return wire_speech_check(request);
	if (request->kind < SMX_REQ_BEAT || request->kind > SMX_REQ_RETURN)
		return SMX_EINVAL;
	if (request->count > max || request->limit > SMX_REQ_KEYS_MAX)
		return SMX_ELIMIT;
	if (names_node(request->kind) &&
	    (request->node == NULL || wire_node_check(request->node) != SMX_OK))
		return SMX_EINVAL;
	if (wire_request_amends(request))
		for (size_t i = 0; error == SMX_OK && i < request->count; i++)
			error = amendment_check(request->kind,
			    &request->amendments[i], &bytes);
	return error;
}

unsigned
wire_request_minor(const struct smx_request *request)
{
	if (wire_request_speaks(request))
		return 4;
	if (request->kind == SMX_REQ_RETURN)
		return 2;
	return request->kind >= SMX_REQ_AMEND ? 1 : 0;
}

static void
put_keys(struct buf *b, const char *verb, const struct smx_request *request)
{
	char key[SMX_KEY_TEXT];

	buf_fmt(b, "%s %zu", verb, request->count);
	if (names_node(request->kind)) {
		buf_str(b, " NODE=");
		xtext_put(b, request->node, strlen(request->node));
	}
	buf_str(b, "\r\n");
	for (size_t i = 0; i < request->count; i++) {
		smx_key_format(&request->keys[i], key);
		buf_str(b, key);
		buf_add(b, "\r\n", 2);
	}
}

static void
put_amendment(struct buf *b, enum smx_request_kind kind,
    const struct smx_amendment *m)
{
	char key[SMX_KEY_TEXT];

	smx_key_format(&m->key, key);
	buf_str(b, key);
	if (kind == SMX_REQ_AMEND)
		buf_fmt(b, " VERSION=%" PRIu64, m->version);
	if (kind == SMX_REQ_AMEND && m->holders != NULL) {
		buf_str(b, " HOLDERS=");
		wire_holders_put(b, m->holders);
	}
	if (m->held >= 0)
		buf_fmt(b, " HELD=%d", m->held);
	if (m->envelope != NULL)
		buf_fmt(b, " ENVELOPE=%zu RCPTS=%zu", m->envelope_len,
		    m->recipients);
	buf_str(b, "\r\n");
	if (m->envelope != NULL)
		buf_add(b, m->envelope, m->envelope_len);
}

int
wire_put_request(struct buf *b, const struct smx_request *request)
{
	static const char *const verbs[] = { [SMX_REQ_BEAT] = "BEAT",
		[SMX_REQ_DISCARD] = "DISCARD",
		[SMX_REQ_ABORT] = "ABORT",
		[SMX_REQ_QUERY] = "QUERY",
		[SMX_REQ_LIST] = "LIST",
		[SMX_REQ_AMEND] = "AMEND",
		[SMX_REQ_ASK] = "ASK",
		[SMX_REQ_CLAIM] = "CLAIM",
		[SMX_REQ_SEEN] = "SEEN",
		[SMX_REQ_RETURN] = "RETURN" };
	char key[SMX_KEY_TEXT];
	int error = wire_request_check(request);

	if (error != SMX_OK)
		return error;
	switch (request->kind) {
	case SMX_REQ_BEAT:
		buf_str(b, "BEAT");
		wire_put_beat_params(b, &request->beat);
		buf_str(b, "\r\n");
		break;
	case SMX_REQ_LIST:
		smx_key_format(&request->after, key);
		buf_fmt(b, "LIST AFTER=%s MAX=%zu\r\n", key, request->limit);
		break;
	case SMX_REQ_AMEND:
	case SMX_REQ_RETURN:
		buf_fmt(b, "%s %zu\r\n", verbs[request->kind], request->count);
		for (size_t i = 0; i < request->count; i++)
			put_amendment(b, request->kind,
			    &request->amendments[i]);
		break;
	case SMX_REQ_SEEN:
		buf_str(b, "SEEN NODE=");
		xtext_put(b, request->node, strlen(request->node));
		buf_str(b, "\r\n");
		break;
	default:
		if (wire_request_speaks(request))
			wire_put_speech(b, request);
		else
			put_keys(b, verbs[request->kind], request);
		break;
	}
	return buf_error(b);
}

void
wire_put_greeting(struct buf *b, const char *node)
{
	buf_fmt(b, "%d %s shadowmx %d.%d\r\n", WIRE_GREETING, node, WIRE_MAJOR,
	    WIRE_MINOR);
}

void
wire_put_code(struct buf *b, int code)
{
	buf_fmt(b, "%d %s\r\n", code, wire_code_text(code));
}

void
wire_put_ehlo_reply(struct buf *b, const char *node,
    const struct smx_hello *hello, const struct wire_limits *limits)
{
	buf_fmt(b, "%d %s VERSION=%d.%d", WIRE_DONE, node, WIRE_MAJOR,
	    WIRE_MINOR);
	wire_put_hello_params(b, hello);
	buf_fmt(b, " CONTENT=%" PRIu64 " ENVELOPE=%" PRIu64 "\r\n",
	    limits->max_content, limits->max_envelope);
}

static void
put_listed(struct buf *b, const struct smx_listed *row)
{
	static const char *const states[] = { "unknown", "shadow", "claimed",
		"handed", "quarantined", "done" };
	unsigned state = (unsigned)row->state;
	char key[SMX_KEY_TEXT], epoch[SMX_EPOCH_TEXT];

	smx_key_format(&row->key, key);
	smx_epoch_format(&row->epoch, epoch);
	buf_fmt(b, "%d-%s STATE=%s AGE=%" PRId64 " EPOCH=%s", WIRE_DONE, key,
	    states[state < sizeof(states) / sizeof(*states) ? state : 0],
	    row->age_ms > 0 ? row->age_ms : 0, epoch);
	if (row->queue_id[0] != '\0') {
		buf_str(b, " QUEUE=");
		xtext_put(b, row->queue_id,
		    strnlen(row->queue_id, sizeof(row->queue_id)));
	}
	if (row->version != 0)
		buf_fmt(b, " VERSION=%" PRIu64, row->version);
	buf_str(b, "\r\n");
}

static void
put_answers(struct buf *b, const struct smx_request *request,
    const struct smx_reply *reply)
{
	buf_fmt(b, "%d ANSWERS=", WIRE_DONE);
	for (size_t i = 0; i < request->count; i++) {
		char letter =
		    wire_answer_letter(request->kind, reply->answers[i]);

		buf_add(b, &letter, 1);
	}
	buf_str(b, "\r\n");
}

/* Before 1.3: a copy that nobody needs is left alone then. */
static enum smx_answer
older_answer(enum smx_answer answer)
{
	switch (answer) {
	case SMX_ANSWER_ENDED:
		return SMX_ANSWER_TAKEN;
	case SMX_ANSWER_FIRST:
		return SMX_ANSWER_RANKED;
	default:
		return answer;
	}
}

/* Before 1.2 a row that had ended was called handed while it was there. */
void
wire_reply_for(unsigned minor, const struct smx_request *request,
    struct smx_reply *reply)
{
	if (minor < 3 && request->kind == SMX_REQ_ASK && reply->answers != NULL)
		for (size_t i = 0; i < request->count; i++)
			reply->answers[i] = older_answer(reply->answers[i]);
	if (minor >= 2 || request->kind != SMX_REQ_LIST)
		return;
	for (size_t i = 0; i < reply->count && i < request->limit; i++)
		if (reply->listed[i].state == SMX_ROW_DONE)
			reply->listed[i].state = SMX_ROW_HANDED;
}

void
wire_put_reply(struct buf *b, const struct smx_request *request,
    const struct smx_reply *reply)
{
	switch (request->kind) {
	case SMX_REQ_BEAT:
		buf_fmt(b, "%d", WIRE_DONE);
		wire_put_beat_params(b, &reply->beat);
		buf_str(b, "\r\n");
		break;
	case SMX_REQ_QUERY:
	case SMX_REQ_ASK:
	case SMX_REQ_CLAIM:
	case SMX_REQ_RETURN:
		put_answers(b, request, reply);
		break;
	case SMX_REQ_SEEN:
		if (reply->ago_ms < 0)
			buf_fmt(b, "%d AGO=never\r\n", WIRE_DONE);
		else
			buf_fmt(b, "%d AGO=%" PRId64 "\r\n", WIRE_DONE,
			    reply->ago_ms);
		break;
	case SMX_REQ_LIST:
		for (size_t i = 0; i < reply->count && i < request->limit; i++)
			put_listed(b, &reply->listed[i]);
		buf_fmt(b, "%d COUNT=%zu\r\n", WIRE_DONE,
		    reply->count < request->limit ? reply->count
						  : request->limit);
		break;
	default:
		if (wire_request_speaks(request))
			wire_put_speech_reply(b, request, reply);
		else
			buf_fmt(b, "%d FOREIGN=%zu\r\n", WIRE_DONE,
			    reply->foreign);
		break;
	}
}
