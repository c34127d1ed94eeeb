/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "core/conf.h"
#include "io/folder.h"
#include "io/listen.h"
#include "io/postconf.h"

#define WHY           512
#define BUSY_TRIES    20
#define BUSY_PAUSE_MS 100

void
service_log_problem(void *ctx, const struct smx_config_problem *problem)
{
	struct log_line l;

	(void)ctx;
	log_begin(&l, problem->warning ? SMX_LOG_WARNING : SMX_LOG_ERR, NULL,
	    problem->warning ? "config-warning" : "config-problem");
	log_str(&l, "file", problem->file);
	log_num(&l, "line", problem->line);
	log_str(&l, "setting", problem->setting);
	log_str(&l, "value", problem->value);
	log_str(&l, "message", problem->message);
	log_str(&l, "accepted", problem->accepted);
	log_end(&l);
}

void
service_control_path(const struct smx_config *config, char *out, size_t size)
{
	const struct conf *conf = config_conf(config);
	const char *path = listen_path(conf->control_listen);

	if (path != NULL)
		text_copy(out, size, path);
	else
		snprintf(out, size, "%s/control.sock", conf->run_directory);
}

static int
cannot(const char *event, const char *why, int status)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, NULL, event);
	log_str(&l, "error", why);
	log_end(&l);
	return status;
}

/* ---- users ---- */

static int
find_users(struct service *s, const struct conf *conf)
{
	char why[WHY];

	s->milter_gid = s->control_gid = (gid_t)-1;
	s->worker.uid = s->owner.uid = geteuid();
	s->worker.gid = s->owner.gid = getegid();
	s->switching = geteuid() == 0;
	if (conf->control_group[0] != '\0' &&
	    user_group(conf->control_group, &s->control_gid, why,
		sizeof(why)) != SMX_OK)
		return cannot("no-group", why, EX_CONFIG);
	if (!s->switching)
		return EX_OK;
	if (user_find(conf->user, &s->worker, why, sizeof(why)) != SMX_OK ||
	    user_find(conf->mta_owner, &s->owner, why, sizeof(why)) != SMX_OK)
		return cannot("no-user", why, EX_NOUSER);
	if (s->worker.uid == 0 || s->owner.uid == 0)
		return cannot("no-user", "user and mta.owner must not be root",
		    EX_CONFIG);
	if ((listen_path(conf->milter_listen) != NULL ||
		listen_path(conf->backup_etrn) != NULL) &&
	    conf->milter_group[0] != '\0' &&
	    user_group(conf->milter_group, &s->milter_gid, why, sizeof(why)) !=
		SMX_OK)
		return cannot("no-group", why, EX_CONFIG);
	return EX_OK;
}

/* ---- folders ---- */

static int
make_folder(const char *path, mode_t mode, const struct user *owner, gid_t gid)
{
	struct folder folder = { .path = path,
		.mode = mode,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1 };
	char why[WHY];

	if (owner != NULL) {
		folder.uid = owner->uid;
		folder.gid = gid == (gid_t)-1 ? owner->gid : gid;
	}
	if (folder_make(&folder, why, sizeof(why)) != SMX_OK)
		return cannot("no-folder", why, EX_CANTCREAT);
	return EX_OK;
}

/* The folder of a unix socket, if address names one. */
static int
make_parent(const char *address, const struct user *owner, gid_t gid)
{
	const char *path = listen_path(address);
	char dir[PATH_MAX];
	char *slash;

	if (path == NULL || text_copy(dir, sizeof(dir), path))
		return EX_OK;
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return EX_OK;
	*slash = '\0';
	return make_folder(dir, 0755, owner, gid);
}

static int
make_folders(struct service *s, const struct conf *conf)
{
	const struct user *worker = s->switching ? &s->worker : NULL;
	const struct user *owner = s->switching ? &s->owner : NULL;
	char marker[PATH_MAX];
	int rc;

	/* The queue's owner keeps its marker here; it cannot make the folder
	 * itself, and the milter's socket usually lies in it too. */
	if ((size_t)snprintf(marker, sizeof(marker), "%s/shadowmx",
		s->queue_directory) >= sizeof(marker))
		return cannot("no-folder", "the queue's path is too long",
		    EX_CONFIG);
	rc = make_folder(marker, 0755, owner, s->milter_gid);
	if (rc == EX_OK)
		rc = make_folder(conf->run_directory, 0755, worker, -1u);
	if (rc == EX_OK)
		rc = make_folder(conf->store_path, 0700, worker, -1u);
	if (rc == EX_OK)
		rc = make_parent(conf->milter_listen, worker, s->milter_gid);
	if (rc == EX_OK)
		rc = make_parent(conf->backup_etrn, worker, s->milter_gid);
	if (rc == EX_OK)
		rc = make_parent(conf->control_listen, worker, -1u);
	return rc;
}

