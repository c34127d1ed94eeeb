/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_NETSELECT_H
#define CORE_NETSELECT_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/envelope.h>
#include <shadowmx/store.h>

/*
 * Which of the delivered messages an operator means, and what is said anew of
 * them.  Empty texts let everything through.
 */
struct netselect {
	int64_t since_ms, until_ms; /* of their end, both inclusive */
	char recipient[1001];       /* an address, or "@domain" */
	char sender[1001];          /* an address, "@domain" or "<>" */
	char message_id[1001];      /* with or without angle brackets */
	char primary[SMX_NAME_MAX + 1];
};

/* How much of a message's beginning has to be looked at. */
#define NETSELECT_HEAD 65536

/* It was that host's, or that host had taken it over. */
int netselect_primary(const struct netselect *select, const struct smx_row *row,
    const char *creator);
int netselect_sender(const struct netselect *select, const char *sender);
/* One mark for each recipient, as smx_submission.rcpt_states has them: those
 * that are meant are open.  Returns how many; states has room for all and the
 * NUL. */
size_t netselect_recipients(const struct netselect *select,
    const struct smx_envelope *envelope, char *states);
int netselect_message_id(const struct netselect *select, const char *id);

/* The Message-ID out of a message's beginning, without angle brackets and
 * blanks, "" when there is none; cut at size. */
void netselect_find_id(const char *head, size_t len, char *out, size_t size);

/*
 * Which host is to replay it?  holders: the ranked set, names with a space
 * between.  Non-zero: this one, since no member before it is alive; so it is
 * when nobody knows the set.
 */
typedef int (*netselect_alive_fn)(void *ctx, const char *name, size_t len);
int netselect_is_ours(const char *holders, const char *own,
    netselect_alive_fn alive, void *ctx);

/* The same envelope, but that nobody is to be notified of anything.
 * SMX_ELIMIT: a recipient has no room for the parameter. */
int netselect_quiet(const struct smx_envelope *envelope,
    struct smx_envelope **out) SMX_MUST_USE;

#endif
