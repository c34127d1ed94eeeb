/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/spoken.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "glue/backup_books.h"
#include "glue/backup_release.h"
#include "glue/node.h"
#include "glue/primaries.h"
#include "glue/spoken_in.h"

/* How long a request for the mail goes before what the probes say. */
#define DRAIN_MS (5 * 60000)
/* The same end of a maintenance is said again and again. */
#define SLACK_MS      5000
#define FOREIGN_LINES 5 /* a second */

int
spoken_new(struct spoken **out, struct backup *backup)
{
	struct spoken *spoken = calloc(1, sizeof(*spoken));

	if (spoken == NULL)
		return SMX_ENOMEM;
	spoken->backup = backup;
	pthread_mutex_init(&spoken->lock, NULL);
	*out = spoken;
	return SMX_OK;
}

void
spoken_free(struct spoken **spoken)
{
	if (*spoken == NULL)
		return;
	pthread_mutex_destroy(&(*spoken)->lock);
	free(*spoken);
	*spoken = NULL;
}

/* ---- who may speak for a domain ---- */

static int
is_named(const struct smx_backup *backup, const char *peer)
{
	for (size_t i = 0; i < backup->peer_count; i++)
		if (strcmp(backup->peers[i], peer) == 0)
			return 1;
	return 0;
}

/* NULL: this host is not its backup MX. */
static const struct smx_backup *
group_of(const struct smx_config *config, const char *domain)
{
	static const struct smx_client client = { .address = "" };
	char rcpt[BACKUP_DOMAIN_MAX + 16];
	struct smx_ack ack;

	(void)snprintf(rcpt, sizeof(rcpt), "postmaster@%s", domain);
	if (smx_policy_recipient(config, &client, rcpt, SMX_SIZE_UNKNOWN,
		&ack) != SMX_OK)
		return NULL;
	return ack.backup;
}

static int
may_speak(struct smx_engine *node, size_t peer, const char *domain)
{
	struct smx_config *config = node_config(node);
	const struct smx_backup *group = group_of(config, domain);
	int may = group != NULL && is_named(group, node_peer_name(node, peer));

	smx_config_release(&config);
	return may;
}

static const char *
verb_of(enum smx_request_kind kind)
{
	switch (kind) {
	case SMX_REQ_DRAIN:
		return "drain";
	case SMX_REQ_MAINTAIN:
		return "maintain";
	case SMX_REQ_LISTED:
		return "listed";
	default:
		return "push";
	}
}

static void
log_foreign(struct smx_engine *node, size_t peer, enum smx_request_kind kind,
    const char *domain)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct log_limit limit;
	struct log_line l;
	uint64_t unsaid;
	int may;

	pthread_mutex_lock(&lock);
	may = log_allow(&limit, FOREIGN_LINES, clock_mono_ms());
	unsaid = limit.unsaid;
	if (may)
		limit.unsaid = 0;
	pthread_mutex_unlock(&lock);
	if (!may)
		return;
	log_begin(&l, SMX_LOG_WARNING, NULL, "peer-not-primary");
	log_str(&l, "peer", node_peer_name(node, peer));
	log_str(&l, "verb", verb_of(kind));
	log_str(&l, "domain", domain);
	log_unsaid(&l, unsaid);
	log_end(&l);
}

/* ---- DRAIN, MAINTAIN ---- */

/* Of this and a flush the later word counts; what is only said again is not a
 * later one. */
static int
maintain(struct backup *backup, const char *domain, int64_t for_ms)
{
	struct primaries *primaries = backup_primaries(backup);
	int64_t left = primaries_maintained(primaries, domain);
	int64_t apart = left > for_ms ? left - for_ms : for_ms - left;
	int rc = SMX_OK;

	if ((for_ms == 0 && left == 0) || (for_ms != 0 && apart < SLACK_MS))
		return SMX_OK;
	if (for_ms != 0)
		rc = releaser_flush(backup_releaser(backup), domain,
		    clock_mono_ms());
	return rc != SMX_OK ? rc
			    : primaries_maintain(primaries, domain,
				  for_ms == 0 ? 0 : clock_wall_ms() + for_ms);
}

