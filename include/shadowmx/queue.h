/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_QUEUE_H
#define SHADOWMX_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>
#include <shadowmx/key.h>
#include <shadowmx/link.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Evidence from the MTA's own queue: was the message committed, is it still
 * there, did it end?  It is a port; the library's is for Postfix and watches
 * the queue folders (inotify) and, when told where it is, the mail log.
 *
 * An event is a hint; only SMX_QUEUE_VERIFIED is proof.
 */
enum smx_queue_event_kind {
	SMX_QUEUE_COMMITTED = 1, /* id: the MTA has made the file permanent */
	SMX_QUEUE_GONE,          /* id: its file went; ask verify */
	SMX_QUEUE_STRAY,         /* id: closed, never committed, still there */
	SMX_QUEUE_REQUEUED,      /* id: on its way to a new id (maildrop) */
	SMX_QUEUE_LINKED,        /* id became other (requeue followed) */
	SMX_QUEUE_CORRUPT,       /* id: the MTA set it aside as damaged */
	SMX_QUEUE_VERIFIED,      /* id: the answer to verify, see presence */
	SMX_QUEUE_MOVED,         /* id: put aside after a delivery attempt, on
				  * hold or released: read it again */
	SMX_QUEUE_READ,          /* id: the answer to read; see text */
	SMX_QUEUE_RESET,         /* the watch began anew: hints were lost, all
				  * open ids should be verified again */
	SMX_QUEUE_RETURNED,      /* id: its sender, or the postmaster, is
				  * told by the message in other that it was
				  * not delivered */
	SMX_QUEUE_FOUND,         /* id: committed, and in the queue when the
				  * watch began or its reader changed; "": that
				  * was all of them */
	SMX_QUEUE_SENT,          /* id: delivered to the recipient whose address
				  * is in other, as 16 hex digits */
	SMX_QUEUE_BOUNCED, /* id: given up for the recipient in other, likewise,
			    * or with "" for all that were left */
	SMX_QUEUE_DELETED, /* id: a person removed it */
	SMX_QUEUE_REACHED, /* id: the host at other, "[192.0.2.1]:25", has taken
			    * it by SMTP */
	SMX_QUEUE_UNREACHED,  /* id: it could not be reached, or would not talk
			       */
	SMX_QUEUE_SENT_AS,    /* id: delivered to one of the addresses that the
			       * MTA has made of the recipient in other; whether
			       * to all of them only its end tells */
	SMX_QUEUE_BOUNCED_AS, /* id: given up for one of those */
	SMX_QUEUE_REFUSED /* id: the host at other, as for REACHED, has refused
			   * for good the recipient whose address is in token:
			   * there is none such.  BOUNCED follows */
};

enum smx_presence {
	SMX_PRESENCE_UNKNOWN = 0, /* could not look, or a move is under way */
	SMX_PRESENCE_THERE, /* incoming, active, deferred, hold, maildrop */
	SMX_PRESENCE_UNCOMMITTED, /* in incoming, not yet made permanent */
	SMX_PRESENCE_STRAY,       /* as above, and its writer is gone */
	SMX_PRESENCE_CORRUPT,
	SMX_PRESENCE_ABSENT, /* every folder read twice, no move between */
	SMX_PRESENCE_LINKED  /* absent, and known under the id in other */
};

struct smx_queue_event {
	enum smx_queue_event_kind kind;
	enum smx_presence presence; /* VERIFIED */
	char id[64];
	char other[64]; /* LINKED: the new id; RETURNED: the notice's;
			 * SENT, REACHED: see there */
	uint64_t token; /* VERIFIED, READ: what verify or read was given;
			 * REFUSED: the number that SENT has in hex */
	/* READ: */
	int held;   /* it is on hold */
	char *text; /* malloc'ed, the receiver frees it: a MAIL line and a RCPT
		     * line for each recipient still open, in the form of the
		     * envelope's text; NULL: could not be read */
};

/* Counters that a queue has had one after the other. */
struct smx_queue_span {
	uint64_t first, last;
};
#define SMX_QUEUE_SPANS_MAX 32

struct smx_queue_state {
	struct smx_epoch epoch; /* marker inside the queue file system; its
				 * counter grows while the queue is watched */
	/*
	 * Which counters this queue has really had: from first to epoch's, and
	 * the earlier spans, oldest first.  Any other belonged to a queue that
	 * went on from the same past and is not here.  first 0: nothing is
	 * known of that.
	 */
	uint64_t first;
	struct smx_queue_span span[SMX_QUEUE_SPANS_MAX];
	size_t spans;
	int forgot;              /* there were more, before the oldest */
	uint64_t unclean;        /* the host stopped unclean under this counter:
				  * absence is no proof for messages of this or
				  * an earlier one.  0: it never did */
	int links_known;         /* requeues since before the watch began can be
				  * followed (a log is read) */
	enum smx_mta_health mta; /* is the MTA's master process running */
	/* Mail that programs of this host have handed over and that no milter
	 * has seen yet: how many, and the age of the oldest. */
	uint64_t local_waiting;
	int64_t local_oldest_ms;
};

#define SMX_QUEUE_READ_MAX 100

/* What the engine does to messages in the MTA's queue, and never to others than
 * those that it follows or that an operator has named. */
