/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "session_world.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/engine.h"
#include "core/hold.h"
#include "core/policy.h"
#include "core/resend.h"
#include "glue/node.h"
#include "glue/splitter.h"
#include "io/digest.h"

struct world world;

static struct smx_link the_link;
static struct smx_submit the_submit;
static struct smx_queue the_queue;
static struct smx_engine_ports ports = { .link = &the_link,
	.submit = &the_submit,
	.queue = &the_queue };
static char engine_address, core_address;

static void note(const char *fmt, ...) SMX_PRINTF(1, 2);

static void
note(const char *fmt, ...)
{
	size_t at = strlen(world.journal);
	va_list ap;

	va_start(ap, fmt);
	if (at > 0 && at + 1 < sizeof(world.journal))
		world.journal[at++] = ' ';
	vsnprintf(world.journal + at, sizeof(world.journal) - at, fmt, ap);
	va_end(ap);
}

/* ---- the node and the core engine ---- */

struct smx_engine *
world_engine(void)
{
	return (struct smx_engine *)(void *)&engine_address;
}

struct engine *
node_enter(struct smx_engine *node)
{
	(void)node;
	return (struct engine *)(void *)&core_address;
}

void
node_leave(struct smx_engine *node)
{
	(void)node;
}

int64_t
node_now_ms(void)
{
	return clock_boot_ms();
}

const struct smx_engine_ports *
node_ports(const struct smx_engine *node)
{
	(void)node;
	return &ports;
}

const char *
node_peer_name(const struct smx_engine *node, size_t peer)
{
	(void)node;
	return peer < WORLD_PEERS ? world.conf.members[peer].name : "?";
}

void
node_epoch(struct smx_engine *node, struct smx_epoch *epoch)
{
	(void)node;
	memset(epoch, 7, sizeof(*epoch));
}

uint64_t
engine_may_return(struct engine *engine, const struct smx_ack *ack,
    int64_t since_ms, int64_t now_ms)
{
	(void)engine, (void)ack, (void)since_ms, (void)now_ms;
	return world.awaited;
}

/* Nor is anybody's backup MX, but for check_intake.c. */
struct backup *
node_backup(struct smx_engine *node)
{
	(void)node;
	return world.backup;
}

struct books *
backup_books(struct backup *backup)
{
	(void)backup;
	return NULL;
}

int
backup_rcpt(struct backup *backup, const struct backup_ask *ask,
    struct backup_word *out, struct hop_answer *words)
{
	(void)backup;
	return world.backup_rcpt(ask, out, words);
}

void
backup_heard(struct backup *backup, const char *rcpt,
    const struct hop_answer *said)
{
	(void)backup, (void)rcpt;
	world.backup_heard = said->class;
}

int
books_full(struct books *books, const char *domain,
    const struct smx_backup *backup)
{
	(void)books, (void)domain, (void)backup;
	return world.books_full;
}

int
books_take(struct books *books, const struct books_mail *mail)
{
	(void)books;
	return world.books_take(mail);
}

struct splitter *
backup_splitter(struct backup *backup)
{
	(void)backup;
	return NULL;
}

int
splitter_begin(struct splitter *splitter, struct backup_split *split)
{
	(void)splitter;
	note("split:%s:%s", split->original, split->domain);
	snprintf(split->trail, sizeof(split->trail), "%s.trail",
	    split->original);
	return world.split_add_result;
}

int
splitter_named(struct splitter *splitter, const struct backup_split *split)
{
	(void)splitter;
	note("named:%s", split->part);
	return world.split_name_result;
}

int
splitter_expect(struct splitter *splitter, const struct backup_split *split)
{
	(void)splitter, (void)split;
	note("expect");
	return world.split_expect_result;
}

void
splitter_drop(struct splitter *splitter, const struct backup_split *split)
{
	(void)splitter, (void)split;
	note("drop");
}

int
splitter_erase(struct splitter *splitter, const char *part,
    int64_t until_mono_ms)
{
	(void)splitter, (void)until_mono_ms;
	note("erase:%s", part);
	return world.erase_result;
}

