/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/pfid.h"
#include "core/pflog.h"
#include "core/pfverify.h"

/* ---- queue ids ---- */

static const struct {
	const char *text;
	int valid;
} ids[] = {
	{ "4jXKs073lDz1bkTK", 1 }, { "4jXN4m6MKgz1bY4l", 1 },
	{ "zzzzzzzzzzz1", 1 }, /* z is a digit of the time, too */
	{ "ABCDEF", 1 }, { "0123456789ABCDEF", 1 },
	{ "ABCDE", 0 },            /* no inode */
	{ "abcdef", 0 },           /* upper case only */
	{ "4jXKs073lDz", 0 },      /* nothing after the z */
	{ "4jXKs073z1bkTK", 0 },   /* too short before it */
	{ "4jXKs073lAz1bkTK", 0 }, /* a vowel */
	{ "631338.4711", 0 },      /* temporary */
	{ "", 0 }, { "..", 0 }, { "-h", 0 }, { "4jXKs073lDz1bkTK\n", 0 },
	{ "4jXKs073lDz1bkTK/x", 0 },
	{ "4jXKs073lDz1bkTKbbbbbbbbbbbbbbbb", 0 }, /* longer than any */
};

START_TEST(only_what_postfix_makes_is_a_queue_id)
{
	ck_assert_int_eq(pfid_valid(ids[_i].text, strlen(ids[_i].text)),
	    ids[_i].valid);
}
END_TEST

START_TEST(folder_follows_from_the_id)
{
	char hash[PFID_HASH + 1];

	pfid_hash("4jXKs073lDz1bkTK", hash);
	ck_assert_str_eq(hash, "F2C68");
	pfid_hash("ABCDE12345", hash);
	ck_assert_str_eq(hash, "ABCDE");
	ck_assert_int_ne(pfid_long("4jXKs073lDz1bkTK"), 0);
	ck_assert_int_eq(pfid_long("ABCDE12345"), 0);
}
END_TEST

/* ---- log lines ---- */

#define D   "Nov 22 08:47:52 mx1 "
#define NEW "4jXN4m6MKgz1bY4l"
#define OLD "4jXKs073lDz1bkTK"

#define S          "to=<r@y>, "
#define DELAYS     "delays=0/0/0/0.1, "
#define OK         "dsn=2.0.0, status=sent (250 2.0.0 Ok)"
#define SENT(text) D "postfix/smtp[7]: " OLD ": " text

#define REFUSED(relay, said, at)                                               \
	SENT(S "relay=" relay ", delay=1, " DELAYS "dsn=5.1.1, "               \
	       "status=bounced (host mx[192.0.2.1] said: " said " (in reply "  \
	       "to " at " command))")
#define RCPT "RCPT TO"
#define MX   "mx[192.0.2.1]:25"

#define DEFERRED   "dsn=4.4.1, status=deferred "
#define AWAY(text) SENT(S "relay=none, delay=1, " DELAYS DEFERRED text)
#define TALK(text)                                                             \
	SENT(S "relay=mx[192.0.2.1]:25, delay=1, " DELAYS DEFERRED text)

