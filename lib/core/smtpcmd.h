/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_SMTPCMD_H
#define CORE_SMTPCMD_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/envelope.h>

#include "base/buf.h"

/*
 * What an SMTP server offers, and the commands that say an envelope again in
 * those terms.  Parameters that the other side does not know are left out;
 * what it must know to carry the message unharmed is told by smtpcmd_needs().
 */
#define SMTP_OFFERS_PIPELINING 0x01u
#define SMTP_OFFERS_8BITMIME   0x02u
#define SMTP_OFFERS_SMTPUTF8   0x04u
#define SMTP_OFFERS_DSN        0x08u
#define SMTP_OFFERS_SIZE       0x10u
#define SMTP_OFFERS_XFORWARD   0x20u
#define SMTP_OFFERS_CHUNKING   0x40u
#define SMTP_OFFERS_STARTTLS   0x80u

struct smtp_offer {
	unsigned bits;     /* SMTP_OFFERS_* */
	unsigned xforward; /* attributes, the private order of smtpcmd.c */
	uint64_t size_max; /* of a message, SIZE's number; 0: none was told */
};

/* Take in the text of one line of the answer to EHLO. */
void smtpcmd_offer(struct smtp_offer *offer, const char *text);

/* The SMTP_OFFERS_* bits without which this message cannot be sent; eight:
 * its content has bytes above 0x7f.  *why names what it is for. */
unsigned smtpcmd_needs(const struct smx_envelope *envelope, int eight,
    const char **why);

/*
 * Add one command, CRLF ended.  SMX_EINVAL when an address cannot be said
 * without being misread; then nothing is added.
 */
int smtpcmd_mail(struct buf *out, const struct smx_envelope *envelope,
    const struct smtp_offer *offer, uint64_t size) SMX_MUST_USE;
int smtpcmd_rcpt(struct buf *out, const struct smx_envelope *envelope,
    size_t index, const struct smtp_offer *offer) SMX_MUST_USE;
/*
 * The client's trail in as many attributes as are offered (Postfix's XFORWARD);
 * trail_id is the queue id at the primary, "" unknown.  In two commands: one
 * with what no server finds fault with, one with name and address, which
 * Postfix refuses as a whole when it does not like their form (an IPv6 address
 * while inet_protocols is ipv4).  Nothing is added when nothing is offered.
 */
enum smtp_xforward { SMTP_XFORWARD_TRAIL, SMTP_XFORWARD_CLIENT };
int smtpcmd_xforward(struct buf *out, const struct smx_envelope *envelope,
    const char *trail_id, const struct smtp_offer *offer,
    enum smtp_xforward part) SMX_MUST_USE;

#endif
