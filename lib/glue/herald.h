/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_HERALD_H
#define GLUE_HERALD_H

#include <stdint.h>

#include <shadowmx/engine.h>

/*
 * On a primary MX: tells the members that are its backup MX who its recipients
 * are, that it is there again and wants its mail, and when it will be down on
 * purpose.  The other side is spoken.h.
 *
 * There is one from the first configuration on that has a primary_for.  It has
 * a thread of its own, which asks one member after the other.
 */
struct herald;

void herald_stop(struct herald *herald);  /* its thread ends */
void herald_free(struct herald **herald); /* accepts NULL inside */

struct herald *node_herald(struct smx_engine *node); /* may be NULL */
void node_herald_open(struct smx_engine *node);

/* Each member that was told; domains: how many of its, refused: how many it
 * does not take our word for.  result: of the request. */
struct herald_told {
	const char *member;
	size_t domains, refused;
	int result;
};
typedef int (*herald_told_fn)(void *ctx, const struct herald_told *told);

/* domain NULL: all of them.  SMX_ENOTFOUND: no primary_for names it.  Non-zero
 * from each stops and is returned. */
int herald_drain(struct herald *herald, const char *domain, herald_told_fn each,
    void *ctx) SMX_MUST_USE;
/* Down on purpose for so long, 0: no more.  Noted durably, and said again to
 * who does not answer now. */
int herald_maintain(struct herald *herald, const char *domain, int64_t for_ms,
    herald_told_fn each, void *ctx) SMX_MUST_USE;
/* How much of it is left; 0: none was announced.  SMX_ENOTFOUND as above. */
int herald_maintained(struct herald *herald, const char *domain,
    int64_t *left_ms) SMX_MUST_USE;
/* The n-th of those that are announced.  SMX_ENOTFOUND: there are no more. */
int herald_announced(struct herald *herald, size_t n,
    char domain[SMX_NAME_MAX + 1], int64_t *left_ms) SMX_MUST_USE;

#endif
