/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <shadowmx/log.h>
#include <shadowmx/policy.h>

#include "conf_text_of.h"
#include "folder.h"
#include "io/source_file.h"
#include "io/source_look.h"

/*
 * Files that change while they are in use.  Time is told, so nobody waits: the
 * files are made old (utimensat), and a look comes every two seconds.
 */
static char logged[16384];
static struct source_look look;
static int64_t now_ms;
static int64_t age_s; /* of the next file written */

static void
keep_log(void *ctx, enum smx_level level, const char *line)
{
	size_t len = strlen(logged);

	(void)ctx, (void)level;
	snprintf(logged + len, sizeof(logged) - len, "%s\n", line);
}

static void
begin(void)
{
	folder_make();
	smx_log_set(keep_log, NULL, SMX_LOG_DEBUG);
	memset(&look, 0, sizeof(look));
	logged[0] = '\0';
	now_ms = 1000000;
	age_s = 1000;
}

/* Each one younger than the one before, and all of them old. */
static void
make_old(const char *path)
{
	struct timespec times[2];

	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= age_s--;
	times[1] = times[0];
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
put(const char *name, const char *text)
{
	folder_put_text(name, text);
	make_old(folder_file(name));
}

static struct smx_config *
config_of(const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text),
	    PAIR ACCEPT
	    "policies = ( { name = \"a\"; match = { recipient_tables = "
	    "\"%s/a\"; }; },\n"
	    "{ name = \"b\"; match = { recipient_tables = ( \"%s/b\", "
	    "\"%s/a\" ); }; } );\n%s",
	    folder, folder, folder, more);
	return config_good(text);
}

