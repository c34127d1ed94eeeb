/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shadowmx/policy.h>

#include "base/buf.h"
#include "core/conf.h"
#include "conf_text_of.h"
#include "folder.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* ---- what is wrong is told, with its place ---- */

/* Two lines of PAIR and one of ACCEPT come first: what is tested begins in
 * line 4. */
#define GOOD PAIR ACCEPT
/* A policy's backup group, begun on line 5. */
#define BACKUP                                                                 \
	GOOD "policies = ( { name = \"a\"; match = { domains = "               \
	     "\"c.example\"; };\n backup = { "

/* This host and one member in Tokyo, one in Osaka. */
#define SITES                                                                  \
	"node = \"mx1.example.org\"; site = \"tokyo\";\n"                      \
	"peers = { members = (\n"                                              \
	"{ name = \"mx2.example.org\"; address = \"192.0.2.2:8825\";"          \
	" pin = \"" PIN_A "\"; site = \"osaka\"; },\n"                         \
	"{ name = \"mx3.example.org\"; address = \"192.0.2.3:8825\";"          \
	" pin = \"" PIN_B "\"; site = \"tokyo\"; } ); };\n" ACCEPT

static const struct {
	const char *text;
	const char *want[4]; /* parts of one line each */
} bad[] = {
	/* names */
	{ GOOD "nodes = 1;", { ":4: nodes = 1: unknown setting; did you mean "
			       "\"node\"?; accepted: node, site, user" } },
	{ GOOD "milter = {\n lisen = \"x\"; };",
	    { ":5: milter.lisen = \"x\": unknown setting; did you mean "
	      "\"listen\"?" } },
	{ GOOD "store = 5;", { ":4: store = 5: this is not a group" } },
	{ GOOD "defaults.x = 1;", { ":4: " } },
	{ GOOD
	    "policies = ( { name = \"a\"; backups = { hold = \"5d\"; }; } );",
	    { ":4: policies[0].backups = {...}: unknown setting; did you mean "
	      "\"backup\"?; accepted: name, match, acknowledge, backup" } },
	/* backup */
	{ GOOD "policies = ( { name = \"a\"; backup = { hold = \"5d\"; }; } );",
	    { ":4: policies[0].backup.while_up: it has no default and must be "
	      "set; accepted: \"accept\" or \"defer\" or \"relay\"" } },
	{ BACKUP "while_up = \"later\"; hold = \"2y\"; grace = 5; }; } );",
	    { ":5: policies[0].backup.while_up = \"later\": unknown word",
		":5: policies[0].backup.hold = \"2y\"",
		":5: policies[0].backup.grace = 5: write it as text" } },
	{ BACKUP "while_up = \"accept\"; at_end = \"drop\";"
		 " unknown_recipient = \"bounce\"; }; } );",
	    { ":5: policies[0].backup.at_end = \"drop\": unknown word; "
	      "accepted: \"return\" or \"keep\" or \"hand\"",
		":5: policies[0].backup.unknown_recipient = \"bounce\"" } },
	{ BACKUP "while_up = \"accept\"; at_end = \"hand\"; }; } );",
	    { ":5: policies[0].backup.at_end = \"hand\": nobody is named to "
	      "hand it to; accepted: backup.hand_to" } },
	{ BACKUP "while_up = \"accept\";\n hand_to = \"a@d.example\"; }; } );",
	    { ":6: policies[0].backup.hand_to = \"a@d.example\": nothing is "
	      "handed to anybody; accepted: at_end = \"hand\"" } },
	{ BACKUP "while_up = \"accept\"; at_end = \"hand\";\n hand_to = "
		 "\"a@sub.c.example\"; }; } );",
	    { ":6: policies[0].backup.hand_to = \"a@sub.c.example\": the "
	      "primary of this address is the one that is down" } },
	{ BACKUP "while_up = \"accept\"; at_end = \"hand\"; primary = "
		 "\"[192.0.2.9]\";\n hand_to = \"smtp:[192.0.2.9]\"; }; } );",
	    { ":6: policies[0].backup.hand_to = \"smtp:[192.0.2.9]\": this is "
	      "the primary that is down" } },
	{ BACKUP "while_up = \"accept\"; at_end = \"hand\";\n hand_to = "
		 "\"mta\"; }; } );",
	    { ":6: policies[0].backup.hand_to = \"mta\": the MTA would send it "
	      "to the primary that is down" } },
	{ BACKUP "while_up = \"accept\"; at_end = \"hand\";\n hand_to = "
		 "\"smtp:[MX1.example.org]\"; }; } );",
	    { ":6: policies[0].backup.hand_to = \"smtp:[MX1.example.org]\": "
	      "this is this host itself" } },
	{ BACKUP
	    "while_up = \"accept\";\nprimary = ( \"[192.0.2.9]\",\n"
	    "\"smtp:[192.0.2.9]:25\",\n\"[MX1.example.org]:26\" ); }; } );",
	    { ":7: policies[0].backup.primary[1] = \"smtp:[192.0.2.9]:25\": "
	      "this host stands twice",
		":8: policies[0].backup.primary[2] = \"[MX1.example.org]:26\""
		": this is this host itself" } },
	{ BACKUP "while_up = \"accept\"; primary = \"mx.c.example\"; }; } );",
	    { ":5: policies[0].backup.primary = \"mx.c.example\": this is not "
	      "one host: write it in brackets; accepted: \"[host]:25\"" } },
	{ BACKUP "while_up = \"accept\"; primary = \"lmtp:[192.0.2.9]\"; }; "
		 "} );",
	    { ":5: policies[0].backup.primary = \"lmtp:[192.0.2.9]\"" } },
	{ BACKUP "while_up = \"accept\"; primary = ( \"[a]\", \"[b]\", "
		 "\"[c]\", \"[d]\", \"[e]\", \"[f]\", \"[g]\", \"[h]\", "
		 "\"[i]\" ); }; } );",
	    { ":5: policies[0].backup.primary = (...): too many hosts; "
	      "accepted: at most 8" } },
	{ BACKUP "while_up = \"accept\"; exempt = \"192.0.2.1/24\"; }; } );",
	    { ":5: policies[0].backup.exempt = \"192.0.2.1/24\": this is no "
	      "network" } },
	{ BACKUP "while_up = \"accept\"; hold = \"6h\";\n warn = \"6h\"; }; } "
		 ");",
	    { ":6: policies[0].backup.warn = \"6h\": not shorter than hold; "
	      "accepted: 0, or less than 6h" } },
	{ GOOD "policies = ( { name = \"a\"; match = { authenticated = false;"
	       " };\n backup = { while_up = \"accept\"; }; } );",
	    { ":5: policies[0].backup = {...}: nobody is the backup MX of "
	      "every domain there is; accepted: domains, recipients or" } },
	{ GOOD "policies = ( { name = \"a\"; match = { domains = \"c.example\";"
	       "\n max_size = \"1M\"; };"
	       " backup = { while_up = \"accept\"; }; } );",
	    { ":5: policies[0].match.max_size = \"1M\": a backup MX answers "
	      "each recipient before the size is known" } },
	{ BACKUP "while_up = \"accept\"; }; } );\n"
		 "store = { driver = \"memory\"; };",
	    { ":5: policies[0].backup = {...}: the books of a backup MX need a "
	      "store with a folder; accepted: store.driver = \"sqlite\"" } },
	/* who speaks for whom */
	{ BACKUP "while_up = \"accept\"; peer = \"mx9.c.example\"; }; } );",
	    { ":5: policies[0].backup.peer = \"mx9.c.example\": no member has "
	      "this name; accepted: the name of a member of peers.members" } },
	{ BACKUP "while_up = \"accept\"; peer = ( \"mx2.example.org\",\n"
		 "\"a b\" ); }; } );",
	    { ":6: policies[0].backup.peer[1] = \"a b\": this is not a host "
	      "name" } },
	{ GOOD "primary_for = ( { domains = \"c.example\";\n members = "
	       "( \"mx2.example.org\", \"mx9.example.org\" ); } );",
	    { ":5: primary_for[0].members[1] = \"mx9.example.org\": no member "
	      "has this name" } },
	{ GOOD "primary_for = ( { members = \"mx2.example.org\"; } );",
	    { ":4: primary_for[0].domains: it has no default" } },
	{ GOOD "primary_for = ( { domains = \"c.example\"; } );",
	    { ":4: primary_for[0].members: it has no default" } },
	{ GOOD "primary_for = ( { domains = ( \"c.example\", \"d.example\" "
	       ");\n members = \"mx2.example.org\"; },\n{ domains = ( "
	       "\"e.example\", \"D.example\" );\n members = "
	       "\"mx2.example.org\"; } );",
	    { ":6: primary_for[1].domains[1] = \"D.example\": this domain "
	      "stands twice; accepted: each domain once" } },
	{ GOOD "primary_for = ( { domains = \"c.example\"; members = "
	       "\"mx2.example.org\";\n recipients = \"users\"; } );",
	    { ":5: primary_for[0].recipients = \"users\": the path is not "
	      "absolute" } },
	{ BACKUP "while_up = \"relay\"; primary = \"[192.0.2.9]\"; };\n"
		 "acknowledge = { next_hop = \"mta\"; }; } );",
	    { ":6: policies[0].acknowledge.next_hop = \"mta\": nobody asks "
	      "this next hop: while_up = \"relay\" asks backup.primary" } },
	/* it waits for an answer, and that may not come */
	{ "node = \"a.example\"; defaults = { acknowledge = { when = ();"
	  " }; };\npolicies = ( { name = \"a\"; match = { domains = \"c\"; };\n"
	  " backup = { while_up = \"relay\"; }; } );",
	    { "policies[0].acknowledge.when_unprotected: it has no default" } },
	{ GOOD "backup = { rate = 201;\n rcpt_wait = \"26s\"; alarm = \"x\"; "
	       "};",
	    { "backup.rate_max: less than backup.rate; accepted: at least 201",
		":5: backup.rcpt_wait = \"26s\": out of range; accepted: a "
		"time from 100ms to 25s",
		":5: backup.alarm = \"x\": the path is not absolute" } },
	{ GOOD "policies = ( { name = \"a\"; acknowledge = { next_hop = "
	       "\"lmtp:x\"; }; } );",
	    { ":4: policies[0].acknowledge.next_hop" } },
	{ GOOD "policies = ( { name = \"a\"; match = { message_size = 5; }; } "
	       ");",
	    { ":4: policies[0].match.message_size" } },
	/* required */
	{ "peers = { };" ACCEPT, { "test.conf: node: it has no default" } },
	{ "node = \"a\";\npeers = { members = (\n{ name = \"b\"; } ); "
	  "};\n" ACCEPT,
	    { ":3: peers.members[0].address: it has no default",
		":3: peers.members[0].pin: it has no default" } },
	{ GOOD "policies = (\n { match = { }; } );",
	    { ":5: policies[0].name: it has no default" } },
	/* texts */
	{ "node = \"mx_1\";\n" ACCEPT, { ":1: node = \"mx_1\": this is not a "
					 "host name" } },
	{ "node = 5;\n" ACCEPT, { ":1: node = 5: this is not a text" } },
	{ "node = \"\";\n" ACCEPT, { ":1: node = \"\": " } },
	{ GOOD "user = \"a b\";", { ":4: user = \"a b\": " } },
	{ GOOD "run_directory = \"run\";",
	    { ":4: run_directory = \"run\": the path is not absolute" } },
	{ GOOD "store = { path = \"./here\"; };",
	    { ":4: store.path = \"./here\": the path is not absolute" } },
	{ GOOD "milter = { listen = \"unix:m.sock\"; };",
	    { ":4: milter.listen = \"unix:m.sock\": the socket's path is not "
	      "absolute" } },
	{ GOOD "milter = { listen = \"inet:99999@127.0.0.1\"; };",
	    { ":4: milter.listen = \"inet:99999@127.0.0.1\": the port" } },
	{ GOOD "milter = { listen = \"inet:localhost:smtp\"; };",
	    { ":4: milter.listen = \"inet:localhost:smtp\": the port" } },
	{ GOOD "control = { listen = \"control.sock\"; };",
	    { ":4: control.listen = \"control.sock\": " } },
	{ GOOD "mta = { submit = \"localhost:10026\"; };",
	    { ":4: mta.submit = \"localhost:10026\": the host is not an IP "
	      "address; names are not looked up" } },
	{ GOOD "mta = { kind = \"exim\"; };",
	    { ":4: mta.kind = \"exim\": unknown word; accepted: "
	      "\"postfix\"" } },
	{ GOOD "log = { level = \"warn\"; };",
	    { ":4: log.level = \"warn\": unknown word; accepted: \"err\" or "
	      "\"warning\" or" } },
	{ GOOD "log = { to = 1; };", { ":4: log.to = 1: " } },
	/* numbers, times, sizes */
	{ GOOD "milter = { max_held = 0; };",
	    { ":4: milter.max_held = 0: out of range; accepted: a number from "
	      "1 to 100000" } },
	{ GOOD "milter = { max_held = \"7\"; };",
	    { ":4: milter.max_held = \"7\": this is not a whole number" } },
	{ GOOD "milter = { max_held = 1.5; };",
	    { ":4: milter.max_held = 1.5" } },
	{ GOOD "milter = { max_message = \"5G\"; };",
	    { ":4: milter.max_message = \"5G\": out of range; accepted: a size "
	      "from 4K to 4G" } },
	{ GOOD "store = { quota = 1000000; };",
	    { ":4: store.quota = 1000000: write it as text with a unit" } },
	{ GOOD "store = { quota = \"20\"; };",
	    { ":4: store.quota = \"20\": " } },
	{ GOOD "store = { tombstones = \"2x\"; };",
	    { ":4: store.tombstones = \"2x\": " } },
	{ GOOD "store = { quota = \"99999999999T\"; };",
	    { ":4: store.quota = \"99999999999T\": out of range" } },
	{ GOOD "milter = { max_held = 5000000000; };",
	    { ":4: 5000000000: the number does not fit 32 bits; accepted: "
	      "5000000000L" } },
	{ GOOD "milter = { max_held = -2147483649; };",
	    { ":4: -2147483649: the number does not fit 32 bits" } },
	{ GOOD "milter = { max_held = 0xffffffff; };",
	    { ":4: 0xffffffff: the number does not fit 32 bits" } },
	{ GOOD "milter = { max_held = 99999999999999999999L; };",
	    { ":4: 99999999999999999999: the number does not fit 64 bits" } },
	{ GOOD "milter = { max_held = 5000000000L; };",
	    { ":4: milter.max_held = 5000000000: out of range" } },
	/* acknowledge */
	{ PAIR "defaults = { acknowledge = {\n when = \"delivered\";"
	       " when_unprotected = \"accept\"; }; };",
	    { ":3: defaults.acknowledge.next_hop: \"delivered\" is asked for, "
	      "but no next hop is named; accepted: as "
	      "\"smtp:[192.0.2.1]:25\", or \"mta\"" } },
	{ PAIR "defaults = { acknowledge = { when = ( \"delivered\" );\n"
	       " next_hop = \"relay:[192.0.2.1]\";"
	       " when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.next_hop = \"relay:[192.0.2.1]\": it "
	      "does not begin with smtp:, lmtp: or unix:; accepted: "
	      "\"smtp:[host]:25\"" } },
	{ PAIR "defaults = { acknowledge = { when = ( \"delivered\" );\n"
	       " next_hop = ( \"mta\",\n \"smtp:2001:db8::1\" );"
	       " when_unprotected = \"accept\"; }; };",
	    { ":5: defaults.acknowledge.next_hop[1] = \"smtp:2001:db8::1\": an "
	      "IPv6 address needs brackets" } },
	/* the same, written in two ways */
	{ PAIR "defaults = { acknowledge = { when = ( \"delivered\" );\n"
	       " next_hop = ( \"unix:/run/l\",\n \"lmtp:unix:/run/l\" );"
	       " when_unprotected = \"accept\"; }; };",
	    { ":5: defaults.acknowledge.next_hop[1] = \"lmtp:unix:/run/l\": "
	      "this next hop stands twice" } },
	{ PAIR "defaults = { acknowledge = { when = ( \"delivered\" );\n"
	       " next_hop = ( \"smtp:a\", \"smtp:b\", \"smtp:c\", "
	       "\"smtp:d\", \"smtp:e\", \"smtp:f\", \"smtp:g\", "
	       "\"smtp:h\", \"smtp:i\" );"
	       " when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.next_hop = (...): too many next "
	      "hops; accepted: at most 8" } },
	{ PAIR "defaults = { acknowledge = { when = ( \"delivered\" );\n"
	       " next_hop = (); when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.next_hop" } },
	{ PAIR "defaults = { acknowledge = {\n next_hop = \"mta\";"
	       " when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.next_hop = \"mta\": nobody asks this "
	      "next hop; accepted: \"delivered\" in when, or no next_hop" } },
	{ PAIR ACCEPT "policies = ( { name = \"a\"; acknowledge = {\n"
		      " when = (); next_hop = \"mta\"; }; } );",
	    { ":5: policies[0].acknowledge.next_hop = \"mta\": nobody" } },
	{ PAIR "defaults = { acknowledge = { next_hop = \"mta\";\n"
	       " when = ( \"shadowed\",\n \"delivered\" );"
	       " when_unprotected = \"accept\"; }; };",
	    { ":5: defaults.acknowledge.when = \"delivered\": the next hop is "
	      "asked first, if at all; accepted: \"delivered\" once, before "
	      "\"shadowed\"" } },
	/* without a shadow no peer is needed, a choice is */
	{ "node = \"a.example\"; defaults = { acknowledge = {"
	  " next_hop = \"mta\"; when = \"delivered\"; }; };",
	    { ":1: defaults.acknowledge.when_unprotected: it has no "
	      "default" } },
	{ "node = \"a.example\"; defaults = { acknowledge = {"
	  " next_hop = \"mta\"; when = ( \"delivered\", \"shadowed\" );"
	  " when_unprotected = \"accept\"; }; };",
	    { ":1: defaults.acknowledge.when = (...): a shadow is asked "
	      "for, but peers.members is empty" } },
	{ PAIR ACCEPT "delivery = { tls = \"yes\";\n rcpt_wait = \"26s\";\n"
		      " backoff = \"1h\";\n helo = \"-\"; };",
	    { ":4: delivery.tls = \"yes\": unknown word; accepted: \"none\" "
	      "or \"may\" or \"encrypt\" or \"verify\"",
		":5: delivery.rcpt_wait = \"26s\": out of range; accepted: a "
		"time from 100ms to 25s",
		"delivery.backoff_max: shorter than delivery.backoff; "
		"accepted: "
		"at least 1h",
		":7: delivery.helo = \"-\": this is not a host name; accepted: "
		"a host name, or \"\" for node" } },
	{ PAIR "defaults = { acknowledge = {\n copies = 2;"
	       " when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.copies = 2: more copies than the 1 "
	      "member that may have one; accepted: at most 1" } },
	{ PAIR "defaults = { acknowledge = {\n copies = 17;"
	       " when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.copies = 17: out of range; accepted: a "
	      "number from 1 to 16" } },
	{ PAIR "defaults = { acknowledge = {\n min_copies = 2;"
	       " when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.min_copies = 2: more than copies; "
	      "accepted: at most 1" } },
	{ PAIR "defaults = { acknowledge = {\n placement = \"remote\";"
	       " when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.placement = \"remote\": unknown word; "
	      "accepted: \"any\" or \"prefer_remote\" or" } },
	{ PAIR "defaults = { acknowledge = {\n placement = \"remote_only\";"
	       " when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.placement = \"remote_only\": it is not "
	      "known where this host is: site is not set" } },
	{ PAIR "site = \"tokyo\";\ndefaults = { acknowledge = {"
	       " placement = \"prefer_local\";"
	       " when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.placement = \"prefer_local\": it is "
	      "not "
	      "known where mx2.example.org is: its site is not set" } },
	{ PAIR "defaults = { acknowledge = {\n sites = ( \"osaka\" );"
	       " when_unprotected = \"accept\"; }; };",
	    { ":4: defaults.acknowledge.sites[0] = \"osaka\": no member is at "
	      "this site; accepted: no member has a site: set it in each" } },
	{ PAIR "defaults = { acknowledge = { when_unprotected ="
	       " ( \"tempfail\", \"10m\" ); }; };",
	    { ":3: defaults.acknowledge.when_unprotected = (...): not a word, "
	      "a time and a word" } },
	{ PAIR "defaults = { acknowledge = { when_unprotected ="
	       " ( \"tempfail\", \"10\", \"accept\" ); }; };",
	    { ":3: defaults.acknowledge.when_unprotected = (...): not a word, "
	      "a time and a word" } },
	{ PAIR "defaults = { acknowledge = { when_unprotected ="
	       " ( \"tempfail\", \"8d\", \"accept\" ); }; };",
	    { "or the time is out of range; accepted: \"accept\", \"tempfail\" "
	      "or ( \"tempfail\", \"10m\", \"accept\" ) with a time from 1s "
	      "to 7d" } },
	{ PAIR "defaults = { acknowledge = { when_unprotected ="
	       " ( \"accept\", \"10m\", \"tempfail\" ); }; };",
	    { "only \"tempfail\" can come before the time and only \"accept\" "
	      "after it" } },
	{ PAIR "defaults = { acknowledge = { when_unprotected ="
	       " ( \"tempfail\", \"10m\", \"tempfail\" ); }; };",
	    { "only \"tempfail\" can come before the time and only \"accept\" "
	      "after it" } },
	{ PAIR "defaults = { acknowledge = { when_unprotected ="
	       " ( \"tempfail\", \"10m\", \"drop\" ); }; };",
	    { ":3: defaults.acknowledge.when_unprotected = \"drop\": unknown "
	      "word" } },
	{ PAIR "defaults = { acknowledge = { when_unprotected = (); }; };",
	    { ":3: defaults.acknowledge.when_unprotected = (): not a word" } },
	{ GOOD "site = \"a b\";", { ":4: site = \"a b\": only letters" } },
	{ GOOD "milter = { own_networks = ( \"192.0.2.1/24\" ); };",
	    { ":4: milter.own_networks[0] = \"192.0.2.1/24\": this is no "
	      "network" } },
	{ GOOD "backup = { etrn = \"inet:0.0.0.0:9998\"; };",
	    { ":4: backup.etrn = \"inet:0.0.0.0:9998\": other hosts" } },
	{ GOOD "backup = { etrn = \"inet:9998\"; };",
	    { ":4: backup.etrn = \"inet:9998\": " } },
	{ GOOD "backup = { etrn = \"inet6:9998@2001:db8::1\"; };",
	    { ":4: backup.etrn = \"inet6:9998@2001:db8::1\": other" } },
	{ GOOD "backup = { etrn = \"unix:shadowmx/etrn.sock\"; };",
	    { ":4: backup.etrn = \"unix:shadowmx/etrn.sock\": the socket's" } },
	{ GOOD "backup = { etrn_clients = ( \"192.0.2.1/24\" ); };",
	    { ":4: backup.etrn_clients[0] = \"192.0.2.1/24\": this is no "
	      "network" } },
	{ GOOD "milter = { own_networks = \"\"; };",
	    { ":4: milter.own_networks = \"\": this is no network" } },
	{ GOOD "mta = { submit_held = \"localhost:25\"; };",
	    { ":4: mta.submit_held = \"localhost:25\": the host is not an "
	      "IP" } },
	{ GOOD "mta = { submit_amended = 5; };",
	    { ":4: mta.submit_amended = 5: this is not a text" } },
	{ GOOD "takeover = { ask = \"0\"; };",
	    { ":4: takeover.ask = \"0\": out of range; accepted: a time from "
	      "100ms to 5m" } },
	{ PAIR "defaults = { acknowledge = { max_delay = \"11m\";"
	       " when_unprotected = \"accept\"; }; };",
	    { ":3: defaults.acknowledge.max_delay = \"11m\": out of range; "
	      "accepted: a time from 100ms to 10m" } },
	{ PAIR "defaults = { acknowledge = { when_unprotected = \"drop\"; }; "
	       "};",
	    { ":3: defaults.acknowledge.when_unprotected = \"drop\": unknown "
	      "word; accepted: \"accept\", \"tempfail\" or (" } },
	{ PAIR, { "test.conf: defaults.acknowledge.when_unprotected: it has no "
		  "default: the administrator must choose; accepted: "
		  "\"accept\" (acknowledge although" } },
	{ PAIR "defaults = {\n acknowledge = { copies = 1; }; };",
	    { ":4: defaults.acknowledge.when_unprotected: it has no "
	      "default" } },
	{ PAIR "defaults = { acknowledge = { when = (); }; };\npolicies = ( {"
	       " name = \"a\";\n acknowledge = { when = \"shadowed\"; }; } );",
	    { ":5: policies[0].acknowledge.when_unprotected: it has no "
	      "default" } },
	/* match */
	{ GOOD "policies = ( { name = \"a\"; match = { recipients = (\n"
	       "\"ok@example.com\",\n\"not ok@example.com\"\n); }; } );",
	    { ":6: policies[0].match.recipients[1] = \"not "
	      "ok@example.com\"" } },
	{ GOOD "policies = ( { name = \"a\"; match = { recipients = \"x\"; }; "
	       "} );",
	    { ":4: policies[0].match.recipients = \"x\"" } },
	{ GOOD "policies = ( { name = \"a\"; match = { recipients = (); }; } "
	       ");",
	    { ":4: policies[0].match.recipients = (): an empty list" } },
	{ GOOD "policies = ( { name = \"a\"; match = { domains = \".x.com\"; "
	       "}; } );",
	    { ":4: policies[0].match.domains = \".x.com\": write the name "
	      "alone" } },
	{ GOOD "policies = ( { name = \"a\"; match = { client_networks = "
	       "\"192.0.2.1/24\"; }; } );",
	    { ":4: policies[0].match.client_networks = \"192.0.2.1/24\"" } },
	{ GOOD "geo = { country = \"/nonexistent/x.mmdb\"; };\n"
	       "policies = ( { name = \"a\"; match = { client_countries = "
	       "\"JPN\"; }; } );",
	    { ":4: geo.country = \"/nonexistent/x.mmdb\": warning: the "
	      "database cannot be used",
		":5: policies[0].match.client_countries = \"JPN\": this is not "
		"a country code" } },
	{ GOOD "policies = ( { name = \"a\"; match = { client_countries = "
	       "\"JP\"; }; } );",
	    { ":4: policies[0].match.client_countries = \"JP\": geo.country is "
	      "not set" } },
	{ GOOD "policies = ( { name = \"a\"; match = { client_asns = (\n"
	       "64496, 0 ); }; } );",
	    { ":5: policies[0].match.client_asns[1] = 0",
		":4: policies[0].match.client_asns = (...): geo.asn is not "
		"set" } },
	{ GOOD "policies = ( { name = \"a\"; match = { client_asns = "
	       "\"unknow\"; }; } );",
	    { ":4: policies[0].match.client_asns = \"unknow\"" } },
	{ GOOD "policies = ( { name = \"a\"; match = {\n min_size = \"10M\";"
	       "\n max_size = \"9M\"; }; } );",
	    { ":6: policies[0].match.max_size = \"9M\": smaller than "
	      "match.min_size, so this would never match; accepted: at least "
	      "10M" } },
	{ GOOD "policies = ( { name = \"a\"; match = { min_size = 1000; }; "
	       "} );",
	    { ":4: policies[0].match.min_size = 1000: write it as text with a "
	      "unit" } },
	{ GOOD "policies = ( { name = \"a\"; match = { max_size = \"5G\"; }; "
	       "} );",
	    { ":4: policies[0].match.max_size = \"5G\": out of range; "
	      "accepted: a size from 0 to 4G" } },
	{ GOOD "policies = ( { name = \"a\"; match = { recipient_tables = "
	       "\"vip\"; }; } );",
	    { ":4: policies[0].match.recipient_tables = \"vip\": the path is "
	      "not absolute" } },
	{ GOOD "policies = ( { name = \"a\"; match = { recipient_tables = "
	       "(); }; } );",
	    { ":4: policies[0].match.recipient_tables = (): an empty list" } },
	{ GOOD "policies = ( { name = \"a\"; match = { recipient_tables = (\n"
	       "\"/nonexistent/vip\" ); }; } );",
	    { ":5: policies[0].match.recipient_tables[0] = "
	      "\"/nonexistent/vip\": it cannot be opened: No such file" } },
	{ GOOD "policies = ( { name = \"a\"; match = { authenticated = "
	       "\"yes\"; }; } );",
	    { ":4: policies[0].match.authenticated = \"yes\": this is not true "
	      "or false" } },
	{ GOOD "policies = ( { name = \"a\"; },\n { name = \"a\"; } );",
	    { ":5: policies[1].name = \"a\": two policies have this name" } },
	{ GOOD "policies = ( { name = \"defaults\"; } );",
	    { ":4: policies[0].name = \"defaults\"" } },
	{ GOOD "policies = { name = \"a\"; };",
	    { ":4: policies = {...}: this is not a list of groups" } },
	{ GOOD "policies = ( \"a\" );",
	    { ":4: policies[0] = \"a\": this is not a group" } },
	/* peers */
	{ "node = \"a\";\npeers = { members = ( {\n name = \"b\";\n address = "
	  "\"b.example:25\";\n pin = \"sha256/xyz\"; } ); };\n" ACCEPT,
	    { ":4: peers.members[0].address = \"b.example:25\": the host is "
	      "not an IP address",
		":5: peers.members[0].pin = \"sha256/xyz\": this is not a "
		"pin" } },
	{ "node = \"a\";\npeers = { members = (\n"
	  "{ name = \"a\"; address = \"192.0.2.1:1\"; pin = \"" PIN_A "\"; },\n"
	  "{ name = \"B\"; address = \"192.0.2.2:1\"; pin = \"" PIN_B "\"; },\n"
	  "{ name = \"b\"; address = \"192.0.2.2:1\"; pin = (\n\"" PIN_A
	  "\" ); } ); };\n" ACCEPT,
	    { ":3: peers.members[0].name = \"a\": this is the name of this "
	      "host",
		":5: peers.members[2].name = \"b\": two members have this name",
		":5: peers.members[2].address = \"192.0.2.2:1\": two members",
		":5: peers.members[2].pin = (...): two members have this "
		"pin" } },
	{ SITES "policies = ( { name = \"a\"; acknowledge = {\n"
		"sites = ( \"kyoto\" ); }; } );",
	    { "policies[0].acknowledge.sites[0] = \"kyoto\": no member is at "
	      "this site; accepted: osaka, tokyo" } },
	{ SITES "policies = ( { name = \"a\"; acknowledge = {\n"
		"sites = ( \"osaka\" ); copies = 2; }; } );",
	    { "policies[0].acknowledge.copies = 2: more copies than the 1 "
	      "member that may have one" } },
	{ SITES "policies = ( { name = \"a\"; acknowledge = {\n"
		"placement = \"local_only\"; sites = \"osaka\"; }; } );",
	    { "policies[0].acknowledge.placement = \"local_only\": sites and "
	      "placement together allow no member at all" } },
	{ SITES "policies = ( { name = \"a\"; acknowledge = {\n"
		"copies = 2; min_copies = 3; }; } );",
	    { "policies[0].acknowledge.min_copies = 3: more than copies; "
	      "accepted: at most 2" } },
	{ "node = \"a\";\n" ACCEPT, { "test.conf:2: defaults.acknowledge.when "
				      "= {...}: a shadow is asked for, but "
				      "peers.members is empty" } },
	{ GOOD "peers2 = 1;", { ":4: peers2 = 1: unknown setting; did you mean "
				"\"peers\"?" } },
	{ "node = \"a\";\npeers = { heartbeat = \"5m\";\n takeover_after = "
	  "\"14m\"; };\ndefaults = { acknowledge = { when = (); }; };",
	    { ":3: peers.takeover_after = \"14m\": shorter than three times "
	      "peers.heartbeat; accepted: at least 15m" } },
	{ "node = \"a\";\npeers = { heartbeat = \"5m\"; };\n"
	  "defaults = { acknowledge = { when = (); }; };",
	    { "test.conf: peers.takeover_after: shorter than three times" } },
	{ "node = \"a\";\npeers = { mta_down_takeover = \"1m\"; };\n"
	  "defaults = { acknowledge = { when = (); }; };",
	    { ":2: peers.mta_down_takeover = \"1m\": shorter than three times "
	      "peers.heartbeat; accepted: 0, or at least 90s" } },
	{ "node = \"a\";\npeers = { on_isolation = \"wait\"; };\n"
	  "defaults = { acknowledge = { when = (); }; };",
	    { ":2: peers.on_isolation = \"wait\"" } },
	{ GOOD "takeover = { retry = \"2h\"; };",
	    { "test.conf: takeover.retry_max: shorter than takeover.retry; "
	      "accepted: at least 2h" } },
	/* grammar */
	{ GOOD "user = \"a\"\nuser = \"b\";\n",
	    { "test.conf:5: user: this setting is there already" } },
	{ GOOD "milter = {\n max_held = 5;\n max_held = 6; };",
	    { ":6: max_held: this setting is there already" } },
	{ GOOD "milter = {\n max_held = ; };", { ":5: max_held = ; };: "
						 "syntax error" } },
	{ GOOD "milter = {\n", { "test.conf:" } },
	{ GOOD "user = \"abc\n", { ":4: a text in quotes is not closed" } },
	{ GOOD "/* abc\n", { ":4: a comment is not closed" } },
	{ GOOD "user = \"a\"; @include \"x\"\n", { ":4: @: a stray '@'" } },
	{ GOOD "@include x\n", { ":4: @include: this names no file" } },
	{ GOOD "@include \"\"\n", { ":4: @include: this names no file" } },
	{ GOOD "@include \"/nonexistent/f.conf\"\n",
	    { ":4: /nonexistent/f.conf: it cannot be opened: No such file" } },
	{ GOOD "@include \"/\"\n", { ":4: /: this is a folder, not a file" } },
	{ GOOD "@include \"/dev/null\"\n",
	    { ":4: /dev/null: this is not a regular file" } },
	{ GOOD "x = ((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))"
	       "))))))))))))))))))))));",
	    { ":4: brackets are nested more than 32 deep" } },
};

