/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_SESSION_H
#define GLUE_SESSION_H

#include <shadowmx/engine.h>

#include "glue/message.h"

/*
 * One milter connection, and what milter.c needs beyond <shadowmx/engine.h>.
 * A session that waits for its next message keeps its envelope's client fields
 * and nothing of size.
 */

/* Non-zero: the client will not hear of single recipients, so that none can be
 * sent to another message. */
void session_whole(struct smx_session *session, int whole);
/* Whether the client came through TLS; before smx_session_mail. */
void session_secure(struct smx_session *session, int secure);
/* Non-zero: the caller can strike recipients out of a message and discard it,
 * as the resend guard wants it. */
void session_guard(struct smx_session *session, int able);
/* Non-zero: the caller answers for single recipients of domains that this host
 * is the backup MX of (asks), and can put a message on hold (holds). */
void session_backup(struct smx_session *session, int asks, int holds);
/* What a recipient calls that waits for its next hop, as for smx_session_end;
 * NULL: nothing. */
void session_waiting(struct smx_session *session, smx_waiting_fn waiting,
    void *ctx);
/* After smx_session_rcpt has said SMX_EREFUSED or SMX_ETEMP, as it does only
 * for a caller that can strike recipients out or answers for a backup: the
 * next hop's words. */
void session_reply(const struct smx_session *session,
    struct smx_verdict *verdict);
/* After smx_session_end has accepted: recipients to be struck out, as they were
 * given; lent until the next message. */
size_t session_struck(const struct smx_session *session,
    char *const **recipients);
/* As smx_session_header, for an MTA that took the leading space away. */
int session_header(struct smx_session *session,
    const struct message_field *field) SMX_MUST_USE;
/* At DATA: non-zero when no recipient asks for a shadow.  The message is then
 * acknowledged (and logged) as far as this side is concerned. */
int session_unasked(struct smx_session *session);

#endif