void
splitter_kept(const struct backup_split *split, const char *why)
{
	(void)split;
	note("kept:%s", why);
}

static int
submit(void *ctx, const struct smx_submission *s, struct smx_submit_result *out)
{
	size_t count = smx_envelope_recipients(s->envelope);

	(void)ctx;
	note("submit:%s:%s", s->held ? "held" : "free", s->trail_id);
	ck_assert_ptr_nonnull(strstr(s->received, " id 4jXKs0.trail"));
	if (world.submit_result != SMX_OK)
		return world.submit_result;
	snprintf(out->queue_id, sizeof(out->queue_id), "%s", world.submit_id);
	for (size_t i = 0; i < count; i++)
		out->rcpt_states[i] =
		    strcmp(smx_envelope_recipient(s->envelope, i),
			world.submit_refuses) == 0
			? SMX_RCPT_REFUSED
			: SMX_RCPT_HANDED;
	return SMX_OK;
}

static int
change(void *ctx, enum smx_queue_change what, const char *const *ids,
    size_t count, int64_t until_mono_ms)
{
	(void)ctx, (void)what, (void)ids, (void)count, (void)until_mono_ms;
	ck_abort(); /* the splitter's */
	return SMX_EIO;
}

static const struct smx_submit_ops submit_ops = { .submit = submit };
static const struct smx_queue_ops queue_ops = { .change = change };

struct courier *
node_courier(const struct smx_engine *node)
{
	(void)node;
	return world.courier;
}

void
node_acknowledged(struct smx_engine *node, enum smx_earned earned,
    int64_t held_ms)
{
	(void)node;
	(void)earned;
	(void)held_ms;
}

void
node_unprotected(struct smx_engine *node, const struct smx_key *key,
    const char *queue_id)
{
	(void)node, (void)key, (void)queue_id;
	world.noted++;
}

int
node_held_enter(struct smx_engine *node, int64_t max_held)
{
	(void)node, (void)max_held;
	if (world.held_result == SMX_OK)
		world.held++;
	return world.held_result;
}

void
node_held_leave(struct smx_engine *node, int64_t held_ms)
{
	(void)node, (void)held_ms;
	world.held--;
}

int
engine_begin(struct engine *engine, const struct engine_message *message,
    int64_t now_ms, struct smx_key *key)
{
	(void)engine, (void)now_ms;
	world.registered = *message;
	world.registered.queue_id = NULL;
	note(world.begin_result == SMX_OK ? "begin" : "begin-failed");
	memset(key, 0, sizeof(*key));
	key->counter = 1;
	return world.begin_result;
}

size_t
engine_candidates(struct engine *engine, const struct smx_ack *ack,
    int64_t now_ms, size_t *peers, size_t max)
{
	size_t count = world.candidates;

	(void)engine, (void)ack, (void)now_ms, (void)max;
	for (size_t i = 0; i < count; i++)
		peers[i] = i;
	/* Who is there when they are asked for again. */
	if (world.back != 0) {
		world.candidates = world.back;
		for (size_t i = 0; i < world.back; i++)
			world.peer[i].begin = SMX_OK;
	}
	return count;
}

int
engine_copy_ask(const struct engine *engine, const struct smx_key *key,
    struct smx_ack *ack, struct engine_ranks *there, int64_t now_ms)
{
	(void)engine, (void)key, (void)ack, (void)now_ms;
	memset(there, 0, sizeof(*there));
	return 1;
}

/* Somebody loses what it has confirmed, as often as the test says. */
int
engine_hold_look(const struct engine *engine, const struct smx_key *key,
    struct hold *hold)
{
	(void)engine, (void)key;
	if (world.forgets == 0 || hold->state == HOLD_ASKING)
		return 0;
	world.forgets--;
	return hold_hears(hold, 0, HOLD_LOST);
}

int64_t
engine_trouble_ms(struct engine *engine, const struct smx_ack *ack,
    int64_t now_ms)
{
	(void)engine, (void)ack, (void)now_ms;
	return world.trouble_ms;
}

void
engine_trouble(struct engine *engine, const struct smx_ack *ack, int began,
    int64_t now_ms)
{
	(void)engine, (void)ack, (void)now_ms;
	world.trouble_told = began;
}

