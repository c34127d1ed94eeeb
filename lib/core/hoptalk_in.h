/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HOPTALK_IN_H
#define CORE_HOPTALK_IN_H

#include "core/hoptalk.h"

enum ask_what {
	ASK_GREETING,
	ASK_EHLO,
	ASK_HELO,
	ASK_STARTTLS,
	ASK_RSET,
	ASK_MAIL,
	ASK_RCPT,
	ASK_DATA,
	ASK_FINAL
};

struct hoptalk_ask {
	enum ask_what what;
	unsigned transaction;
	size_t n;     /* recipient; SIZE_MAX all */
	uint64_t end; /* asked once so much was sent */
};

enum mail_state { MAIL_NONE, MAIL_ASKED, MAIL_TAKEN, MAIL_REFUSED };

/* hoptalk_line.c: the connection */
/* It is of no more use; why becomes the answer when there is no other one.
 * again: the same address is worth another try. */
void line_break(struct hoptalk *talk, const struct hop_answer *why, int again);
/* A reply that makes us go. */
void line_sent_away(struct hoptalk *talk, const char *what);
void line_reply(struct hoptalk *talk, enum ask_what what);
void line_ehlo_line(struct hoptalk *talk);

/* hoptalk.c */
void talk_expect(struct hoptalk *talk, enum ask_what what, size_t n);
size_t talk_awaited(const struct hoptalk *talk);
int talk_is_pipelined(const struct hoptalk *talk);
/* Say what can be said next. */
void talk_go(struct hoptalk *talk);
void talk_out_of_memory(struct hoptalk *talk);

/* hoptalk_ask.c: the envelope */
int ask_is_due(const struct hoptalk *talk, const struct hoptalk_rcpt *r);
void ask_go(struct hoptalk *talk);
void ask_reply(struct hoptalk *talk, const struct hoptalk_ask *ask);
/* Its answer to RCPT, or the one that stands for it. */
void ask_answer(struct hoptalk *talk, size_t n, const struct hop_answer *how);
void ask_forget(struct hoptalk *talk);

/* hoptalk_data.c: the content */
void data_go(struct hoptalk *talk);
void data_reply(struct hoptalk *talk, const struct hoptalk_ask *ask);
/* All that have no last word get this one. */
void data_finish(struct hoptalk *talk, const struct hop_answer *how);
void data_forget(struct hoptalk *talk);
/* Is that all? */
void data_check(struct hoptalk *talk);

#endif
