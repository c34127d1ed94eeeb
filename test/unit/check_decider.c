/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shadowmx/config.h>
#include <shadowmx/log.h>

#include "base/buf.h"
#include "base/clock.h"
#include "core/addr.h"
#include "folder.h"
#include "glue/backup_rcpt_in.h"
#include "glue/node.h"
#include "io/backup_mail.h"

#define MINUTE INT64_C(60000)

/* ---- the joint and the primary, as far as they are asked ---- */

static struct smx_config *config;
static struct backup_db *db;
static struct decider *decider;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static struct { /* under lock */
	enum mx_state state;
	int announced;
	int64_t down_for_ms;
	int shut;      /* it does not answer before it is opened */
	int takes_all; /* who is invented, too */
	int mute;
	unsigned asked;   /* questions, and of those: */
	unsigned nobodys; /* for invented ones */
	unsigned at_once, most_at_once;
	char rcpt[300]; /* the last one */
} primary;

struct smx_config *
node_config(struct smx_engine *node)
{
	(void)node;
	return smx_config_hold(config);
}

struct smx_engine *
backup_node(struct backup *backup)
{
	(void)backup;
	return NULL;
}

struct backup_db *
backup_db(struct backup *backup)
{
	(void)backup;
	return db;
}

struct primaries *
backup_primaries(struct backup *backup)
{
	(void)backup;
	return NULL;
}

struct decider *
backup_decider(struct backup *backup)
{
	(void)backup;
	return decider;
}

enum mx_state
primaries_state(struct primaries *primaries, const struct smx_backup *backup,
    const char *domain, struct primaries_word *out)
{
	enum mx_state state;

	(void)primaries, (void)backup;
	ck_assert_str_eq(domain, "example.org");
	pthread_mutex_lock(&lock);
	memset(out, 0, sizeof(*out));
	state = out->state = primary.state;
	out->announced = primary.announced;
	out->since_ms = clock_wall_ms() - primary.down_for_ms;
	text_copy(out->host, sizeof(out->host), "mx.example.org");
	pthread_mutex_unlock(&lock);
	return state;
}

static void
answer(const char *rcpt, struct hop_answer *out)
{
	int nobody = strncmp(rcpt, "<shadowmx-nobody-", 17) == 0;

	memset(out, 0, sizeof(*out));
	primary.nobodys += (unsigned)nobody;
	if (primary.mute || strncmp(rcpt, "<busy", 5) == 0) {
		hopanswer_own(out, primary.mute ? HOP_UNREACHABLE : HOP_TEMP,
		    "later");
		out->code = primary.mute ? 0 : 450;
		return;
	}
	if (strncmp(rcpt, "<good", 5) == 0 ||
	    (primary.takes_all && strncmp(rcpt, "<bad", 4) != 0)) {
		hopanswer_own(out, HOP_YES, "ok");
		out->code = 250;
		return;
	}
	hopanswer_own(out, HOP_NO, "we have no such person");
	out->code = 550;
	text_copy(out->enhanced, sizeof(out->enhanced),
	    strncmp(rcpt, "<policy", 7) == 0 ? "5.7.1" : "5.1.1");
}

void
primaries_ask(struct primaries *primaries, const struct smx_backup *backup,
    const char *domain, const char *rcpt, int64_t until_mono_ms,
    struct hop_answer *out)
{
	(void)primaries, (void)backup;
	ck_assert_str_eq(domain, "example.org");
	ck_assert_int_gt(until_mono_ms, 0);
	pthread_mutex_lock(&lock);
	primary.asked++;
	if (++primary.at_once > primary.most_at_once)
		primary.most_at_once = primary.at_once;
	while (primary.shut)
		pthread_cond_wait(&opened, &lock);
	primary.at_once--;
	text_copy(primary.rcpt, sizeof(primary.rcpt), rcpt);
	answer(rcpt, out);
	pthread_mutex_unlock(&lock);
}

/* ---- a world ---- */

static struct smx_backup policy;
static const char *const exempt[] = { "198.51.100.0/24" };

static void
complain(void *ctx, const struct smx_config_problem *problem)
{
	(void)ctx;
	ck_abort_msg("%s: %s", problem->setting, problem->message);
}

