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
};

/* A phrase: fixed words, then arguments.  run gets the arguments and returns an
 * exit status of <sysexits.h>. */
#define PHRASE_WORDS 2

struct phrase {
	const char *words[PHRASE_WORDS]; /* the second may be NULL */
	const char *arguments;           /* as --help shows them */
	int min;
	int max;
	const char *help;
	int (*run)(const struct ctl *ctl, const struct phrase *phrase,
	    char **args, int count);
};

extern const struct phrase phrases[];
extern const size_t phrase_count;

/* Find the phrase that argv begins with; words may be cut short as long as they
 * are unique.  NULL after having said on stderr what is possible. */
const struct phrase *phrase_find(char **argv, int argc, int *used);

/* ctl_key.c */
int ctl_key_generate(const struct ctl *, const struct phrase *, char **, int);
int ctl_key_show(const struct ctl *, const struct phrase *, char **, int);
/* ctl_config.c */
int ctl_config_check(const struct ctl *, const struct phrase *, char **, int);
int ctl_config_show(const struct ctl *, const struct phrase *, char **, int);
/* ctl_status.c */
int ctl_status(const struct ctl *, const struct phrase *, char **, int);
/* ctl_list.c */
int ctl_peer_list(const struct ctl *, const struct phrase *, char **, int);
int ctl_queue_list(const struct ctl *, const struct phrase *, char **, int);
/* ctl_queue.c */
int ctl_queue_show(const struct ctl *, const struct phrase *, char **, int);
int ctl_queue_cat(const struct ctl *, const struct phrase *, char **, int);
/* ctl_ask.c: commands without an answer but their result */
int ctl_order(const struct ctl *, const struct phrase *, char **, int);

/*
 * Ask the daemon: the phrase's words and the arguments.  With --json the lines
 * go to stdout as they are; else each goes to line.  Returns an exit status;
 * what went wrong has been said on stderr.
 */
int ctl_ask(const struct ctl *ctl, const struct phrase *phrase, char **args,
    int count, smx_line_fn line, void *line_ctx);
/* The exit status for a result of the library's. */
int ctl_status_of(int rc);

#endif
