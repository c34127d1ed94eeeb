/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mxhealth.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which primary MX hosts are up, and who is probed when, by a clock that is
 * wound by hand. */

#define A      "smtp:[mx1.example.org]:25"
#define B      "smtp:[mx2.example.org]:25"
#define DOMAIN "example.org"
#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define WALL   INT64_C(1790000000000)

static const struct mxhealth_options options = { 30000, 15000, 2, 3 };
static const char *const hosts[] = { A, B };
static struct mxhealth *health;
static struct mxtime at;

static void
fresh(void)
{
	at.now_ms = 1000000;
	at.wall_ms = WALL;
	ck_assert_int_eq(mxhealth_new(&health, &options, 42), SMX_OK);
}

static void
gone(void)
{
	mxhealth_free(&health);
}

static void
pass(int64_t ms)
{
	at.now_ms += ms;
	at.wall_ms += ms;
}

static void
watch(size_t count)
{
	ck_assert_int_eq(mxhealth_watch(health, DOMAIN, hosts, count, &at),
	    SMX_OK);
}

static enum mx_state
host(const char *name)
{
	struct mxhost_word word;

	ck_assert_int_eq(mxhealth_host(health, name, &word), SMX_OK);
	return word.state;
}

static enum mx_state
domain(void)
{
	struct mxdomain_word word;

	ck_assert_int_eq(mxhealth_domain(health, DOMAIN, &at, &word), SMX_OK);
	return word.state;
}

/* Wait for the next probe that is due, and say how it went. */
static const char *
probe(int well)
{
	const char *name;

	ck_assert(mxhealth_due(health) != INT64_MAX);
	if (mxhealth_due(health) > at.now_ms)
		pass(mxhealth_due(health) - at.now_ms);
	name = mxhealth_next(health, at.now_ms);
	ck_assert_ptr_nonnull(name);
	mxhealth_probed(health, name, well, well ? "it answers" : "no route",
	    &at);
	return name;
}

static void
must_change(enum mx_state from, enum mx_state to)
{
	struct mxchange c;

	ck_assert(mxhealth_changed(health, &c));
	ck_assert_int_eq(c.from, from);
	ck_assert_int_eq(c.to, to);
}

/* ---- hysteresis ---- */

START_TEST(up_after_two_and_not_after_one)
{
	watch(1);
	ck_assert_int_eq(domain(), MX_UNKNOWN);
	probe(1);
	ck_assert_int_eq(host(A), MX_UNKNOWN);
	probe(1);
	ck_assert_int_eq(host(A), MX_UP);
	ck_assert_int_eq(domain(), MX_UP);
	must_change(MX_UNKNOWN, MX_UP);
}
END_TEST

START_TEST(down_after_three_and_not_after_two)
{
	struct mxdomain_word word;
	struct mxchange c;

	watch(1);
	probe(1);
	probe(1);
	must_change(MX_UNKNOWN, MX_UP);
	probe(0);
	probe(0);
	ck_assert_int_eq(domain(), MX_UP);
	probe(0);
	ck_assert_int_eq(domain(), MX_DOWN);
	ck_assert(mxhealth_changed(health, &c));
	ck_assert_uint_eq(c.domains, 1);
	ck_assert_str_eq(c.why, "no route");
	ck_assert_int_eq(mxhealth_domain(health, DOMAIN, &at, &word), SMX_OK);
	ck_assert_int_eq(word.since_ms, at.wall_ms);
	ck_assert_str_eq(word.why, "no route");
	ck_assert_str_eq(word.host, A);
	ck_assert(!mxhealth_changed(health, &c));
	probe(1);
	ck_assert_int_eq(domain(), MX_DOWN);
	probe(1);
	ck_assert_int_eq(domain(), MX_UP);
}
END_TEST

START_TEST(one_that_never_answered_goes_down_as_well)
{
	watch(1);
	probe(0);
	probe(0);
	ck_assert_int_eq(domain(), MX_UNKNOWN);
	probe(0);
	ck_assert_int_eq(domain(), MX_DOWN);
	must_change(MX_UNKNOWN, MX_DOWN);
}
END_TEST

