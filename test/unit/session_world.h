/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_SESSION_WORLD_H
#define TEST_SESSION_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/shadowmx.h>

#include "core/conf.h"
#include "core/engine.h"
#include "glue/backup_books.h"
#include "glue/backup_rcpt.h"

/*
 * Everything around a session, made up: a configuration, a policy that follows
 * from the recipient, an engine that keeps a journal instead of a state, and
 * two peers that do as they are told.  What decides (core/hold.c) and what
 * assembles (glue/message.c, io/spill.c) is real.
 *
 * Policy by local part: "none" no shadow, "accept" accept unprotected, "two"
 * two copies, "both" two copies or none, "later" 451 and after ten minutes of
 * trouble accepted; words may be joined ("two-accept"); anything else one copy
 * or 451; "-hop" delivery first, "-only" nothing but delivery, to one next hop
 * for addresses with "-a@" and another one for all others.  max_delay is
 * world.max_delay_ms.
 */
#define WORLD_PEERS 3
#define NEVER       INT64_MAX

struct world_peer {
	int begin;        /* what shadow() answers */
	int64_t after_ms; /* then, complete after; NEVER */
	int result;
	int heals;     /* the result is SMX_OK when it is asked again */
	char told[64]; /* the holders named in what it was sent last */
};

struct world {
	struct world_peer peer[WORLD_PEERS];
	size_t candidates; /* 2 */
	unsigned forgets;  /* how often the first loses it before the verdict */
	size_t back;       /* peers there when they are asked for again */
	int begin_result;  /* of engine_begin */
	int held_result;   /* of node_held_enter */
	int64_t max_delay_ms;
	struct conf conf; /* of the next node_config() */

	/* "begin shadow:0 sent:0:ok verdict:protected", "passed:4jXKs0" */
	char journal[4096];
	char log[4096]; /* the last line */
	char *envelope; /* of the last shadow */
	char *content;
	size_t content_len;
	char queue_id[64];
	int digest_matches;
	volatile int own; /* the world itself allocates */
	int held;         /* enters less leaves */
	int configs;      /* held configurations */
	int64_t waited_ms[64];
	size_t waited;
	uint64_t awaited;
	size_t give_up_at; /* waiting answers non-zero from this call on */
	struct engine_message registered; /* the last, its strings gone */
	struct engine_ranks ranks;        /* of the last verdict */
	int64_t trouble_ms;               /* what engine_trouble_ms answers */
	int trouble_told;                 /* to engine_trouble, -1 nothing */
	int noted;                        /* written down as unprotected */
	int by_size;                      /* some policy matches by size */
	unsigned resent;         /* bit n: recipient n was taken before */
	unsigned resend_asks;    /* the queue answers after so many */
	size_t resend_noted;     /* recipients of the last attempt noted */
	struct courier *courier; /* NULL: nothing delivers to next hops */
	/* Of a backup MX; NULL: it is none. */
	struct backup *backup;
	const struct smx_backup *policy; /* of recipients in "...backup" */
	int (*backup_rcpt)(const struct backup_ask *ask,
	    struct backup_word *out, struct hop_answer *words);
	int (*books_take)(const struct books_mail *mail);
	int books_full;
	int backup_heard; /* enum hop_class, of the last */
	/* What is split off: submit's result, whom it refuses ("" nobody), the
	 * id that it tells. */
	int submit_result;
	const char *submit_refuses, *submit_id;
	int split_add_result, split_name_result, split_expect_result;
	int erase_result;
};

extern struct world world;

void world_reset(void);
void world_free(void);
struct smx_engine *world_engine(void);

struct smx_session *world_session(void);
/* MAIL from <sender@example.net>, RCPT for each of the words, a queue id. */
void world_envelope(struct smx_session *session, const char *const *rcpts);
/* The whole of a small message to one recipient. */
void world_message(struct smx_session *session, const char *rcpt);
int world_waiting(void *ctx, int64_t waited_ms);
/* smx_session_end with world_waiting. */
void world_end(struct smx_session *session, struct smx_verdict *verdict);

#endif
