/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/smlog.h"

#define ID    "6AN6eiVh031038"
#define NEW   "6AN6eiOW031058"
#define TAG   "Nov 23 06:40:44 a.example sendmail[31058]: "
#define FROM  TAG ID ": "
#define SPENT ", delay=00:00:00, xdelay=00:00:00, mailer=relay, pri=240023"
#define RELAY ", relay=mx.y.example. [192.0.2.1]"
#define SENT  ", dsn=2.0.0, stat=Sent (2.0.0 Ok: queued as SINK1)"
#define LATER                                                                  \
	", dsn=4.3.0, reply=451 4.2.0 As told, stat=Deferred: 451 4.2.0 As "   \
	"told"

/* ---- lines as Sendmail has written them ---- */

static const struct {
	const char *line;
	enum smlog_kind kind;
	const char *rcpts; /* with blanks between them */
	const char *relay; /* or the other id */
} lines[] = {
	{ FROM "to=<r2@y.example>,<r1@y.example>" SPENT RELAY SENT, SMLOG_SENT,
	    "<r2@y.example> <r1@y.example>", "[192.0.2.1]" },
	{ FROM "to=joe@z.example, ctladdr=<joe@a.example> (1/0)" SPENT
	       ", relay=[127.0.0.1] [127.0.0.1]" SENT,
	    SMLOG_SENT, "joe@z.example", "[127.0.0.1]" },
	{ FROM "to=<b@y.example>" SPENT ", relay=mx [IPv6:2001:db8::7]" SENT,
	    SMLOG_SENT, "<b@y.example>", "[IPv6:2001:db8::7]" },
	{ FROM "to=\"|/bin/true\", ctladdr=<prog@a.example> (1/0)" SPENT
	       ", dsn=2.0.0, stat=Sent",
	    SMLOG_SENT, "\"|/bin/true\"", "" },
	{ FROM "to=<out@y.example>" SPENT RELAY LATER, SMLOG_DEFERRED,
	    "<out@y.example>", "[192.0.2.1]" },
	{ FROM "to=<out@y.example>" SPENT ", relay=mx.y.example., dsn=4.0.0, "
	       "stat=Deferred: Connection refused by mx.y.example.",
	    SMLOG_DEFERRED, "<out@y.example>", "" },
	{ FROM "to=<y@w.example>" SPENT RELAY
	       ", dsn=5.1.1, reply=550 5.2.0 As told, stat=User unknown",
	    SMLOG_BOUNCED, "<y@w.example>", "[192.0.2.1]" },
	{ FROM "to=\\\\joe, ctladdr=<joe@a.example> (1/0), delay=00:00:00, "
	       "mailer=local, pri=240023, dsn=5.1.1, "
	       "reply=550 5.1.1 User unknown, stat=User unknown",
	    SMLOG_BOUNCED, "\\joe", "" },
	{ FROM "to=<b@y.example>, delay=00:00:01, mailer=relay, pri=180063, "
	       "stat=queued",
	    SMLOG_QUEUED, "<b@y.example>", "" },
	{ FROM "to=<\"a b\\\\\"c\"@y.example>, delay=00:00:01, mailer=relay, "
	       "pri=180063, stat=queued",
	    SMLOG_QUEUED, "<\"a b\\\"c\"@y.example>", "" },
	{ FROM "to=<b@y.example>, delay=00:00:00, mailer=relay, pri=30022, "
	       "quarantine=looks bad, stat=quarantined",
	    SMLOG_QUEUED, "<b@y.example>", "" },
	{ FROM "to=<a@y.example>,<b@y.example>, [more]" SPENT RELAY SENT,
	    SMLOG_SENT, "<a@y.example> <b@y.example>", "[192.0.2.1]" },
	{ FROM "to=<r\\303\\266@y.example>" SPENT RELAY SENT, SMLOG_SENT,
	    "<r\xc3\xb6@y.example>", "[192.0.2.1]" },
	{ FROM "to=<b@y.example>, delay=1+02:00:09, xdelay=00:00:04, "
	       "mailer=esmtp, pri=1" RELAY SENT,
	    SMLOG_SENT, "<b@y.example>", "[192.0.2.1]" },
	{ "2026-11-22T08:47:52.123456+00:00 mx1 sm-mta[7]: " ID
	  ": to=<b@y.example>" SPENT RELAY SENT,
	    SMLOG_SENT, "<b@y.example>", "[192.0.2.1]" },
	{ FROM NEW ": DSN: User unknown", SMLOG_RETURNED, "", NEW },
	{ FROM NEW ": DSN: Service unavailable", SMLOG_RETURNED, "", NEW },
	{ FROM NEW ": return to sender: User unknown", SMLOG_RETURNED, "",
	    NEW },
	{ FROM NEW ": postmaster notify: User unknown", SMLOG_RETURNED, "",
	    NEW },
	{ FROM NEW ": sender notify: Warning: could not send message for past "
		   "4 hours",
	    SMLOG_NOTICE, "", NEW },
	{ FROM NEW ": DSN: Return receipt", SMLOG_NOTICE, "", NEW },
	{ FROM NEW ": clone: owner=boss@y.example", SMLOG_CLONED, "", NEW },
	{ FROM "quarantine=held by a person", SMLOG_HELD, "", "" },
	{ FROM "unquarantine", SMLOG_RELEASED, "", "" },
	{ FROM "Losing ./qf" ID ": bogus queue line", SMLOG_LOST, "", "" },
	{ FROM "done; delay=00:00:00, ntries=1", SMLOG_DONE, "", "" },
};

