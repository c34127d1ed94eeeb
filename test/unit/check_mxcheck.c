/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "core/mxcheck.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mxnews.h"
#include "io/backup_mx.h"

static struct mxcheck_look look;
static struct mxcheck_findings findings;
static struct mxnews news;

/* What was told, one a line: "+what subject", "-what subject". */
static struct buf told;

static void
hear(void *ctx, enum mxcheck_what what, enum mxcheck_level level,
    const char *subject, const char *text)
{
	(void)ctx;
	(void)buf_fmt(&told, "%s%s%s%s\n",
	    text == NULL               ? "-"
	    : level == MXLEVEL_WARNING ? "?"
				       : "+",
	    mxcheck_word(what), subject[0] != '\0' ? " " : "", subject);
}

static void
setup(void)
{
	memset(&look, 0, sizeof(look));
	look.backup = 1;
	mxnews_init(&news);
	buf_init(&told, 0);
}

static void
teardown(void)
{
	mxnews_free(&news);
	buf_free(&told);
}

static struct mxcheck_host *
host(unsigned preference, const char *name)
{
	struct mxcheck_host *h = &look.hosts[look.count++];

	look.set = MXSET_HOSTS;
	memset(h, 0, sizeof(*h));
	h->preference = preference;
	(void)text_copy(h->name, sizeof(h->name), name);
	h->address = THERE_YES;
	h->tlsa = THERE_NO;
	h->answer = MXANSWER_READY;
	return h;
}

/* A domain where all is well: mx1 is the primary, mx2 this host. */
static void
good(void)
{
	look.count = look.server_count = 0;
	host(10, "mx1.example")->primary = 1;
	host(20, "mx2.example")->own = 1;
	look.sts = THERE_NO;
}

static void
server(const char *name, enum mxcheck_agrees agrees)
{
	struct mxcheck_server *s = &look.servers[look.server_count++];

	(void)text_copy(s->name, sizeof(s->name), name);
	s->agrees = agrees;
}

/* A look, and what was told of it. */
static void
looks(const char *expected)
{
	static int64_t now = 1000;

	buf_clear(&told);
	ck_assert_int_eq(mxnews_look(&news, &look, now++, &findings, hear,
			     NULL),
	    SMX_OK);
	ck_assert_str_eq(told.len != 0 ? told.data : "", expected);
}

static void
set(enum mxcheck_set what)
{
	look.count = 0;
	look.set = what;
}

/* ---- the set ---- */

START_TEST(good_set_is_nothing_to_tell)
{
	good();
	server("ns1.example", SERVER_AGREES);
	looks("");
	looks("");
	ck_assert_uint_eq(findings.count, 0);
	ck_assert_str_eq(news.hosts, "10 mx1.example 20 mx2.example");
	ck_assert_int_eq(mxnews_is_waiting(&news), 0);
}
END_TEST

START_TEST(lost_set_is_told_at_once_and_once)
{
	good();
	looks("");
	set(MXSET_NONE);
	looks("+lost\n");
	looks("");
	set(MXSET_NO_DOMAIN);
	looks("");
	ck_assert_ptr_nonnull(strstr(findings.list[0].text, "mx1.example"));
	ck_assert_int_gt(news.told_ms, 0);
	good();
	looks("-lost\n");
	looks("");
	ck_assert_int_eq(news.told_ms, 0);
}
END_TEST

START_TEST(set_that_comes_back_as_another_is_told)
{
	good();
	looks("");
	set(MXSET_NO_DOMAIN);
	looks("+lost\n");
	good();
	look.hosts[1].preference = 30;
	looks("+changed\n-lost\n");
	looks("");
}
END_TEST

START_TEST(change_is_told_once)
{
	good();
	looks("");
	host(30, "mx3.example");
	looks("+changed\n");
	looks("");
	good();
	looks("+changed\n");
}
END_TEST

START_TEST(order_of_the_answer_is_no_change)
{
	good();
	host(20, "mx0.example");
	looks("");
	ck_assert_str_eq(news.hosts,
	    "10 mx1.example 20 mx0.example 20 mx2.example");
	look.count = 0;
	host(20, "mx0.example");
	host(20, "mx2.example")->own = 1;
	host(10, "mx1.example");
	looks("");
}
END_TEST