/* While it is known to be up, everything is let go anyway; of what comes later
 * the probes decide. */
static int
drain(struct backup *backup, const char *domain)
{
	struct smx_config *config = node_config(backup_node(backup));
	const struct smx_backup *group = group_of(config, domain);
	enum mx_state state = MX_UNKNOWN;

	if (group != NULL)
		state = primaries_state(backup_primaries(backup), group, domain,
		    NULL);
	smx_config_release(&config);
	return state == MX_UP || !books_holds(backup_books(backup), domain)
		   ? SMX_OK
		   : releaser_flush(backup_releaser(backup), domain,
			 clock_mono_ms() + DRAIN_MS);
}

static int
one_domain(struct backup *backup, const struct smx_request *request,
    const char *domain)
{
	int rc = request->kind == SMX_REQ_DRAIN
		     ? drain(backup, domain)
		     : maintain(backup, domain, request->for_ms);

	/* There are too many at once: it asks again. */
	return rc == SMX_ELIMIT ? SMX_ETEMP : rc;
}

static void
log_asked(struct smx_engine *node, size_t peer,
    const struct smx_request *request, size_t foreign, int rc)
{
	struct log_line l;

	if (request->count == foreign)
		return;
	log_begin(&l, SMX_LOG_NOTICE, NULL,
	    request->kind == SMX_REQ_DRAIN ? "drain-requested"
					   : "maintenance-requested");
	log_str(&l, "peer", node_peer_name(node, peer));
	log_num(&l, "domains", (int64_t)(request->count - foreign));
	if (request->count == 1)
		log_str(&l, "domain", request->domains[0]);
	if (request->kind == SMX_REQ_MAINTAIN)
		log_num(&l, "for_ms", request->for_ms);
	log_err(&l, "result", rc);
	log_end(&l);
}

static int
serve_domains(struct smx_engine *node, size_t peer,
    const struct smx_request *request, struct smx_reply *reply)
{
	struct backup *backup = node_backup(node);
	int rc = SMX_OK;

	for (size_t i = 0; rc == SMX_OK && i < request->count; i++) {
		const char *domain = request->domains[i];

		if (backup != NULL && may_speak(node, peer, domain)) {
			rc = one_domain(backup, request, domain);
		} else {
			log_foreign(node, peer, request->kind, domain);
			reply->foreign++;
		}
	}
	log_asked(node, peer, request, reply->foreign, rc);
	return rc;
}

/* ---- LISTED, PUSH ---- */

static int
serve_list(struct smx_engine *node, size_t peer,
    const struct smx_request *request, struct smx_reply *reply)
{
	struct backup *backup = node_backup(node);
	const struct smx_push *push = request->push;
	struct spoken *spoken;
	int rc;

	if (backup == NULL || !may_speak(node, peer, push->domain)) {
		log_foreign(node, peer, request->kind, push->domain);
		reply->foreign = 1;
		return SMX_OK;
	}
	spoken = backup_spoken(backup);
	pthread_mutex_lock(&spoken->lock);
	rc = request->kind == SMX_REQ_LISTED
		 ? spoken_listed(spoken, peer, push, reply)
		 : spoken_push(spoken, peer, push, request->count, reply);
	pthread_mutex_unlock(&spoken->lock);
	return rc;
}

int
spoken_serve(struct smx_engine *node, size_t peer,
    const struct smx_request *request, struct smx_reply *reply)
{
	reply->foreign = 0;
	if (request->kind == SMX_REQ_DRAIN || request->kind == SMX_REQ_MAINTAIN)
		return serve_domains(node, peer, request, reply);
	return serve_list(node, peer, request, reply);
}
