/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_SELFPING_H
#define GLUE_SELFPING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
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
 * So: a knock when an end of message takes some milliseconds, as the next one
 * may be waiting already, but a single one for all that are under way then;
 * and one for each session that could be stuck when it turns out to be slow.
 * Without the first, the pool lets two or three messages at a time wait for
 * their holders; without the others, a burst that meets slow holders is
 * answered in rows.  A knock costs a dozen system calls and often a thread, so
 * the end of message that is over at once goes without.
 *
 * No session is stuck while a thread of the pool is spare: before it rests it
 * takes what is ready, and whatever becomes ready afterwards wakes it.  So
 * nobody knocks then, unless it has taken long: that thread may be kept by half
 * a command.
 */
struct selfping {
	struct sockaddr_storage address;
	socklen_t len;        /* 0: nowhere to knock */
	atomic_llong last_ms; /* CLOCK_MONOTONIC, of a knock for all */
};

/* libmilter's forms: "unix:/path", "local:/path", "/path", "inet:port@host",
 * "inet6:port@host"; SMX_EINVAL for any other. */
int selfping_parse(struct selfping *out, const char *where) SMX_MUST_USE;
/* Never blocks for more than some milliseconds.  SMX_OK: somebody listens. */
int selfping_knock(const struct selfping *self);
/* What is due when an end of message has waited so long and so many sessions
 * could be stuck; spare: a thread of the pool has nothing to do.  For threads
 * that share self. */
void selfping_help(struct selfping *self, size_t stuck, int spare,
    int64_t waited_ms);
/* Non-zero: selfping_help does nothing, in the whole process, until it is
 * called with zero.  Without a thread to be had a knock takes from libmilter
 * instead of helping it. */
void selfping_rest(int on);

#endif
