/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/ports.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/identity.h>

#include "base/log.h"
#include "core/conf.h"
#include "glue/watcher.h"
#include "io/folder.h"

#define WHY 512

static int
cannot(const char *port, int rc, const char *why)
{
	struct log_line l;

	log_begin(&l, SMX_LOG_ERR, NULL, "cannot-open");
	log_str(&l, "port", port);
	log_str(&l, "error", why[0] == '\0' ? smx_strerror(rc) : why);
	log_err(&l, "result", rc);
	log_end(&l);
	return rc;
}

/* Of several members none may take all the room from the others. */
static uint64_t
peer_quota(const struct conf *conf)
{
	if (conf->store_peer_quota != 0 || conf->member_count < 2)
		return (uint64_t)conf->store_peer_quota;
	return (uint64_t)conf->store_quota / 2;
}

static int
open_store(struct ports *ports, const struct conf *conf)
{
	struct smx_store_options options = {
		.path = conf->store_path,
		.quota_bytes = (uint64_t)conf->store_quota,
		.peer_quota_bytes = peer_quota(conf),
		.body_file_bytes = (uint64_t)conf->store_body_file,
		.tombstone_ms = conf->store_tombstones_ms,
		.net_keep_ms = conf->net_keep_ms,
		.net_slice_ms = conf->net_slice_ms,
		.net_bytes = (uint64_t)conf->net_size,
	};
	char why[WHY] = "";
	int rc;

	if (strcmp(conf->store_driver, "memory") == 0) {
		log_event(SMX_LOG_WARNING, "store-volatile",
		    "shadows are lost when the worker ends");
		rc = smx_store_open_memory(&ports->store, &options);
	} else {
		rc = smx_store_open_sqlite(&ports->store, &options, why,
		    sizeof(why));
	}
	return rc == SMX_OK ? rc : cannot("store", rc, why);
}

/* Where large messages wait while they arrive. */
static int
make_spill(const struct conf *conf)
{
	char path[PATH_MAX], why[WHY] = "";
	struct folder folder = { .path = conf->milter_spill,
		.mode = 0700,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1 };
	int rc;

	if (folder.path[0] == '\0') {
		if ((size_t)snprintf(path, sizeof(path), "%s/spill",
			conf->store_path) >= sizeof(path))
			return cannot("spill", SMX_EINVAL, "path too long");
		folder.path = path;
	}
	rc = folder_make(&folder, why, sizeof(why));
	return rc == SMX_OK ? rc : cannot("spill", rc, why);
}

static int
open_link(struct ports *ports, const struct conf *conf, int fd)
{
	struct smx_link_peer *peers;
	struct smx_link_options options = {
		.node = conf->node,
		/* A host of its own needs no key to show. */
		.key_file = conf->member_count != 0 ? conf->peers_key : NULL,
		.listen = fd >= 0 ? conf->peers_listen : "",
		.listen_fd = fd,
		.peer_count = conf->member_count,
		.pool = (size_t)conf->peers_pool,
		/* A peer that is set up alike may use twice its pool. */
		.max_connections =
		    conf->peers_pool > 32 ? 2 * (size_t)conf->peers_pool : 0,
		.max_content = (uint64_t)conf->milter_max_message,
		.connect_ms = conf->peers_connect_ms,
	};
	char why[WHY] = "";
	int rc;

	peers = calloc(conf->member_count + 1, sizeof(*peers));
	if (peers == NULL)
		return cannot("link", SMX_ENOMEM, "");
	for (size_t i = 0; i < conf->member_count; i++) {
		peers[i].name = conf->members[i].name;
		peers[i].address = conf->members[i].address;
		peers[i].pins = conf->members[i].pins;
		peers[i].pin_count = conf->members[i].pin_count;
	}
	options.peers = peers;
	rc = smx_link_open_tls(&ports->link, &options, why, sizeof(why));
	free(peers);
	return rc == SMX_OK ? rc : cannot("link", rc, why);
}

/* The engine waits for the watcher's first answer. */
static int
open_queue(struct ports *ports, int fd, int help_fd)
{
	int rc = watcher_connect(&ports->queue, fd);

	if (rc == SMX_OK && help_fd >= 0) {
		rc = helper_new(&ports->helper, help_fd);
		if (rc == SMX_OK)
			watcher_lend_helper(&ports->queue, ports->helper);
	}
	return rc == SMX_OK ? rc : cannot("queue", rc, "");
}

static int
open_submit(struct ports *ports, const struct conf *conf)
{
	struct smx_submit_smtp_options options = { .target = conf->mta_submit,
		.target_amended = conf->mta_submit_amended,
		.target_held = conf->mta_submit_held,
		.helo = conf->node };
	char why[WHY] = "";
	int rc;

	if (conf->mta_submit[0] == '\0')
		return SMX_OK;
	rc = smx_submit_open_smtp(&ports->submit, &options, why, sizeof(why));
	return rc == SMX_OK ? rc : cannot("submit", rc, why);
}

int
ports_open(struct ports *ports, const struct worker_options *options)
{
	const struct conf *conf = config_conf(options->config);
	int rc;

	memset(ports, 0, sizeof(*ports));
	rc = open_store(ports, conf);
	if (rc == SMX_OK)
		rc = make_spill(conf);
	if (rc == SMX_OK)
		rc = open_link(ports, conf, options->peers_fd);
	if (rc == SMX_OK)
		rc = open_queue(ports, options->watch_fd, options->help_fd);
	if (rc == SMX_OK)
		rc = open_submit(ports, conf);
	if (rc != SMX_OK)
		ports_close(ports);
	return rc;
}

void
ports_lend(struct ports *ports, struct smx_engine_ports *out)
{
	memset(out, 0, sizeof(*out));
	out->store = &ports->store;
	out->link = &ports->link;
	out->queue = ports->queue.ops == NULL ? NULL : &ports->queue;
	out->submit = ports->submit.ops == NULL ? NULL : &ports->submit;
}

void
ports_close(struct ports *ports)
{
	if (ports->submit.ops != NULL)
		smx_submit_close(&ports->submit);
	if (ports->queue.ops != NULL)
		smx_queue_close(&ports->queue);
	helper_free(&ports->helper);
	if (ports->link.ops != NULL)
		smx_link_close(&ports->link);
	smx_store_close(&ports->store);
}
