/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/identity.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/envelope.h"
#include "core/wire.h"

/*
 * Two links without a network.  Each end calls the other end's table from the
 * calling thread: a shadow is delivered inside wait, or else inside finish.
 * Results pass through the same table of codes as on the wire.
 */
#define PIECE 16384

struct pair;

struct end {
	struct pair *pair;
	struct end *other;
	const struct smx_link_server *table; /* NULL: does not serve */
	size_t running;                      /* calls inside table */
	int introduced;        /* the other end has said hello to this table */
	struct smx_hello told; /* what this table answered */
	int closed;
};

struct pair {
	pthread_mutex_t lock;
	pthread_cond_t quiet;
	struct end ends[2];
};

struct smx_call {
	struct end *to;
	const struct smx_shadow *shadow;
	int64_t deadline_ms;
	int done;
	int result;
	const char *words;
};

/* ---- into the other end's table ---- */

static const struct smx_link_server *
enter(struct end *end)
{
	const struct smx_link_server *table;

	pthread_mutex_lock(&end->pair->lock);
	table = end->table;
	if (table != NULL)
		end->running++;
	pthread_mutex_unlock(&end->pair->lock);
	return table;
}

static void
leave(struct end *end)
{
	pthread_mutex_lock(&end->pair->lock);
	if (--end->running == 0)
		pthread_cond_broadcast(&end->pair->quiet);
	pthread_mutex_unlock(&end->pair->lock);
}

/* What a connection begins with: once after each serve of either end. */
static void
introduce(struct end *to, const struct smx_link_server *table,
    struct smx_hello *theirs)
{
	const struct smx_link_server *mine = enter(to->other);
	struct smx_hello ours = { 0 }, answer = { 0 };
	int known;

	pthread_mutex_lock(&to->pair->lock);
	known = to->introduced;
	answer = to->told;
	pthread_mutex_unlock(&to->pair->lock);
	if (!known) {
		if (mine != NULL)
			mine->hello(mine->ctx, 0, NULL, &ours);
		table->hello(table->ctx, 0, mine != NULL ? &ours : NULL,
		    &answer);
		pthread_mutex_lock(&to->pair->lock);
		to->introduced = 1;
		to->told = answer;
		pthread_mutex_unlock(&to->pair->lock);
	}
	if (mine != NULL)
		leave(to->other);
	table->heard(table->ctx, 0);
	if (theirs != NULL)
		*theirs = answer;
}

/* ---- shadows ---- */

static int
content_pass(const struct smx_link_server *table,
    const struct smx_content *content, struct smx_inbound *inbound)
{
	char piece[PIECE];

	for (uint64_t at = 0; at < content->size; at += PIECE) {
		uint64_t left = content->size - at;
		size_t n = left < PIECE ? (size_t)left : PIECE;
		const char *from = piece;
		int error = SMX_OK;

		if (content->bytes != NULL)
			from = (const char *)content->bytes + at;
		else if (content->read(content->ctx, at, piece, n) != SMX_OK)
			return SMX_EUNREACHABLE;
		error = table->shadow_data(table->ctx, inbound, from, n);
		if (error != SMX_OK)
			return error;
	}
	return SMX_OK;
}

static int
shadow_pass(const struct smx_link_server *table,
    const struct smx_shadow *shadow)
{
	struct smx_shadow_announced announced = { .key = shadow->key,
		.queue_id = shadow->queue_id,
		.epoch = shadow->epoch,
		.envelope = shadow->envelope,
		.envelope_len = shadow->envelope_len,
		.recipients = shadow->recipients,
		.size = shadow->content->size,
		.digest = shadow->digest,
		.holders = shadow->holders != NULL ? shadow->holders : "",
		.amended = shadow->amended,
		.held = shadow->held };
	struct smx_inbound *inbound = NULL;
	size_t recipients;
	int error = envelope_check(shadow->envelope, shadow->envelope_len,
	    WIRE_RECIPIENTS_MAX, &recipients);

	if (error != SMX_OK || recipients != shadow->recipients ||
	    wire_holders_check(announced.holders) != SMX_OK)
		return SMX_EPROTO;
	error = table->shadow_begin(table->ctx, 0, &announced, &inbound);
	if (error != SMX_OK)
		return error;
	error = content_pass(table, shadow->content, inbound);
	if (error != SMX_OK) {
		table->shadow_cancel(table->ctx, &inbound);
		return error;
	}
	return table->shadow_commit(table->ctx, &inbound);
}

static void
call_run(struct smx_call *call)
{
	const struct smx_link_server *table = NULL;
	int result, code;

	if (call->done)
		return;
	call->done = 1;
	if (clock_mono_ms() < call->deadline_ms)
		table = enter(call->to);
	if (table == NULL)
		return;
	introduce(call->to, table, NULL);
	result = shadow_pass(table, call->shadow);
	leave(call->to);
	if (result == SMX_EUNREACHABLE)
		return;
	code = wire_code(result);
	call->result = wire_result(code);
	call->words = wire_code_text(code);
}

