/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "hub_world.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf_text_of.h"

#define IDS_MAX 512

struct host {
	int index;
	struct smx_config *config;
	struct smx_store store;
	struct smx_link link;
	struct smx_queue queue;
	struct smx_submit submit;
	struct smx_engine *engine;

	/* under lock */
	const struct smx_link_server *table;
	int old;
	int running; /* calls inside table */
	int met[HUB_HOSTS];
	struct smx_hello told[HUB_HOSTS]; /* to each of them */
	enum smx_presence presence;
	int result; /* of submit */
	char ids[IDS_MAX][64];
	size_t id_count;
	uint64_t token;
	struct hub_count count;
};

static struct host hosts[HUB_HOSTS];
static int cut[HUB_HOSTS][HUB_HOSTS]; /* under lock */
static unsigned queue_ids;            /* under lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t quiet = PTHREAD_COND_INITIALIZER;

static const char *const names[HUB_HOSTS] = { "a.test", "b.test", "c.test",
	"d.test" };

const char *
hub_name(int host)
{
	return names[host];
}

/* Members are the other hosts in their order. */
static int
host_of(int self, size_t peer)
{
	return (int)peer + ((int)peer >= self);
}

static size_t
peer_of(int self, int other)
{
	return (size_t)(other - (other > self));
}

/* ---- the lines between them ---- */

static struct host *
enter(struct host *from, size_t peer)
{
	struct host *to = &hosts[host_of(from->index, peer)];

	pthread_mutex_lock(&lock);
	if (to->table == NULL || from->table == NULL ||
	    cut[from->index][to->index])
		to = NULL;
	else
		to->running++;
	pthread_mutex_unlock(&lock);
	return to;
}

static void
leave(struct host *to)
{
	pthread_mutex_lock(&lock);
	if (--to->running == 0)
		pthread_cond_broadcast(&quiet);
	pthread_mutex_unlock(&lock);
}

static void
introduce(struct host *from, struct host *to, struct smx_hello *theirs)
{
	size_t peer = peer_of(to->index, from->index);
	struct smx_hello ours = { 0 }, answer = { 0 };
	int known;

	pthread_mutex_lock(&lock);
	known = to->met[from->index];
	answer = to->told[from->index];
	pthread_mutex_unlock(&lock);
	if (!known) {
		from->table->hello(from->table->ctx,
		    peer_of(from->index, to->index), NULL, &ours);
		to->table->hello(to->table->ctx, peer, &ours, &answer);
		pthread_mutex_lock(&lock);
		to->met[from->index] = 1;
		to->told[from->index] = answer;
		pthread_mutex_unlock(&lock);
	}
	to->table->heard(to->table->ctx, peer);
	*theirs = answer;
}

static int
hub_request(void *ctx, size_t peer, const struct smx_request *request,
    struct smx_reply *reply, int64_t deadline_mono_ms)
{
	struct host *from = ctx;
	struct host *to = enter(from, peer);
	int result, old;

	(void)deadline_mono_ms;
	pthread_mutex_lock(&lock);
	old = hosts[host_of(from->index, peer)].old;
	pthread_mutex_unlock(&lock);
	if (to == NULL)
		return old ? SMX_EREFUSED : SMX_EUNREACHABLE;
	reply->count = reply->foreign = 0;
	reply->ago_ms = -1;
	introduce(from, to, &reply->hello);
	pthread_mutex_lock(&lock);
	to->count.asks += request->kind == SMX_REQ_ASK;
	to->count.claims += request->kind == SMX_REQ_CLAIM;
	pthread_mutex_unlock(&lock);
	result = to->table->request(to->table->ctx,
	    peer_of(to->index, from->index), request, reply);
	leave(to);
	return result == SMX_OK ? SMX_OK : SMX_ETEMP;
}

static int
hub_serve(void *ctx, const struct smx_link_server *table)
{
	struct host *h = ctx;

	pthread_mutex_lock(&lock);
	h->table = table;
	memset(h->met, 0, sizeof(h->met));
	for (int i = 0; i < HUB_HOSTS; i++)
		hosts[i].met[h->index] = 0;
	pthread_mutex_unlock(&lock);
	return SMX_OK;
}

