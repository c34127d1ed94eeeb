/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/submit_talk.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * A connection that has carried a message without a complaint carries the next
 * one.  After a complaint it does not: servers slow down, and then leave, those
 * that make mistakes, and their count belongs to the connection.
 */
#define MESSAGES_MAX 100 /* a connection */
#define KEPT_MAX     64

struct one {
	const struct smtp_target *target;
	struct smtp_offer offer;
	unsigned messages;
	int fd;
};

struct submit_kept {
	pthread_mutex_t lock;
	size_t count;
	struct one one[KEPT_MAX];
};

int
kept_new(struct submit_kept **out)
{
	struct submit_kept *kept = calloc(1, sizeof(*kept));

	if (kept == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&kept->lock, NULL);
	*out = kept;
	return SMX_OK;
}

void
kept_free(struct submit_kept **kept)
{
	if (*kept == NULL)
		return;
	kept_close(*kept);
	pthread_mutex_destroy(&(*kept)->lock);
	free(*kept);
	*kept = NULL;
}

/* The last one that was kept; target NULL: whatever it stands to. */
static int
take(struct submit_kept *kept, const struct smtp_target *target,
    struct one *out)
{
	int found = 0;

	pthread_mutex_lock(&kept->lock);
	for (size_t i = kept->count; !found && i-- > 0;) {
		found = target == NULL || kept->one[i].target == target;
		if (found) {
			*out = kept->one[i];
			kept->one[i] = kept->one[--kept->count];
		}
	}
	pthread_mutex_unlock(&kept->lock);
	return found;
}

int
kept_take(struct talk *t, const struct smtp_target *target)
{
	struct one one;

	while (take(t->smtp->kept, target, &one)) {
		t->offer = one.offer;
		t->messages = one.messages;
		if (smtp_client_resume(&t->client, one.fd, t->smtp->step_ms,
			t->job->deadline_mono_ms) == SMX_OK)
			return SMX_OK;
	}
	return SMX_ENOTFOUND;
}

void
kept_put(struct talk *t, const struct smtp_target *target)
{
	struct submit_kept *kept = t->smtp->kept;
	struct one one = { .target = target,
		.offer = t->offer,
		.messages = t->messages + 1,
		.fd = -1 };

	if (t->complained || t->no_quit || one.messages >= MESSAGES_MAX)
		return;
	pthread_mutex_lock(&kept->lock);
	if (kept->count < KEPT_MAX)
		one.fd = smtp_client_keep(&t->client);
	if (one.fd >= 0)
		kept->one[kept->count++] = one;
	pthread_mutex_unlock(&kept->lock);
}

void
kept_close(struct submit_kept *kept)
{
	struct one one;

	while (take(kept, NULL, &one)) {
		struct smtp_client client;
		struct smtpreply reply;

		if (smtp_client_resume(&client, one.fd, 1000, 0) != SMX_OK)
			continue;
		/* the answer is awaited so that our end does not look broken
		 * off */
		if (smtp_client_send(&client, "QUIT\r\n", 6) == SMX_OK)
			(void)!smtp_client_reply(&client, &reply, 1000, NULL,
			    NULL);
		smtp_client_close(&client);
	}
}
