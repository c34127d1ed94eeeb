/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_HELPER_H
#define GLUE_HELPER_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include <shadowmx/err.h>

/*
 * The helper: a process with the rights for postsuper(1) and postqueue(1),
 * which does nothing but these six things to messages named by their queue ids.
 * It believes nothing that it is told: whatever is not a verb of this list and
 * a list of well-formed queue ids is dropped.
 */
enum helper_verb {
	HELPER_HOLD = 1, /* postsuper -h */
	HELPER_RELEASE,  /* postsuper -H; put into deferred, flush follows */
	HELPER_REQUEUE,  /* postsuper -r: under a new id; postkick(1) has
			  * pickup(8) look at once */
	HELPER_DELETE,   /* postsuper -d */
	HELPER_EXPIRE,   /* postsuper -f: from hold; goes back to its sender
			  * at the next attempt, flush follows */
	HELPER_FLUSH     /* postqueue -i: try to deliver now */
};
#define HELPER_IDS_MAX 1000

struct helper_options {
	const char *config_directory; /* of the MTA; absolute */
	const char *postsuper;        /* NULL: /usr/sbin/postsuper */
	const char *postqueue;        /* NULL: /usr/sbin/postqueue */
	const char *postkick;         /* NULL: /usr/sbin/postkick */
	int64_t limit_ms;             /* for one command, 0: 60 s */
};

/* The process.  Returns an exit status when *stop is set or fd has failed. */
int helper_main(int fd, const struct helper_options *options,
    volatile sig_atomic_t *stop);

/* The worker's end.  fd is lent until free. */
struct helper;
int helper_new(struct helper **out, int fd) SMX_MUST_USE;
void helper_free(struct helper **helper);
/*
 * Any thread; one request runs at a time, others wait for it.  *done (may be
 * NULL) is the number of messages that the command reported; ids that are not
 * in the queue are no error.  SMX_EINVAL: an argument was not acceptable;
 * SMX_ETIMEOUT: nothing was sent; SMX_EUNSURE: sent, no answer in time, or
 * the process ended before it answered;
 * SMX_EIO: the command failed, maybe in part; SMX_EUNREACHABLE: no helper.
 */
int helper_ask(struct helper *helper, enum helper_verb verb,
    const char *const *ids, size_t count, int64_t deadline_mono_ms,
    size_t *done) SMX_MUST_USE;

#endif
