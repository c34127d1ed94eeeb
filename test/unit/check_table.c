/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shadowmx/policy.h>

#include "base/buf.h"
#include "core/addr.h"
#include "core/policy.h"
#include "core/table.h"
#include "conf_text_of.h"
#include "folder.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* policies: '$' stands for the folder. */
static int
load(struct smx_config **config, struct told *told, const char *policies)
{
	struct buf b;
	int result;

	memset(told, 0, sizeof(*told));
	buf_init(&b, 0);
	buf_str(&b, PAIR ACCEPT);
	for (const char *p = policies; *p != '\0'; p++) {
		if (*p == '$')
			buf_str(&b, folder);
		else
			buf_add(&b, p, 1);
	}
	ck_assert_int_eq(buf_error(&b), SMX_OK);
	result =
	    smx_config_parse(config, b.data, "test.conf", told_report, told);
	buf_free(&b);
	return result;
}

static struct smx_config *
loaded(const char *policies)
{
	struct smx_config *config = NULL;
	struct told told;
	int result = load(&config, &told, policies);

	ck_assert_msg(result == SMX_OK, "%s", told.lines);
	return config;
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

#define ONE                                                                    \
	"policies = ( { name = \"t\"; match = { recipient_tables = "           \
	"\"$/a\"; }; } );"

/* ---- what a key means ---- */

static const char forms[] = "# comment\n"
			    "  # another\n"
			    "\n"
			    "   \t\n"
			    "ceo@example.com\n"
			    "Mixed@Case.Example\tOK\n"
			    "abuse@ anything, here\n"
			    "@exact.example\n"
			    "Tree.Example\n"
			    ".below.example\n"
			    "plus+tag@example.com\n"
			    "\"a b\"@quoted.example  x\n"
			    "\"plain\"@quoted.example\n"
			    "<angle@example.com>\n"
			    "dot@closing.example.\n"
			    "\xc3\xa9l\xc3\xa8ve@\xc3\xa9"
			    "cole.example\n"
			    "literal@[192.0.2.1]\n"
			    "hash#in@example.com#not a comment\n"
			    "ceo@example.com\tagain";

static const struct {
	const char *recipient;
	int named;
} asked[] = {
	{ "ceo@example.com", 1 },
	{ "<CEO@Example.COM>", 1 },
	{ "ceo@sub.example.com", 0 },
	{ "other@example.com", 0 },
	{ "mixed@case.example", 1 },
	{ "abuse@anywhere.example", 1 },
	{ "Abuse", 1 },
	{ "abuses@anywhere.example", 0 },
	{ "x@exact.example", 1 },
	{ "x@sub.exact.example", 0 },
	{ "x@tree.example", 1 },
	{ "x@deep.in.the.tree.example", 1 },
	{ "x@subtree.example", 0 },
	{ "x@below.example", 0 },
	{ "x@a.below.example", 1 },
	{ "x@b.a.below.example", 1 },
	{ "x@abelow.example", 0 },
	{ "plus+tag@example.com", 1 },
	{ "plus@example.com", 0 },
	{ "\"a b\"@quoted.example", 1 },
	{ "plain@quoted.example", 1 },
	{ "angle@example.com", 1 },
	{ "dot@closing.example", 1 },
	{ "\xc3\xa9l\xc3\xa8ve@\xc3\xa9"
	  "cole.example",
	    1 },
	/* outside of ASCII case is kept */
	{ "\xc3\x89l\xc3\xa8ve@\xc3\xa9"
	  "cole.example",
	    0 },
	{ "literal@[192.0.2.1]", 1 },
	{ "hash#in@example.com", 0 },
	{ "", 0 },
	{ "<>", 0 },
	{ "@", 0 },
	{ "tree.example", 0 },
};

START_TEST(key_names_what_it_should)
{
	struct smx_config *config;
	struct told told;

	folder_make();
	/* the last but one line is no address */
	folder_put_text("a", forms);
	ck_assert_int_eq(load(&config, &told, ONE), SMX_ECONFIG);
	ck_assert_msg(strstr(told.lines, "/a:18: hash#in") != NULL, "%s",
	    told.lines);
	folder_put("a", forms, (size_t)(strstr(forms, "hash#") - forms));
	config = loaded(ONE);
	ck_assert_msg(strcmp(policy_of(config, asked[_i].recipient),
			  asked[_i].named ? "t" : "defaults") == 0,
	    "%s", asked[_i].recipient);
	smx_config_release(&config);
	folder_remove();
}
END_TEST

/* ---- how files come ---- */

static const struct {
	const char *text;
	size_t len; /* 0: a string */
} shapes[] = {
	{ "a@x.example\nb@x.example\n", 0 },
	{ "a@x.example\nb@x.example", 0 },
	{ "a@x.example\r\nb@x.example\r\n", 0 },
	{ "a@x.example\r\n\r\n# c\r\nb@x.example\r", 0 },
	{ "\xef\xbb\xbf"
	  "a@x.example\nb@x.example\n",
	    0 },
	{ "\xef\xbb\xbf# c\na@x.example v\nb@x.example\tv\n", 0 },
	{ "b@x.example\na@x.example\nb@x.example\nA@X.EXAMPLE\n", 0 },
};

START_TEST(file_may_come_in_many_shapes)
{
	struct smx_config *config;

	folder_make();
	folder_put_text("a", shapes[_i].text);
	config = loaded(ONE);
	ck_assert_str_eq(policy_of(config, "a@x.example"), "t");
	ck_assert_str_eq(policy_of(config, "b@x.example"), "t");
	ck_assert_str_eq(policy_of(config, "c@x.example"), "defaults");
	ck_assert_str_eq(policy_of(config, "a@x.example\r"), "defaults");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(empty_file_names_nobody)
{
	struct smx_config *config;

	folder_make();
	folder_put_text("a", "");
	config = loaded(ONE);
	ck_assert_str_eq(policy_of(config, "a@x.example"), "defaults");
	smx_config_release(&config);
	folder_put_text("a", "# nobody\n\n");
	config = loaded(ONE);
	ck_assert_str_eq(policy_of(config, "a@x.example"), "defaults");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

static const struct {
	const char *text;
	size_t len; /* 0: a string */
	const char *want;
} faults[] = {
	{ "a@x.example\nnobody\n", 0,
	    "/a:2: nobody: one word alone: a user is written" },
	{ "a@x.example\n b@x.example\n", 0,
	    "/a:2:  b@x.example: white space comes first" },
	{ "user@@x.example\n", 0, "/a:1: user@@x.example: this is no address" },
	{ "user@x_.example,\n", 0, "/a:1: user@x_.example,: this is no" },
	{ "*\n", 0, "/a:1: *: one word alone" },
	{ "*.x.example\n", 0, "/a:1: *.x.example: this is no recipient" },
	{ "192.0.2.1\n", 0, "/a:1: 192.0.2.1: this is the address of a host" },
	{ "2001:db8::1\n", 0, "/a:1: 2001:db8::1: this is the address of" },
	{ "..x.example\n", 0, "/a:1: ..x.example: this is no recipient" },
	{ ".\n", 0, "/a:1: .: this is no recipient" },
	{ "@\n", 0, "/a:1: @: this is no address" },
	{ "\"open@x.example\n", 0, "/a:1: " },
	{ "\xe9l@x.example\n", 0,
	    "/a:1: \\xe9l@x.example: the key is neither ASCII nor UTF-8" },
	{ "a@x.example\rb@x.example\r", 0,
	    "/a:1: a@x.example\\x0db@x.example\\x0d: a carriage return" },
	{ "a@x.example\nb\0@x.example\n", 25, "/a:2: b?@x.example: a NUL" },
	{ "\xff\xfe"
	  "a\0@\0",
	    6, "/a:1: \\xff\\xfea?@?: a NUL byte" },
	{ "a@x.example ok\n\n# c\nbad\tvalue\nworse\n", 0,
	    "/a:4: bad\\x09value: one word alone" },
};

START_TEST(bad_line_is_told_with_its_place)
{
	struct smx_config *config = NULL;
	struct told told;

	folder_make();
	folder_put("a", faults[_i].text,
	    faults[_i].len != 0 ? faults[_i].len : strlen(faults[_i].text));
	ck_assert_int_eq(load(&config, &told, ONE), SMX_ECONFIG);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_msg(strstr(told.lines, faults[_i].want) != NULL,
	    "%s\nis not in\n%s", faults[_i].want, told.lines);
	ck_assert_ptr_nonnull(
	    strstr(told.lines, "; accepted: as the first word user@domain"));
	folder_remove();
}
END_TEST

/* A line of 64 KiB is read, its key counts; one byte more is too long, wherever
 * the pieces end in which the file is read. */
START_TEST(line_length_is_bounded)
{
	char *line = malloc(TABLE_LINE_MAX + 64);
	struct smx_config *config = NULL;
	struct told told;

	folder_make();
	memset(line, 'x', TABLE_LINE_MAX + 64);
	memcpy(line, "a@x.example ", 12);
	line[TABLE_LINE_MAX] = '\n';
	memcpy(line + TABLE_LINE_MAX + 1, "b@x.example\n", 12);
	folder_put("a", line, TABLE_LINE_MAX + 13);
	config = loaded(ONE);
	ck_assert_str_eq(policy_of(config, "a@x.example"), "t");
	ck_assert_str_eq(policy_of(config, "b@x.example"), "t");
	smx_config_release(&config);
	line[TABLE_LINE_MAX] = 'x';
	line[TABLE_LINE_MAX + 1] = '\n';
	folder_put("a", line, TABLE_LINE_MAX + 2);
	ck_assert_int_eq(load(&config, &told, ONE), SMX_ECONFIG);
	ck_assert_msg(strstr(told.lines, "/a:1: a@x.example x") != NULL &&
			  strstr(told.lines, "longer than 64 KiB") != NULL,
	    "%s", told.lines);
	memset(line, 'x', ADDR_MAX + 1);
	folder_put("a", line, ADDR_MAX + 1);
	ck_assert_int_eq(load(&config, &told, ONE), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "longer than 1000 bytes"));
	free(line);
	folder_remove();
}
END_TEST

START_TEST(file_that_cannot_be_read_is_told)
{
	struct smx_config *config = NULL;
	char path[128];
	struct told told;

	folder_make();
	ck_assert_int_eq(load(&config, &told, ONE), SMX_ECONFIG);
	ck_assert_msg(strstr(told.lines,
			  "test.conf:4: policies[0].match.recipient_tables[0] "
			  "= ") != NULL &&
			  strstr(told.lines,
			      "it cannot be opened: No such file") != NULL,
	    "%s", told.lines);
	snprintf(path, sizeof(path), "%s/a", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(load(&config, &told, ONE), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "this is a folder"));
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(load(&config, &told, ONE), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "not a regular file"));
	folder_remove();
}
END_TEST

static char listed[2048];

static int
list_domain(void *ctx, const char *domain, const struct smx_backup *backup)
{
	size_t at = strlen(listed);

	(void)ctx;
	ck_assert_ptr_nonnull(backup);
	snprintf(listed + at, sizeof(listed) - at, "%s ", domain);
	return strcmp(domain, "stop.example") == 0;
}

/* Each once, however many recipients it has; who is below one cannot be listed,
 * and who may be anywhere has none. */
START_TEST(domains_of_a_backup_mx_are_those_of_its_tables_too)
{
	static const char policies[] =
	    "policies = ( { name = \"t\"; match = { recipient_tables = "
	    "\"$/a\"; }; }, { name = \"u\"; match = { recipient_tables = "
	    "\"$/a\"; }; backup = { while_up = \"accept\"; primary = "
	    "\"[192.0.2.1]\"; }; } );";
	struct smx_config *config = NULL;
	struct told told;

	folder_make();
	folder_put_text("a",
	    "b@Two.example\nanybody@\n@two.example\nB@one.example\n"
	    ".below.example\ntree.example\na@two.example\n");
	ck_assert_msg(load(&config, &told, policies) == SMX_OK, "%s",
	    told.lines);
	listed[0] = '\0';
	ck_assert_int_eq(policy_backup_tables(config, list_domain, NULL),
	    SMX_OK);
	ck_assert_str_eq(listed, "one.example tree.example two.example ");
	smx_config_release(&config);
	folder_put_text("a", "a@x.example\nb@stop.example\nc@y.example\n");
	ck_assert_msg(load(&config, &told, policies) == SMX_OK, "%s",
	    told.lines);
	listed[0] = '\0';
	ck_assert_int_eq(policy_backup_tables(config, list_domain, NULL),
	    SMX_OK);
	ck_assert_str_eq(listed, "stop.example ");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

/* To know what is set nobody needs the files, or the right to read them. */
START_TEST(settings_are_read_without_tables)
{
	struct smx_config *config = NULL;
	struct told told = { 0 };
	char path[128], text[2048];

	folder_make();
	snprintf(text, sizeof(text),
	    PAIR ACCEPT "geo = { country = \"%s/c\"; };\n"
			"policies = ( { name = \"t\"; match = { "
			"recipient_tables = \"%s/b\"; }; } );",
	    folder, folder);
	folder_put_text("a", text);
	snprintf(path, sizeof(path), "%s/a", folder);
	ck_assert_int_eq(smx_config_load(&config, path, told_report, &told),
	    SMX_ECONFIG);
	memset(&told, 0, sizeof(told));
	ck_assert_int_eq(smx_config_read(&config, path, told_report, &told),
	    SMX_OK);
	ck_assert_uint_eq(told.count, 0);
	ck_assert_str_eq(smx_config_text(config, "policies[0].name"), "t");
	ck_assert_str_eq(policy_of(config, "a@x.example"), "defaults");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

/* ---- tables among policies ---- */

/* The first policy wins, by whatever way it names the recipient; a table and a
 * list of recipients are one kind, domains another. */
START_TEST(first_policy_wins_across_tables)
{
	struct smx_config *config;

	folder_make();
	folder_put_text("a", "both@x.example\nfirst@x.example\n");
	folder_put_text("b",
	    "both@x.example\nsecond@x.example\nwide.example\n");
	folder_put_text("c", "late@x.example\nboth@x.example\n");
	config = loaded(
	    "policies = (\n"
	    "{ name = \"list\"; match = { recipients = \"listed@x.example\";"
	    " }; },\n"
	    "{ name = \"one\"; match = { recipient_tables = \"$/a\";"
	    " authenticated = false; recipients = \"extra@x.example\"; }; },\n"
	    "{ name = \"two\"; match = { recipient_tables = ( \"$/b\", "
	    "\"$/c\" ); }; },\n"
	    "{ name = \"narrow\"; match = { recipient_tables = \"$/a\";"
	    " domains = \"y.example\"; }; },\n"
	    "{ name = \"domain\"; match = { domains = \"x.example\"; }; } );");
	ck_assert_str_eq(policy_of(config, "listed@x.example"), "list");
	ck_assert_str_eq(policy_of(config, "both@x.example"), "one");
	ck_assert_str_eq(policy_of(config, "first@x.example"), "one");
	ck_assert_str_eq(policy_of(config, "extra@x.example"), "one");
	ck_assert_str_eq(policy_of(config, "second@x.example"), "two");
	ck_assert_str_eq(policy_of(config, "late@x.example"), "two");
	ck_assert_str_eq(policy_of(config, "any@sub.wide.example"), "two");
	ck_assert_str_eq(policy_of(config, "other@x.example"), "domain");
	ck_assert_str_eq(policy_of(config, "other@y.example"), "defaults");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(policy_that_does_not_match_leaves_it_to_the_next)
{
	struct smx_client client = { .address = "192.0.2.1",
		.authenticated = 1 };
	struct smx_config *config;
	struct smx_ack ack;

	folder_make();
	folder_put_text("a", "u@x.example\n");
	config = loaded("policies = (\n"
			"{ name = \"guest\"; match = { recipient_tables = "
			"\"$/a\"; authenticated = false; }; },\n"
			"{ name = \"user\"; match = { recipient_tables = "
			"\"$/a\"; }; } );");
	ck_assert_str_eq(policy_of(config, "u@x.example"), "guest");
	ck_assert_int_eq(smx_policy_recipient(config, &client, "u@x.example",
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, "user");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(many_tables_are_too_many)
{
	struct smx_config *config = NULL;
	struct told told = { 0 };
	char name[128];
	struct buf b;

	folder_make();
	buf_init(&b, 0);
	buf_str(&b, PAIR ACCEPT "policies = ( { name = \"t\"; match = { "
				"recipient_tables = ( \"/dev/null\"");
	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), ", \"%s/%d\"", folder, i);
		buf_str(&b, name);
	}
	buf_str(&b, " ); }; } );");
	ck_assert_int_eq(smx_config_parse(&config, b.data, "test.conf",
			     told_report, &told),
	    SMX_ECONFIG);
	ck_assert_msg(strstr(told.lines, "more than 64 different tables") !=
			  NULL,
	    "%s", told.lines);
	buf_free(&b);
	folder_remove();
}
END_TEST

/* Being listed is not enough where a domain is asked for as well. */
START_TEST(table_does_not_stand_for_a_domain)
{
	struct smx_config *config;

	folder_make();
	folder_put_text("a", "u@x.example\nu@y.example\n");
	config = loaded("policies = ( { name = \"t\"; match = {"
			" recipient_tables = \"$/a\";"
			" domains = \"y.example\"; }; } );");
	ck_assert_str_eq(policy_of(config, "u@y.example"), "t");
	ck_assert_str_eq(policy_of(config, "u@x.example"), "defaults");
	ck_assert_str_eq(policy_of(config, "v@y.example"), "defaults");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

/* ---- the table alone ---- */

/* In pieces of every size: the same keys. */
START_TEST(pieces_do_not_matter)
{
	static const char text[] = "\xef\xbb\xbf"
				   "# c\r\nab@x.example\tv\r\n\n@y.example\n"
				   "\"q r\"@z.example w\nlast@x.example";

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct table *t;
		struct table_fault fault = { 0 };

		ck_assert_int_eq(table_new(&t), SMX_OK);
		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			size_t left = sizeof(text) - 1 - at;

			ck_assert_int_eq(table_read(t, text + at,
					     piece < left ? piece : left,
					     &fault),
			    SMX_OK);
		}
		ck_assert_int_eq(table_end(t, &fault), SMX_OK);
		ck_assert_uint_eq(table_count(t), 4);
		ck_assert(table_has(t, TABLE_ADDRESS));
		ck_assert(table_has(t, TABLE_AT));
		ck_assert(!table_has(t, TABLE_DOMAIN));
		ck_assert(!table_has(t, TABLE_USER));
		table_release(&t);
	}
}
END_TEST

/* The ceiling of a hundred bytes is for addresses of usual length. */
START_TEST(recipient_costs_little)
{
	struct table_fault fault = { 0 };
	struct table *t;
	char line[64];

	ck_assert_int_eq(table_new(&t), SMX_OK);
	/* A few are there twice. */
	for (int j = 0; j < 50010; j++) {
		int i = j % 50000;
		int n = snprintf(line, sizeof(line),
		    "someone.%d@department-%d.example.com\n", i, i % 100);

		ck_assert_int_eq(table_read(t, line, (size_t)n, &fault),
		    SMX_OK);
	}
	ck_assert_int_eq(table_end(t, &fault), SMX_OK);
	ck_assert_uint_eq(table_count(t), 50000);
	ck_assert_uint_lt(table_bytes(t), 50000 * 100);
	ck_assert_uint_gt(table_bytes(t), 50000 * 12);
	table_release(&t);
}
END_TEST

static void
add_cases(TCase *tc)
{
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, key_names_what_it_should, 0, COUNT(asked));
	tcase_add_loop_test(tc, file_may_come_in_many_shapes, 0, COUNT(shapes));
	tcase_add_test(tc, empty_file_names_nobody);
	tcase_add_loop_test(tc, bad_line_is_told_with_its_place, 0,
	    COUNT(faults));
	tcase_add_test(tc, line_length_is_bounded);
	tcase_add_test(tc, file_that_cannot_be_read_is_told);
	tcase_add_test(tc, settings_are_read_without_tables);
	tcase_add_test(tc, first_policy_wins_across_tables);
	tcase_add_test(tc, policy_that_does_not_match_leaves_it_to_the_next);
	tcase_add_test(tc, table_does_not_stand_for_a_domain);
	tcase_add_test(tc, domains_of_a_backup_mx_are_those_of_its_tables_too);
	tcase_add_test(tc, many_tables_are_too_many);
	tcase_add_test(tc, pieces_do_not_matter);
	tcase_add_test(tc, recipient_costs_little);
}

int
main(void)
{
	Suite *s = suite_create("table");
	TCase *tc = tcase_create("table");
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