START_TEST(problem_tells_place_and_setting)
{
	struct smx_config *config = NULL;
	struct told told = { 0 };

	ck_assert_int_eq(smx_config_parse(&config, bad[_i].text, "test.conf",
			     told_report, &told),
	    SMX_ECONFIG);
	ck_assert_ptr_null(config);
	ck_assert_uint_gt(told.count, 0);
	for (size_t i = 0; i < 4 && bad[_i].want[i] != NULL; i++)
		ck_assert_msg(strstr(told.lines, bad[_i].want[i]) != NULL,
		    "\n%s\nis not in\n%s", bad[_i].want[i], told.lines);
	/* Without a listener too. */
	ck_assert_int_eq(smx_config_parse(&config, bad[_i].text, "test.conf",
			     NULL, NULL),
	    SMX_ECONFIG);
}
END_TEST

/* Four heartbeats leave a lease of two. */
static const struct {
	const char *peers;
	unsigned warnings;
} short_leases[] = { { "takeover_after = \"2m\"; on_isolation = \"hold\";", 1 },
	{ "takeover_after = \"2m\"; on_isolation = \"deliver\";", 0 },
	{ "takeover_after = \"2m\";", 0 },
	{ "takeover_after = \"121s\"; on_isolation = \"hold\";", 0 },
	{ "heartbeat = \"3m\"; on_isolation = \"hold\";", 1 } };

