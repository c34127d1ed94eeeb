/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_MXHEALTH_IN_H
#define CORE_MXHEALTH_IN_H

#include "core/idmap.h"
#include "core/mxhealth.h"

/* For mxhealth*.c only. */
struct mxhost {
	struct idnode node;
	char name[NEXTHOP_TEXT];
	enum mx_state state;
	int64_t since_ms;     /* wall clock */
	int64_t since_now_ms; /* -1: before this process */
	int64_t seen_ms;      /* wall clock of the last result, 0 none */
	int64_t seen_now_ms;
	char why[MXHEALTH_WHY];
	unsigned good, bad; /* results in a row */
	unsigned busy;      /* likewise, since the last good one */
	unsigned results;   /* since it is watched */
	size_t domains;
	struct ip address[MXHEALTH_ADDRESSES]; /* as of its last probe */
	size_t addresses;
	int64_t due_ms;
	int probing;
	int own;     /* this host */
	int changed; /* and not told yet: */
	struct mxchange change;
};

struct mxdomain {
	struct idnode node;
	size_t place; /* in the list */
	struct mxhost *host[MXHEALTH_OF_ONE];
	size_t count;
	enum mx_state state;
	int64_t since_ms;
	const struct mxhost *shown; /* NULL: it has none */
	char why[MXHEALTH_WHY];
	char name[];
};

struct mxpause {
	struct idnode node;
	int64_t from_ms, until_ms; /* wall clock */
	int64_t end_ms;            /* by the other one */
	char name[256];
};

struct mxhealth {
	struct mxhealth_options options;
	uint64_t random;
	struct idmap by_host, by_domain, by_pause;
	struct mxhost **host;
	size_t hosts, host_room;
	struct mxdomain **domain;
	size_t domains, domain_room;
	struct mxpause **pause;
	size_t pauses, pause_room;
};

struct mxhost *mxhealth_find(const struct mxhealth *health, const char *name);
/* It, or a new one that is not probed yet; NULL: *rc says why. */
struct mxhost *mxhealth_get(struct mxhealth *health, const char *name,
    const struct mxtime *at, int *rc);
/* A domain more, or less, names it. */
void mxhealth_use(struct mxhealth *health, struct mxhost *host,
    const struct mxtime *at);
void mxhealth_unuse(struct mxhost *host);
struct mxdomain *mxhealth_domain_find(const struct mxhealth *health,
    const char *domain);
/* The host is in another state now: so may its domains be. */
void mxhealth_follow(struct mxhealth *health, const struct mxhost *host,
    const struct mxtime *at, struct mxchange *change);
const struct mxpause *mxhealth_pause_find(const struct mxhealth *health,
    const char *domain, int64_t now_ms);
/* Room for one more in a list of pointers. */
int mxhealth_room(void ***list, size_t count, size_t *room,
    size_t max) SMX_MUST_USE;

#endif
