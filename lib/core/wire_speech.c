/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/wire_in.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/key.h"
#include "core/addr.h"
#include "core/xtext.h"

/*
 * What a primary MX says to its backup MX: DRAIN and MAINTAIN name domains, a
 * line each; LISTED and PUSH are about the recipients of one.  As with AMEND,
 * memory grows with what has arrived.
 */
#define DOMAIN_MAX WIRE_NODE_MAX
#define TEXT_MAX   ((ADDR_MAX + 1) * (size_t)SMX_PUSH_MAX)

int
wire_request_speaks(const struct smx_request *request)
{
	return request->kind >= SMX_REQ_DRAIN && request->kind <= SMX_REQ_PUSH;
}

/* In the one form that is compared. */
static int
domain_check(const char *domain)
{
	char folded[ADDR_MAX + 1];

	if (domain == NULL || strnlen(domain, DOMAIN_MAX + 1) > DOMAIN_MAX ||
	    domain_parse(folded, domain) != SMX_OK ||
	    strcmp(folded, domain) != 0)
		return SMX_EINVAL;
	return SMX_OK;
}

/* "" is one, too. */
static int
local_check(const char *local)
{
	if (local == NULL || strnlen(local, ADDR_MAX + 1) > ADDR_MAX)
		return SMX_EINVAL;
	for (; *local != '\0'; local++)
		if ((unsigned char)*local < 0x20 || *local == 0x7f)
			return SMX_EINVAL;
	return SMX_OK;
}

/* ---- what the client writes ---- */

static int
push_check(const struct smx_request *request)
{
	const struct smx_push *push = request->push;
	int error = push != NULL ? domain_check(push->domain) : SMX_EINVAL;

	if (error == SMX_OK && request->kind == SMX_REQ_LISTED)
		return SMX_OK;
	if (error == SMX_OK && request->count > SMX_PUSH_MAX)
		error = SMX_ELIMIT;
	for (size_t i = 0; error == SMX_OK && i < request->count; i++)
		error = local_check(push->entries[i].local);
	return error;
}

int
wire_speech_check(const struct smx_request *request)
{
	int error = SMX_OK;

	if (request->kind == SMX_REQ_LISTED || request->kind == SMX_REQ_PUSH)
		return push_check(request);
	if (request->for_ms < 0 || request->for_ms > SMX_MAINTAIN_MAX ||
	    request->count > SMX_PUSH_MAX)
		return SMX_ELIMIT;
	for (size_t i = 0; error == SMX_OK && i < request->count; i++)
		error = domain_check(request->domains[i]);
	return error;
}

static void
put_digest(struct buf *b, const char *name, const uint8_t *digest)
{
	char hex[2 * SMX_DIGEST_BYTES + 1];

	hex_format(digest, SMX_DIGEST_BYTES, hex);
	buf_fmt(b, " %s=%s", name, hex);
}

static void
put_domains(struct buf *b, const struct smx_request *request)
{
	if (request->kind == SMX_REQ_DRAIN)
		buf_fmt(b, "DRAIN %zu\r\n", request->count);
	else
		buf_fmt(b, "MAINTAIN %zu FOR=%" PRId64 "\r\n", request->count,
		    request->for_ms);
	for (size_t i = 0; i < request->count; i++) {
		const char *domain = request->domains[i];

		xtext_put(b, domain, strlen(domain));
		buf_str(b, "\r\n");
	}
}

static void
put_push(struct buf *b, const struct smx_request *request)
{
	const struct smx_push *push = request->push;

	buf_fmt(b, "PUSH %zu DOMAIN=", request->count);
	xtext_put(b, push->domain, strlen(push->domain));
	put_digest(b, "BASE", push->base);
	put_digest(b, "DIGEST", push->digest);
	buf_fmt(b, " PART=%" PRIu64 " LAST=%d\r\n", push->part,
	    push->last != 0);
	for (size_t i = 0; i < request->count; i++) {
		const struct smx_push_entry *entry = &push->entries[i];

		buf_str(b, entry->gone ? "-" : "+");
		xtext_put(b, entry->local, strlen(entry->local));
		buf_str(b, "\r\n");
	}
}

void
wire_put_speech(struct buf *b, const struct smx_request *request)
{
	if (request->kind == SMX_REQ_PUSH) {
		put_push(b, request);
	} else if (request->kind == SMX_REQ_LISTED) {
		buf_str(b, "LISTED DOMAIN=");
		xtext_put(b, request->push->domain,
		    strlen(request->push->domain));
		put_digest(b, "DIGEST", request->push->digest);
		buf_str(b, "\r\n");
	} else {
		put_domains(b, request);
	}
}