static void
make_config(const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text),
	    "node = \"mx2.example.org\";\n"
	    "store = { path = \"%s\"; };\n"
	    "backup = { rcpt_wait = \"20s\"; %s };\n"
	    "defaults = { acknowledge = { when = (); }; };\n",
	    folder, more);
	ck_assert_int_eq(smx_config_parse(&config, text, "test", complain,
			     NULL),
	    SMX_OK);
}

static void
open_world(void)
{
	char why[256] = "";

	ck_assert_msg(backup_db_open(&db, folder, why, sizeof(why)) == SMX_OK,
	    "%s", why);
	ck_assert_int_eq(decider_new(&decider, NULL), SMX_OK);
	ck_assert_int_eq(decider_start(decider), SMX_OK);
}

static void
close_world(void)
{
	decider_join(decider);
	decider_free(&decider);
	backup_db_close(&db);
}

static void
fresh(void)
{
	memset(&primary, 0, sizeof(primary));
	primary.state = MX_UP;
	memset(&policy, 0, sizeof(policy));
	policy.while_up = BACKUP_UP_ACCEPT;
	policy.unknown = BACKUP_UNKNOWN_DEFER;
	policy.grace_ms = 15 * MINUTE;
	policy.exempt = exempt;
	policy.exempt_count = 1;
	folder_make();
	make_config("");
	open_world();
}

static void
gone(void)
{
	close_world();
	smx_config_release(&config);
	folder_remove();
}

static struct backup_word word;
static struct hop_answer words;

static int
rcpt_of(const char *client, int trusted, const char *rcpt)
{
	struct backup_ask ask = { .backup = &policy,
		.conf = config_conf(config),
		.client = client,
		.trusted = trusted,
		.sender = "<s@sender.example>",
		.rcpt = rcpt };
	int rc = backup_rcpt(NULL, &ask, &word, &words);

	ck_assert(rc == SMX_OK || rc == SMX_EREFUSED || rc == SMX_ETEMP);
	if (rc != SMX_OK)
		ck_assert_int_eq(words.code / 100, rc == SMX_ETEMP ? 4 : 5);
	return rc;
}

static int
rcpt(const char *address)
{
	return rcpt_of("192.0.2.1", 0, address);
}

/* ---- the primary is up ---- */

START_TEST(what_the_primary_says_is_our_answer_and_is_learned)
{
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	ck_assert(!word.hold);
	ck_assert_int_eq(word.state, MX_UP);
	ck_assert_str_eq(word.domain, "example.org");
	ck_assert_int_eq(rcpt("<no@Example.ORG>"), SMX_EREFUSED);
	ck_assert_int_eq(words.code, 550);
	ck_assert_str_eq(words.text, "we have no such person");
	ck_assert_uint_eq(primary.nobodys, 1);
	ck_assert_uint_eq(primary.asked, 3);
	/* it is not asked again, and after a restart it is known still */
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<no@example.org>"), SMX_EREFUSED);
	ck_assert_str_eq(words.enhanced, "5.1.1");
	ck_assert_str_ne(words.text, "we have no such person");
	close_world();
	open_world();
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<no@example.org>"), SMX_EREFUSED);
	ck_assert_uint_eq(primary.asked, 3);
}
END_TEST

START_TEST(no_answer_is_taken_and_nothing_is_learned)
{
	primary.mute = 1;
	ck_assert_int_eq(rcpt("<no@example.org>"), SMX_OK);
	primary.mute = 0;
	ck_assert_int_eq(rcpt("<busy@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<busy@example.org>"), SMX_OK);
	ck_assert_uint_eq(primary.asked, 3);
	ck_assert_int_eq(rcpt("<no@example.org>"), SMX_EREFUSED);
}
END_TEST

START_TEST(a_refusal_for_another_reason_is_not_learned)
{
	ck_assert_int_eq(rcpt("<policy@example.org>"), SMX_EREFUSED);
	ck_assert_str_eq(words.enhanced, "5.7.1");
	ck_assert_int_eq(rcpt("<policy@example.org>"), SMX_EREFUSED);
	ck_assert_uint_eq(primary.asked, 2);
}
END_TEST

START_TEST(postmaster_is_good_without_being_asked_for)
{
	ck_assert_int_eq(rcpt("<PostMaster@example.org>"), SMX_OK);
	primary.state = MX_DOWN;
	ck_assert_int_eq(rcpt("<postmaster@example.org>"), SMX_OK);
	ck_assert(word.hold);
	ck_assert_uint_eq(primary.asked, 0);
}
END_TEST

