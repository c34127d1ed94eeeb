#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A backup MX whose clock is set forward or back by days, or that was suspended:
# nothing is returned or forgotten for it, and the books balance.  Every scenario
# is a function clock_NAME; "clock.sh NAME..." runs only these, "clock.sh -l" lists
# them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"
. "$HERE/lib-clock.sh"

HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s
BACKUP_BEFORE=clocks_made
HOUR=3600 DAY=86400

# moved SECONDS: and the daemon has seen it
moved() {
	clocks "$1" 0
	sleep 1.2
}

# N messages on hold, from a client's knocks; who is good and who is bad is known.
held_by_knocks() { # N
	need "a good one asked" knock_heard 2 250 $S good1@$D
	need "it delivered" wait_for 20 books_are "taken 1" "delivered 1"
	need "a bad one asked" knock_heard 1 "550 5.1.1" $S bad1@$D
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	knocks_n=0
	while [ $knocks_n -lt "$1" ]; do
		knocks_n=$((knocks_n + 1))
		need "one taken" knock_heard 2 250 $S good1@$D
	done
	need "them on hold" wait_for 20 held_are a "$1"
}

nothing_given_up() {
	need "nobody told" no_bounce
	need "nothing given up" not log_says a "event=backup-given-up"
	need "balance" books_balance
}

# N were taken, all were delivered, once.
knocks_end_well() {
	need "all delivered" wait_for 40 eval 'is "$(sink_count)" '"$1"
	need "books that say so" wait_for 30 books_are "taken $1" \
	    "delivered $1" "held 0" "queued 0" "unaccounted 0"
	nothing_given_up
	need "nothing left at the holder" wait_for 30 no_rows b
	need "not twice" is "$(sink_count)" "$1"
}

# ---- mail on hold ----

clock_jumps_while_held() {
	backup_ready "$(backed $D 'while_up = "accept"; unknown_recipient = "reject";')"
	held_by_knocks 1
	jumps_held=1
	for jumps_by in $((2 * HOUR)) $((-10 * DAY)) $((10 * DAY)) \
	    $((100 * DAY)); do
		moved "$jumps_by"
		need "on hold still, after $jumps_by" held_are a $jumps_held
		need "known good, after $jumps_by" \
		    knock_heard 2 250 $S good1@$D
		jumps_held=$((jumps_held + 1))
		need "known bad, after $jumps_by" \
		    knock_heard 1 "550 5.1.1" $S bad1@$D
		need "the primary down, after $jumps_by" mx_is down
	done
	need "all on hold" wait_for 10 held_are a 5
	need "it in the log" log_says a "event=backup-clock-jumped"
	# Whatever ended a hundred days ago, and more.
	daemon_kill a
	need "a restart" daemon_start a
	sleep 2
	need "all on hold" held_are a 5
	need "nothing forgotten" books_are "taken 6" "delivered 1" "held 5"
	moved 0
	need "the primary again" mx_start
	knocks_end_well 6
}

# ... and the primary returns to a host whose clock is wrong.
clock_is_wrong_when_the_primary_returns() {
	backup_ready
	held_by_knocks 2
	moved $((-10 * DAY))
	need "one more" knock_heard 2 250 $S good1@$D
	moved $((10 * DAY))
	need "one more" knock_heard 2 250 $S good1@$D
	need "the primary again" mx_start
	knocks_end_well 5
}

# What was on hold for as long as it may is over by a clock that was just set, and
# by that of a process that has just begun.
clock_jumps_over_the_end_of_a_hold() {
	backup_ready "$(backed $D 'while_up = "accept"; hold = "1h"; warn = "0s";')"
	held_by_knocks 2
	moved $((2 * HOUR))
	need "on hold still" held_are a 2
	daemon_kill a
	need "a restart" daemon_start a
	sleep 3
	need "on hold still" held_are a 2
	worker_kill a
	need "a new worker" wait_for 10 answers a
	moved $((-2 * HOUR))
	need "on hold still" held_are a 2
	nothing_given_up
	moved $((2 * HOUR))
	need "the primary again" mx_start
	knocks_end_well 3
}

# The MTA's clock as well as ours.
clock_of_the_whole_host() {
	BACKUP_MTA=mta_by_the_clock
	backup_ready "$(backed $D 'while_up = "accept"; unknown_recipient = "reject";')"
	held_by_knocks 2
	moved $((10 * DAY))
	need "Postfix by that clock" wait_for 10 mta_is_moved
	need "one more" knock_heard 2 250 $S good1@$D
	need "all on hold" wait_for 10 held_are a 3
	need "a primary that says not yet" pf_cf "$LAB/mx" \
	    "smtpd_data_restrictions = check_client_access static:{451 4.3.2 not yet}"
	need "the primary again" mx_start
	need "it tried" wait_for 30 grep -q 'not yet' "$LAB/a/mail.log"
	need "nobody told" no_bounce
	need "the primary ready" pf_cf "$LAB/mx" "smtpd_data_restrictions ="
	knocks_end_well 4
}
mta_by_the_clock() {
	pf_cf "$LAB/$1" "import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_PRELOAD=$LAB/shim.so CLOCK_SHIM=$LAB/clocks" \
	    "minimal_backoff_time = 2s" "maximal_backoff_time = 4s" \
	    "queue_run_delay = 2s"
}
mta_is_moved() {
	knock $S bad1@$D >/dev/null
	not is "$(tail -n 1 "$LAB/a/mail.log" | cut -c 1-6)" \
	    "$(LC_ALL=C date '+%b %d')"
}

# ... set back: what was on hold is from the future, and tried at once all the same.
clock_of_the_whole_host_set_back() {
	BACKUP_MTA=mta_by_the_clock
	backup_ready "$(backed $D 'while_up = "accept"; unknown_recipient = "reject";')"
	held_by_knocks 2
	moved $((-10 * DAY))
	need "Postfix by that clock" wait_for 10 mta_is_moved
	need "known bad still" shows heard 1 "550 5.1.1"
	need "one more" knock_heard 2 250 $S good1@$D
	need "all on hold" wait_for 10 held_are a 3
	need "the primary again" mx_start
	knocks_end_well 4
}

# ---- what else goes by time ----

clock_jumps_in_a_maintenance() {
	backup_ready
	need "the word" ctl a maintenance start --for 1h $D
	for pause_by in $((2 * HOUR)) $((-10 * DAY)) $((10 * DAY)); do
		moved "$pause_by"
		need "announced still, after $pause_by" mx_is down
		need "taken, after $pause_by" knock_heard 2 250 $S rcpt1@$D
	done
	need "all on hold" wait_for 10 held_are a 3
	# What time did pass is over.
	clocks $((2 * HOUR)) $((2 * HOUR))
	need "the end of it" wait_for 10 log_says a "event=maintenance-over"
	need "up" wait_for 20 mx_is up
	knocks_end_well 3
}

clock_jumps_between_two_tries() {
	backup_ready "$(backed $D 'while_up = "defer"; grace = "4s";')"
	need "sent away" knock_heard 1 "451 4.3.2" $S rcpt1@$D
	moved $((10 * DAY))
	need "too early still" knock_heard 1 "451 4.3.2" $S rcpt1@$D
	moved $((-10 * DAY))
	sleep 3
	need "taken, when the time is over" wait_for 10 \
	    knock_heard 2 250 $S rcpt1@$D
	knocks_end_well 1
}

lab_main clock "$@"
