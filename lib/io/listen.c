/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"

#define HOST_MAX 128

static int
failed(int rc, const char *address, const char *what, char *why, size_t size)
{
	snprintf(why, size, "%s: %s: %s", address, what, strerror(errno));
	return rc;
}

const char *
listen_path(const char *address)
{
	if (address[0] == '/')
		return address;
	if (strncmp(address, "unix:", 5) == 0)
		return address + 5;
	if (strncmp(address, "local:", 6) == 0)
		return address + 6;
	return NULL;
}

/* Cut an address of either form into host and port. */
static int
split(const char *address, char *host, char *port, size_t size)
{
	const char *at = address, *end;
	size_t len;

	host[0] = '\0';
	if (strncmp(at, "inet:", 5) == 0 || strncmp(at, "inet6:", 6) == 0) {
		at = strchr(at, ':') + 1;
		end = strchr(at, '@');
		if (end != NULL && text_copy(host, size, end + 1))
			return SMX_EINVAL;
		len = end == NULL ? strlen(at) : (size_t)(end - at);
	} else {
		end = strrchr(at, ':');
		if (end == NULL || (size_t)(end - at) >= size)
			return SMX_EINVAL;
		memcpy(host, at, (size_t)(end - at));
		host[end - at] = '\0';
		at = end + 1;
		len = strlen(at);
	}
	if (len == 0 || len >= size)
		return SMX_EINVAL;
	memcpy(port, at, len);
	port[len] = '\0';
	return SMX_OK;
}

static void
plain_host(char *host)
{
	size_t len = strlen(host);

	if (len > 1 && host[0] == '[' && host[len - 1] == ']') {
		memmove(host, host + 1, len - 2);
		host[len - 2] = '\0';
	}
	if (strcmp(host, "localhost") == 0)
		memcpy(host, "127.0.0.1", sizeof("127.0.0.1"));
	if (strcmp(host, "*") == 0)
		host[0] = '\0';
}

static struct addrinfo *
resolve(const char *address, char *why, size_t why_size)
{
	struct addrinfo hints, *found = NULL;
	char host[HOST_MAX], port[HOST_MAX];
	int rc;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
	if (strncmp(address, "inet:", 5) == 0)
		hints.ai_family = AF_INET;
	if (split(address, host, port, sizeof(host)) != SMX_OK) {
		snprintf(why, why_size, "%s: not an address", address);
		return NULL;
	}
	plain_host(host);
	if (strchr(host, ':') != NULL)
		hints.ai_family = AF_INET6;
	rc = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found);
	if (rc != 0) {
		snprintf(why, why_size, "%s: %s", address, gai_strerror(rc));
		return NULL;
	}
	return found;
}

static int
open_tcp(const struct listen_options *o, int *out, char *why, size_t why_size)
{
	struct addrinfo *found = resolve(o->address, why, why_size);
	int on = 1, rc = SMX_OK, fd;

	if (found == NULL)
		return SMX_EINVAL;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		rc = failed(SMX_EIO, o->address, "socket", why, why_size);
	} else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) !=
		       0 ||
		   bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
		   listen(fd, SOMAXCONN) != 0) {
		rc = errno == EADDRINUSE ? SMX_EBUSY : SMX_EIO;
		failed(rc, o->address, "listen", why, why_size);
		close(fd);
	}
	freeaddrinfo(found);
	if (rc == SMX_OK)
		*out = fd;
	return rc;
}

/* Is a process behind the socket?  A full backlog is one as well. */
static int
answers(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc, saved;

	if (fd < 0)
		return 1;
	rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	saved = errno;
	close(fd);
	return rc == 0 || (saved != ECONNREFUSED && saved != ENOENT);
}

static int
clear_stale(const struct sockaddr_un *sun, char *why, size_t why_size)
{
	struct stat st;

	if (lstat(sun->sun_path, &st) != 0)
		return errno == ENOENT ? SMX_OK
				       : failed(SMX_EIO, sun->sun_path, "stat",
					     why, why_size);
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, why_size, "%s: is there and is not a socket",
		    sun->sun_path);
		return SMX_EBUSY;
	}
	if (answers(sun)) {
		snprintf(why, why_size, "%s: another process answers there",
		    sun->sun_path);
		return SMX_EBUSY;
	}
	if (unlink(sun->sun_path) != 0 && errno != ENOENT)
		return failed(SMX_EIO, sun->sun_path, "unlink", why, why_size);
	return SMX_OK;
}

/*
 * Give the new socket to its owner.  The folder may belong to a user who is
 * trusted less than we are, so what lies there now is opened without following
 * links and looked at before it is changed.
 */
static int
give(const struct listen_options *o, const char *path)
{
	struct stat st;
	int fd, rc = SMX_EIO;

	if (o->uid == (uid_t)-1 && o->gid == (gid_t)-1)
		return SMX_OK;
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return SMX_EIO;
	if (fstat(fd, &st) == 0) {
		errno = EPERM;
		if (S_ISSOCK(st.st_mode) && st.st_nlink == 1 &&
		    st.st_uid == geteuid() &&
		    fchownat(fd, "", o->uid, o->gid, AT_EMPTY_PATH) == 0)
			rc = SMX_OK;
	}
	close(fd);
	return rc;
}

static int
open_unix(const struct listen_options *o, const char *path, int *out, char *why,
    size_t why_size)
{
	struct sockaddr_un sun;
	mode_t old;
	int fd, rc;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (path[0] != '/' ||
	    text_copy(sun.sun_path, sizeof(sun.sun_path), path)) {
		snprintf(why, why_size, "%s: not an absolute path below %zu",
		    path, sizeof(sun.sun_path));
		return SMX_EINVAL;
	}
	rc = clear_stale(&sun, why, why_size);
	if (rc != SMX_OK)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed(SMX_EIO, path, "socket", why, why_size);
	/* The socket is born with its mode: it is never open to others. */
	old = umask(0777 & ~o->mode);
	rc = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(old);
	if (rc != 0 || give(o, path) != SMX_OK || listen(fd, SOMAXCONN) != 0) {
		rc = errno == EADDRINUSE ? SMX_EBUSY : SMX_EIO;
		failed(rc, path, "listen", why, why_size);
		close(fd);
		return rc;
	}
	*out = fd;
	return SMX_OK;
}

int
listen_open(const struct listen_options *options, int *fd, char *why,
    size_t why_size)
{
	const char *path = listen_path(options->address);

	if (path != NULL)
		return open_unix(options, path, fd, why, why_size);
	return open_tcp(options, fd, why, why_size);
}

int
listen_is_local(const char *address)
{
	struct addrinfo *found;
	char why[64];
	int local = 0;

	if (listen_path(address) != NULL)
		return 1;
	found = resolve(address, why, sizeof(why));
	if (found == NULL)
		return 0;
	if (found->ai_family == AF_INET) {
		struct sockaddr_in sin;

		memcpy(&sin, found->ai_addr, sizeof(sin));
		local = ntohl(sin.sin_addr.s_addr) >> 24 == 127;
	} else if (found->ai_family == AF_INET6) {
		struct sockaddr_in6 sin6;

		memcpy(&sin6, found->ai_addr, sizeof(sin6));
		local = IN6_IS_ADDR_LOOPBACK(&sin6.sin6_addr);
	}
	freeaddrinfo(found);
	return local;
}

void
listen_remove(const char *address)
{
	const char *path = listen_path(address);
	struct stat st;

	if (path != NULL && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
}
