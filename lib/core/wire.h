/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_WIRE_H
#define CORE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/link.h>
#include <shadowmx/store.h>

#include "base/buf.h"

/*
 * The peer protocol (doc/WIRE) as text in and values out: no socket, no clock.
 * What a peer can make us keep has a ceiling, named here.
 */
#define WIRE_ALPN           "shadowmx/1"
#define WIRE_MAJOR          1
#define WIRE_MINOR          4
#define WIRE_LINE_MAX       4096 /* of a command, CRLF included */
#define WIRE_REPLY_LINE_MAX 2000 /* of a reply, CRLF included */
#define WIRE_NODE_MAX       255
#define WIRE_QUEUE_ID_MAX   63
#define WIRE_RECIPIENTS_MAX 50000
#define WIRE_UNKNOWN_MAX    10 /* verbs nobody knows, then it is over */
#define WIRE_HOLDERS_MAX    16 /* names in a ranked set */

/* Reply codes.  Each outcome has its own; wire_text.c has the table. */
enum wire_code {
	WIRE_GREETING = 220,
	WIRE_BYE = 221,
	WIRE_DONE = 250,
	WIRE_HELD = 251,
	WIRE_CLOSING = 421,
	WIRE_LATER = 450,
	WIRE_IO = 451,
	WIRE_FULL = 452,
	WIRE_UNSURE = 453,
	WIRE_VERB = 500,
	WIRE_SYNTAX = 501,
	WIRE_SEQUENCE = 503,
	WIRE_REFUSED = 550,
	WIRE_LIMIT = 552,
	WIRE_GONE = 553,
	WIRE_CONFLICT = 554,
	WIRE_CORRUPT = 555,
	WIRE_VERSION = 556
};

int wire_code(int result);
const char *wire_code_text(int code);
/* What the client makes of a code; SMX_EUNSURE for one that nobody knows. */
int wire_result(int code);

/* ---- words of a line ---- */

/* Parameters to look for; what is not in the table is ignored. */
struct wire_param {
	const char *name;
	const char *value; /* NULL: not there */
	size_t len;
};

/* SMX_EPROTO: not words with one space between them, or one given twice. */
int wire_params(const char *text, size_t len, struct wire_param *table,
    size_t count);
int wire_param_number(const struct wire_param *param, uint64_t max,
    uint64_t *out);
/* INCARNATION, EPOCH and SEQUENCE of an EHLO or its reply. */
void wire_put_hello_params(struct buf *b, const struct smx_hello *hello);
int wire_hello_params(const struct wire_param *incarnation,
    const struct wire_param *epoch, const struct wire_param *sequence,
    struct smx_hello *hello);
void wire_put_beat_params(struct buf *b, const struct smx_beat *beat);
int wire_beat_params(const char *text, size_t len, struct smx_beat *beat);
/* SMX_EINVAL for a name that cannot stand in a line. */
int wire_node_check(const char *node);
int wire_node_take(const struct wire_param *param,
    char node[WIRE_NODE_MAX + 1]);
/* A ranked set as struct smx_shadow has it; "" is one.  SMX_EINVAL unless each
 * of its names can be said, none twice, and there are not too many. */
int wire_holders_check(const char *holders);
void wire_holders_put(struct buf *b, const char *holders);
/* Not there: "". */
int wire_holders_take(const struct wire_param *param,
    char holders[SMX_HOLDERS_MAX + 1]);

/* Is it answered with a letter for each key?  Which letter is which answer;
 * SMX_EPROTO for one that this request is not answered with. */
int wire_request_answers(const struct smx_request *request);
char wire_answer_letter(enum smx_request_kind kind, enum smx_answer answer);
int wire_answer_take(enum smx_request_kind kind, char letter,
    enum smx_answer *answer);

/* ---- what the client writes; errors stick in the buffer ---- */

void wire_put_ehlo(struct buf *b, const char *node,
    const struct smx_hello *hello);
/* SHADOW, envelope and BDAT line: all but the content.  SMX_EINVAL when the
 * shadow cannot be said (queue id). */
int wire_put_shadow(struct buf *b, const struct smx_shadow *shadow);
/* SMX_ELIMIT and SMX_EINVAL: cannot be said. */
int wire_request_check(const struct smx_request *request);
int wire_put_request(struct buf *b, const struct smx_request *request);
/* The minor version in which the verb came. */
unsigned wire_request_minor(const struct smx_request *request);
/* Does it carry amendments? */
int wire_request_amends(const struct smx_request *request);
/* The envelope of an amendment, which has no CLIENT line: is it one? */
int wire_amend_check(const char *envelope, size_t len, size_t recipients);

/* ---- DRAIN, MAINTAIN, LISTED, PUSH: what a primary MX says ---- */

/* Is it one of these? */
int wire_request_speaks(const struct smx_request *request);
int wire_speech_check(const struct smx_request *request);
void wire_put_speech(struct buf *b, const struct smx_request *request);
void wire_put_speech_reply(struct buf *b, const struct smx_request *request,
    const struct smx_reply *reply);
int wire_speech_reply(const struct smx_request *request, const char *text,
    size_t len, struct smx_reply *reply);

