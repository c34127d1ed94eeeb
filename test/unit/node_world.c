/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "node_world.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf_text_of.h"

/* No file of the host's own is read or written. */
#define STORE                                                                  \
	"store = { driver = \"memory\"; path = \"/nonexistent\"; };\n"         \
	"milter = { spill = \"/tmp\"; };\n"

struct smx_config *world_config;
struct smx_store store;
struct smx_link here, there;
struct smx_engine *engine;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
struct mta mta;
struct peer peer;

/* ---- the queue ---- */

static int
queue_verify(void *ctx, const char *const *ids, size_t count, uint64_t token)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
	if (count != 0)
		snprintf(mta.id, sizeof(mta.id), "%s", ids[0]);
	mta.token = token;
	if (mta.replace)
		mta.state.epoch.id[0] = 2;
	pthread_mutex_unlock(&lock);
	return SMX_OK;
}

static int
queue_read(void *ctx, const char *const *ids, size_t count, uint64_t token)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
	if (count != 0)
		snprintf(mta.read_id, sizeof(mta.read_id), "%s", ids[0]);
	mta.read_token = token;
	mta.reads++;
	pthread_mutex_unlock(&lock);
	return SMX_OK;
}

/* Both are malloc'ed or opened for the caller. */
static int
queue_open(void *ctx, const char *id, char **envelope, size_t *envelope_len,
    int *fd, uint64_t *size, int *held, int64_t until_mono_ms)
{
	FILE *f;
	int rc = SMX_ENOTFOUND;

	(void)ctx, (void)id, (void)until_mono_ms;
	pthread_mutex_lock(&lock);
	mta.opens++;
	if (mta.envelope != NULL && (f = tmpfile()) != NULL) {
		fputs(mta.content, f);
		fflush(f);
		*fd = dup(fileno(f));
		fclose(f);
		lseek(*fd, 0, SEEK_SET);
		*envelope = strdup(mta.envelope);
		*envelope_len = strlen(mta.envelope);
		*size = mta.size;
		*held = mta.held;
		rc = SMX_OK;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static void
next_locked(struct smx_queue_event *ev)
{
	memset(ev, 0, sizeof(*ev));
	if (mta.hint.kind != 0) {
		*ev = mta.hint;
		mta.hint.kind = 0;
	} else if (mta.token != 0) {
		ev->kind = SMX_QUEUE_VERIFIED;
		ev->presence = mta.presence;
		ev->token = mta.token;
		snprintf(ev->id, sizeof(ev->id), "%s", mta.id);
		mta.token = 0;
	} else if (mta.read_token != 0) {
		ev->kind = SMX_QUEUE_READ;
		ev->token = mta.read_token;
		ev->held = mta.held;
		ev->text = mta.text == NULL ? NULL : strdup(mta.text);
		snprintf(ev->id, sizeof(ev->id), "%s", mta.read_id);
		mta.read_token = 0;
	}
}

static int
queue_next(void *ctx, struct smx_queue_event *events, size_t max, size_t *count,
    int64_t until_mono_ms)
{
	(void)ctx, (void)max, (void)until_mono_ms;
	usleep(5000);
	pthread_mutex_lock(&lock);
	next_locked(events);
	*count = events->kind != 0;
	pthread_mutex_unlock(&lock);
	return *count != 0 ? SMX_OK : SMX_ETIMEOUT;
}

static int
queue_state(void *ctx, struct smx_queue_state *state)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
	*state = mta.state;
	pthread_mutex_unlock(&lock);
	return SMX_OK;
}

static void
queue_close(void *ctx)
{
	(void)ctx;
}

static int
queue_change(void *ctx, enum smx_queue_change what, const char *const *ids,
    size_t count, int64_t until_mono_ms)
{
	int rc;

	(void)ctx, (void)until_mono_ms;
	pthread_mutex_lock(&lock);
	rc = mta.change_result;
	mta.change_calls++;
	for (size_t i = 0; i < count && rc == SMX_OK; i++) {
		if (mta.changes == WORLD_CHANGES)
			break;
		mta.changed[mta.changes].what = what;
		snprintf(mta.changed[mta.changes].id, sizeof(mta.changed[0].id),
		    "%s", ids[i]);
		mta.changes++;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

static const struct smx_queue_ops changing_ops = { .verify = queue_verify,
	.read = queue_read,
	.open = queue_open,
	.next = queue_next,
	.state = queue_state,
	.close = queue_close,
	.change = queue_change };
static const struct smx_queue_ops queue_ops = { .verify = queue_verify,
	.read = queue_read,
	.open = queue_open,
	.next = queue_next,
	.state = queue_state,
	.close = queue_close };
static const struct smx_queue_ops bare_ops = { .verify = queue_verify,
	.next = queue_next,
	.state = queue_state,
	.close = queue_close };
static struct smx_queue queue;

/* ---- the peer ---- */

static void
peer_hello(void *ctx, size_t from, const struct smx_hello *theirs,
    struct smx_hello *ours)
{
	(void)ctx, (void)from, (void)theirs;
	ours->incarnation[0] = 9;
	ours->epoch.id[0] = 9;
}

static void
peer_heard(void *ctx, size_t from)
{
	(void)ctx, (void)from;
}

static int
peer_begin(void *ctx, size_t from, const struct smx_shadow_announced *shadow,
    struct smx_inbound **inbound)
{
	int refuses;

	(void)ctx, (void)from;
	pthread_mutex_lock(&lock);
	peer.shadow = *shadow;
	snprintf(peer.queue_id, sizeof(peer.queue_id), "%s", shadow->queue_id);
	snprintf(peer.holders, sizeof(peer.holders), "%s", shadow->holders);
	snprintf(peer.envelope, sizeof(peer.envelope), "%.*s",
	    (int)shadow->envelope_len, shadow->envelope);
	peer.content_len = 0;
	refuses = peer.refuses;
	pthread_mutex_unlock(&lock);
	*inbound = (struct smx_inbound *)&peer;
	return refuses ? SMX_EREFUSED : SMX_OK;
}

static int
peer_data(void *ctx, struct smx_inbound *inbound, const void *data, size_t len)
{
	(void)ctx, (void)inbound;
	pthread_mutex_lock(&lock);
	ck_assert_uint_lt(peer.content_len + len, sizeof(peer.content));
	memcpy(peer.content + peer.content_len, data, len);
	peer.content_len += len;
	peer.content[peer.content_len] = '\0';
	pthread_mutex_unlock(&lock);
	return SMX_OK;
}

static int
peer_commit(void *ctx, struct smx_inbound **inbound)
{
	(void)ctx;
	pthread_mutex_lock(&lock);
	peer.stored = 1;
	pthread_mutex_unlock(&lock);
	*inbound = NULL;
	return SMX_OK;
}

static void
peer_cancel(void *ctx, struct smx_inbound **inbound)
{
	(void)ctx;
	*inbound = NULL;
}

static void
listed_locked(const struct smx_request *request, struct smx_reply *reply)
{
	struct smx_listed *l;

	if (!peer.stored ||
	    smx_key_compare(&peer.shadow.key, &request->after) <= 0)
		return;
	l = &reply->listed[reply->count++];
	memset(l, 0, sizeof(*l));
	l->key = peer.shadow.key;
	l->epoch = peer.shadow.epoch;
	l->state = SMX_ROW_SHADOW;
	snprintf(l->queue_id, sizeof(l->queue_id), "%s", peer.queue_id);
}

static void
amended_locked(const struct smx_request *request)
{
	const struct smx_amendment *a = request->amendments;

	for (size_t i = 0; i < request->count; i++, a++) {
		peer.amends++;
		peer.amended_held = a->held;
		if (a->envelope != NULL)
			snprintf(peer.amended, sizeof(peer.amended), "%.*s",
			    (int)a->envelope_len, a->envelope);
	}
}

static int
peer_request(void *ctx, size_t from, const struct smx_request *request,
    struct smx_reply *reply)
{
	(void)ctx, (void)from;
	pthread_mutex_lock(&lock);
	if (request->kind == SMX_REQ_DISCARD)
		peer.discards += request->count;
	if (request->kind == SMX_REQ_AMEND)
		amended_locked(request);
	if (request->kind == SMX_REQ_LIST)
		listed_locked(request, reply);
	if (request->kind == SMX_REQ_ASK || request->kind == SMX_REQ_CLAIM)
		for (size_t i = 0; i < request->count; i++)
			reply->answers[i] = SMX_ANSWER_NONE;
	pthread_mutex_unlock(&lock);
	return SMX_OK;
}

static const struct smx_link_server peer_table = { NULL, peer_hello, peer_heard,
	peer_begin, peer_data, peer_commit, peer_cancel, peer_request };

/* ---- the world ---- */

static int
submit_later(void *ctx, const struct smx_submission *submission,
    struct smx_submit_result *result)
{
	(void)ctx, (void)submission, (void)result;
	return SMX_ETEMP;
}

static const struct smx_submit_ops submit_ops = { .submit = submit_later,
	.close = queue_close };
static struct smx_submit submit = { NULL, &submit_ops };

void
world_prepare(const char *settings)
{
	const struct smx_store_options options = { .body_file_bytes = 1000000 };
	static char text[4096];

	memset(&mta, 0, sizeof(mta));
	memset(&peer, 0, sizeof(peer));
	mta.state.epoch.id[0] = 1;
	mta.state.epoch.counter = 1;
	mta.state.links_known = 1;
	mta.state.mta = SMX_MTA_UP;
	mta.presence = SMX_PRESENCE_ABSENT;
	snprintf(text, sizeof(text), PAIR "%s%s",
	    settings != NULL && strstr(settings, "store =") ? "" : STORE,
	    settings == NULL ? ACCEPT : settings);
	world_config = config_good(text);
	ck_assert_int_eq(smx_store_open_memory(&store, &options), SMX_OK);
	ck_assert_int_eq(smx_link_open_pair(&here, &there), SMX_OK);
	ck_assert_int_eq(there.ops->serve(there.ctx, &peer_table), SMX_OK);
}

void
world_start(void)
{
	struct smx_engine_ports ports = { .store = &store,
		.link = &here,
		.queue = &queue,
		.submit = &submit };

	queue.ops = mta.bare       ? &bare_ops
		    : mta.changing ? &changing_ops
				   : &queue_ops;
	ck_assert_int_eq(smx_engine_new(&engine, world_config, &ports), SMX_OK);
	ck_assert_int_eq(smx_engine_start(engine), SMX_OK);
}

void
world_end(void)
{
	smx_engine_free(&engine);
	here.ops->close(here.ctx);
	there.ops->close(there.ctx);
	smx_store_close(&store);
	smx_config_release(&world_config);
}

int
world_comes(int (*so)(void))
{
	int64_t until = clock_mono_ms() + WAIT;
	int is;

	do {
		pthread_mutex_lock(&lock);
		is = so();
		pthread_mutex_unlock(&lock);
		if (is)
			return 1;
		usleep(10000);
	} while (clock_mono_ms() < until);
	return 0;
}

static int
keep_line(void *ctx, const char *json, size_t len)
{
	char *out = ctx;

	ck_assert_uint_lt(len, 8192);
	memcpy(out, json, len);
	out[len] = '\0';
	return 0;
}

int
world_command(const char *text, char out[8192])
{
	char why[200];

	out[0] = '\0';
	return smx_engine_command(engine, text, keep_line, out, why,
	    sizeof(why));
}

int
world_status(const char *words)
{
	int64_t until = clock_mono_ms() + WAIT;
	static char text[8192];

	do {
		ck_assert_int_eq(world_command("status", text), SMX_OK);
		if (strstr(text, words) != NULL)
			return 1;
		usleep(20000);
	} while (clock_mono_ms() < until);
	return 0;
}

struct smx_session *
world_session(const char *id)
{
	const struct smx_session_client client = { .name = "client.example",
		.address = "192.0.2.7" };
	struct smx_session *session;

	ck_assert_int_eq(smx_session_new(&session, engine, &client), SMX_OK);
	ck_assert_int_eq(smx_session_mail(session, "<a@b.example>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(session, "<c@d.example>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_session_queue_id(session, id), SMX_OK);
	return session;
}

struct smx_key
world_acknowledged(const char *id)
{
	struct smx_session *session = world_session(id);
	struct smx_verdict v;

	ck_assert_int_eq(smx_session_header(session, "Subject", " hello"),
	    SMX_OK);
	ck_assert_int_eq(smx_session_end(session, NULL, NULL, &v), SMX_OK);
	ck_assert_int_eq(v.earned, SMX_EARNED_SHADOWED);
	smx_session_free(&session);
	return v.key;
}

struct smx_key
world_kept_for(const char *primary)
{
	static const char envelope[] =
	    "CLIENT\r\nMAIL <a@b.example>\r\nRCPT <c@d.example>\r\n";
	struct smx_shadow_head head = { .key = { .counter = 1 },
		.primary = primary,
		.queue_id = "Q1",
		.envelope = envelope,
		.envelope_len = sizeof(envelope) - 1,
		.recipients = 1,
		.size = 2,
		.now_ms = clock_wall_ms() };
	struct smx_draft *draft;

	ck_assert_int_eq(store.ops->begin(store.ctx, &head, &draft), SMX_OK);
	ck_assert_int_eq(store.ops->write(store.ctx, draft, "\r\n", 2), SMX_OK);
	ck_assert_int_eq(store.ops->commit(store.ctx, &draft), SMX_OK);
	return head.key;
}
