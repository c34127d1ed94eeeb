/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_SPOKEN_IN_H
#define GLUE_SPOKEN_IN_H

#include <pthread.h>

#include "base/log.h"
#include "glue/spoken.h"
#include "io/listsum.h"

/* For spoken*.c only. */
#define SPOKEN_TAKINGS 64 /* lists that arrive at a time */

/* A list that arrives. */
struct taking {
	int used;
	int64_t touched_ms; /* the one that rests longest makes room */
	size_t peer;
	char domain[BACKUP_DOMAIN_MAX + 1];
	uint8_t base[SMX_DIGEST_BYTES], digest[SMX_DIGEST_BYTES];
	uint64_t next; /* piece */
	int64_t learned_ms;
	int all; /* it says that the domain takes everybody; and base did: */
	int base_all;
	struct listsum sum;
	size_t added, gone;
};

struct spoken {
	struct backup *backup;
	pthread_mutex_t lock; /* for all that follows; a piece is written under
			       * it, one at a time */
	struct taking taking[SPOKEN_TAKINGS];
	int64_t learned_ms; /* of the last list that began */
};

/* The lock is held.  SMX_EFULL: there is no room for the list. */
int spoken_listed(struct spoken *spoken, size_t peer,
    const struct smx_push *push, struct smx_reply *reply);
int spoken_push(struct spoken *spoken, size_t peer, const struct smx_push *push,
    size_t count, struct smx_reply *reply);

#endif