static void
hub_stop(void *ctx)
{
	struct host *h = ctx;

	pthread_mutex_lock(&lock);
	h->table = NULL;
	while (h->running != 0)
		pthread_cond_wait(&quiet, &lock);
	pthread_mutex_unlock(&lock);
}

static int
no_shadow(void *ctx, size_t peer, const struct smx_shadow *shadow,
    int64_t deadline_mono_ms, struct smx_call **call)
{
	(void)ctx, (void)peer, (void)shadow, (void)deadline_mono_ms, (void)call;
	return SMX_EUNREACHABLE;
}

static void
no_close(void *ctx)
{
	(void)ctx;
}

static const struct smx_link_ops link_ops = { .shadow = no_shadow,
	.request = hub_request,
	.serve = hub_serve,
	.stop = hub_stop,
	.close = no_close };

/* ---- the queue and the way into it ---- */

static int
queue_verify(void *ctx, const char *const *ids, size_t count, uint64_t token)
{
	struct host *h = ctx;

	pthread_mutex_lock(&lock);
	h->id_count = count < IDS_MAX ? count : IDS_MAX;
	for (size_t i = 0; i < h->id_count; i++)
		snprintf(h->ids[i], sizeof(h->ids[i]), "%s", ids[i]);
	h->token = token;
	pthread_mutex_unlock(&lock);
	return SMX_OK;
}

static int
queue_next(void *ctx, struct smx_queue_event *events, size_t max, size_t *count,
    int64_t until_mono_ms)
{
	struct host *h = ctx;

	(void)until_mono_ms;
	*count = 0;
	usleep(10000);
	pthread_mutex_lock(&lock);
	while (h->id_count != 0 && *count < max) {
		struct smx_queue_event *ev = &events[(*count)++];

		memset(ev, 0, sizeof(*ev));
		ev->kind = SMX_QUEUE_VERIFIED;
		ev->presence = h->presence;
		ev->token = h->token;
		memcpy(ev->id, h->ids[--h->id_count], sizeof(ev->id));
	}
	pthread_mutex_unlock(&lock);
	return *count != 0 ? SMX_OK : SMX_ETIMEOUT;
}

static int
queue_state(void *ctx, struct smx_queue_state *state)
{
	struct host *h = ctx;

	memset(state, 0, sizeof(*state));
	state->epoch.id[0] = (uint8_t)(h->index + 1);
	state->epoch.counter = 1;
	state->links_known = 1;
	state->mta = SMX_MTA_UP;
	return SMX_OK;
}

static const struct smx_queue_ops queue_ops = { .verify = queue_verify,
	.next = queue_next,
	.state = queue_state,
	.close = no_close };

static int
submit_one(void *ctx, const struct smx_submission *submission,
    struct smx_submit_result *result)
{
	struct host *h = ctx;
	int rc;

	pthread_mutex_lock(&lock);
	rc = h->result;
	if (rc == SMX_OK) {
		h->count.submitted++;
		h->count.held += submission->held != 0;
		h->count.amended += submission->amended != 0;
		memset(result->rcpt_states, SMX_RCPT_HANDED,
		    smx_envelope_recipients(submission->envelope));
		snprintf(result->queue_id, sizeof(result->queue_id), "Q%u",
		    ++queue_ids);
	} else
		snprintf(result->text, sizeof(result->text), "as told");
	pthread_mutex_unlock(&lock);
	return rc;
}

static const struct smx_submit_ops submit_ops = { .submit = submit_one,
	.close = no_close };

/* ---- hosts ---- */

static struct smx_config *
config_of(int self)
{
	static char text[4096];
	size_t n = 0;

	n += (size_t)snprintf(text + n, sizeof(text) - n,
	    "node = \"%s\"; " ACCEPT
	    "takeover = { ask = \"1s\"; retry = \"100ms\"; };\n"
	    "peers = { heartbeat = \"%dms\"; takeover_after = \"%dms\"; "
	    "members = ( ",
	    names[self], HUB_BEAT, HUB_T);
	for (int i = 0, put = 0; i < HUB_HOSTS; i++)
		if (i != self)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%s{ name = \"%s\"; address = \"192.0.2.%d:8825\"; "
			    "pin = \"sha256/%cAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
			    "AAAAAAAAA=\"; }",
			    put++ ? ", " : "", names[i], i + 1, 'A' + i);
	snprintf(text + n, sizeof(text) - n, " ); };\n");
	return config_good(text);
}

