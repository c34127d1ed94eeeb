/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "linktest.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "rogue.h"

struct smx_inbound {
	uint64_t counter;
	uint64_t size;
	uint64_t received;
	int damaged;
};

static char
byte_at(uint64_t counter, uint64_t offset)
{
	return (char)(counter * 31 + offset * 7 + (offset >> 8));
}

int64_t
now_ms(void)
{
	return clock_mono_ms();
}

void
sleep_ms(int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/* ---- the recorder ---- */

static void
enter(struct recorder *r, size_t peer)
{
	pthread_mutex_lock(&r->lock);
	r->peer = peer;
	if (++r->inside > r->inside_most)
		r->inside_most = r->inside;
	pthread_mutex_unlock(&r->lock);
}

static void
leave(struct recorder *r)
{
	pthread_mutex_lock(&r->lock);
	r->inside--;
	pthread_mutex_unlock(&r->lock);
}

static void
on_hello(void *ctx, size_t peer, const struct smx_hello *theirs,
    struct smx_hello *ours)
{
	struct recorder *r = ctx;

	(void)peer;
	pthread_mutex_lock(&r->lock);
	if (theirs != NULL) {
		r->theirs = *theirs;
		r->hellos++;
	} else {
		r->asked++;
	}
	*ours = r->ours;
	pthread_mutex_unlock(&r->lock);
}

static void
on_heard(void *ctx, size_t peer)
{
	struct recorder *r = ctx;

	pthread_mutex_lock(&r->lock);
	r->peer = peer;
	r->heard++;
	pthread_mutex_unlock(&r->lock);
}

static int
on_begin(void *ctx, size_t peer, const struct smx_shadow_announced *shadow,
    struct smx_inbound **inbound)
{
	struct recorder *r = ctx;
	struct sample s;

	enter(r, peer);
	pthread_mutex_lock(&r->lock);
	r->begun++;
	pthread_mutex_unlock(&r->lock);
	leave(r);
	if (r->begin_result != SMX_OK)
		return r->begin_result;
	*inbound = calloc(1, sizeof(**inbound));
	(*inbound)->counter = shadow->key.counter;
	(*inbound)->size = shadow->size;
	sample_make(&s, shadow->key.counter, 0, 0);
	(*inbound)->damaged =
	    shadow->recipients != s.shadow.recipients ||
	    shadow->envelope_len != s.shadow.envelope_len ||
	    memcmp(shadow->envelope, s.envelope, s.shadow.envelope_len) != 0 ||
	    strcmp(shadow->queue_id, s.shadow.queue_id) != 0 ||
	    strcmp(shadow->holders, s.shadow.holders) != 0 ||
	    memcmp(&shadow->epoch, &s.shadow.epoch, sizeof(s.shadow.epoch)) !=
		0 ||
	    memcmp(shadow->digest, s.shadow.digest, SMX_DIGEST_BYTES) != 0;
	sample_free(&s);
	return SMX_OK;
}

static int
on_data(void *ctx, struct smx_inbound *inbound, const void *data, size_t len)
{
	struct recorder *r = ctx;
	const char *p = data;

	for (size_t i = 0; i < len; i++)
		if (p[i] != byte_at(inbound->counter, inbound->received + i))
			inbound->damaged = 1;
	inbound->received += len;
	return r->data_result;
}

static int
on_commit(void *ctx, struct smx_inbound **inbound)
{
	struct recorder *r = ctx;
	struct smx_inbound *i = *inbound;

	r->inside++;
	sleep_ms(r->commit_ms);
	pthread_mutex_lock(&r->lock);
	r->damaged += i->damaged || i->received != i->size;
	r->committed++;
	if (i->counter < sizeof(r->seen))
		r->seen[i->counter]++;
	pthread_mutex_unlock(&r->lock);
	free(i);
	*inbound = NULL;
	leave(r);
	return r->commit_result;
}

static void
on_cancel(void *ctx, struct smx_inbound **inbound)
{
	struct recorder *r = ctx;

	pthread_mutex_lock(&r->lock);
	r->cancelled++;
	pthread_mutex_unlock(&r->lock);
	free(*inbound);
	*inbound = NULL;
}

static void
note_amendments(struct recorder *r, const struct smx_request *request)
{
	struct buf b;

	buf_init(&b, sizeof(r->amended) - 1);
	for (size_t i = 0; i < request->count; i++) {
		const struct smx_amendment *m = &request->amendments[i];

		buf_fmt(&b, "%d %d %s %d %zu %.*s\n", (int)m->key.counter,
		    (int)m->version,
		    m->holders != NULL ? m->holders : "as before", m->held,
		    m->recipients, (int)m->envelope_len,
		    m->envelope != NULL ? m->envelope : "");
	}
	(void)text_copy(r->amended, sizeof(r->amended),
	    b.data != NULL ? b.data : "");
	buf_free(&b);
}

static int
on_request(void *ctx, size_t peer, const struct smx_request *request,
    struct smx_reply *reply)
{
	struct recorder *r = ctx;

	enter(r, peer);
	r->request = *request;
	if (request->count != 0 && request->keys != NULL)
		r->first = request->keys[0];
	if (request->node != NULL)
		(void)text_copy(r->node, sizeof(r->node), request->node);
	if (request->kind == SMX_REQ_AMEND || request->kind == SMX_REQ_RETURN)
		note_amendments(r, request);
	if (request->kind == SMX_REQ_RETURN)
		for (size_t i = 0; i < request->count; i++)
			reply->answers[i] = request->amendments[i].held
						? SMX_ANSWER_TAKEN
						: SMX_ANSWER_SHADOW;
	reply->ago_ms = strcmp(r->node, "mx9") == 0 ? -1 : 4711;
	reply->beat.mta = r->mta;
	reply->foreign = request->count / 2;
	if (request->kind == SMX_REQ_ASK || request->kind == SMX_REQ_CLAIM)
		for (size_t i = 0; i < request->count; i++)
			reply->answers[i] = (enum smx_answer)(
			    SMX_ANSWER_NONE + request->keys[i].counter % 6);
	if (request->kind == SMX_REQ_QUERY)
		for (size_t i = 0; i < request->count; i++)
			reply->answers[i] =
			    (enum smx_answer)(request->keys[i].counter % 4);
	if (request->kind == SMX_REQ_LIST)
		for (size_t i = 0; i < request->limit; i++) {
			struct smx_listed *l = &reply->listed[reply->count++];

			memset(l, 0, sizeof(*l));
			l->key.counter = request->after.counter + 1 + i;
			l->state = 1;
			l->age_ms = 5;
			memcpy(l->queue_id, "4jXKs0", 7);
		}
	leave(r);
	return r->request_result;
}

void
recorder_init(struct recorder *r)
{
	memset(r, 0, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	r->table = (struct smx_link_server){ .ctx = r,
		.hello = on_hello,
		.heard = on_heard,
		.shadow_begin = on_begin,
		.shadow_data = on_data,
		.shadow_commit = on_commit,
		.shadow_cancel = on_cancel,
		.request = on_request };
}

/* ---- samples ---- */

static int
sample_read(void *ctx, uint64_t offset, void *buf, size_t len)
{
	const struct sample *s = ctx;

	if (s->bytes == NULL)
		return SMX_EIO;
	memcpy(buf, s->bytes + offset, len);
	return SMX_OK;
}

void
sample_make(struct sample *s, uint64_t counter, size_t size, int streamed)
{
	memset(s, 0, sizeof(*s));
	s->bytes = malloc(size + 1);
	for (size_t i = 0; i < size; i++)
		s->bytes[i] = byte_at(counter, i);
	s->content.ctx = s;
	s->content.size = size;
	s->content.bytes = streamed ? NULL : s->bytes;
	s->content.read = sample_read;
	snprintf(s->envelope, sizeof(s->envelope),
	    "CLIENT HELO=h%u\r\nMAIL <>\r\nRCPT <a@b>\r\nRCPT <c@d>\r\n",
	    (unsigned)counter);
	s->shadow.envelope = s->envelope;
	s->shadow.envelope_len = strlen(s->envelope);
	s->shadow.recipients = 2;
	s->shadow.key.counter = counter;
	s->shadow.key.incarnation[0] = 1;
	s->shadow.queue_id = counter % 2 ? "4jXKs0" : "";
	s->shadow.holders = counter % 3 ? "mx2.example.org mx+3" : "";
	s->shadow.epoch.counter = counter;
	s->shadow.digest[3] = (uint8_t)counter;
	s->shadow.content = &s->content;
}

void
sample_free(struct sample *s)
{
	free(s->bytes);
	s->bytes = NULL;
}

/* ---- hosts ---- */

void
net_open(struct net *n)
{
	char folder[] = "/tmp/smxlink.XXXXXX";

	memset(n, 0, sizeof(*n));
	ck_assert_ptr_nonnull(mkdtemp(folder));
	memcpy(n->folder, folder, sizeof(folder));
	for (int i = 0; i < 3; i++) {
		snprintf(n->key_file[i], sizeof(n->key_file[i]), "%s/%d.key",
		    folder, i);
		ck_assert_int_eq(smx_identity_generate(n->key_file[i], NULL, 0),
		    SMX_OK);
		ck_assert_int_eq(smx_identity_pin(n->key_file[i], n->pin[i],
				     NULL, 0),
		    SMX_OK);
		n->fd[i] = rogue_listen(&n->port[i]);
		ck_assert_int_ge(n->fd[i], 0);
	}
}

void
net_link(struct net *n, int host)
{
	struct smx_link_peer peers[2] = { 0 };
	const char *pins[2];
	char address[2][32], why[256];
	int k = 0;

	for (int i = 0; i < 3; i++) {
		if (i == host)
			continue;
		snprintf(address[k], sizeof(address[k]), "127.0.0.1:%u",
		    n->port[i]);
		pins[k] = n->pin[i];
		peers[k].name = i == 0 ? "mx0" : i == 1 ? "mx1" : "mx2";
		peers[k].address = address[k];
		peers[k].pins = &pins[k];
		peers[k].pin_count = 1;
		k++;
	}
	n->options.node = "self.example.org";
	n->options.key_file = n->key_file[host];
	n->options.listen = "";
	n->options.listen_fd = n->fd[host];
	n->options.peers = peers;
	n->options.peer_count = 2;
	ck_assert_msg(smx_link_open_tls(&n->link[host], &n->options, why,
			  sizeof(why)) == SMX_OK,
	    "%s", why);
}

void
net_close(struct net *n)
{
	for (int i = 0; i < 3; i++) {
		smx_link_close(&n->link[i]);
		unlink(n->key_file[i]);
		if (n->fd[i] >= 0)
			close(n->fd[i]);
	}
	rmdir(n->folder);
}

/* ---- asking ---- */

int
send_sample(struct smx_link *link, size_t peer, const struct sample *s,
    int64_t ms)
{
	int64_t deadline = now_ms() + ms;
	struct smx_call *call = NULL;
	size_t which = 99;
	int result;

	result =
	    link->ops->shadow(link->ctx, peer, &s->shadow, deadline, &call);
	if (result != SMX_OK)
		return result;
	ck_assert_int_eq(link->ops->wait(link->ctx, &call, 1, deadline + 1000,
			     &which),
	    SMX_OK);
	ck_assert_uint_eq(which, 0);
	result = link->ops->finish(link->ctx, &call, NULL, 0);
	ck_assert_ptr_null(call);
	return result;
}

int
beat(struct smx_link *link, size_t peer, int64_t ms)
{
	struct smx_request request = { .kind = SMX_REQ_BEAT };
	struct smx_reply reply = { 0 };

	return link->ops->request(link->ctx, peer, &request, &reply,
	    now_ms() + ms);
}
