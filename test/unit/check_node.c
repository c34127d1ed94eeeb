/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shadowmx/shadowmx.h>

#include "base/clock.h"
#include "conf_text_of.h"

/*
 * A whole engine, its threads and locks included, between a queue that shows
 * what it is told and a peer that holds one shadow and counts what it hears.
 */
#define WAIT 5000

static struct smx_config *config;
static struct smx_store store;
static struct smx_link here, there;
static struct smx_engine *engine;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* all under lock */
static struct {
	struct smx_queue_state state;
	int replace; /* at the next question the queue is another one */
	char id[64];
	uint64_t token; /* asked, to be answered ABSENT; 0 none */
} mta;

static struct {
	struct smx_shadow_announced shadow;
	char queue_id[64];
	int stored;
	size_t discards;
} peer;

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
queue_next(void *ctx, struct smx_queue_event *events, size_t max, size_t *count,
    int64_t until_mono_ms)
{
	(void)ctx, (void)max, (void)until_mono_ms;
	*count = 0;
	usleep(5000);
	pthread_mutex_lock(&lock);
	if (mta.token != 0) {
		memset(events, 0, sizeof(*events));
		events->kind = SMX_QUEUE_VERIFIED;
		events->presence = SMX_PRESENCE_ABSENT;
		events->token = mta.token;
		snprintf(events->id, sizeof(events->id), "%s", mta.id);
		mta.token = 0;
		*count = 1;
	}
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

static const struct smx_queue_ops queue_ops = { queue_verify, queue_next,
	queue_state, queue_close };
static struct smx_queue queue = { NULL, &queue_ops };

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
	(void)ctx, (void)from;
	pthread_mutex_lock(&lock);
	peer.shadow = *shadow;
	snprintf(peer.queue_id, sizeof(peer.queue_id), "%s", shadow->queue_id);
	pthread_mutex_unlock(&lock);
	*inbound = (struct smx_inbound *)&peer;
	return SMX_OK;
}