static void
store_make(struct host *h)
{
	const struct smx_store_options options = { .body_file_bytes = 1000000 };

	smx_store_close(&h->store);
	ck_assert_int_eq(smx_store_open_memory(&h->store, &options), SMX_OK);
}

void
hub_open(void)
{
	memset(hosts, 0, sizeof(hosts));
	memset(cut, 0, sizeof(cut));
	for (int i = 0; i < HUB_HOSTS; i++) {
		struct host *h = &hosts[i];

		h->index = i;
		h->config = config_of(i);
		h->link = (struct smx_link){ h, &link_ops };
		h->queue = (struct smx_queue){ h, &queue_ops };
		h->submit = (struct smx_submit){ h, &submit_ops };
		h->presence = SMX_PRESENCE_ABSENT;
		store_make(h);
	}
}

void
hub_close(void)
{
	for (int i = 0; i < HUB_HOSTS; i++)
		hub_down(i);
	for (int i = 0; i < HUB_HOSTS; i++) {
		smx_store_close(&hosts[i].store);
		smx_config_release(&hosts[i].config);
	}
}

void
hub_up(int host, int new_store)
{
	struct host *h = &hosts[host];
	struct smx_engine_ports ports = { .store = &h->store,
		.link = &h->link,
		.queue = &h->queue,
		.submit = &h->submit };

	if (new_store)
		store_make(h);
	ck_assert_int_eq(smx_engine_new(&h->engine, h->config, &ports), SMX_OK);
	ck_assert_int_eq(smx_engine_start(h->engine), SMX_OK);
}

/* As a crash would: nobody is told. */
void
hub_down(int host)
{
	smx_engine_free(&hosts[host].engine);
}

void
hub_cut(int host, int other, int on)
{
	pthread_mutex_lock(&lock);
	cut[host][other] = cut[other][host] = on;
	pthread_mutex_unlock(&lock);
}

void
hub_old(int host)
{
	pthread_mutex_lock(&lock);
	hosts[host].old = 1;
	pthread_mutex_unlock(&lock);
}

void
hub_queue(int host, enum smx_presence presence)
{
	pthread_mutex_lock(&lock);
	hosts[host].presence = presence;
	pthread_mutex_unlock(&lock);
}

void
hub_submit(int host, int result)
{
	pthread_mutex_lock(&lock);
	hosts[host].result = result;
	pthread_mutex_unlock(&lock);
}

struct hub_count
hub_count(int host)
{
	struct hub_count count;

	pthread_mutex_lock(&lock);
	count = hosts[host].count;
	pthread_mutex_unlock(&lock);
	return count;
}

static int
no_line(void *ctx, const char *json, size_t len)
{
	(void)ctx, (void)json, (void)len;
	return 0;
}

int
hub_command(int host, const char *text)
{
	char why[200];

	return smx_engine_command(hosts[host].engine, text, no_line, NULL, why,
	    sizeof(why));
}

/* ---- rows ---- */

static struct smx_key
key_of(int primary, uint64_t counter)
{
	struct smx_key key = { .counter = counter };

	key.incarnation[0] = (uint8_t)(0x40 + primary);
	return key;
}

/* The counters of a test are of one primary. */
static int
find(int host, uint64_t counter, struct smx_row *row)
{
	struct smx_store *s = &hosts[host].store;
	int r = SMX_ENOTFOUND;

	for (int p = 0; r != SMX_OK && p < HUB_HOSTS; p++) {
		struct smx_key key = key_of(p, counter);

		r = s->ops->get(s->ctx, &key, row);
	}
	return r;
}

int
hub_row(int host, uint64_t counter, struct smx_row *row)
{
	return find(host, counter, row);
}