/* ---- sockets ---- */

static int
open_socket(const struct listen_options *options, const char *name, int *fd)
{
	char why[WHY];
	struct log_line l;
	int tries = BUSY_TRIES, rc;

	/* A former daemon that was killed may still be on its way out. */
	while ((rc = listen_open(options, fd, why, sizeof(why))) == SMX_EBUSY &&
	       --tries > 0)
		(void)poll(NULL, 0, BUSY_PAUSE_MS);
	if (rc != SMX_OK) {
		cannot("no-socket", why, EX_OK);
		return rc == SMX_EBUSY ? EX_TEMPFAIL : EX_OSERR;
	}
	log_begin(&l, SMX_LOG_INFO, NULL, "listening");
	log_str(&l, "socket", name);
	log_str(&l, "address", options->address);
	log_end(&l);
	return EX_OK;
}

/* One that the MTA connects to. */
static int
open_for_mta(struct service *s, const char *address, const char *name, int *fd,
    struct service_name *where)
{
	struct listen_options options = { address, 0660, (uid_t)-1,
		s->milter_gid };
	const char *path = listen_path(address);
	struct stat st;
	int rc;

	if (s->switching)
		options.uid = s->worker.uid;
	rc = open_socket(&options, name, fd);
	memset(where, 0, sizeof(*where));
	if (rc == EX_OK && path != NULL && lstat(path, &st) == 0) {
		where->device = st.st_dev;
		where->inode = st.st_ino;
	}
	return rc;
}

static int
open_milter(struct service *s, const struct conf *conf)
{
	return open_for_mta(s, conf->milter_listen, "milter", &s->milter_fd,
	    &s->milter_name);
}

static int
open_etrn(struct service *s, const struct conf *conf)
{
	if (conf->backup_etrn[0] == '\0')
		return EX_OK;
	return open_for_mta(s, conf->backup_etrn, "etrn", &s->etrn_fd,
	    &s->etrn_name);
}

static int
open_sockets(struct service *s, const struct conf *conf)
{
	char path[PATH_MAX];
	struct listen_options peers = { conf->peers_listen, 0600, (uid_t)-1,
		(gid_t)-1 };
	struct listen_options control = { path, 0600, (uid_t)-1,
		s->control_gid };
	int rc;

	if (s->switching)
		control.uid = s->worker.uid;
	if (s->control_gid != (gid_t)-1)
		control.mode = 0660;
	if (!listen_is_local(conf->milter_listen))
		log_event(SMX_LOG_WARNING, "milter-exposed",
		    "the milter's address can be reached from other hosts");
	service_control_path(s->config, path, sizeof(path));
	rc = open_socket(&control, "control", &s->control_fd);
	if (rc == EX_OK)
		rc = open_milter(s, conf);
	if (rc == EX_OK)
		rc = open_etrn(s, conf);
	if (rc == EX_OK && conf->peers_listen[0] != '\0' &&
	    conf->member_count != 0)
		rc = open_socket(&peers, "peers", &s->peers_fd);
	return rc;
}

static int
open_pairs(struct service *s)
{
	const int type = SOCK_SEQPACKET | SOCK_CLOEXEC;

	if (socketpair(AF_UNIX, type, 0, s->watch) != 0 ||
	    socketpair(AF_UNIX, type, 0, s->help) != 0)
		return cannot("no-socket", "socketpair failed", EX_OSERR);
	return EX_OK;
}

static int
find_queue(struct service *s, const struct conf *conf)
{
	char why[WHY];
	int rc = SMX_OK;

	if (conf->mta_queue_directory[0] == '\0')
		rc = postconf_ask(conf->mta_config_directory, "queue_directory",
		    s->queue_directory, sizeof(s->queue_directory), why,
		    sizeof(why));
	else
		text_copy(s->queue_directory, sizeof(s->queue_directory),
		    conf->mta_queue_directory);
	if (rc != SMX_OK)
		return cannot("no-queue-directory", why, EX_CONFIG);
	return EX_OK;
}

