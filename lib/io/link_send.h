/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LINK_SEND_H
#define IO_LINK_SEND_H

#include "io/link_call.h"

#define SEND_RECORD 16384 /* the most that one TLS record holds */

/* Encrypt more of what the exchange says, up to a queue's length, so that one
 * send takes a whole small shadow. */
int send_queue(struct smx_call *call);
/* Nothing is left to encrypt. */
int send_complete(const struct smx_call *call);

#endif