/* ---- what the server reads ---- */

void
wire_speech_free(struct wire_speech *speech)
{
	free(speech->at);
	free(speech->domains);
	free(speech->entries);
	buf_free(&speech->text);
	memset(speech, 0, sizeof(*speech));
}

/* Every text has its place now. */
static enum wire_event
speech_end(struct wire_server *w)
{
	struct wire_speech *s = &w->speech;

	for (size_t i = 0; i < s->count; i++)
		if (s->kind == SMX_REQ_PUSH)
			s->entries[i].local = s->text.data + s->at[i];
		else
			s->domains[i] = s->text.data + s->at[i];
	s->push.domain = s->domain;
	s->push.entries = s->entries;
	w->request.kind = s->kind;
	w->request.count = s->count;
	w->request.domains = s->domains;
	w->request.push = &s->push;
	w->state = WIRE_AT_COMMAND;
	return WIRE_EV_REQUEST;
}

static enum wire_event
speech_begin(struct wire_server *w, enum smx_request_kind kind, size_t count)
{
	struct wire_speech *s = &w->speech;

	s->kind = kind;
	s->left = count;
	buf_init(&s->text, TEXT_MAX);
	s->at = calloc(count + 1, sizeof(*s->at));
	s->domains = calloc(count + 1, sizeof(*s->domains));
	s->entries = calloc(count + 1, sizeof(*s->entries));
	if (s->at == NULL || s->domains == NULL || s->entries == NULL)
		return wire_bad(w, WIRE_LATER);
	if (count == 0)
		return speech_end(w);
	w->state = WIRE_AT_SPEECH;
	return WIRE_MORE;
}

static enum wire_event
take_domains(struct wire_server *w, struct words words,
    enum smx_request_kind kind)
{
	struct wire_param p[] = { { .name = "FOR" } };
	uint64_t for_ms = 0;
	size_t count = 0;
	int code = wire_take_count(&words, SMX_PUSH_MAX, &count);

	if (code == 0 && kind == SMX_REQ_DRAIN && words.len != 0)
		code = WIRE_SYNTAX;
	if (code == 0 && kind == SMX_REQ_MAINTAIN) {
		if (wire_params(words.p, words.len, p, 1) != SMX_OK ||
		    wire_param_number(&p[0], UINT64_MAX, &for_ms) != SMX_OK)
			code = WIRE_SYNTAX;
		else if (for_ms > SMX_MAINTAIN_MAX)
			code = WIRE_LIMIT;
	}
	if (code != 0)
		return wire_bad(w, code);
	w->request.for_ms = (int64_t)for_ms;
	return speech_begin(w, kind, count);
}

static int
domain_take(const struct wire_param *param, char domain[DOMAIN_MAX + 1])
{
	char text[3 * DOMAIN_MAX];
	long n;

	if (param->value == NULL || param->len > sizeof(text))
		return SMX_EPROTO;
	n = xtext_decode(param->value, param->len, text);
	if (n < 0 || n > DOMAIN_MAX)
		return SMX_EPROTO;
	memcpy(domain, text, (size_t)n);
	domain[n] = '\0';
	return domain_check(domain) == SMX_OK ? SMX_OK : SMX_EPROTO;
}

static int
digest_take(const struct wire_param *param, uint8_t digest[SMX_DIGEST_BYTES])
{
	if (param->value == NULL)
		return SMX_EPROTO;
	return hex_parse(param->value, param->len, digest, SMX_DIGEST_BYTES);
}

static enum wire_event
take_listed(struct wire_server *w, struct words words)
{
	struct wire_param p[] = { { .name = "DOMAIN" }, { .name = "DIGEST" } };
	struct wire_speech *s = &w->speech;

	if (wire_params(words.p, words.len, p, 2) != SMX_OK ||
	    domain_take(&p[0], s->domain) != SMX_OK ||
	    digest_take(&p[1], s->push.digest) != SMX_OK)
		return wire_bad(w, WIRE_SYNTAX);
	return speech_begin(w, SMX_REQ_LISTED, 0);
}

