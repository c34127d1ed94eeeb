/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/selfping.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define CONNECT_MS 10

#define FEW_MS     20
#define DOUBT_MS   100
#define ALL_MS     500
#define APART_MS   5
#define KNOCKS_FEW 4
#define KNOCKS_MAX 64

static int
parse_unix(struct selfping *out, const char *path)
{
	struct sockaddr_un sun;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (path[0] == '\0' ||
	    text_copy(sun.sun_path, sizeof(sun.sun_path), path))
		return SMX_EINVAL;
	memcpy(&out->address, &sun, sizeof(sun));
	out->len = sizeof(sun);
	return SMX_OK;
}

/* No host, or any address, means that this host's own loopback will do:
 * getaddrinfo gives that for a NULL name without AI_PASSIVE. */
static int
is_any(const char *host)
{
	return host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 ||
	       strcmp(host, "::") == 0;
}

static int
parse_inet(struct selfping *out, int family, const char *text)
{
	struct addrinfo hints, *found = NULL;
	const char *at = strchr(text, '@');
	char port[16], host[256];
	size_t len;

	if (text_copy(port, sizeof(port), text))
		port[sizeof(port) - 1] = '\0';
	port[strcspn(port, "@")] = '\0';
	if (at != NULL && at[1] == '[')
		at++;
	if (text_copy(host, sizeof(host), at == NULL ? "" : at + 1))
		return SMX_EINVAL;
	len = strlen(host);
	if (len > 0 && host[len - 1] == ']')
		host[len - 1] = '\0';
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = family;
	hints.ai_socktype = SOCK_STREAM;
	if (getaddrinfo(is_any(host) ? NULL : host, port, &hints, &found) != 0)
		return SMX_EINVAL;
	memcpy(&out->address, found->ai_addr, found->ai_addrlen);
	out->len = found->ai_addrlen;
	freeaddrinfo(found);
	return SMX_OK;
}

int
selfping_parse(struct selfping *out, const char *where)
{
	memset(out, 0, sizeof(*out));
	if (where[0] == '/')
		return parse_unix(out, where);
	if (strncasecmp(where, "unix:", 5) == 0)
		return parse_unix(out, where + 5);
	if (strncasecmp(where, "local:", 6) == 0)
		return parse_unix(out, where + 6);
	if (strncasecmp(where, "inet:", 5) == 0)
		return parse_inet(out, AF_INET, where + 5);
	if (strncasecmp(where, "inet6:", 6) == 0)
		return parse_inet(out, AF_INET6, where + 6);
	return SMX_EINVAL;
}

int
selfping_knock(const struct selfping *self)
{
	struct pollfd one;
	int error = 0;
	socklen_t len = sizeof(error);
	int rc;

	if (self->len == 0)
		return SMX_EINVAL;
	one.fd = socket(self->address.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (one.fd < 0)
		return SMX_EIO;
	one.events = POLLOUT;
	rc =
	    connect(one.fd, (const struct sockaddr *)&self->address, self->len);
	if (rc != 0 && errno == EINPROGRESS && poll(&one, 1, CONNECT_MS) == 1 &&
	    getsockopt(one.fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 &&
	    error == 0)
		rc = 0;
	(void)close(one.fd);
	return rc == 0 ? SMX_OK : SMX_EUNREACHABLE;
}

static atomic_int resting;

void
selfping_rest(int on)
{
	atomic_store(&resting, on);
}

/* One for all that are slow at the same time. */
static int
is_first(struct selfping *self)
{
	int64_t now_ms = clock_mono_ms();
	long long last_ms = atomic_load(&self->last_ms);

	return now_ms - last_ms >= APART_MS &&
	       atomic_compare_exchange_strong(&self->last_ms, &last_ms, now_ms);
}

/* Each knock sets one session going, and that one knocks as well, so a few are
 * enough at first. */
void
selfping_help(struct selfping *self, size_t stuck, int spare, int64_t waited_ms)
{
	size_t times = KNOCKS_MAX;

	if (atomic_load(&resting))
		return;
	if (spare && waited_ms < DOUBT_MS)
		times = 0;
	else if (waited_ms < FEW_MS ||
		 (waited_ms >= DOUBT_MS && waited_ms < ALL_MS))
		times = (size_t)is_first(self);
	else if (waited_ms < ALL_MS)
		times = KNOCKS_FEW;
	if (times > stuck)
		times = stuck;
	while (times-- > 0)
		if (selfping_knock(self) != SMX_OK)
			break;
}