void
engine_passed(struct engine *engine, const char *queue_id, int64_t now_ms)
{
	(void)engine, (void)now_ms;
	note("passed:%s", queue_id);
}

void
engine_sent(struct engine *engine, const struct smx_key *key, size_t peer,
    int result, int64_t now_ms)
{
	(void)engine, (void)key, (void)now_ms;
	note("sent:%zu:%s", peer, smx_errname(result));
}

void
engine_verdict(struct engine *engine, const struct smx_key *key,
    enum engine_verdict verdict, const struct engine_ranks *ranks,
    int64_t now_ms)
{
	static const char *const words[] = { "?", "protected", "unprotected",
		"refused" };

	(void)engine, (void)key, (void)now_ms;
	note("verdict:%s", words[verdict]);
	memset(&world.ranks, 0, sizeof(world.ranks));
	if (ranks != NULL)
		world.ranks = *ranks;
}

void
engine_session_end(struct engine *engine, const struct smx_key *key,
    int64_t now_ms)
{
	(void)engine, (void)key, (void)now_ms;
	note("past");
}

/* ---- the resend guard ---- */

void
engine_resend_note(struct engine *engine, const struct smx_key *key,
    const struct resend_message *message, int64_t window_ms, int64_t now_ms)
{
	(void)engine, (void)key, (void)window_ms, (void)now_ms;
	world.resend_noted = message->count;
	note("note");
}

void
engine_resend_ask(struct engine *engine, struct resend_question *q,
    int64_t now_ms)
{
	(void)engine, (void)now_ms;
	q->count = q->waiting = 0;
	if (world.resend_asks != 0) {
		world.resend_asks--;
		q->waiting = 1;
		return;
	}
	for (size_t i = 0; i < q->message->count; i++) {
		q->taken[i] = world.resent >> i & 1;
		q->count += q->taken[i];
	}
	q->first.counter = 77;
	memcpy(q->first_id, "4jXKfirst", sizeof("4jXKfirst"));
}

void
engine_resend_kept_out(struct engine *engine, const struct resend_question *q)
{
	(void)engine;
	note("kept-out:%zu", q->count);
}

/* ---- configuration and policy ---- */

struct smx_config {
	int holders;
	struct conf conf;
};

struct smx_config *
node_config(struct smx_engine *node)
{
	struct smx_config *config;

	(void)node;
	world.own++;
	config = malloc(sizeof(*config));
	world.own--;
	if (config == NULL)
		abort();
	config->holders = 1;
	config->conf = world.conf;
	world.configs++;
	return config;
}

const struct conf *
config_conf(const struct smx_config *config)
{
	return &config->conf;
}

void
smx_config_release(struct smx_config **config)
{
	if (*config != NULL && --(*config)->holders == 0) {
		free(*config);
		world.configs--;
	}
	*config = NULL;
}

void
smx_policy_locate(const struct smx_config *config, struct smx_client *client)
{
	(void)config, (void)client;
}

static void
next_hops(const char *recipient, struct smx_ack *ack)
{
	static const char *const a[] = { "lmtp:unix:/a" };
	static const char *const b[] = { "lmtp:unix:/b" };

	if (strstr(recipient, "-hop") != NULL)
		ack->when |= SMX_WHEN_DELIVERED;
	if (strstr(recipient, "-only") != NULL)
		ack->when = SMX_WHEN_DELIVERED;
	if ((ack->when & SMX_WHEN_DELIVERED) == 0)
		return;
	ack->next_hops = strstr(recipient, "-a@") != NULL ? a : b;
	ack->next_hop_count = 1;
}

