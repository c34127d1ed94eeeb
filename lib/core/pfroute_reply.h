/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PFROUTE_REPLY_H
#define CORE_PFROUTE_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>
#include <shadowmx/queue.h>

/*
 * Where Postfix would send a recipient: the question to its address resolver
 * (the service "rewrite"), the answer, and what a next hop of Postfix's is in
 * our words.  The protocol is lists of names and values, each ended by NUL, a
 * list by one more; a server says its protocol's name first since 3.6.
 */
#define PFROUTE_ADDRESS   2048 /* internal form, NUL included */
#define PFROUTE_REPLY_MAX 8192 /* of all that the server says */

/* sender and recipient as in MAIL and RCPT.  SMX_ELIMIT: too long. */
#define PFROUTE_QUESTION_MAX (2 * PFROUTE_ADDRESS + 64)
int pfroute_question(const char *sender, const char *recipient,
    char out[PFROUTE_QUESTION_MAX], size_t *len) SMX_MUST_USE;

struct pfroute_reply {
	unsigned flags;
	char transport[64];
	char nexthop[512];
	char recipient[PFROUTE_ADDRESS];
};
/* SMX_ETEMP: there is more to come; SMX_EPROTO: this is no answer. */
int pfroute_reply_parse(struct pfroute_reply *out, const char *data,
    size_t len) SMX_MUST_USE;

/* A service of master.cf that speaks SMTP or LMTP as we could. */
struct pftransport {
	char name[64];
	int lmtp;
	int chroot;
	uint16_t port; /* when a next hop names none */
};
/* The answer for this recipient in our words.  SMX_ENOTFOUND: not something
 * that we could do in the MTA's place; SMX_EIO: it could not tell just now. */
int pfroute_hops(struct smx_queue_route *out, const struct pfroute_reply *reply,
    const struct pftransport *transport, const char *recipient,
    const char *queue_directory) SMX_MUST_USE;

#endif
