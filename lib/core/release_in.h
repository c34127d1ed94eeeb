/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_RELEASE_IN_H
#define CORE_RELEASE_IN_H

#include "core/idmap.h"
#include "core/release.h"

/* For core/release*.c only. */
struct domain {
	struct idnode node;
	char *name;
	struct lane *lane;
	struct domain *prev, *next; /* in its lane, by turns */
	struct release_seen seen;   /* host is not to be used */
	int here;                   /* seen in this step */
	int going;
	int64_t state_ms; /* it has been in this state since */
	int64_t flush_until_ms;
	int flush_seen;  /* it had something open since the flush was asked for
			  */
	int64_t back_ms; /* not before: put back, look for ends */
	int64_t ends_ms;
};

/* A primary host, and whom it is the primary of. */
struct lane {
	struct idnode node;
	char *host;
	struct domain *first, *last;
	struct pace pace;
	struct pace_news news; /* of this step */
	size_t going;          /* domains with something to let go */
	size_t left;           /* messages, of this step's share */
	int told_sour;
	size_t turns; /* domains that had none in this step */
};

struct release {
	struct release_conf conf;
	struct idmap by_name, by_host;
	struct domain **domain;
	size_t domains, domains_room;
	struct lane **lane;
	size_t lanes, lanes_room;
	int64_t now_ms, wall_ms;
	int64_t offset_ms; /* of the wall clock */
	int64_t began_ms;  /* the first step */
	int64_t settle_ms; /* no hold ends before */
	int64_t pause_ms;  /* nothing is let go before */
	int64_t tokens;    /* millionths of a message, of all together */
	/* the turns of this step */
	size_t next_domain;
	int asked_ends;
	size_t next_lane, lanes_left;
	struct domain *turn;
	size_t turn_count;
};

/* release_book.c: NULL: none, or no memory. */
struct domain *book_find(const struct release *release, const char *name);
struct domain *book_domain(struct release *release, const char *name);
int book_place(struct release *release, struct domain *domain,
    const char *host) SMX_MUST_USE;
/* Domains that were not seen, and hosts without any. */
void book_tidy(struct release *release);
void book_clear(struct release *release);
/* To the end of its lane. */
void lane_turn(struct domain *domain);

#endif
