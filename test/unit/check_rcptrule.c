/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rcptlist.h"
#include "core/rcptrule.h"
#include "core/steady.h"

#define DAY  (INT64_C(24) * 3600 * 1000)
#define HOUR INT64_C(3600000)

/* ---- one decision, described in a line ---- */

/* A field that is 0 stands for any value that it can have; each row is checked
 * with all of them. */
#define NO     -1
#define YES    1
#define ANY    0
#define UP     MX_UP
#define DOWN   MX_DOWN
#define NOBODY MX_UNKNOWN

struct row {
	const char *claim;
	int state, announced, null_mx, while_up, unknown;
	int own, trusted, exempt, postmaster, harvester;
	int tried; /* enum firsttry_word, NO: not looked up */
	int looked, blind;
	int word; /* enum rcpt_word + 1 */
	int due, takes_all;
	int said; /* enum rule_said + 1 */
	enum rule_step step;
};

#define WORD(w) ((w) + 1)
#define SAID(s) ((s) + 1)
#define STRANGER                                                               \
	.own = NO, .trusted = NO, .exempt = NO, .postmaster = NO,              \
	.harvester = NO
#define UP_ASKED                                                               \
	.state = UP, .announced = NO, STRANGER, .while_up = BACKUP_UP_ACCEPT,  \
	.looked = YES
#define TAKES_MAIL .null_mx = NO
#define AWAY       .announced = NO, .state = DOWN, STRANGER, .looked = YES