START_TEST(busy_is_neither_up_nor_down)
{
	struct mxchange c;

	watch(1);
	for (int i = 0; i < 5; i++)
		probe(MX_BUSY);
	ck_assert_int_eq(host(A), MX_UNKNOWN);
	probe(MX_GOOD);
	probe(MX_BUSY);
	probe(MX_GOOD);
	must_change(MX_UNKNOWN, MX_UP);
	/* two bad ones are two, whatever is between them */
	probe(MX_BAD);
	probe(MX_BUSY);
	probe(MX_BAD);
	probe(MX_BUSY);
	ck_assert_int_eq(host(A), MX_UP);
	probe(MX_BAD);
	must_change(MX_UP, MX_DOWN);
	for (int i = 0; i < 100; i++)
		probe(MX_BUSY);
	ck_assert_int_eq(host(A), MX_DOWN);
	ck_assert(!mxhealth_changed(health, &c));
}
END_TEST

START_TEST(busy_for_long_is_down)
{
	struct mxchange c;

	watch(1);
	probe(MX_GOOD);
	probe(MX_GOOD);
	must_change(MX_UNKNOWN, MX_UP);
	for (int k = 0; k < 20; k++) {
		for (int i = 1; i < 3 * MXHEALTH_BUSY; i++)
			probe(MX_BUSY);
		probe(MX_GOOD);
	}
	ck_assert_int_eq(host(A), MX_UP);
	for (int i = 1; i < 3 * MXHEALTH_BUSY; i++)
		probe(MX_BUSY);
	/* what others hear is not counted */
	for (int i = 0; i < 10; i++)
		mxhealth_heard(health, A, MX_BUSY, "452 full", &at);
	ck_assert_int_eq(host(A), MX_UP);
	ck_assert(!mxhealth_changed(health, &c));
	probe(MX_BUSY);
	must_change(MX_UP, MX_DOWN);
	probe(MX_GOOD);
	probe(MX_GOOD);
	must_change(MX_DOWN, MX_UP);
}
END_TEST

/* Two bad ones, a good one, for ever: not three in a row; and one good one
 * between bad ones does not bring back what is down. */
START_TEST(flapping_changes_nothing)
{
	struct mxchange c;

	watch(1);
	probe(1);
	probe(1);
	must_change(MX_UNKNOWN, MX_UP);
	for (int i = 0; i < 300; i++)
		probe(i % 3 == 2);
	ck_assert_int_eq(host(A), MX_UP);
	ck_assert(!mxhealth_changed(health, &c));
	for (int i = 0; i < 3; i++)
		probe(0);
	must_change(MX_UP, MX_DOWN);
	for (int i = 0; i < 300; i++)
		probe(i % 2);
	ck_assert_int_eq(host(A), MX_DOWN);
	ck_assert(!mxhealth_changed(health, &c));
}
END_TEST

START_TEST(domain_is_up_while_one_of_its_hosts_is)
{
	struct mxdomain_word word;

	watch(2);
	for (int i = 0; i < 40; i++) {
		const char *name = mxhealth_next(health, at.now_ms);

		if (name == NULL) {
			pass(1000);
			continue;
		}
		mxhealth_probed(health, name, strcmp(name, B) == 0, "x", &at);
	}
	ck_assert_int_eq(host(A), MX_DOWN);
	ck_assert_int_eq(host(B), MX_UP);
	ck_assert_int_eq(mxhealth_domain(health, DOMAIN, &at, &word), SMX_OK);
	ck_assert_int_eq(word.state, MX_UP);
	ck_assert_str_eq(word.host, B);
}
END_TEST

/* ---- what others have seen ---- */

START_TEST(deliveries_that_fail_never_make_a_host_down)
{
	watch(1);
	probe(1);
	probe(1);
	for (int i = 0; i < 1000; i++) {
		mxhealth_heard(health, A, 0, "timed out", &at);
		ck_assert_int_eq(host(A), MX_UP);
	}
	/* but the next probe comes at once, and is enough */
	ck_assert_int_le(mxhealth_due(health), at.now_ms + 2000);
	probe(0);
	ck_assert_int_eq(host(A), MX_DOWN);
}
END_TEST

