/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <shadowmx/config.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/wire.h"
#include "folder.h"
#include "glue/backup_books.h"
#include "glue/backup_rcpt_in.h"
#include "glue/backup_release.h"
#include "glue/herald_in.h"
#include "glue/node_impl.h"
#include "glue/spoken_in.h"

/*
 * A primary MX and its backup MX, with the bytes of the wire between them and
 * no thread: what the one says is in the other's ledger.
 */
static struct smx_engine primary, secondary;
static struct smx_config *config_of_primary, *config_of_secondary;
static struct smx_store notes_of_primary, notes_of_secondary;
static struct backup_db *db;
static struct decider *decider;
static struct spoken *spoken;
static struct herald *herald;

static struct {
	enum engine_peer_state peer;
	enum mx_state state;   /* of the primary, as the probes see it */
	uint64_t held;         /* messages on hold at the secondary */
	unsigned minor;        /* that the secondary speaks */
	const char *speaker;   /* who the primary is to it */
	unsigned asked[16];    /* requests that arrived, by kind */
	unsigned pieces;       /* of PUSH that arrived in all */
	unsigned flushes;      /* of domains */
	unsigned flush_ends;   /* likewise */
	int64_t maintained_ms; /* as the secondary has it */
	unsigned maintains;
	unsigned lose_question, lose_answer; /* the n-th from now; 0 none */
} world;

/* ---- the joints ---- */

struct smx_config *
node_config(struct smx_engine *node)
{
	return smx_config_hold(
	    node == &primary ? config_of_primary : config_of_secondary);
}

const struct smx_engine_ports *
node_ports(const struct smx_engine *node)
{
	return &node->ports;
}

const char *
node_peer_name(const struct smx_engine *node, size_t peer)
{
	(void)peer;
	return node == &primary ? "mx2.example.org" : world.speaker;
}

int
node_peer_find(const struct smx_engine *node, const char *name, size_t *peer)
{
	(void)node;
	*peer = 0;
	return strcmp(name, "mx2.example.org") == 0 ? SMX_OK : SMX_ENOTFOUND;
}

struct engine *
node_enter(struct smx_engine *node)
{
	(void)node;
	return NULL;
}

void
node_leave(struct smx_engine *node)
{
	(void)node;
}

int64_t
node_now_ms(void)
{
	return clock_mono_ms();
}

int
node_thread(pthread_t *out, void *(*run)(void *), void *ctx)
{
	(void)out, (void)run, (void)ctx;
	return SMX_EIO;
}

void
engine_peer_info(const struct engine *engine, size_t peer, int64_t now_ms,
    struct engine_peer_info *info)
{
	(void)engine, (void)peer, (void)now_ms;
	info->state = world.peer;
}

struct backup *
node_backup(struct smx_engine *node)
{
	return node == &secondary ? (struct backup *)(void *)&secondary : NULL;
}

struct smx_engine *
backup_node(struct backup *backup)
{
	(void)backup;
	return &secondary;
}

struct backup_db *
backup_db(struct backup *backup)
{
	(void)backup;
	return db;
}

struct decider *
backup_decider(struct backup *backup)
{
	(void)backup;
	return decider;
}

struct spoken *
backup_spoken(struct backup *backup)
{
	(void)backup;
	return spoken;
}

struct primaries *
backup_primaries(struct backup *backup)
{
	(void)backup;
	return NULL;
}

struct releaser *
backup_releaser(struct backup *backup)
{
	(void)backup;
	return NULL;
}

struct books *
backup_books(struct backup *backup)
{
	(void)backup;
	return NULL;
}

enum mx_state
primaries_state(struct primaries *primaries, const struct smx_backup *backup,
    const char *domain, struct primaries_word *out)
{
	(void)primaries, (void)domain, (void)out;
	ck_assert_ptr_nonnull(backup);
	return world.state;
}

void
primaries_ask(struct primaries *primaries, const struct smx_backup *backup,
    const char *domain, const char *rcpt, int64_t until_mono_ms,
    struct hop_answer *out)
{
	(void)primaries, (void)backup, (void)domain, (void)rcpt;
	(void)until_mono_ms, (void)out;
	ck_abort_msg("nobody asks");
}

int
primaries_maintain(struct primaries *primaries, const char *domain,
    int64_t until_ms)
{
	(void)primaries;
	ck_assert_str_eq(domain, "example.org");
	world.maintained_ms = until_ms;
	world.maintains++;
	return SMX_OK;
}

