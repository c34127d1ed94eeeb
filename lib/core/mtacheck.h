/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_MTACHECK_H
#define CORE_MTACHECK_H

#include <stddef.h>
#include <stdint.h>

#include <shadowmx/check.h>

#include "core/arena.h"
#include "core/conf.h"
#include "core/endpoint.h"
#include "core/mtaconf.h"

/*
 * Judges what Postfix is set up to do against what the configuration promises.
 * Values in, findings out.
 */

/* Names that were found, and how many there were. */
#define MTA_NAMES_MAX 8

struct mta_names {
	const char *name[MTA_NAMES_MAX];
	size_t kept, count;
};

/* A table or setting that changes addresses of mail which shadowmx may deliver
 * itself. */
#define MTA_REWRITES_MAX 32

struct mta_rewrite {
	const char *setting;
	const char *table; /* as in the setting */
	const char *word;  /* "aliases" */
	const char *does;  /* "rewrites" */
	const char *policy;
	const char *unlisted; /* why it cannot be listed, NULL: it can */
	int all;              /* it is for all mail */
	size_t entries;
	struct mta_names names; /* of recipients in question */
};

/* What only a look at the machine can tell.  Everything unknown is 0 or "". */
struct mta_facts {
	int asked;          /* postconf has answered */
	const char *answer; /* what it said instead */

	/* Non-empty: the user that smtpd runs as cannot pass this folder, or
	 * cannot connect to the socket. */
	const char *closed_folder;
	const char *closed_socket;
	int socket_made;         /* it is there; else it will be made so */
	const char *owner_group; /* of mail_owner */
	const char
	    *no_socket; /* the daemon runs, and there is no socket here */

	/* The queue's folder with all links followed: as Postfix has it, and
	 * as mta.queue_directory has it. */
	const char *queue_real;
	const char *our_queue_real;

	int log_missing;    /* mta.log is set and there is no such file */
	int log_unreadable; /* mta.owner cannot read it */
	int log_of_root;    /* its group is root's */
	int log_unwritable; /* mta.owner cannot write to it */

	/* The default main.cf could be read, is not ours, and does not name our
	 * folder: its path. */
	const char *unlisted_in;

	/* With "delivered" in some policy: */
	struct mta_rewrite rewrites[MTA_REWRITES_MAX];
	size_t rewrite_count;
	struct mta_names local_names; /* "@domain", of mydestination */
	const char *local_policy;     /* that delivers them elsewhere */

	/* Domains of policies with a backup group: */
	struct mta_names backup_local; /* delivered here, as this has it: */
	const char *backup_local_setting;
	struct mta_names backup_foreign;  /* not in relay_domains */
	struct mta_names backup_unrouted; /* in no table: to relayhost */
	uint64_t backup_unchecked;        /* of these nobody asked all of it */
};

/* Ways in for resubmission, in this order. */
enum mta_way { MTA_WAY_PLAIN, MTA_WAY_AMENDED, MTA_WAY_HELD, MTA_WAYS };

struct mta_check {
	const struct conf *conf;
	const char *config_directory;
	const struct mta_values *main; /* effective */
	const struct mta_values *raw;  /* as written */
	const struct mta_services *services;
	const struct mta_facts *facts;
	/* Over all policies that ask for something: */
	int64_t max_delay_ms;
	int shadows;         /* any for a shadow */
	int delivers;        /* any for an answer of the next hop */
	int refuses;         /* any with when_unprotected tempfail */
	int backs_up;        /* any with a backup group */
	int discards;        /* messages are answered DISCARD */
	int rcpt_unanswered; /* too many recipients: heard at the end only */

	/* Of those with a backup group, as nexthop_format() writes them. */
	const char *const *primaries;
	size_t primary_count;

	/* Are these two paths the same file?  NULL: when they read the same. */
	int (*same_path)(const char *a, const char *b);
	smx_finding_fn each;
	void *ctx;

	/* Below: the check's own. */
	struct arena *arena;
	const char *queue;          /* Postfix's queue_directory */
	char milter[ENDPOINT_TEXT]; /* our milter in Postfix's words */
	const struct mta_service *way[MTA_WAYS];
	int said_milter; /* main.cf's list was complained of */
};

/* SMX_ENOMEM */
int mtacheck_run(struct mta_check *check, struct arena *arena) SMX_MUST_USE;

#endif
