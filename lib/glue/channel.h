/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_CHANNEL_H
#define GLUE_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * Between supervisor and worker: one word and its text per packet of a
 * SOCK_SEQPACKET pair.
 *
 *	to the worker			from the worker
 *	stop LEAVING_MS DRAIN_MS	ready
 *	reload				reloaded RESULT TEXT
 *	outcome RESULT TEXT		ask-reload
 *					alive
 *
 * "ask-reload" is an operator's wish that came in through the control socket;
 * its answer is "outcome".  RESULT is a word of smx_errname().
 */
#define CHANNEL_MAX 1024

struct channel_packet {
	char word[16];
	int result;    /* reloaded, outcome */
	int64_t ms[2]; /* stop */
	char text[CHANNEL_MAX];
};

/* Never waits; a full pair is SMX_ETEMP, an ended one SMX_ECLOSED. */
int channel_send(int fd, const char *word);
int channel_send_result(int fd, const char *word, int result, const char *text);
int channel_send_stop(int fd, int64_t leaving_ms, int64_t drain_ms);
/* Never waits: SMX_ETEMP when there is no packet.  SMX_EPROTO: the packet
 * means nothing. */
int channel_receive(int fd, struct channel_packet *packet) SMX_MUST_USE;

/* The code whose smx_errname() this is; SMX_EPROTO for a strange word. */
int channel_result(const char *name);

#endif