START_TEST(short_lease_is_a_warning)
{
	struct smx_config *config = NULL;
	struct told told = { 0 };
	char text[300];

	snprintf(text, sizeof(text),
	    "node = \"a\";\npeers = { %s };\n"
	    "defaults = { acknowledge = { when = (); }; };",
	    short_leases[_i].peers);
	ck_assert_int_eq(smx_config_parse(&config, text, "test.conf",
			     told_report, &told),
	    SMX_OK);
	ck_assert_uint_eq(told.count, short_leases[_i].warnings);
	if (told.count != 0) {
		ck_assert_ptr_nonnull(
		    strstr(told.lines, "peers.takeover_after"));
		ck_assert_ptr_nonnull(strstr(told.lines, "warning: "));
	}
	smx_config_release(&config);
}
END_TEST

START_TEST(all_problems_are_told_at_once)
{
	struct smx_config *config = NULL;
	struct told told = { 0 };

	ck_assert_int_eq(smx_config_parse(&config,
			     "node = \"-\";\nusr = 1;\nmilter = { max_held = "
			     "0; };\nlog = { level = 3; };\n",
			     "test.conf", told_report, &told),
	    SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, ":1: node"));
	ck_assert_ptr_nonnull(strstr(told.lines, ":2: usr"));
	ck_assert_ptr_nonnull(strstr(told.lines, ":3: milter.max_held"));
	ck_assert_ptr_nonnull(strstr(told.lines, ":4: log.level"));
	ck_assert_ptr_nonnull(strstr(told.lines, "when_unprotected"));
	ck_assert_uint_eq(told.count, 6);
}
END_TEST