static enum wire_event
take_push(struct wire_server *w, struct words words)
{
	struct wire_param p[] = { { .name = "DOMAIN" }, { .name = "BASE" },
		{ .name = "DIGEST" }, { .name = "PART" }, { .name = "LAST" } };
	struct wire_speech *s = &w->speech;
	uint64_t last = 0;
	size_t count = 0;
	int code = wire_take_count(&words, SMX_PUSH_MAX, &count);

	if (code == 0 &&
	    (wire_params(words.p, words.len, p, 5) != SMX_OK ||
		domain_take(&p[0], s->domain) != SMX_OK ||
		digest_take(&p[1], s->push.base) != SMX_OK ||
		digest_take(&p[2], s->push.digest) != SMX_OK ||
		wire_param_number(&p[3], UINT32_MAX, &s->push.part) != SMX_OK ||
		wire_param_number(&p[4], 1, &last) != SMX_OK))
		code = WIRE_SYNTAX;
	if (code != 0)
		return wire_bad(w, code);
	s->push.last = (int)last;
	return speech_begin(w, SMX_REQ_PUSH, count);
}

enum wire_event
wire_speech_take(struct wire_server *w, const char *line, size_t len)
{
	struct words words;

	wire_speech_free(&w->speech);
	if (wire_verb_is(line, len, "DRAIN", &words))
		return take_domains(w, words, SMX_REQ_DRAIN);
	if (wire_verb_is(line, len, "MAINTAIN", &words))
		return take_domains(w, words, SMX_REQ_MAINTAIN);
	if (wire_verb_is(line, len, "LISTED", &words))
		return take_listed(w, words);
	if (wire_verb_is(line, len, "PUSH", &words))
		return take_push(w, words);
	return WIRE_EV_UNKNOWN;
}

static int
entry_take(struct wire_speech *s, const struct wire_param *value)
{
	char text[WIRE_LINE_MAX];
	long n = xtext_decode(value->value, value->len, text);

	if (n < 0)
		return WIRE_SYNTAX;
	if (n > ADDR_MAX)
		return WIRE_LIMIT;
	text[n] = '\0';
	if (local_check(text) != SMX_OK)
		return WIRE_SYNTAX;
	s->at[s->count] = s->text.len;
	return buf_add(&s->text, text, (size_t)n + 1) == SMX_OK ? 0
								: WIRE_LATER;
}

static int
domain_line(struct wire_speech *s, const struct wire_param *value)
{
	if (domain_take(value, s->domain) != SMX_OK)
		return WIRE_SYNTAX;
	s->at[s->count] = s->text.len;
	return buf_add(&s->text, s->domain, strlen(s->domain) + 1) == SMX_OK
		   ? 0
		   : WIRE_LATER;
}

enum wire_event
wire_speech_line(struct wire_server *w, const char *line, size_t len)
{
	struct wire_speech *s = &w->speech;
	struct wire_param value = { .value = line, .len = len };
	int code = WIRE_SYNTAX;

	if (s->kind != SMX_REQ_PUSH) {
		code = domain_line(s, &value);
	} else if (len != 0 && (line[0] == '+' || line[0] == '-')) {
		s->entries[s->count].gone = line[0] == '-';
		value.value++;
		value.len--;
		code = entry_take(s, &value);
	}
	if (code != 0)
		return wire_bad(w, code);
	s->count++;
	return --s->left == 0 ? speech_end(w) : WIRE_MORE;
}

/* ---- the answer ---- */

void
wire_put_speech_reply(struct buf *b, const struct smx_request *request,
    const struct smx_reply *reply)
{
	buf_fmt(b, "%d FOREIGN=%zu", WIRE_DONE, reply->foreign);
	if (request->kind == SMX_REQ_LISTED)
		put_digest(b, "HAVE", reply->have);
	if (request->kind == SMX_REQ_PUSH)
		buf_fmt(b, " NEXT=%" PRIu64, reply->next);
	buf_str(b, "\r\n");
}

int
wire_speech_reply(const struct smx_request *request, const char *text,
    size_t len, struct smx_reply *reply)
{
	struct wire_param p[] = { { .name = "FOREIGN" }, { .name = "HAVE" },
		{ .name = "NEXT" } };
	int one =
	    request->kind == SMX_REQ_LISTED || request->kind == SMX_REQ_PUSH;
	uint64_t foreign;

	if (wire_params(text, len, p, 3) != SMX_OK ||
	    wire_param_number(&p[0], one ? 1 : request->count, &foreign) !=
		SMX_OK)
		return SMX_EPROTO;
	reply->foreign = (size_t)foreign;
	if (request->kind == SMX_REQ_LISTED)
		return digest_take(&p[1], reply->have) == SMX_OK ? SMX_OK
								 : SMX_EPROTO;
	if (request->kind == SMX_REQ_PUSH)
		return wire_param_number(&p[2], request->push->part + 1,
		    &reply->next);
	return SMX_OK;
}
