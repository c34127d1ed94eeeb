/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <shadowmx/policy.h>

#include "base/buf.h"
#include "core/addr.h"
#include "core/policy.h"
#include "conf_text_of.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const char policies[] = PAIR ACCEPT
    "policies = (\n"
    " { name = \"board\"; match = { recipients = ( \"ceo@example.com\","
    "   \"@board.example.com\", \"abuse@\" ); }; acknowledge = {"
    "   when_unprotected = \"tempfail\"; }; },\n"
    " { name = \"both\"; match = { recipients = ( \"x@\" );"
    "   domains = ( \"both.example\" ); }; },\n"
    " { name = \"net\"; match = { client_networks = ( \"192.0.2.0/24\","
    "   \"2001:db8::/32\" ); domains = ( \"example.net\" ); };"
    "   acknowledge = { max_delay = \"2s\"; }; },\n"
    " { name = \"auth\"; match = { authenticated = true; domains = ("
    "   \"sub.example.net\" ); }; },\n"
    " { name = \"noauth\"; match = { authenticated = false; domains = ("
    "   \"sub.example.net\" ); }; },\n"
    " { name = \"net2\"; match = { domains = \"example.net\"; }; },\n"
    " { name = \"lan\"; match = { client_networks = \"198.51.100.7\"; };"
    "   acknowledge = { when = (); }; },\n"
    " { name = \"quoted\"; match = { recipients = \"\\\"a b\\\"@q.example\"; };"
    " }\n"
    ");\n";

static const struct {
	const char *address;
	int authenticated;
	const char *recipient;
	const char *policy;
} rows[] = {
	{ "203.0.113.1", 0, "ceo@example.com", "board" },
	{ "203.0.113.1", 0, "<ceo@example.com>", "board" },
	{ "203.0.113.1", 0, "<@relay.example:CEO@EXAMPLE.com>", "board" },
	{ "203.0.113.1", 0, "\"ceo\"@example.com", "board" },
	{ "203.0.113.1", 0, "xceo@example.com", "defaults" },
	{ "203.0.113.1", 0, "ceo@a.example.com", "defaults" },
	{ "203.0.113.1", 0, "any@board.example.com", "board" },
	{ "203.0.113.1", 0, "any@board.example.com.", "board" },
	/* "@domain" is that domain alone */
	{ "203.0.113.1", 0, "any@x.board.example.com", "defaults" },
	{ "203.0.113.1", 0, "abuse@anything.example", "board" },
	{ "203.0.113.1", 0, "Abuse", "board" },
	/* two keys: both must hold */
	{ "203.0.113.1", 0, "x@both.example", "both" },
	{ "203.0.113.1", 0, "x@deep.both.example", "both" },
	{ "203.0.113.1", 0, "y@both.example", "defaults" },
	{ "203.0.113.1", 0, "x@other.example", "defaults" },
	/* first in the file decides, whatever is more exact */
	{ "192.0.2.9", 1, "a@sub.example.net", "net" },
	{ "2001:db8::9", 1, "a@sub.example.net", "net" },
	{ "IPv6:2001:db8::9", 1, "a@sub.example.net", "net" },
	{ "203.0.113.1", 1, "a@sub.example.net", "auth" },
	{ "203.0.113.1", 0, "a@sub.example.net", "noauth" },
	{ "203.0.113.1", 0, "a@x.sub.example.net", "noauth" },
	{ "203.0.113.1", 0, "a@example.net", "net2" },
	{ "203.0.113.1", 0, "a@notexample.net", "defaults" },
	{ "203.0.113.1", 0, "a@net", "defaults" },
	/* no recipient named: the client decides */
	{ "198.51.100.7", 0, "a@elsewhere.example", "lan" },
	{ "198.51.100.7", 0, "ceo@example.com", "board" },
	{ "198.51.100.8", 0, "a@elsewhere.example", "defaults" },
	{ "", 0, "a@elsewhere.example", "defaults" },
	{ "nonsense", 0, "a@elsewhere.example", "defaults" },
	{ "203.0.113.1", 0, "\"a b\"@q.example", "quoted" },
	{ "203.0.113.1", 0, "", "defaults" },
	{ "203.0.113.1", 0, "<>", "defaults" },
	{ "203.0.113.1", 0, "@", "defaults" },
	{ "203.0.113.1", 0, "....@....", "defaults" },
};