int64_t
primaries_maintained(struct primaries *primaries, const char *domain)
{
	int64_t left = world.maintained_ms - clock_wall_ms();

	(void)primaries, (void)domain;
	return left > 0 ? left : 0;
}

int
releaser_flush(struct releaser *releaser, const char *domain,
    int64_t until_mono_ms)
{
	(void)releaser, (void)domain;
	if (until_mono_ms > clock_mono_ms())
		world.flushes++;
	else
		world.flush_ends++;
	return SMX_OK;
}

int
books_holds(struct books *books, const char *domain)
{
	(void)books, (void)domain;
	return world.held != 0;
}

/* ---- the link ---- */

static const struct wire_limits limits = { .max_content = 1000,
	.max_envelope = 1000 };

/* The secondary's side: bytes in, bytes out. */
static void
serve(const struct buf *in, struct buf *out)
{
	struct smx_reply reply = { 0 };
	struct wire_server w;
	const char *p = in->data;
	size_t left = in->len;
	int rc;

	wire_server_init(&w, &limits);
	ck_assert_int_eq(wire_server_next(&w, &p, &left), WIRE_EV_HELLO);
	ck_assert_int_eq(wire_server_next(&w, &p, &left), WIRE_EV_REQUEST);
	ck_assert_uint_eq(left, 0);
	rc = spoken_serve(&secondary, 0, &w.request, &reply);
	if (rc == SMX_OK)
		wire_put_reply(out, &w.request, &reply);
	else
		wire_put_code(out, wire_code(rc));
	wire_server_free(&w);
}

static int
hear(const struct smx_request *request, const struct buf *in,
    struct smx_reply *reply)
{
	struct wire_client w;
	const char *p = in->data;
	size_t left = in->len;
	int rc;

	wire_client_init(&w);
	wire_client_expect(&w, 1);
	ck_assert_int_eq(wire_client_next(&w, &p, &left), WIRE_REPLY_END);
	rc = wire_result(w.code);
	if (rc == SMX_OK)
		ck_assert_int_eq(wire_reply_line(request, w.text, w.len, 1,
				     reply),
		    SMX_OK);
	wire_client_free(&w);
	return rc;
}

static int
link_request(void *ctx, size_t peer, const struct smx_request *request,
    struct smx_reply *reply, int64_t deadline_mono_ms)
{
	struct buf in, out;
	int rc = SMX_EUNSURE;

	(void)ctx;
	ck_assert_uint_eq(peer, 0);
	ck_assert_int_gt(deadline_mono_ms, clock_mono_ms());
	if (world.minor < wire_request_minor(request))
		return SMX_EREFUSED;
	world.asked[request->kind]++;
	world.pieces += request->kind == SMX_REQ_PUSH;
	if (world.lose_question != 0 && --world.lose_question == 0)
		return SMX_EUNREACHABLE;
	buf_init(&in, 0);
	buf_init(&out, 0);
	buf_str(&in, "EHLO mx1 VERSION=1.4\r\n");
	ck_assert_int_eq(wire_put_request(&in, request), SMX_OK);
	serve(&in, &out);
	if (world.lose_answer == 0 || --world.lose_answer != 0)
		rc = hear(request, &out, reply);
	buf_free(&in);
	buf_free(&out);
	return rc;
}

static const struct smx_link_ops link_ops = { .request = link_request };
static struct smx_link wire = { .ops = &link_ops };

/* ---- a world ---- */

static void
complain(void *ctx, const struct smx_config_problem *problem)
{
	(void)ctx;
	ck_abort_msg("%s: %s", problem->setting, problem->message);
}

#define PIN "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define COMMON                                                                 \
	"defaults = { acknowledge = { when = (); }; };\n"                      \
	"peers = { members = ( { name = \"%s\"; "                              \
	"address = \"192.0.2.1:8825\"; pin = \"" PIN "\"; } ); };\n"

static struct smx_config *
parse(const char *text)
{
	struct smx_config *out;

	ck_assert_int_eq(smx_config_parse(&out, text, "test", complain, NULL),
	    SMX_OK);
	return out;
}

