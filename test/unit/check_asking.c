/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_text_of.h"
#include "core/addr.h"
#include "glue/asking.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Two members, and recipients that one of them each may not have. */
static const char text_of[] =
    "node = \"here\"; site = \"tokyo\";\n"
    "store = { path = \"%s\"; };\n"
    "milter = { spill = \"%s\"; own_networks = \"198.51.100.0/24\"; };\n"
    "peers = { members = (\n"
    "{ name = \"m0\"; address = \"192.0.2.10:8825\"; pin = \"" PIN_A "\";"
    " site = \"tokyo\"; },\n"
    "{ name = \"m1\"; address = \"192.0.2.11:8825\"; pin = \"" PIN_B "\";"
    " site = \"osaka\"; } ); };\n" ACCEPT "policies = (\n"
    "{ name = \"huge\"; match = { domains = \"size.example\";"
    " min_size = \"1K\"; }; acknowledge = { sites = \"osaka\"; }; },\n"
    "{ name = \"tokyo\"; match = { domains = \"tokyo.example\"; };"
    " acknowledge = { sites = \"tokyo\"; }; },\n"
    "{ name = \"osaka\"; match = { domains = \"osaka.example\"; };"
    " acknowledge = { sites = \"osaka\"; }; },\n"
    "{ name = \"none\"; match = { domains = ( \"none.example\","
    " \"size.example\" ); }; acknowledge = { when = (); }; } );\n";

static char folder[64];
static struct smx_config *config;
static struct message *message;
static struct smx_envelope *envelope;
static struct smx_client client;

static void
begin(void)
{
	char text[4096];

	snprintf(folder, sizeof(folder), "/tmp/check_asking.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(text, sizeof(text), text_of, folder, folder);
	config = config_good(text);
	ck_assert_int_eq(message_new(&message, smx_config_hold(config)),
	    SMX_OK);
	ck_assert_int_eq(smx_envelope_new(&envelope, 100), SMX_OK);
	ck_assert_int_eq(smx_envelope_mail(envelope, "<s@example.net>", NULL,
			     0),
	    SMX_OK);
	client = (struct smx_client){ .address = "203.0.113.9" };
}

static void
end(void)
{
	message_free(&message);
	smx_envelope_free(&envelope);
	smx_config_release(&config);
	ck_assert_int_eq(rmdir(folder), 0);
}

static int
rcpt(const char *recipient)
{
	const struct asking asking = { message, envelope, &client, 0 };
	struct smx_ack one, all;
	int rc = asking_recipient(&asking, recipient, &one, &all);

	if (rc != SMX_OK)
		return rc;
	message->ack = all;
	message->sized |= asking_waits(&asking, recipient);
	return smx_envelope_rcpt(envelope, recipient, NULL, 0);
}

static void
end_of_message(size_t bytes)
{
	const struct asking asking = { message, envelope, &client, 0 };
	char body[4096];

	memset(body, 'x', sizeof(body));
	/* the empty line behind the header counts */
	ck_assert_int_eq(message_body(message, body, bytes - 2), SMX_OK);
	asking_size(&asking);
}

static const struct {
	const char *address;
	int authenticated;
	const char *daemon;
	int split;
} clients[] = {
	{ "203.0.113.9", 0, "mx.example.org", 1 },
	{ "203.0.113.9", 0, "", 1 },
	{ "2001:db8::9", 0, "", 1 },
	{ "203.0.113.9", 1, "", 0 },
	{ "203.0.113.9", 0, "ORIGINATING", 0 },
	{ "203.0.113.9", 0, "submission", 0 },
	{ "203.0.113.9", 0, "465", 0 },
	{ "198.51.100.7", 0, "mx.example.org", 0 },
	{ "127.0.0.1", 0, "", 0 },
	{ "::1", 0, "", 0 },
	{ "", 0, "", 0 },
};

START_TEST(only_strangers_are_asked_to_split)
{
	begin();
	client.address = clients[_i].address;
	client.authenticated = clients[_i].authenticated;
	ck_assert_int_eq(smx_envelope_set(envelope, SMX_FIELD_DAEMON,
			     clients[_i].daemon),
	    SMX_OK);
	ck_assert_int_eq(rcpt("<a@tokyo.example>"), SMX_OK);
	ck_assert_int_eq(rcpt("<b@osaka.example>"),
	    clients[_i].split ? SMX_ELIMIT : SMX_OK);
	/* Split: as it was.  Not split: nobody may have it. */
	ck_assert_uint_eq(message->ack.holders, clients[_i].split ? 1 : 0);
	ck_assert_int_eq(rcpt("<c@tokyo.example>"), SMX_OK);
	ck_assert_int_eq(rcpt("<d@none.example>"), SMX_OK);
	ck_assert_int_eq(rcpt("<e@elsewhere.example>"), SMX_OK);
	ck_assert_uint_eq(message->ack.holders, clients[_i].split ? 1 : 0);
	ck_assert_uint_eq(smx_envelope_recipients(envelope),
	    clients[_i].split ? 4 : 5);
	end();
}
END_TEST

START_TEST(overlong_recipient_is_not_told_to_split)
{
	char text[ADDR_MAX + 8];

	begin();
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(rcpt(text), SMX_EINVAL);
	end();
}
END_TEST

/* At RCPT a policy by size decides nothing; at the end it may ask for a shadow
 * that nobody had asked for, and only where the size is in its bounds. */
START_TEST(size_decides_at_the_end)
{
	begin();
	ck_assert_int_eq(rcpt("<a@size.example>"), SMX_OK);
	ck_assert_str_eq(message->ack.policy, "none");
	ck_assert_uint_eq(message->ack.when, 0);
	end_of_message(_i == 0 ? 1023 : 1024);
	ck_assert_str_eq(message->ack.policy, _i == 0 ? "none" : "huge");
	ck_assert_uint_eq(message->ack.when, _i == 0 ? 0 : SMX_WHEN_SHADOWED);
	ck_assert_uint_eq(message->size, _i == 0 ? 1023 : 1024);
	end();
}
END_TEST

/* Only a recipient whose policy could become another one makes the message be
 * read to its end. */
START_TEST(size_is_waited_for_where_it_may_matter)
{
	static const struct {
		const char *recipient;
		int waits;
	} rows[] = { { "<a@none.example>", 0 }, { "<a@tokyo.example>", 0 },
		{ "<a@elsewhere.example>", 0 }, { "<a@size.example>", 1 },
		{ "<a@none.example>", 1 } };

	begin();
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_int_eq(rcpt(rows[i].recipient), SMX_OK);
		ck_assert_int_eq(message->sized, rows[i].waits);
	}
	end();
}
END_TEST

