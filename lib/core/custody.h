/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_CUSTODY_H
#define CORE_CUSTODY_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/queue.h>

#include "core/backup.h"
#include "core/idmap.h"
#include "core/pfid.h"

/*
 * The open messages of a backup MX, and what the evidence of the queue means
 * for them: which are on hold and by whose doing, which are on their way, which
 * are gone and why.  What is to be written down goes out as deeds, in order;
 * doing one twice changes nothing.  doc/STATES.
 *
 * A hint only says when to look.  An answer counts for a message when its token
 * was given out after the message was entered and after the last hint.
 */
enum custody_deed_kind {
	CUSTODY_MOVES = 1, /* it is now in the state `custody` */
	CUSTODY_RENAMES,   /* its queue id is now `id` */
	CUSTODY_ANSWERS,   /* its open recipients of this hash end so */
	CUSTODY_ENDS,      /* it is gone; recipients still open end so */
	CUSTODY_REFUSES    /* its primary says that there is no recipient of
			    * this hash: for who learns, not for the books */
};

struct custody_deed {
	enum custody_deed_kind kind;
	int64_t mail;
	enum custody custody;
	enum custody_end end;
	int rewritten; /* CUSTODY_ANSWERS: under other addresses, which says
			* nothing of this one */
	uint64_t hash;
	char id[PFID_TEXT];
};
typedef void (*custody_fn)(void *ctx, const struct custody_deed *deed);

/* What is counted of one domain. */
struct custody_domain {
	struct idnode by_name;
	uint64_t delivered, returned; /* recipients, since the start */
	uint64_t deferred;            /* messages, each once a release */
	uint64_t ended;               /* messages */
	uint64_t queued;              /* messages on their way */
	uint64_t held, held_bytes;    /* messages on hold, or about to be */
	char name[];
};

struct custody_place {
	int64_t due_ms;
	struct custody_mail *mail;
};

/* Which is due first. */
struct custody_heap {
	struct custody_place *place; /* [1..count] */
	size_t count, size;
	unsigned which; /* of custody_mail.at */
};

enum { CUSTODY_LOOKS, CUSTODY_READS };

struct custody_mail {
	struct idnode by_id, by_mail;
	struct custody_mail *prev, *next;
	struct custody_domain *domain; /* NULL: there are too many */
	int64_t mail;
	uint64_t size;
	uint64_t looked_after; /* only later tokens prove anything */
	uint64_t read_after;
	uint64_t hinted_after;
	size_t at[2]; /* places in the heaps, 0 none */
	uint32_t open;
	uint8_t custody;        /* enum custody */
	uint8_t tries;          /* looks in a row that decided nothing */
	uint8_t absents;        /* in a row */
	uint8_t reads;          /* in a row without a rest */
	unsigned hold : 1;      /* the MTA was told to hold it */
	unsigned by_hand : 1;   /* as a person had it */
	unsigned fresh : 1;     /* taken in this life */
	unsigned committed : 1; /* commit seen, or seen in the queue */
	unsigned requeued : 1;  /* on its way to another id */
	unsigned returned : 1;  /* a notice was made of it */
	unsigned deleted : 1;   /* the log says that a person removed it */
	unsigned outlived : 1;  /* its id belongs to a later one */
	unsigned lost : 1;      /* its queue was replaced */
	unsigned read_out : 1;
	unsigned stirred : 1; /* moved while it was on hold */
	unsigned expects : 1; /* the move that our release makes */
	unsigned put_off : 1; /* a delivery was, since then */
	char id[PFID_TEXT];
	uint8_t *as;     /* beside each hash: what is known of the addresses
			  * that were made of it, CUSTODY_AS_*; NULL nothing */
	uint64_t hash[]; /* of those still open, `open` of them */
};
#define CUSTODY_AS_SENT    1
#define CUSTODY_AS_BOUNCED 2

#define CUSTODY_IDS_MAX     500
#define CUSTODY_DOMAINS_MAX 20000