START_TEST(the_first_try_goes_to_the_primary)
{
	policy.while_up = BACKUP_UP_DEFER;
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(rcpt("<good@example.org>"), SMX_ETEMP);
		ck_assert_int_eq(words.code, 451);
		ck_assert_str_eq(words.enhanced, "4.3.2");
		ck_assert_ptr_nonnull(strstr(words.text, "mx.example.org"));
	}
	ck_assert_uint_eq(primary.asked, 0);
	ck_assert_int_eq(rcpt_of("198.51.100.9", 0, "<good@example.org>"),
	    SMX_OK);
	ck_assert_int_eq(rcpt_of("192.0.2.1", 1, "<good@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt_of("", 0, "<good@example.org>"), SMX_OK);
	primary.announced = 1;
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	ck_assert(word.hold);
	primary.announced = 0;
	policy.grace_ms = 0; /* its time is over now */
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	ck_assert(!word.hold);
}
END_TEST

/* ---- the primary has said who its recipients are ---- */

static void
list_is(const char *local, enum rcpts_all all, int64_t confirmed_ms)
{
	const struct backup_rcpts_limits most = { .most = 1000,
		.now_ms = clock_wall_ms() };
	const struct backup_rcpts_news news = { "example.org", local,
		{ 1, RCPT_FROM_PEER, clock_wall_ms() } };
	size_t unkept;

	ck_assert_int_eq(backup_rcpts_learn(decider->rcpts, &news, 1, &most,
			     &unkept),
	    SMX_OK);
	ck_assert_int_eq(backup_rcpts_all(decider->rcpts, "example.org", all,
			     confirmed_ms),
	    SMX_OK);
}

START_TEST(who_is_not_in_the_list_is_refused_without_a_question)
{
	list_is("listed", RCPTS_ALL_LISTED, clock_wall_ms());
	policy.unknown = BACKUP_UNKNOWN_ACCEPT;
	primary.state = MX_DOWN;
	primary.down_for_ms = MINUTE;
	ck_assert_int_eq(rcpt("<listed@example.org>"), SMX_OK);
	ck_assert(word.hold);
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_EREFUSED);
	ck_assert_str_eq(words.enhanced, "5.1.1");
	ck_assert_int_eq(rcpt("<postmaster@example.org>"), SMX_OK);
	/* A list has no extensions: the policy decides, for who extends. */
	ck_assert_int_eq(rcpt("<listed+tag@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<listed-request@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<good+tag@example.org>"), SMX_EREFUSED);
	ck_assert_int_eq(rcpt("<+tag@example.org>"), SMX_EREFUSED);
	policy.unknown = BACKUP_UNKNOWN_DEFER;
	ck_assert_int_eq(rcpt("<listed+tag@example.org>"), SMX_ETEMP);
	ck_assert_uint_eq(primary.asked, 0);
}
END_TEST

START_TEST(while_it_is_up_the_primary_knows_better_than_its_list)
{
	list_is("listed", RCPTS_ALL_LISTED, clock_wall_ms());
	ck_assert_int_eq(rcpt("<listed@example.org>"), SMX_OK);
	ck_assert_uint_eq(primary.asked, 0);
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<no@example.org>"), SMX_EREFUSED);
	/* Nobody invents a recipient: the list says who is not there. */
	ck_assert_uint_eq(primary.asked, 2);
	ck_assert_uint_eq(primary.nobodys, 0);
	primary.state = MX_DOWN;
	primary.down_for_ms = MINUTE;
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	/* What it has refused itself is not there, whatever the list says. */
	primary.state = MX_UP;
	ck_assert_int_eq(backup_learn(NULL, "<listed@example.org>", 0,
			     RCPT_FROM_DELIVERY),
	    SMX_OK);
	ck_assert_int_eq(rcpt("<listed@example.org>"), SMX_EREFUSED);
}
END_TEST

START_TEST(a_list_that_nobody_confirms_keeps_nobody_out_for_ever)
{
	list_is("listed", RCPTS_ALL_LISTED,
	    clock_wall_ms() - 32 * 24 * 60 * MINUTE);
	policy.unknown = BACKUP_UNKNOWN_ACCEPT;
	primary.state = MX_DOWN;
	primary.down_for_ms = MINUTE;
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	ck_assert(word.hold);
}
END_TEST

