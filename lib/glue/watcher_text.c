/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/watcher_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What goes beside a packet: descriptors, and texts longer than a packet, which
 * go from process to process in files that exist in memory only.
 */

int
wire_text_file(void)
{
	return memfd_create("shadowmx-text", MFD_CLOEXEC);
}

int
wire_text_write(int fd, uint64_t at, const char *text, size_t len)
{
	while (len != 0) {
		ssize_t n = pwrite(fd, text, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return SMX_EIO;
		text += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return SMX_OK;
}

char *
wire_text_read(int fd, uint64_t at, uint64_t len)
{
	struct stat st;
	char *text;
	size_t have = 0;

	/* Not a byte of memory for what is only said to be there. */
	if (len > WATCHER_TEXT_MAX || fstat(fd, &st) != 0 ||
	    (uint64_t)st.st_size < len || (uint64_t)st.st_size - len < at)
		return NULL;
	text = malloc((size_t)len + 1);
	while (text != NULL && have < len) {
		ssize_t n = pread(fd, text + have, (size_t)len - have,
		    (off_t)(at + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(text);
			return NULL;
		}
		have += (size_t)n;
	}
	if (text != NULL)
		text[len] = '\0';
	return text;
}

ssize_t
packet_send(int fd, struct watcher_packet *p)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(p->fd))];
	} control;
	struct iovec data = { p->data, p->len };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (p->fds != 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(p->fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(p->fds * sizeof(int));
		memcpy(CMSG_DATA(c), p->fd, p->fds * sizeof(int));
	}
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* More than there is room for is closed by the kernel; others than these are
 * none of ours and cannot come. */
ssize_t
packet_receive(int fd, struct watcher_packet *p)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(p->fd))];
	} control;
	struct iovec data = { p->data, sizeof(p->data) };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n =
	    recvmsg(fd, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS)
		return n;
	p->fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(p->fd, CMSG_DATA(c), p->fds * sizeof(int));
	return n;
}