START_TEST(what_sendmail_writes_is_understood)
{
	struct smlog_line line;
	char rcpts[512] = "", one[256], relay[64];
	size_t at = 0;

	ck_assert_int_eq(smlog_read(lines[_i].line, strlen(lines[_i].line),
			     &line),
	    lines[_i].kind);
	ck_assert_str_eq(line.id, ID);
	while (smlog_rcpt(&line, &at, one, sizeof(one))) {
		strncat(rcpts, rcpts[0] == '\0' ? "" : " ",
		    sizeof(rcpts) - strlen(rcpts) - 1);
		strncat(rcpts, one, sizeof(rcpts) - strlen(rcpts) - 1);
	}
	ck_assert_str_eq(rcpts, lines[_i].rcpts);
	snprintf(relay, sizeof(relay), "%.*s%s", (int)line.relay_len,
	    line.relay == NULL ? "" : line.relay, line.other);
	ck_assert_str_eq(relay, lines[_i].relay);
}
END_TEST

/* ---- lines of others, and such as look like one ---- */

static const char *const nothings[] = {
	"",
	"Nov 23 06:40:44",
	TAG "NOQUEUE: connect from localhost [127.0.0.1]",
	TAG "starting daemon (8.17.1.9): SMTP",
	FROM "from=<s@x.example>, size=23, class=0, nrcpts=5, "
	     "msgid=<1@a.example>, proto=ESMTP, daemon=MTA, relay=localhost",
	/* a part of a line that was too long */
	TAG ID "[1]: to=<b@y.example>" SPENT RELAY SENT,
	/* other programs */
	"Nov 23 06:40:44 a.example postfix/smtp[1]: " ID
	": to=<b@y.example>" SPENT RELAY SENT,
	"Nov 23 06:40:44 a.example joe[1]: " ID ": done; delay=0, ntries=1",
	"Nov 23 06:40:44 a.example sendmail: " ID ": done; delay=0, ntries=1",
	/* all of it said by a recipient, a controlling address, a reply */
	FROM "to=<\", delay=00:00:00, mailer=relay, pri=1, dsn=2.0.0, "
	     "stat=Sent\"@y.example>" SPENT RELAY,
	FROM "to=<b@y.example>, ctladdr=<\", delay=00:00:00, mailer=relay, "
	     "pri=1, dsn=2.0.0, stat=Sent\"@y.example>" SPENT RELAY,
	FROM "to=<b@y.example>" SPENT RELAY
	     ", dsn=2.0.0, reply=250 x, stat=Sent (2.0.0 Ok)",
	/* no status that is one */
	FROM "to=<b@y.example>" SPENT RELAY ", dsn=, stat=Sent",
	FROM "to=<b@y.example>" SPENT RELAY ", stat=Sent",
	FROM "to=<b@y.example>" SPENT RELAY ", dsn=3.0.0, stat=Sent",
	FROM "to=<b@y.example>" SPENT RELAY ", dsn=2.0.0, stat=discarded",
	FROM "to=<b@y.example>" SPENT RELAY ", dsn=2.0.0, state=Sent",
	FROM "to=<b@y.example>" SPENT RELAY,
	FROM "to=<b@y.example>",
	FROM "to=",
	FROM "to=, delay=00:00:00, mailer=relay, pri=1, dsn=2.0.0, stat=Sent",
	FROM "to=<b@y.example>, delay=x, mailer=relay, pri=1" SENT,
	FROM "to=<b@y.example>, delay=00:00:00, mailer=re=lay, pri=1" SENT,
	FROM "to=<\"b@y.example>" SPENT RELAY SENT,
	/* ids that are none */
	FROM "NOQUEUE: DSN: User unknown",
	FROM NEW ": " NEW ": DSN: User unknown",
	FROM NEW ": dsn: User unknown",
	FROM NEW ":",
	FROM NEW ": clone: owned=x",
	FROM "unquarantined",
	FROM "done",
	TAG ": done; delay=0, ntries=1",
	FROM "split: count=2",
	FROM "split: count=x, ids=" NEW,
	FROM "split: maxrcpts=, rcpts=4, count=1, id=" NEW,
};

