/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mtacheck_in.h"

#include <string.h>

#include "base/buf.h"

/* Folders, sockets, accounts and logs that both sides have to agree on. */

static void
check_queue(struct mta_check *c)
{
	struct finding f;

	if (c->facts->our_queue_real[0] == '\0' ||
	    strcmp(c->facts->our_queue_real, c->facts->queue_real) == 0)
		return;
	finding_begin(&f, c, SMX_ERROR, "queue-directory");
	finding_conf(&f, "mta.queue_directory", c->conf->mta_queue_directory);
	fix_conf(&f, mta_fmt(c->arena, "mta = { queue_directory = \"%s\"; };",
			 c->queue));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"Postfix's queue is %s: shadowmxd watches another folder and "
		"never learns what becomes of a message",
		c->queue));
}

static void
check_owner(struct mta_check *c)
{
	const char *owner = mta_text(c->main, "mail_owner");
	struct finding f;

	if (owner[0] == '\0' || strcmp(owner, c->conf->mta_owner) == 0)
		return;
	finding_begin(&f, c, SMX_ERROR, "queue-owner");
	finding_conf(&f, "mta.owner", c->conf->mta_owner);
	fix_conf(&f, mta_fmt(c->arena, "mta = { owner = \"%s\"; };", owner));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"the queue belongs to %s (mail_owner): the watcher cannot read "
		"it and never learns what becomes of a message",
		owner));
}

/* ---- the socket ---- */

static int
any_chroot(const struct mta_check *c)
{
	for (size_t i = 0; i < c->services->count; i++) {
		const struct mta_service *s = &c->services->list[i];

		if (s->chroot && (service_takes_mail(c, s) ||
				     strcmp(s->program, "cleanup") == 0))
			return 1;
	}
	return 0;
}

/* A program in the queue's folder can never reach a socket outside of it; from
 * here on the lines to add speak of the place where it should be. */
static void
check_outside(struct mta_check *c)
{
	const char *listen = c->conf->milter_listen;
	struct finding f;

	if (strncmp(c->milter, "unix:/", 6) != 0 || !any_chroot(c))
		return;
	finding_begin(&f, c, SMX_ERROR, "milter-outside");
	finding_conf(&f, "milter.listen", listen);
	fix_conf(&f,
	    mta_fmt(c->arena,
		"milter = { listen = \"unix:%s/shadowmx/milter.sock\"; };",
		c->queue));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"smtpd or cleanup is locked into %s (chroot in master.cf) and "
		"cannot reach a socket outside of it: mail is answered with "
		"milter_default_action",
		c->queue));
	(void)text_copy(c->milter, sizeof(c->milter),
	    "unix:shadowmx/milter.sock");
}

static void
tell_no_socket(struct mta_check *c)
{
	struct finding f;

	finding_begin(&f, c, SMX_ERROR, "socket-missing");
	finding_conf(&f, "milter.listen", c->conf->milter_listen);
	fix_run(&f, "systemctl restart shadowmx");
	finding_tell(&f,
	    "shadowmxd runs, and there is no such socket: Postfix answers all "
	    "mail with milter_default_action");
}

static void
tell_closed_folder(struct mta_check *c, const char *folder)
{
	struct finding f;

	finding_begin(&f, c, SMX_ERROR, "socket-closed");
	f.f.where = folder;
	fix_run(&f,
	    mta_fmt(c->arena, "chmod o+x %s", finding_quote(c, folder)));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"user %s, which smtpd and cleanup run as, cannot pass this "
		"folder on the way to the milter's socket: mail is answered "
		"with milter_default_action",
		mta_text(c->main, "mail_owner")));
}

/* What is there is put right, and what the daemon makes when it starts. */
static void
tell_closed_socket(struct mta_check *c, const char *socket)
{
	const char *group = c->facts->owner_group;
	const char *path = finding_quote(c, socket);
	struct finding f;

	finding_begin(&f, c, SMX_ERROR, "socket-closed");
	f.f.where = socket;
	if (c->facts->socket_made) {
		fix_run(&f, mta_fmt(c->arena, "chgrp %s %s",
				finding_quote(c, group), path));
		fix_run(&f, mta_fmt(c->arena, "chmod 660 %s", path));
	}
	fix_conf(&f, mta_fmt(c->arena, "milter = { group = \"%s\"; };", group));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"user %s, which smtpd and cleanup run as, cannot connect to "
		"the milter's socket: mail is answered with "
		"milter_default_action",
		mta_text(c->main, "mail_owner")));
}

