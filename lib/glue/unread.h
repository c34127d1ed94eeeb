/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_UNREAD_H
#define GLUE_UNREAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * Connections of the milter's that nobody reads.
 *
 * libmilter hands a connection that has something to say to a thread.  When it
 * cannot have one it writes a line to syslog and never looks at the connection
 * again: the MTA waits for as long as it ever waits, and the descriptor stays
 * open until the process ends.  So the process looks at its own descriptors:
 * one that has had the same bytes to read for UNREAD_MS is shut down, which is
 * a clear answer to the MTA.  Only a new process gets rid of what libmilter
 * keeps of it.
 *
 * For one thread.  A look costs some system calls for each descriptor.
 */
#define UNREAD_EACH_MS 2000
#define UNREAD_MS      10000
#define UNREAD_MAX     4096 /* at a time; others have to wait for their turn */

struct unread_one {
	ino_t inode;
	int bytes;     /* to be read */
	uint64_t mark; /* of the first of them */
	int64_t since_ms;
	int cut;
	int seen; /* in this look */
};

struct unread {
	struct sockaddr_storage address; /* where the MTA connects to */
	socklen_t len;                   /* 0: nothing is looked at */
	int64_t look_ms;
	struct unread_one *one;
	size_t count;

	size_t waiting; /* were unread at the last look and the one before it */
	size_t lost;    /* were cut and are still there */
	uint64_t cut;   /* in all */
};

/* listening: the milter's socket */
void unread_init(struct unread *unread, int listening);
void unread_free(struct unread *unread);
/* Every UNREAD_EACH_MS; now_ms is CLOCK_MONOTONIC.  Returns how many were cut.
 */
size_t unread_look(struct unread *unread, int64_t now_ms);

#endif
