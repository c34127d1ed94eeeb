/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "folder.h"
#include "glue/rcptlearn.h"
#include "io/backup_import.h"
#include "io/backup_rcpts.h"

#define DAY  (INT64_C(24) * 3600 * 1000)
#define NOW  (INT64_C(20000) * DAY)
#define MOST 1000

static struct backup_db *db;
static struct backup_rcpts *rcpts;
static struct backup_rcpts_limits limits = { MOST,
	{ 31 * DAY, 7 * DAY, 3 * DAY, DAY / 8 }, NOW };

static void
open_ledger(void)
{
	char why[256] = "";

	ck_assert_msg(backup_db_open(&db, folder, why, sizeof(why)) == SMX_OK,
	    "%s", why);
	ck_assert_int_eq(backup_rcpts_open(&rcpts, db), SMX_OK);
}

static void
close_ledger(void)
{
	backup_rcpts_close(&rcpts);
	backup_db_close(&db);
}

static void
fresh(void)
{
	limits.most = MOST;
	limits.now_ms = NOW;
	folder_make();
	open_ledger();
}

static void
gone(void)
{
	close_ledger();
	folder_remove();
}

static struct addr
address(const char *text)
{
	struct addr addr;

	ck_assert_int_eq(addr_read(&addr, text), SMX_OK);
	return addr;
}

/* Returns how many there was no room for. */
static size_t
learn(const char *text, int good, enum rcpt_source source, int64_t at)
{
	struct addr a = address(text);
	struct backup_rcpts_news news = { a.domain, a.local,
		{ good, source, at } };
	size_t unkept;

	ck_assert_int_eq(backup_rcpts_learn(rcpts, &news, 1, &limits, &unkept),
	    SMX_OK);
	return unkept;
}

static struct backup_rcpts_sight
look(const char *text)
{
	struct addr a = address(text);
	struct backup_rcpts_sight sight;

	ck_assert_int_eq(backup_rcpts_look(rcpts, &a, &sight), SMX_OK);
	return sight;
}

static void
check_is(const char *text, int good, enum rcpt_source source)
{
	struct backup_rcpts_sight sight = look(text);

	ck_assert_msg(sight.found, "%s", text);
	ck_assert_int_eq(sight.entry.good, good);
	ck_assert_int_eq(sight.entry.source, source);
}

/* user0 .. at domain, in one change, each a millisecond older than the next. */
static void
learn_many(const char *user, size_t count, int good, enum rcpt_source source)
{
	struct backup_rcpts_news *news = calloc(count, sizeof(*news));
	char(*names)[32] = calloc(count, sizeof(*names));
	size_t unkept;

	ck_assert(news != NULL && names != NULL);
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof(*names), "%s%zu", user, i);
		news[i] = (struct backup_rcpts_news){ "example.org", names[i],
			{ good, source, NOW - DAY + (int64_t)i } };
	}
	ck_assert_int_eq(backup_rcpts_learn(rcpts, news, count, &limits,
			     &unkept),
	    SMX_OK);
	ck_assert_uint_eq(unkept, 0);
	free(names);
	free(news);
}

START_TEST(what_was_learned_is_known_after_a_restart)
{
	ck_assert(!look("joe@example.org").found);
	learn("<joe@Example.ORG>", 1, RCPT_FROM_PROBE, NOW);
	learn("ann@example.org", 0, RCPT_FROM_DELIVERY, NOW);
	close_ledger();
	open_ledger();
	ck_assert_uint_eq(backup_rcpts_count(rcpts), 2);
	check_is("joe@example.org", 1, RCPT_FROM_PROBE);
	check_is("ann@example.org", 0, RCPT_FROM_DELIVERY);
	ck_assert_int_eq(look("joe@example.org").entry.learned_ms, NOW);
	/* the local part is the primary's to read */
	ck_assert(!look("Joe@example.org").found);
	ck_assert(!look("joe@sub.example.org").found);
	ck_assert(!look("joe@example.or").found);
}
END_TEST

START_TEST(the_last_word_counts)
{
	learn("joe@example.org", 1, RCPT_FROM_PROBE, NOW);
	learn("joe@example.org", 0, RCPT_FROM_DELIVERY, NOW + 1);
	check_is("joe@example.org", 0, RCPT_FROM_DELIVERY);
	learn("joe@example.org", 1, RCPT_FROM_PEER, NOW + 2);
	check_is("joe@example.org", 1, RCPT_FROM_PEER);
	ck_assert_uint_eq(backup_rcpts_count(rcpts), 1);
}
END_TEST