START_TEST(null_record_is_told_at_once)
{
	good();
	looks("");
	set(MXSET_NULL);
	looks("+null\n");
	set(MXSET_NONE);
	looks("+lost\n-null\n");
}
END_TEST

/* A domain of a policy may be one that is in no public DNS. */
START_TEST(never_any_records_alarm_a_backup_only)
{
	set(MXSET_NO_DOMAIN);
	looks("+no-domain\n");
	mxnews_free(&news);
	look.backup = 0;
	looks("?no-domain\n");
	set(MXSET_NONE);
	looks("?no-records\n-no-domain\n");
	mxnews_free(&news);
	set(MXSET_NULL);
	looks("?null\n");
}
END_TEST

/* ---- what cannot be told ---- */

START_TEST(trouble_of_a_moment_is_not_told)
{
	good();
	looks("");
	set(MXSET_UNSURE);
	looks("");
	looks("");
	ck_assert_int_ne(mxnews_is_waiting(&news), 0);
	good();
	looks("");
	set(MXSET_UNSURE);
	looks("");
	looks("");
	looks("+not-looked-up\n");
	looks("");
	good();
	looks("-not-looked-up\n");
}
END_TEST

START_TEST(what_cannot_be_looked_up_clears_nothing)
{
	good();
	looks("");
	set(MXSET_NONE);
	looks("+lost\n");
	set(MXSET_UNSURE);
	looks("");
	set(MXSET_NONE);
	looks("");
	good();
	look.hosts[1].address = THERE_NO;
	looks("+no-address mx2.example\n-lost\n");
	look.hosts[1].address = THERE_UNSURE;
	looks("");
	look.hosts[1].address = THERE_YES;
	looks("-no-address mx2.example\n");
}
END_TEST

/* ---- the order ---- */

START_TEST(backup_is_not_better_than_the_primary)
{
	good();
	look.hosts[1].preference = 5;
	looks("+backup-better mx2.example\n");
	look.hosts[1].preference = 10;
	looks("+changed\n?backup-equal mx2.example\n"
	      "-backup-better mx2.example\n");
	look.backup = 0;
	looks("-backup-equal mx2.example\n");
}
END_TEST

/* The primary is whom the policy names; the best other one where it names
 * nobody who is there. */
START_TEST(primary_is_whom_the_policy_names)
{
	good();
	look.hosts[0].primary = 0;
	host(30, "mx3.example")->primary = 1;
	looks("+backup-better mx2.example\n");
	look.hosts[2].primary = 0;
	looks("-backup-better mx2.example\n");
}
END_TEST

START_TEST(somebody_else_has_to_be_there)
{
	good();
	look.hosts[1].own = 0;
	looks("?not-named\n");
	look.hosts[0].own = look.hosts[1].own = 1;
	looks("+no-primary\n-not-named\n");
}
END_TEST

/* ---- hosts ---- */

START_TEST(host_without_an_address_is_told)
{
	good();
	look.hosts[1].address = THERE_NO;
	looks("+no-address mx2.example\n");
	look.count = 1;
	looks("+changed\n?not-named\n-no-address mx2.example\n");
}
END_TEST

START_TEST(silent_host_has_to_stay_silent)
{
	good();
	looks("");
	look.hosts[1].answer = MXANSWER_SILENT;
	looks("");
	looks("");
	look.hosts[1].answer = MXANSWER_DEFERS;
	looks("");
	look.hosts[1].answer = MXANSWER_SILENT;
	looks("");
	looks("");
	looks("+silent mx2.example\n");
	/* not asked */
	look.hosts[1].answer = MXANSWER_NOT_ASKED;
	looks("");
	look.hosts[1].answer = MXANSWER_REFUSES;
	looks("-silent mx2.example\n");
	looks("");
	looks("+refuses mx2.example\n");
	look.hosts[1].answer = MXANSWER_READY;
	looks("-refuses mx2.example\n");
}
END_TEST

START_TEST(primary_that_is_away_is_told_by_others)
{
	good();
	look.hosts[0].answer = MXANSWER_SILENT;
	look.hosts[0].excused = 1;
	for (int i = 0; i < 5; i++)
		looks("");
}
END_TEST