struct custody_table {
	struct idmap ids, mails, domains;
	struct custody_mail *first;
	struct custody_heap looks, reads;
	uint64_t token;
	size_t max;
	int unfollowed; /* some are not here for want of room */
	int links_known;
	int64_t paced_ms;
	unsigned room; /* reads that may be asked now */
	custody_fn deed;
	void *ctx;
	char given[CUSTODY_IDS_MAX][PFID_TEXT];
};

struct custody_new {
	int64_t mail;
	const char *queue_id;
	const char *domain;
	uint64_t size;
	enum custody custody;
	int hold;
	int by_hand;          /* it goes on hold by a person's doing */
	int fresh;            /* its end of message is in progress */
	int beside;           /* of the same message as the last */
	const uint64_t *open; /* hashes of its open recipients */
	size_t count;
};

const char *custody_word(enum custody custody);
const char *custody_end_word(enum custody_end end);

int custody_init(struct custody_table *table, uint64_t seed, size_t max,
    custody_fn deed, void *ctx) SMX_MUST_USE;
void custody_free(struct custody_table *table);
/* All of them, to be entered anew; what was counted stays. */
void custody_forget(struct custody_table *table);
/* SMX_EFULL, SMX_ENOMEM: it is not followed, see unfollowed; SMX_EINVAL: no
 * queue id. */
int custody_add(struct custody_table *table, const struct custody_new *mail,
    int64_t now_ms) SMX_MUST_USE;
struct custody_mail *custody_find(const struct custody_table *table,
    int64_t mail);
/* NULL: nothing is counted of it. */
const struct custody_domain *custody_domain(const struct custody_table *table,
    const char *name);

void custody_event(struct custody_table *table,
    const struct smx_queue_event *event, int64_t now_ms);
/* Ids to be verified and to be read now; lent until the next call. */
size_t custody_verify_next(struct custody_table *table, int64_t now_ms,
    const char **ids, size_t max, uint64_t *token);
size_t custody_read_next(struct custody_table *table, int64_t now_ms,
    const char **ids, size_t max, uint64_t *token);
/* This host has released it, or put it on hold again; that is no deed of
 * somebody else's.  No deed follows. */
void custody_moved(struct custody_table *table, int64_t mail,
    enum custody custody, int64_t now_ms);
/* This host has given it to somebody else for the recipient of this hash, or
 * (custody_handed_all) for all that are left.  No deed follows. */
void custody_handed(struct custody_table *table, int64_t mail, uint64_t hash);
void custody_handed_all(struct custody_table *table, int64_t mail);
/* This host has sent who is left on their way under another id.  Likewise. */
void custody_became(struct custody_table *table, int64_t mail, const char *id,
    int64_t now_ms);
/* The domain of the message that has this recipient open under this id; NULL:
 * there is none, or it has too many beside it. */
const char *custody_whose(const struct custody_table *table, const char *id,
    uint64_t hash);
/* Another queue, or an older one: what is not in it has not ended. */
void custody_replaced(struct custody_table *table);

/* ---- custody_rcpt.c, for custody.c ---- */

/* Number i is not open any more. */
void custody_close(struct custody_mail *mail, uint32_t i);
/* SENT_AS, BOUNCED_AS and REFUSED. */
void custody_hear(struct custody_table *table,
    const struct smx_queue_event *event);
/* It is gone: those that were rewritten end as their addresses did. */
int custody_rewritten(const struct custody_mail *mail);
void custody_settle(struct custody_table *table, struct custody_mail *mail);

/* ---- custody_table.c, for custody.c ---- */
struct custody_mail *custody_first_id(const struct custody_table *table,
    const char *id);
struct custody_mail *custody_next_id(const struct custody_mail *mail);
void custody_due(struct custody_heap *heap, struct custody_mail *mail,
    int64_t due_ms);
void custody_sooner(struct custody_heap *heap, struct custody_mail *mail,
    int64_t due_ms);
void custody_rest(struct custody_heap *heap, struct custody_mail *mail);
struct custody_mail *custody_earliest(const struct custody_heap *heap,
    int64_t now_ms);
void custody_rename(struct custody_table *table, struct custody_mail *mail,
    const char *id);
void custody_set(struct custody_mail *mail, enum custody custody);
void custody_remove(struct custody_table *table, struct custody_mail *mail);

#endif
