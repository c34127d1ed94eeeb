#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The books of a backup MX against the queue of a real Postfix: mail that another
# filter refuses after it was booked, a worker that is killed between the books and
# the commit, and what people do to mail on hold while nobody looks.  Every scenario
# is a function crash_NAME; "backup_crash.sh NAME..." runs only these,
# "backup_crash.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"

HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s

super() { postsuper -c "$LAB/a/etc" "$@" 2>"$LAB/super"; }
booked() { is "$(grep -c event=backup-taken "$LAB/a/shadowmxd.log")" "$1"; }

# A filter behind ours, which does what the message says.
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

primary_is_down() {
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
}

# Behind a filter that puts a message on hold no other one is asked: so these two are
# of a primary that is up.
crash_refused_behind_us() {
	backup_ready
	filter_behind
	post a refused $S "rcpt1@$D" "X-Edit: reject" >"$LAB/said"
	need "a refusal" grep -q '^5' "$LAB/said"
	need "it in the books" booked 1
	need "and out of them: it never was" wait_for 30 books_are "taken 1" \
	    "deleted 1" "held 0" "queued 0" "unaccounted 0"
	need "balance" books_balance
}

# staged NAME RCPT HEADER: a message whose content comes when there is a file "go"
staged() {
	$PYTHON -c '
import os, smtplib, sys, time
lab, name, sender, rcpt, header = sys.argv[2:]
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60,
    local_hostname="client.test.invalid")
s.ehlo()
s.mail(sender)
s.rcpt(rcpt)
s.docmd("DATA")
open(lab + "/ready." + name, "w").close()
while not os.path.exists(lab + "/go"):
    time.sleep(0.05)
s.send(header + "\r\nSubject: " + name + "\r\n\r\nhello\r\n.\r\n")
print(s.getreply()[0])' "$(port_of a)" "$LAB" "$1" $S "$2" "$3" >"$LAB/said.$1"
}

# One of the two is committed afterwards, the other is not.
crash_between_the_books_and_the_commit() {
	backup_ready
	filter_behind
	staged kept "rcpt1@$D" "X-Other: none" &
	kept=$!
	staged refused "rcpt2@$D" "X-Edit: reject" &
	refused=$!
	need "two clients" wait_for 20 test -e "$LAB/ready.kept" -a \
	    -e "$LAB/ready.refused"
	kill -STOP "$FILTER"
	: >"$LAB/go"
	need "both in the books" wait_for 20 booked 2
	need "a worker to kill" worker_kill a
	need "a new worker" wait_for 10 answers a
	kill -CONT "$FILTER"
	wait "$kept" "$refused"
	need "a refusal" grep -q '^5' "$LAB/said.refused"
	need "250" grep -q '^250' "$LAB/said.kept"
	need "what was committed is delivered, the other one never was" \
	    wait_for 40 books_are "taken 2" "delivered 1" "deleted 1" \
	    "held 0" "queued 0" "unaccounted 0"
	need "balance" books_balance
}

# Deleted, requeued, released and delivered, and one left alone.
crash_nobody_looks() {
	primary_is_down
	send 4
	need "on hold" wait_for 20 held_are a 4
	need "in the books" wait_for 10 books_are "held 4"
	held a >"$LAB/ids"
	daemon_kill a
	need "one deleted" super -d "$(sed -n 1p "$LAB/ids")"
	need "the primary again" mx_start
	need "one requeued" super -r "$(sed -n 2p "$LAB/ids")"
	need "one released" super -H "$(sed -n 3p "$LAB/ids")"
	postqueue -c "$LAB/a/etc" -f
	need "two delivered" wait_for 40 eval 'is "$(sink_count)" 2'
	need "the daemon again" daemon_start a
	need "the last one released by us, and all told by the log" \
	    wait_for 60 books_are "taken 4" "delivered 3" "deleted 1" \
	    "held 0" "queued 0" "unaccounted 0"
	need "balance" books_balance
}

lab_main crash "$@"