/* ---- what is right is read ---- */

START_TEST(libconfig_forms_are_understood)
{
	static const char *const good[] = {
		GOOD "milter : { max_held : 5, max_headers = 0x40 };",
		GOOD "milter = { max_held = 5L; }; # \" @include (\n",
		GOOD "// \" /* \n/* // @include \"/\" \n 99999999999 \" */\n"
		     "milter = { max_held = 5; };",
		GOOD "milter = { max_held = 5; listen = \"unix:\"\n  \"/a\" /* "
		     "and */ \"b\\\"\\\\\"; };",
		GOOD "milter = { max_held = +5; listen = \"unix:/@include\"; "
		     "};\r\n\tgeo = { };",
		GOOD "milter = { max_held = 5; spill = \"/a\n@include b\"; };",
		GOOD "policies = ( { name = \"a\"; match = { domains = [ "
		     "\"a.example\", \"b.example\" ]; }; } );"
		     "milter = { max_held = 5; };",
	};
	struct smx_config *config = config_good(good[_i]);

	ck_assert_int_eq(smx_config_number(config, "milter.max_held"), 5);
	smx_config_release(&config);
}
END_TEST

/* ---- files ---- */

static int
load(struct smx_config **config, struct told *told)
{
	memset(told, 0, sizeof(*told));
	return smx_config_load(config, folder_file("main.conf"), told_report,
	    told);
}