static void
check_socket(struct mta_check *c)
{
	if (c->facts->no_socket[0] != '\0')
		tell_no_socket(c);
	if (c->facts->closed_folder[0] != '\0')
		tell_closed_folder(c, c->facts->closed_folder);
	if (c->facts->closed_socket[0] != '\0')
		tell_closed_socket(c, c->facts->closed_socket);
}

/* ---- the mail log ---- */

/* The watcher gets the group that may read the log, unless it is root's. */
static void
fix_log(struct finding *f)
{
	struct mta_check *c = f->check;
	const char *log = finding_quote(c, c->conf->mta_log);

	if (c->facts->log_of_root)
		fix_run(f, mta_fmt(c->arena, "chgrp adm %s", log));
	fix_run(f, mta_fmt(c->arena, "chmod g+r %s", log));
}

static void
tell_log(struct mta_check *c, enum smx_severity severity, const char *good,
    const char *why)
{
	struct finding f;

	finding_begin(&f, c, severity, "mail-log");
	finding_conf(&f, "mta.log", c->conf->mta_log);
	if (good != NULL)
		fix_conf(&f,
		    mta_fmt(c->arena, "mta = { log = \"%s\"; };", good));
	else
		fix_log(&f);
	finding_tell(&f, why);
}

/* At a start there is no postlogd(8) yet, and postsuper(1) opens the log by
 * itself, as mail_owner, as soon as it has a word to say. */
static void
check_log_of_start(struct mta_check *c)
{
	struct finding f;

	finding_begin(&f, c, SMX_NOTE, "mail-log-owner");
	finding_conf(&f, "mta.log", c->conf->mta_log);
	fix_run(&f, mta_fmt(c->arena, "chown %s %s", c->conf->mta_owner,
			finding_quote(c, c->conf->mta_log)));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"%s cannot write to maillog_file: after a crash that left a "
		"temporary file in the queue, \"postfix start\" fails with "
		"\"integrity check failed\"; do it after each rotation, too",
		c->conf->mta_owner));
}

static void
check_log(struct mta_check *c)
{
	const char *theirs = mta_text(c->main, "maillog_file");
	const char *ours = c->conf->mta_log;
	int named = theirs[0] == '/'; /* not /dev/stdout */

	if (strncmp(theirs, "/dev/", 5) == 0)
		named = 0;
	if (ours[0] == '\0') {
		if (named)
			tell_log(c, SMX_NOTE, theirs,
			    "Postfix has a log of its own: with it, messages "
			    "that are requeued are followed and not doubted");
	} else if (named && strcmp(ours, theirs) != 0 &&
		   (c->same_path == NULL || !c->same_path(ours, theirs))) {
		tell_log(c, SMX_WARNING, theirs,
		    mta_fmt(c->arena,
			"Postfix logs to %s (maillog_file): messages that are "
			"requeued are not followed",
			theirs));
	} else if (c->facts->log_missing && !named) {
		tell_log(c, SMX_WARNING, "",
		    "there is no such file: messages that are requeued are not "
		    "followed");
	} else if (c->facts->log_unreadable) {
		tell_log(c, SMX_WARNING, NULL,
		    mta_fmt(c->arena,
			"%s cannot read it: messages that are requeued are not "
			"followed",
			c->conf->mta_owner));
	}
	if (named && c->facts->log_unwritable)
		check_log_of_start(c);
}

static void
check_unlisted(struct mta_check *c)
{
	struct finding f;

	if (c->facts->unlisted_in[0] == '\0')
		return;
	finding_begin(&f, c, SMX_NOTE, "unlisted-instance");
	f.f.where = c->facts->unlisted_in;
	f.f.setting = "alternate_config_directories";
	fix_run(&f, mta_fmt(c->arena, "postconf -e %s",
			finding_quote(c, mta_fmt(c->arena,
					     "alternate_config_directories = "
					     "$multi_instance_directories %s",
					     c->config_directory))));
	finding_tell(&f,
	    mta_fmt(c->arena,
		"only root may use postqueue and sendmail with %s until the "
		"default main.cf names it",
		c->config_directory));
}

void
mtacheck_files(struct mta_check *c)
{
	check_queue(c);
	check_owner(c);
	check_outside(c);
	check_socket(c);
	check_log(c);
	check_unlisted(c);
}
