/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SMTP_SCRIPT_H
#define SMTP_SCRIPT_H

#include <pthread.h>
#include <stddef.h>

/*
 * An SMTP server in a thread that does what a script says: for one connection
 * after the other, at each step an answer or some misbehaviour, and it writes
 * down what it got.
 */
enum script_step {
	STEP_GREETING,
	STEP_EHLO,
	STEP_XFORWARD,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_DOT,
	STEPS
};

enum script_act {
	ACT_ANSWER = 0,
	ACT_CLOSE,
	ACT_SILENT, /* no answer until the other side goes */
	ACT_DRIP,   /* a byte now and then, never a line end */
	ACT_FLOOD,  /* continuation lines without end */
	ACT_LONG,   /* a line without end */
	ACT_NOISE,  /* bytes that are no reply */
	ACTS
};

struct script {
	enum script_act act[STEPS];
	const char *text[STEPS]; /* NULL: the friendly answer */
	const char *deaf;        /* not NULL: stop reading after DATA */
	int unix_socket;
	int serves;      /* connections, 0: one */
	int after;       /* not 0: act and text are for the first connection
			  * only, after that many messages */
	int leave_after; /* not 0: the first connection is closed then */

	/* what came */
	char *commands; /* lines, LF ended */
	size_t commands_len;
	char *raw; /* between DATA's 354 and the end of data, that included */
	size_t raw_len;
	int connections;
	int messages;

	/* private */
	pthread_t thread;
	int listener;
	int fd;
	char in[4096];
	size_t in_at, in_len;
	char folder[64];
	char target[128];
};

/* A RCPT whose line holds "4xx" or "5xx" is answered so. */
void script_start(struct script *script);
/* Ends the thread; what came can be read until script_free. */
void script_stop(struct script *script);
void script_free(struct script *script);

#endif