static const struct row rows[] = {
	{ "own mail is never refused while the primary is up", .state = UP,
	    .announced = NO, .own = YES, .step = RULE_TAKE },
	{ "own mail for a primary that is down is held", .state = DOWN,
	    .own = YES, .step = RULE_HOLD },
	{ "own mail is held under maintenance", .announced = YES, .own = YES,
	    .step = RULE_HOLD },
	{ "nobody knows yet: everything is ordinary mail", TAKES_MAIL,
	    .state = NOBODY, .announced = NO, .step = RULE_TAKE },

	{ "a harvester is sent away while it is up", TAKES_MAIL, .state = UP,
	    .announced = NO, .own = NO, .trusted = NO, .harvester = YES,
	    .step = RULE_LATER_HARVEST },
	{ "a harvester is sent away while it is down", TAKES_MAIL,
	    .state = DOWN, .own = NO, .trusted = NO, .harvester = YES,
	    .step = RULE_LATER_HARVEST },

	{ "a stranger's try is looked up", TAKES_MAIL, .state = UP,
	    .announced = NO, STRANGER, .while_up = BACKUP_UP_DEFER, .tried = NO,
	    .step = RULE_WANT_TRY },
	{ "the first try goes to the primary", TAKES_MAIL, .state = UP,
	    .announced = NO, STRANGER, .while_up = BACKUP_UP_DEFER,
	    .tried = FIRSTTRY_FIRST, .step = RULE_LATER_UP },
	{ "an early retry goes to the primary", TAKES_MAIL, .state = UP,
	    .announced = NO, STRANGER, .while_up = BACKUP_UP_DEFER,
	    .tried = FIRSTTRY_EARLY, .step = RULE_LATER_UP },
	{ "even for postmaster", TAKES_MAIL, .state = UP, .announced = NO,
	    .own = NO, .trusted = NO, .exempt = NO, .postmaster = YES,
	    .harvester = NO, .while_up = BACKUP_UP_DEFER,
	    .tried = FIRSTTRY_FIRST, .step = RULE_LATER_UP },
	{ "a retry is looked at further", TAKES_MAIL, .state = UP,
	    .announced = NO, STRANGER, .while_up = BACKUP_UP_DEFER,
	    .tried = FIRSTTRY_RETRY, .looked = NO, .step = RULE_WANT_LOOK },
	{ "one that cannot be remembered is not sent away for ever", TAKES_MAIL,
	    .state = UP, .announced = NO, STRANGER, .while_up = BACKUP_UP_DEFER,
	    .tried = FIRSTTRY_NO_MEMORY, .looked = NO, .step = RULE_WANT_LOOK },
	{ "exempt networks are not sent away", TAKES_MAIL, .state = UP,
	    .announced = NO, .own = NO, .exempt = YES, .postmaster = NO,
	    .harvester = NO, .while_up = BACKUP_UP_DEFER, .looked = NO,
	    .step = RULE_WANT_LOOK },
	{ "nor are trusted clients", TAKES_MAIL, .state = UP, .announced = NO,
	    .own = NO, .trusted = YES, .postmaster = NO,
	    .while_up = BACKUP_UP_DEFER, .looked = NO, .step = RULE_WANT_LOOK },

	{ "a relay asks by itself", TAKES_MAIL, .state = UP, .announced = NO,
	    .own = NO, .harvester = NO, .while_up = BACKUP_UP_RELAY,
	    .step = RULE_TAKE },
	{ "postmaster is good while it is up", TAKES_MAIL, .state = UP,
	    .announced = NO, .own = NO, .postmaster = YES, .harvester = NO,
	    .while_up = BACKUP_UP_ACCEPT, .step = RULE_TAKE },
	{ "the ledger is asked", TAKES_MAIL, .state = UP, .announced = NO,
	    STRANGER, .while_up = BACKUP_UP_ACCEPT, .looked = NO,
	    .step = RULE_WANT_LOOK },
	{ "known bad is refused", TAKES_MAIL, UP_ASKED, .word = WORD(RCPT_BAD),
	    .due = NO, .step = RULE_NO_KNOWN },
	{ "known good is taken", TAKES_MAIL, UP_ASKED, .word = WORD(RCPT_GOOD),
	    .due = NO, .step = RULE_TAKE },
	{ "an unknown one is asked for", TAKES_MAIL, UP_ASKED,
	    .word = WORD(RCPT_NOT_KNOWN), .takes_all = NO,
	    .said = SAID(RULE_NOT_ASKED), .step = RULE_WANT_ASK },
	{ "but not of who takes everything", TAKES_MAIL, UP_ASKED,
	    .word = WORD(RCPT_NOT_KNOWN), .takes_all = YES, .step = RULE_TAKE },
	{ "old good is asked for", TAKES_MAIL, UP_ASKED,
	    .word = WORD(RCPT_GOOD_OLD), .takes_all = NO,
	    .said = SAID(RULE_NOT_ASKED), .step = RULE_WANT_ASK },
	{ "old bad is asked for", TAKES_MAIL, UP_ASKED,
	    .word = WORD(RCPT_BAD_OLD), .takes_all = NO,
	    .said = SAID(RULE_NOT_ASKED), .step = RULE_WANT_ASK },
	{ "good is asked for again in time", TAKES_MAIL, UP_ASKED,
	    .word = WORD(RCPT_GOOD), .due = YES, .takes_all = NO,
	    .said = SAID(RULE_NOT_ASKED), .step = RULE_WANT_ASK },
	{ "bad is asked for again in time", TAKES_MAIL, UP_ASKED,
	    .word = WORD(RCPT_BAD), .due = YES, .said = SAID(RULE_NOT_ASKED),
	    .step = RULE_WANT_ASK },
	{ "what the primary refuses is refused", TAKES_MAIL, UP_ASKED,
	    .word = WORD(RCPT_GOOD), .due = YES, .takes_all = NO,
	    .said = SAID(RULE_SAID_NO), .step = RULE_NO_SAID },
	{ "what it takes is taken, whatever it said before", TAKES_MAIL,
	    UP_ASKED, .word = WORD(RCPT_BAD), .due = YES,
	    .said = SAID(RULE_SAID_YES), .step = RULE_TAKE },
	{ "no answer is no refusal, of a bad one", TAKES_MAIL, UP_ASKED,
	    .word = WORD(RCPT_BAD), .due = YES, .said = SAID(RULE_SAID_NOTHING),
	    .step = RULE_TAKE },
	{ "no answer is no refusal, of an unknown one", TAKES_MAIL, UP_ASKED,
	    .word = WORD(RCPT_NOT_KNOWN), .said = SAID(RULE_SAID_NOTHING),
	    .step = RULE_TAKE },
	{ "in a crowd strangers come again", TAKES_MAIL, UP_ASKED,
	    .word = WORD(RCPT_NOT_KNOWN), .takes_all = NO,
	    .said = SAID(RULE_CROWDED), .step = RULE_LATER_CROWD },
	{ "in a crowd our own go on", TAKES_MAIL, .state = UP, .announced = NO,
	    .own = NO, .trusted = YES, .postmaster = NO,
	    .while_up = BACKUP_UP_ACCEPT, .looked = YES,
	    .word = WORD(RCPT_NOT_KNOWN), .said = SAID(RULE_CROWDED),
	    .step = RULE_TAKE },

	{ "postmaster is good while it is down", TAKES_MAIL, .state = DOWN,
	    .own = NO, .harvester = NO, .postmaster = YES, .step = RULE_HOLD },
	{ "the ledger is asked while it is down", TAKES_MAIL, .state = DOWN,
	    STRANGER, .looked = NO, .step = RULE_WANT_LOOK },
	{ "nobody is sent away under maintenance", TAKES_MAIL, .state = UP,
	    .announced = YES, STRANGER, .while_up = BACKUP_UP_DEFER,
	    .tried = NO, .looked = NO, .step = RULE_WANT_LOOK },
	{ "maintenance holds", TAKES_MAIL, .announced = YES, STRANGER,
	    .looked = YES, .word = WORD(RCPT_GOOD), .step = RULE_HOLD },
	{ "known good is held", TAKES_MAIL, AWAY, .word = WORD(RCPT_GOOD),
	    .step = RULE_HOLD },
	{ "known bad is refused, while it is down", TAKES_MAIL, AWAY,
	    .word = WORD(RCPT_BAD), .step = RULE_NO_KNOWN },
	{ "unknown is good where everything is", TAKES_MAIL, AWAY,
	    .takes_all = YES, .word = WORD(RCPT_NOT_KNOWN), .step = RULE_HOLD },
	{ "unknown: accept", TAKES_MAIL, AWAY, .takes_all = NO,
	    .word = WORD(RCPT_NOT_KNOWN), .unknown = BACKUP_UNKNOWN_ACCEPT,
	    .step = RULE_HOLD },
	{ "unknown: defer", TAKES_MAIL, AWAY, .takes_all = NO,
	    .word = WORD(RCPT_NOT_KNOWN), .unknown = BACKUP_UNKNOWN_DEFER,
	    .step = RULE_LATER_UNKNOWN },
	{ "unknown: reject", TAKES_MAIL, AWAY, .takes_all = NO, .blind = NO,
	    .word = WORD(RCPT_NOT_KNOWN), .unknown = BACKUP_UNKNOWN_REJECT,
	    .step = RULE_NO_UNKNOWN },
	{ "a ledger that cannot be read refuses nobody for good", TAKES_MAIL,
	    AWAY, .takes_all = NO, .blind = YES, .word = WORD(RCPT_NOT_KNOWN),
	    .unknown = BACKUP_UNKNOWN_REJECT, .step = RULE_LATER_UNKNOWN },
	{ "who existed once is not refused for good", TAKES_MAIL, AWAY,
	    .takes_all = NO, .word = WORD(RCPT_GOOD_OLD),
	    .unknown = BACKUP_UNKNOWN_REJECT, .step = RULE_LATER_UNKNOWN },
	{ "old bad is as unknown", TAKES_MAIL, AWAY, .takes_all = NO,
	    .blind = NO, .word = WORD(RCPT_BAD_OLD),
	    .unknown = BACKUP_UNKNOWN_REJECT, .step = RULE_NO_UNKNOWN },
	{ "old bad is as unknown: defer", TAKES_MAIL, AWAY, .takes_all = NO,
	    .word = WORD(RCPT_BAD_OLD), .unknown = BACKUP_UNKNOWN_DEFER,
	    .step = RULE_LATER_UNKNOWN },
	{ "old bad is as unknown: accept", TAKES_MAIL, AWAY, .takes_all = NO,
	    .word = WORD(RCPT_BAD_OLD), .unknown = BACKUP_UNKNOWN_ACCEPT,
	    .step = RULE_HOLD },
	{ "our own have nobody else to give it to", TAKES_MAIL, .announced = NO,
	    .state = DOWN, .own = NO, .trusted = YES, .postmaster = NO,
	    .looked = YES, .takes_all = NO, .word = WORD(RCPT_NOT_KNOWN),
	    .unknown = BACKUP_UNKNOWN_DEFER, .step = RULE_HOLD },

	{ "what a null MX sends away nobody takes", .null_mx = YES, .own = NO,
	    .step = RULE_NO_MAIL },
	{ "nor from our own clients", .null_mx = YES, .own = NO, .trusted = YES,
	    .step = RULE_NO_MAIL },
	{ "nor before a primary was ever asked", .null_mx = YES, .own = NO,
	    .state = NOBODY, .step = RULE_NO_MAIL },
	{ "nor under maintenance", .null_mx = YES, .own = NO, .announced = YES,
	    .step = RULE_NO_MAIL },
	{ "nor for postmaster", .null_mx = YES, .own = NO, .postmaster = YES,
	    .step = RULE_NO_MAIL },
	{ "own mail is the MTA's to return", .null_mx = YES, .own = YES,
	    .announced = NO, .state = NOBODY, .step = RULE_TAKE },
};

