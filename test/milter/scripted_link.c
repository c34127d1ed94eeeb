/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "scripted_link.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"

struct scripted {
	char folder[512];
	pthread_mutex_t lock; /* of the requests file */
};

struct smx_call {
	int64_t due_ms; /* INT64_MAX: never */
	int result;
};

static void
first_recipient(const struct smx_shadow *shadow, char *out, size_t size)
{
	struct smx_envelope *envelope = NULL;
	const char *rcpt = NULL;

	if (smx_envelope_decode(shadow->envelope, shadow->envelope_len, 100000,
		&envelope) == SMX_OK)
		rcpt = smx_envelope_recipient(envelope, 0);
	if (rcpt == NULL)
		rcpt = "undecodable";
	(void)text_copy(out, size, rcpt[0] == '<' ? rcpt + 1 : rcpt);
	out[strcspn(out, "@+>")] = '\0';
	smx_envelope_free(&envelope);
}

/* Of "a.b": a for peer 0, b for the others. */
static char *
own_word(char *words, size_t peer)
{
	char *dot = strchr(words, '.');

	if (dot == NULL)
		return words;
	*dot = '\0';
	return peer == 0 ? words : dot + 1;
}

/* "wait-300" and its like. */
static int
timed(const char *word, const char *verb, struct smx_call *call)
{
	size_t len = strlen(verb);

	if (strncmp(word, verb, len) != 0)
		return 0;
	call->due_ms = clock_mono_ms() + strtol(word + len, NULL, 10);
	return 1;
}

static int
script(const char *word, size_t peer, struct smx_call *call)
{
	static const struct {
		const char *word;
		int result;
	} answers[] = { { "refuse", SMX_EREFUSED }, { "full", SMX_ETEMP },
		{ "gone", SMX_EGONE }, { "undecodable", SMX_EREFUSED } };

	call->due_ms = 0;
	call->result = SMX_OK;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		if (strcmp(word, answers[i].word) == 0)
			call->result = answers[i].result;
	if (strcmp(word, "second") == 0 && peer == 0)
		call->result = SMX_EREFUSED;
	if (strcmp(word, "both") == 0 && peer == 0)
		call->due_ms = clock_mono_ms() + 100;
	if (strcmp(word, "unsure") == 0)
		call->due_ms = INT64_MAX;
	(void)timed(word, "wait-", call);
	if (timed(word, "lost-", call))
		call->result = SMX_EUNSURE;
	if (timed(word, "cut-", call))
		call->result = SMX_EUNREACHABLE;
	return strcmp(word, "down") == 0 ? SMX_EUNREACHABLE : SMX_OK;
}

static void
write_holders(const struct scripted *s, size_t peer,
    const struct smx_shadow *shadow)
{
	char path[700];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.%zu.holders", s->folder,
	    shadow->queue_id, peer);
	f = fopen(path, "w");
	if (f == NULL)
		return;
	fputs(shadow->holders, f);
	fclose(f);
}

static void
write_shadow(const struct scripted *s, size_t peer,
    const struct smx_shadow *shadow)
{
	char path[700], piece[4096];
	FILE *f;

	if (s->folder[0] == '\0')
		return;
	write_holders(s, peer, shadow);
	snprintf(path, sizeof(path), "%s/%s.%zu", s->folder,
	    shadow->queue_id[0] == '\0' ? "none" : shadow->queue_id, peer);
	f = fopen(path, "w");
	if (f == NULL)
		return;
	fwrite(shadow->envelope, 1, shadow->envelope_len, f);
	for (uint64_t at = 0; at < shadow->content->size;) {
		size_t n = sizeof(piece);

		if (n > shadow->content->size - at)
			n = (size_t)(shadow->content->size - at);
		if (shadow->content->read(shadow->content->ctx, at, piece, n) !=
		    SMX_OK)
			break;
		fwrite(piece, 1, n, f);
		at += n;
	}
	fclose(f);
}

static int
link_shadow(void *ctx, size_t peer, const struct smx_shadow *shadow,
    int64_t deadline_mono_ms, struct smx_call **out)
{
	char word[64];
	struct smx_call *call = malloc(sizeof(*call));
	int rc;

	(void)deadline_mono_ms;
	if (call == NULL)
		return SMX_ENOMEM;
	first_recipient(shadow, word, sizeof(word));
	rc = script(own_word(word, peer), peer, call);
	if (rc != SMX_OK) {
		free(call);
		return rc;
	}
	write_shadow(ctx, peer, shadow);
	*out = call;
	return SMX_OK;
}

