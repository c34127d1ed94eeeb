/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "engine_bench.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct engine *engine;
const char *const *bench_names;
int64_t now;
int bench_hold;
int64_t bench_mta_down;
struct smx_queue_state queue;
uint64_t bench_sum = 77;
enum smx_answer answers[SMX_REQ_KEYS_MAX];
struct smx_listed listed[SMX_REQ_KEYS_MAX];

void
bench_fresh(uint8_t life, size_t max_open, size_t max_notices)
{
	struct engine_options o = { .peers = bench_names != NULL ? 3 : 2,
		.heartbeat_ms = 1000,
		.takeover_after_ms = 6000,
		.mta_down_ms = bench_mta_down,
		.hold_isolated = bench_hold,
		.probes = 3,
		.batch_delay_ms = 100,
		.retry_ms = 200,
		.patience_ms = 15000,
		.max_open = max_open,
		.max_notices = max_notices,
		.wall_ms = 1000000,
		.amend_ms = 2000,
		.names = bench_names };

	engine_free(&engine);
	o.incarnation[0] = life;
	o.epoch.id[0] = 7;
	ck_assert_int_eq(engine_new(&engine, &o, now), SMX_OK);
	memset(&queue, 0, sizeof(queue));
	queue.epoch.id[0] = 7;
	queue.epoch.counter = 5;
	queue.links_known = 1;
	queue.mta = SMX_MTA_UP;
	engine_queue_state(engine, &queue, now);
}

void
bench_open(void)
{
	bench_names = NULL;
	now = 100000;
	bench_fresh(1, 1000, 1000);
}

void
bench_open_named(void)
{
	static const char *const names[] = { "mx2", "mx3", "mx4" };

	now = 100000;
	bench_names = names;
	bench_fresh(1, 1000, 1000);
}

void
bench_close(void)
{
	engine_free(&engine);
}

/* ---- helpers ---- */

struct smx_key
bench_begin(const char *id)
{
	struct engine_message m = { .queue_id = id,
		.size = 10,
		.recipients = 1,
		.copies = 1,
		.envelope_sum = bench_sum };
	struct smx_key key;

	ck_assert_int_eq(engine_begin(engine, &m, now, &key), SMX_OK);
	return key;
}

struct smx_key
bench_accepted(const char *id)
{
	struct smx_key key = bench_begin(id);

	engine_sent(engine, &key, 0, SMX_OK, now);
	engine_verdict(engine, &key, ENGINE_PROTECTED, NULL, now);
	return key;
}

struct smx_key
bench_ranked(const char *id, unsigned copies, const uint8_t *peers,
    size_t count, int told)
{
	struct engine_message m = { .queue_id = id,
		.size = 10,
		.recipients = 1,
		.copies = copies,
		.envelope_sum = bench_sum };
	struct engine_ranks ranks = { .count = count, .told = told };
	struct smx_key key;

	ck_assert_int_eq(engine_begin(engine, &m, now, &key), SMX_OK);
	for (size_t i = 0; i < count; i++) {
		ranks.peer[i] = peers[i];
		engine_sent(engine, &key, peers[i], SMX_OK, now);
	}
	engine_verdict(engine, &key,
	    count != 0 ? ENGINE_PROTECTED : ENGINE_UNPROTECTED, &ranks, now);
	return key;
}

uint64_t
bench_read(size_t *count)
{
	const char *ids[SMX_QUEUE_READ_MAX];
	uint64_t token = 0;

	*count = engine_read_next(engine, now, ids, SMX_QUEUE_READ_MAX, &token);
	return *count == 0 ? 0 : token;
}

void
bench_text(const char *id, const char *text, int held, uint64_t token)
{
	char *copy = text != NULL ? strdup(text) : NULL;
	struct smx_queue_event e = { .kind = SMX_QUEUE_READ,
		.held = held,
		.text = copy,
		.token = token };

	snprintf(e.id, sizeof(e.id), "%s", id);
	engine_queue_event(engine, &e, now);
	free(copy);
}

void
bench_hint(enum smx_queue_event_kind kind, const char *id)
{
	struct smx_queue_event e = { .kind = kind };

	snprintf(e.id, sizeof(e.id), "%s", id);
	engine_queue_event(engine, &e, now);
}

/* The number of the look, 0 when none is due. */
uint64_t
bench_look(void)
{
	const char *ids[8];
	uint64_t token = 0;

	return engine_verify_next(engine, now, ids, 8, &token) == 0 ? 0 : token;
}

void
bench_seen(const char *id, enum smx_presence presence, uint64_t token,
    const char *other)
{
	struct smx_queue_event e = { .kind = SMX_QUEUE_VERIFIED,
		.presence = presence,
		.token = token };

	snprintf(e.id, sizeof(e.id), "%s", id);
	snprintf(e.other, sizeof(e.other), "%s", other);
	engine_queue_event(engine, &e, now);
}

/* A look after everything that happened so far. */
void
bench_shown(const char *id, enum smx_presence presence)
{
	uint64_t token;

	now += 10 * 60 * 1000;
	token = bench_look();
	ck_assert_uint_ne(token, 0);
	bench_seen(id, presence, token, "");
}

struct engine_counts
bench_counts(void)
{
	struct engine_counts c;

	engine_counts(engine, now, &c);
	return c;
}

enum smx_answer
bench_query(const struct smx_key *key)
{
	struct smx_request q = { .kind = SMX_REQ_QUERY,
		.keys = key,
		.count = 1 };
	struct smx_reply reply = { .answers = answers };

	ck_assert_int_eq(engine_request(engine, 0, &q, &reply, now), SMX_OK);
	return answers[0];
}

uint64_t
bench_waiting(size_t peer)
{
	struct engine_peer_info info;

	engine_peer_info(engine, peer, now, &info);
	return info.notices;
}

enum engine_peer_state
bench_state(size_t peer)
{
	struct engine_peer_info info;

	engine_peer_info(engine, peer, now, &info);
	return info.state;
}

int
bench_pull(size_t peer, struct smx_request *q)
{
	int64_t wake = 0;
	int r = engine_peer_next(engine, peer, now, q, &wake);

	if (r != SMX_OK)
		ck_assert_int_gt(wake, now);
	return r;
}

void
bench_push(size_t peer, const struct smx_request *q, int result)
{
	struct smx_reply reply = { .answers = answers, .listed = listed };

	reply.hello.incarnation[0] = 100;
	reply.hello.epoch.id[0] = 101;
	engine_peer_result(engine, peer, q, result, &reply, now);
}

/* Answer everything until a request of this kind comes, or none. */
int
bench_until(size_t peer, enum smx_request_kind kind, struct smx_request *q)
{
	for (int i = 0; i < 10; i++) {
		if (bench_pull(peer, q) != SMX_OK)
			return 0;
		if (q->kind == kind)
			return 1;
		bench_push(peer, q, SMX_OK);
	}
	return 0;
}