START_TEST(tlsa_of_the_primary_alone_is_told)
{
	good();
	look.hosts[0].tlsa = THERE_YES;
	looks("?no-tlsa mx2.example\n");
	look.hosts[1].tlsa = THERE_UNSURE;
	looks("");
	look.hosts[1].tlsa = THERE_YES;
	looks("-no-tlsa mx2.example\n");
}
END_TEST

START_TEST(alias_is_told)
{
	good();
	look.hosts[0].alias = 1;
	looks("?alias mx1.example\n");
}
END_TEST

/* ---- name servers, MTA-STS ---- */

START_TEST(name_servers_have_time_to_agree)
{
	good();
	server("ns1.example", SERVER_AGREES);
	server("ns2.example", SERVER_DIFFERS);
	looks("");
	looks("");
	looks("+servers-differ ns2.example\n");
	look.servers[1].agrees = SERVER_UNSURE;
	looks("");
	look.servers[1].agrees = SERVER_SILENT;
	looks("-servers-differ ns2.example\n");
	looks("");
	looks("?server-silent ns2.example\n");
	/* it could not be asked which there are */
	look.server_count = 0;
	looks("");
}
END_TEST

static void
sts(const char *id)
{
	look.sts = id[0] != '\0' ? THERE_YES : THERE_NO;
	look.sts_count = id[0] != '\0';
	(void)text_copy(look.sts_id, sizeof(look.sts_id), id);
}

START_TEST(another_sts_policy_is_told_once)
{
	good();
	sts("1");
	looks("");
	sts("2");
	looks("?sts-changed\n");
	looks("");
	look.sts = THERE_UNSURE;
	look.sts_id[0] = '\0';
	looks("");
	sts("");
	looks("?sts-changed\n");
	ck_assert_ptr_nonnull(strstr(findings.list[0].text, "gone"));
	looks("");
	sts("3");
	looks("");
	look.sts_count = 2;
	look.sts_id[0] = '\0';
	looks("?sts-several\n");
	sts("3");
	looks("-sts-several\n");
}
END_TEST

/* What the record announces, and that it was had. */
static void
policy(const char *text)
{
	char why[STSPOLICY_WHY];

	sts("1");
	look.sts_policy = THERE_YES;
	ck_assert_int_eq(stspolicy_parse(&look.policy, text, strlen(text), why),
	    SMX_OK);
}

#define ENFORCE "version: STSv1\nmode: enforce\nmax_age: 86400\n"
#define TESTING "version: STSv1\nmode: testing\nmax_age: 86400\n"

START_TEST(policy_has_to_name_every_host)
{
	good();
	policy(ENFORCE "mx: *.example\n");
	looks("");
	policy(ENFORCE "mx: mx1.example\n");
	looks("+sts-not-covered mx2.example\n");
	ck_assert_ptr_nonnull(strstr(findings.list[0].text, "the backup"));
	looks("");
	policy(ENFORCE "mx: mx2.example\n");
	looks("+sts-not-covered mx1.example\n-sts-not-covered mx2.example\n");
	ck_assert_ptr_nonnull(strstr(findings.list[0].text, "the primary"));
	policy(ENFORCE "mx: mx1.example\nmx: MX2.example\n");
	looks("-sts-not-covered mx1.example\n");
}
END_TEST

START_TEST(policy_on_trial_is_no_alarm)
{
	good();
	policy(TESTING "mx: mx1.example\n");
	looks("?sts-not-covered mx2.example\n");
	ck_assert_ptr_nonnull(strstr(findings.list[0].text, "testing"));
	policy("version: STSv1\nmode: none\nmax_age: 86400\n");
	looks("-sts-not-covered mx2.example\n");
}
END_TEST

