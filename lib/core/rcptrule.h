/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CORE_RCPTRULE_H
#define CORE_RCPTRULE_H

#include "core/backup.h"
#include "core/firsttry.h"
#include "core/hopanswer.h"
#include "core/rcptage.h"

/*
 * What to answer to RCPT for a recipient whose domain this host is the backup
 * MX of.  Asked again with each fact that it wants, until it has an answer:
 * what costs something (a place among the first tries, a look into the ledger,
 * the primary's time) is only fetched when the answer depends on it.
 */
enum rule_said { /* by the primary, asked now */
	RULE_NOT_ASKED = 0,
	RULE_SAID_YES,
	RULE_SAID_NO,
	RULE_SAID_NOTHING, /* 4xx, or it could not be asked */
	RULE_CROWDED       /* nobody asked it: too many are being asked for */
};

struct rcptrule {
	enum mx_state state;
	int announced;    /* maintenance: as if it were down */
	int null_mx;      /* the DNS says that the domain takes no mail */
	int64_t while_up; /* enum backup_while_up */
	int64_t unknown;  /* enum backup_unknown */

	int own;        /* this host's own mail */
	int trusted;    /* or of somebody it serves */
	int exempt;     /* of backup.exempt */
	int postmaster; /* the one recipient that every domain has */
	int harvester;  /* has named too many that do not exist */

	enum firsttry_word tried; /* 0: not looked up yet */
	int looked;               /* the ledger; then: */
	int blind;                /* it could not be read */
	struct rcpt_sight sight;
	int takes_all; /* the primary takes invented recipients, too */
	enum rule_said said;
};

enum rule_step {
	/* wanted before there is an answer */
	RULE_WANT_TRY = 1,
	RULE_WANT_LOOK,
	RULE_WANT_ASK,
	/* the answer is yes */
	RULE_TAKE,
	RULE_HOLD, /* taken, and to be put on hold */
	/* not now */
	RULE_LATER_UP,      /* there is the primary */
	RULE_LATER_UNKNOWN, /* nobody can say whether it exists */
	RULE_LATER_HARVEST,
	RULE_LATER_CROWD,
	/* no */
	RULE_NO_KNOWN,   /* the primary has refused it before */
	RULE_NO_SAID,    /* it does now */
	RULE_NO_UNKNOWN, /* by policy, as nobody has said that it exists */
	RULE_NO_MAIL,    /* its domain takes none (RFC 7505) */
	RULE_STEPS
};

enum rule_step rcptrule(const struct rcptrule *r);
/* Does this answer count against its client as a guess? */
int rcptrule_is_guess(const struct rcptrule *r, enum rule_step step);
/* What the primary is taken to be, when this is decided. */
int rcptrule_is_down(const struct rcptrule *r);

/* SMX_OK, SMX_ETEMP or SMX_EREFUSED, with what to answer in *words.  host may
 * be "" when it is not known; said: for RULE_NO_SAID. */
int rcptrule_words(enum rule_step step, const char *host, const char *domain,
    const struct hop_answer *said, struct hop_answer *words) SMX_MUST_USE;
const char *rcptrule_name(enum rule_step step); /* for the log */

/* Does a refusal say that this recipient does not exist?  Not when it is about
 * the sender, about us or about the system; then nothing is learned. */
int rcptrule_is_bad(const struct hop_answer *answer);

#endif
