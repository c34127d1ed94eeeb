/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SHADOWMX_ENGINE_H
#define SHADOWMX_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/config.h>
#include <shadowmx/err.h>
#include <shadowmx/key.h>
#include <shadowmx/link.h>
#include <shadowmx/queue.h>
#include <shadowmx/store.h>
#include <shadowmx/submit.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The engine: shadowing for one host, made from a configuration and four ports.
 * As a primary it earns the right to acknowledge and follows each message to
 * its end; as a holder it keeps other hosts' shadows and takes over.
 *
 * Attach it to a milter of your own through struct smx_session, one for each
 * milter connection, or use smx_milter_run().
 *
 * Ownership: ports are lent until smx_engine_free returns.
 * Threads:   all functions may be called by many threads at a time, one session
 *            by one thread at a time (consecutive calls may come from different
 *            threads).  The engine starts threads of its own in _start; they
 *            block all signals.
 */
struct smx_engine;
struct smx_session;

struct smx_engine_ports {
	struct smx_store *store;   /* needed */
	struct smx_link *link;     /* needed */
	struct smx_queue *queue;   /* NULL: no evidence; shadows stay with the
				    * holders until an operator ends them */
	struct smx_submit *submit; /* NULL: nothing is ever taken over */
};

SMX_API int smx_engine_new(struct smx_engine **out, struct smx_config *config,
    const struct smx_engine_ports *ports) SMX_MUST_USE;
SMX_API int smx_engine_start(struct smx_engine *engine) SMX_MUST_USE;
/* Tell the peers that this host leaves for leaving_ms (0: says nothing), let
 * held messages finish for at most drain_ms, then end all threads. */
SMX_API void smx_engine_stop(struct smx_engine *engine, int64_t leaving_ms,
    int64_t drain_ms);
/* Accepts NULL inside; stops first when needed. */
SMX_API void smx_engine_free(struct smx_engine **engine);

/* Use another configuration from the next message on.  SMX_ECONFIG with a
 * sentence in why when it changes what only a restart can change; then nothing
 * has changed. */
SMX_API int smx_engine_reload(struct smx_engine *engine,
    struct smx_config *config, char *why, size_t why_size) SMX_MUST_USE;

/*
 * An operator's command, as shadowmxctl sends it ("status", "queue list",
 * "takeover mx1.example.org").  Answers are JSON objects, one a call of line,
 * without line break.  The result is SMX_OK or what went wrong, with a sentence
 * in why.  See shadowmxctl(8) for the commands.
 */
typedef int (*smx_line_fn)(void *ctx, const char *json, size_t len);
SMX_API int smx_engine_command(struct smx_engine *engine, const char *command,
    smx_line_fn line, void *line_ctx, char *why, size_t why_size);

/* ---- one milter connection ---- */

struct smx_session_client {
	const char *name;    /* SMFIC_CONNECT's host name */
	const char *address; /* textual IP address, "" for local */
	unsigned port;       /* 0 unknown */
	const char *daemon;  /* {daemon_name}, "" unknown */
};

SMX_API int smx_session_new(struct smx_session **out, struct smx_engine *engine,
    const struct smx_session_client *client) SMX_MUST_USE;
/* Ends the session; the message in progress, if any, is forgotten. */
SMX_API void smx_session_free(struct smx_session **session);

SMX_API int smx_session_helo(struct smx_session *session, const char *name);
/* Before or at _mail; NULL or "" when not authenticated. */
SMX_API int smx_session_auth(struct smx_session *session, const char *type,
    const char *name);
/* Begin a message; the configuration of this moment holds to its end.
 * SMX_ELIMIT and SMX_EINVAL (over a limit, hostile bytes): refuse the command
 * with a permanent error; SMX_ENOMEM, SMX_EIO: with a temporary one. */
SMX_API int smx_session_mail(struct smx_session *session, const char *sender,
    const char *const *params, size_t count) SMX_MUST_USE;
/* SMX_ELIMIT: the message has as many recipients as it may have; 452 4.5.3, the
 * client sends the rest in another one.  Others as for _mail.
 *
 * "delivered" in a policy is for smx_milter_run alone, which can answer for
 * single recipients, strike them out of a message and discard it.  For any
 * other caller it is as if no next hop had answered: what else the policy says
 * holds.  A backup group, which needs a message that can be put on hold, is for
 * smx_milter_run alone likewise. */
SMX_API int smx_session_rcpt(struct smx_session *session, const char *rcpt,
    const char *const *params, size_t count) SMX_MUST_USE;
/* As soon and as often as the MTA tells it; the last one counts. */
SMX_API int smx_session_queue_id(struct smx_session *session,
    const char *queue_id);
/* value as milter gives it: what stood between ':' and the line end, with any
 * leading space (negotiate SMFIP_HDR_LEADSPC); folds as LF or CRLF. */
SMX_API int smx_session_header(struct smx_session *session, const char *name,
    const char *value) SMX_MUST_USE;
SMX_API int smx_session_end_of_header(struct smx_session *session) SMX_MUST_USE;
SMX_API int smx_session_body(struct smx_session *session, const void *data,
    size_t len) SMX_MUST_USE;
/* Forget the message in progress (ABORT, RSET), keep the connection. */
SMX_API void smx_session_abort(struct smx_session *session);

enum smx_earned {
	SMX_EARNED_NOTHING = 0, /* refused */
	SMX_EARNED_UNASKED,     /* policy asks for no shadow */
	SMX_EARNED_SHADOWED,    /* as many copies as asked */
	SMX_EARNED_SHORT,       /* fewer than asked, one at least */
	SMX_EARNED_UNPROTECTED, /* accepted with one copy only */
	SMX_EARNED_RESENT,      /* a message that the MTA has already, to be
				 * discarded; only from smx_milter_run */
	SMX_EARNED_DELIVERED    /* the next hop has taken it for all recipients:
				 * to be discarded; only from smx_milter_run */
};

struct smx_verdict {
	int accept; /* else refuse with the reply below */
	enum smx_earned earned;
	unsigned copies;   /* accepted: other hosts that have it, */
	unsigned wanted;   /* of so many that the policy asks for */
	char code[4];      /* "451" */
	char enhanced[12]; /* "4.3.0" */
	char text[256];    /* one line */
	struct smx_key key;
	int64_t held_ms; /* how long this call took */
	/* Accepted, and to be put on hold (smfi_quarantine) with this reason:
	 * its primary MX is down.  Only from smx_milter_run. */
	int hold;
	char hold_reason[300];
};

/*
 * End of message: earn the right to say yes.  Blocks for at most the policy's
 * max_delay.  waiting (may be NULL) is called from this thread when the wait
 * has lasted about 5 ms, 20 ms, 100 ms, and then every second, for progress
 * notes; non-zero from it means that the MTA has given up: the message is
 * aborted.  Always fills in *verdict; on any error it is a temporary refusal
 * (4xx).  What _header, _end_of_header and _body could not keep is told here:
 * they need not be answered.
 */
typedef int (*smx_waiting_fn)(void *ctx, int64_t waited_ms);
SMX_API int smx_session_end(struct smx_session *session, smx_waiting_fn waiting,
    void *ctx, struct smx_verdict *verdict);

#ifdef __cplusplus
}
#endif
#endif