START_TEST(failed_deliveries_do_not_make_a_storm_of_probes)
{
	size_t probes = 0;

	watch(1);
	probe(1);
	probe(1);
	for (int i = 0; i < 60000; i += 10) {
		const char *name;

		mxhealth_heard(health, A, 0, "timed out", &at);
		name = mxhealth_next(health, at.now_ms);
		if (name != NULL) {
			mxhealth_probed(health, name, 1, "it answers", &at);
			probes++;
		}
		pass(10);
	}
	ck_assert_uint_le(probes, 62);
	ck_assert_int_eq(host(A), MX_UP);
}
END_TEST

START_TEST(host_is_known_by_its_last_address)
{
	struct ip ips[10], other;
	size_t n = 0;

	watch(2);
	ck_assert_int_eq(ip_parse("192.0.2.1", 9, &ips[0]), SMX_OK);
	for (size_t i = 1; i < 10; i++)
		ips[i] = ips[0];
	ck_assert_int_eq(ip_parse("192.0.2.2", 9, &other), SMX_OK);
	ck_assert_ptr_null(mxhealth_next_at(health, &ips[0], "25", &n));
	mxhealth_addresses(health, A, ips, 10); /* no more than there is room */
	mxhealth_addresses(health, "smtp:[nobody.example]:25", ips, 1);
	n = 0;
	ck_assert_str_eq(mxhealth_next_at(health, &ips[0], "25", &n), A);
	ck_assert_ptr_null(mxhealth_next_at(health, &ips[0], "25", &n));
	n = 0;
	ck_assert_ptr_null(mxhealth_next_at(health, &ips[0], "5", &n));
	n = 0;
	ck_assert_ptr_null(mxhealth_next_at(health, &other, "25", &n));
	/* one address of two names is both of them */
	mxhealth_addresses(health, B, ips, 1);
	n = 0;
	ck_assert_ptr_nonnull(mxhealth_next_at(health, &ips[0], "25", &n));
	ck_assert_ptr_nonnull(mxhealth_next_at(health, &ips[0], "25", &n));
	ck_assert_ptr_null(mxhealth_next_at(health, &ips[0], "25", &n));
	/* a name that was not found is where it was, one that moved is not */
	mxhealth_addresses(health, A, ips, 0);
	mxhealth_addresses(health, B, &other, 1);
	n = 0;
	ck_assert_str_eq(mxhealth_next_at(health, &ips[0], "25", &n), A);
	ck_assert_ptr_null(mxhealth_next_at(health, &ips[0], "25", &n));
}
END_TEST

START_TEST(whose_hosts_an_address_is_of)
{
	static const char *const written[] = { "smtp:[192.0.2.9]:2525" };
	struct ip ips[2], other;

	watch(1);
	ck_assert_int_eq(ip_parse("192.0.2.1", 9, &ips[0]), SMX_OK);
	ck_assert_int_eq(ip_parse("2001:db8::1", 11, &ips[1]), SMX_OK);
	ck_assert_int_eq(ip_parse("192.0.2.9", 9, &other), SMX_OK);
	ck_assert(!mxhealth_is_of(health, DOMAIN, &ips[0]));
	mxhealth_addresses(health, A, ips, 2);
	ck_assert(mxhealth_is_of(health, DOMAIN, &ips[0]));
	ck_assert(mxhealth_is_of(health, DOMAIN, &ips[1]));
	ck_assert(!mxhealth_is_of(health, DOMAIN, &other));
	ck_assert(!mxhealth_is_of(health, "other.example", &ips[0]));
	/* one that is written so needs no probe */
	ck_assert_int_eq(mxhealth_watch(health, "other.example", written, 1,
			     &at),
	    SMX_OK);
	ck_assert(mxhealth_is_of(health, "other.example", &other));
	ck_assert(!mxhealth_is_of(health, "other.example", &ips[0]));
	ck_assert(!mxhealth_is_of(health, DOMAIN, &other));
	/* this host is nobody's primary */
	mxhealth_own(health, A, &at);
	ck_assert(!mxhealth_is_of(health, DOMAIN, &ips[0]));
}
END_TEST