static int
origin_get(void *ctx, const char *setting, const char *value,
    const char *origin)
{
	const char **want = ctx;

	(void)value;
	if (strcmp(setting, want[0]) != 0)
		return 0;
	want[1] = origin;
	return 1;
}

static void
origin_is(const struct smx_config *config, const char *setting,
    const char *name, int line)
{
	const char *want[2] = { setting, NULL };
	char text[300];

	ck_assert_int_eq(smx_config_each(config, origin_get, want), 1);
	snprintf(text, sizeof(text), "%s:%d", folder_file(name), line);
	ck_assert_str_eq(want[1], text);
}

START_TEST(later_file_overrides_and_lists_grow)
{
	struct smx_config *config = NULL;
	struct told told;

	folder_make();
	ck_assert_int_eq(mkdir(folder_file("conf.d"), 0700), 0);
	folder_put_text("main.conf",
	    GOOD "store = { quota = \"1G\"; driver = \"memory\"; };\n"
		 "policies = ( { name = \"first\"; } );\n");
	folder_put_text("conf.d/20-b.conf",
	    "\nstore = { quota = \"3G\"; };\n"
	    "policies = ( { name = \"third\"; } );\n");
	folder_put_text("conf.d/10-a.conf",
	    "store = { quota = \"2G\";\n"
	    "path = \"/a\"; };\n"
	    "peers = { pool = 7; members = ( { name = \"mx3.example.org\";\n"
	    " address = \"192.0.2.3:8825\"; pin = \"" PIN_B "\"; } ); };\n"
	    "policies = ( { name = \"second\"; } );\n");
	folder_put_text("conf.d/.hidden.conf", "nonsense");
	folder_put_text("conf.d/off.conf~", "nonsense");
	ck_assert_msg(load(&config, &told) == SMX_OK, "%s", told.lines);

	ck_assert_str_eq(smx_config_text(config, "store.quota"), "3G");
	origin_is(config, "store.quota", "conf.d/20-b.conf", 2);
	ck_assert_str_eq(smx_config_text(config, "store.driver"), "memory");
	origin_is(config, "store.driver", "main.conf", 4);
	origin_is(config, "store.path", "conf.d/10-a.conf", 2);
	ck_assert_int_eq(smx_config_number(config, "peers.pool"), 7);
	ck_assert_uint_eq(config_conf(config)->member_count, 2);
	origin_is(config, "peers.members[1].address", "conf.d/10-a.conf", 4);
	ck_assert_str_eq(smx_config_text(config, "policies[0].name"), "first");
	ck_assert_str_eq(smx_config_text(config, "policies[1].name"), "second");
	ck_assert_str_eq(smx_config_text(config, "policies[2].name"), "third");
	smx_config_release(&config);
	folder_remove();
}
END_TEST

