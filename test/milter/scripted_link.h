/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_SCRIPTED_LINK_H
#define TEST_SCRIPTED_LINK_H

#include <shadowmx/link.h>

/*
 * A link whose peers are made up: what a peer answers to a shadow follows from
 * the local part of the message's first recipient.
 *
 *	ok         has it at once
 *	wait-N     has it after N milliseconds
 *	refuse, full, gone   refused for good, not now, finished before
 *	unsure     never answers; may have it
 *	lost-N     is lost after N milliseconds, all was sent; may have it
 *	cut-N      is lost after N milliseconds, not all was sent; has it not
 *	down       cannot be reached
 *	second     peer 0 refuses, the others have it at once
 *	both       peer 0 after 100 ms, the others at once
 *
 * A word for peer 0 and one for the others may be joined, as "refuse.ok".
 * Anything else is like ok; "+" and what follows it is ignored.  Every request
 * is answered.  With a folder, each shadow is written there as the file
 * <queue id>.<peer>, envelope text then content, with the holders that it names
 * in <queue id>.<peer>.holders, and each ABORT, DISCARD and AMEND as a line of
 * the file requests.
 */
int scripted_link_open(struct smx_link *out, const char *folder);
void scripted_link_close(struct smx_link *link);

#endif
