#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Messages of clients that cannot be parted, with recipients of a domain whose
# primary MX is down and others: what has to wait is split off, with real Postfix.
# Every scenario is a function split_NAME; "split.sh NAME..." runs only these,
# "split.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"

HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s

D1=next1.test.invalid
FRIEND=friend@elsewhere.test.invalid

down() { # [POLICY...]
	backup_ready "$@"
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
}

two_down() {
	down "$(backed $D)" "$(backed $D1)"
	need "both known to be down" wait_for 20 mx_is down $D1
}

logged() { is "$(grep -c "event=$1" "$LAB/a/shadowmxd.log")" "$2"; }
files_are() { is "$(queued a)" "$1"; }
served_are() { # TAG RCPT...
	served_tag=$1
	shift
	is "$(served "$served_tag" | tr '\n' ' ')" "$(printf '%s ' "$@")"
}

# Each recipient of the message with this tag once, and all is over.
ends_once() { # TAG RCPT...
	need "each of them once" wait_for 40 served_are "$@"
	need "an empty queue" wait_for 30 queue_is_empty a
	need "books that say so" wait_for 30 books_are "held 0" "queued 0" \
	    "unaccounted 0"
	need "balance" books_balance
	need "nothing left at the holder" wait_for 30 no_rows b
	need "nothing open" wait_for 20 status_is a own.open 0
	need "still each of them once" served_are "$@"
}

# ---- without trouble ----

split_own_network() {
	down
	need "250" post_is_taken a one $S "rcpt1@$D $FRIEND rcpt2@$D"
	need "one on hold" wait_for 10 held_are a 1
	need "the other delivered meanwhile" wait_for 20 served_are one $FRIEND
	need "nothing else in the queue" wait_for 20 files_are 1
	need "the books" wait_for 10 books_are "taken 2" "held 2" "queued 0"
	need "it said so" logged "backup-split domain=$D " 1
	need "a copy of what waits" wait_for 20 rows_are b 1
	need "one that says that it is on hold" wait_for 20 not none_held b
	need "the primary again" mx_start
	need "the books" wait_for 40 books_are "taken 2" "delivered 2"
	ends_once one $FRIEND rcpt1@$D rcpt2@$D
}

# What the client asked for goes along, each recipient's with that recipient.
asks_for_notices() {
	$PYTHON -c '
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60,
    local_hostname="client.test.invalid")
s.ehlo()
s.mail(sys.argv[2], ["RET=HDRS", "ENVID=id-of-mine"])
s.rcpt(sys.argv[3], ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;first@old.invalid"])
s.rcpt(sys.argv[4], ["NOTIFY=NEVER"])
print(s.data("Subject: tag-dsn.\r\n\r\nhello\r\n")[0])
s.quit()' "$(port_of a)" $S "rcpt1@$D" $FRIEND
}

held_says() { postcat -c "$LAB/a/etc" -qe "$(held a)" | grep -q "$1"; }

split_notices_go_along() {
	down
	need "250" is "$(asks_for_notices)" 250
	need "one on hold" wait_for 10 held_are a 1
	need "its recipient" held_says "^recipient: rcpt1@$D"
	need "nobody else" not held_says "^recipient: friend"
	need "what it was sent to" held_says "dsn_orig_rcpt.*rfc822;first@old.invalid"
	need "when it is told of" held_says "^named_attribute: notify_flags=6$"
	need "what of it" held_says "^named_attribute: ret_flags=2$"
	need "its name" held_says "^named_attribute: envelope_id=id-of-mine$"
	need "where it came from" held_says "^named_attribute: log_client_address=127.0.0.1$"
}

