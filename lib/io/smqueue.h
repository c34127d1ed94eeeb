/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef IO_SMQUEUE_H
#define IO_SMQUEUE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <shadowmx/queue.h>

#include "core/smid.h"
#include "core/smlog.h"
#include "core/smqf.h"
#include "io/logtail.h"
#include "io/pfends.h"
#include "io/pfqueue_marker.h"
#include "io/pfqueue_table.h"
#include "io/smkin.h"

/*
 * Sendmail's queue, watched from outside; the inside of a struct smx_queue, as
 * pfqueue.h is for Postfix's.
 *
 *	smqueue.c	  the port, its turns, beginning to watch
 *	smqueue_open.c	  opening and closing
 *	smqueue_folders.c which folders there are
 *	smqueue_watch.c	  inotify, and what a file's move says
 *	smqueue_log.c	  what the log says
 *	smqueue_verify.c  is it there, and what qualifies an absence
 *	smqueue_file.c	  one file, found, looked at and opened
 *	smqueue_read.c	  envelopes, and one message whole
 *	smqueue_ring.c	  the bounded queues, in and out
 *
 * The evidence.  A message is committed when its qf, or hf, ends as a complete
 * one does: it is written in place the first time, and takes the place of the
 * one before from then on (tf), so that there always is one.  It is finished
 * when there is neither, and what it was divided into (clones of lists with an
 * owner, queue groups, too many recipients) is finished, too: that only the log
 * tells, so without one nothing is ever said to be absent.
 *
 * A df alone is a message that still comes in: it waits for the milter, or its
 * session has died and nobody has it open any more.
 *
 * One thread calls everything but verify, read and state, which take the lock,
 * and open, which uses only what does not change, and the folders under theirs.
 */
#define SMQUEUE_FOLDERS_MAX 1024
#define SMQUEUE_VERIFY_MAX  65536 /* ids waiting to be looked for */
#define SMQUEUE_READ_MAX    10000 /* and to be read */
#define SMQUEUE_EVENTS_MAX  8192  /* events waiting to be fetched */
#define SMQUEUE_TEXT_MAX    (64u * 1024 * 1024) /* of texts in them */
#define SMQUEUE_SEEN_MAX    65536 /* messages whose beginning was seen */
#define SMQUEUE_ENDED_MAX   65536 /* that ended just now */
#define SMQUEUE_BATCH       500   /* ids looked for in one turn */
#define SMQUEUE_READ_BATCH  50
#define SMQUEUE_KIN_MAX     1000 /* looked for with one id */
#define SMQUEUE_LOG_BACK    (64u * 1024 * 1024)

/* One queue folder: "/var/spool/mqueue/q1", with "qf" and "df" below it where
 * they are. */
struct smfolder {
	char *path;
	int qf_fd, df_fd; /* the same where there are no folders below */
	int qf_watch;
	dev_t dev;
	ino_t ino;
	ino_t qf_ino; /* on the same file system */
};

/* Flags of entries of seen. */
enum {
	SMSEEN_COMMITTED = 1,
	SMSEEN_BEGUN = 2 /* and all that the log has said of it since */
};

struct smpending {
	char id[SMID_TEXT]; /* "": was no queue id, answer UNKNOWN */
	char given[64];
	uint64_t token;
};

/* What is asked for, in order; bounded. */
struct smasked {
	struct smpending *pending;
	size_t first, count, max;
};

struct smended {
	char id[SMID_TEXT];
	int64_t at_ms;
};

/* A control file that lost its name, until an event tells which one it has now.
 */
struct smmoving {
	char id[SMID_TEXT];
	uint32_t cookie;
	int64_t at_ms;
};
#define SMQUEUE_MOVING_MAX 16

struct smitem { /* of the batch being looked for */
	struct smpending asked;
	int touched, decided;
	enum smx_presence presence;
};

struct smqueue_options {
	/* As QueueDirectory, and the paths of queue groups: a folder, or with
	 * a star at the end all below it whose names begin so. */
	const char *const *paths;
	size_t path_count;
	const char *log_file;         /* "": nothing is ever absent */
	const char *pid_file;         /* "": whether it runs is not known */
	const char *marker_directory; /* "": shadowmx in the first folder */
	const char *domain;           /* of addresses without one; "" none */
	int64_t heartbeat_ms;         /* as for Postfix */
	int deliveries, ends;         /* as for Postfix */
	const char *boot;             /* NULL: the kernel's */
	int64_t settle_ms;            /* how long a log line may take; 0: 2 s */
	int64_t stray_ms; /* how old a df is at least that nobody wants; 0:
			   * 60 s */
};

struct smqueue {
	char **path; /* as in the options */
	size_t paths;
	char *log_file, *pid_file, *marker_directory, *domain;
	char boot[PFMARKER_BOOT];
	int64_t settle_ms, stray_ms, heartbeat_ms;
	int deliveries;

	int epoll_fd, wake_fd, inotify_fd;
	/* Changed by one thread only, and under this lock; others look under
	 * it. */
	pthread_mutex_t folders_lock;
	struct smfolder *folder;
	size_t folders;
	struct smmoving moving[SMQUEUE_MOVING_MAX]; /* oldest first */
	size_t movings;

	int broken; /* the watch lost events or folders: begin anew */
	int blind;  /* it could not: every answer is UNKNOWN */
	int64_t retry_ms, began_ms, log_ms, health_ms, count_ms;