int
service_open(struct service *service, const char *config_file,
    struct smx_config *config)
{
	const struct conf *conf = config_conf(config);
	int rc;

	memset(service, 0, sizeof(*service));
	service->config_file = config_file;
	service->config = smx_config_hold(config);
	service->milter_fd = service->peers_fd = service->control_fd = -1;
	service->etrn_fd = -1;
	service->watch[0] = service->watch[1] = -1;
	service->help[0] = service->help[1] = -1;
	rc = find_users(service, conf);
	if (rc == EX_OK)
		rc = find_queue(service, conf);
	if (rc == EX_OK)
		rc = make_folders(service, conf);
	if (rc == EX_OK)
		rc = open_sockets(service, conf);
	if (rc == EX_OK)
		rc = open_pairs(service);
	if (rc != EX_OK)
		service_close(service);
	return rc;
}

static void
shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
service_close(struct service *service)
{
	char path[PATH_MAX];

	if (service->config == NULL)
		return;
	service_control_path(service->config, path, sizeof(path));
	/* Only what this process opened is its to remove. */
	if (service->control_fd >= 0)
		listen_remove(path);
	if (service->milter_fd >= 0)
		listen_remove(config_conf(service->config)->milter_listen);
	if (service->etrn_fd >= 0)
		listen_remove(config_conf(service->config)->backup_etrn);
	shut(&service->control_fd);
	shut(&service->etrn_fd);
	shut(&service->milter_fd);
	shut(&service->peers_fd);
	for (int i = 0; i < 2; i++) {
		shut(&service->watch[i]);
		shut(&service->help[i]);
	}
	smx_config_release(&service->config);
}

/* ---- what goes away under us ---- */

static int
is_gone(const char *path)
{
	struct stat st;

	return stat(path, &st) != 0 && errno == ENOENT;
}

static int
socket_is_gone(const char *address, int fd, const struct service_name *name)
{
	const char *path = listen_path(address);
	struct stat st;

	if (path == NULL || (fd >= 0 && name->inode == 0))
		return 0;
	if (fd < 0)
		return 1; /* could not be made the last time */
	return lstat(path, &st) == 0
		   ? st.st_dev != name->device || st.st_ino != name->inode
		   : errno == ENOENT;
}

static int
milter_is_gone(const struct service *s, const struct conf *conf)
{
	return socket_is_gone(conf->milter_listen, s->milter_fd,
	    &s->milter_name);
}

static int
etrn_is_gone(const struct service *s, const struct conf *conf)
{
	return socket_is_gone(conf->backup_etrn, s->etrn_fd, &s->etrn_name);
}

static int
renew(struct service *s, const struct conf *conf, int milter, int etrn)
{
	int rc = EX_OK;

	if (milter) {
		shut(&s->milter_fd);
		rc = open_milter(s, conf);
	}
	if (etrn && rc == EX_OK) {
		shut(&s->etrn_fd);
		rc = open_etrn(s, conf);
	}
	return rc;
}

int
service_mend(struct service *service, int *renewed)
{
	const struct conf *conf = config_conf(service->config);
	int milter_gone = milter_is_gone(service, conf);
	int etrn_gone = etrn_is_gone(service, conf);
	char marker[PATH_MAX];
	int rc = EX_OK;

	*renewed = 0;
	(void)snprintf(marker, sizeof(marker), "%.*s/shadowmx",
	    (int)sizeof(marker) - 16, service->queue_directory);
	/* Without a queue there is nothing to make a marker for. */
	if (is_gone(service->queue_directory) ||
	    (!milter_gone && !etrn_gone && !is_gone(marker) &&
		!is_gone(conf->store_path)))
		return EX_OK;
	log_event(SMX_LOG_WARNING, "mending",
	    "folders or the MTA's sockets went away");
	rc = make_folders(service, conf);
	if (rc == EX_OK)
		rc = renew(service, conf, milter_gone, etrn_gone);
	*renewed = rc == EX_OK && (milter_gone || etrn_gone);
	return rc;
}

static void
drain(int fd)
{
	char packet[64];

	while (recv(fd, packet, sizeof(packet), MSG_DONTWAIT) >= 0)
		;
}

void
service_drain_worker(struct service *service)
{
	drain(service->watch[0]);
	drain(service->help[0]);
}
