/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_PFQUEUE_H
#define IO_PFQUEUE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <shadowmx/queue.h>

#include "core/pfid.h"
#include "core/pflog.h"
#include "core/pfverify.h"
#include "io/logtail.h"
#include "io/pfcat_run.h"
#include "io/pfqueue_marker.h"
#include "io/pfqueue_read.h"
#include "io/pfends.h"
#include "io/pfqueue_table.h"
#include "io/pfroute.h"

/*
 * Postfix's queue, watched from outside; the inside of struct smx_queue.
 *
 *	pfqueue.c	 the port, its turns, beginning to watch
 *	pfqueue_open.c	 opening and closing
 *	pfqueue_watch.c	 inotify: which folders, which event means which file
 *	pfqueue_note.c	 what a file's move says about its message
 *	pfqueue_relay.c	 what the log says of hosts that mail went to
 *	pfqueue_verify.c readings of the folders, and what qualifies an absence
 *	pfqueue_file.c	 one committed file, found and opened
 *	pfqueue_read.c	 envelopes, a batch of files at a time
 *	pfqueue_copy.c	 one message whole
 *	pfqueue_list.c	 what is there when a reader begins
 *	pfqueue_local.c	 what sendmail(1) left for pickup(8)
 *	pfqueue_ring.c	 the two bounded queues, in and out
 *
 * One thread calls everything but verify, read and state, which take the lock,
 * and open and route, which use only what does not change.
 */
#define PFQUEUE_VERIFY_MAX 65536 /* ids waiting to be looked for */
#define PFQUEUE_EVENTS_MAX 8192  /* events waiting to be fetched */
#define PFQUEUE_SEEN_MAX   65536 /* messages whose beginning or end was seen */
#define PFQUEUE_FACTS_MAX  65536 /* requeues, links, files taken away */
#define PFQUEUE_STRAYS_MAX 4096
#define PFQUEUE_BATCH      500 /* ids looked for in one turn */
#define PFQUEUE_LOG_BACK   (64u * 1024 * 1024)
#define PFQUEUE_RELAYS     64
#define PFQUEUE_LOCAL_MAX  10000 /* counted in maildrop, no more */
#define PFQUEUE_PATH       48    /* "deferred/F/2/C/6" */

struct pfwatch {
	enum pf_folder folder;
	int lost;
	char path[PFQUEUE_PATH]; /* "": no folder under this number */
};

/* Flags of entries, by table. */
enum {
	SEEN_BEGUN = 1,     /* its file was made while we watched */
	SEEN_CLOSED = 2,    /* its writer closed it */
	SEEN_COMMITTED = 4, /* told */
	SEEN_ENDED = 8,     /* deleted from a message folder */

	FACT_REQUEUED = 1, /* went to maildrop: lives on under a new id */
	FACT_LINKED = 2,   /* and that id is in other */
	FACT_DISPUTED = 4, /* the log names several */
	FACT_AWAY = 8,     /* left the folders that are watched */
	FACT_FOUND = 16,   /* only taken for a requeue: was in maildrop first */

	STRAY_TOLD = 1
};

struct pfpending {
	char id[PFID_TEXT]; /* "": was no queue id, answer UNKNOWN */
	char given[64];
	uint64_t token;
};

struct pfstray {
	char id[PFID_TEXT];
	int64_t due_ms;
};

struct pfplace {
	dev_t dev;
	ino_t ino;
};

struct pflisting { /* pfqueue_list.c */
	int on;
	size_t step;  /* which kind of folder */
	size_t watch; /* number of the folder */
	void *dir;    /* that is being read; NULL none */
};

struct pflocal { /* pfqueue_local.c */
	size_t count;
	int64_t oldest_ms; /* wall; only with a count */
	int changed;       /* something happened in maildrop */
};

struct pfqueue {
	char *queue_directory;
	char *log_file;         /* "" none */
	char *marker_directory; /* never "" */
	char boot[PFMARKER_BOOT];
	int64_t settle_ms; /* how long a log line may take to arrive */
	int64_t stray_ms;  /* how long a delete may follow a close */

	int epoll_fd;
	int wake_fd;
	int queue_fd;
	int inotify_fd;
	struct pfplace place[PF_FOLDERS + 1]; /* last: the queue folder */
	struct pfwatch *watch;                /* by watch descriptor */
	size_t watches;
	int depth[PF_FOLDERS]; /* levels of subfolders seen */
	int misplaced; /* a file was not where its id says: look everywhere */
	int growing;   /* what is found now was put there just now */

	int broken;    /* the watch lost events or folders: begin anew */
	int blind;     /* it could not: every answer is UNKNOWN */
	int read_lost; /* events were lost since the last drain */
	int64_t retry_ms;
	int64_t began_ms; /* of this watch */
	int64_t grew_ms;  /* when a new subfolder was last seen */

	struct pftable seen, facts, strays;
	struct pfbloom forgotten; /* facts pushed out of the table */
	struct pfstray stray[PFQUEUE_STRAYS_MAX];
	size_t stray_first, strays_due;
	struct { /* a MOVED_FROM whose MOVED_TO is still to come */
		char name[64];
		uint32_t cookie;
		enum pf_folder folder;
		int is_id;
	} moved;

	struct pfverify_item *item; /* of the batch being looked for */
	size_t items;
	struct pftable batch; /* id to item number */

	struct logtail *log;
	int log_quiet; /* reading what is old: no events */
	int64_t log_ms, health_ms;
	int64_t heartbeat_ms, count_ms; /* when the marker counts on */
	int deliveries;                 /* are told */
	struct pfends ends;             /* kept when they are told, too */
	struct {
		char relay[64];
		enum smx_queue_event_kind kind;
		int64_t told_ms;
	} relays[PFQUEUE_RELAYS]; /* by their hash: told of last */

