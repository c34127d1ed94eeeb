/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_HOPTALK_H
#define CORE_HOPTALK_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/content.h>
#include <shadowmx/envelope.h>
#include <shadowmx/err.h>

#include "base/buf.h"
#include "core/hopanswer.h"
#include "core/hopbody.h"
#include "core/smtpcmd.h"
#include "core/smtpreply.h"

/*
 * The conversation with a next hop about one message, without a socket and
 * without a clock: what came goes in, what to say and what to wait for comes
 * out.  The other side is not trusted in anything but its answers.
 *
 *	greeting, EHLO (HELO, LHLO), STARTTLS, EHLO		a line is ready
 *	RSET, MAIL, RCPT ...					recipients are
 *asked BDAT LAST, or DATA, content, dot			they get the
 *content
 *
 * A line that breaks before the content is whole at the other side has taken
 * nothing: the talk asks for another one.
 */
enum hoptalk_tls { HOPTALK_TLS_NONE, HOPTALK_TLS_MAY, HOPTALK_TLS_MUST };

/* What a next hop offers and cannot do; learned, and worth remembering. */
#define HOPTALK_NO_BDAT       0x1u
#define HOPTALK_NO_PIPELINING 0x2u
#define HOPTALK_NO_TLS        0x4u /* its handshake fails; not for ever */

enum hopline_stage {
	HOPLINE_NONE, /* not connected */
	HOPLINE_CONNECTING,
	HOPLINE_OPENING,
	HOPLINE_SECURING, /* the TLS handshake is next */
	HOPLINE_READY
};

/* What is known of a connection; kept with it from one message to the next. */
struct hopline {
	enum hopline_stage stage;
	struct smtp_offer offer;
	int esmtp;
	int encrypted;
	int dirty; /* a transaction was begun: RSET before the next one */
};

struct hoptalk_rcpt {
	size_t index; /* in the envelope */
	int asked;    /* in the present transaction */
	int in;       /* and accepted */
	int wanted;
	int rcpt_known;
	int final_known;
	int64_t asked_ms;
	struct hop_answer rcpt;
	struct hop_answer final;
};

enum hoptalk_content { HOPTALK_ASKING, HOPTALK_SENDING, HOPTALK_OVER };

struct hoptalk {
	/* set by the caller */
	const char *helo;
	const struct smx_envelope *envelope;
	int lmtp;
	enum hoptalk_tls tls;
	unsigned avoid; /* HOPTALK_NO_*, learned bits are added */
	int64_t now_ms; /* whenever something is told */
	int behind;     /* not all that was sent has left */

	struct hopline line;
	struct buf out; /* to be sent */
	int drop;       /* the connection is to be closed */
	int move;       /* and the next one goes to the next address */
	struct hop_answer why;

	/* private */
	int reused;  /* nothing was heard on this line for this message */
	int tls_off; /* a handshake failed, and need not be; may be set by the
		      * caller, who knows */
	char tls_why[128]; /* of HOPTALK_NO_TLS */
	int mail;
	struct hop_answer mail_no;
	unsigned transaction;
	struct hoptalk_rcpt *rcpts;
	size_t count, room;
	struct hoptalk_ask *asks; /* replies that are awaited, in their order */
	size_t ask_at, ask_count, ask_room;
	struct smtpreply reply;
	enum hoptalk_content content;
	struct hopbody body;
	int renewed;  /* the transaction was begun anew for the content */
	int underway; /* DATA or BDAT was said */
	int chunk;
	int pouring; /* body into out */
	uint64_t sent;
	uint64_t mark; /* sent beyond that: the last byte has left */
	uint64_t end;

	/* ms, -1 unknown */
	int64_t connect_from, connect_ms, rcpt_ms, data_from, data_ms;
};

void hoptalk_init(struct hoptalk *talk);
void hoptalk_free(struct hoptalk *talk);

int hoptalk_rcpt(struct hoptalk *talk, size_t index) SMX_MUST_USE;
/* wanted as in struct hop_body.  SMX_EINVAL when there was content before,
 * SMX_EIO and the like when it cannot be read. */
int hoptalk_content(struct hoptalk *talk, const struct smx_content *content,
    const char *received, int eight, const unsigned char *wanted) SMX_MUST_USE;

enum hoptalk_need {
	HOPTALK_IDLE,    /* nothing to wait for */
	HOPTALK_CLOSE,   /* then hoptalk_closed */
	HOPTALK_CONNECT, /* then hoptalk_connecting, _resumed, _failed, _give_up
			  */
	HOPTALK_SECURE,  /* then hoptalk_secured, _insecure */
	HOPTALK_TALK     /* send out, receive */
};
enum hoptalk_need hoptalk_need(const struct hoptalk *talk);

void hoptalk_closed(struct hoptalk *talk);
void hoptalk_connecting(struct hoptalk *talk);
void hoptalk_connected(struct hoptalk *talk);
/* A line that another talk has kept. */
void hoptalk_resumed(struct hoptalk *talk, const struct hopline *line);
void hoptalk_secured(struct hoptalk *talk);
void hoptalk_insecure(struct hoptalk *talk, const char *why);
/* Not connected, gone, or silent for too long. */
void hoptalk_failed(struct hoptalk *talk, const char *why);
/* No address is left, or never was: how is what everybody gets. */
void hoptalk_give_up(struct hoptalk *talk, const struct hop_answer *how);

/* How many replies are whole in it: at least so much has gone on. */
size_t hoptalk_received(struct hoptalk *talk, const void *data, size_t len);
/* Put more into out while there is room; to be called before sending. */
void hoptalk_fill(struct hoptalk *talk);
void hoptalk_sent(struct hoptalk *talk, size_t len);

/* Has the last byte of the content begun to leave? */
int hoptalk_is_committed(const struct hoptalk *talk);
/* What is awaited just now, "RCPT"; "" nothing. */
const char *hoptalk_awaits(const struct hoptalk *talk);
/* The other side takes nothing from this sender: what recipients were answered
 * is what MAIL was. */
int hoptalk_mail_refused(const struct hoptalk *talk);
/* May the line be kept for another message? */
int hoptalk_keeps(const struct hoptalk *talk);

#endif