/* ---- all that a row stands for ---- */

struct axis {
	size_t offset;
	int least, most;
};
#define AXIS(member, least, most)                                              \
	{                                                                      \
		offsetof(struct row, member), least, most                      \
	}
#define FLAG(member) AXIS(member, NO, YES)

static const struct axis axes[] = {
	AXIS(state, MX_UNKNOWN, MX_DOWN),
	FLAG(announced),
	FLAG(null_mx),
	AXIS(while_up, BACKUP_UP_ACCEPT, BACKUP_UP_RELAY),
	AXIS(unknown, BACKUP_UNKNOWN_ACCEPT, BACKUP_UNKNOWN_REJECT),
	FLAG(own),
	FLAG(trusted),
	FLAG(exempt),
	FLAG(postmaster),
	FLAG(harvester),
	AXIS(tried, NO, FIRSTTRY_NO_MEMORY),
	FLAG(looked),
	FLAG(blind),
	AXIS(word, WORD(RCPT_NOT_KNOWN), WORD(RCPT_BAD_OLD)),
	FLAG(due),
	FLAG(takes_all),
	AXIS(said, SAID(RULE_NOT_ASKED), SAID(RULE_CROWDED)),
};
#define AXES (sizeof(axes) / sizeof(*axes))

static int *
member(struct row *row, size_t axis)
{
	return (int *)(void *)((char *)row + axes[axis].offset);
}

