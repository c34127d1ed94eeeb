/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_STORE_H
#define SHADOWMX_STORE_H

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
 * The store keeps shadows: copies of messages that another host, the primary,
 * is answerable for.  It is a port: an engine is given one, and a program may
 * bring its own by filling in struct smx_store.  The library has two, SQLite
 * (durable) and memory (for tests and for trying out).
 *
 * Units:     times are milliseconds since 1970 (_ms), sizes are bytes.
 * Threads:   a store may be used by many threads at a time; a draft by one.
 * Durable:   commit, drop, mark, amend and meta_set return SMX_OK only when
 *            the change would survive a power cut.  SMX_EUNSURE: it may or may
 *            not.
 *            After the first failed sync a durable store answers SMX_EIO to
 *            everything and says so through failed(); the process must end.
 */
#define SMX_NAME_MAX     255
#define SMX_QUEUE_ID_MAX 63
#define SMX_HOLDERS_MAX  1023 /* names of nodes, one space between */

enum smx_row_state {
	SMX_ROW_SHADOW = 1,  /* the primary answers for it */
	SMX_ROW_CLAIMED,     /* this host answers for it; not yet in its MTA */
	SMX_ROW_HANDED,      /* this host's MTA has it; followed to its end */
	SMX_ROW_QUARANTINED, /* needs a person; never deleted by itself */
	SMX_ROW_DONE /* taken over and ended here; without content, until its
		      * primary knows */
};
/* A finished row is gone; its key stays as a tombstone. */

SMX_API const char *smx_row_state_name(enum smx_row_state state);

/* What a recipient of a taken-over message has come to; one char each. */
#define SMX_RCPT_OPEN    'o' /* still to be handed to the own MTA */
#define SMX_RCPT_HANDED  'h' /* the own MTA has it */
#define SMX_RCPT_REFUSED 'r' /* the own MTA refused it for good */

struct smx_row {
	struct smx_key key;
	char primary[SMX_NAME_MAX + 1];      /* peer name that created it */
	char queue_id[SMX_QUEUE_ID_MAX + 1]; /* at the primary, "" unknown */
	struct smx_epoch epoch;              /* the primary's, at that time */
	enum smx_row_state state;
	uint64_t size;                    /* content bytes */
	uint8_t digest[SMX_DIGEST_BYTES]; /* SHA-256 of the content */
	size_t recipients;
	int64_t stored_ms;   /* wall clock, when committed */
	int64_t state_ms;    /* when the state was entered */
	int64_t next_try_ms; /* claimed: not before; shadow: when it was given
			      * back to its primary, 0 never taken over */
	uint32_t attempts;   /* resubmissions begun */
	char handed_id[SMX_QUEUE_ID_MAX + 1]; /* this host's queue id */
	char reason[256];                     /* last refusal, for people */
	/* From SHADOW and AMEND; state SHADOW only changes them. */
	char holders[SMX_HOLDERS_MAX + 1]; /* ranked, "" unknown */
	uint64_t version;                  /* of the last amendment, 0 none */
	int held;    /* on hold at the primary: resubmitted into hold */
	int amended; /* the envelope is what the primary's MTA committed */
	int yielded; /* primary took it over from whom it came from: key and
		      * queue_id are that one's */
	int unsound; /* the store's word, never stored: it is damaged, or not
		      * yet verified since a failure.  Its primary is not told
		      * that it is held */
};

/* Which members of smx_row a mark() changes. */
struct smx_row_change {
	enum smx_row_state from; /* SMX_ESTATE when the row is in another */
	enum smx_row_state to;
	int64_t now_ms;
	int64_t next_try_ms;
	uint32_t attempts;
	const char *handed_id;   /* NULL: unchanged */
	const char *rcpt_states; /* NULL: unchanged; else one char each */
	const char *reason;      /* NULL: unchanged; cut at 255 bytes */
};

/* One of many marks. */
struct smx_row_mark {
	struct smx_key key;
	struct smx_row_change change;
	int result; /* as mark() gives it; the callee's */
};

struct smx_store_filter {
	const char *primary;         /* NULL: all */
	unsigned states;             /* bits 1u << state; 0: all */
	int64_t due_ms;              /* > 0: only next_try_ms <= due_ms */
	const struct smx_key *after; /* page start, exclusive; NULL: first */
	size_t limit;                /* rows at most; 0: no limit */
};

