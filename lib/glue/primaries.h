/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_PRIMARIES_H
#define GLUE_PRIMARIES_H

#include "glue/backup.h"

/*
 * Are the primary MX hosts up?  Probed by threads of its own, told by whoever
 * has spoken with one; core/mxhealth.h decides.  States and outages are in the
 * database and survive a restart.
 */
int primaries_new(struct primaries **out, struct backup *backup) SMX_MUST_USE;
int primaries_start(struct primaries *primaries) SMX_MUST_USE;
void primaries_join(struct primaries *primaries); /* after backup_rest's word */
void primaries_free(struct primaries **primaries);

struct primaries_word {
	enum mx_state state;
	int announced;    /* maintenance: down, and nobody is alarmed */
	int null_mx;      /* the last answer of the DNS: it takes no mail */
	int64_t since_ms; /* wall clock, of the state */
	char host[256];   /* the one that is up, or the first: for words */
	char why[160];    /* of the last change */
};
/* Does not wait.  A domain that was never asked for is watched from now on; its
 * state is MX_UNKNOWN until the first probes are in. */
enum mx_state primaries_state(struct primaries *primaries,
    const struct smx_backup *backup, const char *domain,
    struct primaries_word *out);
/* A delivery or a question of somebody else went well (or not: the host could
 * not be reached, or sent everybody away; or MX_BUSY of core/mxhealth.h). */
void primaries_heard(struct primaries *primaries, const char *hop, int well,
    const char *why);
/* The same of the MTA's own deliveries, "[192.0.2.1]:25": of every host that
 * had this address when it was probed last. */
void primaries_relay(struct primaries *primaries, const char *relay, int well);
/* Is this, as for primaries_relay, one of the hosts of the domain? */
int primaries_is_of(struct primaries *primaries, const char *domain,
    const char *relay) SMX_MUST_USE;
/* Ask the domain's primary whether it would take mail for this recipient
 * (MAIL from <>, RCPT, RSET), the hosts in their order.  HOP_UNREACHABLE: none
 * could be asked in time.  What comes of it counts as heard. */
void primaries_ask(struct primaries *primaries, const struct smx_backup *backup,
    const char *domain, const char *rcpt, int64_t until_mono_ms,
    struct hop_answer *out);

/* Its hosts for the books, PRIMARIES_OF_ONE at most; down_ms 0: it is not down.
 * None while a maintenance is announced but for those that are. */
struct backup_mail_host; /* io/backup_outages.h */
#define PRIMARIES_OF_ONE 16
size_t primaries_down(struct primaries *primaries, const char *domain,
    struct backup_mail_host *out);

/* All domains that are watched, each once; non-zero from each stops. */
typedef int (*primaries_fn)(void *ctx, const char *domain,
    const struct smx_backup *backup, const struct primaries_word *word);
int primaries_each(struct primaries *primaries, primaries_fn each, void *ctx);

/*
 * This domain and those below it that have a primary MX host at this address
 * (NULL: all of them): how many, the first max in out, itself among them.
 * *watched: how many there are, whoever their hosts are.
 */
struct ip; /* core/ip.h */
size_t primaries_below(struct primaries *primaries, const char *domain,
    const struct ip *from, char (*out)[BACKUP_DOMAIN_MAX + 1], size_t max,
    size_t *watched);

/* An operator's word: down on purpose from now until then (wall clock), 0: no
 * more.  Durable.  SMX_ENOTFOUND: no policy has a backup group for it. */
int primaries_maintain(struct primaries *primaries, const char *domain,
    int64_t until_ms) SMX_MUST_USE;
/* How long the one that was announced goes on; 0: none was. */
int64_t primaries_maintained(struct primaries *primaries, const char *domain);

/* When the hosts of this domain were down, the newest first; those that lasted
 * until then (wall clock) or longer.  Non-zero from each stops. */
struct backup_outage; /* io/backup_hosts.h */
typedef int (
    *primaries_outage_fn)(void *ctx, const struct backup_outage *outage);
int primaries_outages(struct primaries *primaries, const char *domain,
    int64_t since_ms, primaries_outage_fn each, void *ctx) SMX_MUST_USE;

#endif