START_TEST(policy_that_cannot_be_had_is_told_in_time)
{
	good();
	policy(ENFORCE "mx: mx1.example\n");
	looks("+sts-not-covered mx2.example\n");
	look.sts_policy = THERE_NO;
	snprintf(look.sts_why, sizeof(look.sts_why), "no way there");
	looks("");
	looks("");
	looks("?sts-no-policy\n");
	ck_assert_ptr_nonnull(strstr(findings.list[0].text, "no way there"));
	/* it is there, but none that can be read */
	look.sts_unread = 1;
	looks("-sts-no-policy\n");
	looks("");
	looks("?sts-invalid\n");
	/* not looked at */
	look.sts_unread = 0;
	look.sts_policy = THERE_UNSURE;
	looks("");
	policy(ENFORCE "mx: *.example\n");
	looks("-sts-invalid\n-sts-not-covered mx2.example\n");
}
END_TEST

/* Neither while it is not known, nor when a record announces none. */
START_TEST(policy_that_nobody_announces_is_none)
{
	good();
	policy(ENFORCE "mx: mx1.example\n");
	looks("+sts-not-covered mx2.example\n");
	look.sts = THERE_UNSURE;
	looks("");
	sts("");
	looks("?sts-changed\n-sts-not-covered mx2.example\n");
	policy(ENFORCE "mx: mx1.example\n");
	look.sts_count = 2;
	look.sts_id[0] = '\0';
	looks("?sts-several\n");
}
END_TEST

START_TEST(policy_wants_tls_of_every_host)
{
	good();
	policy(ENFORCE "mx: *.example\n");
	for (int i = 0; i < 2; i++) {
		look.hosts[i].tls = MXTLS_YES;
		look.hosts[i].certified = THERE_YES;
	}
	looks("");
	look.hosts[1].certified = THERE_NO;
	snprintf(look.hosts[1].tls_said, sizeof(look.hosts[1].tls_said),
	    "Hostname mismatch");
	looks("");
	looks("");
	looks("+sts-no-tls mx2.example\n");
	ck_assert_ptr_nonnull(
	    strstr(findings.list[0].text, "Hostname mismatch"));
	/* not asked, or not to be judged */
	look.hosts[1].tls = MXTLS_NOT_ASKED;
	looks("");
	look.hosts[1].tls = MXTLS_YES;
	look.hosts[1].certified = THERE_UNSURE;
	looks("");
	look.hosts[1].tls = MXTLS_NOT_OFFERED;
	looks("");
	look.hosts[1].tls = MXTLS_YES;
	look.hosts[1].certified = THERE_YES;
	looks("-sts-no-tls mx2.example\n");
	/* who is away on purpose */
	look.hosts[0].tls = MXTLS_FAILED;
	look.hosts[0].excused = 1;
	for (int i = 0; i < 4; i++)
		looks("");
	look.hosts[0].excused = 0;
	looks("");
	looks("");
	looks("+sts-no-tls mx1.example\n");
	policy("version: STSv1\nmode: none\nmax_age: 86400\n");
	looks("-sts-no-tls mx1.example\n");
}
END_TEST

START_TEST(tlsa_has_to_name_what_is_shown)
{
	struct mxcheck_host *h;

	good();
	h = &look.hosts[1];
	look.hosts[0].tlsa = h->tlsa = THERE_YES;
	look.hosts[0].tlsa_usable = h->tlsa_usable = THERE_YES;
	h->tls = MXTLS_YES;
	h->tlsa_matches = THERE_YES;
	looks("");
	h->tlsa_matches = THERE_NO;
	looks("");
	looks("");
	looks("?tlsa-differs mx2.example\n");
	h->tlsa_matches = THERE_UNSURE;
	looks("");
	h->tls = MXTLS_NOT_OFFERED;
	looks("");
	ck_assert_ptr_nonnull(strstr(findings.list[0].text, "STARTTLS"));
	h->tls = MXTLS_YES;
	h->tlsa_matches = THERE_YES;
	looks("-tlsa-differs mx2.example\n");
	/* a validating sender delivers nothing */
	h->tlsa_secure = 1;
	h->tlsa_matches = THERE_NO;
	looks("");
	looks("");
	looks("+tlsa-differs mx2.example\n");
	h->tlsa = THERE_UNSURE;
	looks("");
	look.hosts[0].tlsa = h->tlsa = THERE_NO;
	looks("-tlsa-differs mx2.example\n");
}
END_TEST

