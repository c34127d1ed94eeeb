/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

#include <shadowmx/err.h>

/*
 * Listening sockets.  Addresses are numeric (or "localhost"), so opening one
 * never waits for a name server:
 *
 *	unix:/path  local:/path  /path
 *	inet:port@host  inet6:port@host  inet:port	libmilter's form
 *	host:port  [v6]:port				everything else
 *
 * mode, uid and gid are for unix sockets; (uid_t)-1 and (gid_t)-1 leave the
 * owner as it comes.
 */
struct listen_options {
	const char *address;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/*
 * The descriptor is close-on-exec.  A unix socket that lies there already is
 * removed only when nobody answers on it.  SMX_EBUSY: somebody does, or the
 * port is taken; SMX_EINVAL: not an address.
 */
int listen_open(const struct listen_options *options, int *fd, char *why,
    size_t why_size) SMX_MUST_USE;
/* The path of a unix socket's address, NULL for any other. */
const char *listen_path(const char *address);
/* Non-zero when only this host can reach the address. */
int listen_is_local(const char *address);
/* Remove a unix socket at the end; other addresses: nothing to do. */
void listen_remove(const char *address);

#endif