static const struct {
	const char *line;
	enum pflog_kind kind;
} lines[] = {
	{ D "postfix/pickup[7945]: " NEW ": uid=102 from=<a@b> orig_id=" OLD,
	    PFLOG_LINKED },
	{ "Nov  2 08:47:52 mx1 pf-a/pickup[1]: " NEW
	  ": uid=0 from=<> orig_id=" OLD,
	    PFLOG_LINKED },
	{ "2026-11-22T08:47:52.123456+00:00 mx1 postfix/pickup[1]: " NEW
	  ": uid=0 from=<> orig_id=" OLD,
	    PFLOG_LINKED },
	{ D "a/b/pickup[1]: 12345ABC: uid=0 from=<> orig_id=ABCDEF01",
	    PFLOG_LINKED },
	{ D "postfix/pickup[1]: " NEW
	    ": uid=0 from=<\"x> orig_id=AAAAAA1 \"@b> orig_id=" OLD,
	    PFLOG_LINKED },
	{ D "postfix/postsuper[99]: " OLD ": requeued", PFLOG_REQUEUED },
	{ D "postfix/bounce[99]: " OLD
	    ": sender non-delivery notification: " NEW,
	    PFLOG_RETURNED },
	{ D "postfix/bounce[99]: " OLD
	    ": postmaster non-delivery notification: " NEW,
	    PFLOG_RETURNED },

	{ SENT(S "relay=mx[192.0.2.1]:25, delay=0.1, delays=0/0/0/0.1, " OK),
	    PFLOG_SENT },
	{ SENT(S "relay=mx[192.0.2.1]:25, conn_use=7, delay=0.1, " DELAYS OK),
	    PFLOG_SENT },
	{ D "postfix/relay/smtp[7]: " OLD ": " S "relay=x, delay=1, " DELAYS OK,
	    PFLOG_SENT },
	{ D "postfix/local[7]: " OLD ": " S "relay=local, delay=1, " DELAYS
	    "dsn=2.0.0, status=sent (delivered to mailbox)",
	    PFLOG_SENT },

	/* Rewritten, or not delivered. */
	{ SENT(S "orig_to=<b@c>, relay=x, delay=1, " DELAYS OK), PFLOG_SENT },
	{ SENT(S "orig_to=<b@c>, relay=x, delay=1, " DELAYS
		 "dsn=5.0.0, status=bounced (no)"),
	    PFLOG_BOUNCED },
	{ SENT(S "orig_to=<>, relay=x, delay=1, " DELAYS OK), PFLOG_NOTHING },
	{ SENT(S "orig_to=<b@c>"), PFLOG_NOTHING },
	{ SENT(S "relay=x, delay=1, " DELAYS
		 "dsn=4.0.0, status=deferred (status=sent (250 ok))"),
	    PFLOG_NOTHING },
	{ SENT(S "relay=x, delay=1, " DELAYS "dsn=5.0.0, status=sent (no)"),
	    PFLOG_NOTHING },

	/* Given up, or removed. */
	{ SENT(S "relay=x, delay=1, " DELAYS "dsn=5.0.0, status=bounced (no)"),
	    PFLOG_BOUNCED },
	{ D "postfix/error[7]: " OLD ": " S "relay=none, delay=1, " DELAYS
	    "dsn=5.1.1, status=bounced (nobody)",
	    PFLOG_BOUNCED },
	{ SENT(S "relay=x, delay=1, " DELAYS "dsn=4.0.0, status=bounced (no)"),
	    PFLOG_NOTHING },
	{ D "postfix/qmgr[7]: " OLD
	    ": from=<a@b>, status=expired, returned to sender",
	    PFLOG_EXPIRED },
	{ D "postfix/qmgr[7]: " OLD
	    ": from=<>, status=force-expired, returned to sender",
	    PFLOG_EXPIRED },
	{ D "postfix/qmgr[7]: " OLD
	    ": from=<\">, status=expired, returned to sender\"@b>, size=7,"
	    " nrcpt=1 (queue active)",
	    PFLOG_NOTHING },
	{ D "postfix/smtp[7]: " OLD
	    ": from=<a@b>, status=expired, returned to sender",
	    PFLOG_NOTHING },
	{ D "postfix/postsuper[7]: " OLD ": removed", PFLOG_DELETED },
	{ D "postfix/qmgr[7]: " OLD ": removed", PFLOG_NOTHING },
	{ SENT(S "relay=x, delay=1, " DELAYS "dsn=4.0.0, status=sent (250)"),
	    PFLOG_NOTHING },
	{ SENT(S "relay=x, delay=1, " DELAYS "dsn=2.0.0, status=sent"),
	    PFLOG_NOTHING },
	{ SENT("to=<>, relay=x, delay=1, " DELAYS OK), PFLOG_NOTHING },
	{ SENT("to=<r@y>"), PFLOG_NOTHING },
	/* Said by somebody who does not deliver. */
	{ D "postfix/smtpd[7]: " OLD ": " S "relay=x, delay=1, " DELAYS OK,
	    PFLOG_NOTHING },
	{ D "postfix/error[7]: " OLD ": " S "relay=x, delay=1, " DELAYS OK,
	    PFLOG_NOTHING },
	/* What a next hop says counts for nothing. */
	{ SENT(S "relay=x, delay=1, " DELAYS
		 "dsn=4.0.0, status=deferred (said: 4 to=<r@y>, relay=x, "
		 "delay=1, " DELAYS OK),
	    PFLOG_NOTHING },

	/* Out of reach, in our SMTP client's own words alone. */
	{ AWAY("(connect to mx[192.0.2.1]:25: Connection refused)"),
	    PFLOG_DEFERRED },
	{ AWAY("(connect to mx[2001:db8::1]:25: Connection timed out)"),
	    PFLOG_DEFERRED },
	{ TALK(
	      "(lost connection with mx[192.0.2.1] while receiving the initial "
	      "server greeting)"),
	    PFLOG_DEFERRED },
	{ TALK("(conversation with mx[192.0.2.1] timed out while sending RCPT "
	       "TO)"),
	    PFLOG_DEFERRED },
	{ TALK("(host mx[192.0.2.1] refused to talk to me: 421 later)"),
	    PFLOG_DEFERRED },
	{ TALK("(host mx[192.0.2.1] said: 451 4.3.0 lost connection with "
	       "mx[192.0.2.1] while (in reply to RCPT TO command))"),
	    PFLOG_NOTHING },
	{ TALK("(host mx[192.0.2.1] said: 450 connect to mx[192.0.2.1]:25: "
	       "Connection refused)"),
	    PFLOG_NOTHING },
	{ AWAY("(connect to mx[192.0.2.1]:25: Connection refused (forged))"),
	    PFLOG_NOTHING },
	{ AWAY("(connect to mx[192.0.2.1]:25: Network is unreachable)"),
	    PFLOG_NOTHING },
	{ AWAY("(connect to mx[private/x]: Connection refused)"),
	    PFLOG_NOTHING },
	{ AWAY("(connect to [192.0.2.1]:25: Connection refused)"),
	    PFLOG_NOTHING },
	{ AWAY("(connect to mx[192.0.2.1]:123456: Connection refused)"),
	    PFLOG_NOTHING },
	{ AWAY("(connect to mx[192.0.2.1]:: Connection refused)"),
	    PFLOG_NOTHING },
	{ AWAY("(connect to mx[192.0.2.1.9]:25: Connection refused)"),
	    PFLOG_NOTHING },
	{ AWAY("(connect to : Connection refused)"), PFLOG_NOTHING },
	{ AWAY("(connect to "), PFLOG_NOTHING },
	{ AWAY("("), PFLOG_NOTHING },
	{ AWAY("(Host or domain name not found)"), PFLOG_NOTHING },
	{ SENT(
	      S "relay=mx[private/x], delay=1, " DELAYS
		"dsn=4.4.2, status=deferred (lost connection with mx[private/x]"
		" while sending)"),
	    PFLOG_NOTHING },
	{ D "postfix/error[7]: " OLD ": " S "relay=none, delay=1, " DELAYS
	    "dsn=4.4.1, status=deferred (connect to mx[192.0.2.1]:25: "
	    "Connection refused)",
	    PFLOG_NOTHING },
	{ D "postfix/lmtp[7]: " OLD ": " S "relay=none, delay=1, " DELAYS
	    "dsn=4.4.1, status=deferred (connect to mx[192.0.2.1]:25: "
	    "Connection refused)",
	    PFLOG_NOTHING },

	/* A new submission of somebody with a strange address. */
	{ D "postfix/pickup[1]: " NEW ": uid=0 from=<a> orig_id=" OLD ">",
	    PFLOG_NOTHING },
	{ D "postfix/pickup[1]: " NEW ": uid=0 from=<a orig_id=" OLD,
	    PFLOG_NOTHING },
	{ D "postfix/pickup[1]: " NEW ": uid=0 from=<a@b>", PFLOG_NOTHING },
	/* Another program, or somebody's text. */
	{ D "postfix/smtpd[1]: " NEW ": uid=0 from=<> orig_id=" OLD,
	    PFLOG_NOTHING },
	{ D "pickup[1]: " NEW ": uid=0 from=<> orig_id=" OLD, PFLOG_NOTHING },
	{ D "joe: postfix/pickup[1]: " NEW ": uid=0 from=<> orig_id=" OLD,
	    PFLOG_NOTHING },
	{ D "postfix/pickup[x]: " NEW ": uid=0 from=<> orig_id=" OLD,
	    PFLOG_NOTHING },
	{ D "postfix/pickup[1]: warning: " NEW ": uid=0 from=<> orig_id=" OLD,
	    PFLOG_NOTHING },
	/* Damaged. */
	{ D "postfix/pickup[1]: " NEW ": uid=0 from=<> orig_id=4jX",
	    PFLOG_NOTHING },
	{ D "postfix/pickup[1]: " NEW ": uid=0 from=<> orig_id=" OLD " ",
	    PFLOG_NOTHING },
	{ D "postfix/pickup[1]: " NEW ": uid=0 from=<\t> orig_id=" OLD,
	    PFLOG_NOTHING },
	{ D "postfix/pickup[1]: " OLD ": uid=0 from=<> orig_id=" OLD,
	    PFLOG_NOTHING },
	{ "postfix/pickup[1]: " NEW ": uid=0 from=<> orig_id=" OLD,
	    PFLOG_NOTHING },
	{ D "postfix/postsuper[99]: " OLD ": requeued again", PFLOG_NOTHING },
	{ D "postfix/postsuper[99]: " OLD ": removed by hand", PFLOG_NOTHING },
	{ D "postfix/qmgr[99]: " OLD ": requeued", PFLOG_NOTHING },
	{ D "postfix/qmgr[99]: " OLD ": sender non-delivery notification: " NEW,
	    PFLOG_NOTHING },
	{ D "postfix/bounce[99]: " OLD
	    ": sender non-delivery notification: " NEW " ",
	    PFLOG_NOTHING },
	{ D "postfix/bounce[99]: " OLD
	    ": sender non-delivery notification: " OLD,
	    PFLOG_NOTHING },
	{ D "postfix/bounce[99]: " OLD ": sender delay notification: " NEW,
	    PFLOG_NOTHING },
	{ "", PFLOG_NOTHING },
	{ "Nov", PFLOG_NOTHING },
};

