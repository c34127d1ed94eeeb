/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_TCP_H
#define IO_TCP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <shadowmx/err.h>

/* TCP sockets.  None raises SIGPIPE, all are closed on exec. */
#define TCP_AGAIN 1  /* the kernel has nothing, or no room, at the moment */
#define TCP_TEXT  64 /* "[address]:port" */

struct tcp_address {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* "192.0.2.2:8825", "[2001:db8::2]:8825": no names, since asking for one may
 * take longer than any deadline here. */
int tcp_address_parse(struct tcp_address *out, const char *text) SMX_MUST_USE;
void tcp_address_format(const struct tcp_address *address, char out[TCP_TEXT]);

int tcp_listen(int *fd, const struct tcp_address *address) SMX_MUST_USE;
/* SMX_OK with a blocking socket; TCP_AGAIN when none waits; SMX_EIO. */
int tcp_accept(int listening, int *fd, struct tcp_address *from);
/* Begin to connect, without waiting: SMX_OK once tcp_connected says so. */
int tcp_connect(int *fd, const struct tcp_address *to) SMX_MUST_USE;
int tcp_connected(int fd);

/* A blocking socket gives TCP_AGAIN after so long. */
int tcp_timeouts(int fd, int64_t ms);

/* One system call.  wait: may block as tcp_timeouts said.
 * SMX_OK with *done > 0, TCP_AGAIN, SMX_ECLOSED (end, or reset). */
int tcp_send(int fd, const void *data, size_t len, int wait, size_t *done);
int tcp_recv(int fd, void *out, size_t size, int wait, size_t *done);
/* Is a connection that should be silent still open and silent? */
int tcp_silent(int fd);
/* POLLIN, POLLOUT: SMX_OK or SMX_ETIMEOUT. */
int tcp_wait(int fd, short events, int64_t until_mono_ms);

#endif
