/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "glue/backup_hand.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/hand_run.h"
#include "glue/node_impl.h"

#define THREADS    2
#define JOBS_MAX   32
#define CLAIMS_MAX 1024
#define TURN_MS    500
#define CLEAN_MS   30000
#define ALARM_MS   3600000
#define ALARMS     16

struct hander {
	struct backup *backup;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct hander_job jobs[JOBS_MAX]; /* under lock, as all below */
	size_t first, count;
	int64_t claims[CLAIMS_MAX];
	size_t claimed;
	pthread_t thread[THREADS];
	size_t threads;
	int64_t clean_ms; /* files of before are to be looked for then */
	struct {
		int64_t at_ms;
		char domain[BACKUP_DOMAIN_MAX + 1];
	} alarms[ALARMS];
};

int
hander_new(struct hander **out, struct backup *backup)
{
	struct hander *h = calloc(1, sizeof(*h));
	pthread_condattr_t attr;

	if (h == NULL)
		return SMX_ENOMEM;
	h->backup = backup;
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
	*out = h;
	return SMX_OK;
}

void
hander_free(struct hander **hander)
{
	struct hander *h = *hander;

	*hander = NULL;
	if (h == NULL)
		return;
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->wake);
	free(h);
}

/* ---- claims ---- */

static size_t
place_locked(const struct hander *h, int64_t mail)
{
	size_t i = 0;

	while (i < h->claimed && h->claims[i] != mail)
		i++;
	return i;
}

static int
claim_locked(struct hander *h, int64_t mail)
{
	if (place_locked(h, mail) != h->claimed || h->claimed == CLAIMS_MAX)
		return SMX_EBUSY;
	h->claims[h->claimed++] = mail;
	return SMX_OK;
}

int
hander_claim(struct hander *h, int64_t mail)
{
	int rc;

	pthread_mutex_lock(&h->lock);
	rc = claim_locked(h, mail);
	pthread_mutex_unlock(&h->lock);
	return rc;
}

void
hander_unclaim(struct hander *h, int64_t mail)
{
	size_t at;

	pthread_mutex_lock(&h->lock);
	at = place_locked(h, mail);
	if (at != h->claimed)
		h->claims[at] = h->claims[--h->claimed];
	pthread_mutex_unlock(&h->lock);
}

static int
is_whole(struct hander *h, int64_t mail, const char *queue_id)
{
	struct backup_db *db = backup_db(h->backup);
	struct backup_hand hand;
	uint64_t *hashes = NULL;
	size_t count = 0;
	int rc = backup_hand_look(db, mail, &hand);

	if (rc != SMX_OK)
		return rc;
	/* What was booked is of the former file. */
	if (hand.former[0] != '\0')
		return strcmp(hand.former, queue_id) == 0 ? SMX_ESTATE : SMX_OK;
	rc = backup_hand_booked(db, mail, &hashes, &count);
	free(hashes);
	return rc == SMX_OK && count != 0 ? SMX_ESTATE : rc;
}

/* A row that was read before the claim may be from before the hander's. */
int
hander_claim_whole(struct hander *h, int64_t mail, const char *queue_id)
{
	int rc = hander_claim(h, mail);

	if (rc != SMX_OK)
		return rc;
	rc = is_whole(h, mail, queue_id);
	if (rc != SMX_OK)
		hander_unclaim(h, mail);
	return rc;
}

int
hander_give(struct hander *h, const struct hander_job *job)
{
	int rc = SMX_EFULL;

	pthread_mutex_lock(&h->lock);
	if (h->count < JOBS_MAX)
		rc = claim_locked(h, job->mail);
	if (rc == SMX_OK) {
		h->jobs[(h->first + h->count++) % JOBS_MAX] = *job;
		pthread_cond_signal(&h->wake);
	}
	pthread_mutex_unlock(&h->lock);
	return rc;
}

int
hander_may_alarm(struct hander *h, const char *domain)
{
	int64_t now = clock_mono_ms();
	size_t at = 0;
	int may;

	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < ALARMS; i++) {
		if (strcmp(h->alarms[i].domain, domain) == 0) {
			at = i;
			break;
		}
		if (h->alarms[i].at_ms < h->alarms[at].at_ms)
			at = i;
	}
	may = strcmp(h->alarms[at].domain, domain) != 0 ||
	      now - h->alarms[at].at_ms >= ALARM_MS;
	if (may) {
		h->alarms[at].at_ms = now;
		(void)text_copy(h->alarms[at].domain,
		    sizeof(h->alarms[at].domain), domain);
	}
	pthread_mutex_unlock(&h->lock);
	return may;
}

/* ---- threads ---- */

/* Non-zero: there is none. */
static int
next(struct hander *h, struct hander_job *out)
{
	int64_t until = clock_mono_ms() + TURN_MS;
	struct timespec at = { until / 1000, until % 1000 * 1000000L };
	int none;

	pthread_mutex_lock(&h->lock);
	if (h->count == 0)
		(void)pthread_cond_timedwait(&h->wake, &h->lock, &at);
	none = h->count == 0;
	if (!none) {
		*out = h->jobs[h->first];
		h->first = (h->first + 1) % JOBS_MAX;
		h->count--;
	}
	pthread_mutex_unlock(&h->lock);
	return none;
}

static int
is_time_to_clean(struct hander *h)
{
	int64_t now = clock_mono_ms();
	int is;

	pthread_mutex_lock(&h->lock);
	is = now >= h->clean_ms;
	if (is)
		h->clean_ms = now + CLEAN_MS;
	pthread_mutex_unlock(&h->lock);
	return is;
}

static void *
run(void *ctx)
{
	struct hander *h = ctx;
	struct hander_job job;

	while (!backup_rest(h->backup, 0)) {
		if (is_time_to_clean(h))
			hand_clean(h->backup);
		if (next(h, &job) != 0)
			continue;
		hand_run(h->backup, &job);
		hander_unclaim(h, job.mail);
	}
	return NULL;
}

/* What is known of the former life's attempts comes before the first of this
 * one.  Not written, they count as none. */
int
hander_start(struct hander *h)
{
	int rc = backup_hand_restart(backup_db(h->backup), clock_wall_ms());

	if (rc != SMX_OK)
		log_event(SMX_LOG_ERR, "backup-release-failed",
		    "what=hand result=%s", smx_errname(rc));
	for (rc = SMX_OK; rc == SMX_OK && h->threads < THREADS;) {
		rc = node_thread(&h->thread[h->threads], run, h);
		h->threads += rc == SMX_OK;
	}
	return rc;
}

void
hander_join(struct hander *h)
{
	pthread_mutex_lock(&h->lock);
	pthread_cond_broadcast(&h->wake);
	pthread_mutex_unlock(&h->lock);
	while (h->threads != 0)
		pthread_join(h->thread[--h->threads], NULL);
}
