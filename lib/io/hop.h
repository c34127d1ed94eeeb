/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_HOP_H
#define IO_HOP_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/content.h>
#include <shadowmx/engine.h>
#include <shadowmx/envelope.h>
#include <shadowmx/err.h>

#include "core/hopanswer.h"
#include "core/nexthop.h"

/*
 * Delivering a message to its next hop while the client waits: SMTP (RFC 5321)
 * and LMTP (RFC 2033), several transactions at a time driven by one thread.
 * Nothing here waits but hop_run(), and that has a deadline.
 */
enum hop_tls {
	HOP_TLS_NONE = 1,
	HOP_TLS_MAY,     /* when offered; not verified; a handshake that fails
			  * is tried again without */
	HOP_TLS_ENCRYPT, /* must be, not verified */
	HOP_TLS_VERIFY   /* must be, and the certificate names the host (or the
			  * domain, for MX), signed by one of tls_ca */
};

struct hops_options {
	const char *helo;
	enum hop_tls tls;
	const char *tls_ca; /* file of certificates; "": the system's */
	int64_t connect_ms; /* for one address */
	int64_t step_ms;    /* for one reply */
	int64_t idle_ms;    /* a connection is kept so long for the next one */
	size_t idle_max;    /* and so many to one next hop */
};

/* Connections that wait, answers of the resolver, TLS: shared by threads. */
struct hops;
/* SMX_ECONFIG with a sentence in why (tls_ca), SMX_ENOMEM. */
int hops_new(struct hops **out, const struct hops_options *options, char *why,
    size_t why_size) SMX_MUST_USE;
void hops_free(struct hops **hops);
/* Close what waits: all, or those to this next hop.  Returns how many. */
size_t hops_reset(struct hops *hops, const struct nexthop *to);
size_t hops_idle(struct hops *hops, const struct nexthop *to);

/* One transaction; one thread at a time.  Recipients are numbered from 0 as
 * they are added. */
struct hop;

/* envelope: sender, its parameters and the client; lent until hop_end, and may
 * gain recipients meanwhile.  Nothing is done yet. */
int hop_begin(struct hop **out, struct hops *hops, const struct nexthop *to,
    const struct smx_envelope *envelope) SMX_MUST_USE;
/* Recipient `index` of the envelope; asked about with the next hop_run. */
int hop_rcpt(struct hop *hop, size_t index) SMX_MUST_USE;

/* This address of it and no other, whatever its name has; before the first
 * hop_run. */
struct hop_addr;
void hop_at(struct hop *hop, const struct hop_addr *addr);

struct hop_body {
	const struct smx_content *content; /* lent until hop_end */
	const char *received;              /* our trace line(s), CRLF ended,
					    * likewise */
	int eight;                         /* bytes above 0x7f in the content */
	/* One per recipient of this transaction: 0, it is to be left out
	 * although it was accepted; then all are asked about once more.  NULL:
	 * all. */
	const unsigned char *wanted;
};
/* Deliver to those that were accepted: with the next hop_run; those that are
 * wanted and not answered yet are waited for.  A connection that was lost since
 * is made anew, recipients and all. */
int hop_content(struct hop *hop, const struct hop_body *body) SMX_MUST_USE;

/*
 * Go on with all of these until none has anything left to wait for, or until
 * then.  waiting as for smx_session_end; what it says ends the run.
 * SMX_OK; SMX_ETIMEOUT: at least one is not through; SMX_ECLOSED: waiting said
 * so; SMX_ENOMEM.  Transactions that are not through stay as they are, and may
 * be run on.
 */
int hop_run(struct hop *const *hops, size_t count, int64_t until_mono_ms,
    smx_waiting_fn waiting, void *waiting_ctx);

/* NULL: not known yet.  Before content: the answer to RCPT (or what came
 * instead of it: to the connection, to MAIL). */
const struct hop_answer *hop_rcpt_answer(const struct hop *hop, size_t n);
/* What became of this recipient in the end: its last word.  Always NULL for one
 * that was accepted and then left out of the content. */
const struct hop_answer *hop_final_answer(const struct hop *hop, size_t n);
/* Has the final dot (the last chunk) begun to leave?  From then on a
 * transaction that is given up is HOP_UNSURE, before it nothing was taken. */
int hop_is_committed(const struct hop *hop);

struct hop_times {       /* ms; -1 not reached */
	int64_t connect; /* address, connection, greeting, TLS; 0: was kept */
	int64_t rcpt;    /* longest answer to RCPT */
	int64_t data;    /* from the content's first byte to the last answer */
};
void hop_times(const struct hop *hop, struct hop_times *out);
/* The host that was spoken to, "mx.example.org[192.0.2.1]:25", "" none. */
const char *hop_peer(const struct hop *hop);

/* Did the host offer TLS the last time that it said what it offers? */
int hop_offers_tls(const struct hop *hop);
/* What it has shown within TLS: see tls_certificates().  SMX_ENOTFOUND: it is
 * spoken to in the clear, or not any more. */
struct buf;
int hop_certificates(const struct hop *hop, struct buf *out) SMX_MUST_USE;

/* Give it up wherever it is; the connection is kept if it is good for another
 * message (RSET before that one). */
void hop_end(struct hop **hop);

#endif