static void
make_configs(const char *domains, const char *most)
{
	char text[2048];

	snprintf(text, sizeof(text),
	    "node = \"mx1.example.org\";\n" COMMON
	    "primary_for = ( { domains = ( %s ); "
	    "members = ( \"mx2.example.org\" ); "
	    "recipients = \"%s/users\"; } );\n",
	    "mx2.example.org", domains, folder);
	config_of_primary = parse(text);
	snprintf(text, sizeof(text),
	    "node = \"mx2.example.org\";\n" COMMON
	    "backup = { recipients = %s; };\n"
	    "store = { path = \"%s\"; };\n"
	    "policies = ( { name = \"x\"; match = { domains = ( "
	    "\"example.org\" ); }; backup = { while_up = \"accept\"; "
	    "peer = ( \"mx1.example.org\" ); }; }, "
	    "{ name = \"y\"; match = { domains = ( \"example.net\" ); }; "
	    "backup = { while_up = \"accept\"; }; } );\n",
	    "mx1.example.org", most, folder);
	config_of_secondary = parse(text);
}

static void
open_secondary(void)
{
	char why[256] = "";

	ck_assert_msg(backup_db_open(&db, folder, why, sizeof(why)) == SMX_OK,
	    "%s", why);
	ck_assert_int_eq(decider_new(&decider, NULL), SMX_OK);
	ck_assert_int_eq(spoken_new(&spoken, NULL), SMX_OK);
}

static void
close_secondary(void)
{
	spoken_free(&spoken);
	decider_join(decider);
	decider_free(&decider);
	backup_db_close(&db);
}

static void
open_primary(void)
{
	node_herald_open(&primary);
	herald = node_herald(&primary);
	ck_assert_ptr_nonnull(herald);
}

static void
close_primary(void)
{
	herald_free(&herald);
	atomic_store(&primary.herald, NULL);
}

static void
begin(const char *domains, const char *most)
{
	static const struct smx_store_options options = { .quota_bytes =
							      1000000 };

	memset(&world, 0, sizeof(world));
	world.peer = ENGINE_PEER_UP;
	world.state = MX_DOWN;
	world.minor = 4;
	world.held = 1;
	world.speaker = "mx1.example.org";
	folder_make();
	make_configs(domains, most);
	ck_assert_int_eq(smx_store_open_memory(&notes_of_primary, &options),
	    SMX_OK);
	ck_assert_int_eq(smx_store_open_memory(&notes_of_secondary, &options),
	    SMX_OK);
	memset(&primary, 0, sizeof(primary));
	pthread_mutex_init(&primary.lock, NULL);
	primary.peers = 1;
	primary.mta = SMX_MTA_UP;
	primary.ports.link = &wire;
	primary.ports.store = &notes_of_primary;
	secondary.ports.store = &notes_of_secondary;
	open_secondary();
	open_primary();
}

static void
fresh(void)
{
	begin("\"example.org\"", "2000000");
}

static void
gone(void)
{
	close_primary();
	close_secondary();
	smx_store_close(&notes_of_primary);
	smx_store_close(&notes_of_secondary);
	smx_config_release(&config_of_primary);
	smx_config_release(&config_of_secondary);
	pthread_mutex_destroy(&primary.lock);
	folder_remove();
}

/* Nobody waits for a clock. */
static void
step(void)
{
	for (size_t i = 0; i < herald->group_count; i++) {
		struct herald_group *g = &herald->groups[i];

		g->look_ms = 0;
		for (size_t d = 0; d < g->conf->domain_count; d++)
			g->domains[d].ears[0].look_ms = 0;
	}
	herald->rest_ms[0] = 0;
	herald_step(herald);
}