START_TEST(a_primary_that_says_it_takes_all_is_believed)
{
	list_is("listed", RCPTS_ALL_PEER, clock_wall_ms());
	policy.unknown = BACKUP_UNKNOWN_REJECT;
	ck_assert_int_eq(rcpt("<anybody@example.org>"), SMX_OK);
	primary.state = MX_DOWN;
	ck_assert_int_eq(rcpt("<anybody@example.org>"), SMX_OK);
	ck_assert(word.hold);
	ck_assert_uint_eq(primary.asked, 0);
}
END_TEST

START_TEST(a_restart_forgets_who_was_sent_away)
{
	policy.while_up = BACKUP_UP_DEFER;
	policy.grace_ms = 0;
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_ETEMP);
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	close_world();
	open_world();
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_ETEMP);
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
}
END_TEST

START_TEST(who_takes_everything_is_found_out_once)
{
	primary.takes_all = 1;
	ck_assert_int_eq(rcpt("<anybody@example.org>"), SMX_OK);
	ck_assert_uint_eq(primary.asked, 2);
	ck_assert_uint_eq(primary.nobodys, 1);
	ck_assert_int_eq(rcpt("<somebody@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<anybody@example.org>"), SMX_OK);
	ck_assert_uint_eq(primary.asked, 2);
	primary.state = MX_DOWN;
	policy.unknown = BACKUP_UNKNOWN_REJECT;
	ck_assert_int_eq(rcpt("<new@example.org>"), SMX_OK);
	ck_assert(word.hold);
}
END_TEST

/* ---- the primary is down ---- */

START_TEST(what_was_learned_counts_while_it_is_down)
{
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<no@example.org>"), SMX_EREFUSED);
	primary.state = MX_DOWN;
	ck_assert_int_eq(rcpt("<good@example.org>"), SMX_OK);
	ck_assert(word.hold);
	ck_assert_int_eq(word.state, MX_DOWN);
	ck_assert_int_eq(rcpt("<no@example.org>"), SMX_EREFUSED);
	ck_assert_int_eq(rcpt("<new@example.org>"), SMX_ETEMP);
	ck_assert(!word.hold);
	policy.unknown = BACKUP_UNKNOWN_ACCEPT;
	ck_assert_int_eq(rcpt("<new@example.org>"), SMX_OK);
	ck_assert(word.hold);
	policy.unknown = BACKUP_UNKNOWN_REJECT;
	ck_assert_int_eq(rcpt("<new@example.org>"), SMX_EREFUSED);
	ck_assert_uint_eq(primary.asked, 3);
}
END_TEST

START_TEST(a_delivery_teaches)
{
	primary.state = MX_DOWN;
	ck_assert_int_eq(rcpt("<joe@example.org>"), SMX_ETEMP);
	ck_assert_int_eq(backup_learn(NULL, "joe@EXAMPLE.org", 1,
			     RCPT_FROM_DELIVERY),
	    SMX_OK);
	ck_assert_int_eq(rcpt("<joe@example.org>"), SMX_OK);
	ck_assert_int_eq(backup_learn(NULL, "<joe@example.org>", 0,
			     RCPT_FROM_PEER),
	    SMX_OK);
	ck_assert_int_eq(rcpt("<joe@example.org>"), SMX_EREFUSED);
	ck_assert_int_eq(backup_learn(NULL, "joe", 0, RCPT_FROM_PEER),
	    SMX_EINVAL);
}
END_TEST

START_TEST(the_words_of_a_next_hop_teach)
{
	struct hop_answer said = { HOP_YES, 250, "", "ok" };

	primary.state = MX_DOWN;
	backup_heard(NULL, "<joe@example.org>", &said);
	backup_heard((struct backup *)&primary, "<joe@example.org>", &said);
	ck_assert_int_eq(rcpt("<joe@example.org>"), SMX_OK);
	said = (struct hop_answer){ HOP_NO, 554, "5.7.1", "go away" };
	backup_heard((struct backup *)&primary, "<joe@example.org>", &said);
	said = (struct hop_answer){ HOP_TEMP, 450, "4.2.0", "later" };
	backup_heard((struct backup *)&primary, "<joe@example.org>", &said);
	memset(&said, 0, sizeof(said));
	backup_heard((struct backup *)&primary, "<joe@example.org>", &said);
	ck_assert_int_eq(rcpt("<joe@example.org>"), SMX_OK);
	said = (struct hop_answer){ HOP_NO, 550, "5.1.1", "unknown" };
	backup_heard((struct backup *)&primary, "<joe@example.org>", &said);
	ck_assert_int_eq(rcpt("<joe@example.org>"), SMX_EREFUSED);
}
END_TEST

