/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_LINK_H
#define SHADOWMX_LINK_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/content.h>
#include <shadowmx/envelope.h>
#include <shadowmx/err.h>
#include <shadowmx/key.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The link carries shadows and notices between hosts.  It is a port: an engine
 * is given one and calls it as client (struct smx_link_ops), and hands it a
 * table of answers for what peers ask (struct smx_link_server).
 *
 * Peers are numbered from 0 in the order of the configuration.
 * Times:     deadlines are milliseconds of CLOCK_MONOTONIC (_mono_ms).
 * Threads:   all calls from many threads at a time; one struct smx_call is for
 *            one thread.  Server answers come from the link's threads, several
 *            at a time; for one connection one after the other.
 */

/* A shadow on its way out.  All is lent until the call is finished. */
struct smx_shadow {
	struct smx_key key;
	const char *queue_id; /* "" when the MTA gave none */
	struct smx_epoch epoch;
	const char *envelope; /* text form */
	size_t envelope_len;
	size_t recipients;
	const struct smx_content *content;
	uint8_t digest[SMX_DIGEST_BYTES];
	/* Who is meant to hold it, the first to take over first: names of
	 * nodes, one space between.  "" not said.  The final set goes after
	 * it with AMEND when it became another one. */
	const char *holders;
	/* A copy made from the MTA's queue file: amended, its envelope is what
	 * the MTA committed; held, it is taken to be on hold there until an
	 * AMEND says what it is. */
	int amended;
	int held;
};

struct smx_call;        /* one shadow being sent to one peer */
struct smx_link_server; /* below */

enum smx_request_kind {
	SMX_REQ_BEAT = 1, /* I live; how are you? */
	SMX_REQ_DISCARD,  /* these of mine are finished */
	SMX_REQ_ABORT,    /* these of mine were never acknowledged */
	SMX_REQ_QUERY,    /* holder to primary: are these of yours finished? */
	SMX_REQ_LIST,     /* primary to holder: which of mine are open? */
	SMX_REQ_AMEND,    /* primary to holder: this is what it became */
	SMX_REQ_ASK,      /* holder to holder: what do you have of primary's? */
	SMX_REQ_CLAIM,  /* holder to holder: I take over these of primary's; you
			 * hold them for me from now on */
	SMX_REQ_SEEN,   /* to any member: when did you last hear primary? */
	SMX_REQ_RETURN, /* primary to holder: I am back and have these in my
			 * queue; who delivers them? */
	/* A primary MX to a backup MX, of domains that it is the primary of: */
	SMX_REQ_DRAIN,    /* give me now what you hold for them */
	SMX_REQ_MAINTAIN, /* I shall be down on purpose for so long; 0: no
			   * more */
	SMX_REQ_LISTED,   /* is this the list of its recipients that you have?
			   */
	SMX_REQ_PUSH      /* a piece of that list */
};

enum smx_answer {
	SMX_ANSWER_UNKNOWN = 0, /* cannot know: keep the shadow */
	SMX_ANSWER_OPEN,
	SMX_ANSWER_FINISHED,
	SMX_ANSWER_LOST, /* not in my queue, and not because it ended:
			  * the holder should take it over */
	/* ASK and CLAIM only: */
	SMX_ANSWER_NONE,    /* no copy here (or no more) */
	SMX_ANSWER_RANKED,  /* a shadow, and this host is in its ranked set */
	SMX_ANSWER_SHADOW,  /* a shadow without a set that names this host */
	SMX_ANSWER_TAKEN,   /* this host has taken it over itself */
	SMX_ANSWER_YIELDED, /* CLAIM: held for the asking peer from now on */
	SMX_ANSWER_DENIED,  /* CLAIM: the primary did not name the asker */
	/* ASK only: */
	SMX_ANSWER_ENDED, /* taken over by this host, and delivered by it */
	SMX_ANSWER_FIRST  /* RANKED, and first in that set */
};