static void
write_users(const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/users", folder);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

/* first, first + 1, ... of so many. */
static void
write_many(size_t first, size_t count)
{
	struct buf b;

	buf_init(&b, 0);
	for (size_t i = first; i < first + count; i++)
		buf_fmt(&b, "u%zu@example.org ok\n", i);
	write_users(b.data);
	buf_free(&b);
}

/* It is read when it was the same for two looks. */
static void
steps(void)
{
	step();
	step();
	step();
}

static int
look(const char *local, enum rcpts_all *all)
{
	struct backup_rcpts_sight sight;
	struct addr addr;
	char text[300];

	snprintf(text, sizeof(text), "<%s@example.org>", local);
	ck_assert_int_eq(addr_read(&addr, text), SMX_OK);
	ck_assert_int_eq(backup_rcpts_look(decider->rcpts, &addr, &sight),
	    SMX_OK);
	if (all != NULL)
		*all = sight.all;
	ck_assert(!sight.found || sight.entry.source == RCPT_FROM_PEER);
	return sight.found && sight.entry.good;
}

static int
is_listed(void)
{
	enum rcpts_all all;

	(void)look("x", &all);
	return all == RCPTS_ALL_LISTED;
}

/* ---- lists ---- */

START_TEST(a_list_comes_whole_and_then_what_changed)
{
	write_many(0, 1200);
	step();
	ck_assert_uint_eq(world.pieces, 0); /* it may be half of it */
	step();
	ck_assert_uint_eq(world.pieces, 3);
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 1200);
	ck_assert(is_listed() && look("u0", NULL) && look("u1199", NULL));
	ck_assert(!look("u1200", NULL));
	write_many(10, 1200);
	steps();
	ck_assert_uint_eq(world.pieces, 4);
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 1200);
	ck_assert(is_listed() && !look("u9", NULL) && look("u1209", NULL));
}
END_TEST

/* Its permissions, say: time, size and inode stay as they were. */
START_TEST(a_file_that_could_not_be_read_is_read_later)
{
	struct rlimit was, none;

	write_many(0, 10);
	step();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	step();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	ck_assert_uint_eq(world.pieces, 0);
	step();
	ck_assert_uint_eq(world.pieces, 1);
	ck_assert(is_listed() && look("u9", NULL));
}
END_TEST

START_TEST(nothing_is_sent_twice)
{
	write_many(0, 600);
	steps();
	ck_assert_uint_eq(world.pieces, 2);
	for (int i = 0; i < 3; i++) {
		close_primary();
		open_primary();
		steps();
		close_secondary();
		open_secondary();
		steps();
	}
	ck_assert_uint_eq(world.pieces, 2);
	ck_assert_uint_ge(world.asked[SMX_REQ_LISTED], 6);
	/* In another order it is the same list. */
	write_users("# nobody\n");
	steps();
	ck_assert(is_listed() && look("u0", NULL));
	ck_assert_uint_eq(world.pieces, 2);
}
END_TEST

START_TEST(a_list_that_this_host_does_not_know_any_more_is_said_whole)
{
	write_many(0, 600);
	steps();
	close_primary();
	write_many(300, 600);
	open_primary();
	steps();
	ck_assert_uint_eq(world.pieces, 4);
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 600);
	ck_assert(is_listed() && !look("u299", NULL) && look("u899", NULL));
}
END_TEST

START_TEST(who_was_forgotten_is_said_again)
{
	size_t count;

	write_many(0, 10);
	steps();
	ck_assert_int_eq(rcptlearn_forget(decider->learn, "example.org", NULL,
			     &count),
	    SMX_OK);
	ck_assert_uint_eq(count, 10);
	ck_assert(!is_listed());
	step();
	ck_assert(is_listed() && look("u9", NULL));
	/* So is a list of which one is missing. */
	ck_assert_int_eq(rcptlearn_forget(decider->learn, "example.org", "u9",
			     &count),
	    SMX_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert(!is_listed());
	step();
	ck_assert(is_listed() && look("u9", NULL));
	/* So is a list whose ledger is another one. */
	close_secondary();
	folder_remove();
	folder_make();
	open_secondary();
	ck_assert(!is_listed());
	step();
	ck_assert(is_listed() && look("u9", NULL));
}
END_TEST

/* _i: which of the requests is lost; whether before or after it was heard. */
START_TEST(a_list_that_stopped_in_between_is_complete_in_the_end)
{
	write_many(0, 1700);
	if (_i % 2 == 0)
		world.lose_question = (unsigned)_i / 2 + 1;
	else
		world.lose_answer = (unsigned)_i / 2 + 1;
	for (int i = 0; i < 5; i++)
		step();
	ck_assert(is_listed());
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 1700);
	write_many(600, 1700);
	if (_i % 2 == 0)
		world.lose_question = (unsigned)_i / 2 + 1;
	else
		world.lose_answer = (unsigned)_i / 2 + 1;
	for (int i = 0; i < 5; i++)
		step();
	ck_assert(is_listed() && !look("u599", NULL) && look("u2299", NULL));
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 1700);
}
END_TEST

