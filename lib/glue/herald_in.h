/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_HERALD_IN_H
#define GLUE_HERALD_IN_H

#include <pthread.h>

#include "core/conf.h"
#include "core/rcptset.h"
#include "glue/herald.h"
#include "io/listfile.h"
#include "io/listsum.h"

/* For herald*.c and command_herald.c only. */
#define HERALD_STEP_MS    500
#define HERALD_REQUEST_MS 10000

/* What one member has heard of one domain. */
struct herald_ear {
	int64_t told_ms; /* end of the maintenance that it knows of; below 0
			  * that it ended early; HERALD_UNTOLD */
	int drained;     /* it has been asked for the mail since it, or this
			  * host's MTA, came up */
	int refused;     /* it does not take our word for it, which was said */
	int64_t look_ms; /* what list it has is asked for again then; monotonic
			  */
};
#define HERALD_UNTOLD INT64_MIN

struct herald_list {
	struct rcptset set;
	uint8_t digest[SMX_DIGEST_BYTES]; /* none: there is no list */
};

struct herald_domain {
	const char *name;
	int64_t until_ms; /* under lock: end of the announced maintenance, wall
			   * clock; 0 none */
	int over;         /* under lock: it ended early */
	struct herald_list now, before;
	struct herald_ear *ears; /* one for each member of the group */
};

struct herald_group {
	const struct conf_primary_for *conf; /* of herald.config */
	struct herald_domain *domains;       /* conf->domain_count of them */
	size_t *peers;   /* numbers of conf->members; SIZE_MAX none */
	int64_t look_ms; /* at the file, again */
	struct listfile_mark seen, read;
	char trouble[160]; /* with the file, which was said */
};

struct herald {
	struct smx_engine *node;
	pthread_t thread;
	int running;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int ending, kicked; /* under lock */

	/* The thread's; groups and their domains' names change under lock. */
	struct smx_config *config;
	struct herald_group *groups;
	size_t group_count;
	int64_t *rest_ms; /* one for each peer: not before then */
	int *older;       /* it is too old for this, which was said */
};

/* Of an announced maintenance, for the next life of this process. */
int herald_note(struct herald *herald,
    const struct herald_domain *domain) SMX_MUST_USE;
int herald_ending(struct herald *herald);
/* What the thread does twice a second. */
void herald_step(struct herald *herald);

/* herald_lists.c: read what has changed. */
void herald_look(struct herald *herald, struct herald_group *group);
void herald_list_free(struct herald_list *list);

/* herald_say.c: one request; what is wrong with the member is said once and
 * makes it rest. */
int herald_ask(struct herald *herald, size_t peer,
    const struct smx_request *request, struct smx_reply *reply);
void herald_say_maintenance(struct herald *herald, struct herald_group *group,
    size_t member);
/* The end of a maintenance that is announced will be a return. */
void herald_leave(struct herald *herald, struct herald_group *group,
    size_t member);
void herald_say_drain(struct herald *herald, struct herald_group *group,
    size_t member);
/* It does not take our word for the domain. */
void herald_refused(struct herald *herald, size_t peer,
    struct herald_domain *domain, struct herald_ear *ear);

/* herald_push.c: the list of one domain, if that is due. */
void herald_push(struct herald *herald, struct herald_group *group,
    size_t member, struct herald_domain *domain);

#endif