START_TEST(delivery_that_went_well_counts_as_a_probe)
{
	watch(1);
	probe(0);
	probe(0);
	probe(0);
	ck_assert_int_eq(host(A), MX_DOWN);
	mxhealth_heard(health, A, 1, "delivered", &at);
	ck_assert_int_eq(host(A), MX_DOWN);
	mxhealth_heard(health, A, 1, "delivered", &at);
	ck_assert_int_eq(host(A), MX_UP);
	/* and the next one can wait */
	ck_assert_int_ge(mxhealth_due(health), at.now_ms + 27000);
}
END_TEST

/* ---- when ---- */

START_TEST(pauses_are_within_a_tenth_and_not_all_the_same)
{
	int64_t low = INT64_MAX, high = 0;

	watch(1);
	probe(1);
	probe(1);
	for (int i = 0; i < 1000; i++) {
		int64_t pause = mxhealth_due(health) - at.now_ms;

		low = pause < low ? pause : low;
		high = pause > high ? pause : high;
		probe(1);
	}
	ck_assert_int_ge(low, 27000);
	ck_assert_int_le(high, 33000);
	ck_assert_int_lt(low, 28000);
	ck_assert_int_gt(high, 32000);
}
END_TEST

START_TEST(doubt_and_absence_are_looked_at_sooner)
{
	watch(1);
	probe(1);
	probe(1);
	probe(0);
	ck_assert_int_le(mxhealth_due(health), at.now_ms + 16500);
	probe(0);
	probe(0);
	ck_assert_int_eq(host(A), MX_DOWN);
	ck_assert_int_le(mxhealth_due(health), at.now_ms + 16500);
	ck_assert_int_ge(mxhealth_due(health), at.now_ms + 13500);
}
END_TEST

static void
many(size_t domains, size_t count)
{
	char name[64], mx[64];
	const char *list[1] = { mx };

	for (size_t i = 0; i < domains; i++) {
		snprintf(name, sizeof(name), "d%zu.example.org", i);
		snprintf(mx, sizeof(mx), "smtp:[mx%zu.example.net]:25",
		    i % count);
		ck_assert_int_eq(mxhealth_watch(health, name, list, 1, &at),
		    SMX_OK);
	}
}

/* How many in that time, the most of them in one second to *peak. */
static size_t
probes_in(int64_t ms, size_t *peak)
{
	int64_t until = at.now_ms + ms;
	size_t all = 0;

	*peak = 0;
	while (at.now_ms < until) {
		int64_t second = at.now_ms + 1000;
		size_t n = 0;

		while (mxhealth_due(health) < second) {
			if (mxhealth_due(health) > at.now_ms)
				pass(mxhealth_due(health) - at.now_ms);
			probe(1);
			n++;
		}
		all += n;
		*peak = n > *peak ? n : *peak;
		pass(second - at.now_ms);
	}
	return all;
}

START_TEST(ten_thousand_domains_cost_what_their_fifty_hosts_do)
{
	size_t peak, n;

	many(10000, 50);
	ck_assert_uint_eq(mxhealth_domains(health), 10000);
	(void)probes_in(10 * MINUTE, &peak);
	n = probes_in(HOUR, &peak);
	/* 50 hosts, 120 times an hour */
	ck_assert_uint_ge(n, 5700);
	ck_assert_uint_le(n, 6300);
	/* where a storm would be fifty at once */
	ck_assert_uint_le(peak, 12);
}
END_TEST

START_TEST(first_probes_are_spread_and_soon)
{
	size_t first = 0;

	many(10000, 50);
	ck_assert_ptr_null(mxhealth_next(health, at.now_ms - 1));
	while (mxhealth_next(health, at.now_ms + 100) != NULL)
		first++;
	ck_assert_uint_lt(first, 25);
	while (mxhealth_next(health, at.now_ms + 5000) != NULL)
		first++;
	ck_assert_uint_eq(first, 50);
}
END_TEST

START_TEST(host_is_not_probed_twice_at_a_time)
{
	const char *name;

	watch(1);
	name = mxhealth_next(health, at.now_ms + HOUR);
	ck_assert_str_eq(name, A);
	ck_assert_ptr_null(mxhealth_next(health, at.now_ms + HOUR));
	mxhealth_unprobed(health, A, &at);
	ck_assert_ptr_nonnull(mxhealth_next(health, at.now_ms + HOUR));
}
END_TEST

