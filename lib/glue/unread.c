/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/unread.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

void
unread_init(struct unread *unread, int listening)
{
	memset(unread, 0, sizeof(*unread));
	unread->len = sizeof(unread->address);
	if (getsockname(listening, (struct sockaddr *)&unread->address,
		&unread->len) != 0 ||
	    unread->len > sizeof(unread->address))
		unread->len = 0;
}

void
unread_free(struct unread *unread)
{
	free(unread->one);
	memset(unread, 0, sizeof(*unread));
}

/* ---- one descriptor ---- */

static in_port_t
port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ((const struct sockaddr_in *)address)->sin_port;
	return ((const struct sockaddr_in6 *)address)->sin6_port;
}

/* Its own end has the listening socket's address, or one of its addresses. */
static int
is_milters(const struct unread *unread, int fd)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	int listens = 0;
	socklen_t size = sizeof(listens);

	memset(&own, 0, sizeof(own));
	if (getsockname(fd, (struct sockaddr *)&own, &len) != 0 ||
	    own.ss_family != unread->address.ss_family)
		return 0;
	if (own.ss_family == AF_UNIX
		? len != unread->len || memcmp(&own, &unread->address, len) != 0
		: port_of(&own) != port_of(&unread->address))
		return 0;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) ==
		   0 &&
	       !listens;
}

/* A transfer that fills the buffer as fast as it is read has as many bytes at
 * each look, but others. */
static uint64_t
mark_of(int fd)
{
	unsigned char first[256];
	ssize_t n = recv(fd, first, sizeof(first), MSG_PEEK | MSG_DONTWAIT);
	uint64_t mark = 14695981039346656037u;

	for (ssize_t i = 0; i < n; i++)
		mark = (mark ^ first[i]) * 1099511628211u;
	return mark;
}

/* Non-zero: it has something to read, be it the end. */
static int
is_ready(int fd, struct unread_one *out)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (poll(&p, 1, 0) != 1 || (p.revents & (POLLIN | POLLHUP)) == 0 ||
	    ioctl(fd, FIONREAD, &out->bytes) != 0 || fstat(fd, &st) != 0)
		return 0;
	out->inode = st.st_ino;
	out->mark = mark_of(fd);
	return 1;
}

/* By a descriptor of our own: the other's number may be somebody else's by now.
 */
static int
cut(int fd, ino_t inode)
{
	int mine = fcntl(fd, F_DUPFD_CLOEXEC, 0), done = 0;
	struct stat st;

	if (mine < 0)
		return 0;
	if (fstat(mine, &st) == 0 && st.st_ino == inode) {
		(void)shutdown(mine, SHUT_RDWR);
		done = 1;
	}
	close(mine);
	return done;
}

/* ---- all of them ---- */

static struct unread_one *
find(struct unread *unread, const struct unread_one *ready)
{
	for (size_t i = 0; i < unread->count; i++)
		if (unread->one[i].inode == ready->inode)
			return &unread->one[i];
	return NULL;
}

static struct unread_one *
add(struct unread *unread, const struct unread_one *ready, int64_t now_ms)
{
	struct unread_one *one;

	if (unread->one == NULL)
		unread->one = calloc(UNREAD_MAX, sizeof(*unread->one));
	if (unread->one == NULL || unread->count == UNREAD_MAX)
		return NULL;
	one = &unread->one[unread->count++];
	*one = *ready;
	one->since_ms = now_ms;
	return one;
}

static int
judge(struct unread *unread, int fd, int64_t now_ms)
{
	struct unread_one ready, *one;

	if (!is_milters(unread, fd) || !is_ready(fd, &ready))
		return 0;
	one = find(unread, &ready);
	if (one == NULL)
		one = add(unread, &ready, now_ms);
	if (one == NULL)
		return 0;
	one->seen = 1;
	if (one->cut) {
		unread->lost++;
		return 0;
	}
	if (one->bytes != ready.bytes || one->mark != ready.mark) {
		one->bytes = ready.bytes;
		one->mark = ready.mark;
		one->since_ms = now_ms;
	}
	unread->waiting += one->since_ms < now_ms;
	if (now_ms - one->since_ms < UNREAD_MS || !cut(fd, one->inode))
		return 0;
	one->cut = 1;
	unread->lost++;
	return 1;
}

static void
forget_others(struct unread *unread)
{
	size_t kept = 0;

	for (size_t i = 0; i < unread->count; i++)
		if (unread->one[i].seen) {
			unread->one[kept] = unread->one[i];
			unread->one[kept++].seen = 0;
		}
	unread->count = kept;
	if (kept == 0) {
		free(unread->one);
		unread->one = NULL;
	}
}

size_t
unread_look(struct unread *unread, int64_t now_ms)
{
	struct dirent *entry;
	size_t done = 0;
	DIR *dir;

	if (unread->len == 0 || now_ms < unread->look_ms)
		return 0;
	unread->look_ms = now_ms + UNREAD_EACH_MS;
	dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return 0; /* no descriptor for it: the next time */
	unread->waiting = unread->lost = 0;
	while ((entry = readdir(dir)) != NULL) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && end != entry->d_name)
			done += (size_t)judge(unread, (int)fd, now_ms);
	}
	closedir(dir);
	forget_others(unread);
	unread->cut += done;
	return done;
}
