/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_CONNS_H
#define GLUE_CONNS_H

#include <stddef.h>

#include <shadowmx/engine.h>

/*
 * The milter connections that are open, and a gate around the callbacks: once
 * shut, no callback reaches a session or the engine any more, whatever the
 * milter library's threads still do.  One per process, as libmilter is.
 */
struct conn {
	struct conn *next, *prev;    /* conns.c only */
	struct smx_session *session; /* NULL: could not be made */
	unsigned long steps;         /* what was negotiated */
	int untold;                  /* error of a step without an answer */
	int strikes; /* recipients may be struck out of a message */
	int holds;   /* a message may be put on hold */
	int waits;   /* for a next hop, at RCPT; counted as an end of message */
};

void conns_start(struct smx_engine *engine);
/* Shut the gate, wait for the callbacks inside, free all connections. */
void conns_stop(void);

/* Go through the gate with a connection (NULL: none yet).  Zero: shut. */
int conns_enter(void);
void conns_leave(void);

/* Inside the gate only. */
struct smx_engine *conns_engine(void);
struct conn *conns_add(void); /* NULL: no memory */
void conns_remove(struct conn *conn);
/* Those in an end of message. */
size_t conns_held(void);
void conns_ending(int begin);

struct conns_sight {
	size_t idle; /* connections open, less those in an end of message */
	int spare;   /* a thread of the milter library that has been in an end
		      * of message is in none now */
};
void conns_look(struct conns_sight *sight);

#endif
