/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_PFADDR_H
#define CORE_PFADDR_H

#include "base/buf.h"

/*
 * From the form in which Postfix keeps addresses in queue files, without quotes
 * and escapes, to the one of SMTP commands.  What cannot be said there is left
 * in: whoever writes the line checks it.
 */

/* <local@domain>, the local part quoted when it must be; "" is <>. */
void pfaddr_put(struct buf *b, const char *bare);
/* RFC 3461 xtext: printable ASCII without '+' and '=' stands for itself. */
void pfaddr_xtext(struct buf *b, const char *text);
/* "ORCPT=type;address"; nothing when text is not "type;address". */
void pfaddr_orcpt(struct buf *b, const char *text);
/* The same for an address that no client named: what Postfix tells a next hop
 * then. */
void pfaddr_orcpt_bare(struct buf *b, const char *bare, int smtputf8);

#endif
