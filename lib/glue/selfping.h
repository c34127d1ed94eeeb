/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_SELFPING_H
#define GLUE_SELFPING_H

#include <stddef.h>
#include <sys/socket.h>

#include <shadowmx/err.h>

/*
 * A connection to our own listening socket that is closed at once.
 *
 * libmilter built with its worker pool (Debian's is) can leave sessions that
 * have a command ready without a thread while others are blocked in an end of
 * message; a new connection makes it start one more thread, which then takes
 * such a session.
 *
 * So: one knock on entering an end of message, as the next one may be waiting
 * already, and one for each session that could be stuck when this one turns out
 * to be slow.  Without the first, the pool lets two or three messages at a time
 * wait for their holders; without the others, a burst that meets slow holders
 * is answered in rows.
 */
struct selfping {
	struct sockaddr_storage address;
	socklen_t len; /* 0: nowhere to knock */
};

/* libmilter's forms: "unix:/path", "local:/path", "/path", "inet:port@host",
 * "inet6:port@host"; SMX_EINVAL for any other. */
int selfping_parse(struct selfping *out, const char *where) SMX_MUST_USE;
/* Never blocks for more than some milliseconds.  SMX_OK: somebody listens. */
int selfping_knock(const struct selfping *self);
/* That many times, but not more than makes sense at once; stops at the first
 * that is not heard. */
void selfping_knocks(const struct selfping *self, size_t times);

#endif