static const char *
policy_of(const struct smx_config *config, const char *recipient)
{
	struct smx_client client = { .address = "192.0.2.1" };
	struct smx_ack ack;

	ck_assert_int_eq(smx_policy_recipient(config, &client, recipient,
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	return ack.policy;
}

/* One look; non-zero when another configuration took the old one's place. */
static int
looked(struct smx_config **config)
{
	struct smx_config *next = NULL;
	int result = source_look(&look, *config, now_ms, &next);

	now_ms += SOURCE_LOOK_MS;
	if (result == SMX_ENOTFOUND) {
		ck_assert_ptr_null(next);
		return 0;
	}
	ck_assert_int_eq(result, SMX_OK);
	smx_config_release(config);
	*config = next;
	return 1;
}

static size_t
times_logged(const char *what)
{
	size_t count = 0;

	for (const char *p = logged; (p = strstr(p, what)) != NULL; p++)
		count++;
	return count;
}

START_TEST(unchanged_file_is_left_alone)
{
	struct smx_config *config;

	begin();
	put("a", "x@a.example\n");
	put("b", "x@b.example\n");
	config = config_of("");
	for (int i = 0; i < 5; i++)
		ck_assert(!looked(&config));
	ck_assert_str_eq(logged, "");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(change_is_taken_when_it_has_been_still)
{
	struct smx_config *config, *old;

	begin();
	put("a", "x@a.example\n");
	put("b", "x@b.example\n");
	config = config_of("");
	old = smx_config_hold(config);
	put("a", "y@a.example\nz@a.example\n");
	ck_assert(!looked(&config)); /* seen */
	ck_assert_str_eq(policy_of(config, "x@a.example"), "a");
	ck_assert(looked(&config));
	ck_assert_str_eq(policy_of(config, "y@a.example"), "a");
	ck_assert_str_eq(policy_of(config, "x@a.example"), "defaults");
	ck_assert_str_eq(policy_of(config, "x@b.example"), "b");
	/* A message that has begun keeps what it has. */
	ck_assert_str_eq(policy_of(old, "x@a.example"), "a");
	ck_assert_str_eq(policy_of(old, "y@a.example"), "defaults");
	ck_assert_uint_eq(times_logged("event=table-loaded"), 1);
	ck_assert_ptr_nonnull(strstr(logged, "recipients=2"));
	smx_config_release(&old);
	for (int i = 0; i < 3; i++)
		ck_assert(!looked(&config));
	ck_assert_uint_eq(times_logged("event="), 1);
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(file_that_is_being_written_is_waited_for)
{
	struct smx_config *config;

	begin();
	put("a", "x@a.example\n");
	put("b", "x@b.example\n");
	config = config_of("");
	for (int i = 0; i < 5; i++) {
		put("a", i % 2 == 0 ? "y@a.exa" : "y@a.example\nz");
		ck_assert(!looked(&config));
	}
	put("a", "y@a.example\nz@a.example\n");
	ck_assert(!looked(&config));
	ck_assert_str_eq(logged, "");
	/* Looks that come too soon after one another do not count. */
	now_ms -= SOURCE_LOOK_MS;
	ck_assert(!looked(&config));
	ck_assert(looked(&config));
	ck_assert_str_eq(policy_of(config, "z@a.example"), "a");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(renamed_file_is_noticed_whatever_its_time)
{
	struct smx_config *config;
	struct timespec times[2] = { { 0 } };
	struct stat st;

	begin();
	put("a", "x@a.example\n");
	put("b", "x@b.example\n");
	config = config_of("");
	put("new", "y@a.example\n");
	ck_assert_int_eq(stat(folder_file("a"), &st), 0);
	times[0] = times[1] = st.st_mtim;
	ck_assert_int_eq(utimensat(AT_FDCWD, folder_file("new"), times, 0), 0);
	ck_assert_int_eq(rename(folder_file("new"), folder_file("a")), 0);
	ck_assert(!looked(&config));
	ck_assert(looked(&config));
	ck_assert_str_eq(policy_of(config, "y@a.example"), "a");
	/* rewritten in place, as long as before, its time put back */
	ck_assert_int_eq(stat(folder_file("a"), &st), 0);
	put("a", "w@a.example\n");
	times[0] = times[1] = st.st_mtim;
	ck_assert_int_eq(utimensat(AT_FDCWD, folder_file("a"), times, 0), 0);
	ck_assert(!looked(&config));
	ck_assert(looked(&config));
	ck_assert_str_eq(policy_of(config, "w@a.example"), "a");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

/* What the file system's clock cannot tell apart is read twice. */
START_TEST(file_that_is_fresh_at_load_is_read_once_more)
{
	struct smx_config *config;

	begin();
	age_s = 0;
	put("a", "x@a.example\n");
	age_s = 1000;
	put("b", "x@b.example\n");
	config = config_of("");
	ck_assert(!looked(&config));
	ck_assert(looked(&config));
	ck_assert(!looked(&config));
	ck_assert(!looked(&config));
	ck_assert_uint_eq(times_logged("event=table-loaded"), 1);
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(bad_line_leaves_the_old_table_and_is_told_once)
{
	struct smx_config *config;

	begin();
	put("a", "x@a.example\n");
	put("b", "x@b.example\n");
	config = config_of("");
	put("a", "y@a.example\nnonsense\n");
	put("b", "y@b.example\n");
	ck_assert(!looked(&config));
	/* The other one is taken. */
	ck_assert(looked(&config));
	ck_assert_str_eq(policy_of(config, "x@a.example"), "a");
	ck_assert_str_eq(policy_of(config, "y@b.example"), "b");
	for (int i = 0; i < 5; i++)
		ck_assert(!looked(&config));
	ck_assert_uint_eq(times_logged("event=table-refused"), 1);
	ck_assert_ptr_nonnull(strstr(logged, "/a line=2 text=nonsense "));
	/* another change, another line */
	put("a", "worse\n");
	for (int i = 0; i < 4; i++)
		ck_assert(!looked(&config));
	ck_assert_uint_eq(times_logged("event=table-refused"), 2);
	put("a", "y@a.example\n");
	ck_assert(!looked(&config));
	ck_assert(looked(&config));
	ck_assert_str_eq(policy_of(config, "y@a.example"), "a");
	ck_assert_str_eq(policy_of(config, "x@a.example"), "defaults");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(missing_file_leaves_the_old_table_and_is_told_once)
{
	struct smx_config *config;

	begin();
	put("a", "x@a.example\n");
	put("b", "x@b.example\n");
	config = config_of("");
	ck_assert_int_eq(unlink(folder_file("a")), 0);
	ck_assert(!looked(&config));
	ck_assert_str_eq(logged, "");
	for (int i = 0; i < 5; i++)
		ck_assert(!looked(&config));
	ck_assert_uint_eq(times_logged("event=table-refused"), 1);
	ck_assert_ptr_nonnull(strstr(logged, "No such file"));
	ck_assert_str_eq(policy_of(config, "x@a.example"), "a");
	/* A folder in its place is looked at each time and told once. */
	ck_assert_int_eq(mkdir(folder_file("a"), 0700), 0);
	for (int i = 0; i < 5; i++)
		ck_assert(!looked(&config));
	ck_assert_uint_eq(times_logged("event=table-refused"), 2);
	ck_assert_int_eq(rmdir(folder_file("a")), 0);
	put("a", "y@a.example\n");
	ck_assert(!looked(&config));
	ck_assert(looked(&config));
	ck_assert_str_eq(policy_of(config, "y@a.example"), "a");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(empty_table_is_taken_and_warned_about)
{
	struct smx_config *config;

	begin();
	put("a", "x@a.example\n");
	put("b", "x@b.example\n");
	config = config_of("");
	put("a", "");
	ck_assert(!looked(&config));
	ck_assert(looked(&config));
	ck_assert_str_eq(policy_of(config, "x@a.example"), "defaults");
	ck_assert_ptr_nonnull(strstr(logged, "recipients=0"));
	smx_config_release(&config);
	folder_remove();
}
END_TEST

/* ---- while it is being written ---- */

static atomic_int writing;

static void *
append(void *arg)
{
	FILE *f = fopen(folder_file("a"), "a");

	(void)arg;
	while (f != NULL && atomic_load(&writing) != 0) {
		fputs("more@a.example\n", f);
		fflush(f);
	}
	if (f != NULL)
		fclose(f);
	return NULL;
}

/* Reading a file that grows meanwhile gives no table, however well its lines
 * look. */
START_TEST(file_that_changes_under_the_reader_is_no_table)
{
	struct source source = { .kind = SOURCE_TABLE };
	struct source_trouble trouble;
	pthread_t writer;
	int result = SMX_OK;
	char path[128];
	time_t until;

	begin();
	put("a", "x@a.example\n");
	snprintf(path, sizeof(path), "%s/a", folder);
	source.path = path;
	atomic_store(&writing, 1);
	ck_assert_int_eq(pthread_create(&writer, NULL, append, NULL), 0);
	until = time(NULL) + 30;
	while (result != SMX_EBUSY && time(NULL) < until) {
		result = source_read(&source, &trouble);
		if (result == SMX_OK)
			source_release(&source);
	}
	atomic_store(&writing, 0);
	ck_assert_int_eq(pthread_join(writer, NULL), 0);
	ck_assert_int_eq(result, SMX_EBUSY);
	ck_assert_ptr_null(source.table);
	ck_assert_ptr_nonnull(strstr(trouble.message, "was changed while"));
	ck_assert_int_eq(source_read(&source, &trouble), SMX_OK);
	source_release(&source);
	folder_remove();
}
END_TEST

/* ---- databases ---- */

static const char *
data(const char *name)
{
	static char path[4200];
	const char *dir = getenv("srcdir");

	snprintf(path, sizeof(path), "%s/test/data/%s", dir != NULL ? dir : ".",
	    name);
	return path;
}

static void
copy(const char *from, const char *name, size_t cut)
{
	char bytes[8192];
	FILE *f = fopen(data(from), "rb");
	size_t len;

	ck_assert_ptr_nonnull(f);
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	ck_assert_uint_gt(len, cut);
	f = fopen(folder_file(name), "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes, 1, len - cut, f), len - cut);
	fclose(f);
	make_old(folder_file(name));
}

static struct smx_config *
config_geo(void)
{
	struct smx_config *config = NULL;
	char text[1024];

	snprintf(text, sizeof(text),
	    PAIR ACCEPT "geo = { country = \"%s\"; };\n", folder_file("geo"));
	ck_assert_int_eq(smx_config_parse(&config, text, "t", NULL, NULL),
	    SMX_OK);
	return config;
}

static const char *
country(const struct smx_config *config, const char *address)
{
	static struct smx_client client;

	client.address = address;
	smx_policy_locate(config, &client);
	return client.country;
}

START_TEST(database_is_replaced_by_rename)
{
	struct smx_config *config;

	begin();
	copy("country4.mmdb", "geo", 0);
	config = config_geo();
	ck_assert_str_eq(country(config, "192.0.2.1"), "JP");
	ck_assert_str_eq(country(config, "2001:db8::1"), "");
	copy("country.mmdb", "new", 0);
	ck_assert_int_eq(rename(folder_file("new"), folder_file("geo")), 0);
	ck_assert(!looked(&config));
	ck_assert(looked(&config));
	ck_assert_str_eq(country(config, "192.0.2.1"), "JP");
	ck_assert_str_eq(country(config, "2001:db8::1"), "JP");
	ck_assert_uint_eq(times_logged("event=geo-loaded"), 1);
	smx_config_release(&config);
	folder_remove();
}
END_TEST

static const struct {
	const char *from;
	size_t cut;
	const char *why;
} damages[] = { { "country.mmdb", 1000, "message=" },
	{ "asn.mmdb", 0, "it holds no countries" },
	{ "make-mmdb.pl", 0, "message=" } };

START_TEST(damaged_replacement_leaves_the_old_database)
{
	struct smx_config *config;

	begin();
	copy("country.mmdb", "geo", 0);
	config = config_geo();
	copy(damages[_i].from, "new", damages[_i].cut);
	ck_assert_int_eq(rename(folder_file("new"), folder_file("geo")), 0);
	for (int i = 0; i < 5; i++)
		ck_assert(!looked(&config));
	ck_assert_uint_eq(times_logged("event=geo-refused"), 1);
	ck_assert_ptr_nonnull(strstr(logged, damages[_i].why));
	ck_assert_ptr_nonnull(strstr(logged, "in_use=\"the old one\""));
	ck_assert_str_eq(country(config, "192.0.2.1"), "JP");
	copy("country4.mmdb", "geo", 0);
	ck_assert(!looked(&config));
	ck_assert(looked(&config));
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(database_that_was_missing_is_taken_when_it_comes)
{
	struct smx_config *config;

	begin();
	config = config_geo();
	ck_assert_str_eq(country(config, "192.0.2.1"), "");
	for (int i = 0; i < 3; i++)
		ck_assert(!looked(&config));
	/* told at load, not again */
	ck_assert_str_eq(logged, "");
	copy("country.mmdb", "geo", 0);
	ck_assert(!looked(&config));
	ck_assert(looked(&config));
	ck_assert_str_eq(country(config, "192.0.2.1"), "JP");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

/* A reload in a moment when the file is damaged. */
START_TEST(reload_keeps_an_open_database)
{
	struct smx_config *config, *next, *both = NULL;

	begin();
	copy("country.mmdb", "geo", 0);
	config = config_geo();
	copy("asn.mmdb", "geo", 0);
	next = config_geo();
	ck_assert_str_eq(country(next, "192.0.2.1"), "");
	ck_assert_int_eq(source_inherit(next, config, &both), SMX_OK);
	smx_config_release(&config);
	smx_config_release(&next);
	ck_assert_str_eq(country(both, "192.0.2.1"), "JP");
	ck_assert(!looked(&both));
	smx_config_release(&both);
	copy("country.mmdb", "geo", 0);
	config = config_geo();
	next = config_geo();
	ck_assert_int_eq(source_inherit(next, config, &both), SMX_ENOTFOUND);
	smx_config_release(&config);
	smx_config_release(&next);
	folder_remove();
}
END_TEST

static void
add_cases(TCase *tc)
{
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, unchanged_file_is_left_alone);
	tcase_add_test(tc, change_is_taken_when_it_has_been_still);
	tcase_add_test(tc, file_that_is_being_written_is_waited_for);
	tcase_add_test(tc, renamed_file_is_noticed_whatever_its_time);
	tcase_add_test(tc, file_that_is_fresh_at_load_is_read_once_more);
	tcase_add_test(tc, bad_line_leaves_the_old_table_and_is_told_once);
	tcase_add_test(tc, missing_file_leaves_the_old_table_and_is_told_once);
	tcase_add_test(tc, empty_table_is_taken_and_warned_about);
	tcase_add_test(tc, file_that_changes_under_the_reader_is_no_table);
	tcase_add_test(tc, database_is_replaced_by_rename);
	tcase_add_loop_test(tc, damaged_replacement_leaves_the_old_database, 0,
	    sizeof(damages) / sizeof(*damages));
	tcase_add_test(tc, database_that_was_missing_is_taken_when_it_comes);
	tcase_add_test(tc, reload_keeps_an_open_database);
}

int
main(void)
{
	Suite *s = suite_create("look");
	TCase *tc = tcase_create("look");
	SRunner *sr = srunner_create(s);
	int failed;

	add_cases(tc);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