static int
peer_data(void *ctx, struct smx_inbound *inbound, const void *data, size_t len)
{
	(void)ctx, (void)inbound, (void)data, (void)len;
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

static int
peer_request(void *ctx, size_t from, const struct smx_request *request,
    struct smx_reply *reply)
{
	(void)ctx, (void)from;
	pthread_mutex_lock(&lock);
	if (request->kind == SMX_REQ_DISCARD)
		peer.discards += request->count;
	if (request->kind == SMX_REQ_LIST && peer.stored &&
	    smx_key_compare(&peer.shadow.key, &request->after) > 0) {
		struct smx_listed *l = &reply->listed[reply->count++];

		memset(l, 0, sizeof(*l));
		l->key = peer.shadow.key;
		l->epoch = peer.shadow.epoch;
		l->state = SMX_ROW_SHADOW;
		snprintf(l->queue_id, sizeof(l->queue_id), "%s", peer.queue_id);
	}
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

static const struct smx_submit_ops submit_ops = { submit_later, queue_close };
static struct smx_submit submit = { NULL, &submit_ops };

static void
prepare(void)
{
	const struct smx_store_options options = { .body_file_bytes = 1000000 };

	memset(&mta, 0, sizeof(mta));
	memset(&peer, 0, sizeof(peer));
	mta.state.epoch.id[0] = 1;
	mta.state.epoch.counter = 1;
	mta.state.links_known = 1;
	mta.state.mta = SMX_MTA_UP;
	config = config_good(PAIR ACCEPT);
	ck_assert_int_eq(smx_store_open_memory(&store, &options), SMX_OK);
	ck_assert_int_eq(smx_link_open_pair(&here, &there), SMX_OK);
	ck_assert_int_eq(there.ops->serve(there.ctx, &peer_table), SMX_OK);
}

static void
start(void)
{
	struct smx_engine_ports ports = { .store = &store,
		.link = &here,
		.queue = &queue,
		.submit = &submit };

	ck_assert_int_eq(smx_engine_new(&engine, config, &ports), SMX_OK);
	ck_assert_int_eq(smx_engine_start(engine), SMX_OK);
}

static void
setup(void)
{
	prepare();
	start();
}

static void
teardown(void)
{
	smx_engine_free(&engine);
	here.ops->close(here.ctx);
	there.ops->close(there.ctx);
	smx_store_close(&store);
	smx_config_release(&config);
}

/* One message, acknowledged, and the MTA is past it. */
static struct smx_key
acknowledged(const char *id)
{
	const struct smx_session_client client = { .name = "client.example",
		.address = "192.0.2.7" };
	struct smx_session *session;
	struct smx_verdict v;

	ck_assert_int_eq(smx_session_new(&session, engine, &client), SMX_OK);
	ck_assert_int_eq(smx_session_mail(session, "<a@b.example>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_session_rcpt(session, "<c@d.example>", NULL, 0),
	    SMX_OK);
	ck_assert_int_eq(smx_session_queue_id(session, id), SMX_OK);
	ck_assert_int_eq(smx_session_header(session, "Subject", " hello"),
	    SMX_OK);
	ck_assert_int_eq(smx_session_end(session, NULL, NULL, &v), SMX_OK);
	ck_assert_int_eq(v.earned, SMX_EARNED_SHADOWED);
	smx_session_free(&session);
	return v.key;
}

static enum smx_answer
asked(const struct smx_key *key)
{
	const struct smx_request q = { .kind = SMX_REQ_QUERY,
		.keys = key,
		.count = 1 };
	enum smx_answer answer = SMX_ANSWER_UNKNOWN;
	struct smx_reply reply = { .answers = &answer };

	ck_assert_int_eq(there.ops->request(there.ctx, 0, &q, &reply,
			     clock_mono_ms() + WAIT),
	    SMX_OK);
	return answer;
}

static enum smx_answer
until_not_open(const struct smx_key *key)
{
	int64_t until = clock_mono_ms() + WAIT;

	while (asked(key) == SMX_ANSWER_OPEN && clock_mono_ms() < until)
		usleep(20000);
	return asked(key);
}

/* ---- the tests ---- */

START_TEST(absence_after_the_session_ends_a_message)
{
	struct smx_key key = acknowledged("4jXKs073lDz1bkTK");

	ck_assert_int_eq(until_not_open(&key), SMX_ANSWER_FINISHED);
}
END_TEST

START_TEST(answer_about_another_queue_ends_nothing)
{
	struct smx_key key;

	mta.replace = 1;
	key = acknowledged("4jXKs073lDz1bkTK");
	ck_assert_int_eq(until_not_open(&key), SMX_ANSWER_LOST);
	usleep(300000);
	ck_assert_uint_eq(peer.discards, 0);
}
END_TEST

/* A shadow that was kept for a host of this name. */
static struct smx_key
kept_for(const char *primary)
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

static int
keep_line(void *ctx, const char *json, size_t len)
{
	char *out = ctx;

	ck_assert_uint_lt(len, 8192);
	memcpy(out, json, len);
	out[len] = '\0';
	return 0;
}

static int
command(const char *text, char out[8192])
{
	char why[200];

	out[0] = '\0';
	return smx_engine_command(engine, text, keep_line, out, why,
	    sizeof(why));
}

static int
status_shows(const char *words)
{
	int64_t until = clock_mono_ms() + WAIT;
	static char text[8192];

	do {
		ck_assert_int_eq(command("status", text), SMX_OK);
		if (strstr(text, words) != NULL)
			return 1;
		usleep(20000);
	} while (clock_mono_ms() < until);
	return 0;
}

START_TEST(shadow_of_a_host_that_is_no_member_is_not_forgotten)
{
	static char text[8192];
	struct smx_key key;
	struct smx_row row;

	prepare();
	key = kept_for("gone.example.org");
	start();
	ck_assert(status_shows("\"orphaned\":1"));
	ck_assert(status_shows("\"orphaned\"]"));
	ck_assert_int_eq(command("takeover other.example.org", text),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(command("takeover gone.example.org", text), SMX_OK);
	ck_assert_int_eq(store.ops->get(store.ctx, &key, &row), SMX_OK);
	ck_assert_int_eq(row.state, SMX_ROW_CLAIMED);
	ck_assert(status_shows("\"orphaned\":0"));
	teardown();
}
END_TEST

START_TEST(shadow_of_a_member_is_no_orphan)
{
	static char text[8192];

	prepare();
	(void)kept_for("mx2.example.org");
	start();
	usleep(200000);
	ck_assert_int_eq(command("status", text), SMX_OK);
	ck_assert_ptr_nonnull(strstr(text, "\"orphaned\":0"));
	teardown();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("node");
	TCase *tc = tcase_create("node");
	TCase *kept = tcase_create("kept");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, absence_after_the_session_ends_a_message);
	tcase_add_test(tc, answer_about_another_queue_ends_nothing);
	suite_add_tcase(suite, tc);
	tcase_set_timeout(kept, 30);
	tcase_add_test(kept,
	    shadow_of_a_host_that_is_no_member_is_not_forgotten);
	tcase_add_test(kept, shadow_of_a_member_is_no_orphan);
	suite_add_tcase(suite, kept);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