/* Nothing that a stranger can put into an address is more than text. */
START_TEST(hostile_addresses_are_text)
{
	static const char *const all[] = { "\"'); DROP TABLE recipient; --\"@"
					   "example.org",
		"\"a@b\"@example.org", "\"a b%s%n\"@example.org",
		"\x80\xff@example.org", "a@\x01\x02", "*@example.org",
		"%@example.org", "a@[192.0.2.1]" };
	char longest[ADDR_MAX + 1];

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		learn(all[i], 1, RCPT_FROM_PROBE, NOW);
	memset(longest, 'x', sizeof(longest));
	memcpy(longest + 500, "@", 1);
	longest[ADDR_MAX] = '\0';
	learn(longest, 1, RCPT_FROM_PROBE, NOW);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		check_is(all[i], 1, RCPT_FROM_PROBE);
	check_is(longest, 1, RCPT_FROM_PROBE);
	ck_assert(!look("b\"@example.org").found);
	ck_assert(!look("anybody@example.org").found);
	ck_assert_uint_eq(backup_rcpts_count(rcpts),
	    sizeof(all) / sizeof(*all) + 1);
}
END_TEST

START_TEST(a_list_is_not_weakened_by_what_it_says_already)
{
	learn("joe@example.org", 1, RCPT_FROM_FILE, NOW);
	learn("joe@example.org", 1, RCPT_FROM_DELIVERY, NOW + DAY);
	check_is("joe@example.org", 1, RCPT_FROM_FILE);
	learn("joe@example.org", 0, RCPT_FROM_DELIVERY, NOW + DAY);
	check_is("joe@example.org", 0, RCPT_FROM_DELIVERY);
}
END_TEST

/* ---- the ceiling ---- */

START_TEST(the_ceiling_holds_and_bad_ones_go_first)
{
	learn_many("good", MOST / 2, 1, RCPT_FROM_PROBE);
	learn_many("bad", MOST / 2, 0, RCPT_FROM_PROBE);
	ck_assert_uint_eq(backup_rcpts_count(rcpts), MOST);
	for (int i = 0; i < 50; i++) {
		char name[64];

		snprintf(name, sizeof(name), "new%d@example.org", i);
		ck_assert_uint_eq(learn(name, 1, RCPT_FROM_PROBE, NOW), 0);
		check_is(name, 1, RCPT_FROM_PROBE);
		ck_assert_uint_le(backup_rcpts_count(rcpts), MOST);
	}
	ck_assert(look("good0@example.org").found);
	ck_assert(!look("bad0@example.org").found);
	ck_assert(look("bad499@example.org").found);
	close_ledger();
	open_ledger();
	ck_assert_uint_le(backup_rcpts_count(rcpts), MOST);
	ck_assert_uint_ge(backup_rcpts_count(rcpts), MOST - MOST / 50);
}
END_TEST

START_TEST(guesses_do_not_push_out_who_exists)
{
	learn_many("good", MOST, 1, RCPT_FROM_PROBE);
	ck_assert_uint_eq(learn("guess@example.org", 0, RCPT_FROM_PROBE, NOW),
	    1);
	ck_assert(!look("guess@example.org").found);
	ck_assert_uint_eq(backup_rcpts_count(rcpts), MOST);
	/* one that exists pushes out the oldest */
	ck_assert_uint_eq(learn("joe@example.org", 1, RCPT_FROM_PROBE, NOW), 0);
	ck_assert(!look("good0@example.org").found);
	ck_assert(look("good999@example.org").found);
	/* those that are over go for anybody */
	limits.now_ms = NOW + 31 * DAY - DAY + 100;
	while (backup_rcpts_count(rcpts) < MOST) {
		char name[64];

		snprintf(name, sizeof(name), "fill%d@example.org",
		    (int)backup_rcpts_count(rcpts));
		learn(name, 1, RCPT_FROM_PROBE, NOW);
	}
	ck_assert_uint_eq(learn("guess@example.org", 0, RCPT_FROM_PROBE,
			      limits.now_ms),
	    0);
	ck_assert(!look("good15@example.org").found);
	ck_assert(look("good999@example.org").found);
}
END_TEST