START_TEST(host_that_no_domain_names_is_left_alone)
{
	watch(2);
	ck_assert_int_eq(mxhealth_watch(health, DOMAIN, hosts + 1, 1, &at),
	    SMX_OK);
	ck_assert_str_eq(mxhealth_next(health, at.now_ms + HOUR), B);
	ck_assert_ptr_null(mxhealth_next(health, at.now_ms + HOUR));
	mxhealth_unwatch(health, DOMAIN);
	mxhealth_unprobed(health, B, &at);
	ck_assert_ptr_null(mxhealth_next(health, at.now_ms + HOUR));
}
END_TEST

START_TEST(hosts_and_domains_have_a_ceiling)
{
	char name[64];
	const char *list[1] = { name };
	int rc = SMX_OK;
	size_t n = 0;

	for (; rc == SMX_OK; n++) {
		snprintf(name, sizeof(name), "smtp:[mx%zu.example.net]:25", n);
		rc = mxhealth_watch(health, name, list, 1, &at);
	}
	ck_assert_int_eq(rc, SMX_ELIMIT);
	ck_assert_uint_eq(n - 1, MXHEALTH_HOSTS);
	/* one that is not named any more makes room */
	mxhealth_unwatch(health, "smtp:[mx7.example.net]:25");
	ck_assert_int_eq(mxhealth_watch(health, "x", list, 1, &at), SMX_OK);
	for (n = 0, rc = SMX_OK; rc == SMX_OK; n++) {
		snprintf(name, sizeof(name), "d%zu", n);
		rc = mxhealth_watch(health, name, NULL, 0, &at);
	}
	ck_assert_int_eq(rc, SMX_ELIMIT);
	ck_assert_uint_eq(mxhealth_domains(health), MXHEALTH_DOMAINS);
}
END_TEST

/* ---- clocks ---- */

START_TEST(wall_clock_that_jumps_changes_nothing_but_the_record)
{
	struct mxchange c;
	int64_t due;

	watch(1);
	probe(1);
	probe(1);
	must_change(MX_UNKNOWN, MX_UP);
	due = mxhealth_due(health);
	at.wall_ms -= 5 * 365 * 24 * HOUR;
	ck_assert_int_eq(domain(), MX_UP);
	ck_assert_int_eq(mxhealth_due(health), due);
	probe(0);
	probe(0);
	at.wall_ms += 20 * 365 * 24 * HOUR;
	ck_assert_int_eq(domain(), MX_UP);
	at.wall_ms -= 20 * 365 * 24 * HOUR;
	probe(0);
	ck_assert(mxhealth_changed(health, &c));
	ck_assert_int_eq(c.to, MX_DOWN);
	ck_assert_int_ge(c.at_ms, c.from_ms);
	ck_assert_int_gt(c.lasted_ms, 0);
	ck_assert_int_lt(c.lasted_ms, 3 * MINUTE);
}
END_TEST

START_TEST(after_a_long_sleep_a_host_is_probed_before_it_is_believed_down)
{
	watch(1);
	probe(1);
	probe(1);
	pass(8 * HOUR);
	ck_assert_int_eq(domain(), MX_UP);
	ck_assert_str_eq(mxhealth_next(health, at.now_ms), A);
}
END_TEST

/* ---- another process ---- */

static void
restore(enum mx_state state, int64_t since_ms, int64_t seen_ms)
{
	struct mxhost_word was = { .name = A,
		.state = state,
		.since_ms = since_ms,
		.seen_ms = seen_ms };

	snprintf(was.why, sizeof(was.why), "of yesterday");
	ck_assert_int_eq(mxhealth_restore(health, &was, &at), SMX_OK);
}

START_TEST(down_before_a_restart_is_down_until_it_shows)
{
	struct mxdomain_word word;
	struct mxchange c;

	restore(MX_DOWN, WALL - 100 * HOUR, WALL - 50 * HOUR);
	watch(1);
	ck_assert_int_eq(mxhealth_domain(health, DOMAIN, &at, &word), SMX_OK);
	ck_assert_int_eq(word.state, MX_DOWN);
	ck_assert_int_eq(word.since_ms, WALL - 100 * HOUR);
	ck_assert_str_eq(word.why, "of yesterday");
	probe(1);
	ck_assert_int_eq(domain(), MX_DOWN);
	probe(1);
	ck_assert_int_eq(domain(), MX_UP);
	ck_assert(mxhealth_changed(health, &c));
	ck_assert_int_eq(c.from_ms, WALL - 100 * HOUR);
	ck_assert_int_eq(c.lasted_ms, -1);
}
END_TEST