/*
 * RETURN: one amendment for each message that the holder has listed as anything
 * but a shadow and that the primary has in its queue again; envelope: its open
 * recipients there (never NULL), held: its MTA does not deliver it now.
 * Version and holders are not said.  One answer each:
 *   SHADOW    it is a shadow here: not taken over, or given back just now,
 *             durably.  Only what this host's MTA has not been handed is given
 *             back.  Yours to deliver
 *   TAKEN     it is being delivered here, or was handed and has not ended: keep
 *             yours on hold, it is the second copy
 *   FINISHED  ended here, for all the recipients that you named: delete yours
 *   OPEN      ended here, but you named some that were not served: deliver
 * yours NONE      no such row: yours to deliver UNKNOWN   ask again later
 */

/*
 * What became of a shadow after it was sent: its holders, its envelope, its
 * place in the primary's queue.  Each says all that is known up to its version;
 * a holder forgets one whose version is not above the last.
 */
struct smx_amendment {
	struct smx_key key;
	uint64_t version;
	const char *holders; /* as in struct smx_shadow; NULL: unchanged */
	/* What the MTA has committed and has still to deliver: one MAIL line
	 * and a RCPT line for each open recipient, in the form of the
	 * envelope's text.  NULL: unchanged.  No RCPT line is not said: the
	 * message is finished then. */
	const char *envelope;
	size_t envelope_len;
	size_t recipients;
	int held; /* on hold at the primary: 1, 0, or -1 unchanged */
};
#define SMX_AMEND_MAX       100           /* per request */
#define SMX_AMEND_BYTES_MAX (1024 * 1024) /* of envelopes per request */

struct smx_listed {
	struct smx_key key;
	char queue_id[64];
	struct smx_epoch epoch;
	int state; /* enum smx_row_state */
	int64_t age_ms;
	uint64_t version; /* of the last amendment, 0 none */
};

/*
 * The recipients of one domain, all of them.  Its digest is made of those of
 * its entries in any order (doc/WIRE, 3.12); base is the list from which the
 * entries lead to it, all zero: from none.  Pieces are numbered from 0.
 */
struct smx_push_entry {
	const char *local; /* part of the address; "": whoever it is */
	int gone;          /* it is in base and not in the list */
};

struct smx_push {
	const char *domain;
	uint8_t base[SMX_DIGEST_BYTES];
	uint8_t digest[SMX_DIGEST_BYTES];
	uint64_t part;
	int last;
	const struct smx_push_entry *entries;
};
#define SMX_PUSH_MAX     500 /* entries per request */
#define SMX_MAINTAIN_MAX (INT64_C(90) * 24 * 3600 * 1000)

enum smx_mta_health { SMX_MTA_UNKNOWN = 0, SMX_MTA_UP, SMX_MTA_DOWN };

/* What every conversation begins with. */
struct smx_hello {
	uint8_t incarnation[16];
	struct smx_epoch epoch;
	uint64_t sequence; /* highest counter given out / seen */
};

struct smx_beat {
	enum smx_mta_health mta;
	int64_t leaving_ms; /* orderly stop: away this long, 0 not */
};

#define SMX_REQ_KEYS_MAX 1000 /* DISCARD, ABORT, QUERY, LIST per request */

struct smx_request {
	enum smx_request_kind kind;
	struct smx_beat beat;       /* BEAT */
	const struct smx_key *keys; /* DISCARD, ABORT, QUERY, ASK, CLAIM */
	size_t count;               /* of keys, amendments, domains, entries */
	const struct smx_amendment *amendments; /* AMEND, RETURN */
	const char *node;            /* ASK, CLAIM, SEEN: the primary's name */
	struct smx_key after;        /* LIST: page start, exclusive */
	size_t limit;                /* LIST */
	const char *const *domains;  /* DRAIN, MAINTAIN: folded */
	int64_t for_ms;              /* MAINTAIN */
	const struct smx_push *push; /* LISTED (domain, digest), PUSH */
};

struct smx_reply {
	struct smx_hello hello;    /* the peer's, from this connection */
	struct smx_beat beat;      /* BEAT */
	enum smx_answer *answers;  /* QUERY, ASK, CLAIM, RETURN: caller's
				    * array */
	struct smx_listed *listed; /* LIST: caller's array of limit */
	size_t count;              /* LIST: rows filled; less than limit: end */
	size_t foreign; /* DISCARD, ABORT, AMEND: keys refused as not ours;
			 * DRAIN ... PUSH: domains that we do not speak for */
	int64_t ago_ms; /* SEEN: since it was heard; -1 never */
	uint8_t have[SMX_DIGEST_BYTES]; /* LISTED: of the list that it has, all
					 * zero none */
	uint64_t next;  /* PUSH: the piece that it waits for; 0: begin anew */
	char text[256]; /* the peer's words, escaped */
};