START_TEST(a_list_is_never_pushed_out)
{
	learn_many("listed", MOST, 1, RCPT_FROM_FILE);
	ck_assert_uint_eq(learn("joe@example.org", 1, RCPT_FROM_PROBE, NOW), 1);
	ck_assert_uint_eq(backup_rcpts_count(rcpts), MOST);
	ck_assert(look("listed0@example.org").found);
}
END_TEST

/* ---- forget, list ---- */

struct seen {
	size_t count;
	char last[3000];
	int in_order;
};

static int
see(void *ctx, const char *domain, const char *local,
    const struct rcpt_entry *entry)
{
	struct seen *seen = ctx;
	char both[3000];

	(void)entry;
	snprintf(both, sizeof(both), "%s\x01%s", domain, local);
	if (strcmp(seen->last, both) >= 0)
		seen->in_order = 0;
	memcpy(seen->last, both, sizeof(both));
	seen->count++;
	return SMX_OK;
}

static size_t
count_of(const char *domain)
{
	struct seen seen = { .in_order = 1 };

	ck_assert_int_eq(backup_rcpts_each(rcpts, domain, see, &seen), SMX_OK);
	ck_assert(seen.in_order);
	return seen.count;
}

START_TEST(they_are_listed_by_the_page)
{
	limits.most = 100000;
	learn_many("u", 1500, 1, RCPT_FROM_PROBE);
	learn("a@a.example", 1, RCPT_FROM_PROBE, NOW);
	learn("a@z.example", 1, RCPT_FROM_PROBE, NOW);
	ck_assert_uint_eq(count_of("example.org"), 1500);
	ck_assert_uint_eq(count_of("z.example"), 1);
	ck_assert_uint_eq(count_of("none.example"), 0);
	ck_assert_uint_eq(count_of(NULL), 1502);
}
END_TEST

static int
stop_at_three(void *ctx, const char *domain, const char *local,
    const struct rcpt_entry *entry)
{
	size_t *count = ctx;

	(void)domain, (void)local, (void)entry;
	return ++*count == 3 ? SMX_ECLOSED : SMX_OK;
}

START_TEST(a_listing_can_be_stopped)
{
	size_t count = 0;

	learn_many("u", 900, 1, RCPT_FROM_PROBE);
	ck_assert_int_eq(backup_rcpts_each(rcpts, NULL, stop_at_three, &count),
	    SMX_ECLOSED);
	ck_assert_uint_eq(count, 3);
}
END_TEST