START_TEST(tlsa_of_the_web_is_of_no_use)
{
	good();
	for (int i = 0; i < 2; i++) {
		look.hosts[i].tlsa = THERE_YES;
		look.hosts[i].tls = MXTLS_YES;
		look.hosts[i].tlsa_usable = i == 0 ? THERE_YES : THERE_NO;
	}
	looks("?tlsa-unusable mx2.example\n");
	look.hosts[1].tlsa_usable = THERE_UNSURE;
	looks("");
	look.hosts[1].tlsa_usable = THERE_YES;
	looks("-tlsa-unusable mx2.example\n");
}
END_TEST

START_TEST(sts_record_is_read)
{
	char id[MXCHECK_STS];

	ck_assert_int_eq(mxcheck_sts("v=STSv1; id=20160831085700Z;", id),
	    SMX_OK);
	ck_assert_str_eq(id, "20160831085700Z");
	ck_assert_int_eq(mxcheck_sts("v=STSv1;id=1", id), SMX_OK);
	ck_assert_str_eq(id, "1");
	ck_assert_int_eq(mxcheck_sts("v=STSv1;", id), SMX_OK);
	ck_assert_str_eq(id, "");
	ck_assert_int_eq(mxcheck_sts("v=spf1 -all", id), SMX_ENOTFOUND);
	ck_assert_int_eq(mxcheck_sts("", id), SMX_ENOTFOUND);
}
END_TEST

/* ---- ceilings ---- */

START_TEST(everything_wrong_at_once_is_bounded)
{
	char name[300];

	for (unsigned i = 0; i < DNSMX_MAX; i++) {
		memset(name, 'x', 255);
		snprintf(name + 240, 16, "%u", i);
		host(10, name)->address = THERE_NO;
		look.hosts[i].alias = 1;
		look.hosts[i].answer = MXANSWER_SILENT;
		look.hosts[i].tlsa = THERE_YES;
		look.hosts[i].tlsa_usable = THERE_NO;
		look.hosts[i].tls = MXTLS_FAILED;
		memset(look.hosts[i].tls_said, 'x', 159);
	}
	policy(ENFORCE "mx: mx1.example\n");
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(mxnews_look(&news, &look, 1, &findings, hear,
				     NULL),
		    SMX_OK);
	ck_assert_uint_eq(findings.count, MXCHECK_FINDINGS);
	ck_assert_uint_le(news.count, MXNEWS_MAX);
	for (size_t i = 0; i < findings.count; i++)
		ck_assert_uint_lt(strlen(findings.list[i].text), MXCHECK_TEXT);
}
END_TEST

START_TEST(every_kind_has_a_word)
{
	for (int i = MX_LOST; i < MX_WHATS; i++) {
		const char *word = mxcheck_word((enum mxcheck_what)i);

		ck_assert_ptr_nonnull(word);
		ck_assert_int_eq(mxcheck_find(word, strlen(word)), i);
		ck_assert_uint_ge(mxcheck_patience((enum mxcheck_what)i), 1);
	}
	ck_assert_int_eq(mxcheck_find("nonsense", 8), 0);
}
END_TEST

/* ---- a restart ---- */

static char folder[64];
static struct backup_db *db;