struct smx_store_stats {
	uint64_t rows[SMX_ROW_DONE + 1]; /* by state */
	uint64_t bytes;                  /* content kept */
	uint64_t quota_bytes;            /* 0: none */
	int64_t oldest_ms;  /* stored_ms of the oldest row that is not done,
			     * 0 if none */
	uint64_t commits;   /* group commits since open */
	uint64_t committed; /* shadows stored since open */
	uint64_t damaged;   /* rows, and tables, known to be */
	int suspect;        /* a sync failed before the start: being verified */
	/* The safety net, see smx_store_options. */
	int net_on;
	uint64_t net_slices, net_messages, net_bytes;
	int64_t net_oldest_ms; /* of the oldest slice, 0 none */
	uint64_t net_waiting;  /* ended, and not yet in a slice */
	uint64_t net_missed;   /* for want of room or time, since open */
};

/* A delivered message that the safety net still has. */
struct smx_kept {
	struct smx_row row;             /* as it was when it ended */
	char creator[SMX_NAME_MAX + 1]; /* whose key it is: another one than
					 * row.primary when that one had taken
					 * it over */
	int64_t ended_ms;     /* wall clock, when its end was heard of here */
	const char *envelope; /* as its client gave it, unless row.amended; */
	size_t envelope_len;  /* text form */
	struct smx_content content; /* of no worth before check */
	/* SMX_OK: all of it is what was written; SMX_ECORRUPT.  May be called
	 * inside of the callback only. */
	int (*check)(struct smx_kept *kept);
};

/* Non-zero stops, with that value.  All is lent; the store may be called. */
typedef int (*smx_kept_fn)(void *ctx, struct smx_kept *kept);

struct smx_shadow_head {
	struct smx_key key;
	const char *primary;
	const char *queue_id;
	struct smx_epoch epoch;
	const char *envelope; /* text form, see smx_envelope_encode */
	size_t envelope_len;
	size_t recipients;
	uint64_t size;         /* content bytes that will be written */
	const uint8_t *digest; /* SMX_DIGEST_BYTES announced, NULL: none */
	int64_t now_ms;
	const char *holders; /* NULL: "" */
	int amended;         /* as in struct smx_row */
	int held;
};

/* A change to a row in state SHADOW; NULL members leave theirs. */
struct smx_row_amendment {
	struct smx_key key;
	uint64_t version; /* 0: none (a claim); else above the row's, or
			   * nothing is changed and it is no error */
	const char *holders;
	const char *envelope; /* whole text form; sets amended */
	size_t envelope_len;
	size_t recipients;
	int held;            /* 1, 0, -1 unchanged */
	const char *primary; /* the peer that answers for it from now on (sets
			      * yielded; versions begin anew), "" the one that
			      * it came from, */
	struct smx_epoch epoch; /* and its epoch; with primary only */
};

struct smx_draft; /* owned by the store that made it */

/* Return 0 to go on, anything else to stop the scan with that value.
 * The row is lent; the store must not be called from inside. */
typedef int (*smx_row_fn)(void *ctx, const struct smx_row *row);

struct smx_store_ops {
	/* Start a copy.  SMX_EFULL (quota, disk), SMX_EGONE (tombstone),
	 * SMX_EEXIST and SMX_ECONFLICT may be told here already or at commit.
	 */
	int (*begin)(void *ctx, const struct smx_shadow_head *head,
	    struct smx_draft **draft);
	int (*write)(void *ctx, struct smx_draft *draft, const void *data,
	    size_t len);
	/*
	 * Make it durable; waits for the group commit.  *draft is NULL
	 * afterwards in every case.
	 *   SMX_OK         durable: the primary may be told
	 *   SMX_EEXIST     the same key of the same primary with the same
	 *                  digest is durable already: tell the same
	 *   SMX_ECONFLICT  the key exists with another digest or primary
	 *   SMX_EGONE      the key was dropped before, or is DONE: never stored
	 *                  again
	 *   SMX_EFULL SMX_EIO  not stored;  SMX_ECORRUPT  digest or size differ
	 *                  from the head's
	 *   SMX_EUNSURE    nobody knows: do not tell the primary OK
	 */
	int (*commit)(void *ctx, struct smx_draft **draft);
	void (*abort)(void *ctx, struct smx_draft **draft);

