/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LINK_POOL_H
#define IO_LINK_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "io/link_client.h"

/*
 * The connections to one peer: those that rest, those in use up to a ceiling,
 * and the line of calls that wait for one.  A connection that comes free goes
 * to the first in the line, so a peer that is slow for a while costs time, not
 * copies.
 */

/* Requests, which the life of the peer is judged by, have these to themselves.
 */
#define POOL_REQUESTS 4

/*
 * A call for this peer: with a connection that has served (conn.fd >= 0), with
 * the right to open one, or in the line (state CALL_QUEUED; poll call->turn_fd
 * for reading, then pool_turn).  SMX_ENOMEM.
 */
int pool_take(struct client_peer *peer, int request, int64_t now_ms,
    struct smx_call **out);
/* Is it this call's turn?  Then it is no longer in the line. */
int pool_turn(struct smx_call *call);
/* After the exchange, or out of the line: the call is gone. */
void pool_give(struct smx_call *call);
/* Close all that rest. */
void pool_close(struct client_peer *peer);

#endif
