/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/mtalook.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "core/conf.h"
#include "io/listen.h"
#include "io/postconf.h"
#include "io/user.h"

#define GROUPS_MAX  64
#define FOLDERS_MAX 40 /* above one socket */

struct account {
	struct user user;
	gid_t groups[GROUPS_MAX];
	size_t group_count;
};

static int
find_account(struct account *a, const char *name)
{
	char why[128];
	int count = GROUPS_MAX;

	if (user_find(name, &a->user, why, sizeof(why)) != SMX_OK)
		return 0;
	if (getgrouplist(name, a->user.gid, a->groups, &count) < 0)
		return 0;
	a->group_count = (size_t)count;
	return 1;
}

static int
in_group(const struct account *a, gid_t gid)
{
	for (size_t i = 0; i < a->group_count; i++)
		if (a->groups[i] == gid)
			return 1;
	return 0;
}

/*
 * May this account use the path?  The system decides, so that access lists
 * count as well; that takes a process that is the account.  1 no, 0 yes or
 * nobody can tell: only root can become somebody else.
 */
static int
is_denied(const struct account *a, const char *path, int mode)
{
	int status = 0;
	pid_t pid;

	if (geteuid() != 0 || a->user.uid == 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		if (user_become(&a->user, a->groups, a->group_count) != SMX_OK)
			_exit(0);
		_exit(access(path, mode) != 0 && errno == EACCES ? 1 : 0);
	}
	if (pid < 0)
		return 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* ---- the socket ---- */

/* Does a daemon answer on its control socket? */
static int
daemon_runs(const struct conf *conf)
{
	const char *path = listen_path(conf->control_listen);
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, n, runs;

	if (path != NULL)
		n = snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	else
		n = snprintf(to.sun_path, sizeof(to.sun_path),
		    "%s/control.sock", conf->run_directory);
	if (n < 0 || (size_t)n >= sizeof(to.sun_path))
		return 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	runs = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
	close(fd);
	return runs;
}

/* The first folder on the way, from the queue's on when the path leads through
 * it, that the account cannot pass. */
static const char *
closed_folder(const struct account *a, const char *path, const char *queue,
    struct arena *arena)
{
	size_t len = strlen(queue);
	const char *at = path;
	char folder[PATH_MAX];

	if (len > 1 && strncmp(path, queue, len) == 0 && path[len] == '/')
		at = path + len;
	for (int i = 0; i < FOLDERS_MAX; i++) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(at - path),
		    path);
		if (folder[0] != '\0' && is_denied(a, folder, X_OK))
			return arena_str(arena, folder);
		at = strchr(at + 1, '/');
		if (at == NULL)
			break;
	}
	return "";
}

static void
look_socket(struct mta_look *look, const struct conf *conf,
    const struct account *a, struct arena *arena)
{
	const char *path = listen_path(conf->milter_listen);
	const char *queue = mta_text(&look->main, "queue_directory");
	int runs = daemon_runs(conf);
	struct stat st;
	gid_t gid;
	char why[128];

	if (path == NULL)
		return;
	look->facts.closed_folder = closed_folder(a, path, queue, arena);
	if (look->facts.closed_folder[0] != '\0')
		return;
	look->facts.socket_made = runs;
	if (runs && stat(path, &st) != 0 && errno == ENOENT)
		look->facts.no_socket = arena_str(arena, path);
	else if (runs && is_denied(a, path, W_OK))
		look->facts.closed_socket = arena_str(arena, path);
	/* It is made when the daemon starts, for this group. */
	else if (!runs && geteuid() == 0 &&
		 (conf->milter_group[0] == '\0' ||
		     user_group(conf->milter_group, &gid, why, sizeof(why)) !=
			 SMX_OK ||
		     !in_group(a, gid)))
		look->facts.closed_socket = arena_str(arena, path);
}

/* ---- the log ---- */

static void
look_log(struct mta_look *look, const struct conf *conf)
{
	struct account a;
	struct stat st;

	if (conf->mta_log[0] == '\0')
		return;
	if (stat(conf->mta_log, &st) != 0) {
		look->facts.log_missing = errno == ENOENT;
		return;
	}
	if (!find_account(&a, conf->mta_owner))
		return;
	/* The watcher gets the group that may read it, unless that is root. */
	a.group_count = 0;
	if ((st.st_mode & S_IRGRP) != 0 && st.st_gid != 0)
		a.groups[a.group_count++] = st.st_gid;
	look->facts.log_unreadable = is_denied(&a, conf->mta_log, R_OK);
	look->facts.log_of_root = st.st_gid == 0;
	a.group_count = 0;
	look->facts.log_unwritable = is_denied(&a, conf->mta_log, W_OK);
}

/* ---- folders ---- */

static const char *
real(struct arena *arena, const char *path)
{
	char out[PATH_MAX];

	return arena_str(arena, realpath(path, out) != NULL ? out : path);
}

/* Non-root programs of Postfix refuse folders that the default main.cf does not
 * name. */
static void
look_unlisted(struct mta_look *look, const struct conf *conf,
    struct arena *arena)
{
	static const char *const settings[] = { "alternate_config_directories",
		"multi_instance_directories" };
	const char *ours = conf->mta_config_directory;
	char home[PATH_MAX], list[4096], why[256];

	/* Not every host has a default instance. */
	if (access("/etc/postfix/main.cf", R_OK) != 0 ||
	    postconf_ask("/etc/postfix", "config_directory", home, sizeof(home),
		why, sizeof(why)) != SMX_OK ||
	    strcmp(real(arena, home), real(arena, ours)) == 0)
		return;
	for (size_t i = 0; i < 2; i++)
		if (postconf_ask(home, settings[i], list, sizeof(list), why,
			sizeof(why)) == SMX_OK &&
		    mta_has_word(list, ours))
			return;
	look->facts.unlisted_in = mta_fmt(arena, "%s/main.cf", home);
}

void
mta_look_facts(struct mta_look *look, const struct smx_config *config,
    struct arena *arena)
{
	const struct conf *conf = config_conf(config);
	struct mta_facts *facts = &look->facts;
	struct account a;
	struct group *group;

	facts->closed_folder = facts->closed_socket = facts->no_socket = "";
	facts->queue_real = facts->our_queue_real = facts->unlisted_in = "";
	facts->owner_group = "";
	if (!facts->asked)
		return;
	facts->queue_real =
	    real(arena, mta_text(&look->main, "queue_directory"));
	if (conf->mta_queue_directory[0] != '\0')
		facts->our_queue_real = real(arena, conf->mta_queue_directory);
	if (find_account(&a, mta_text(&look->main, "mail_owner"))) {
		group = getgrgid(a.user.gid);
		if (group != NULL)
			facts->owner_group = arena_str(arena, group->gr_name);
		look_socket(look, conf, &a, arena);
	}
	look_log(look, conf);
	look_unlisted(look, conf, arena);
}