START_TEST(what_the_books_hear_of_a_delivery_teaches)
{
	static const char *const rcpts[] = { "<joe@example.org>",
		"<ann@example.org>" };
	static const uint64_t hashes[] = { 17, UINT64_C(0xfedcba9876543210) };
	struct backup_mail_new mail = { .queue_id = "4jXKs0",
		.domain = "example.org",
		.sender = "<>",
		.taken_ms = 1,
		.rcpts = rcpts,
		.hashes = hashes,
		.count = 2 };
	struct custody_deed deeds[3];
	int64_t id;

	ck_assert_int_eq(backup_mail_add(db, &mail, 1, &id, NULL, NULL),
	    SMX_OK);
	memset(deeds, 0, sizeof(deeds));
	for (int i = 0; i < 3; i++) {
		deeds[i].kind = CUSTODY_ANSWERS;
		deeds[i].mail = id;
		deeds[i].end = CUSTODY_DELIVERED;
	}
	deeds[0].hash = hashes[1];
	deeds[1].hash = hashes[0];
	deeds[1].end = CUSTODY_RETURNED;
	deeds[2].hash = 18;
	backup_delivered(NULL, deeds, 3);
	primary.state = MX_DOWN;
	ck_assert_int_eq(rcpt("<ann@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<joe@example.org>"), SMX_ETEMP);
}
END_TEST

START_TEST(a_delivery_to_who_takes_everything_teaches_nothing)
{
	primary.takes_all = 1;
	ck_assert_int_eq(rcpt("<anybody@example.org>"), SMX_OK);
	ck_assert_int_eq(backup_learn(NULL, "joe@example.org", 1,
			     RCPT_FROM_DELIVERY),
	    SMX_OK);
	ck_assert_int_eq(rcptlearn_flush(decider->learn), SMX_OK);
	ck_assert_uint_eq(backup_rcpts_count(decider->rcpts), 0);
	ck_assert_int_eq(backup_learn(NULL, "bad@example.org", 0,
			     RCPT_FROM_DELIVERY),
	    SMX_OK);
	ck_assert_int_eq(rcpt("<bad@example.org>"), SMX_EREFUSED);
}
END_TEST

START_TEST(a_relay_asks_only_whether_it_takes_everything)
{
	policy.while_up = BACKUP_UP_RELAY;
	primary.takes_all = 1;
	ck_assert_int_eq(rcpt("<joe@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<ann@example.org>"), SMX_OK);
	ck_assert_uint_eq(primary.asked, 1);
	ck_assert_uint_eq(primary.nobodys, 1);
	ck_assert_int_eq(rcpt_of("", 0, "<ann@example.org>"), SMX_OK);
	primary.state = MX_DOWN;
	ck_assert_int_eq(rcpt("<new@example.org>"), SMX_OK);
	ck_assert(word.hold);
	ck_assert_uint_eq(primary.asked, 1);
}
END_TEST