int
smx_policy_recipient(const struct smx_config *config,
    const struct smx_client *client, const char *recipient, uint64_t size,
    struct smx_ack *ack)
{
	(void)config, (void)size;
	memset(ack, 0, sizeof(*ack));
	ack->policy = client->authenticated ? "known" : "strangers";
	ack->when = strstr(recipient, "none") ? 0 : SMX_WHEN_SHADOWED;
	next_hops(recipient, ack);
	ack->copies =
	    strstr(recipient, "two") || strstr(recipient, "both") ? 2 : 1;
	ack->min_copies = strstr(recipient, "both") ? 2 : 1;
	ack->tempfail_ms = strstr(recipient, "later") ? 600000 : 0;
	ack->backup = strstr(recipient, "backup") ? world.policy : NULL;
	ack->holders = ~0ull;
	ack->max_delay_ms = world.max_delay_ms;
	ack->when_unprotected = strstr(recipient, "accept")
				    ? SMX_UNPROTECTED_ACCEPT
				    : SMX_UNPROTECTED_TEMPFAIL;
	return SMX_OK;
}

int
policy_own(const struct smx_config *config, const char *address)
{
	(void)config, (void)address;
	return 0;
}

int
policy_waits(const struct smx_config *config, const struct smx_client *client,
    const char *recipient)
{
	(void)config, (void)client, (void)recipient;
	return world.by_size;
}

int
smx_policy_by_size(const struct smx_config *config)
{
	(void)config;
	return world.by_size;
}

int
smx_policy_combine(struct smx_ack *message, const struct smx_ack *recipient,
    int split)
{
	(void)split;
	if (message->policy == NULL || message->when == 0)
		*message = *recipient;
	if (world.courier == NULL || recipient->when == 0)
		return SMX_OK;
	message->when |= recipient->when;
	if (recipient->when_unprotected == SMX_UNPROTECTED_TEMPFAIL)
		message->when_unprotected = SMX_UNPROTECTED_TEMPFAIL;
	return SMX_OK;
}

/* ---- the link ---- */

struct smx_call {
	size_t peer;
	int64_t due_ms;
};

static void
keep_shadow(const struct smx_shadow *shadow)
{
	uint8_t sum[SMX_DIGEST_BYTES];

	world_free();
	world.own++;
	world.envelope = calloc(1, shadow->envelope_len + 1);
	world.content_len = (size_t)shadow->content->size;
	world.content = calloc(1, world.content_len + 1);
	world.own--;
	if (world.envelope == NULL || world.content == NULL)
		abort();
	memcpy(world.envelope, shadow->envelope, shadow->envelope_len);
	(void)shadow->content->read(shadow->content->ctx, 0, world.content,
	    world.content_len);
	(void)text_copy(world.queue_id, sizeof(world.queue_id),
	    shadow->queue_id);
	world.digest_matches =
	    digest_once(world.content, world.content_len, sum) == SMX_OK &&
	    memcmp(sum, shadow->digest, sizeof(sum)) == 0;
}

static int
link_shadow(void *ctx, size_t peer, const struct smx_shadow *shadow,
    int64_t deadline_mono_ms, struct smx_call **out)
{
	struct world_peer *p = &world.peer[peer];
	struct smx_call *call;

	(void)ctx, (void)deadline_mono_ms;
	note("shadow:%zu", peer);
	if (p->begin != SMX_OK)
		return p->begin;
	call = malloc(sizeof(*call));
	if (call == NULL)
		return SMX_ENOMEM;
	keep_shadow(shadow);
	(void)text_copy(p->told, sizeof(p->told), shadow->holders);
	call->peer = peer;
	call->due_ms =
	    p->after_ms == NEVER ? NEVER : clock_mono_ms() + p->after_ms;
	*out = call;
	return SMX_OK;
}

static int
link_wait(void *ctx, struct smx_call *const *calls, size_t count,
    int64_t until_mono_ms, size_t *which)
{
	struct timespec tick = { 0, 1000000 };

	(void)ctx;
	for (;;) {
		int64_t now = clock_mono_ms();

		for (size_t i = 0; i < count; i++)
			if (calls[i]->due_ms <= now) {
				*which = i;
				return SMX_OK;
			}
		if (now >= until_mono_ms)
			return SMX_ETIMEOUT;
		nanosleep(&tick, NULL);
	}
}

static int
link_finish(void *ctx, struct smx_call **call, char *text, size_t text_size)
{
	int complete = (*call)->due_ms <= clock_mono_ms();
	struct world_peer *p = &world.peer[(*call)->peer];
	int rc = complete ? p->result : SMX_EUNSURE;

	(void)ctx, (void)text, (void)text_size;
	if (p->heals)
		p->result = SMX_OK;
	free(*call);
	*call = NULL;
	return rc;
}