static struct rcptrule
rule_of(const struct row *row)
{
	return (struct rcptrule){ .state = (enum mx_state)row->state,
		.announced = row->announced == YES,
		.null_mx = row->null_mx == YES,
		.while_up = row->while_up,
		.unknown = row->unknown,
		.own = row->own == YES,
		.trusted = row->trusted == YES,
		.exempt = row->exempt == YES,
		.postmaster = row->postmaster == YES,
		.harvester = row->harvester == YES,
		.tried = row->tried == NO ? 0 : (enum firsttry_word)row->tried,
		.looked = row->looked == YES,
		.blind = row->blind == YES,
		.sight = { (enum rcpt_word)(row->word - 1), row->due == YES },
		.takes_all = row->takes_all == YES,
		.said = (enum rule_said)(row->said - 1) };
}

/* What is old is always to be asked for again, and what could not be read is
 * not known. */
static int
is_possible(const struct rcptrule *r)
{
	if (r->sight.word != RCPT_GOOD && r->sight.word != RCPT_BAD &&
	    !r->sight.ask)
		return 0;
	return !r->blind || r->sight.word == RCPT_NOT_KNOWN;
}

/* Every axis that the row leaves open is drawn. */
static struct row
draw(const struct row *from, unsigned *seed)
{
	struct row row = *from;

	for (size_t a = 0; a < AXES; a++) {
		int *value = member(&row, a);
		int span = axes[a].most - axes[a].least + 1;

		while (*value == ANY) {
			*seed = *seed * 1103515245u + 12345u;
			*value = axes[a].least +
				 (int)(*seed / 65536u % (unsigned)span);
		}
	}
	return row;
}

START_TEST(the_table)
{
	const struct row *row = &rows[_i];
	unsigned seed = (unsigned)_i + 7, tried = 0;

	for (int n = 0; n < 20000; n++) {
		struct row one = draw(row, &seed);
		struct rcptrule r = rule_of(&one);

		if (!is_possible(&r))
			continue;
		tried++;
		ck_assert_msg(rcptrule(&r) == row->step,
		    "%s: %s and not %s (state %d announced %d while_up %d "
		    "trusted %d tried %d looked %d word %d due %d all %d "
		    "said %d)",
		    row->claim, rcptrule_name(rcptrule(&r)),
		    rcptrule_name(row->step), one.state, one.announced,
		    one.while_up, one.trusted, one.tried, one.looked,
		    one.word - 1, one.due, one.takes_all, one.said - 1);
	}
	ck_assert_uint_gt(tried, 500);
}
END_TEST

/* ---- what holds for all of them ---- */

static const struct row anything;

/* With every fact that is wanted there is an answer, and a fact is wanted
 * once. */
START_TEST(four_facts_are_enough)
{
	unsigned seed = 99;

	for (int n = 0; n < 200000; n++) {
		struct row row = draw(&anything, &seed);
		struct rcptrule full = rule_of(&row), r = full;
		int wants = 0;

		r.tried = 0;
		r.looked = 0;
		r.said = RULE_NOT_ASKED;
		while (rcptrule(&r) <= RULE_WANT_ASK) {
			switch (rcptrule(&r)) {
			case RULE_WANT_TRY:
				r.tried = full.tried == 0 ? FIRSTTRY_RETRY
							  : full.tried;
				break;
			case RULE_WANT_LOOK:
				r.looked = 1;
				break;
			default:
				r.said = full.said == RULE_NOT_ASKED
					     ? RULE_SAID_NOTHING
					     : full.said;
				break;
			}
			ck_assert_int_le(++wants, 3);
		}
	}
}
END_TEST