static void
db_setup(void)
{
	char why[256];

	setup();
	snprintf(folder, sizeof(folder), "/tmp/check_mxcheck.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(backup_db_open(&db, folder, why, sizeof(why)), SMX_OK);
}

static void
db_teardown(void)
{
	static const char *const files[] = { "backup.db", "backup.db-wal",
		"backup.db-shm", "backup.db.lock" };
	char path[128];

	backup_db_close(&db);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
	teardown();
}

static void
restart(void)
{
	char why[256];

	ck_assert_int_eq(backup_mx_save(db, "example.org", &news, 5000),
	    SMX_OK);
	mxnews_free(&news);
	backup_db_close(&db);
	ck_assert_int_eq(backup_db_open(&db, folder, why, sizeof(why)), SMX_OK);
	ck_assert_int_eq(backup_mx_load(db, "example.org", &news), SMX_OK);
}

START_TEST(restart_neither_repeats_nor_forgets)
{
	ck_assert_int_eq(backup_mx_load(db, "example.org", &news),
	    SMX_ENOTFOUND);
	good();
	sts("1");
	look.hosts[1].address = THERE_NO;
	looks("+no-address mx2.example\n");
	restart();
	looks("");
	set(MXSET_NO_DOMAIN);
	looks("+lost\n-no-address mx2.example\n");
	restart();
	ck_assert_int_gt(news.told_ms, 0);
	looks("");
	good();
	sts("2");
	looks("?sts-changed\n-lost\n");
	restart();
	looks("");
	ck_assert_int_eq(news.told_ms, 0);
}
END_TEST

START_TEST(domains_nobody_looks_at_are_forgotten)
{
	good();
	looks("");
	ck_assert_int_eq(backup_mx_save(db, "old.example", &news, 1000),
	    SMX_OK);
	ck_assert_int_eq(backup_mx_save(db, "new.example", &news, 3000),
	    SMX_OK);
	ck_assert_int_eq(backup_mx_prune(db, 2000), SMX_OK);
	mxnews_free(&news);
	ck_assert_int_eq(backup_mx_load(db, "old.example", &news),
	    SMX_ENOTFOUND);
	ck_assert_int_eq(backup_mx_load(db, "new.example", &news), SMX_OK);
}
END_TEST

START_TEST(words_of_a_later_program_are_left_out)
{
	ck_assert_int_eq(mxnews_load(&news, "10 a", "",
			     "lost\nunheard of\nsilent b.example\n\n", 7),
	    SMX_OK);
	ck_assert_uint_eq(news.count, 2);
	ck_assert_int_ne(mxnews_is_told(&news, MX_SILENT, "b.example"), 0);
	ck_assert_int_ne(mxnews_is_told(&news, MX_LOST, ""), 0);
	mxnews_told(&news, &told);
	ck_assert_str_eq(told.data, "lost\nsilent b.example\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("mxcheck");
	TCase *c = tcase_create("check"), *d = tcase_create("restart");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, good_set_is_nothing_to_tell);
	tcase_add_test(c, lost_set_is_told_at_once_and_once);
	tcase_add_test(c, set_that_comes_back_as_another_is_told);
	tcase_add_test(c, change_is_told_once);
	tcase_add_test(c, order_of_the_answer_is_no_change);
	tcase_add_test(c, null_record_is_told_at_once);
	tcase_add_test(c, never_any_records_alarm_a_backup_only);
	tcase_add_test(c, trouble_of_a_moment_is_not_told);
	tcase_add_test(c, what_cannot_be_looked_up_clears_nothing);
	tcase_add_test(c, backup_is_not_better_than_the_primary);
	tcase_add_test(c, primary_is_whom_the_policy_names);
	tcase_add_test(c, somebody_else_has_to_be_there);
	tcase_add_test(c, host_without_an_address_is_told);
	tcase_add_test(c, silent_host_has_to_stay_silent);
	tcase_add_test(c, primary_that_is_away_is_told_by_others);
	tcase_add_test(c, tlsa_of_the_primary_alone_is_told);
	tcase_add_test(c, alias_is_told);
	tcase_add_test(c, name_servers_have_time_to_agree);
	tcase_add_test(c, another_sts_policy_is_told_once);
	tcase_add_test(c, policy_has_to_name_every_host);
	tcase_add_test(c, policy_on_trial_is_no_alarm);
	tcase_add_test(c, policy_that_cannot_be_had_is_told_in_time);
	tcase_add_test(c, policy_that_nobody_announces_is_none);
	tcase_add_test(c, policy_wants_tls_of_every_host);
	tcase_add_test(c, tlsa_has_to_name_what_is_shown);
	tcase_add_test(c, tlsa_of_the_web_is_of_no_use);
	tcase_add_test(c, sts_record_is_read);
	tcase_add_test(c, everything_wrong_at_once_is_bounded);
	tcase_add_test(c, every_kind_has_a_word);
	tcase_add_test(c, words_of_a_later_program_are_left_out);
	suite_add_tcase(s, c);
	tcase_add_checked_fixture(d, db_setup, db_teardown);
	tcase_set_timeout(d, 60);
	tcase_add_test(d, restart_neither_repeats_nor_forgets);
	tcase_add_test(d, domains_nobody_looks_at_are_forgotten);
	suite_add_tcase(s, d);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