	struct pftable seen;
	struct smkin kin;
	struct smended *ended; /* the last ones, for settle_ms */
	size_t ended_first, ended_count;
	struct pftable ending; /* the same by id */
	int64_t crowd_ms;      /* more than that ended: until then */

	struct smitem *item;
	size_t items;

	struct logtail *log;
	int log_quiet;  /* reading what is old: no events */
	int log_behind; /* there is more than could be read so far */
	struct pfends ends;
	struct pfmarker marker;

	struct smx_queue_event *ring;
	size_t ring_first, ring_count, ring_text;

	struct { /* what is there when a reader begins */
		int on;
		size_t folder;
		void *dir;
	} listing;

	pthread_mutex_t lock; /* below */
	struct smasked verify, read;
	struct smx_queue_state state;
	int state_known;
};

/* SMX_ECONFIG: folders that cannot be followed, why says it. */
int smqueue_open(struct smqueue **out, const struct smqueue_options *options,
    char *why, size_t why_size) SMX_MUST_USE;
void smqueue_close(struct smqueue **q);
/* The port's functions; ctx is a struct smqueue. */
extern const struct smx_queue_ops smqueue_ops;

/* For an own poll loop, as pfqueue_fd and so on. */
int smqueue_fd(const struct smqueue *q);
int64_t smqueue_wait_ms(struct smqueue *q);
void smqueue_turn(struct smqueue *q);
size_t smqueue_take(struct smqueue *q, struct smx_queue_event *events,
    size_t max);
void smqueue_new_reader(struct smqueue *q);

/* ---- between the files ---- */

/* smqueue.c */
int smqueue_start(struct smqueue *q, char *why, size_t why_size);

/* smqueue_folders.c */
int smqueue_folders_open(struct smqueue *q, char *why, size_t why_size);
void smqueue_folders_close(struct smqueue *q);
/* Non-zero: they are the ones that the paths name now. */
int smqueue_folders_valid(const struct smqueue *q);

/* smqueue_watch.c */
int smqueue_watch_start(struct smqueue *q, char *why, size_t why_size);
void smqueue_watch_stop(struct smqueue *q);
/* Take in all events that are waiting; non-zero: some were lost. */
int smqueue_drain(struct smqueue *q);
/* Those that have no name in our folders any more. */
void smqueue_moved_away(struct smqueue *q, int64_t now_ms);
int smqueue_is_moving(const struct smqueue *q, const char *id);
/* Say what is there, a piece in each turn. */
void smqueue_list_start(struct smqueue *q);
void smqueue_list_stop(struct smqueue *q);
void smqueue_list_turn(struct smqueue *q);

/* smqueue_log.c */
/* Non-zero: everything that the log holds has been read. */
int smqueue_log_start(struct smqueue *q);
void smqueue_log_turn(struct smqueue *q, int64_t now_ms);

/* smqueue_verify.c */
void smqueue_verify_turn(struct smqueue *q, int64_t now_ms);
void smqueue_verify_touch(struct smqueue *q, const char *id);
void smqueue_ended(struct smqueue *q, const char *id, int64_t now_ms);

/* smqueue_file.c */
enum smsight {
	SM_NOT_THERE = 0,
	SM_THERE,
	SM_UNCOMMITTED,
	SM_STRAY,
	SM_CORRUPT,
	SM_BLIND /* could not look */
};
enum smsight smqueue_look(struct smqueue *q, const char *id);
/* Opens it for reading; SMX_ENOTFOUND, SMX_EIO.  *folder is where it is. */
int smqueue_file_open(const struct smqueue *q, enum smid_file file,
    const char *id, int *fd, size_t *folder);
/* Whether a control file is whole; -1 cannot tell. */
int smqueue_file_complete(int fd);
/* Somebody works on the message: a delivery, or its session. */
int smqueue_file_busy(int fd);
/* The same of a message: 1, 0, or -1, it is not in the queue or nobody can
 * tell. */
int smqueue_busy(const struct smqueue *q, const char *id);
/* qf or hf, read whole and understood.  SMX_ENOTFOUND, SMX_EIO, SMX_EPROTO,
 * SMX_ETEMP: in the making, or on the move. */
int smqueue_file_read(const struct smqueue *q, const char *id, struct smqf *qf,
    int *held, size_t *folder);

/* smqueue_read.c */
void smqueue_read_turn(struct smqueue *q);
int smqueue_copy(struct smqueue *q, const char *id, char **envelope,
    size_t *envelope_len, int *fd, uint64_t *size, int *held,
    int64_t until_mono_ms);

/* smqueue_ring.c */
void smqueue_emit(struct smqueue *q, enum smx_queue_event_kind kind,
    const char *id, const char *other);
void smqueue_answer(struct smqueue *q, const struct smpending *asked,
    enum smx_presence presence);
/* text is taken; NULL: could not be read */
void smqueue_answer_read(struct smqueue *q, const struct smpending *asked,
    int held, char *text);
size_t smqueue_room(const struct smqueue *q);
void smqueue_ring_clear(struct smqueue *q);
/* All of the ids or none. */
int smqueue_ask(struct smqueue *q, struct smasked *asked,
    const char *const *ids, size_t count, uint64_t token);
size_t smqueue_asked(struct smqueue *q, struct smasked *asked,
    struct smpending *out, size_t max);

/* smdaemon.c: does the daemon run whose pid file this is? */
enum smx_mta_health smdaemon_health(const char *pid_file);

#endif