START_TEST(included_lines_keep_their_place)
{
	struct smx_config *config = NULL;
	struct told told;

	folder_make();
	ck_assert_int_eq(mkdir(folder_file("sub"), 0700), 0);
	folder_put_text("main.conf",
	    GOOD "store = {\n"
		 "  @include \"sub/a\"\n"
		 " driver = \"memory\"; };\nlog = { level = \"debug\"; };\n");
	/* relative to the file that includes; no line break at the end */
	folder_put_text("sub/a", "# one\n@include \"b\"\npath = \"/x\";");
	folder_put_text("sub/b", "\n\nquota = \"5G\";\n");
	ck_assert_msg(load(&config, &told) == SMX_OK, "%s", told.lines);
	ck_assert_str_eq(smx_config_text(config, "store.quota"), "5G");
	origin_is(config, "store.quota", "sub/b", 3);
	origin_is(config, "store.path", "sub/a", 3);
	origin_is(config, "store.driver", "main.conf", 6);
	origin_is(config, "log.level", "main.conf", 7);
	smx_config_release(&config);

	folder_put_text("sub/b", "\nquota = 5;\npath = = \"/y\";\n");
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "sub/b:3: path = = "));
	folder_put_text("sub/b", "\nquota = 5;\n");
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "sub/b:2: store.quota = 5"));
	folder_put_text("sub/b", "\nquota = 5000000000;\n");
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "sub/b:2: 5000000000"));
	folder_remove();
}
END_TEST