START_TEST(only_the_line_of_a_requeue_links_ids)
{
	struct pflog_line out;

	ck_assert_int_eq(pflog_read(lines[_i].line, strlen(lines[_i].line),
			     &out),
	    lines[_i].kind);
	ck_assert_int_eq(out.kind, lines[_i].kind);
	if (out.kind == PFLOG_NOTHING) {
		ck_assert_str_eq(out.id, "");
		ck_assert_str_eq(out.other, "");
		ck_assert_uint_eq(out.relay_len, 0);
	}
}
END_TEST

/* Who was spoken with, "" for nobody who could be named. */
static const struct {
	const char *line, *relay;
} relays[] = {
	{ SENT(S "relay=mx[192.0.2.1]:25, delay=1, " DELAYS OK),
	    "[192.0.2.1]:25" },
	{ D "postfix/relay/smtp[7]: " OLD ": " S
	    "relay=mx[2001:db8::1]:2525, conn_use=2, delay=1, " DELAYS OK,
	    "[2001:db8::1]:2525" },
	{ AWAY("(connect to mx[192.0.2.9]:25: Connection refused)"),
	    "[192.0.2.9]:25" },
	{ TALK("(lost connection with mx[192.0.2.1] while sending)"),
	    "[192.0.2.1]:25" },
	{ SENT(S "relay=mx, delay=1, " DELAYS OK), "" },
	{ SENT(S "relay=[192.0.2.1]:25, delay=1, " DELAYS OK), "" },
	{ SENT(S "relay=mx[192.0.2.1], delay=1, " DELAYS OK), "" },
	{ SENT(S "relay=mx[192.0.2.1]:25x, delay=1, " DELAYS OK), "" },
	{ SENT(S "relay=mx[192.0.2.1]:, delay=1, " DELAYS OK), "" },
	{ SENT(S "relay=mx[a[192.0.2.1]:25, delay=1, " DELAYS OK), "" },
	{ SENT(S "relay=mx[fe80::1%eth0]:25, delay=1, " DELAYS OK), "" },
	{ D "postfix/lmtp[7]: " OLD ": " S
	    "relay=mx[192.0.2.1]:24, delay=1, " DELAYS OK,
	    "" },
	{ SENT(S "relay=mx[192.0.2.1]:25, delay=1, " DELAYS
		 "dsn=5.1.1, status=bounced (no)"),
	    "" },
	{ REFUSED("mx[192.0.2.1]:25", "550 5.1.1 <r@y>: who?", RCPT),
	    "[192.0.2.1]:25" },
	{ REFUSED("mx", "550 5.1.1 <r@y>: who?", RCPT), "" },
};