/* Somebody has said no, or the administrator has: else it is not for good. */
START_TEST(a_failure_is_never_a_refusal_for_good)
{
	unsigned seed = 5;

	for (int n = 0; n < 200000; n++) {
		struct row row = draw(&anything, &seed);
		struct rcptrule r = rule_of(&row);
		struct hop_answer words;
		enum rule_step step;

		if (!is_possible(&r))
			continue;
		step = rcptrule(&r);
		if (step <= RULE_WANT_ASK)
			continue;
		if (rcptrule_words(step, "", "example.org", NULL, &words) !=
		    SMX_EREFUSED)
			continue;
		ck_assert_int_ge(words.code, 500);
		if (step == RULE_NO_MAIL) {
			ck_assert(r.null_mx && !r.own);
			continue;
		}
		ck_assert(!r.blind || step == RULE_NO_SAID);
		ck_assert(r.said == RULE_SAID_NO || r.sight.word == RCPT_BAD ||
			  r.unknown == BACKUP_UNKNOWN_REJECT);
		ck_assert(!r.own && !r.postmaster);
		ck_assert(r.state != MX_UNKNOWN || r.announced);
	}
}
END_TEST

START_TEST(only_a_primary_that_is_away_holds)
{
	unsigned seed = 6;

	for (int n = 0; n < 200000; n++) {
		struct row row = draw(&anything, &seed);
		struct rcptrule r = rule_of(&row);
		enum rule_step step = rcptrule(&r);

		if (step == RULE_HOLD)
			ck_assert(rcptrule_is_down(&r));
		if (step == RULE_TAKE)
			ck_assert(!rcptrule_is_down(&r));
	}
}
END_TEST

START_TEST(guesses_are_counted)
{
	struct rcptrule r = { .state = MX_DOWN, .looked = 1 };

	ck_assert(rcptrule_is_guess(&r, RULE_NO_KNOWN));
	ck_assert(rcptrule_is_guess(&r, RULE_NO_SAID));
	ck_assert(rcptrule_is_guess(&r, RULE_NO_UNKNOWN));
	ck_assert(rcptrule_is_guess(&r, RULE_LATER_UNKNOWN));
	ck_assert(!rcptrule_is_guess(&r, RULE_NO_MAIL));
	ck_assert(!rcptrule_is_guess(&r, RULE_LATER_UP));
	ck_assert(!rcptrule_is_guess(&r, RULE_LATER_HARVEST));
	ck_assert(rcptrule_is_guess(&r, RULE_HOLD));
	r.takes_all = 1;
	ck_assert(!rcptrule_is_guess(&r, RULE_HOLD));
	r.takes_all = 0;
	r.sight.word = RCPT_GOOD;
	ck_assert(!rcptrule_is_guess(&r, RULE_HOLD));
	r.looked = 0; /* postmaster, own mail */
	ck_assert(!rcptrule_is_guess(&r, RULE_HOLD));
}
END_TEST

/* ---- words ---- */

START_TEST(the_primary_is_named)
{
	struct hop_answer w;

	ck_assert_int_eq(rcptrule_words(RULE_LATER_UP, "mx.example.org",
			     "example.org", NULL, &w),
	    SMX_ETEMP);
	ck_assert_int_eq(w.code, 451);
	ck_assert_str_eq(w.enhanced, "4.3.2");
	ck_assert_str_eq(w.text,
	    "the primary mail exchanger mx.example.org of example.org is up, "
	    "deliver there");
	ck_assert_int_eq(rcptrule_words(RULE_NO_MAIL, "", "example.org", NULL,
			     &w),
	    SMX_EREFUSED);
	ck_assert_int_eq(w.code, 556);
	ck_assert_str_eq(w.enhanced, "5.1.10");
	ck_assert_str_eq(w.text,
	    "the domain example.org accepts no mail (null MX)");
	(void)!rcptrule_words(RULE_LATER_UP, "", "a\r\nb\x80%", NULL, &w);
	ck_assert_str_eq(w.text,
	    "the primary mail exchanger of a??b?% is up, deliver there");
}
END_TEST

