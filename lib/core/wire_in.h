/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_WIRE_IN_H
#define CORE_WIRE_IN_H

#include "core/wire.h"

/* The server's reading: wire_server.c has the conversation and shadows,
 * wire_ask.c the requests, wire_amend.c what AMEND brings, wire_speech.c what a
 * primary MX says. */

struct words {
	const char *p; /* what follows the verb, with its leading space */
	size_t len;
};

enum wire_event wire_bad(struct wire_server *w, int code);
int wire_verb_is(const char *line, size_t len, const char *verb,
    struct words *words);

/* WIRE_EV_UNKNOWN: the verb is no request's. */
enum wire_event wire_take_request(struct wire_server *w, const char *line,
    size_t len);
enum wire_event wire_take_key(struct wire_server *w, const char *line,
    size_t len);

enum wire_event wire_amend_begin(struct wire_server *w,
    enum smx_request_kind kind, size_t count);
enum wire_event wire_amend_line(struct wire_server *w, const char *line,
    size_t len);
enum wire_event wire_amend_bytes(struct wire_server *w, const char **p,
    size_t *left);
/* What the last one was made of. */
void wire_amend_free(struct wire_amend *amend);

/* " n", and what follows it; 0 or a code. */
int wire_take_count(struct words *words, size_t max, size_t *count);
/* WIRE_EV_UNKNOWN: the verb is none of these. */
enum wire_event wire_speech_take(struct wire_server *w, const char *line,
    size_t len);
enum wire_event wire_speech_line(struct wire_server *w, const char *line,
    size_t len);
void wire_speech_free(struct wire_speech *speech);

#endif