/* What has changed in the ledger by then is not the list before any more. */
START_TEST(a_change_that_stopped_and_was_taken_back_leaves_nothing)
{
	write_many(0, 1700);
	steps();
	ck_assert_uint_eq(world.pieces, 4);
	write_many(600, 1700);
	world.lose_question = 5; /* LISTED twice, two pieces */
	step();
	step();
	ck_assert_uint_eq(world.lose_question, 0);
	ck_assert_uint_eq(world.pieces, 7);
	world.peer = ENGINE_PEER_QUIET;
	write_many(0, 1700);
	steps();
	world.peer = ENGINE_PEER_UP;
	steps();
	ck_assert(is_listed());
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 1700);
	ck_assert(look("u0", NULL) && look("u599", NULL));
	ck_assert(!look("u1700", NULL) && !look("u2299", NULL));
}
END_TEST

START_TEST(a_list_is_none_before_its_last_piece)
{
	write_many(0, 1700);
	world.lose_question = 4; /* DRAIN, LISTED, a piece */
	step();
	step();
	ck_assert(!is_listed());
	ck_assert(look("u0", NULL));
	step();
	ck_assert(is_listed());
}
END_TEST

START_TEST(entries_that_do_not_make_the_list_make_none)
{
	const struct smx_push_entry entries[] = { { "a", 0 }, { "b", 0 } };
	struct smx_push push = { .domain = "example.org",
		.last = 1,
		.entries = entries };
	struct smx_request request = { .kind = SMX_REQ_PUSH,
		.push = &push,
		.count = 2 };
	struct smx_reply reply;

	memset(push.digest, 7, sizeof(push.digest));
	memset(&reply, 9, sizeof(reply));
	ck_assert_int_eq(spoken_serve(&secondary, 0, &request, &reply), SMX_OK);
	ck_assert_uint_eq(reply.next, 0);
	ck_assert(!is_listed());
	/* Nor does what leads from a list that is not here. */
	memset(push.base, 7, sizeof(push.base));
	ck_assert_int_eq(spoken_serve(&secondary, 0, &request, &reply), SMX_OK);
	ck_assert_uint_eq(reply.next, 0);
	ck_assert(!is_listed());
	/* Nor a list of nobody, nor a piece without those before it. */
	memset(&push.base, 0, sizeof(push.base));
	push.part = 1;
	ck_assert_int_eq(spoken_serve(&secondary, 0, &request, &reply), SMX_OK);
	ck_assert_uint_eq(reply.next, 0);
	memset(&push.digest, 0, sizeof(push.digest));
	ck_assert_int_eq(spoken_serve(&secondary, 0, &request, &reply),
	    SMX_EREFUSED);
}
END_TEST

START_TEST(a_file_says_more_than_a_list)
{
	const struct backup_rcpts_limits most = { .most = 1000,
		.now_ms = 1000 };
	const struct backup_rcpts_news news = { "example.org", "kept",
		{ 1, RCPT_FROM_FILE, 1000 } };
	struct backup_rcpts_sight sight;
	struct addr addr;
	size_t unkept;

	write_users("kept@example.org\nother@example.org\n");
	steps();
	ck_assert_int_eq(backup_rcpts_learn(decider->rcpts, &news, 1, &most,
			     &unkept),
	    SMX_OK);
	write_users("other@example.org\n");
	steps();
	ck_assert_int_eq(addr_read(&addr, "<kept@example.org>"), SMX_OK);
	ck_assert_int_eq(backup_rcpts_look(decider->rcpts, &addr, &sight),
	    SMX_OK);
	ck_assert(sight.found && sight.entry.source == RCPT_FROM_FILE);
	ck_assert_int_eq(sight.all, RCPTS_ALL_LISTED);
	/* Who goes from the file is who the list says. */
	write_users("kept@example.org\nother@example.org\n");
	steps();
	ck_assert(is_listed());
	ck_assert_int_eq(backup_rcpts_renew(decider->rcpts, "example.org", 2000,
			     0, &unkept),
	    SMX_OK);
	ck_assert_uint_eq(unkept, 1);
	ck_assert(!is_listed());
	step();
	ck_assert(is_listed() && look("kept", NULL));
}
END_TEST

START_TEST(a_primary_may_say_that_it_takes_all)
{
	enum rcpts_all all;

	write_users("a@example.org\n@example.org\n");
	steps();
	ck_assert(look("a", &all));
	ck_assert_int_eq(all, RCPTS_ALL_PEER);
	write_users("a@example.org\n");
	steps();
	ck_assert(look("a", &all));
	ck_assert_int_eq(all, RCPTS_ALL_LISTED);
	write_users("a@example.org\nb\n@example.org\n");
	steps();
	ck_assert(look("b", &all));
	ck_assert_int_eq(all, RCPTS_ALL_PEER);
}
END_TEST