START_TEST(its_own_words_are_passed_on)
{
	struct hop_answer said = { HOP_NO, 556, "5.1.10", "no mail here" }, w;

	ck_assert_int_eq(rcptrule_words(RULE_NO_SAID, "", "d", &said, &w),
	    SMX_EREFUSED);
	ck_assert_int_eq(w.code, 556);
	ck_assert_str_eq(w.enhanced, "5.1.10");
	ck_assert_str_eq(w.text, "no mail here");
	/* and what contradicts itself is not */
	said = (struct hop_answer){ HOP_NO, 550, "4.2.2", "" };
	ck_assert_int_eq(rcptrule_words(RULE_NO_SAID, "", "d", &said, &w),
	    SMX_EREFUSED);
	ck_assert_int_eq(w.code, 550);
	ck_assert_str_eq(w.enhanced, "");
	ck_assert_str_ne(w.text, "");
	said = (struct hop_answer){ HOP_NO, 0, "", "lost" };
	ck_assert_int_eq(rcptrule_words(RULE_NO_SAID, "", "d", &said, &w),
	    SMX_EREFUSED);
	ck_assert_int_eq(w.code, 550);
	ck_assert_str_eq(w.enhanced, "5.1.1");
}
END_TEST

START_TEST(every_answer_has_its_code)
{
	static const struct {
		enum rule_step step;
		int rc, code;
		const char *enhanced;
	} all[] = { { RULE_TAKE, SMX_OK, 250, "2.1.5" },
		{ RULE_HOLD, SMX_OK, 250, "2.1.5" },
		{ RULE_LATER_UNKNOWN, SMX_ETEMP, 451, "4.3.2" },
		{ RULE_LATER_HARVEST, SMX_ETEMP, 450, "4.7.1" },
		{ RULE_LATER_CROWD, SMX_ETEMP, 451, "4.3.2" },
		{ RULE_NO_KNOWN, SMX_EREFUSED, 550, "5.1.1" },
		{ RULE_NO_UNKNOWN, SMX_EREFUSED, 550, "5.1.1" } };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct hop_answer w;

		ck_assert_int_eq(rcptrule_words(all[i].step, "h", "d", NULL,
				     &w),
		    all[i].rc);
		ck_assert_int_eq(w.code, all[i].code);
		ck_assert_str_eq(w.enhanced, all[i].enhanced);
		ck_assert_ptr_null(strchr(w.text, '%'));
	}
}
END_TEST

START_TEST(only_what_is_about_the_recipient_is_learned)
{
	static const struct {
		int code;
		const char *enhanced;
		int bad;
	} all[] = { { 550, "5.1.1", 1 }, { 550, "5.1.10", 1 },
		{ 550, "5.2.1", 1 }, { 550, "5.4.1", 1 }, { 550, "5.0.0", 1 },
		{ 550, "", 1 }, { 551, "", 1 }, { 553, "", 1 },
		{ 552, "5.2.2", 0 }, { 550, "5.7.1", 0 }, { 550, "5.1.8", 0 },
		{ 550, "5.1.7", 0 }, { 554, "5.7.1", 0 }, { 554, "", 0 },
		{ 503, "", 0 }, { 500, "5.3.0", 0 }, { 550, "5.", 0 },
		{ 550, "5.1", 0 }, { 450, "4.1.1", 0 } };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct hop_answer a = { .class = HOP_NO, .code = all[i].code };

		memcpy(a.enhanced, all[i].enhanced,
		    strlen(all[i].enhanced) + 1);
		ck_assert_msg(rcptrule_is_bad(&a) == all[i].bad, "%d %s",
		    all[i].code, all[i].enhanced);
		a.class = HOP_UNREACHABLE;
		ck_assert(!rcptrule_is_bad(&a));
	}
}
END_TEST

/* ---- ages ---- */

static const struct rcptage ages = { 31 * DAY, 7 * DAY, 3 * DAY, 3 * HOUR };
#define NOW (INT64_C(20000) * DAY)

static enum rcpt_word
see(int good, int64_t age, int64_t down_for, int *ask)
{
	struct rcpt_entry e = { good, RCPT_FROM_PROBE, NOW - age };
	struct rcpt_sight sight;

	rcptage_see(&ages, &e, down_for == 0 ? 0 : NOW - down_for, NOW, &sight);
	*ask = sight.ask;
	return sight.word;
}

START_TEST(good_and_bad_grow_old)
{
	int ask;

	ck_assert_int_eq(see(1, 0, 0, &ask), RCPT_GOOD);
	ck_assert(!ask);
	ck_assert_int_eq(see(1, 7 * DAY - 1, 0, &ask), RCPT_GOOD);
	ck_assert(!ask);
	ck_assert_int_eq(see(1, 7 * DAY, 0, &ask), RCPT_GOOD);
	ck_assert(ask);
	ck_assert_int_eq(see(1, 31 * DAY, 0, &ask), RCPT_GOOD_OLD);
	ck_assert(ask);
	ck_assert_int_eq(see(0, 3 * HOUR - 1, 0, &ask), RCPT_BAD);
	ck_assert(!ask);
	ck_assert_int_eq(see(0, 3 * HOUR, 0, &ask), RCPT_BAD);
	ck_assert(ask);
	ck_assert_int_eq(see(0, 3 * DAY, 0, &ask), RCPT_BAD_OLD);
	ck_assert(ask);
}
END_TEST

