/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_TROUBLE_H
#define CORE_TROUBLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Since when messages could not be given the copies that they need at least;
 * kinds of messages are told apart by how many they need, and of whom.
 */
#define TROUBLES_MAX 32

struct trouble {
	uint64_t holders; /* peers that may hold such a message */
	unsigned copies;  /* of them it needs */
	int64_t since_ms;
	int64_t last_ms; /* the last message that failed */
};

struct troubles {
	struct trouble list[TROUBLES_MAX];
	size_t count;
};

/* 0: none. */
int64_t trouble_ms(const struct troubles *troubles, uint64_t holders,
    unsigned copies, int64_t now_ms);
/* Over the ceiling the kind that failed longest ago is forgotten.  Non-zero
 * when it is a new trouble. */
int trouble_begin(struct troubles *troubles, uint64_t holders, unsigned copies,
    int64_t now_ms);
/* Non-zero when there was one. */
int trouble_end(struct troubles *troubles, uint64_t holders, unsigned copies);
/* These peers are sound: troubles that they are enough for end. */
void trouble_recovered(struct troubles *troubles, uint64_t sound);

#endif
