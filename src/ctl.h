/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SRC_CTL_H
#define SRC_CTL_H

#include <stddef.h>

#include <shadowmx/shadowmx.h>

/* What the command line said, for the handlers of its phrases. */
struct ctl {
	const char *config_file;
	const char *socket; /* NULL: as the configuration says */
	int json;
	unsigned given;         /* OPTION_* bits of what was given */
	const char *primary;    /* OPTION_PRIMARY */
	const char *state;      /* OPTION_STATE */
	long long wait_ms;      /* OPTION_WAIT */
	long long for_ms;       /* OPTION_FOR */
	const char *domains;    /* OPTION_DOMAINS */
	const char *recipients; /* OPTION_RECIPIENTS: a file */
	const char *since;      /* OPTION_SINCE */
	/* OPTION_MEANT, NULL or 0 when not given: */
	const char *until, *recipient, *sender, *message_id;
	long long limit;
};

/* Options that belong to some phrases only. */
#define OPTION_ALL        0x01u
#define OPTION_CHANGED    0x02u
#define OPTION_PRIMARY    0x04u
#define OPTION_STATE      0x08u
#define OPTION_WAIT       0x10u
#define OPTION_YES        0x20u
#define OPTION_BRIEF      0x40u
#define OPTION_DOMAINS    0x80u
#define OPTION_RECIPIENTS 0x100u
#define OPTION_FOR        0x200u
#define OPTION_DRY        0x400u
#define OPTION_MEANT      0x800u /* what a replay is of */
#define OPTION_SINCE      0x1000u

/* A phrase: fixed words, then arguments.  run gets the arguments and returns an
 * exit status. */
#define PHRASE_WORDS 2
#define PHRASE_MANY  1000000

struct phrase {
	const char *words[PHRASE_WORDS]; /* the second may be NULL */
	const char *arguments;           /* as --help shows them */
	int min;
	int max;
	unsigned options;
	const char *help;
	int (*run)(const struct ctl *ctl, const struct phrase *phrase,
	    char **args, int count);
};

extern const struct phrase phrases[];
extern const size_t phrase_count;

/* Find the phrase that argv begins with; words may be cut short as long as they
 * are unique.  NULL after having said on stderr what is possible. */
const struct phrase *phrase_find(char **argv, int argc, int *used);

/* Exit statuses of our own, beside those of <sysexits.h>. */
#define EX_NOT_ALL 1 /* an order was not carried out for all */
/* Of status, as monitoring systems read them. */
#define EX_WARNING  1
#define EX_CRITICAL 2
#define EX_UNKNOWN  3

/* ctl_key.c */
int ctl_key_generate(const struct ctl *, const struct phrase *, char **, int);
int ctl_key_show(const struct ctl *, const struct phrase *, char **, int);
/* ctl_check.c */
int ctl_config_check(const struct ctl *, const struct phrase *, char **, int);
int ctl_config_domains(const struct ctl *, const struct phrase *, char **, int);
/* ctl_config.c */
int ctl_config_show(const struct ctl *, const struct phrase *, char **, int);
/* ctl_status.c */
int ctl_status(const struct ctl *, const struct phrase *, char **, int);
/* ctl_list.c */
int ctl_peer_list(const struct ctl *, const struct phrase *, char **, int);
int ctl_queue_list(const struct ctl *, const struct phrase *, char **, int);
/* ctl_queue.c */
int ctl_queue_show(const struct ctl *, const struct phrase *, char **, int);
int ctl_queue_cat(const struct ctl *, const struct phrase *, char **, int);
/* ctl_order.c */
int ctl_queue_order(const struct ctl *, const struct phrase *, char **, int);
/* ctl_drain.c */
int ctl_peer_drain(const struct ctl *, const struct phrase *, char **, int);
int ctl_drain(const struct ctl *, const struct phrase *, char **, int);
/* ctl_fence.c */
int ctl_fence(const struct ctl *, const struct phrase *, char **, int);
/* ctl_nexthop.c */
int ctl_nexthop(const struct ctl *, const struct phrase *, char **, int);
/* ctl_backup.c */
int ctl_backup_list(const struct ctl *, const struct phrase *, char **, int);
int ctl_backup_order(const struct ctl *, const struct phrase *, char **, int);
int ctl_backup_drain(const struct ctl *, const struct phrase *, char **, int);
int ctl_backup_flush(const struct ctl *, const struct phrase *, char **, int);
/* ctl_books.c */
int ctl_backup_show(const struct ctl *, const struct phrase *, char **, int);
int ctl_backup_report(const struct ctl *, const struct phrase *, char **, int);
/* ctl_maintenance.c */
int ctl_maintenance(const struct ctl *, const struct phrase *, char **, int);
/* ctl_recipient.c */
int ctl_recipient(const struct ctl *, const struct phrase *, char **, int);
/* ctl_mx.c */
int ctl_mx(const struct ctl *, const struct phrase *, char **, int);
/* ctl_leave.c */
int ctl_leave(const struct ctl *, const struct phrase *, char **, int);
/* ctl_replay.c */
int ctl_replay(const struct ctl *, const struct phrase *, char **, int);
/* ctl_ask.c: for waits; not the wall clock */
long long ctl_now_ms(void);
/* commands without an answer but their result */
int ctl_order(const struct ctl *, const struct phrase *, char **, int);

/*
 * Ask the daemon: the phrase's words and the arguments.  With --json the lines
 * go to stdout as they are; else each goes to line.  Returns an exit status;
 * what went wrong has been said on stderr.
 */
int ctl_ask(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count, smx_line_fn line, void *line_ctx);
/* The same with a whole command, and every line to line. */
#define COMMAND_MAX 4000
int ctl_say(const struct ctl *ctl, const char *command, smx_line_fn line,
    void *line_ctx);
/* The same again; says nothing, and returns the library's result. */
int ctl_say_quietly(const struct ctl *ctl, const char *command,
    smx_line_fn line, void *line_ctx, char *why, size_t why_size);
/* Say on stderr what went wrong; returns the exit status. */
int ctl_complain(const struct ctl *ctl, int rc, const char *why);
/* The phrase, --yes if it was given, and the arguments as one command; says
 * what is wrong with them. */
int ctl_join(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count, char *out, size_t size);
/* The exit status for a result of the library's. */
int ctl_status_of(int rc);

#endif
