/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/store.h>

#include "io/digest.h"
#include "linktest.h"

/*
 * A store behind a link: hosts 0 and 2 send to host 1, which gives each of
 * them so much room and no more.
 */
#define QUOTA 100000
#define SIZE  4000
#define EACH  40 /* four threads of host 0 send so many: far too many */

static struct net net;
static struct smx_store store;
static struct smx_link_server table;
static const char *const names[] = { "mx0", "mx2" };

static void
on_hello(void *ctx, size_t peer, const struct smx_hello *theirs,
    struct smx_hello *ours)
{
	(void)ctx;
	(void)peer;
	(void)theirs;
	memset(ours, 0, sizeof(*ours));
}

static void
on_heard(void *ctx, size_t peer)
{
	(void)ctx;
	(void)peer;
}

static int
on_begin(void *ctx, size_t peer, const struct smx_shadow_announced *s,
    struct smx_inbound **inbound)
{
	struct smx_shadow_head head = { .key = s->key,
		.primary = names[peer],
		.queue_id = s->queue_id,
		.envelope = s->envelope,
		.envelope_len = s->envelope_len,
		.recipients = s->recipients,
		.size = s->size,
		.digest = s->digest,
		.holders = s->holders };

	(void)ctx;
	return store.ops->begin(store.ctx, &head, (struct smx_draft **)inbound);
}

static int
on_data(void *ctx, struct smx_inbound *inbound, const void *data, size_t len)
{
	(void)ctx;
	return store.ops->write(store.ctx, (struct smx_draft *)inbound, data,
	    len);
}

static int
on_commit(void *ctx, struct smx_inbound **inbound)
{
	(void)ctx;
	return store.ops->commit(store.ctx, (struct smx_draft **)inbound);
}

static void
on_cancel(void *ctx, struct smx_inbound **inbound)
{
	(void)ctx;
	store.ops->abort(store.ctx, (struct smx_draft **)inbound);
}

static int
on_request(void *ctx, size_t peer, const struct smx_request *request,
    struct smx_reply *reply)
{
	(void)ctx;
	return store.ops->drop(store.ctx, names[peer], request->keys,
	    request->count, &reply->foreign);
}

static void
setup(void)
{
	struct smx_store_options options = { .peer_quota_bytes = QUOTA };

	ck_assert_int_eq(smx_store_open_memory(&store, &options), SMX_OK);
	table = (struct smx_link_server){ .hello = on_hello,
		.heard = on_heard,
		.shadow_begin = on_begin,
		.shadow_data = on_data,
		.shadow_commit = on_commit,
		.shadow_cancel = on_cancel,
		.request = on_request };
	net_open(&net);
	for (int host = 0; host < 3; host++)
		net_link(&net, host);
	ck_assert_int_eq(net.link[1].ops->serve(net.link[1].ctx, &table),
	    SMX_OK);
}

static void
teardown(void)
{
	net_close(&net);
	smx_store_close(&store);
}

struct sender {
	pthread_t thread;
	struct smx_link *link;
	size_t peer; /* host 1's number there */
	uint64_t from;
	unsigned count;
	unsigned stored, full, other;
};

static int
send_one(const struct sender *s, uint64_t counter, char *text, size_t size)
{
	int64_t deadline = now_ms() + 20000;
	struct smx_call *call = NULL;
	struct sample sample;
	size_t which;
	int result;

	sample_make(&sample, counter, SIZE, 0);
	result = digest_once(sample.bytes, SIZE, sample.shadow.digest);
	if (result == SMX_OK)
		result = s->link->ops->shadow(s->link->ctx, s->peer,
		    &sample.shadow, deadline, &call);
	if (result == SMX_OK) {
		(void)s->link->ops->wait(s->link->ctx, &call, 1, deadline,
		    &which);
		result = s->link->ops->finish(s->link->ctx, &call, text, size);
	}
	sample_free(&sample);
	return result;
}

static void *
send_all(void *ctx)
{
	struct sender *s = ctx;

	for (uint64_t i = 0; i < s->count; i++) {
		char text[256] = "";
		int result = send_one(s, s->from + i, text, sizeof(text));

		if (result == SMX_OK)
			s->stored++;
		else if (result == SMX_ETEMP &&
			 strcmp(text, "not stored: full") == 0)
			s->full++;
		else
			s->other++;
	}
	return NULL;
}

static int
add_bytes(void *ctx, const struct smx_row *row)
{
	*(uint64_t *)ctx += row->size;
	return 0;
}

static uint64_t
bytes_of(const char *primary)
{
	struct smx_store_filter filter = { .primary = primary };
	uint64_t bytes = 0;

	ck_assert_int_eq(store.ops->scan(store.ctx, &filter, add_bytes, &bytes),
	    SMX_OK);
	return bytes;
}

static int
keep_key(void *ctx, const struct smx_row *row)
{
	*(struct smx_key *)ctx = row->key;
	return 1;
}

START_TEST(a_full_peer_is_refused_and_the_others_are_not)
{
	struct sender senders[5] = { { .count = 0 } };
	struct smx_store_filter of_mx0 = { .primary = "mx0" };
	struct smx_key first;
	struct smx_request discard = { .kind = SMX_REQ_DISCARD,
		.keys = &first,
		.count = 1 };
	struct smx_reply reply = { 0 };
	unsigned stored = 0, full = 0;

	for (unsigned k = 0; k < 5; k++) {
		senders[k].link = &net.link[k < 4 ? 0 : 2];
		senders[k].peer = k < 4 ? 0 : 1;
		senders[k].from = 1000 * (uint64_t)k;
		senders[k].count = k < 4 ? EACH : 10;
		ck_assert_int_eq(pthread_create(&senders[k].thread, NULL,
				     send_all, &senders[k]),
		    0);
	}
	for (unsigned k = 0; k < 5; k++) {
		pthread_join(senders[k].thread, NULL);
		ck_assert_uint_eq(senders[k].other, 0);
		stored += k < 4 ? senders[k].stored : 0;
		full += k < 4 ? senders[k].full : 0;
	}
	ck_assert_uint_eq(senders[4].stored, 10);
	ck_assert_uint_eq(stored + full, 4 * EACH);
	ck_assert_uint_gt(stored, QUOTA / SIZE / 2);
	ck_assert_uint_eq(bytes_of("mx0"), (uint64_t)stored * SIZE);
	ck_assert_uint_le(bytes_of("mx0"), QUOTA);
	ck_assert_uint_eq(bytes_of("mx2"), 10 * SIZE);
	/* What ends makes room, for that one. */
	ck_assert_int_eq(store.ops->scan(store.ctx, &of_mx0, keep_key, &first),
	    1);
	ck_assert_int_eq(net.link[0].ops->request(net.link[0].ctx, 0, &discard,
			     &reply, now_ms() + 5000),
	    SMX_OK);
	senders[0].stored = senders[0].full = 0;
	senders[0].from = 9000;
	senders[0].count = 10;
	send_all(&senders[0]);
	ck_assert_uint_ge(senders[0].stored, 1);
	ck_assert_uint_ge(senders[0].full, 1);
	ck_assert_uint_le(bytes_of("mx0"), QUOTA);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("quota");
	TCase *tc = tcase_create("quota");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_full_peer_is_refused_and_the_others_are_not);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