START_TEST(nothing_good_grows_old_while_it_cannot_be_asked)
{
	int ask;

	ck_assert_int_eq(see(1, 33 * DAY, 3 * DAY, &ask), RCPT_GOOD);
	ck_assert_int_eq(see(1, 33 * DAY, 2 * DAY, &ask), RCPT_GOOD_OLD);
	/* learned in the middle of it, from the primary itself */
	ck_assert_int_eq(see(1, 1 * DAY, 5 * DAY, &ask), RCPT_GOOD);
	ck_assert_int_eq(see(0, 4 * DAY, 2 * DAY, &ask), RCPT_BAD_OLD);
}
END_TEST

/* The primary went down ten days after it was learned; whatever the clock says
 * now, by that it is good. */
START_TEST(nobody_is_forgotten_for_a_clock_that_is_set_in_an_outage)
{
	static const int64_t now[] = { NOW, NOW + 400 * DAY, NOW - 15 * DAY,
		NOW - 400 * DAY };
	struct rcpt_entry e = { 1, RCPT_FROM_PROBE, NOW - 20 * DAY };
	struct rcpt_sight sight;

	for (size_t i = 0; i < sizeof(now) / sizeof(*now); i++) {
		rcptage_see(&ages, &e, NOW - 10 * DAY, now[i], &sight);
		ck_assert_int_eq(sight.word, RCPT_GOOD);
	}
	e.good = 0;
	e.learned_ms = NOW - 11 * DAY;
	rcptage_see(&ages, &e, NOW - 10 * DAY, NOW - 400 * DAY, &sight);
	ck_assert_int_eq(sight.word, RCPT_BAD);
	rcptage_see(&ages, &e, NOW - 10 * DAY, NOW, &sight);
	ck_assert_int_eq(sight.word, RCPT_BAD_OLD);
	e.good = 1;
	/* it went down by a clock that was ahead */
	rcptage_see(&ages, &e, NOW + 400 * DAY, NOW, &sight);
	ck_assert_int_eq(sight.word, RCPT_GOOD);
}
END_TEST

START_TEST(a_wall_clock_that_was_wrong_keeps_nobody_good_for_ever)
{
	int ask;

	ck_assert_int_eq(see(1, -HOUR, 0, &ask), RCPT_GOOD);
	ck_assert(!ask);
	ck_assert_int_eq(see(1, -400 * DAY, 0, &ask), RCPT_GOOD_OLD);
	ck_assert(ask);
	ck_assert_int_eq(see(0, -400 * DAY, 0, &ask), RCPT_BAD_OLD);
	ck_assert(!rcptage_catchall_old(NOW - DAY + 1, NOW));
	ck_assert(rcptage_catchall_old(NOW - DAY, NOW));
	ck_assert(rcptage_catchall_old(NOW + 2 * DAY, NOW));
}
END_TEST

START_TEST(clock_is_believed_when_it_has_stood_for_a_while)
{
	struct steady s = { 0 };

	ck_assert_int_eq(steady_ms(&s, 1000, NOW), 0);
	ck_assert_int_eq(steady_ms(&s, 1000 + HOUR, NOW + HOUR), HOUR);
	/* what the network corrects is no jump */
	ck_assert_int_eq(steady_ms(&s, 1000 + 2 * HOUR, NOW + 2 * HOUR + 5000),
	    2 * HOUR);
	ck_assert_int_eq(steady_ms(&s, 1001 + 2 * HOUR, NOW + 100 * DAY), 0);
	ck_assert_int_eq(steady_ms(&s, 1001 + 3 * HOUR, NOW + 100 * DAY + HOUR),
	    HOUR);
	ck_assert_int_eq(steady_ms(&s, 1002 + 3 * HOUR, NOW + 3 * HOUR), 0);
}
END_TEST

START_TEST(a_list_does_not_age)
{
	struct rcpt_entry e = { 1, RCPT_FROM_FILE, NOW - 4000 * DAY };
	struct rcpt_sight sight;

	rcptage_see(&ages, &e, 0, NOW, &sight);
	ck_assert_int_eq(sight.word, RCPT_GOOD);
	ck_assert(!sight.ask);
	rcptage_see(&ages, NULL, 0, NOW, &sight);
	ck_assert_int_eq(sight.word, RCPT_NOT_KNOWN);
	ck_assert(sight.ask);
}
END_TEST