static const struct smx_link_ops link_ops = {
	.shadow = link_shadow,
	.wait = link_wait,
	.finish = link_finish,
};

/* ---- for the tests ---- */

static void
keep_line(void *ctx, enum smx_level level, const char *line)
{
	(void)ctx;
	snprintf(world.log, sizeof(world.log), "%d %s", (int)level, line);
}

void
world_free(void)
{
	free(world.envelope);
	free(world.content);
	world.envelope = world.content = NULL;
}

void
world_reset(void)
{
	static const struct conf_member members[WORLD_PEERS] = {
		{ .name = "mx2.example.org" }, { .name = "mx3.example.org" },
		{ .name = "mx4.example.org" }
	};
	struct conf *conf = &world.conf;

	world_free();
	memset(&world, 0, sizeof(world));
	the_link.ops = &link_ops;
	the_submit.ops = &submit_ops;
	the_queue.ops = &queue_ops;
	world.submit_refuses = "";
	world.submit_id = "4jXKs1";
	conf->mta_submit_held = "";
	conf->node = "mx1.example.org";
	world.candidates = 2;
	world.trouble_told = -1;
	world.max_delay_ms = 2000;
	conf->milter_memory_limit = 4096;
	conf->milter_spill = "/tmp";
	conf->store_path = "/tmp";
	conf->milter_max_recipients = 4;
	conf->milter_max_headers = 10;
	conf->milter_max_header = 300;
	conf->milter_max_message = 100000;
	conf->milter_max_held = 10;
	conf->members = members;
	conf->member_count = WORLD_PEERS;
	conf->defaults.policy = "defaults";
	conf->defaults.when = SMX_WHEN_SHADOWED;
	conf->defaults.copies = conf->defaults.min_copies = 1;
	conf->defaults.max_delay_ms = 2000;
	conf->defaults.when_unprotected = SMX_UNPROTECTED_TEMPFAIL;
	smx_log_set(keep_line, NULL, SMX_LOG_DEBUG);
}

struct smx_session *
world_session(void)
{
	const struct smx_session_client client = { "client.example",
		"192.0.2.7", 12345, "smtpd" };
	struct smx_session *session = NULL;

	ck_assert_int_eq(smx_session_new(&session, world_engine(), &client),
	    SMX_OK);
	ck_assert_int_eq(smx_session_helo(session, "client.example"), SMX_OK);
	return session;
}

void
world_envelope(struct smx_session *session, const char *const *rcpts)
{
	char address[128];

	ck_assert_int_eq(smx_session_mail(session, "<sender@example.net>", NULL,
			     0),
	    SMX_OK);
	for (; *rcpts != NULL; rcpts++) {
		snprintf(address, sizeof(address), "<%s@example.org>", *rcpts);
		ck_assert_int_eq(smx_session_rcpt(session, address, NULL, 0),
		    SMX_OK);
	}
	ck_assert_int_eq(smx_session_queue_id(session, "4jXKs0"), SMX_OK);
}

void
world_message(struct smx_session *session, const char *rcpt)
{
	const char *const rcpts[] = { rcpt, NULL };

	world_envelope(session, rcpts);
	ck_assert_int_eq(smx_session_header(session, "A", " b"), SMX_OK);
	ck_assert_int_eq(smx_session_end_of_header(session), SMX_OK);
	ck_assert_int_eq(smx_session_body(session, "x\r\n", 3), SMX_OK);
}

int
world_waiting(void *ctx, int64_t waited_ms)
{
	(void)ctx;
	if (world.waited < sizeof(world.waited_ms) / sizeof(*world.waited_ms))
		world.waited_ms[world.waited] = waited_ms;
	world.waited++;
	return world.give_up_at != 0 && world.waited >= world.give_up_at;
}

void
world_end(struct smx_session *session, struct smx_verdict *verdict)
{
	(void)smx_session_end(session, world_waiting, NULL, verdict);
}