START_TEST(relay_is_an_address_or_nothing)
{
	struct pflog_line out;

	ck_assert_int_ne(pflog_read(relays[_i].line, strlen(relays[_i].line),
			     &out),
	    PFLOG_NOTHING);
	ck_assert_uint_eq(out.relay_len, strlen(relays[_i].relay));
	if (out.relay_len != 0)
		ck_assert_int_eq(memcmp(out.relay, relays[_i].relay,
				     out.relay_len),
		    0);
	/* 64 bytes are enough for any */
	ck_assert_uint_lt(out.relay_len, 64);
}
END_TEST

/* code 0: it is not said that the recipient was refused. */
static const struct {
	const char *line;
	int code;
	const char *enhanced;
} refusals[] = {
	{ REFUSED(MX, "550 5.1.1 <r@y>: Recipient address rejected", RCPT), 550,
	    "5.1.1" },
	{ REFUSED(MX, "550 no such user", RCPT), 550, "" },
	{ REFUSED(MX, "550 5.1.1", RCPT), 550, "5.1.1" },
	{ REFUSED(MX, "554 5.7.1 no (in reply to end of DATA command))", RCPT),
	    554, "5.7.1" },
	/* about something else */
	{ REFUSED(MX, "550 5.1.1 spam", "end of DATA"), 0, "" },
	{ REFUSED(MX, "550 5.1.8 you", "MAIL FROM"), 0, "" },
	{ REFUSED(MX, "550 5.1.1 x (in reply to RCPT TO command))", "DATA"), 0,
	    "" },
	/* not its words */
	{ REFUSED(MX, "450 4.1.1 later", RCPT), 0, "" },
	{ REFUSED(MX, "55", RCPT), 0, "" },
	{ REFUSED(MX, "599 what", RCPT), 0, "" },
	{ REFUSED(MX, "5505.1.1 x", RCPT), 0, "" },
	{ SENT(S "relay=" MX ", delay=1, " DELAYS "dsn=5.1.1, "
		 "status=bounced (550 5.1.1 x (in reply to RCPT TO command))"),
	    0, "" },
};

