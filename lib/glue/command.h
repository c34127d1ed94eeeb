/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_COMMAND_H
#define GLUE_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/engine.h>

#include "base/buf.h"
#include "core/backup.h"
#include "core/engine.h"

/* One operator's command being carried out; command*.c only. */
#define COMMAND_WORDS 72
#define COMMAND_BYTES 4096
#define COMMAND_YES   "--yes" /* no name and no id looks like this */

struct command {
	struct smx_engine *node;
	int64_t uid; /* who asks, -1 unknown */
	const char *word[COMMAND_WORDS];
	size_t words;
	int yes; /* COMMAND_YES was among the words; it is taken out */
	smx_line_fn line;
	void *line_ctx;
	char *why;
	size_t why_size;
};

/* smx_engine_command() on behalf of this user id. */
int command_run(struct smx_engine *node, int64_t uid, const char *text,
    smx_line_fn line, void *line_ctx, char *why, size_t why_size);

/* Send what is in b as one line and clear b. */
int command_line(struct command *command, struct buf *b);
/* Leave a sentence and return rc. */
int command_fail(struct command *command, int rc, const char *text,
    const char *word);

/* What a person should look at, for command_status.c. */
enum command_look {
	LOOK_PEER = 1u,      /* quiet, or strange */
	LOOK_PEER_DOWN = 2u, /* silent */
	LOOK_PEER_MTA = 4u,  /* its MTA is down */
	LOOK_PEER_DRAINED = 8u,
	LOOK_PEER_ISOLATED = 16u, /* its lease is over */
	LOOK_PRIMARY_MX = 32u     /* one is down that was not announced */
};
/* The members that tell how a peer is; sole as engine_sole() has it.  Returns
 * enum command_look bits. */
unsigned command_peer(struct smx_engine *node, size_t peer, uint64_t sole,
    struct buf *b);
/* malloc'ed, one for each peer; NULL: no memory. */
uint64_t *command_sole(struct smx_engine *node);

int command_status(struct command *command); /* command_status.c */
/* The backup MX in it; enum command_look bits.  command_backup_status.c */
unsigned command_backup_status(struct smx_engine *node, struct buf *b);
int command_queue_list(struct command *command); /* command_queue.c */
int command_queue_show(struct command *command);
int command_queue_cat(struct command *command);
int command_queue_order(struct command *command); /* command_order.c */
int command_peer_drain(struct command *command);  /* command_drain.c */
int command_drain(struct command *command);
int command_fence(struct command *command); /* command_fence.c */
void command_fence_members(struct buf *b,
    const struct engine_fence_counts *counts);
int command_leave(struct command *command);   /* command_leave.c */
int command_nexthop(struct command *command); /* command_nexthop.c */
int command_mx(struct command *command);      /* command_mx.c */
int command_replay(struct command *command);  /* command_replay.c */

int command_backup_list(struct command *command); /* command_backup_list.c */
/* command_backup_books.c */
int command_backup_show(struct command *command);
int command_backup_report(struct command *command);
struct books_sums;
void command_books_sums(struct buf *b, const struct books_sums *sums);
int command_backup_move(struct command *command); /* command_backup_move.c */
int command_backup_flush(struct command *command);
int command_maintenance(struct command *command); /* command_maintenance.c */
/* command_herald.c: of a primary MX, to the members that are its backup MX. */
int command_backup_drain(struct command *command);
/* SMX_ENOTFOUND: no primary_for names the domain. */
int command_herald_maintain(struct command *command, const char *domain,
    int64_t for_ms);
int command_herald_list(struct command *command);
/* The members of "backup list": how the primary of a domain is, and what is
 * open for it. */
struct backup;
struct primaries_word;
const char *command_primary_state(enum mx_state state);
void command_primary(struct buf *b, const char *domain,
    const struct primaries_word *word, int64_t announced_ms);
void command_backup_members(struct buf *b, struct backup *backup,
    const char *domain, const struct primaries_word *word);
int command_recipient(struct command *command); /* command_recipient.c */

/* command_own.c: own open messages */
int command_own_list(struct command *command);
int command_own_show(struct command *command, const struct smx_key *key);

/*
 * command_find.c: what an operator means by a key or a queue id.  Queue ids are
 * those of the primary, those of this host's MTA for what it was handed, and
 * those of own open messages.
 */
#define FOUND_MAX 16 /* candidates that are told */

struct found {
	struct smx_key key;
	int own; /* else a row, and: */
	enum smx_row_state state;
	char primary[SMX_NAME_MAX + 1];
	char queue_id[SMX_QUEUE_ID_MAX + 1];
	char handed_id[SMX_QUEUE_ID_MAX + 1];
};

struct item {
	const char *word;            /* lent */
	int is_key;                  /* else a queue id */
	struct smx_key key;          /* is_key */
	enum smx_row_state expected; /* of "KEY/STATE", 0 any */
	struct found found[FOUND_MAX];
	size_t count; /* all that were found; the first FOUND_MAX are there */
};

/* SMX_EINVAL: neither a key nor a queue id. */
int item_parse(const char *word, struct item *item);
/* Look all of them up, with one way through the store. */
int items_find(struct command *command, struct item *items, size_t count);
/* One item that must mean one thing: SMX_ENOTFOUND, SMX_ECONFLICT (several;
 * each was sent as a line). */
int command_find_one(struct command *command, struct found *found);
/* The members that name one thing that was found. */
void found_members(struct buf *b, const struct found *found);

#endif
