/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RELEASE_WORLD_H
#define RELEASE_WORLD_H

#include "core/release.h"

/*
 * An MTA with mail on hold, primary MX hosts that come and go, somebody who
 * probes them, and the releaser, all on a hand-wound clock.
 */
#define MAILS_MAX   20000
#define DOMAINS_MAX 200
#define HOSTS_MAX   4

enum place { ON_HOLD = 1, IN_QUEUE, TAKEN, GIVEN_BACK };

struct mail {
	size_t domain;
	enum place place;
	int64_t taken_ms; /* wall */
	int64_t try_ms;   /* the MTA tries it then */
	uint64_t order;   /* of the last release */
	int stubborn;     /* its recipient's mailbox is full */
	int anew;         /* was requeued */
	int put_off;      /* since it was let go */
	int times;        /* taken by the primary */
	struct release_hold hold;
	int warnings;
};

struct host {
	int up;
	int probed;  /* what the probes say; MX_UP or MX_DOWN */
	int rate;    /* messages a second that it takes */
	int refuses; /* everything, for good */
	int left_10; /* that it takes in this step, tenths */
	int64_t since_ms;
	size_t in_queue, in_queue_most;
	int over; /* more in the queue than the window allowed */
};

struct world {
	struct release *release;
	struct smx_backup policy;
	int64_t now_ms, wall_ms;
	size_t mails, domains, hosts;
	struct mail mail[MAILS_MAX];
	struct release_flow flow[DOMAINS_MAX];
	size_t host_of[DOMAINS_MAX];
	int unwatched[DOMAINS_MAX];
	struct host host[HOSTS_MAX];
	uint64_t orders;
	size_t gave, backs, sour;
	size_t gave_to[DOMAINS_MAX];
	int broken; /* the helper does nothing */
};

void world_make(struct world *w, size_t hosts, size_t domains, size_t mails);
void world_free(struct world *w);
void world_domain(char out[32], size_t domain);
void world_host(struct world *w, size_t host, int up);
/* Probes are a minute late; with this they are not. */
void world_probe(struct world *w);
void world_step(struct world *w);
void world_run(struct world *w, int64_t ms);
size_t world_count(const struct world *w, enum place place);

#endif