struct smx_link_ops {
	/*
	 * Begin to send a shadow: never blocks for long.  SMX_OK: *call must
	 * be given to finish.  SMX_EUNREACHABLE: nothing was sent.
	 */
	int (*shadow)(void *ctx, size_t peer, const struct smx_shadow *shadow,
	    int64_t deadline_mono_ms, struct smx_call **call);
	/* Drive count calls until one of them is complete (its index in *which)
	 * or until_mono_ms (SMX_ETIMEOUT). */
	int (*wait)(void *ctx, struct smx_call *const *calls, size_t count,
	    int64_t until_mono_ms, size_t *which);
	/*
	 * End a call, complete or not, and say what is known of it:
	 *   SMX_OK           the peer holds it durably
	 *   SMX_EREFUSED SMX_ETEMP SMX_EGONE   it does not, and said so (text)
	 *   SMX_EUNREACHABLE it does not: the last byte was never sent
	 *   SMX_EUNSURE      it may
	 * *call is NULL afterwards.  text may be NULL.
	 */
	int (*finish)(void *ctx, struct smx_call **call, char *text,
	    size_t text_size);
	/* Ask one thing and wait for the answer.  SMX_OK, SMX_EREFUSED,
	 * SMX_ETEMP, SMX_EUNREACHABLE, SMX_EUNSURE (lost after sending).
	 * A verb that a peer of an older version does not know is not said to
	 * it: SMX_EREFUSED. */
	int (*request)(void *ctx, size_t peer,
	    const struct smx_request *request, struct smx_reply *reply,
	    int64_t deadline_mono_ms);
	/* Start and stop answering peers.  server is lent until stop returns,
	 * which it does when no answer is running. */
	int (*serve)(void *ctx, const struct smx_link_server *server);
	void (*stop)(void *ctx);
	void (*close)(void *ctx);
};

struct smx_link {
	void *ctx;
	const struct smx_link_ops *ops;
};

/* What a peer asks of us.  peer: its number; it has been authenticated. */
struct smx_inbound; /* the server's own, per shadow being received */

struct smx_shadow_announced {
	struct smx_key key;
	const char *queue_id;
	struct smx_epoch epoch;
	const char *envelope;
	size_t envelope_len;
	size_t recipients;
	uint64_t size;
	const uint8_t *digest;
	const char *holders; /* never NULL */
	int amended;
	int held;
};

struct smx_link_server {
	void *ctx;
	/* Once per connection, before anything else; fill in our own hello.
	 * theirs NULL: the peer has not said its own yet (a connection that
	 * this side opens; the peer's comes with each reply). */
	void (*hello)(void *ctx, size_t peer, const struct smx_hello *theirs,
	    struct smx_hello *ours);
	/* Anything arrived from this peer. */
	void (*heard)(void *ctx, size_t peer);
	/*
	 * A shadow: begin, data..., then commit (wait until durable) or cancel.
	 * begin may refuse; the link then reads the rest and answers with that
	 * code.  commit: SMX_OK and SMX_EEXIST mean durable; SMX_EGONE,
	 * SMX_ECONFLICT, SMX_EFULL, SMX_ECORRUPT, SMX_EIO, SMX_EUNSURE not.
	 * *inbound is NULL after commit and cancel.
	 */
	int (*shadow_begin)(void *ctx, size_t peer,
	    const struct smx_shadow_announced *shadow,
	    struct smx_inbound **inbound);
	int (*shadow_data)(void *ctx, struct smx_inbound *inbound,
	    const void *data, size_t len);
	int (*shadow_commit)(void *ctx, struct smx_inbound **inbound);
	void (*shadow_cancel)(void *ctx, struct smx_inbound **inbound);
	/* All others.  reply comes with arrays of the request's size. */
	int (*request)(void *ctx, size_t peer,
	    const struct smx_request *request, struct smx_reply *reply);
};

#ifdef __cplusplus
}
#endif
#endif
