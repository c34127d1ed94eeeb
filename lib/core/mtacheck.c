/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

/* Below the queue's folder, a path relative to it is right in a chroot and
 * without one. */
void
endpoint_words(const struct mta_check *c, const char *listen,
    char out[ENDPOINT_TEXT])
{
	size_t len = strlen(c->queue);
	const char *host;

	if (strncmp(listen, "unix:", 5) == 0) {
		const char *path = listen + 5;

		if (len > 1 && strncmp(path, c->queue, len) == 0 &&
		    path[len] == '/')
			path += len + 1;
		snprintf(out, ENDPOINT_TEXT, "unix:%s", path);
		return;
	}
	/* libmilter's inet:port@host is Postfix's inet:host:port */
	host = strchr(listen, '@');
	listen += strncmp(listen, "inet6:", 6) == 0 ? 6 : 5;
	if (host == NULL)
		snprintf(out, ENDPOINT_TEXT, "inet:127.0.0.1:%s", listen);
	else
		snprintf(out, ENDPOINT_TEXT,
		    strchr(host, ':') != NULL && host[1] != '['
			? "inet:[%s]:%.*s"
			: "inet:%s:%.*s",
		    host + 1, (int)(host - listen), listen);
}

/* "127.0.0.1:10026" is a service's name; its address may be left out of it. */
static int
serves_address(const struct mta_service *s, const char *target)
{
	const char *port = strrchr(target, ':');
	const char *name = s->name, *own = strrchr(name, ':');

	if (strcmp(s->type, "inet") != 0 || port == NULL)
		return 0;
	if (strcmp(name, target) == 0)
		return 1;
	if (own == NULL)
		return strcmp(name, port + 1) == 0;
	if (strcmp(own, port) != 0)
		return 0;
	return strncmp(name, "0.0.0.0:", 8) == 0 ||
	       strncmp(name, "[::]:", 5) == 0 ||
	       strncmp(name, "localhost:", 10) == 0;
}

static int
serves_path(const struct mta_check *c, const struct mta_service *s,
    const char *path)
{
	const char *folder = s->is_private ? "private" : "public";
	size_t len = strlen(c->queue);

	if (strcmp(s->type, "unix") != 0 || strncmp(path, c->queue, len) != 0 ||
	    path[len] != '/')
		return 0;
	path += len + 1;
	len = strlen(folder);
	return strncmp(path, folder, len) == 0 && path[len] == '/' &&
	       strcmp(path + len + 1, s->name) == 0;
}

static const struct mta_service *
find_way(const struct mta_check *c, const char *target)
{
	const struct mta_service *found = NULL;

	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];

		if (strncmp(target, "unix:", 5) == 0
			? serves_path(c, s, target + 5)
			: serves_address(s, target))
			if (found == NULL || strcmp(s->name, target) == 0)
				found = s;
	}
	return found;
}

static void
tell_unasked(struct mta_check *c)
{
	struct finding f;

	finding_begin(&f, c, SMX_WARNING, "mta-unasked");
	finding_conf(&f, "mta.config_directory", c->config_directory);
	finding_tell(&f,
	    mta_fmt(c->arena,
		"Postfix's settings cannot be asked for, so nobody knows "
		"whether mail gets its shadow: %s",
		c->facts->answer));
}

int
mtacheck_run(struct mta_check *c, struct arena *arena)
{
	const char *targets[MTA_WAYS];

	c->arena = arena;
	c->said_milter = 0;
	memset(c->way, 0, sizeof(c->way));
	if (!c->facts->asked) {
		tell_unasked(c);
		return arena_failed(arena) ? SMX_ENOMEM : SMX_OK;
	}
	targets[MTA_WAY_PLAIN] = c->conf->mta_submit;
	targets[MTA_WAY_AMENDED] = c->conf->mta_submit_amended;
	targets[MTA_WAY_HELD] = c->conf->mta_submit_held;
	c->queue = mta_text(c->main, "queue_directory");
	endpoint_words(c, c->conf->milter_listen, c->milter);
	for (int i = 0; i < MTA_WAYS; i++)
		if (targets[i][0] != '\0')
			c->way[i] = find_way(c, targets[i]);
	mtacheck_files(c);
	if (c->shadows || c->delivers || c->backs_up)
		mtacheck_intake(c);
	if (c->shadows) {
		mtacheck_local(c);
		mtacheck_filters(c);
	}
	if (c->delivers)
		mtacheck_delivered(c);
	if (c->backs_up) {
		mtacheck_backup(c);
		mtacheck_etrn(c);
	}
	if (c->shadows || c->delivers || c->backs_up)
		mtacheck_limits(c);
	mtacheck_general(c);
	mtacheck_submit(c);
	return arena_failed(arena) ? SMX_ENOMEM : SMX_OK;
}
