/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_MXHEALTH_H
#define CORE_MXHEALTH_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

#include "core/backup.h"
#include "core/ip.h"
#include "core/nexthop.h"

/*
 * Which primary MX hosts are up, which domains therefore are, and who is to be
 * probed next.  A host is probed once, however many domains name it.
 *
 * A host is up after up_after good results in a row, down after down_after bad
 * ones.  What a delivery has seen counts as a result, but for one thing: bad
 * news alone never make a host down, they only bring the next probe on.  Busy
 * is neither: it answers, and takes no mail just now.  But one that is busy for
 * MXHEALTH_BUSY times as many probes as it takes to be down takes none.
 *
 * Decisions and waits go by a clock that never jumps (now_ms); wall_ms is for
 * the record, and for what was recorded before this process began.
 */
#define MXHEALTH_HOSTS   4096 /* more are not watched */
#define MXHEALTH_DOMAINS 50000
#define MXHEALTH_OF_ONE  16 /* hosts of one domain */
#define MXHEALTH_WHY     160
#define MXHEALTH_BUSY    3

/* What `well` may be below. */
enum mx_result { MX_BAD = 0, MX_GOOD, MX_BUSY };

struct mxtime {
	int64_t now_ms;
	int64_t wall_ms;
};

struct mxhealth_options {
	int64_t up_ms;   /* between probes of a host that is up */
	int64_t down_ms; /* of one that is not, or may not be */
	unsigned up_after;
	unsigned down_after;
};

struct mxhealth;
int mxhealth_new(struct mxhealth **out, const struct mxhealth_options *options,
    uint64_t seed) SMX_MUST_USE;
void mxhealth_free(struct mxhealth **health);
void mxhealth_change(struct mxhealth *health,
    const struct mxhealth_options *options);

/* From 0 to below limit, for whoever plans something beside this. */
int64_t mxhealth_dice(struct mxhealth *health, int64_t limit);

/* ---- hosts, by their names as nexthop_format() writes them ---- */

struct mxhost_word {
	const char *name; /* lent until it is forgotten */
	enum mx_state state;
	int64_t since_ms; /* wall clock */
	int64_t seen_ms;  /* likewise: the last result, 0 none */
	char why[MXHEALTH_WHY];
	size_t domains; /* that name it */
	int64_t due_ms; /* of the next probe */
};

/* As an earlier process has written it down: one that was down is down until it
 * shows that it is not; one that was up and has not been seen for some probes
 * is unknown.  SMX_ELIMIT. */
int mxhealth_restore(struct mxhealth *health, const struct mxhost_word *was,
    const struct mxtime *at) SMX_MUST_USE;
int mxhealth_host(const struct mxhealth *health, const char *name,
    struct mxhost_word *out) SMX_MUST_USE; /* SMX_ENOTFOUND */
/* The n-th; SMX_ENOTFOUND: there are not so many. */
int mxhealth_host_at(const struct mxhealth *health, size_t n,
    struct mxhost_word *out) SMX_MUST_USE;

/* ---- probes ---- */

/* A host that is due: its name, lent until mxhealth_probed(), which has to
 * follow.  NULL: none is. */
const char *mxhealth_next(struct mxhealth *health, int64_t now_ms);
/* When the next one is; INT64_MAX: none will be. */
int64_t mxhealth_due(const struct mxhealth *health);
void mxhealth_probed(struct mxhealth *health, const char *name, int well,
    const char *why, const struct mxtime *at);
/* The probe was not made after all. */
void mxhealth_unprobed(struct mxhealth *health, const char *name,
    const struct mxtime *at);
/* It turned out to be this host: it is nobody's primary, and is not probed any
 * more until mxhealth_change(). */
void mxhealth_own(struct mxhealth *health, const char *name,
    const struct mxtime *at);
/* Where it was found; none: what was known stands. */
#define MXHEALTH_ADDRESSES 8
void mxhealth_addresses(struct mxhealth *health, const char *name,
    const struct ip *ips, size_t count);
/* The hosts with this address and port ("25"), one after the other: begin with
 * *n 0; NULL: no more.  Lent. */
const char *mxhealth_next_at(const struct mxhealth *health, const struct ip *ip,
    const char *port, size_t *n);
/* Non-zero: one of the domain's hosts has this address, on whatever port. */
int mxhealth_is_of(const struct mxhealth *health, const char *domain,
    const struct ip *ip);
/* From somebody who had to do with it. */
void mxhealth_heard(struct mxhealth *health, const char *name, int well,
    const char *why, const struct mxtime *at);

/* A host is another than it was, to be told and written down. */
struct mxchange {
	char name[NEXTHOP_TEXT];
	enum mx_state from, to;
	int64_t from_ms;   /* wall clock: since when it was that */
	int64_t at_ms;     /* wall clock: of the change, never before from_ms */
	int64_t lasted_ms; /* by the clock that never jumps, -1: from before
			    * this process */
	char why[MXHEALTH_WHY];
	size_t domains;   /* that are in another state by it */
	size_t announced; /* of those, in a maintenance */
};
/* Non-zero: there was one. */
int mxhealth_changed(struct mxhealth *health, struct mxchange *out);

/* ---- domains ---- */

/* These are its hosts, in their order; none: nobody knows them yet.  Another
 * call changes them.  SMX_ELIMIT: one domain or host too many, it is not
 * watched. */
int mxhealth_watch(struct mxhealth *health, const char *domain,
    const char *const *hosts, size_t count,
    const struct mxtime *at) SMX_MUST_USE;
void mxhealth_unwatch(struct mxhealth *health, const char *domain);

struct mxdomain_word {
	enum mx_state state;
	int announced;    /* a maintenance: down, whatever its hosts are */
	int64_t since_ms; /* wall clock */
	const char *host; /* that is up, or the first; "" none; lent */
	char why[MXHEALTH_WHY];
};
/* SMX_ENOTFOUND: it is not watched. */
int mxhealth_domain(const struct mxhealth *health, const char *domain,
    const struct mxtime *at, struct mxdomain_word *out) SMX_MUST_USE;
/* Names in their order, lent; how many. */
size_t mxhealth_hosts_of(const struct mxhealth *health, const char *domain,
    const char *hosts[MXHEALTH_OF_ONE], enum mx_state states[MXHEALTH_OF_ONE]);
size_t mxhealth_domains(const struct mxhealth *health);

/* ---- maintenance ---- */

/* From then until then by the wall clock; until 0: no more.  It goes by the
 * other clock from now on.  SMX_ELIMIT. */
int mxhealth_maintain(struct mxhealth *health, const char *domain,
    int64_t from_ms, int64_t until_ms, const struct mxtime *at) SMX_MUST_USE;
struct mxmaintenance {
	char domain[256];
	int64_t from_ms, until_ms; /* wall clock */
	int64_t left_ms;
};
/* The n-th that is not over, in no order; SMX_ENOTFOUND. */
int mxhealth_maintenance_at(const struct mxhealth *health, size_t n,
    const struct mxtime *at, struct mxmaintenance *out) SMX_MUST_USE;
int mxhealth_maintenance(const struct mxhealth *health, const char *domain,
    const struct mxtime *at,
    struct mxmaintenance *out) SMX_MUST_USE; /* SMX_ENOTFOUND */
/* One that has come to its end since the last call: non-zero. */
int mxhealth_maintenance_over(struct mxhealth *health, const struct mxtime *at,
    struct mxmaintenance *out);

#endif