/* What libconfig itself would follow into the end of the process. */
START_TEST(include_of_anything_but_a_file_is_refused)
{
	struct smx_config *config = NULL;
	struct told told;

	folder_make();
	ck_assert_int_eq(mkdir(folder_file("sub"), 0700), 0);
	folder_put_text("main.conf", GOOD "@include \"inc.conf\"\n");
	folder_put_text("inc.conf", "\n@include \"sub\"\n");
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "inc.conf:2: "));
	ck_assert_ptr_nonnull(strstr(told.lines, "sub: this is a folder"));

	ck_assert_int_eq(mkfifo(folder_file("fifo"), 0600), 0);
	folder_put_text("inc.conf", "@include \"fifo\"\n");
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "not a regular file"));

	folder_put_text("inc.conf", "@include \"inc.conf\"\n");
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "more than 10 deep"));

	/* "*" is a name, not a pattern */
	folder_put_text("inc.conf", "@include \"sub/*\"\n");
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "cannot be opened"));
	folder_remove();
}
END_TEST

START_TEST(file_that_cannot_be_used_is_named)
{
	struct smx_config *config = NULL;
	struct told told;
	FILE *f;

	folder_make();
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "main.conf: "));
	ck_assert_ptr_nonnull(strstr(told.lines, "No such file"));
	ck_assert_uint_eq(told.count, 1);

	f = fopen(folder_file("main.conf"), "w");
	ck_assert_uint_eq(fwrite("a\0b", 1, 3, f), 3);
	fclose(f);
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "NUL byte"));

	ck_assert_int_eq(truncate(folder_file("main.conf"), (16 << 20) + 1), 0);
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "larger than 16 MiB"));

	folder_put_text("main.conf", GOOD);
	ck_assert_int_eq(mkdir(folder_file("conf.d"), 0700), 0);
	ck_assert_int_eq(mkdir(folder_file("conf.d/dir.conf"), 0700), 0);
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines, "dir.conf: this is a folder"));
	ck_assert_ptr_null(config);
	folder_remove();
}
END_TEST

