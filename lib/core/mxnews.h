/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_MXNEWS_H
#define CORE_MXNEWS_H

#include <stdint.h>

#include "core/mxcheck.h"

/*
 * What is known of one domain's MX records from look to look, and which of the
 * findings are news: each is told once when it has been there for as many looks
 * as it takes, and once when it is over.  A look that cannot tell says neither.
 */
#define MXNEWS_MAX 128 /* findings that are remembered */

struct mxnews_item {
	enum mxcheck_what what;
	char *subject;
	unsigned looks; /* that found it */
	int told;
	int here; /* in the present look */
};

struct mxnews {
	char *hosts;  /* the last set there was; NULL: none yet */
	char *sts_id; /* likewise */
	struct mxnews_item *items;
	size_t count;
	int64_t
	    told_ms; /* wall clock: the first of what is told now, 0: none */
	int changed; /* since it was last written down */
};

void mxnews_init(struct mxnews *news);
void mxnews_free(struct mxnews *news);

/* What an earlier process has written down; told as mxnews_told() gives it.
 * Words that are not known are left out.  SMX_ENOMEM. */
int mxnews_load(struct mxnews *news, const char *hosts, const char *sts_id,
    const char *told, int64_t told_ms) SMX_MUST_USE;
/* "lost\nsilent mx2.example.org\n", appended. */
void mxnews_told(const struct mxnews *news, struct buf *out);
int mxnews_is_told(const struct mxnews *news, enum mxcheck_what what,
    const char *subject);

/* text: NULL when it is over. */
typedef void (*mxnews_fn)(void *ctx, enum mxcheck_what what,
    enum mxcheck_level level, const char *subject, const char *text);
/* Another look: what is found goes into out, what is news to tell.
 * SMX_ENOMEM: something was not remembered, so it may be told again. */
int mxnews_look(struct mxnews *news, const struct mxcheck_look *look,
    int64_t now_wall_ms, struct mxcheck_findings *out, mxnews_fn tell,
    void *ctx) SMX_MUST_USE;
/* Something may soon have been there for long enough, or over. */
int mxnews_is_waiting(const struct mxnews *news);

#endif