split_two_that_wait_and_one() {
	two_down
	need "250" post_is_taken a three $S "rcpt1@$D $FRIEND rcpt2@$D1"
	need "two on hold" wait_for 10 held_are a 2
	need "the third delivered" wait_for 20 served_are three $FRIEND
	need "the books" wait_for 10 books_are "taken 1" "held 1"
	need "of the other one, too" wait_for 10 \
	    eval 'is "$(books held $D1)" 1'
	need "two copies" wait_for 20 rows_are b 2
	need "the primary again" mx_start
	ends_once three $FRIEND rcpt1@$D rcpt2@$D1
	need "balance of the other, too" wait_for 20 books_balance $D1
}

# The message stays on hold for the first of them.
split_two_that_wait() {
	two_down
	need "250" post_is_taken a two $S "rcpt1@$D rcpt2@$D1"
	need "two on hold" wait_for 10 held_are a 2
	need "one split off" logged "backup-split domain=$D1 " 1
	need "the books" wait_for 10 books_are "taken 1" "held 1"
	need "of the other one, too" wait_for 10 \
	    eval 'is "$(books held $D1)" 1'
	need "nothing else in the queue" wait_for 10 files_are 2
	need "the primary again" mx_start
	ends_once two rcpt1@$D rcpt2@$D1
	need "balance of the other, too" wait_for 20 books_balance $D1
}

# sendmail(1), which nobody can answer for single recipients.
split_local_mail() {
	down
	printf 'Subject: tag-local.\n\nfrom cron\n' |
	    sendmail -C "$LAB/a/etc" -f cron@client.test.invalid \
		"rcpt1@$D" $FRIEND
	need "one on hold" wait_for 20 held_are a 1
	need "the other delivered" wait_for 20 served_are local $FRIEND
	need "the books" wait_for 10 books_are "taken 1" "held 1"
	need "the primary again" mx_start
	ends_once local $FRIEND rcpt1@$D
}

# The host is lost for ever as soon as the rest was delivered: the part was never
# without a copy of its own.
split_host_lost() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	two_down
	need "the other host knows, too" wait_for 20 mx_is down $D b
	need "of both" wait_for 20 mx_is down $D1 b
	need "250" post_is_taken a lost $S "rcpt1@$D $FRIEND rcpt2@$D1"
	need "the rest delivered" wait_for 20 served_are lost $FRIEND
	need "and discarded" wait_for 20 rows_are b 2
	host_lose a
	need "both on hold at the heir" wait_for 40 held_are b 2
	need "in its books" wait_for 20 eval 'is "$(books held $D b)" 1'
	need "of both" wait_for 20 eval 'is "$(books held $D1 b)" 1'
	need "the primary again" mx_start
	need "each of them once" wait_for 60 served_are lost $FRIEND \
	    rcpt1@$D rcpt2@$D1
	need "balance" wait_for 20 books_balance $D b
}

# ---- when it cannot be done: ordinary mail, as without it ----

is_ordinary() {
	need "250" post_is_taken a plain $S "rcpt1@$D $FRIEND"
	need "nothing on hold" held_are a 0
	need "it in the books" wait_for 10 books_are "taken 1" "queued 1"
	need "it said so" logged backup-not-held 1
	need "the other delivered" wait_for 20 served_are plain $FRIEND
	need "the primary again" mx_start
	ends_once plain $FRIEND rcpt1@$D
}

split_without_a_way() {
	BACKUP_BEFORE=no_way down
	is_ordinary
}
# host_conf is written anew for each host, so here.
no_way() {
	eval "$(sed -n '/^host_conf() {/,/^}/p' "$HERE/lib.sh" |
	    grep -v 'submit_held =' |
	    sed 's/port.amended")";/&  };/')"
}

split_way_is_closed() {
	down
	sed -i "s/^127.0.0.1:$(cat "$LAB/a/port.held") /#&/" \
	    "$LAB/a/etc/master.cf"
	need "a Postfix without it" pf_reload "$LAB/a"
	need "it gone" wait_for 10 not nc_held
	is_ordinary
	need "why" logged backup-split-failed 1
}
nc_held() {
	$PYTHON -c 'import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)' \
	    "$(cat "$LAB/a/port.held")" 2>/dev/null
}