static int
link_wait(void *ctx, struct smx_call *const *calls, size_t count,
    int64_t until_mono_ms, size_t *which)
{
	int64_t now = clock_mono_ms();
	int64_t soonest = INT64_MAX;
	struct timespec ts;

	(void)ctx;
	for (size_t i = 0; i < count; i++)
		if (calls[i]->due_ms < soonest) {
			soonest = calls[i]->due_ms;
			*which = i;
		}
	if (soonest > now) {
		int64_t end = soonest < until_mono_ms ? soonest : until_mono_ms;

		ts.tv_sec = end > now ? (end - now) / 1000 : 0;
		ts.tv_nsec = end > now ? (end - now) % 1000 * 1000000 : 0;
		nanosleep(&ts, NULL);
	}
	return soonest <= clock_mono_ms() ? SMX_OK : SMX_ETIMEOUT;
}

static int
link_finish(void *ctx, struct smx_call **call, char *text, size_t text_size)
{
	int rc = (*call)->result;

	(void)ctx;
	if ((*call)->due_ms > clock_mono_ms())
		rc = SMX_EUNSURE;
	if (text != NULL && text_size > 0)
		text[0] = '\0';
	free(*call);
	*call = NULL;
	return rc;
}

static void
write_item(FILE *f, size_t peer, const struct smx_request *r, size_t i)
{
	const struct smx_amendment *a = NULL;
	char key[SMX_KEY_TEXT];

	if (r->kind == SMX_REQ_AMEND)
		a = &r->amendments[i];
	smx_key_format(a != NULL ? &a->key : &r->keys[i], key);
	if (a != NULL)
		fprintf(f, "amend %s %zu %s\n", key, peer,
		    a->holders == NULL ? "-" : a->holders);
	else
		fprintf(f, "%s %s %zu\n",
		    r->kind == SMX_REQ_ABORT ? "abort" : "discard", key, peer);
}

static void
write_request(struct scripted *s, size_t peer, const struct smx_request *r)
{
	char path[700];
	FILE *f;

	if (s->folder[0] == '\0' ||
	    (r->kind != SMX_REQ_ABORT && r->kind != SMX_REQ_DISCARD &&
		r->kind != SMX_REQ_AMEND))
		return;
	snprintf(path, sizeof(path), "%s/requests", s->folder);
	pthread_mutex_lock(&s->lock);
	f = fopen(path, "a");
	for (size_t i = 0; f != NULL && i < r->count; i++)
		write_item(f, peer, r, i);
	if (f != NULL)
		fclose(f);
	pthread_mutex_unlock(&s->lock);
}

static int
link_request(void *ctx, size_t peer, const struct smx_request *request,
    struct smx_reply *reply, int64_t deadline_mono_ms)
{
	enum smx_answer *answers = reply->answers;

	(void)deadline_mono_ms;
	write_request(ctx, peer, request);
	memset(&reply->hello, 0, sizeof(reply->hello));
	reply->hello.incarnation[0] = (uint8_t)(peer + 1);
	reply->hello.epoch.id[0] = (uint8_t)(peer + 1);
	reply->hello.epoch.counter = 1;
	reply->beat.mta = SMX_MTA_UP;
	reply->beat.leaving_ms = 0;
	reply->count = 0;
	reply->foreign = 0;
	reply->ago_ms = -1;
	if (request->kind == SMX_REQ_QUERY)
		for (size_t i = 0; i < request->count; i++)
			answers[i] = SMX_ANSWER_UNKNOWN;
	if (request->kind == SMX_REQ_ASK || request->kind == SMX_REQ_CLAIM)
		for (size_t i = 0; i < request->count; i++)
			answers[i] = SMX_ANSWER_NONE;
	return SMX_OK;
}

static int
link_serve(void *ctx, const struct smx_link_server *server)
{
	(void)ctx, (void)server;
	return SMX_OK;
}

static void
link_stop(void *ctx)
{
	(void)ctx;
}

static const struct smx_link_ops ops = {
	.shadow = link_shadow,
	.wait = link_wait,
	.finish = link_finish,
	.request = link_request,
	.serve = link_serve,
	.stop = link_stop,
	.close = link_stop,
};

int
scripted_link_open(struct smx_link *out, const char *folder)
{
	struct scripted *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return SMX_ENOMEM;
	if (folder != NULL)
		(void)text_copy(s->folder, sizeof(s->folder), folder);
	pthread_mutex_init(&s->lock, NULL);
	out->ctx = s;
	out->ops = &ops;
	return SMX_OK;
}

void
scripted_link_close(struct smx_link *link)
{
	free(link->ctx);
	link->ctx = NULL;
}