START_TEST(up_before_a_restart_is_believed_for_some_probes_only)
{
	restore(MX_UP, WALL - 100 * HOUR, WALL - MINUTE);
	watch(1);
	ck_assert_int_eq(domain(), MX_UP);
	gone();
	fresh();
	restore(MX_UP, WALL - 100 * HOUR, WALL - 3 * MINUTE);
	watch(1);
	ck_assert_int_eq(domain(), MX_UNKNOWN);
	gone();
	fresh();
	/* seen tomorrow: the wall clock went back */
	restore(MX_UP, WALL - 100 * HOUR, WALL + HOUR);
	watch(1);
	ck_assert_int_eq(domain(), MX_UNKNOWN);
}
END_TEST

START_TEST(record_of_the_future_does_not_lead_to_ages_below_zero)
{
	struct mxhost_word word;

	restore(MX_DOWN, WALL + HOUR, WALL + HOUR);
	ck_assert_int_eq(mxhealth_host(health, A, &word), SMX_OK);
	ck_assert_int_eq(word.state, MX_DOWN);
	ck_assert_int_eq(word.since_ms, WALL);
}
END_TEST

/* ---- what is not a primary ---- */

START_TEST(this_host_is_nobodys_primary)
{
	struct mxdomain_word word;

	watch(2);
	mxhealth_own(health, A, &at);
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(probe(0), B);
	ck_assert_int_eq(domain(), MX_DOWN);
	ck_assert_int_eq(mxhealth_watch(health, DOMAIN, hosts, 1, &at), SMX_OK);
	ck_assert_int_eq(mxhealth_domain(health, DOMAIN, &at, &word), SMX_OK);
	ck_assert_int_eq(word.state, MX_UNKNOWN);
	ck_assert_str_eq(word.host, "");
}
END_TEST

START_TEST(domain_without_hosts_is_unknown)
{
	ck_assert_int_eq(mxhealth_watch(health, DOMAIN, NULL, 0, &at), SMX_OK);
	ck_assert_int_eq(domain(), MX_UNKNOWN);
	ck_assert_int_eq(mxhealth_due(health), INT64_MAX);
	watch(1);
	probe(0);
	probe(0);
	probe(0);
	ck_assert_int_eq(domain(), MX_DOWN);
}
END_TEST

/* ---- maintenance ---- */

START_TEST(announced_maintenance_is_down_and_not_alarming)
{
	struct mxmaintenance m;
	struct mxdomain_word word;
	struct mxchange c;

	watch(1);
	probe(1);
	probe(1);
	must_change(MX_UNKNOWN, MX_UP);
	ck_assert_int_eq(mxhealth_maintain(health, DOMAIN, at.wall_ms,
			     at.wall_ms + 2 * HOUR, &at),
	    SMX_OK);
	ck_assert_int_eq(mxhealth_domain(health, DOMAIN, &at, &word), SMX_OK);
	ck_assert_int_eq(word.state, MX_DOWN);
	ck_assert_int_eq(word.announced, 1);
	for (int i = 0; i < 3; i++)
		probe(0);
	ck_assert(mxhealth_changed(health, &c));
	ck_assert_uint_eq(c.domains, 1);
	ck_assert_uint_eq(c.announced, 1);
	/* the wall clock neither ends it nor prolongs it */
	at.wall_ms += 24 * HOUR;
	ck_assert(!mxhealth_maintenance_over(health, &at, &m));
	at.wall_ms -= 48 * HOUR;
	pass(2 * HOUR);
	ck_assert(mxhealth_maintenance_over(health, &at, &m));
	ck_assert_str_eq(m.domain, DOMAIN);
	ck_assert_int_eq(mxhealth_domain(health, DOMAIN, &at, &word), SMX_OK);
	ck_assert_int_eq(word.announced, 0);
	ck_assert_int_eq(word.state, MX_DOWN);
}
END_TEST