START_TEST(an_operator_can_forget_one_and_a_domain)
{
	size_t n;

	limits.most = 100000;
	learn_many("u", 12000, 1, RCPT_FROM_FILE);
	learn("a@z.example", 1, RCPT_FROM_PROBE, NOW);
	ck_assert_int_eq(backup_rcpts_all(rcpts, "example.org", RCPTS_ALL_YES,
			     NOW),
	    SMX_OK);
	ck_assert_int_eq(backup_rcpts_forget(rcpts, "example.org", "u7", &n),
	    SMX_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(backup_rcpts_forget(rcpts, "example.org", "u7", &n),
	    SMX_OK);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(look("u7@example.org").all, RCPTS_ALL_YES);
	ck_assert_int_eq(backup_rcpts_forget(rcpts, "example.org", NULL, &n),
	    SMX_OK);
	ck_assert_uint_eq(n, 11999);
	ck_assert_int_eq(look("u8@example.org").all, RCPTS_ALL_UNSAID);
	ck_assert_uint_eq(backup_rcpts_count(rcpts), 1);
	ck_assert(look("a@z.example").found);
}
END_TEST

static int
see_all(void *ctx, const char *domain, enum rcpts_all all, int64_t asked_ms)
{
	char *text = ctx;

	snprintf(text + strlen(text), 200 - strlen(text), "%s=%d@%d ", domain,
	    all, (int)(asked_ms - NOW));
	return SMX_OK;
}

START_TEST(who_takes_everything_is_known)
{
	char text[200] = "";

	ck_assert_int_eq(backup_rcpts_all(rcpts, "b.example", RCPTS_ALL_YES,
			     NOW),
	    SMX_OK);
	ck_assert_int_eq(backup_rcpts_all(rcpts, "a.example", RCPTS_ALL_FILE,
			     NOW),
	    SMX_OK);
	ck_assert_int_eq(backup_rcpts_all(rcpts, "b.example", RCPTS_ALL_NO,
			     NOW + 1),
	    SMX_OK);
	/* a list is stronger than an answer */
	ck_assert_int_eq(backup_rcpts_all(rcpts, "a.example", RCPTS_ALL_NO,
			     NOW + 1),
	    SMX_OK);
	ck_assert_int_eq(look("x@a.example").all, RCPTS_ALL_FILE);
	ck_assert_int_eq(look("x@b.example").all, RCPTS_ALL_NO);
	ck_assert_int_eq(look("x@c.example").all, RCPTS_ALL_UNSAID);
	ck_assert_int_eq(backup_rcpts_each_all(rcpts, NULL, see_all, text),
	    SMX_OK);
	ck_assert_str_eq(text, "a.example=3@0 b.example=1@1 ");
	text[0] = '\0';
	ck_assert_int_eq(backup_rcpts_each_all(rcpts, "b.example", see_all,
			     text),
	    SMX_OK);
	ck_assert_str_eq(text, "b.example=1@1 ");
}
END_TEST

/* ---- import ---- */

static struct backup_import imported;

static int
import_text(const char *text, int64_t now)
{
	folder_put_text("list", text);
	memset(&imported, 0, sizeof(imported));
	imported.path = folder_file("list");
	imported.domain = "example.org";
	imported.rcpts = rcpts;
	imported.limits = limits;
	imported.limits.now_ms = now;
	return backup_import_run(&imported);
}

START_TEST(a_list_is_imported)
{
	learn("other@example.org", 1, RCPT_FROM_PROBE, NOW);
	ck_assert_int_eq(import_text("# a comment\n\n"
				     "joe@example.org\tOK\n"
				     "ann@Example.org\n"
				     "x@example.net OK\n"
				     "nonsense\n"
				     "last@example.org",
			     NOW),
	    SMX_OK);
	ck_assert_uint_eq(imported.imported, 3);
	ck_assert_uint_eq(imported.skipped, 1);
	ck_assert_uint_eq(imported.refused, 1);
	ck_assert_uint_eq(imported.refused_line, 6);
	check_is("joe@example.org", 1, RCPT_FROM_FILE);
	check_is("ann@example.org", 1, RCPT_FROM_FILE);
	check_is("last@example.org", 1, RCPT_FROM_FILE);
	check_is("other@example.org", 1, RCPT_FROM_PROBE);
	ck_assert(!look("x@example.net").found);
}
END_TEST

START_TEST(the_next_list_takes_back_what_the_last_one_said)
{
	ck_assert_int_eq(import_text("joe@example.org\nann@example.org\n@"
				     "example.org\n",
			     NOW),
	    SMX_OK);
	ck_assert(imported.all);
	learn("z@z.example", 1, RCPT_FROM_FILE, NOW);
	learn("probed@example.org", 1, RCPT_FROM_PROBE, NOW);
	ck_assert_int_eq(look("joe@example.org").all, RCPTS_ALL_FILE);
	ck_assert_int_eq(import_text("joe@example.org\n", NOW + 1), SMX_OK);
	ck_assert_uint_eq(imported.gone, 1);
	check_is("joe@example.org", 1, RCPT_FROM_FILE);
	check_is("z@z.example", 1, RCPT_FROM_FILE);
	check_is("probed@example.org", 1, RCPT_FROM_PROBE);
	ck_assert(!look("ann@example.org").found);
	ck_assert_int_eq(look("joe@example.org").all, RCPTS_ALL_UNSAID);
}
END_TEST

START_TEST(the_wrong_file_changes_nothing)
{
	ck_assert_int_eq(import_text("joe@example.org\n", NOW), SMX_OK);
	ck_assert_int_eq(import_text("", NOW + 1), SMX_EINVAL);
	ck_assert_str_ne(imported.why, "");
	ck_assert_int_eq(import_text("joe@example.net\n", NOW + 1), SMX_EINVAL);
	check_is("joe@example.org", 1, RCPT_FROM_FILE);
	memset(&imported, 0, sizeof(imported));
	imported.path = folder_file("nothing-here");
	imported.domain = "example.org";
	imported.rcpts = rcpts;
	imported.limits = limits;
	ck_assert_int_eq(backup_import_run(&imported), SMX_ENOTFOUND);
	imported.path = folder;
	ck_assert_int_eq(backup_import_run(&imported), SMX_EINVAL);
	imported.path = "/dev/zero";
	ck_assert_int_eq(backup_import_run(&imported), SMX_EINVAL);
	check_is("joe@example.org", 1, RCPT_FROM_FILE);
}
END_TEST

/* In several changes, with lines that no block holds whole. */
START_TEST(a_long_list_is_imported)
{
	enum { COUNT = 25000 };
	size_t size = (size_t)COUNT * 40 + 200000, n = 0;
	char *text = malloc(size);

	ck_assert_ptr_nonnull(text);
	for (int i = 0; i < COUNT; i++) {
		n += (size_t)snprintf(text + n, size - n,
		    "user%d@example.org OK\n", i);
		if (i != 7)
			continue;
		memset(text + n, 'x', 100000);
		n += 100000;
		text[n++] = '\n';
	}
	limits.most = 1000000;
	ck_assert_int_eq(import_text(text, NOW), SMX_OK);
	ck_assert_uint_eq(imported.imported, COUNT);
	ck_assert_uint_eq(imported.refused, 1);
	ck_assert_uint_eq(imported.refused_line, 9);
	ck_assert_uint_eq(backup_rcpts_count(rcpts), COUNT);
	check_is("user8@example.org", 1, RCPT_FROM_FILE);
	check_is("user24999@example.org", 1, RCPT_FROM_FILE);
	/* all of it once more: nothing is new */
	ck_assert_int_eq(import_text(text, NOW + 1), SMX_OK);
	ck_assert_uint_eq(imported.gone, 0);
	ck_assert_uint_eq(backup_rcpts_count(rcpts), COUNT);
	free(text);
}
END_TEST

START_TEST(a_list_over_the_ceiling_says_so)
{
	char text[40000] = "";
	size_t n = 0;

	learn_many("probed", 900, 1, RCPT_FROM_PROBE);
	for (int i = 0; i < MOST + 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "user%d@example.org\n", i);
	ck_assert_int_eq(import_text(text, NOW), SMX_EFULL);
	ck_assert_ptr_nonnull(strstr(imported.why, "backup.recipients"));
	ck_assert_uint_le(backup_rcpts_count(rcpts), MOST);
	check_is("user999@example.org", 1, RCPT_FROM_FILE);
}
END_TEST

/* ---- what waits to be written ---- */

static struct rcptlearn *learning;

static void
fresh_learning(void)
{
	fresh();
	ck_assert_int_eq(rcptlearn_new(&learning, rcpts), SMX_OK);
	limits.most = 100000;
	rcptlearn_limits(learning, &limits);
}

static void
gone_learning(void)
{
	rcptlearn_free(&learning);
	gone();
}

static int
put(const char *text, int good)
{
	struct addr a = address(text);
	struct rcpt_entry entry = { good, RCPT_FROM_PROBE, clock_wall_ms() };

	return rcptlearn_put(learning, &a, &entry);
}

static struct backup_rcpts_sight
look_both(const char *text)
{
	struct addr a = address(text);
	struct backup_rcpts_sight sight;

	ck_assert_int_eq(rcptlearn_look(learning, &a, &sight), SMX_OK);
	return sight;
}

START_TEST(what_waits_is_known_already)
{
	ck_assert_int_eq(put("joe@example.org", 1), SMX_OK);
	ck_assert(look_both("joe@example.org").found);
	ck_assert(!look("joe@example.org").found);
	ck_assert_int_eq(put("joe@example.org", 0), SMX_OK);
	ck_assert(!look_both("joe@example.org").entry.good);
	ck_assert_int_eq(rcptlearn_flush(learning), SMX_OK);
	check_is("joe@example.org", 0, RCPT_FROM_PROBE);
	ck_assert(!look_both("joe@example.org").entry.good);
	ck_assert_uint_eq(backup_rcpts_count(rcpts), 1);
}
END_TEST

START_TEST(what_waits_does_not_outvote_a_list)
{
	learn("joe@example.org", 1, RCPT_FROM_FILE, NOW);
	ck_assert_int_eq(put("joe@example.org", 1), SMX_OK);
	ck_assert_int_eq(look_both("joe@example.org").entry.source,
	    RCPT_FROM_FILE);
	ck_assert_int_eq(put("joe@example.org", 0), SMX_OK);
	ck_assert_int_eq(look_both("joe@example.org").entry.good, 0);
}
END_TEST

START_TEST(what_waits_has_a_ceiling)
{
	int kept = 0;

	for (int i = 0; i < 10000; i++) {
		char name[64];

		snprintf(name, sizeof(name), "u%d@example.org", i);
		kept += put(name, 1) == SMX_OK;
	}
	ck_assert_int_eq(kept, 4096);
	ck_assert_int_eq(rcptlearn_flush(learning), SMX_OK);
	ck_assert_uint_eq(backup_rcpts_count(rcpts), 4096);
	ck_assert_int_eq(put("joe@example.org", 1), SMX_OK);
}
END_TEST

START_TEST(what_was_forgotten_does_not_come_back)
{
	size_t n;

	ck_assert_int_eq(put("joe@example.org", 1), SMX_OK);
	ck_assert_int_eq(rcptlearn_forget(learning, "example.org", "joe", &n),
	    SMX_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(rcptlearn_flush(learning), SMX_OK);
	ck_assert(!look_both("joe@example.org").found);
}
END_TEST

START_TEST(it_is_written_without_being_asked_and_at_the_end)
{
	ck_assert_int_eq(rcptlearn_start(learning), SMX_OK);
	ck_assert_int_eq(put("joe@example.org", 1), SMX_OK);
	for (int i = 0; i < 6000 && !look("joe@example.org").found; i++)
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	check_is("joe@example.org", 1, RCPT_FROM_PROBE);
	ck_assert_int_eq(put("ann@example.org", 1), SMX_OK);
	rcptlearn_stop(learning);
	check_is("ann@example.org", 1, RCPT_FROM_PROBE);
	ck_assert_int_eq(put("late@example.org", 1), SMX_ECLOSED);
}
END_TEST

static void *
put_many(void *ctx)
{
	int from = *(int *)ctx;

	for (int i = 0; i < 1000; i++) {
		char name[64];

		snprintf(name, sizeof(name), "u%d@example.org",
		    (from + i) % 1200);
		(void)put(name, 1);
		(void)look_both(name);
	}
	return NULL;
}

START_TEST(many_learn_at_a_time)
{
	pthread_t threads[4];
	int from[4];

	ck_assert_int_eq(rcptlearn_start(learning), SMX_OK);
	for (int i = 0; i < 4; i++) {
		from[i] = i * 100;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, put_many,
				     &from[i]),
		    0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	rcptlearn_stop(learning);
	ck_assert_uint_eq(backup_rcpts_count(rcpts), 1200);
	ck_assert_uint_eq(count_of("example.org"), 1200);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("ledger");
	TCase *t = tcase_create("rows");

	tcase_add_checked_fixture(t, fresh, gone);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, what_was_learned_is_known_after_a_restart);
	tcase_add_test(t, the_last_word_counts);
	tcase_add_test(t, hostile_addresses_are_text);
	tcase_add_test(t, a_list_is_not_weakened_by_what_it_says_already);
	tcase_add_test(t, the_ceiling_holds_and_bad_ones_go_first);
	tcase_add_test(t, guesses_do_not_push_out_who_exists);
	tcase_add_test(t, a_list_is_never_pushed_out);
	tcase_add_test(t, they_are_listed_by_the_page);
	tcase_add_test(t, a_listing_can_be_stopped);
	tcase_add_test(t, an_operator_can_forget_one_and_a_domain);
	tcase_add_test(t, who_takes_everything_is_known);
	tcase_add_test(t, a_list_is_imported);
	tcase_add_test(t, the_next_list_takes_back_what_the_last_one_said);
	tcase_add_test(t, the_wrong_file_changes_nothing);
	tcase_add_test(t, a_long_list_is_imported);
	tcase_add_test(t, a_list_over_the_ceiling_says_so);
	suite_add_tcase(s, t);
	t = tcase_create("learn");
	tcase_add_checked_fixture(t, fresh_learning, gone_learning);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, what_waits_is_known_already);
	tcase_add_test(t, what_waits_does_not_outvote_a_list);
	tcase_add_test(t, what_waits_has_a_ceiling);
	tcase_add_test(t, what_was_forgotten_does_not_come_back);
	tcase_add_test(t, it_is_written_without_being_asked_and_at_the_end);
	tcase_add_test(t, many_learn_at_a_time);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