START_TEST(a_refusal_is_the_next_hops_word_of_the_recipient)
{
	struct pflog_line out;

	ck_assert_int_eq(pflog_read(refusals[_i].line,
			     strlen(refusals[_i].line), &out),
	    PFLOG_BOUNCED);
	ck_assert_int_eq(out.relay_len != 0, refusals[_i].code != 0);
	if (out.relay_len == 0)
		return;
	ck_assert_int_eq(out.code, refusals[_i].code);
	ck_assert_str_eq(out.enhanced, refusals[_i].enhanced);
}
END_TEST

START_TEST(rewritten_is_told_as_what_the_client_gave)
{
	static const char line[] =
	    SENT("to=<c@d>, orig_to=<r@y>, relay=" MX ", delay=1, " DELAYS OK);
	struct pflog_line out;

	ck_assert_int_eq(pflog_read(line, sizeof(line) - 1, &out), PFLOG_SENT);
	ck_assert(out.rewritten);
	ck_assert_uint_eq(out.rcpt_len, 3);
	ck_assert_int_eq(memcmp(out.rcpt, "r@y", 3), 0);
	ck_assert_uint_ne(out.relay_len, 0);
}
END_TEST

START_TEST(link_leads_from_the_old_id_to_the_new)
{
	struct pflog_line out;

	pflog_read(lines[0].line, strlen(lines[0].line), &out);
	ck_assert_str_eq(out.id, OLD);
	ck_assert_str_eq(out.other, NEW);
	/* What the sender put in front of it counts for nothing. */
	pflog_read(lines[4].line, strlen(lines[4].line), &out);
	ck_assert_str_eq(out.id, OLD);
}
END_TEST