void
hub_keep(int host, int primary, uint64_t counter, const char *holders)
{
	static const char envelope[] =
	    "CLIENT\r\nMAIL <a@b.example>\r\nRCPT <c@d.example>\r\n";
	struct smx_store *s = &hosts[host].store;
	struct smx_shadow_head head = { .key = key_of(primary, counter),
		.primary = names[primary],
		.queue_id = "Q",
		.envelope = envelope,
		.envelope_len = sizeof(envelope) - 1,
		.recipients = 1,
		.size = 2,
		.now_ms = clock_wall_ms(),
		.holders = holders };
	struct smx_draft *draft;

	head.epoch.id[0] = (uint8_t)(primary + 1);
	ck_assert_int_eq(s->ops->begin(s->ctx, &head, &draft), SMX_OK);
	ck_assert_int_eq(s->ops->write(s->ctx, draft, "\r\n", 2), SMX_OK);
	ck_assert_int_eq(s->ops->commit(s->ctx, &draft), SMX_OK);
}

void
hub_amend(int host, int primary, uint64_t counter, int held)
{
	static const char envelope[] = "CLIENT\r\nMAIL <a@b.example>\r\n"
				       "RCPT <x@d.example>\r\n"
				       "RCPT <y@d.example>\r\n";
	struct smx_store *s = &hosts[host].store;
	struct smx_row_amendment a = { .key = key_of(primary, counter),
		.version = 1,
		.envelope = envelope,
		.envelope_len = sizeof(envelope) - 1,
		.recipients = 2,
		.held = held };
	size_t foreign;

	ck_assert_int_eq(s->ops->amend(s->ctx, names[primary], &a, 1, &foreign),
	    SMX_OK);
	ck_assert_uint_eq(foreign, 0);
}

static int
count_row(void *ctx, const struct smx_row *row)
{
	(void)row;
	++*(size_t *)ctx;
	return 0;
}

size_t
hub_rows(int host, unsigned states)
{
	struct smx_store *s = &hosts[host].store;
	struct smx_store_filter filter = { .states = states };
	size_t n = 0;

	ck_assert_int_eq(s->ops->scan(s->ctx, &filter, count_row, &n), SMX_OK);
	return n;
}

#define NOW "MAIL <a@b.example>\r\nRCPT <c@d.example>\r\n"

static void
say(int host, int primary, const struct smx_request *request,
    struct smx_reply *reply)
{
	ck_assert_int_eq(hub_request(&hosts[primary], peer_of(primary, host),
			     request, reply, 0),
	    SMX_OK);
}

enum smx_answer
hub_return(int host, int primary, uint64_t counter)
{
	enum smx_answer answer = SMX_ANSWER_UNKNOWN;
	const struct smx_amendment m = { .key = key_of(primary, counter),
		.envelope = NOW,
		.envelope_len = strlen(NOW),
		.recipients = 1,
		.held = 1 };
	const struct smx_request request = { .kind = SMX_REQ_RETURN,
		.amendments = &m,
		.count = 1 };
	struct smx_reply reply = { .answers = &answer };

	say(host, primary, &request, &reply);
	return answer;
}

void
hub_discard(int host, int primary, uint64_t counter)
{
	const struct smx_key key = key_of(primary, counter);
	const struct smx_request request = { .kind = SMX_REQ_DISCARD,
		.keys = &key,
		.count = 1 };
	struct smx_reply reply = { 0 };

	say(host, primary, &request, &reply);
}

/* ---- waiting ---- */

int
hub_comes_to(int host, uint64_t counter, enum smx_row_state state)
{
	int64_t until = clock_mono_ms() + HUB_WAIT;
	struct smx_row row;

	while (find(host, counter, &row) != SMX_OK || row.state != state) {
		if (clock_mono_ms() >= until)
			return 0;
		usleep(10000);
	}
	return 1;
}

int
hub_comes_to_nothing(int host)
{
	int64_t until = clock_mono_ms() + HUB_WAIT;

	while (hub_rows(host, ~(1u << SMX_ROW_DONE)) != 0) {
		if (clock_mono_ms() >= until)
			return 0;
		usleep(10000);
	}
	return 1;
}

int
hub_comes_to_owner(int host, uint64_t counter, int owner)
{
	int64_t until = clock_mono_ms() + HUB_WAIT;
	struct smx_row row;

	while (find(host, counter, &row) != SMX_OK || !row.yielded ||
	       strcmp(row.primary, names[owner]) != 0) {
		if (clock_mono_ms() >= until)
			return 0;
		usleep(10000);
	}
	return row.state == SMX_ROW_SHADOW;
}