START_TEST(nobody_knows_yet_and_nothing_is_refused)
{
	primary.state = MX_UNKNOWN;
	policy.while_up = BACKUP_UP_DEFER;
	policy.unknown = BACKUP_UNKNOWN_REJECT;
	ck_assert_int_eq(backup_learn(NULL, "no@example.org", 0,
			     RCPT_FROM_DELIVERY),
	    SMX_OK);
	ck_assert_int_eq(rcpt("<no@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt("<new@example.org>"), SMX_OK);
	ck_assert(!word.hold);
	ck_assert_uint_eq(primary.asked, 0);
}
END_TEST

START_TEST(a_harvester_is_sent_away_and_others_are_not)
{
	char address[64];
	int later = 0, guesses = 0;

	primary.state = MX_DOWN;
	policy.unknown = BACKUP_UNKNOWN_REJECT;
	ck_assert_int_eq(backup_learn(NULL, "joe@example.org", 1,
			     RCPT_FROM_PEER),
	    SMX_OK);
	for (int i = 0; i < 50; i++) {
		snprintf(address, sizeof(address), "<g%d@example.org>", i);
		if (rcpt(address) == SMX_ETEMP) {
			later++;
			ck_assert_int_eq(words.code, 450);
			ck_assert_str_eq(words.enhanced, "4.7.1");
		} else {
			guesses++;
		}
	}
	ck_assert_int_eq(later, 29);
	ck_assert_int_eq(guesses, 21);
	ck_assert_int_eq(rcpt_of("192.0.3.1", 0, "<joe@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt_of("192.0.2.9", 1, "<joe@example.org>"), SMX_OK);
	ck_assert_int_eq(rcpt_of("", 0, "<joe@example.org>"), SMX_OK);
}
END_TEST

/* ---- hostile ---- */

START_TEST(hostile_recipients_are_answered)
{
	char longest[3000];

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_eq(rcpt(longest), SMX_EREFUSED);
	ck_assert_str_eq(words.enhanced, "5.1.3");
	memcpy(longest, "a@", 2);
	longest[900] = '\0';
	ck_assert_int_eq(rcpt(longest), SMX_EREFUSED);
	primary.state = MX_DOWN;
	ck_assert_int_eq(rcpt("<\"x' OR 1=1; --\"@example.org>"), SMX_ETEMP);
	ck_assert_int_eq(rcpt("<\x80\xff%s%n\x01@example.org>"), SMX_ETEMP);
	ck_assert_int_eq(rcpt_of("unknown", 0, "<a@example.org>"), SMX_ETEMP);
}
END_TEST

/* ---- many at a time ---- */

static atomic_uint told;

static int
on_waiting(void *ctx, int64_t waited_ms)
{
	(void)ctx;
	ck_assert_int_ge(waited_ms, 5);
	atomic_fetch_add(&told, 1);
	return 0;
}

static atomic_uint crowded, taken;

static void *
ask_one(void *ctx)
{
	char address[64];
	struct backup_ask ask = { .backup = &policy,
		.conf = config_conf(config),
		.client = "192.0.2.1",
		.sender = "<>",
		.rcpt = address,
		.waiting = on_waiting };
	struct backup_word w;
	struct hop_answer said;
	int rc;

	snprintf(address, sizeof(address), "<good%d@example.org>", *(int *)ctx);
	rc = backup_rcpt(NULL, &ask, &w, &said);
	if (rc == SMX_OK)
		atomic_fetch_add(&taken, 1);
	else if (rc == SMX_ETEMP && said.code == 451)
		atomic_fetch_add(&crowded, 1);
	return NULL;
}

static void
wait_until(int (*is)(void))
{
	for (int i = 0; i < 6000 && !is(); i++)
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	ck_assert(is());
}

static void *
open_later(void *ctx)
{
	(void)ctx;
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	pthread_mutex_lock(&lock);
	primary.shut = 0;
	pthread_cond_broadcast(&opened);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static struct rcptask *asks;

static void
one_question(void *question)
{
	(void)question;
	pthread_mutex_lock(&lock);
	if (++primary.at_once > primary.most_at_once)
		primary.most_at_once = primary.at_once;
	while (primary.shut)
		pthread_cond_wait(&opened, &lock);
	primary.at_once--;
	pthread_mutex_unlock(&lock);
}

static void *
run_one(void *ctx)
{
	int rc = rcptask_run(asks, one_question, ctx,
	    clock_mono_ms() + 10 * MINUTE, on_waiting, NULL);

	atomic_fetch_add(rc == SMX_OK ? &taken : &crowded, 1);
	return NULL;
}

static int
are_asked(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = primary.at_once;
	pthread_mutex_unlock(&lock);
	return n == 16;
}

static int
are_full(void)
{
	return are_asked() && atomic_load(&crowded) == 20;
}

static int
were_told(void)
{
	return atomic_load(&told) >= 80;
}

/* 16 are asked for, 64 wait for their turn, the others are to come again; and
 * the milter library hears that its threads are kept. */
START_TEST(questions_have_a_ceiling)
{
	enum { MANY = 100 };
	pthread_t threads[MANY];

	primary.shut = 1;
	ck_assert_int_eq(rcptask_new(&asks), SMX_OK);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_one,
				     NULL),
		    0);
		/* Before they are asked for they wait, too. */
		if (i == 15)
			wait_until(are_asked);
	}
	wait_until(are_full);
	wait_until(were_told);
	(void)open_later(NULL);
	for (int i = 0; i < MANY; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(atomic_load(&taken), 80);
	ck_assert_uint_eq(atomic_load(&crowded), 20);
	ck_assert_uint_eq(primary.most_at_once, 16);
	rcptask_free(&asks);
}
END_TEST

/* Who waits for a turn that does not come goes when its time is over. */
START_TEST(a_turn_is_not_waited_for_longer_than_said)
{
	pthread_t threads[16];

	primary.shut = 1;
	ck_assert_int_eq(rcptask_new(&asks), SMX_OK);
	for (int i = 0; i < 16; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_one,
				     NULL),
		    0);
	while (pthread_mutex_lock(&lock) == 0 && primary.at_once < 16) {
		pthread_mutex_unlock(&lock);
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	pthread_mutex_unlock(&lock);
	ck_assert_int_eq(rcptask_run(asks, one_question, NULL,
			     clock_mono_ms() + 30, NULL, NULL),
	    SMX_ELIMIT);
	(void)open_later(NULL);
	for (int i = 0; i < 16; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(atomic_load(&taken), 16);
	rcptask_free(&asks);
}
END_TEST

static int
one_is_asked(void)
{
	unsigned n;

	pthread_mutex_lock(&lock);
	n = primary.at_once;
	pthread_mutex_unlock(&lock);
	return n == 1;
}

START_TEST(the_end_waits_for_a_question_that_is_asked)
{
	pthread_t one, opener;
	int number = 1;

	primary.shut = 1;
	ck_assert_int_eq(pthread_create(&one, NULL, ask_one, &number), 0);
	wait_until(one_is_asked);
	ck_assert_int_eq(pthread_create(&opener, NULL, open_later, NULL), 0);
	decider_join(decider);
	pthread_join(one, NULL);
	pthread_join(opener, NULL);
	ck_assert_uint_eq(atomic_load(&taken), 1);
	/* and nobody is asked any more */
	ck_assert_int_eq(rcpt("<other@example.org>"), SMX_ETEMP);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("decider");
	TCase *t = tcase_create("decider");

	tcase_add_checked_fixture(t, fresh, gone);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, what_the_primary_says_is_our_answer_and_is_learned);
	tcase_add_test(t, no_answer_is_taken_and_nothing_is_learned);
	tcase_add_test(t, a_refusal_for_another_reason_is_not_learned);
	tcase_add_test(t, postmaster_is_good_without_being_asked_for);
	tcase_add_test(t, the_first_try_goes_to_the_primary);
	tcase_add_test(t, a_restart_forgets_who_was_sent_away);
	tcase_add_test(t, who_is_not_in_the_list_is_refused_without_a_question);
	tcase_add_test(t,
	    while_it_is_up_the_primary_knows_better_than_its_list);
	tcase_add_test(t,
	    a_list_that_nobody_confirms_keeps_nobody_out_for_ever);
	tcase_add_test(t, a_primary_that_says_it_takes_all_is_believed);
	tcase_add_test(t, who_takes_everything_is_found_out_once);
	tcase_add_test(t, what_was_learned_counts_while_it_is_down);
	tcase_add_test(t, a_delivery_teaches);
	tcase_add_test(t, the_words_of_a_next_hop_teach);
	tcase_add_test(t, what_the_books_hear_of_a_delivery_teaches);
	tcase_add_test(t, a_delivery_to_who_takes_everything_teaches_nothing);
	tcase_add_test(t, a_relay_asks_only_whether_it_takes_everything);
	tcase_add_test(t, nobody_knows_yet_and_nothing_is_refused);
	tcase_add_test(t, a_harvester_is_sent_away_and_others_are_not);
	tcase_add_test(t, hostile_recipients_are_answered);
	tcase_add_test(t, questions_have_a_ceiling);
	tcase_add_test(t, a_turn_is_not_waited_for_longer_than_said);
	tcase_add_test(t, the_end_waits_for_a_question_that_is_asked);
	suite_add_tcase(s, t);
	return s;
}

static void
no_log(void *ctx, enum smx_level level, const char *line)
{
	(void)ctx, (void)level, (void)line;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	smx_log_set(no_log, NULL, SMX_LOG_DEBUG);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