START_TEST(delivery_names_its_recipient)
{
	static const char line[] =
	    SENT("to=<\"a, b\"@y>, relay=x, delay=1, " DELAYS OK);
	struct pflog_line out;

	pflog_read(line, sizeof(line) - 1, &out);
	ck_assert_int_eq(out.kind, PFLOG_SENT);
	ck_assert_str_eq(out.id, OLD);
	ck_assert_uint_eq(out.rcpt_len, strlen("\"a, b\"@y"));
	ck_assert_int_eq(memcmp(out.rcpt, "\"a, b\"@y", out.rcpt_len), 0);
}
END_TEST

/* A logger that cuts at any length must not turn an address into a link. */
START_TEST(cut_line_yields_nothing)
{
	char line[2200];
	struct pflog_line out;
	size_t len;
	static const char start[] =
	    D "postfix/pickup[1]: " NEW ": uid=0 from=<\"";
	static const char evil[] = "> orig_id=" OLD;

	memcpy(line, start, sizeof(start) - 1);
	for (size_t pad = 880; pad < 2000; pad++) {
		memset(line + sizeof(start) - 1, 'x', pad);
		len = sizeof(start) - 1 + pad;
		memcpy(line + len, evil, sizeof(evil) - 1);
		len += sizeof(evil) - 1;
		if (len >= 1000)
			ck_assert_int_eq(pflog_read(line, len, &out),
			    PFLOG_NOTHING);
	}
}
END_TEST

START_TEST(every_beginning_of_a_line_yields_nothing)
{
	const char *line = lines[0].line;
	struct pflog_line out;

	for (size_t n = 0; n < strlen(line) - 5; n++) {
		enum pflog_kind kind = pflog_read(line, n, &out);

		ck_assert_int_eq(kind, PFLOG_NOTHING);
	}
}
END_TEST

/* ---- two readings of the folders ---- */

/*
 * A made-up queue with one file.  Before each look the file may move once, at
 * the steps that the plan names; every move leaves an event, or none when
 * quiet is set (a move is seen before its event can be read).
 */
struct plan {
	int at[2]; /* before which look; -1 never */
	int to[2]; /* where to */
	int where;
	int step;
	int events;
	int quiet;
	int one_pass; /* the planted fault */
	struct pfverify_item *item;
};

static enum pf_sight
plan_look(void *ctx, const char *id, enum pf_folder folder)
{
	struct plan *p = ctx;

	(void)id;
	for (int i = 0; i < 2; i++)
		if (p->at[i] == p->step) {
			p->where = p->to[i];
			p->events = !p->quiet;
		}
	p->step++;
	if (p->one_pass && p->step > PF_FOLDERS)
		return PF_NOT_THERE;
	return (int)folder == p->where ? PF_THERE : PF_NOT_THERE;
}

static int
plan_drain(void *ctx)
{
	struct plan *p = ctx;

	if (p->events && !p->one_pass)
		p->item->touched = 1;
	p->events = 0;
	return 0;
}

static enum smx_presence
plan_run(struct plan *p)
{
	struct pfverify_item item = { .id = OLD };
	const struct pfverify_eye eye = { p, plan_look, plan_drain };

	p->item = &item;
	pfverify_run(&eye, &item, 1);
	return item.presence;
}

/* Where a message can go from each folder, as Postfix and postsuper do it. */
static const int goes[PF_FOLDERS][PF_FOLDERS] = {
	[PF_INCOMING] = { 1, 0, 1, 1, 1, 1 },
	[PF_ACTIVE] = { 1, 1, 0, 1, 1, 1 },
	[PF_DEFERRED] = { 1, 0, 1, 0, 1, 0 },
	[PF_HOLD] = { 1, 0, 0, 1, 0, 0 },
};

/* How many of all plans with two moves end in ABSENT. */
static int
count_absent(int quiet, int one_pass)
{
	int wrong = 0;

	for (int from = 0; from < PF_FOLDERS; from++)
		for (int mid = 0; mid < PF_FOLDERS; mid++)
			for (int to = 0; to < PF_FOLDERS; to++)
				for (int n = 0; n < 24 * 24; n++) {
					struct plan p = {
						.at = { n / 24, n % 24 },
						.to = { mid, to },
						.where = from,
						.quiet = quiet,
						.one_pass = one_pass,
					};

					if (!goes[from][mid] ||
					    !goes[mid][to] ||
					    p.at[0] >= p.at[1])
						continue;
					wrong +=
					    plan_run(&p) == SMX_PRESENCE_ABSENT;
				}
	return wrong;
}