/* A message without a body: the line that ends the header counts. */
START_TEST(size_of_a_message_without_a_body_is_known)
{
	char value[1024 - 4 - 2 - 2 + 1];
	struct message_field field = { "X-F", "", value };

	begin();
	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	ck_assert_int_eq(rcpt("<a@size.example>"), SMX_OK);
	ck_assert_int_eq(message_header(message, &field), SMX_OK);
	ck_assert_uint_eq(message->size, 1022);
	asking_size(&(struct asking){ message, envelope, &client, 0 });
	ck_assert_uint_eq(message->size, 1024);
	ck_assert_str_eq(message->ack.policy, "huge");
	end();
}
END_TEST

/* Too late to split: the strictest holds, which may be that nobody may have
 * it. */
START_TEST(size_folds_all_recipients_anew)
{
	begin();
	ck_assert_int_eq(rcpt("<a@tokyo.example>"), SMX_OK);
	ck_assert_int_eq(rcpt("<b@size.example>"), SMX_OK);
	ck_assert_uint_eq(message->ack.holders, 1);
	end_of_message(2000);
	ck_assert_uint_eq(message->ack.holders, 0);
	ck_assert_uint_eq(message->ack.min_copies, 1);
	end();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("asking");
	TCase *tc = tcase_create("asking");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, only_strangers_are_asked_to_split, 0,
	    COUNT(clients));
	tcase_add_test(tc, overlong_recipient_is_not_told_to_split);
	tcase_add_loop_test(tc, size_decides_at_the_end, 0, 2);
	tcase_add_test(tc, size_is_waited_for_where_it_may_matter);
	tcase_add_test(tc, size_of_a_message_without_a_body_is_known);
	tcase_add_test(tc, size_folds_all_recipients_anew);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