/* Half of one is none: nobody is bad for not being in it. */
START_TEST(a_ledger_that_is_full_takes_no_list)
{
	gone();
	begin("\"example.org\"", "1000");
	write_many(0, 900);
	steps();
	ck_assert(is_listed());
	write_many(0, 1100);
	steps();
	ck_assert(!is_listed() && !look("u0", NULL));
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 0);
	write_many(0, 950);
	steps();
	ck_assert(is_listed());
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 950);
}
END_TEST

/* ---- whom it believes ---- */

START_TEST(nothing_is_believed_of_another_domain)
{
	gone();
	begin("\"example.org\", \"example.net\", \"example.com\"", "2000000");
	write_users("a@example.org\nb@example.net\nc@example.com\n");
	for (int i = 0; i < 5; i++)
		step();
	ck_assert(is_listed());
	ck_assert_uint_eq(world.pieces, 1);
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 1);
	ck_assert_uint_eq(world.flushes, 1);
}
END_TEST

START_TEST(nothing_is_believed_of_another_member)
{
	struct smx_request request = { .kind = SMX_REQ_MAINTAIN, .count = 1 };
	const char *domain = "example.org";
	struct smx_reply reply = { 0 };

	world.speaker = "mx7.example.org";
	write_many(0, 10);
	steps();
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 0);
	ck_assert(!is_listed());
	ck_assert_uint_eq(world.flushes, 0);
	request.domains = &domain;
	request.for_ms = 1000;
	ck_assert_int_eq(spoken_serve(&secondary, 0, &request, &reply), SMX_OK);
	ck_assert_uint_eq(reply.foreign, 1);
	ck_assert_uint_eq(world.maintains, 0);
	/* Where nobody is the backup MX of anybody, neither. */
	ck_assert_int_eq(spoken_serve(&primary, 0, &request, &reply), SMX_OK);
	ck_assert_uint_eq(reply.foreign, 1);
}
END_TEST

START_TEST(an_older_member_hears_nothing)
{
	world.minor = 3;
	write_many(0, 10);
	for (int i = 0; i < 4; i++)
		step();
	for (size_t i = 0; i < 16; i++)
		ck_assert_uint_eq(world.asked[i], 0);
	ck_assert_int_eq(herald->older[0], 1);
	/* It comes back as another version. */
	world.peer = ENGINE_PEER_QUIET;
	step();
	world.minor = 4;
	world.peer = ENGINE_PEER_UP;
	herald_step(herald);
	ck_assert(is_listed());
	ck_assert_int_eq(herald->older[0], 0);
}
END_TEST

/* ---- the mail ---- */

START_TEST(who_is_back_asks_for_its_mail_once)
{
	for (int i = 0; i < 3; i++)
		step();
	ck_assert_uint_eq(world.flushes, 1);
	world.peer = ENGINE_PEER_QUIET;
	step();
	world.peer = ENGINE_PEER_UP;
	step();
	ck_assert_uint_eq(world.flushes, 2);
	primary.mta = SMX_MTA_DOWN;
	step();
	ck_assert_uint_eq(world.flushes, 2);
	primary.mta = SMX_MTA_UP;
	step();
	step();
	ck_assert_uint_eq(world.flushes, 3);
}
END_TEST

START_TEST(nothing_is_flushed_where_nothing_has_to_be)
{
	world.held = 0;
	step();
	ck_assert_uint_eq(world.asked[SMX_REQ_DRAIN], 1);
	ck_assert_uint_eq(world.flushes, 0);
	close_primary();
	world.held = 1;
	world.state = MX_UP;
	open_primary();
	step();
	ck_assert_uint_eq(world.asked[SMX_REQ_DRAIN], 2);
	ck_assert_uint_eq(world.flushes, 0);
}
END_TEST

static int
told(void *ctx, const struct herald_told *told)
{
	*(int *)ctx += told->result == SMX_OK;
	return 0;
}