START_TEST(what_is_not_exactly_that_says_nothing)
{
	struct smlog_line line;

	ck_assert_int_eq(smlog_read(nothings[_i], strlen(nothings[_i]), &line),
	    SMLOG_NOTHING);
}
END_TEST

/* A line that was cut says nothing more, and nothing else, than the whole. */
START_TEST(a_cut_line_says_nothing_else)
{
	const char *whole = lines[_i].line;
	size_t len = strlen(whole);
	struct smlog_line line;

	for (size_t n = 0; n < len; n++) {
		char *cut = malloc(n + 1);
		enum smlog_kind kind;

		memcpy(cut, whole, n);
		kind = smlog_read(cut, n, &line);
		ck_assert(
		    kind == SMLOG_NOTHING || kind == lines[_i].kind ||
		    /* the reason is cut, "Return receipt" too */
		    (lines[_i].kind == SMLOG_NOTICE && kind == SMLOG_RETURNED));
		free(cut);
	}
}
END_TEST

/* ---- splits ---- */

static const struct {
	const char *line, *ids;
	int incomplete;
} splits[] = {
	{ FROM "split: count=1, id=" NEW, NEW, 0 },
	{ FROM "split: count=2, ids=" NEW "; " ID, NEW " " ID, 0 },
	{ FROM "split: maxrcpts=2, rcpts=5, count=2, ids=" NEW "; " ID,
	    NEW " " ID, 0 },
	{ FROM "split: count=3, ids=" NEW "; " ID, NEW " " ID, 1 },
	{ FROM "split: count=2, ids=" NEW "; 6AN6ei", NEW, 1 },
	{ FROM "split: count=2, ids=", "", 1 },
	{ FROM "split: count=1, ids=" NEW "; " ID, NEW " " ID, 1 },
};

START_TEST(a_split_names_all_or_says_that_it_does_not)
{
	struct smlog_line line;
	char ids[128] = "", id[SMID_TEXT];
	size_t at = 0;

	ck_assert_int_eq(smlog_read(splits[_i].line, strlen(splits[_i].line),
			     &line),
	    SMLOG_SPLIT);
	while (smlog_id(&line, &at, id)) {
		strncat(ids, ids[0] == '\0' ? "" : " ",
		    sizeof(ids) - strlen(ids) - 1);
		strncat(ids, id, sizeof(ids) - strlen(ids) - 1);
	}
	ck_assert_str_eq(ids, splits[_i].ids);
	ck_assert_int_eq(line.incomplete, splits[_i].incomplete);
}
END_TEST

START_TEST(a_recipient_without_room_is_left_out)
{
	static const char text[] =
	    FROM "to=<quite-long@y.example>,<b@y>" SPENT RELAY SENT;
	struct smlog_line line;
	char one[10];
	size_t at = 0;

	ck_assert_int_eq(smlog_read(text, sizeof(text) - 1, &line), SMLOG_SENT);
	ck_assert_int_eq(smlog_rcpt(&line, &at, one, sizeof(one)), 1);
	ck_assert_str_eq(one, "<b@y>");
	ck_assert_int_eq(smlog_rcpt(&line, &at, one, sizeof(one)), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("smlog");
	TCase *tc = tcase_create("lines");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, what_sendmail_writes_is_understood, 0,
	    sizeof(lines) / sizeof(*lines));
	tcase_add_loop_test(tc, what_is_not_exactly_that_says_nothing, 0,
	    sizeof(nothings) / sizeof(*nothings));
	tcase_add_loop_test(tc, a_cut_line_says_nothing_else, 0,
	    sizeof(lines) / sizeof(*lines));
	tcase_add_loop_test(tc, a_split_names_all_or_says_that_it_does_not, 0,
	    sizeof(splits) / sizeof(*splits));
	tcase_add_test(tc, a_recipient_without_room_is_left_out);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