START_TEST(problem_in_a_later_file_names_that_file)
{
	struct smx_config *config = NULL;
	struct told told;

	folder_make();
	ck_assert_int_eq(mkdir(folder_file("conf.d"), 0700), 0);
	folder_put_text("main.conf", GOOD "user = ;\n");
	folder_put_text("conf.d/10-a.conf", "\nlog = = 5;\n");
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	/* both files' errors, and nothing that follows from them */
	ck_assert_ptr_nonnull(strstr(told.lines, "main.conf:4: user = ;: "));
	ck_assert_ptr_nonnull(strstr(told.lines, "conf.d/10-a.conf:2: log"));
	ck_assert_uint_eq(told.count, 2);

	folder_put_text("main.conf",
	    GOOD "policies = ( { name = \"a\"; } );\n");
	folder_put_text("conf.d/10-a.conf",
	    "policies = (\n { name = \"a\"; } );\n");
	ck_assert_int_eq(load(&config, &told), SMX_ECONFIG);
	ck_assert_ptr_nonnull(strstr(told.lines,
	    "conf.d/10-a.conf:2: policies[1].name = \"a\": two policies"));
	folder_remove();
}
END_TEST

/* Any cut of a good file is good or a problem, never a crash. */
START_TEST(cut_text_is_judged)
{
	static const char text[] =
	    GOOD "/* c */ policies = ( { name = \"a\"; match = { domains = ( "
		 "\"x.example\" ); client_asns = 4200000000L; }; } ); # end\n";
	char part[sizeof(text)];

	for (size_t len = 0; len < sizeof(text); len++) {
		struct smx_config *config = NULL;
		struct told told = { 0 };
		int result;

		memcpy(part, text, len);
		part[len] = '\0';
		result =
		    smx_config_parse(&config, part, "t", told_report, &told);
		ck_assert(result == SMX_OK || result == SMX_ECONFIG);
		ck_assert_int_eq(result == SMX_ECONFIG, told.count != 0);
		smx_config_release(&config);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_file");
	TCase *tc = tcase_create("read");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, problem_tells_place_and_setting, 0, COUNT(bad));
	tcase_add_test(tc, all_problems_are_told_at_once);
	tcase_add_loop_test(tc, short_lease_is_a_warning, 0,
	    sizeof(short_leases) / sizeof(*short_leases));
	tcase_add_loop_test(tc, libconfig_forms_are_understood, 0, 7);
	tcase_add_test(tc, later_file_overrides_and_lists_grow);
	tcase_add_test(tc, included_lines_keep_their_place);
	tcase_add_test(tc, include_of_anything_but_a_file_is_refused);
	tcase_add_test(tc, file_that_cannot_be_used_is_named);
	tcase_add_test(tc, problem_in_a_later_file_names_that_file);
	tcase_add_test(tc, cut_text_is_judged);
	suite_add_tcase(s, tc);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
