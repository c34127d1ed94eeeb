/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/link_client.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "io/link_call.h"
#include "io/link_pool.h"

#define FEW 16

void
client_complain(struct client_peer *peer, const char *reason, const char *words)
{
	struct log_line l;
	int64_t now_ms = clock_mono_ms();
	char address[TCP_TEXT];
	int allowed;

	pthread_mutex_lock(&peer->lock);
	allowed = log_allow(&peer->limit, 1, now_ms);
	pthread_mutex_unlock(&peer->lock);
	if (!allowed)
		return;
	tcp_address_format(&peer->address, address);
	log_begin(&l, SMX_LOG_NOTICE, NULL, "peer-unusable");
	log_str(&l, "peer", peer->name);
	log_str(&l, "address", address);
	log_str(&l, "reason", reason);
	if (words[0] != '\0')
		log_str(&l, "said", words);
	log_end(&l);
}

static int
acquire(struct client *client, size_t number, int request, int64_t deadline_ms,
    int64_t now_ms, struct smx_call **out)
{
	struct smx_call *call;
	int error;

	if (number >= client->count)
		return SMX_EINVAL;
	if (deadline_ms <= now_ms)
		return SMX_EUNREACHABLE;
	error = pool_take(&client->peers[number], request, now_ms, &call);
	if (error != SMX_OK)
		return error;
	call->shadow = NULL;
	call->request = NULL;
	call->reply = NULL;
	*out = call;
	return SMX_OK;
}

void
client_close(struct client *client)
{
	for (size_t i = 0; i < client->count; i++)
		pool_close(&client->peers[i]);
}

/* ---- calls ---- */

int
client_shadow(struct client *client, size_t peer,
    const struct smx_shadow *shadow, int64_t deadline_ms, struct smx_call **out)
{
	int64_t now_ms = clock_mono_ms();
	struct smx_call *call;
	int error = acquire(client, peer, 0, deadline_ms, now_ms, &call);

	if (error != SMX_OK)
		return error;
	call->shadow = shadow;
	error = call_begin(call, deadline_ms, now_ms);
	if (error != SMX_OK) {
		/* Nothing was said on it. */
		pool_give(call);
		return error;
	}
	*out = call;
	return SMX_OK;
}

static int
wait_ms(int64_t until_ms, int64_t now_ms)
{
	int64_t left = until_ms - now_ms;

	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

/* One poll over all calls; *which when one is complete. */
static int
wait_once(struct smx_call *const *calls, struct pollfd *fds, size_t count,
    int64_t until_ms, size_t *which)
{
	int64_t now_ms = clock_mono_ms();
	int64_t first_ms = until_ms;

	for (size_t i = 0; i < count; i++) {
		call_expire(calls[i], now_ms);
		if (calls[i]->state == CALL_DONE) {
			*which = i;
			return SMX_OK;
		}
		if (call_until(calls[i]) < first_ms)
			first_ms = call_until(calls[i]);
		fds[i].fd = call_fd(calls[i]);
		fds[i].events = call_events(calls[i]);
		fds[i].revents = 0;
	}
	if (poll(fds, (nfds_t)count, wait_ms(first_ms, now_ms)) <= 0)
		return clock_mono_ms() >= until_ms ? SMX_ETIMEOUT : TCP_AGAIN;
	now_ms = clock_mono_ms();
	for (size_t i = 0; i < count; i++)
		if (fds[i].revents != 0)
			call_drive(calls[i], fds[i].revents, now_ms);
	return now_ms >= until_ms ? SMX_ETIMEOUT : TCP_AGAIN;
}

int
client_wait(struct smx_call *const *calls, size_t count, int64_t until_ms,
    size_t *which)
{
	struct pollfd few[FEW];
	struct pollfd *fds = few;
	int result;

	if (count > FEW) {
		fds = calloc(count, sizeof(*fds));
		if (fds == NULL)
			return SMX_ENOMEM;
	}
	do
		result = wait_once(calls, fds, count, until_ms, which);
	while (result == TCP_AGAIN);
	if (result == SMX_ETIMEOUT) {
		/* The last drive, or this very moment, may have ended one. */
		for (size_t i = 0; i < count && result != SMX_OK; i++) {
			call_expire(calls[i], clock_mono_ms());
			if (calls[i]->state == CALL_DONE) {
				*which = i;
				result = SMX_OK;
			}
		}
	}
	if (fds != few)
		free(fds);
	return result;
}

int
client_finish(struct smx_call **call, char *text, size_t text_size)
{
	struct smx_call *c = *call;
	int result = call_result(c);

	if (text != NULL && text_size != 0)
		text_copy(text, text_size, c->words);
	pool_give(c);
	*call = NULL;
	return result;
}

int
client_request(struct client *client, size_t peer,
    const struct smx_request *request, struct smx_reply *reply,
    int64_t deadline_ms)
{
	int64_t now_ms = clock_mono_ms();
	struct smx_call *call;
	size_t which;
	int error = acquire(client, peer, 1, deadline_ms, now_ms, &call);

	if (error != SMX_OK)
		return error;
	call->request = request;
	call->reply = reply;
	reply->foreign = 0;
	reply->ago_ms = -1;
	reply->next = 0;
	memset(reply->have, 0, sizeof(reply->have));
	error = call_begin(call, deadline_ms, now_ms);
	if (error != SMX_OK) {
		pool_give(call);
		return error;
	}
	(void)client_wait(&call, 1, deadline_ms, &which);
	reply->hello = call->hello;
	return client_finish(&call, reply->text, sizeof(reply->text));
}
