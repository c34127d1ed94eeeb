/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <string.h>
#include <strings.h>

/* The path of a unix socket, NULL for any other endpoint. */
static const char *
socket_of(const char *endpoint)
{
	if (strncasecmp(endpoint, "unix:", 5) == 0)
		return endpoint + 5;
	if (strncasecmp(endpoint, "local:", 6) == 0)
		return endpoint + 6;
	return NULL;
}

/* Postfix's programs work in the queue's folder, or are locked into it. */
static const char *
led_to(struct mta_check *check, const char *path, int chroot)
{
	if (path[0] == '/' && !chroot)
		return path;
	return mta_fmt(check->arena, "%s%s%s", check->queue,
	    path[0] == '/' ? "" : "/", path);
}

static int
same(const struct mta_check *check, const char *a, const char *b)
{
	if (strcmp(a, b) == 0)
		return 1;
	return check->same_path != NULL && check->same_path(a, b);
}

/* "inet:127.0.0.1:8891": the host, and the port behind the last colon. */
static int
same_inet(const char *a, const char *b)
{
	static const char *const any[] = { "0.0.0.0", "[::]", "::", "" };
	const char *host = strchr(b, ':'), *port = strrchr(b, ':');
	const char *other = strrchr(a, ':');
	size_t len;

	if (strcasecmp(a, b) == 0)
		return 1;
	if (strncasecmp(a, "inet", 4) != 0 || host == NULL || port == host ||
	    other == NULL || strcmp(other, port) != 0)
		return 0;
	len = (size_t)(port - host) - 1;
	for (size_t i = 0; i < sizeof(any) / sizeof(*any); i++)
		if (strlen(any[i]) == len && memcmp(any[i], host + 1, len) == 0)
			return 1;
	return strncasecmp(a, "inet:localhost:", 15) == 0 && len == 9 &&
	       memcmp(host + 1, "127.0.0.1", 9) == 0;
}

static const char *
last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Not where we listen, but by its name it is meant. */
static int
is_meant(struct mta_check *check, const char *endpoint, const char *listen)
{
	const char *path = socket_of(endpoint);

	if (path == NULL || listen == NULL)
		return strstr(endpoint, "shadowmx") != NULL;
	return strstr(path, "shadowmx") != NULL ||
	       same(check, led_to(check, path, 0), listen) ||
	       same(check, led_to(check, path, 1), listen) ||
	       strcmp(last_name(path), last_name(listen)) == 0;
}

int
endpoint_is(struct mta_check *check, const char *endpoint, int chroot,
    const char *listen, const char **leads_to)
{
	const char *ours = socket_of(listen), *path = socket_of(endpoint);
	char words[ENDPOINT_TEXT];

	*leads_to = endpoint;
	if (ours == NULL && path == NULL) {
		endpoint_words(check, listen, words);
		return same_inet(endpoint, words);
	}
	if (ours == NULL || path == NULL)
		return 0;
	*leads_to = led_to(check, path, chroot);
	return same(check, *leads_to, ours);
}

/* 1 ours, 0 another's, -1 meant to be ours; then *leads_to says where to. */
static int
judge(struct mta_check *check, const char *endpoint, int chroot,
    const char **leads_to)
{
	const char *listen = check->conf->milter_listen;

	if (endpoint_is(check, endpoint, chroot, listen, leads_to))
		return 1;
	return is_meant(check, endpoint, socket_of(listen)) ? -1 : 0;
}

/* Ours in the words that are right for a chroot as well. */
static const char *
our_text(struct mta_check *check, const struct mta_milter *m)
{
	const char *at = m->text + strlen(m->endpoint) + 1;

	if (m->text[0] != '{')
		return check->milter;
	return mta_fmt(check->arena, "{%s%s", check->milter, at);
}

void
milter_find(struct mta_check *check, const char *list, int chroot,
    struct milter_found *out)
{
	struct mta_milter milters[MTA_MILTERS_MAX];
	size_t count = mta_milters_parse(check->arena, list, milters);
	size_t ours = count;
	const char *others = "", *leads_to = "", *mine;
	int best = 0;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < count; i++) {
		const char *where = "";
		int is = judge(check, milters[i].endpoint, chroot, &where);

		if (is == 1 || (is == -1 && best == 0)) {
			best = is;
			ours = i;
			leads_to = where;
		}
	}
	for (size_t i = 0; i < count; i++)
		if (i != ours)
			others = mta_fmt(check->arena, "%s%s, ", others,
			    milters[i].text);
	mine = ours == count ? check->milter : our_text(check, &milters[ours]);
	if (best == 1)
		mine = milters[ours].text;
	out->proper = mta_fmt(check->arena, "%s%s", others, mine);
	if (ours == count)
		return;
	out->milter = milters[ours];
	out->leads_to = leads_to;
	out->place = best == -1         ? MILTER_ASTRAY
		     : ours + 1 < count ? MILTER_EARLIER
					: MILTER_LAST;
}

const char *
milter_with(struct mta_check *check, const char *list,
    const struct mta_milter *milter, const char *name, const char *old,
    const char *value)
{
	const char *pair = mta_fmt(check->arena, "%s=%s", name, old);
	const char *at = strstr(milter->text, pair), *out = "";
	struct mta_milter all[MTA_MILTERS_MAX];
	size_t count = mta_milters_parse(check->arena, list, all);

	for (size_t i = 0; i < count; i++) {
		const char *one = all[i].text;

		if (at != NULL && strcmp(one, milter->text) == 0)
			one = mta_fmt(check->arena, "%.*s%s=%s%s",
			    (int)(at - milter->text), one, name, value,
			    at + strlen(pair));
		out = mta_fmt(check->arena, "%s%s%s", out, i == 0 ? "" : ", ",
		    one);
	}
	return out;
}