	/*
	 * Finish keys, in any state: rows go, tombstones stay, also for keys
	 * never seen (their shadow may still arrive).  Only keys
	 * whose row belongs to primary, or that have no row, are touched;
	 * foreign ones are counted in *foreign.  primary NULL: this host's
	 * own decision, all are touched.  Works on a full disk and quota.
	 */
	int (*drop)(void *ctx, const char *primary, const struct smx_key *keys,
	    size_t count, size_t *foreign);
	/*
	 * To DONE goes only what is HANDED, and nothing leaves it but by drop;
	 * its content goes with the same durable step and counts for no quota
	 * any more, its envelope and recipients' marks stay.
	 */
	int (*mark)(void *ctx, const struct smx_key *key,
	    const struct smx_row_change *change);
	/* Many marks, of different keys, that wait together instead of one
	 * after the other; each has its own result and is durable by itself.
	 * May be NULL: they are then made one by one. */
	void (*marks)(void *ctx, struct smx_row_mark *list, size_t count);
	/*
	 * Apply amendments, all in one durable step.  Rows of another primary
	 * are left alone and counted in *foreign; keys without a row, and rows
	 * not in state SHADOW, are left alone.  Bytes and quota follow.
	 * primary NULL: this host's own decision, all are touched.
	 * SMX_EFULL: some that make an envelope larger had no room and are as
	 * before; the others are durable.  At most 1000 at a time.
	 */
	int (*amend)(void *ctx, const char *primary,
	    const struct smx_row_amendment *list, size_t count,
	    size_t *foreign);

	/* Rows in key order. */
	int (*scan)(void *ctx, const struct smx_store_filter *filter,
	    smx_row_fn each, void *each_ctx);
	int (*get)(void *ctx, const struct smx_key *key, struct smx_row *row);
	/* malloc'ed copies, each freed by the caller; rcpt_states may be NULL
	 */
	int (*envelope)(void *ctx, const struct smx_key *key, char **text,
	    size_t *len, char **rcpt_states);
	/* Content, checked against its digest before SMX_OK; of a DONE row
	 * SMX_ENOTFOUND. */
	int (*open)(void *ctx, const struct smx_key *key,
	    struct smx_content *content);
	void (*close_content)(void *ctx, struct smx_content *content);

	/* Small durable values by name (the store's epoch, a role's memory).
	 * get: SMX_ENOTFOUND, or SMX_ELIMIT when size is too small. */
	int (*meta_get)(void *ctx, const char *name, char *value, size_t size);
	int (*meta_set)(void *ctx, const char *name, const char *value);

	int (*stats)(void *ctx, struct smx_store_stats *stats);
	/* Non-zero once a sync has failed. */
	int (*failed)(void *ctx);
	void (*close)(void *ctx);

	/*
	 * As drop, for what has been delivered: a safety net may keep it.  It
	 * is gone all the same: never scanned, found or claimed again, and
	 * counted by net_* alone.  May be NULL: drop.
	 */
	int (*finish)(void *ctx, const char *primary,
	    const struct smx_key *keys, size_t count, size_t *foreign);
	/* What the net has of messages that ended in this time, roughly in the
	 * order of their end; one may come twice.  What ended before the call
	 * is there, if it was kept.  May be NULL; SMX_ESTATE: no net. */
	int (*kept)(void *ctx, int64_t since_ms, int64_t until_ms,
	    smx_kept_fn each, void *each_ctx);
};

struct smx_store {
	void *ctx;
	const struct smx_store_ops *ops;
};

struct smx_store_options {
	const char *path;          /* folder, made 0700 if missing */
	uint64_t quota_bytes;      /* all peers together, 0: none */
	uint64_t peer_quota_bytes; /* each peer, 0: none */
	uint64_t body_file_bytes;  /* larger content in its own file */
	int64_t tombstone_ms;      /* how long finished keys are remembered */
	/* The safety net: delivered messages (finish) are kept for so long, 0:
	 * there is none; at most so many bytes; dropped a slice at a time. */
	int64_t net_keep_ms;
	int64_t net_slice_ms;
	uint64_t net_bytes;
};

/* SMX_EBUSY when another process has it open; why (may be NULL) gets a
 * sentence for people. */
SMX_API int smx_store_open_sqlite(struct smx_store *out,
    const struct smx_store_options *options, char *why,
    size_t why_size) SMX_MUST_USE;
SMX_API int smx_store_open_memory(struct smx_store *out,
    const struct smx_store_options *options) SMX_MUST_USE;
/* Closes and clears; accepts a cleared one. */
SMX_API void smx_store_close(struct smx_store *store);

#ifdef __cplusplus
}
#endif
#endif