START_TEST(maintenance_is_ended_by_a_word)
{
	struct mxmaintenance m;

	watch(1);
	probe(1);
	probe(1);
	ck_assert_int_eq(mxhealth_maintain(health, DOMAIN, at.wall_ms,
			     at.wall_ms + HOUR, &at),
	    SMX_OK);
	ck_assert_int_eq(mxhealth_maintenance_at(health, 0, &at, &m), SMX_OK);
	ck_assert_int_eq(m.left_ms, HOUR);
	ck_assert_int_eq(mxhealth_maintain(health, DOMAIN, 0, 0, &at), SMX_OK);
	ck_assert_int_eq(mxhealth_maintenance_at(health, 0, &at, &m),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(domain(), MX_UP);
}
END_TEST

START_TEST(maintenance_of_an_earlier_process_lasts_no_longer_than_meant)
{
	struct mxmaintenance m;

	/* written down an hour ahead of what the wall clock says now */
	ck_assert_int_eq(mxhealth_maintain(health, DOMAIN, WALL + HOUR,
			     WALL + 3 * HOUR, &at),
	    SMX_OK);
	ck_assert_int_eq(mxhealth_maintenance(health, DOMAIN, &at, &m), SMX_OK);
	ck_assert_int_eq(m.left_ms, 2 * HOUR);
	/* and one that is over is none */
	ck_assert_int_eq(mxhealth_maintain(health, "x", WALL - 3 * HOUR,
			     WALL - HOUR, &at),
	    SMX_OK);
	ck_assert_int_eq(mxhealth_maintenance(health, "x", &at, &m),
	    SMX_ENOTFOUND);
}
END_TEST

static void
add_tests(TCase *tc)
{
	tcase_add_test(tc, up_after_two_and_not_after_one);
	tcase_add_test(tc, down_after_three_and_not_after_two);
	tcase_add_test(tc, one_that_never_answered_goes_down_as_well);
	tcase_add_test(tc, busy_is_neither_up_nor_down);
	tcase_add_test(tc, busy_for_long_is_down);
	tcase_add_test(tc, flapping_changes_nothing);
	tcase_add_test(tc, domain_is_up_while_one_of_its_hosts_is);
	tcase_add_test(tc, host_is_known_by_its_last_address);
	tcase_add_test(tc, whose_hosts_an_address_is_of);
	tcase_add_test(tc, deliveries_that_fail_never_make_a_host_down);
	tcase_add_test(tc, failed_deliveries_do_not_make_a_storm_of_probes);
	tcase_add_test(tc, delivery_that_went_well_counts_as_a_probe);
	tcase_add_test(tc, pauses_are_within_a_tenth_and_not_all_the_same);
	tcase_add_test(tc, doubt_and_absence_are_looked_at_sooner);
	tcase_add_test(tc, ten_thousand_domains_cost_what_their_fifty_hosts_do);
	tcase_add_test(tc, first_probes_are_spread_and_soon);
	tcase_add_test(tc, host_is_not_probed_twice_at_a_time);
	tcase_add_test(tc, host_that_no_domain_names_is_left_alone);
	tcase_add_test(tc, hosts_and_domains_have_a_ceiling);
	tcase_add_test(tc,
	    wall_clock_that_jumps_changes_nothing_but_the_record);
	tcase_add_test(tc,
	    after_a_long_sleep_a_host_is_probed_before_it_is_believed_down);
	tcase_add_test(tc, down_before_a_restart_is_down_until_it_shows);
	tcase_add_test(tc,
	    up_before_a_restart_is_believed_for_some_probes_only);
	tcase_add_test(tc,
	    record_of_the_future_does_not_lead_to_ages_below_zero);
	tcase_add_test(tc, this_host_is_nobodys_primary);
	tcase_add_test(tc, domain_without_hosts_is_unknown);
	tcase_add_test(tc, announced_maintenance_is_down_and_not_alarming);
	tcase_add_test(tc, maintenance_is_ended_by_a_word);
	tcase_add_test(tc,
	    maintenance_of_an_earlier_process_lasts_no_longer_than_meant);
}

int
main(void)
{
	Suite *suite = suite_create("mxhealth");
	TCase *tc = tcase_create("mxhealth");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, fresh, gone);
	tcase_set_timeout(tc, 120);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