/* ---- what the server writes ---- */

struct wire_limits {
	uint64_t max_content;
	uint64_t max_envelope;
};

void wire_put_greeting(struct buf *b, const char *node);
void wire_put_code(struct buf *b, int code);
void wire_put_ehlo_reply(struct buf *b, const char *node,
    const struct smx_hello *hello, const struct wire_limits *limits);
void wire_put_reply(struct buf *b, const struct smx_request *request,
    const struct smx_reply *reply);
/* Before that: what a client of an older version would not understand becomes
 * the nearest that it does. */
void wire_reply_for(unsigned minor, const struct smx_request *request,
    struct smx_reply *reply);

/* ---- what the server reads ---- */

enum wire_event {
	WIRE_MORE = 1,  /* every byte is used: bring more */
	WIRE_EV_HELLO,  /* hello, when has_hello */
	WIRE_EV_SHADOW, /* shadow: begin */
	WIRE_EV_DATA,   /* data, data_len: a piece of its content */
	WIRE_EV_COMMIT, /* the content is complete */
	WIRE_EV_REQUEST,
	WIRE_EV_NOOP,
	WIRE_EV_QUIT,
	WIRE_EV_UNKNOWN, /* answer WIRE_VERB and go on */
	WIRE_EV_BAD      /* answer code and close; repeats for ever */
};

enum wire_server_state {
	WIRE_AT_START, /* before EHLO */
	WIRE_AT_COMMAND,
	WIRE_AT_ENVELOPE,
	WIRE_AT_BDAT,
	WIRE_AT_CONTENT,
	WIRE_AT_KEYS,
	WIRE_AT_AMEND,          /* a line of AMEND or RETURN */
	WIRE_AT_AMEND_ENVELOPE, /* the bytes that it announced */
	WIRE_AT_SPEECH,         /* a line of DRAIN, MAINTAIN or PUSH */
	WIRE_AT_END
};

/* An AMEND or RETURN that is being read.  Texts move while they grow, hence
 * offsets. */
struct wire_amend {
	enum smx_request_kind kind;
	struct smx_amendment *list;
	struct wire_amend_at *at;
	size_t count, left;
	size_t bytes; /* of envelopes, announced so far */
	size_t envelope_left;
	struct buf text;
};

/* Domains, or entries of a list, that are being read; likewise. */
struct wire_speech {
	enum smx_request_kind kind;
	size_t *at; /* in the text */
	const char **domains;
	struct smx_push_entry *entries;
	struct smx_push push;
	size_t count, left;
	struct buf text;
	char domain[WIRE_NODE_MAX + 1];
};

struct wire_server {
	struct wire_limits limits;
	enum wire_server_state state;
	struct buf line; /* a command that is not complete yet */
	struct buf envelope;
	size_t envelope_left;
	uint64_t content_left;
	struct smx_key *keys;
	size_t keys_left;
	struct wire_amend amend;
	struct wire_speech speech;
	unsigned unknown;

	unsigned minor; /* of the client's version */

	/* What an event tells; lent until the next call. */
	int has_hello;
	struct smx_hello hello;
	struct smx_shadow_announced shadow;
	struct smx_request request;
	const char *data;
	size_t data_len;
	int code;

	char queue_id[WIRE_QUEUE_ID_MAX + 1];
	uint8_t digest[SMX_DIGEST_BYTES];
	char holders[SMX_HOLDERS_MAX + 1];
	char node[WIRE_NODE_MAX + 1];
};

void wire_server_init(struct wire_server *w, const struct wire_limits *limits);
void wire_server_free(struct wire_server *w);
/* Take bytes from the front of *p until there is something to tell. */
enum wire_event wire_server_next(struct wire_server *w, const char **p,
    size_t *left);
/* Non-zero when the peer owes us nothing: it may stay silent. */
int wire_server_quiet(const struct wire_server *w);

/* ---- what the client reads ---- */

struct wire_client {
	struct buf line;
	size_t lines; /* of the reply so far */
	size_t max_lines;
	int code;
	/* The line's words after code and sign; lent until the next call. */
	const char *text;
	size_t len;
};

enum wire_reply_event {
	WIRE_REPLY_MORE = 1, /* every byte is used */
	WIRE_REPLY_LINE,     /* one line of several */
	WIRE_REPLY_END,      /* the last or only one */
	WIRE_REPLY_BAD       /* not a reply */
};

void wire_client_init(struct wire_client *w);
void wire_client_free(struct wire_client *w);
/* Before each reply: how many lines it may have. */
void wire_client_expect(struct wire_client *w, size_t max_lines);
enum wire_reply_event wire_client_next(struct wire_client *w, const char **p,
    size_t *left);

/* Lines of good replies, each SMX_OK or SMX_EPROTO. */
int wire_greeting_line(const char *text, size_t len);
int wire_ehlo_line(const char *text, size_t len, struct smx_hello *hello,
    struct wire_limits *limits, unsigned *minor);
/* A line of the reply to request; last: it is the final one. */
int wire_reply_line(const struct smx_request *request, const char *text,
    size_t len, int last, struct smx_reply *reply);

#endif