static int
end_shadow(void *ctx, size_t peer, const struct smx_shadow *shadow,
    int64_t deadline_mono_ms, struct smx_call **out)
{
	struct end *end = ctx;
	struct smx_call *call;

	if (peer != 0)
		return SMX_EINVAL;
	if (enter(end->other) == NULL)
		return SMX_EUNREACHABLE;
	leave(end->other);
	call = calloc(1, sizeof(*call));
	if (call == NULL)
		return SMX_ENOMEM;
	call->to = end->other;
	call->shadow = shadow;
	call->deadline_ms = deadline_mono_ms;
	call->result = SMX_EUNREACHABLE;
	call->words = "no connection";
	*out = call;
	return SMX_OK;
}

static int
end_wait(void *ctx, struct smx_call *const *calls, size_t count,
    int64_t until_mono_ms, size_t *which)
{
	(void)ctx;
	for (size_t i = 0; i < count; i++)
		if (calls[i]->done) {
			*which = i;
			return SMX_OK;
		}
	if (count == 0 || clock_mono_ms() >= until_mono_ms)
		return SMX_ETIMEOUT;
	call_run(calls[0]);
	*which = 0;
	return SMX_OK;
}

static int
end_finish(void *ctx, struct smx_call **call_at, char *text, size_t text_size)
{
	struct smx_call *call = *call_at;
	int result;

	(void)ctx;
	call_run(call);
	result = call->result;
	if (text != NULL && text_size != 0)
		text_copy(text, text_size, call->words);
	free(call);
	*call_at = NULL;
	return result;
}

/* ---- requests ---- */

/* As the reading side of a wire would. */
static int
amendments_check(const struct smx_request *request)
{
	int error = SMX_OK;

	if (!wire_request_amends(request))
		return SMX_OK;
	for (size_t i = 0; error == SMX_OK && i < request->count; i++) {
		const struct smx_amendment *m = &request->amendments[i];

		if (m->envelope != NULL)
			error = wire_amend_check(m->envelope, m->envelope_len,
			    m->recipients);
	}
	return error;
}

static int
end_request(void *ctx, size_t peer, const struct smx_request *request,
    struct smx_reply *reply, int64_t deadline_mono_ms)
{
	struct end *end = ctx;
	const struct smx_link_server *table;
	int result, code;

	if (peer != 0)
		return SMX_EINVAL;
	result = wire_request_check(request);
	if (result != SMX_OK)
		return result;
	text_copy(reply->text, sizeof(reply->text), "no connection");
	if (clock_mono_ms() >= deadline_mono_ms ||
	    (table = enter(end->other)) == NULL)
		return SMX_EUNREACHABLE;
	reply->count = 0;
	reply->foreign = 0;
	reply->ago_ms = -1;
	reply->next = 0;
	memset(reply->have, 0, sizeof(reply->have));
	introduce(end->other, table, &reply->hello);
	result = amendments_check(request);
	if (result == SMX_OK)
		result = table->request(table->ctx, 0, request, reply);
	leave(end->other);
	code = wire_code(result);
	text_copy(reply->text, sizeof(reply->text), wire_code_text(code));
	return wire_result(code);
}

/* ---- serving ---- */

static void
wait_quiet_locked(struct end *end)
{
	while (end->running != 0)
		pthread_cond_wait(&end->pair->quiet, &end->pair->lock);
}

static int
end_serve(void *ctx, const struct smx_link_server *table)
{
	struct end *end = ctx;
	int error = SMX_OK;

	pthread_mutex_lock(&end->pair->lock);
	if (end->table != NULL) {
		error = SMX_ESTATE;
	} else {
		end->table = table;
		end->introduced = 0;
		end->other->introduced = 0;
	}
	pthread_mutex_unlock(&end->pair->lock);
	return error;
}

static void
end_stop(void *ctx)
{
	struct end *end = ctx;

	pthread_mutex_lock(&end->pair->lock);
	end->table = NULL;
	wait_quiet_locked(end);
	pthread_mutex_unlock(&end->pair->lock);
}

/* The second end to go takes the pair with it. */
static void
end_close(void *ctx)
{
	struct end *end = ctx;
	struct pair *pair = end->pair;
	int last;

	end_stop(end);
	pthread_mutex_lock(&pair->lock);
	end->closed = 1;
	last = end->other->closed;
	pthread_mutex_unlock(&pair->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&pair->lock);
	pthread_cond_destroy(&pair->quiet);
	free(pair);
}

static const struct smx_link_ops end_ops = {
	.shadow = end_shadow,
	.wait = end_wait,
	.finish = end_finish,
	.request = end_request,
	.serve = end_serve,
	.stop = end_stop,
	.close = end_close,
};

int
smx_link_open_pair(struct smx_link *a, struct smx_link *b)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (pair == NULL)
		return SMX_ENOMEM;
	pthread_mutex_init(&pair->lock, NULL);
	pthread_cond_init(&pair->quiet, NULL);
	for (int i = 0; i < 2; i++) {
		pair->ends[i].pair = pair;
		pair->ends[i].other = &pair->ends[1 - i];
	}
	a->ctx = &pair->ends[0];
	a->ops = &end_ops;
	b->ctx = &pair->ends[1];
	b->ops = &end_ops;
	return SMX_OK;
}