START_TEST(what_is_no_news_is_not_written)
{
	struct rcpt_entry listed = { 1, RCPT_FROM_FILE, NOW - DAY };
	struct rcpt_entry was = { 1, RCPT_FROM_PROBE, NOW - 10 };
	struct rcpt_entry good = { 1, RCPT_FROM_DELIVERY, NOW };
	struct rcpt_entry bad = { 0, RCPT_FROM_PROBE, NOW };

	ck_assert(rcptage_replaces(NULL, &good));
	ck_assert(!rcptage_replaces(&was, &good));
	ck_assert(rcptage_replaces(&was, &bad));
	was.learned_ms = NOW - HOUR;
	ck_assert(rcptage_replaces(&was, &good));
	was.learned_ms = NOW + DAY;
	ck_assert(rcptage_replaces(&was, &good));
	ck_assert(!rcptage_replaces(&listed, &good));
	ck_assert(rcptage_replaces(&listed, &bad));
	listed.learned_ms = NOW;
	ck_assert(rcptage_replaces(&was, &listed));
	ck_assert(rcptage_replaces(&bad, &listed));
}
END_TEST

/* ---- lists ---- */

START_TEST(a_list_is_what_postmap_prints)
{
	static const struct {
		const char *line;
		enum rcptlist_line kind;
		const char *local;
	} all[] = { { "joe@example.org", RCPTLIST_ONE, "joe" },
		{ "joe@example.org\tOK", RCPTLIST_ONE, "joe" },
		{ "Joe.B@Example.ORG  x y z\r", RCPTLIST_ONE, "Joe.B" },
		{ "\"a b\"@example.org OK", RCPTLIST_ONE, "a b" },
		{ "@example.org OK", RCPTLIST_ALL, "" },
		{ "joe@example.net", RCPTLIST_OTHER, "" },
		{ "joe@sub.example.org", RCPTLIST_OTHER, "" },
		{ "@example.net", RCPTLIST_OTHER, "" },
		{ "", RCPTLIST_NOTHING, "" },
		{ "# joe@example.org", RCPTLIST_NOTHING, "" },
		{ "joe", RCPTLIST_BAD, "" },
		{ "example.org", RCPTLIST_BAD, "" },
		{ "joe@", RCPTLIST_BAD, "" },
		{ "jo\x01@example.org", RCPTLIST_BAD, "" },
		{ " joe@example.org", RCPTLIST_NOTHING, "" },
		{ "@", RCPTLIST_BAD, "" },
		{ "a b@example.org", RCPTLIST_BAD, "" } };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		char local[ADDR_MAX + 1] = "";
		enum rcptlist_line kind = rcptlist_read(all[i].line,
		    strlen(all[i].line), "example.org", local);

		ck_assert_msg(kind == all[i].kind, "%s: %d", all[i].line, kind);
		if (kind == RCPTLIST_ONE)
			ck_assert_str_eq(local, all[i].local);
	}
	ck_assert_int_eq(rcptlist_read("a\0b@example.org", 15, "example.org",
			     (char[ADDR_MAX + 1]){ 0 }),
	    RCPTLIST_BAD);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("rcptrule");
	TCase *t = tcase_create("rule");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, the_table, 0,
	    (int)(sizeof(rows) / sizeof(*rows)));
	tcase_add_test(t, four_facts_are_enough);
	tcase_add_test(t, a_failure_is_never_a_refusal_for_good);
	tcase_add_test(t, only_a_primary_that_is_away_holds);
	tcase_add_test(t, guesses_are_counted);
	tcase_add_test(t, the_primary_is_named);
	tcase_add_test(t, its_own_words_are_passed_on);
	tcase_add_test(t, every_answer_has_its_code);
	tcase_add_test(t, only_what_is_about_the_recipient_is_learned);
	suite_add_tcase(s, t);
	t = tcase_create("ages");
	tcase_add_test(t, good_and_bad_grow_old);
	tcase_add_test(t, nothing_good_grows_old_while_it_cannot_be_asked);
	tcase_add_test(t,
	    nobody_is_forgotten_for_a_clock_that_is_set_in_an_outage);
	tcase_add_test(t, clock_is_believed_when_it_has_stood_for_a_while);
	tcase_add_test(t,
	    a_wall_clock_that_was_wrong_keeps_nobody_good_for_ever);
	tcase_add_test(t, a_list_does_not_age);
	tcase_add_test(t, what_is_no_news_is_not_written);
	tcase_add_test(t, a_list_is_what_postmap_prints);
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