held_refuses() {
	$PYTHON -c 'import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "a.test.invalid", timeout=20)
s.ehlo()
s.mail("")
sys.exit(s.rcpt(sys.argv[2])[0] < 500)' "$(cat "$LAB/a/port.held")" "$1"
}

# What that service refuses stays in the message.
split_one_is_refused_there() {
	down
	echo "/^rcpt2@/ REJECT" >"$LAB/a/etc/refused"
	pf_cf "$LAB/a" "resubmit_recipient_restrictions = check_recipient_access regexp:$LAB/a/etc/refused, permit"
	need "one that refuses" wait_for 20 held_refuses "rcpt2@$D"
	need "250" post_is_taken a refuse $S "rcpt1@$D rcpt2@$D $FRIEND"
	need "one on hold" wait_for 10 held_are a 1
	need "the books" wait_for 10 books_are "taken 2" "held 1" "queued 1"
	need "the primary again" mx_start
	ends_once refuse $FRIEND rcpt1@$D rcpt2@$D
}

# ---- the message is never committed ----

filter_behind() {
	mkdir -p "$LAB/a/spool/edit"
	chown postfix "$LAB/a/spool/edit"
	"$SMX_BUILD/test/mta/edit_milter" "$LAB/a/spool/edit/sock" \
	    >"$LAB/edit.log" 2>&1 &
	FILTER=$!
	LAB_PIDS="$LAB_PIDS $FILTER"
	need "the other filter" wait_for 5 test -S "$LAB/a/spool/edit/sock"
	chown postfix "$LAB/a/spool/edit/sock"
	pf_cf "$LAB/a" \
	    "smtpd_milters = unix:shadowmx/milter.sock unix:edit/sock"
}

# Its client sends all of it again: the part goes.
split_refused_behind_us() {
	down
	filter_behind
	post a refused $S "rcpt1@$D $FRIEND" "X-Edit: reject" >"$LAB/said"
	need "a refusal" grep -q '^5' "$LAB/said"
	need "a part that was split off" logged "backup-split " 1
	need "and taken back" wait_for 30 logged backup-split-dropped 1
	need "nothing in the queue" wait_for 20 queue_is_empty a
	need "the books" wait_for 30 books_are "taken 1" "deleted 1" "held 0"
	need "balance" books_balance
	need "nothing left at the holder" wait_for 30 no_rows b
	need "250" post_is_taken a again $S "rcpt1@$D $FRIEND"
	need "the primary again" mx_start
	ends_once again $FRIEND rcpt1@$D
	need "nothing of the first" is "$(served refused)" ""
}

# A message whose content comes when there is a file "go".
staged() { # RCPT...
	$PYTHON -c '
import os, smtplib, sys, time
lab, sender, rcpts = sys.argv[2], sys.argv[3], sys.argv[4:]
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60,
    local_hostname="client.test.invalid")
s.ehlo()
s.mail(sender)
for r in rcpts:
    s.rcpt(r)
s.docmd("DATA")
open(lab + "/ready", "w").close()
while not os.path.exists(lab + "/go"):
    time.sleep(0.05)
s.send("Subject: tag-later.\r\n\r\nhello\r\n.\r\n")
print(s.getreply()[0])' "$(port_of a)" "$LAB" $S "$@" >"$LAB/said"
}

# The part is done, the message is not committed yet, and nobody who saw it is
# left: the part stays.
split_killed_before_the_commit() {
	down
	filter_behind
	staged "rcpt1@$D" $FRIEND &
	client=$!
	need "a client" wait_for 20 test -e "$LAB/ready"
	kill -STOP "$FILTER"
	: >"$LAB/go"
	need "a part that was split off" wait_for 20 logged "backup-split " 1
	need "a worker to kill" worker_kill a
	need "a new worker" wait_for 20 answers a
	kill -CONT "$FILTER"
	wait "$client"
	need "250" grep -q '^250' "$LAB/said"
	need "it said that it may be twice" logged backup-split-kept 1
	need "one on hold" wait_for 20 held_are a 1
	need "the books" wait_for 20 books_are "taken 1" "held 1"
	need "the primary again" mx_start
	ends_once later $FRIEND rcpt1@$D
}