START_TEST(a_maintenance_is_told_until_it_was_heard)
{
	int64_t left;
	int heard = 0;

	step();
	world.lose_question = 1;
	ck_assert_int_eq(herald_maintain(herald, "example.org", 3600000, told,
			     &heard),
	    SMX_OK);
	ck_assert_int_eq(heard, 0);
	ck_assert_uint_eq(world.maintains, 0);
	step();
	ck_assert_uint_eq(world.maintains, 1);
	ck_assert_uint_eq(world.flush_ends, 1);
	ck_assert_int_gt(world.maintained_ms, clock_wall_ms() + 3000000);
	/* It is said again after a restart, and changes nothing then. */
	close_primary();
	open_primary();
	ck_assert_int_eq(herald_maintained(herald, "example.org", &left),
	    SMX_OK);
	ck_assert_int_gt(left, 3000000);
	step();
	ck_assert_uint_eq(world.maintains, 1);
	ck_assert_uint_eq(world.flush_ends, 1);
	ck_assert_uint_eq(world.flushes, 1);
	/* Its early end, too; and then it is back. */
	world.lose_question = 1;
	ck_assert_int_eq(herald_maintain(herald, "example.org", 0, told,
			     &heard),
	    SMX_OK);
	close_primary();
	open_primary();
	step();
	ck_assert_uint_eq(world.maintains, 2);
	ck_assert_int_eq(world.maintained_ms, 0);
	ck_assert_uint_eq(world.flushes, 2);
	ck_assert_int_eq(herald_maintain(herald, "example.net", 1000, told,
			     &heard),
	    SMX_ENOTFOUND);
}
END_TEST

/* This host and its MTA were up all the time. */
START_TEST(who_is_back_from_a_maintenance_asks_for_its_mail)
{
	int heard = 0;

	step();
	ck_assert_uint_eq(world.flushes, 1);
	ck_assert_int_eq(herald_maintain(herald, "example.org", 3600000, told,
			     &heard),
	    SMX_OK);
	step();
	step();
	ck_assert_uint_eq(world.flushes, 1);
	ck_assert_int_eq(herald_maintain(herald, "example.org", 0, told,
			     &heard),
	    SMX_OK);
	step();
	step();
	ck_assert_uint_eq(world.flushes, 2);
}
END_TEST

START_TEST(an_operator_asks_for_the_mail)
{
	int heard = 0;

	step();
	ck_assert_int_eq(herald_drain(herald, NULL, told, &heard), SMX_OK);
	ck_assert_int_eq(herald_drain(herald, "example.org", told, &heard),
	    SMX_OK);
	ck_assert_int_eq(heard, 2);
	ck_assert_uint_eq(world.flushes, 3);
	ck_assert_int_eq(herald_drain(herald, "example.net", told, &heard),
	    SMX_ENOTFOUND);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("herald");
	TCase *tc = tcase_create("herald");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, fresh, gone);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_list_comes_whole_and_then_what_changed);
	tcase_add_test(tc, a_file_that_could_not_be_read_is_read_later);
	tcase_add_test(tc, nothing_is_sent_twice);
	tcase_add_test(tc,
	    a_list_that_this_host_does_not_know_any_more_is_said_whole);
	tcase_add_test(tc, who_was_forgotten_is_said_again);
	tcase_add_loop_test(tc,
	    a_list_that_stopped_in_between_is_complete_in_the_end, 0, 14);
	tcase_add_test(tc,
	    a_change_that_stopped_and_was_taken_back_leaves_nothing);
	tcase_add_test(tc, a_list_is_none_before_its_last_piece);
	tcase_add_test(tc, entries_that_do_not_make_the_list_make_none);
	tcase_add_test(tc, a_file_says_more_than_a_list);
	tcase_add_test(tc, a_primary_may_say_that_it_takes_all);
	tcase_add_test(tc, a_ledger_that_is_full_takes_no_list);
	tcase_add_test(tc, nothing_is_believed_of_another_domain);
	tcase_add_test(tc, nothing_is_believed_of_another_member);
	tcase_add_test(tc, an_older_member_hears_nothing);
	tcase_add_test(tc, who_is_back_asks_for_its_mail_once);
	tcase_add_test(tc, nothing_is_flushed_where_nothing_has_to_be);
	tcase_add_test(tc, a_maintenance_is_told_until_it_was_heard);
	tcase_add_test(tc, who_is_back_from_a_maintenance_asks_for_its_mail);
	tcase_add_test(tc, an_operator_asks_for_the_mail);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