START_TEST(moving_file_is_never_absent)
{
	ck_assert_int_eq(count_absent(0, 0), 0);
}
END_TEST

/* Readings in opposite orders need no event to see through a single move. */
START_TEST(one_move_without_event_is_never_absent)
{
	for (int from = 0; from < PF_FOLDERS; from++)
		for (int to = 0; to < PF_FOLDERS; to++)
			for (int at = 0; at < 12; at++) {
				struct plan p = { .at = { at, -1 },
					.to = { to, 0 },
					.where = from,
					.quiet = 1 };

				if (goes[from][to])
					ck_assert_int_ne(plan_run(&p),
					    SMX_PRESENCE_ABSENT);
			}
}
END_TEST

/* The test above can fail: one reading without events misses files. */
START_TEST(single_reading_would_miss_a_moving_file)
{
	ck_assert_int_gt(count_absent(0, 1), 0);
}
END_TEST

static int
drain_touches(void *ctx)
{
	((struct plan *)ctx)->item->touched = 1;
	return 0;
}

START_TEST(file_that_never_rests_is_unknown)
{
	struct plan p = { .at = { -1, -1 }, .where = -1 };
	struct pfverify_item item = { .id = OLD };
	const struct pfverify_eye eye = { &p, plan_look, drain_touches };

	p.item = &item;
	pfverify_run(&eye, &item, 1);
	ck_assert_int_eq(item.presence, SMX_PRESENCE_UNKNOWN);
	ck_assert_int_eq(p.step, PFVERIFY_ROUNDS * 2 * PF_FOLDERS);
}
END_TEST

static int
drain_loses(void *ctx)
{
	struct plan *p = ctx;

	return p->step >= 2 * PF_FOLDERS;
}

START_TEST(lost_events_leave_nothing_certain)
{
	struct plan p = { .at = { -1, -1 }, .where = -1 };
	struct pfverify_item item = { .id = OLD };
	const struct pfverify_eye eye = { &p, plan_look, drain_loses };

	p.item = &item;
	pfverify_run(&eye, &item, 1);
	ck_assert_int_eq(item.presence, SMX_PRESENCE_UNKNOWN);
}
END_TEST

START_TEST(message_in_no_folder_is_absent)
{
	struct plan p = { .at = { -1, -1 }, .where = -1 };

	ck_assert_int_eq(plan_run(&p), SMX_PRESENCE_ABSENT);
	ck_assert_int_eq(p.step, 2 * PF_FOLDERS);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pflog");
	TCase *tc = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, only_what_postfix_makes_is_a_queue_id, 0,
	    sizeof(ids) / sizeof(*ids));
	tcase_add_test(tc, folder_follows_from_the_id);
	tcase_add_loop_test(tc, only_the_line_of_a_requeue_links_ids, 0,
	    sizeof(lines) / sizeof(*lines));
	tcase_add_loop_test(tc, relay_is_an_address_or_nothing, 0,
	    sizeof(relays) / sizeof(*relays));
	tcase_add_loop_test(tc,
	    a_refusal_is_the_next_hops_word_of_the_recipient, 0,
	    sizeof(refusals) / sizeof(*refusals));
	tcase_add_test(tc, rewritten_is_told_as_what_the_client_gave);
	tcase_add_test(tc, link_leads_from_the_old_id_to_the_new);
	tcase_add_test(tc, delivery_names_its_recipient);
	tcase_add_test(tc, cut_line_yields_nothing);
	tcase_add_test(tc, every_beginning_of_a_line_yields_nothing);
	tcase_add_test(tc, moving_file_is_never_absent);
	tcase_add_test(tc, one_move_without_event_is_never_absent);
	tcase_add_test(tc, single_reading_would_miss_a_moving_file);
	tcase_add_test(tc, file_that_never_rests_is_unknown);
	tcase_add_test(tc, lost_events_leave_nothing_certain);
	tcase_add_test(tc, message_in_no_folder_is_absent);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
