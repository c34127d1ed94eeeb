/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_HUB_WORLD_H
#define TEST_HUB_WORLD_H

#include <shadowmx/shadowmx.h>

/*
 * Four whole engines, a to d, each with a store in memory, that reach each
 * other in this process.  A host that is down, or whose line is cut, is
 * unreachable at once.  What is taken over goes into a queue that shows what it
 * is told.
 */
#define HUB_HOSTS 4
#define HUB_T     1500 /* takeover_after, ms */
#define HUB_BEAT  100  /* ms */
#define HUB_WAIT  20000

enum { HOST_A, HOST_B, HOST_C, HOST_D };

struct hub_count {
	unsigned submitted; /* messages that this host's MTA has taken */
	unsigned held;      /* of these, into hold */
	unsigned amended;
	unsigned asks, claims; /* requests that came from other hosts */
};

void hub_open(void);
void hub_close(void);
/* With the store that it had; new_store: it lost it. */
void hub_up(int host, int new_store);
void hub_down(int host);
/* Neither reaches the other. */
void hub_cut(int host, int other, int cut);
/* It is up, as far as others see, and knows no verb but the oldest. */
void hub_old(int host);
/* What this host's MTA does with what it has taken: keeps it (THERE) or has
 * delivered it (ABSENT, from the start). */
void hub_queue(int host, enum smx_presence presence);
/* Does the MTA take anything? from the start it does. */
void hub_submit(int host, int result);
struct hub_count hub_count(int host);

/* A shadow of primary's, as SHADOW and AMEND would have left it. */
void hub_keep(int host, int primary, uint64_t counter, const char *holders);
void hub_amend(int host, int primary, uint64_t counter, int held);
/* The primary says to this host that it has the message in its queue; what the
 * answer is. */
enum smx_answer hub_return(int host, int primary, uint64_t counter);
/* The primary says DISCARD. */
void hub_discard(int host, int primary, uint64_t counter);
/* SMX_OK or SMX_ENOTFOUND */
int hub_row(int host, uint64_t counter, struct smx_row *row);
size_t hub_rows(int host, unsigned states);
int hub_command(int host, const char *text);
const char *hub_name(int host);

/* Poll for HUB_WAIT. */
int hub_comes_to(int host, uint64_t counter, enum smx_row_state state);
/* But for what its primary has not heard of. */
int hub_comes_to_nothing(int host);
/* A shadow that is held for this owner. */
int hub_comes_to_owner(int host, uint64_t counter, int owner);

#endif