START_TEST(first_matching_policy_decides)
{
	struct smx_config *config = config_good(policies);
	struct smx_client client = { .address = rows[_i].address,
		.authenticated = rows[_i].authenticated };
	struct smx_ack ack;

	ck_assert_int_eq(smx_policy_recipient(config, &client,
			     rows[_i].recipient, SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, rows[_i].policy);
	smx_config_release(&config);
	ck_assert_ptr_null(config);
}
END_TEST

START_TEST(what_a_policy_leaves_out_comes_from_the_defaults)
{
	struct smx_config *config = config_good(PAIR
	    "defaults = { acknowledge = { max_delay = \"7s\";"
	    " when_unprotected = \"tempfail\"; }; };\n"
	    "policies = ( { name = \"a\"; match = { domains = \"a.example\"; };"
	    " acknowledge = { when_unprotected = \"accept\"; }; },"
	    " { name = \"b\"; match = { domains = \"b.example\"; };"
	    " acknowledge = { when = (); }; } );");
	struct smx_client client = { .address = "" };
	struct smx_ack ack;

	ck_assert_int_eq(smx_policy_recipient(config, &client, "x@a.example",
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_uint_eq(ack.when, SMX_WHEN_SHADOWED);
	ck_assert_uint_eq(ack.copies, 1);
	ck_assert_int_eq(ack.max_delay_ms, 7000);
	ck_assert_int_eq(ack.when_unprotected, SMX_UNPROTECTED_ACCEPT);
	ck_assert_int_eq(smx_policy_recipient(config, &client, "x@b.example",
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_uint_eq(ack.when, 0);
	ck_assert_uint_eq(ack.copies, 0);
	ck_assert_int_eq(smx_policy_recipient(config, &client, "x@c.example",
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, "defaults");
	ck_assert_int_eq(ack.when_unprotected, SMX_UNPROTECTED_TEMPFAIL);
	smx_config_release(&config);
}
END_TEST

START_TEST(empty_match_is_everybody)
{
	struct smx_config *config = config_good(
	    PAIR "policies = ( { name = \"all\"; match = { };"
		 " acknowledge = { when_unprotected = \"tempfail\"; }; },"
		 " { name = \"never\"; acknowledge = { when = (); }; } );");
	struct smx_client client = { .address = "" };
	struct smx_ack ack;

	ck_assert_int_eq(smx_policy_recipient(config, &client, "x",
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, "all");
	smx_config_release(&config);
}
END_TEST

START_TEST(overlong_recipient_is_an_error_and_changes_nothing)
{
	struct smx_config *config = config_good(policies);
	struct smx_client client = { .address = "" };
	struct smx_ack ack = { .policy = "before" };
	char text[ADDR_MAX + 2];

	memset(text, '.', sizeof(text));
	text[500] = '@';
	text[ADDR_MAX] = '\0';
	ck_assert_int_eq(smx_policy_recipient(config, &client, text,
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ack.policy = "before";
	text[ADDR_MAX] = '.';
	text[ADDR_MAX + 1] = '\0';
	ck_assert_int_eq(smx_policy_recipient(config, &client, text,
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_ELIMIT);
	ck_assert_str_eq(ack.policy, "before");
	ck_assert_int_eq(smx_policy_recipient(config, &client, NULL,
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_EINVAL);
	smx_config_release(&config);
}
END_TEST

/* ---- the next hop ---- */

static const char hops[] =
    PAIR "defaults = { acknowledge = { when_unprotected = \"accept\";"
	 " next_hop = ( \"smtp:[192.0.2.9]\", \"mta\" ); }; };\n"
	 "policies = (\n"
	 " { name = \"only\"; match = { domains = \"only.example\"; };"
	 "   acknowledge = { when = \"delivered\";"
	 "   when_unprotected = \"tempfail\"; }; },\n"
	 " { name = \"both\"; match = { domains = \"both.example\"; };"
	 "   acknowledge = { when = ( \"delivered\", \"shadowed\" );"
	 "   next_hop = \"unix:/run/lmtp\"; }; } );\n";

static const struct {
	const char *address;
	const char *recipient;
	unsigned when;
	unsigned copies;
	uint64_t holders;
	const char *hops[3];
} hop_rows[] = {
	{ "192.0.2.1", "a@only.example", SMX_WHEN_DELIVERED, 0, 0,
	    { "smtp:[192.0.2.9]:25", "mta" } },
	{ "192.0.2.1", "a@both.example", SMX_WHEN_DELIVERED | SMX_WHEN_SHADOWED,
	    1, 1, { "lmtp:unix:/run/lmtp" } },
	{ "192.0.2.1", "a@else.example", SMX_WHEN_SHADOWED, 1, 1, { NULL } },
	/* pickup is never held */
	{ "", "a@only.example", 0, 0, 0, { NULL } },
	{ NULL, "a@only.example", 0, 0, 0, { NULL } },
	{ "", "a@both.example", SMX_WHEN_SHADOWED, 1, 1, { NULL } },
};

START_TEST(next_hop_is_that_of_the_policy)
{
	struct smx_config *config = config_good(hops);
	struct smx_client client = { .address = hop_rows[_i].address };
	struct smx_ack ack;
	size_t n = 0;

	ck_assert_int_eq(smx_policy_recipient(config, &client,
			     hop_rows[_i].recipient, SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_uint_eq(ack.when, hop_rows[_i].when);
	ck_assert_uint_eq(ack.copies, hop_rows[_i].copies);
	ck_assert_uint_eq(ack.holders, hop_rows[_i].holders);
	while (hop_rows[_i].hops[n] != NULL) {
		ck_assert_uint_lt(n, ack.next_hop_count);
		ck_assert_str_eq(ack.next_hops[n], hop_rows[_i].hops[n]);
		n++;
	}
	ck_assert_uint_eq(ack.next_hop_count, n);
	smx_config_release(&config);
}
END_TEST

static const char delivering[] = PAIR ACCEPT
    "policies = (\n"
    " { name = \"never\"; match = { recipients = \"no@d.example\"; }; },\n"
    " { name = \"guests\"; match = { domains = \"g.example\";"
    "   authenticated = false; }; acknowledge = { when = (); }; },\n"
    " { name = \"large\"; match = { min_size = \"1M\";"
    "   domains = \"l.example\"; }; acknowledge = { when = \"delivered\";"
    "   next_hop = \"smtp:a\"; }; },\n"
    " { name = \"some\"; match = { recipients = ( \"one@r.example\","
    "   \"any@\" ); }; acknowledge = { when = \"delivered\";"
    "   next_hop = \"mta\"; }; },\n"
    " { name = \"all\"; match = { domains = ( \"d.example\","
    "   \"g.example\" ); }; acknowledge = { when = \"delivered\";"
    "   next_hop = \"mta\"; }; } );\n";

static const struct {
	const char *name; /* "@domain": somebody in it */
	const char *policy;
} deliverings[] = {
	{ "x@d.example", "all" },
	{ "X@sub.D.example", "all" },
	{ "no@d.example", NULL },
	/* another client's wish decides nothing for all */
	{ "x@g.example", "all" },
	{ "x@l.example", "large" },
	{ "one@r.example", "some" },
	{ "two@r.example", NULL },
	{ "any@else.example", "some" },
	{ "@d.example", "all" },
	{ "@R.example", "some" },
	{ "@else.example", "some" },
	{ "@l.example", "large" },
};

START_TEST(whom_it_may_be_for_is_known)
{
	struct smx_config *config = config_good(delivering);
	const char *name = deliverings[_i].name;
	const struct smx_ack *ack =
	    name[0] == '@' ? policy_may_deliver_domain(config, name + 1)
			   : policy_may_deliver(config, name);

	if (deliverings[_i].policy == NULL) {
		ck_assert_ptr_null(ack);
	} else {
		ck_assert_ptr_nonnull(ack);
		ck_assert_str_eq(ack->policy, deliverings[_i].policy);
	}
	ck_assert_str_eq(policy_delivering(config), "large");
	smx_config_release(&config);
}
END_TEST

/* A backup MX that relays has its primaries asked. */
static const char backups[] =
    "node = \"mx2.example.org\"; defaults = { acknowledge = { when = ();"
    " when_unprotected = \"accept\"; }; };\n"
    "policies = (\n"
    " { name = \"relay\"; match = { domains = \"r.example\"; }; backup = {"
    "   while_up = \"relay\"; primary = ( \"[192.0.2.9]\", \"[mx]:26\" ); };"
    " },\n"
    " { name = \"hop\"; match = { domains = \"h.example\"; }; backup = {"
    "   while_up = \"relay\"; }; acknowledge = {"
    "   next_hop = \"smtp:[192.0.2.8]\"; }; },\n"
    " { name = \"mx\"; match = { domains = \"m.example\"; }; backup = {"
    "   while_up = \"relay\"; }; },\n"
    " { name = \"defer\"; match = { domains = \"d.example\"; }; backup = {"
    "   while_up = \"defer\"; primary = \"[192.0.2.9]\"; }; } );\n";

static const struct {
	const char *recipient;
	const char *hops[3]; /* none: not delivered */
	int backup;
} backup_rows[] = {
	{ "a@r.example", { "smtp:[192.0.2.9]:25", "smtp:[mx]:26" }, 1 },
	{ "a@h.example", { "smtp:[192.0.2.8]:25" }, 1 },
	{ "a@m.example", { "mta" }, 1 },
	{ "a@d.example", { NULL }, 1 },
	{ "a@e.example", { NULL }, 0 },
};

START_TEST(a_relay_has_its_primary_as_next_hop)
{
	struct smx_config *config = config_good(backups);
	struct smx_client client = { .address = "192.0.2.77" };
	const char *recipient = backup_rows[_i].recipient;
	const char *const *want = backup_rows[_i].hops;
	unsigned when = want[0] != NULL ? SMX_WHEN_DELIVERED : 0;
	struct smx_ack ack;
	size_t n = 0;

	ck_assert_int_eq(smx_policy_recipient(config, &client, recipient,
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_uint_eq(ack.when, when);
	ck_assert_int_eq(ack.backup != NULL, backup_rows[_i].backup);
	for (; want[n] != NULL; n++) {
		ck_assert_uint_gt(ack.next_hop_count, n);
		ck_assert_str_eq(ack.next_hops[n], want[n]);
	}
	ck_assert_uint_eq(ack.next_hop_count, n);
	ck_assert_int_eq(policy_may_deliver(config, recipient) != NULL,
	    when != 0);
	ck_assert_int_eq(policy_may_deliver_domain(config,
			     strchr(recipient, '@') + 1) != NULL,
	    when != 0);
	/* pickup(8) waits for nobody. */
	client.address = "";
	ck_assert_int_eq(smx_policy_recipient(config, &client, recipient,
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_uint_eq(ack.when, 0);
	ck_assert_int_eq(ack.backup != NULL, backup_rows[_i].backup);
	ck_assert_str_eq(policy_delivering(config), "relay");
	ck_assert_int_eq(policy_backs_up(config), 1);
	smx_config_release(&config);
}
END_TEST

/* What the milter may leave out. */
static const struct {
	const char *text;
	int delivers;
	int answers;
	int may_skip;
} steps[] = {
	{ PAIR ACCEPT "policies = ( { name = \"a\"; match = { domains ="
		      " \"a.example\"; }; backup = { while_up ="
		      " \"accept\"; }; } );",
	    0, 1, 0 },
	{ PAIR ACCEPT "policies = ( { name = \"a\"; match = { domains ="
		      " \"a.example\"; }; backup = { while_up ="
		      " \"relay\"; }; } );",
	    1, 1, 0 },
	{ PAIR ACCEPT, 0, 0, 0 },
	{ PAIR "defaults = { acknowledge = { when = (); }; };", 0, 0, 1 },
	{ PAIR "defaults = { acknowledge = { when = ( \"delivered\","
	       " \"shadowed\" ); next_hop = \"mta\";"
	       " when_unprotected = \"accept\"; }; };",
	    1, 1, 0 },
	{ PAIR ACCEPT "policies = ( { name = \"a\"; match = { domains ="
		      " \"a.example\"; }; acknowledge = { when ="
		      " \"delivered\"; next_hop = \"mta\"; }; } );",
	    1, 1, 1 },
};

START_TEST(delivery_needs_an_answer_to_each_recipient)
{
	struct smx_config *config = config_good(steps[_i].text);

	ck_assert_int_eq(policy_delivers(config), steps[_i].delivers);
	ck_assert_int_eq(policy_answers_rcpt(config), steps[_i].answers);
	ck_assert_int_eq(policy_may_skip(config), steps[_i].may_skip);
	smx_config_release(&config);
}
END_TEST

/* ---- size ---- */

static const char sizes[] = PAIR ACCEPT
    "policies = (\n"
    " { name = \"small\"; match = { domains = \"s.example\";"
    "   max_size = \"10K\"; }; },\n"
    " { name = \"middle\"; match = { domains = \"s.example\";"
    "   min_size = \"20K\"; max_size = \"30K\"; }; },\n"
    " { name = \"large\"; match = { min_size = \"1M\"; }; },\n"
    " { name = \"rest\"; match = { domains = \"s.example\"; }; } );\n";

static const struct {
	uint64_t size;
	const char *recipient;
	const char *policy;
} sized[] = {
	{ SMX_SIZE_UNKNOWN, "a@s.example", "rest" },
	{ SMX_SIZE_UNKNOWN, "a@t.example", "defaults" },
	{ 0, "a@s.example", "small" },
	{ 10240, "a@s.example", "small" },
	{ 10241, "a@s.example", "rest" },
	{ 20479, "a@s.example", "rest" },
	{ 20480, "a@s.example", "middle" },
	{ 30720, "a@s.example", "middle" },
	{ 30721, "a@s.example", "rest" },
	{ 1048575, "a@t.example", "defaults" },
	{ 1048576, "a@t.example", "large" },
	{ 1048576, "a@s.example", "large" },
	{ UINT64_MAX - 1, "a@t.example", "large" },
};

START_TEST(size_is_matched_when_it_is_known)
{
	struct smx_config *config = config_good(sizes);
	struct smx_client client = { .address = "192.0.2.1" };
	struct smx_ack ack;

	ck_assert(smx_policy_by_size(config));
	ck_assert_int_eq(smx_policy_recipient(config, &client,
			     sized[_i].recipient, sized[_i].size, &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, sized[_i].policy);
	smx_config_release(&config);
	config = config_good(policies);
	ck_assert(!smx_policy_by_size(config));
	smx_config_release(&config);
}
END_TEST

/* The size is waited for when it alone keeps a policy from deciding, and that
 * policy comes first. */
START_TEST(answer_waits_for_the_size_only_where_it_matters)
{
	static const struct {
		const char *address, *recipient;
		int waits;
	} who[] = { { "192.0.2.1", "a@s.example", 1 },
		{ "203.0.113.1", "a@s.example", 0 },
		{ "192.0.2.1", "a@t.example", 0 },
		{ "192.0.2.1", "a@early.s.example", 0 },
		{ "192.0.2.1", "b@s.example", 0 } };
	struct smx_config *config = config_good(PAIR ACCEPT
	    "policies = (\n"
	    " { name = \"early\"; match = { domains = \"early.s.example\"; "
	    "}; },\n"
	    " { name = \"sized\"; match = { domains = \"s.example\";"
	    "   recipients = \"a@\"; client_networks = \"192.0.2.0/24\";"
	    "   min_size = \"1K\"; }; },\n"
	    " { name = \"late\"; match = { domains = \"s.example\"; }; } );");

	for (size_t i = 0; i < COUNT(who); i++) {
		struct smx_client client = { .address = who[i].address };

		ck_assert_int_eq(policy_waits(config, &client,
				     who[i].recipient),
		    who[i].waits);
	}
	smx_config_release(&config);
}
END_TEST

/* ---- all at once ---- */

/* One bit for each kind of match that the question fulfils: only all of them
 * together are enough. */
enum {
	KIND_RECIPIENT = 1,
	KIND_DOMAIN = 2,
	KIND_NETWORK = 4,
	KIND_COUNTRY = 8,
	KIND_ASN = 16,
	KIND_LOGIN = 32,
	KIND_SIZE = 64,
	KIND_ALL = 127
};

static const char all_kinds[] = PAIR ACCEPT
    "geo = { country = \"/nonexistent/c\"; asn = \"/nonexistent/a\"; };\n"
    "policies = ( { name = \"all\"; match = {"
    " recipients = ( \"u@\", \"v@d.example\" );"
    " domains = ( \"e.example\", \"d.example\" );"
    " client_networks = ( \"192.0.2.0/24\", \"198.51.100.0/24\" );"
    " client_countries = ( \"SE\", \"JP\" ); client_asns = ( 64500, 64501 );"
    " authenticated = true; min_size = \"1K\"; max_size = \"2K\"; }; } );";

static struct smx_config *
config_warned(const char *text)
{
	struct smx_config *config = NULL;

	ck_assert_int_eq(smx_config_parse(&config, text, "t", NULL, NULL),
	    SMX_OK);
	return config;
}

START_TEST(every_kind_of_match_must_hold)
{
	struct smx_config *config = config_warned(all_kinds);
	struct smx_client client = { .address = "203.0.113.1" };
	char rcpt[32];
	struct smx_ack ack;

	if (_i & KIND_NETWORK)
		client.address = _i & KIND_ASN ? "192.0.2.7" : "198.51.100.7";
	memcpy(client.country,
	    _i & KIND_COUNTRY ? (_i & KIND_ASN ? "SE" : "JP") : "DE", 3);
	client.asn = _i & KIND_ASN ? 64501 : 64502;
	client.authenticated = (_i & KIND_LOGIN) != 0;
	snprintf(rcpt, sizeof(rcpt), "%s@%s.example",
	    _i & KIND_RECIPIENT ? "u" : "w",
	    _i & KIND_DOMAIN ? (_i & KIND_LOGIN ? "d" : "sub.e") : "f");
	ck_assert_int_eq(smx_policy_recipient(config, &client, rcpt,
			     _i & KIND_SIZE ? 1024 : 2049, &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, _i == KIND_ALL ? "all" : "defaults");
	smx_config_release(&config);
}
END_TEST

/* A name of hundreds of labels fills no more than its share. */
START_TEST(many_labels_leave_room_for_the_user)
{
	struct smx_config *config = config_good(policies);
	struct smx_client client = { .address = "" };
	struct smx_ack ack;
	char text[900];

	memcpy(text, "abuse@", 6);
	for (size_t i = 6; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? 'x' : '.';
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(smx_policy_recipient(config, &client, text,
			     SMX_SIZE_UNKNOWN, &ack),
	    SMX_OK);
	ck_assert_str_eq(ack.policy, "board");
	smx_config_release(&config);
}
END_TEST

/* ---- against a plain walk, and in time ---- */

#define MANY 20000

static struct smx_config *
config_many(size_t count)
{
	struct smx_config *config;
	struct buf b;

	buf_init(&b, 0);
	buf_str(&b, PAIR ACCEPT "policies = (");
	for (size_t p = 0; p < 4; p++) {
		buf_fmt(&b, "%s{ name = \"p%zu\"; match = { %s = (",
		    p != 0 ? ", " : "", p,
		    p % 2 == 0 ? "recipients" : "domains");
		for (size_t i = p; i < count; i += 4)
			buf_fmt(&b, "%s\"%s%zu.example\"\n", i != p ? ", " : "",
			    p % 2 == 0 ? "user@r" : "d", i);
		buf_str(&b, "); }; }");
	}
	buf_str(&b, ");");
	ck_assert_int_eq(buf_error(&b), SMX_OK);
	config = config_good(b.data);
	buf_free(&b);
	return config;
}

START_TEST(every_listed_name_finds_its_policy)
{
	struct smx_config *config = config_many(MANY);
	struct smx_client client = { .address = "" };
	char want[8], text[64];
	struct smx_ack ack;

	for (size_t i = 0; i < MANY; i++) {
		snprintf(want, sizeof(want), "p%zu", i % 4);
		snprintf(text, sizeof(text), "%s%zu.example",
		    i % 2 == 0 ? "user@r" : "a@sub.d", i);
		ck_assert_int_eq(smx_policy_recipient(config, &client, text,
				     SMX_SIZE_UNKNOWN, &ack),
		    SMX_OK);
		ck_assert_str_eq(ack.policy, want);
		text[0] = 'X';
		ck_assert_int_eq(smx_policy_recipient(config, &client, text,
				     SMX_SIZE_UNKNOWN, &ack),
		    SMX_OK);
		ck_assert_str_eq(ack.policy, i % 2 == 0 ? "defaults" : want);
	}
	smx_config_release(&config);
}
END_TEST

static int64_t
lookups_ns(const struct smx_config *config, size_t count)
{
	struct smx_client client = { .address = "192.0.2.1" };
	struct timespec a, b;
	struct smx_ack ack;
	char text[64];

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (size_t i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "user@r%zu.example", i % count);
		ck_assert_int_eq(smx_policy_recipient(config, &client, text,
				     SMX_SIZE_UNKNOWN, &ack),
		    SMX_OK);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ((int64_t)(b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec -
		   a.tv_nsec) /
	       20000;
}

/* A walk would cost a thousand times more for the larger one; twenty leaves
 * room for caches and for a busy machine. */
START_TEST(lookup_does_not_slow_with_the_list)
{
	struct smx_config *small = config_many(20);
	struct smx_config *large = config_many(MANY);
	int64_t few = lookups_ns(small, 20), lots = lookups_ns(large, MANY);

	ck_assert_msg(lots < 20 * few + 2000, "%lld ns, then %lld ns",
	    (long long)few, (long long)lots);
	smx_config_release(&small);
	smx_config_release(&large);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("policy");
	TCase *tc = tcase_create("match");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, next_hop_is_that_of_the_policy, 0,
	    COUNT(hop_rows));
	tcase_add_loop_test(tc, whom_it_may_be_for_is_known, 0,
	    COUNT(deliverings));
	tcase_add_loop_test(tc, a_relay_has_its_primary_as_next_hop, 0,
	    COUNT(backup_rows));
	tcase_add_loop_test(tc, delivery_needs_an_answer_to_each_recipient, 0,
	    COUNT(steps));
	tcase_add_loop_test(tc, first_matching_policy_decides, 0, COUNT(rows));
	tcase_add_test(tc, what_a_policy_leaves_out_comes_from_the_defaults);
	tcase_add_test(tc, empty_match_is_everybody);
	tcase_add_test(tc, overlong_recipient_is_an_error_and_changes_nothing);
	tcase_add_loop_test(tc, size_is_matched_when_it_is_known, 0,
	    COUNT(sized));
	tcase_add_test(tc, answer_waits_for_the_size_only_where_it_matters);
	tcase_add_loop_test(tc, every_kind_of_match_must_hold, 0, KIND_ALL + 1);
	tcase_add_test(tc, many_labels_leave_room_for_the_user);
	tcase_add_test(tc, every_listed_name_finds_its_policy);
	tcase_add_test(tc, lookup_does_not_slow_with_the_list);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