enum smx_queue_change {
	SMX_QUEUE_HOLD = 1, /* put on hold; a delivery that runs goes on */
	SMX_QUEUE_RELEASE,  /* from hold; tried at once */
	SMX_QUEUE_ERASE,    /* from any queue, without a notice to anybody */
	SMX_QUEUE_REQUEUE,  /* from any queue, hold too: tried at once, under a
			     * new id (SMX_QUEUE_LINKED) and with the MTA's
			     * whole patience before it */
	SMX_QUEUE_EXPIRE    /* from any queue, hold too: to its sender, with
			     * the MTA's notice */
};
#define SMX_QUEUE_CHANGE_MAX 1000

/* Where the MTA would send a recipient: the first is tried first, each as
 * shadowmx.conf(5) writes next_hop in full ("smtp:[192.0.2.1]:25"). */
#define SMX_QUEUE_HOPS_MAX 8
#define SMX_QUEUE_HOP_TEXT 300

struct smx_queue_route {
	size_t count;
	char hop[SMX_QUEUE_HOPS_MAX][SMX_QUEUE_HOP_TEXT];
};

/* read and open may be NULL: then nothing is amended or copied. */
struct smx_queue_ops {
	/*
	 * Ask for proof about ids; answers come as SMX_QUEUE_VERIFIED events
	 * with the same token, for a look that began after this call.
	 * SMX_ELIMIT: too many outstanding, ask later.
	 */
	int (*verify)(void *ctx, const char *const *ids, size_t count,
	    uint64_t token);
	/*
	 * Read the envelopes of committed files: whom the MTA has still to
	 * serve, and is it on hold?  Answers come as SMX_QUEUE_READ events.  At
	 * most SMX_QUEUE_READ_MAX at a time; SMX_ELIMIT as for verify.
	 */
	int (*read)(void *ctx, const char *const *ids, size_t count,
	    uint64_t token);
	/*
	 * Open one committed file for copying: *envelope (malloc'ed, text form
	 * with a CLIENT line; open recipients only) and *fd, from which the
	 * content is read to its end, lines ended by LF.  Blocks until
	 * until_mono_ms at most; any thread.  SMX_ENOTFOUND, SMX_EIO,
	 * SMX_ETIMEOUT.  The receiver checks that the end was the end:
	 * *size is how long the content is.  *held: it was on hold, by
	 * whomever, when it was opened.
	 */
	int (*open)(void *ctx, const char *id, char **envelope,
	    size_t *envelope_len, int *fd, uint64_t *size, int *held,
	    int64_t until_mono_ms);
	/* Wait until an event is there or until_mono_ms (SMX_ETIMEOUT); fill at
	 * most max.  One thread. */
	int (*next)(void *ctx, struct smx_queue_event *events, size_t max,
	    size_t *count, int64_t until_mono_ms);
	int (*state)(void *ctx, struct smx_queue_state *state);
	void (*close)(void *ctx);
	/*
	 * Do this to messages; works on a stopped MTA as well.  Blocks until
	 * until_mono_ms at most; any thread.  Ids that are not in the queue are
	 * no error.  SMX_ETIMEOUT: nothing was done; SMX_EUNSURE, SMX_EIO: some
	 * may be.  May be NULL: then nothing is fenced.
	 */
	int (*change)(void *ctx, enum smx_queue_change what,
	    const char *const *ids, size_t count, int64_t until_mono_ms);
	/*
	 * Where would the MTA send mail from sender to this recipient, both as
	 * in MAIL and RCPT, by SMTP or LMTP?  Blocks until until_mono_ms at
	 * most; any thread.  SMX_ENOTFOUND: it delivers that itself, by a
	 * program, in a way that needs its own settings (a login), or not at
	 * all; SMX_EIO, SMX_ETIMEOUT, SMX_ELIMIT (too many ask): it did not
	 * say.  May be NULL: nobody knows.
	 */
	int (*route)(void *ctx, const char *sender, const char *recipient,
	    struct smx_queue_route *route, int64_t until_mono_ms);
	/*
	 * What is told of the log from now on, as the options' deliveries and
	 * ends say for the beginning.  Does not wait; any thread.  A RESET
	 * follows when more is told than before.  May be NULL: that cannot be
	 * changed.
	 */
	void (*want)(void *ctx, int deliveries, int ends);
};

struct smx_queue {
	void *ctx;
	const struct smx_queue_ops *ops;
};

struct smx_queue_postfix_options {
	const char *queue_directory;  /* /var/spool/postfix */
	const char *log_file;         /* "" : requeues cannot be followed */
	const char *marker_directory; /* "": queue_directory/shadowmx */
	const char *config_directory; /* /etc/postfix; "" or NULL: files are not
				       * read (no read, no open) */
	int64_t heartbeat_ms; /* how often the marker counts on; 0: 30 s */
	int deliveries;       /* tell SMX_QUEUE_SENT, as the log says it */
	int ends;             /* tell SMX_QUEUE_BOUNCED and _DELETED, too, and
			       * _SENT_AS and _BOUNCED_AS, and all of these
			       * again before an ABSENT; _REFUSED; and _REACHED
			       * and _UNREACHED, each once a second and host */
};

/* Watch in this process; it must run as the owner of the queue. */
SMX_API int smx_queue_open_postfix(struct smx_queue *out,
    const struct smx_queue_postfix_options *options, char *why,
    size_t why_size) SMX_MUST_USE;
SMX_API void smx_queue_close(struct smx_queue *queue);

#ifdef __cplusplus
}
#endif
#endif
