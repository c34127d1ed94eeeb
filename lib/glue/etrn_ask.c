/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/etrn.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "core/conf.h"
#include "core/ip.h"
#include "core/policy.h"
#include "glue/backup_books.h"
#include "glue/backup_release.h"
#include "glue/node.h"
#include "glue/primaries.h"

/*
 * Who may have a domain's mail let go, whatever the probes say: one of its
 * primary MX hosts, by the addresses at which they were found, and whoever this
 * host trusts anyhow.  The mail goes to the primary all the same, so a client
 * that lies about the domain gets nothing; what it could do is waste tries.
 */
#define FLUSH_MS    3600000
#define DOMAINS_MAX 1000 /* of one request */
#define SAID_MAX    5    /* lines of the log a second */

struct etrn_asked {
	struct smx_engine *node;
	struct log_limit taken, refused;
	char below[DOMAINS_MAX][BACKUP_DOMAIN_MAX + 1];
};

int
etrn_asked_new(struct etrn_asked **out, struct smx_engine *node)
{
	struct etrn_asked *asked = calloc(1, sizeof(*asked));

	if (asked == NULL)
		return SMX_ENOMEM;
	asked->node = node;
	*out = asked;
	return SMX_OK;
}

void
etrn_asked_free(struct etrn_asked **asked)
{
	free(*asked);
	*asked = NULL;
}

/* ---- who asks ---- */

static int
is_listed(const struct conf *conf, const struct ip *ip)
{
	struct ip_range range;

	for (size_t i = 0; i < conf->backup_etrn_client_count; i++)
		if (ip_network_parse(conf->backup_etrn_clients[i], &range) ==
			SMX_OK &&
		    ip_ranges_match(&range, 1, ip))
			return 1;
	return 0;
}

/* Why it may ask for any domain; NULL: it may not. */
static const char *
trusted(struct etrn_asked *asked, const struct pfpolicy *r, const struct ip *ip)
{
	struct smx_config *config;
	const char *why = NULL;

	if (r->value[PFPOLICY_USER][0] != '\0')
		return "authenticated";
	if (ip->family == 0)
		return NULL;
	config = node_config(asked->node);
	if (policy_own(config, r->value[PFPOLICY_CLIENT]))
		why = "own";
	else if (is_listed(config_conf(config), ip))
		why = "listed";
	smx_config_release(&config);
	return why;
}

/* ---- what is done ---- */

static void
tell(struct etrn_asked *asked, const struct pfpolicy *r, const char *why,
    size_t domains, int rc)
{
	int refused = rc == SMX_EPERM;
	const char *event = refused ? "etrn-refused" : "etrn";
	struct log_limit *limit = refused ? &asked->refused : &asked->taken;
	struct log_line l;

	if (!log_allow(limit, SAID_MAX, clock_mono_ms()))
		return;
	log_begin(&l,
	    rc == SMX_OK || refused ? SMX_LOG_NOTICE : SMX_LOG_WARNING, NULL,
	    event);
	log_str(&l, "domain", r->value[PFPOLICY_DOMAIN]);
	log_str(&l, "client", r->value[PFPOLICY_CLIENT]);
	log_str(&l, "why", why);
	if (domains != 0)
		log_num(&l, "domains", (int64_t)domains);
	log_err(&l, "result", rc);
	log_unsaid(&l, limit->unsaid);
	log_end(&l);
	limit->unsaid = 0;
}

/* How many of them.  Nothing is begun where nothing is on hold: a primary that
 * asks now and then would otherwise count as up for an hour after it fell. */
static size_t
let_go(struct etrn_asked *asked, size_t count, int *rc)
{
	struct backup *backup = node_backup(asked->node);
	struct releaser *releaser = backup_releaser(backup);
	struct books *books = backup_books(backup);
	int64_t until_ms = clock_mono_ms() + FLUSH_MS;
	size_t n = 0;

	if (count > DOMAINS_MAX)
		*rc = SMX_ELIMIT;
	for (; n < count && n < DOMAINS_MAX; n++) {
		int one = SMX_OK;

		if (books_holds(books, asked->below[n]))
			one =
			    releaser_flush(releaser, asked->below[n], until_ms);
		if (one != SMX_OK) {
			*rc = one;
			break;
		}
	}
	return n;
}

static const char *
ask(struct etrn_asked *asked, const struct pfpolicy *r, const char *domain)
{
	struct backup *backup = node_backup(asked->node);
	const char *client = r->value[PFPOLICY_CLIENT], *why;
	size_t watched, count;
	int rc = SMX_OK;
	struct ip ip;

	if (backup == NULL)
		return "DUNNO";
	if (ip_parse(client, strlen(client), &ip) != SMX_OK)
		memset(&ip, 0, sizeof(ip)); /* nobody's */
	why = trusted(asked, r, &ip);
	count = primaries_below(backup_primaries(backup), domain,
	    why != NULL ? NULL : &ip, asked->below, DOMAINS_MAX, &watched);
	if (watched == 0)
		return "DUNNO"; /* Postfix's own mail, and its own rules */
	if (count == 0) {
		tell(asked, r, "no primary MX of it", 0, SMX_EPERM);
		return "459 4.7.1 only its primary MX may ask for it";
	}
	count = let_go(asked, count, &rc);
	tell(asked, r, why != NULL ? why : "primary", count, rc);
	return rc == SMX_OK ? "DUNNO" : "458 4.3.2 too much is asked for";
}

void
etrn_answer(void *ctx, const struct pfpolicy *request, char out[ETRN_ANSWER])
{
	char domain[PFPOLICY_VALUE];
	const char *answer = "DUNNO";

	switch (pfpolicy_etrn(request, domain)) {
	case PFPOLICY_NO_ETRN:
		break;
	case PFPOLICY_QUEUE:
		answer = "458 4.5.1 no queue has a name here";
		break;
	case PFPOLICY_ASKED:
		answer = ask(ctx, request, domain);
		break;
	}
	(void)text_copy(out, ETRN_ANSWER, answer);
}