	struct pfmarker marker;

	struct pfcat_tool tool;
	int64_t tool_ms;                /* when to look for it again */
	struct pftransports transports; /* has a lock of its own */
	struct pfread read;
	struct pflisting listing;
	struct pflocal local;

	struct smx_queue_event *ring;
	size_t ring_first, ring_count;
	size_t ring_text; /* bytes of texts in it */

	pthread_mutex_t lock; /* below */
	struct pfpending *pending;
	size_t pending_first, pending_count;
	struct smx_queue_state state;
	int state_known;
	int want_deliveries, want_ends; /* what is told from the next turn on */
};

/* As smx_queue_open_postfix; the other members are for tests. */
struct pfqueue_options {
	struct smx_queue_postfix_options postfix;
	const char *boot;    /* NULL: the kernel's */
	int64_t settle_ms;   /* 0: 2 s */
	int64_t stray_ms;    /* 0: 2 s */
	const char *postcat; /* NULL: Postfix's */
};
int pfqueue_open(struct pfqueue **out, const struct pfqueue_options *options,
    char *why, size_t why_size) SMX_MUST_USE;
void pfqueue_close(struct pfqueue **q);
/* The port's functions, for struct smx_queue; ctx is a struct pfqueue.  The
 * others have neither read nor open: for a queue whose configuration is not
 * known. */
extern const struct smx_queue_ops pfqueue_ops_watch;
extern const struct smx_queue_ops pfqueue_ops;

/* For an own poll loop: readable when a turn has work.  Without it a turn is
 * due after pfqueue_wait_ms(). */
int pfqueue_fd(const struct pfqueue *q);
int64_t pfqueue_wait_ms(struct pfqueue *q);
/* Take in what happened and answer a batch; never waits. */
void pfqueue_turn(struct pfqueue *q);
/* Fetch events that turns have made; their texts are the caller's. */
size_t pfqueue_take(struct pfqueue *q, struct smx_queue_event *events,
    size_t max);

/* ---- between the files ---- */

/* pfqueue.c */
int pfqueue_start(struct pfqueue *q, char *why, size_t why_size);

/* pfqueue_watch.c */
const char *pfqueue_folder(enum pf_folder folder);
int pfqueue_watch_start(struct pfqueue *q, char *why, size_t why_size);
void pfqueue_watch_stop(struct pfqueue *q);
/* Take in all events that are waiting; non-zero: some were lost. */
int pfqueue_drain(struct pfqueue *q);
/* Non-zero: the folders of that name are the ones that are watched. */
int pfqueue_watch_valid(struct pfqueue *q);

/* pfqueue_note.c: name is a file in that folder */
struct pfnote {
	uint32_t mask; /* inotify's; 0: found by the scan */
	uint32_t cookie;
	enum pf_folder folder;
	const char *path;
	const char *name;
};
void pfqueue_note(struct pfqueue *q, const struct pfnote *note);
/* A MOVED_FROM that nothing followed: the file left. */
void pfqueue_note_settle(struct pfqueue *q);
void pfqueue_note_strays(struct pfqueue *q, int64_t now_ms);
void pfqueue_note_log(void *ctx, const char *line, size_t len);
/* 1 complete, 0 not, -1 not there, -2 cannot tell */
int pfqueue_complete(struct pfqueue *q, const char *path, const char *id);

/* pfqueue_relay.c: what a line of the log says of the host at the other end */
void pfqueue_relay(struct pfqueue *q, const struct pflog_line *line,
    enum smx_queue_event_kind kind);
/* and of this recipient, whom it may have refused for good */
void pfqueue_refused(struct pfqueue *q, const struct pflog_line *line,
    uint64_t sum);

/* pfqueue_verify.c */
void pfqueue_verify_turn(struct pfqueue *q, int64_t now_ms);
void pfqueue_verify_touch(struct pfqueue *q, const char *id);

/* pfqueue_list.c */
void pfqueue_list_start(struct pfqueue *q);
void pfqueue_list_stop(struct pfqueue *q);
void pfqueue_list_turn(struct pfqueue *q);
/* Non-zero: a turn is due. */
int pfqueue_list_goes_on(const struct pfqueue *q);

/* pfqueue_local.c: count again if something may have changed; say it */
void pfqueue_local(struct pfqueue *q);
void pfqueue_local_tell(const struct pfqueue *q, struct smx_queue_state *out);

/* pfqueue_ring.c */
void pfqueue_emit(struct pfqueue *q, enum smx_queue_event_kind kind,
    const char *id, const char *other);
void pfqueue_emit_of(struct pfqueue *q, enum smx_queue_event_kind kind,
    const char *id, const char *other, uint64_t token);
void pfqueue_answer(struct pfqueue *q, const struct pfpending *asked,
    enum smx_presence presence, const char *other);
/* text is taken; NULL: could not be read */
void pfqueue_answer_read(struct pfqueue *q, const char *id, uint64_t token,
    int held, char *text);
size_t pfqueue_room(const struct pfqueue *q);
void pfqueue_ring_clear(struct pfqueue *q);
int pfqueue_ask(struct pfqueue *q, const char *const *ids, size_t count,
    uint64_t token);
/* Another one asks and reads from here on: what was asked and what waits is
 * dropped, a RESET must follow. */
void pfqueue_new_reader(struct pfqueue *q);
size_t pfqueue_asked(struct pfqueue *q, struct pfpending *out, size_t max);

#endif