# ---- the worker dies at each of the durable steps ----
#
# For a daemon that has such: configure CPPFLAGS=-DSMX_CRASH_POINTS.  The client
# sends until it hears 250.  Nothing is lost; who gets it twice was told of.
died_at() { grep -q "crash point [0-9]*: $1\$" "$LAB/a/shadowmxd.log"; }
post_at_last() { wait_for 20 post_is_taken "$@"; }
served_at_least_once() { # TAG RCPT...
	served_tag=$1
	shift
	is "$(served "$served_tag" | uniq | tr '\n' ' ')" "$(printf '%s ' "$@")"
}

crash_points() {
	grep -qs SMX_CRASH_IN "$SMX_BUILD"/.libs/libshadowmx.so* || {
		say "SKIP: a daemon without crash points"
		exit 77
	}
	SMX_CRASH_IN=$LAB/points
	export SMX_CRASH_IN
	mkdir "$SMX_CRASH_IN"
	down
	chown "$WORKER_USER" "$SMX_CRASH_IN"
}

split_at_each_durable_step() {
	crash_points
	points="split-add split-added split-submit split-submitted split-name
	    split-named books-take books-taken struck"
	twice=" split-submitted split-name split-named books-take books-taken
	    struck "
	parts=0 seconds=0
	for point in ${SPLIT_POINTS:-$points}; do
		: >"$SMX_CRASH_IN/$point"
		need "a message at $point" post_at_last a "at-$point" $S \
		    "rcpt-$point@$D friend-$point@elsewhere.test.invalid"
		need "the end at $point" died_at "$point"
		parts=$((parts + 1))
		case $twice in
		*[[:space:]]"$point"[[:space:]]*) seconds=$((seconds + 1)) ;;
		esac
		need "all of them in the books" wait_for 30 books_are \
		    "held $((parts + seconds))" "queued 0"
	done
	need "nothing else on hold" held_are a $((parts + seconds))
	need "each second copy told of" wait_for 20 at_least \
	    "$(told_of | wc -l)" $seconds
	need "the primary again" mx_start
	need "the books" wait_for 60 books_are "held 0" "queued 0" \
	    "delivered $((parts + seconds))" "unaccounted 0"
	need "balance" books_balance
	for point in ${SPLIT_POINTS:-$points}; do
		need "both of the message at $point" wait_for 10 \
		    served_at_least_once "at-$point" \
		    "friend-$point@elsewhere.test.invalid" "rcpt-$point@$D"
	done
	need "nothing left at the holder" wait_for 30 no_rows b
}

# While it takes a part back: before, it stays and is told of; after, it is gone.
split_at_the_steps_back() {
	crash_points
	filter_behind
	for point in split-erase split-erased; do
		: >"$SMX_CRASH_IN/$point"
		post a "at-$point" $S "rcpt-$point@$D $FRIEND" \
		    "X-Edit: reject" >"$LAB/said"
		need "a refusal" grep -q '^5' "$LAB/said"
		need "the end at $point" wait_for 30 died_at "$point"
		need "a new worker" wait_for 20 answers a
	done
	need "one that stayed, one that is gone" wait_for 40 books_are \
	    "taken 2" "held 1" "deleted 1"
	need "one on hold" held_are a 1
	need "it told of" at_least "$(told_of | wc -l)" 1
	need "the primary again" mx_start
	ends_once at-split-erase "rcpt-split-erase@$D"
	need "nothing of the other" is "$(served at-split-erased)" ""
}

# The parts that are perhaps a second copy, each once.
told_of() {
	sed -n 's/.*event=backup-split-kept .* part=\([^ ]*\) .*/\1/p' \
	    "$LAB/a/shadowmxd.log" | sort -u
}

lab_main split "$@"
