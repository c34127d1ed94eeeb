/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFROUTE_H
#define IO_PFROUTE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <shadowmx/queue.h>

#include "core/pfroute_reply.h"

/*
 * Where Postfix would send a recipient, asked of its resolver (private/rewrite,
 * open to the queue's owner), and the services of master.cf that the answer may
 * name.
 */

/* ---- the services (pfroute_table.c) ---- */

#define PFTRANSPORTS_MAX 64

struct pftransports {
	pthread_mutex_t lock;
	char *config_directory;
	int known;
	int64_t retry_ms; /* postconf did not answer: not before then */
	int64_t look_ms;  /* are the files the same? */
	struct {
		ino_t ino;
		off_t size;
		struct timespec changed;
	} file[2]; /* main.cf, master.cf as they were read */
	struct pftransport list[PFTRANSPORTS_MAX];
	size_t count;
};

int pftransports_init(struct pftransports *t,
    const char *config_directory) SMX_MUST_USE;
void pftransports_done(struct pftransports *t);
/* Read main.cf and master.cf by postconf(1) when they are not known or have
 * changed, looked at every two seconds at most.  SMX_ENOTFOUND: no such
 * service, or one that does what we do not (it logs in, or speaks TLS from the
 * first byte); SMX_EIO: postconf did not answer. */
int pftransports_find(struct pftransports *t, const char *name,
    struct pftransport *out) SMX_MUST_USE;

/* ---- one question (pfroute.c) ---- */

/* Waits for nothing: ask for turns when its descriptor is readable, and after
 * pfroute_wait_ms. */
struct pfroute {
	int fd; /* -1: not connected */
	int attempts;
	int64_t until_mono_ms;
	int64_t retry_ms;
	size_t question_len, reply_len;
	char path[108];
	char recipient[PFROUTE_ADDRESS];
	char question[PFROUTE_QUESTION_MAX];
	char reply[PFROUTE_REPLY_MAX];
};

/* SMX_ELIMIT: an address, or the queue's path, is too long. */
int pfroute_start(struct pfroute *r, const char *queue_directory,
    const char *sender, const char *recipient,
    int64_t until_mono_ms) SMX_MUST_USE;
/* SMX_ETEMP: goes on; SMX_OK, SMX_ENOTFOUND, SMX_EIO, SMX_ETIMEOUT: over. */
int pfroute_turn(struct pfroute *r, struct pftransports *transports,
    const char *queue_directory, struct smx_queue_route *out);
int64_t pfroute_wait_ms(const struct pfroute *r);
/* Any time after pfroute_start, also twice. */
void pfroute_end(struct pfroute *r);

/* All of it, for who can wait. */
int pfroute_ask(struct pftransports *transports, const char *queue_directory,
    const char *sender, const char *recipient, struct smx_queue_route *out,
    int64_t until_mono_ms);

#endif
