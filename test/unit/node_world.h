/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_NODE_WORLD_H
#define TEST_NODE_WORLD_H

#include <pthread.h>

#include <shadowmx/shadowmx.h>

/*
 * A whole engine, its threads and locks included, between a queue that shows
 * what it is told and a peer that holds one shadow and counts what it hears.
 */
#define WAIT          10000 /* ms, for what has to come */
#define WORLD_CHANGES 512

extern struct smx_config *world_config;
extern struct smx_store store;
extern struct smx_link here, there;
extern struct smx_engine *engine;

extern pthread_mutex_t lock;

/* all under lock */
extern struct mta {
	struct smx_queue_state state;
	int bare;    /* its port cannot read or open */
	int replace; /* at the next question the queue is another one */
	enum smx_presence presence; /* what every look finds: ABSENT */
	char id[64];                /* asked about last */
	uint64_t token;             /* not yet answered; 0 none */

	struct smx_queue_event hint; /* to be told next; kind 0 none */

	const char *text; /* what a read finds; NULL: nothing */
	int held;
	char read_id[64];
	uint64_t read_token;
	unsigned reads;

	const char *envelope; /* what open finds; NULL: SMX_ENOTFOUND */
	const char *content;
	uint64_t size; /* announced */
	unsigned opens;

	int changing; /* its port can change the queue; before the start */
	int change_result;
	struct {
		enum smx_queue_change what;
		char id[64];
	} changed[WORLD_CHANGES];
	size_t changes;
	unsigned change_calls;
} mta;

extern struct peer {
	struct smx_shadow_announced shadow;
	char queue_id[64];
	char holders[256];
	char envelope[1024];
	char content[4096];
	size_t content_len;
	int stored;
	int refuses;
	size_t discards;
	size_t amends;
	char amended[1024]; /* the last envelope */
	int amended_held;
} peer;

/* Settings behind the pair's; NULL: when_unprotected = "accept". */
void world_prepare(const char *settings);
void world_start(void);
void world_end(void);

/* Poll until it is so, or WAIT has passed. */
int world_comes(int (*so)(void));
int world_command(const char *text, char out[8192]);
/* status has these words now, or within WAIT. */
int world_status(const char *words);
struct smx_session *world_session(const char *id);
/* One message, acknowledged, and the MTA is past it. */
struct smx_key world_acknowledged(const char *id);
/* A shadow that was kept for a host of this name. */
struct smx_key world_kept_for(const char *primary);

#endif
