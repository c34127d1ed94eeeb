#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Copying again, with real Postfix: what a holder has lost or forgotten, what
# nobody could hold when it came, what a worker's crash has forgotten, and what
# was taken over has its copies again, and the loss of its primary after that
# loses nothing.  Every scenario is a function again_NAME with hosts of its own;
# "again.sh NAME..." runs only these, "again.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

MAX_DELAY=20s

# hosts_of NAMES [TEXT [MORE]]
hosts_of() {
	need "a next hop" sink_start
	sink_control pause
	# shellcheck disable=SC2086
	need "hosts" host_make $1
	[ -z "${2:-}" ] || need "a configuration" host_conf a "$2" "${3:-}"
	need "hosts that see each other" hosts_start
}

send() {
	need "mail to be sent" mail_send a --count "$1" --kinds plain,several
	need "$1 acknowledged" is "$(acknowledged)" "$1"
}

forget() {
	daemon_stop "$1"
	rm -rf "$LAB/$1/store"
}

copied_again() { # HOST COUNT
	need "none unprotected" wait_for 30 status_is a own.unprotected 0
	need "none to be copied" wait_for 10 status_is a own.to_copy 0
	need "$2 copies at $1" wait_for 10 rows_are "$1" "$2"
}

ends_without() { # LOST COUNT
	for again_host in $LAB_HOSTS; do
		[ "$again_host" = "$1" ] || ! daemon_pid "$again_host" \
		    >/dev/null || need "nothing on hold at $again_host" \
		    wait_for 30 none_held "$again_host"
	done
	host_lose "$1"
	sink_control
	need "everything delivered, nothing damaged" \
	    ledger --wait 60 --least "$2"
	need "no duplicates" is "$(tally duplicated)" 0
}

again_holder_forgets() {
	hosts_of "a b"
	sink_control "reply=450:."
	send 30
	need "30 at b" rows_are b 30
	forget b
	need "b again, with nothing" daemon_start b
	copied_again b 30
	ends_without a 30
}

again_holder_comes_back_older() {
	hosts_of "a b"
	send 6
	daemon_stop b
	cp -a "$LAB/b/store" "$LAB/b/older"
	need "b again" daemon_start b
	need "up" wait_for 15 peers_up a
	mail_send a --count 6 --kinds plain --prefix more-
	need "12 at b" rows_are b 12
	forget b
	mv "$LAB/b/older" "$LAB/b/store"
	need "b again, as it was" daemon_start b
	copied_again b 12
	ends_without a 12
}

again_holder_is_lost_for_ever() {
	hosts_of "a b c"
	need "the command" ctl a peer drain c.test.invalid
	send 12
	need "12 at b" rows_are b 12
	need "the command" ctl a peer undrain c.test.invalid
	host_lose b
	need "12 at c" wait_for 40 rows_are c 12
	copied_again c 12
	ends_without a 12
}

again_nobody_was_there() {
	UNPROTECTED=accept MAX_DELAY=1s
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b
	need "a" host_start a
	send 6
	need "counted" wait_for 10 status_is a own.unprotected 6
	need "attention" not eval 'ctl a status >"$LAB/s"'
	need "b" host_start b
	copied_again b 6
	ends_without a 6
}

again_drained_holder() {
	TAKEOVER_AFTER=60s
	hosts_of "a b c"
	need "the command" ctl a peer drain c.test.invalid
	send 6
	need "6 at b" rows_are b 6
	need "the command" ctl a peer undrain c.test.invalid
	need "the command" ctl a peer drain b.test.invalid
	need "6 at c" wait_for 20 rows_are c 6
	need "still 6 at b" rows_are b 6
	need "none unprotected in between" status_is a own.unprotected 0
	sink_control
	need "everything delivered" ledger --wait 40 --least 6
	need "no duplicates" is "$(tally duplicated)" 0
	need "nothing left at b" wait_for 20 no_rows b
	need "nothing left at c" wait_for 20 no_rows c
}

# Nothing in memory, nothing in the file of the unprotected, nothing at b: only
# the queue knows of them.
again_worker_killed_and_holder_wiped() {
	hosts_of "a b"
	send 8
	need "8 at b" rows_are b 8
	forget b
	need "the worker to be killed" worker_kill a
	need "a again" wait_for 20 answers a
	need "b again, with nothing" daemon_start b
	need "8 at b" wait_for 40 rows_are b 8
	need "found in the queue" wait_for 10 log_says a "event=found"
	copied_again b 8
	ends_without a 8
}

again_unprotected_and_worker_killed() {
	UNPROTECTED=accept MAX_DELAY=1s
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b
	need "a" host_start a
	send 4
	need "the worker to be killed" worker_kill a
	need "a again" wait_for 20 status_is a own.unprotected 4
	need "b" host_start b
	copied_again b 4
	ends_without a 4
}

# After a restart nobody remembers how many copies there should be.
again_restart_learns_the_number() {
	hosts_of "a b c" "copies = 2;"
	send 4
	need "4 at c" rows_are c 4
	forget c
	need "the worker to be killed" worker_kill a
	need "a again" wait_for 20 answers a
	need "adopted" wait_for 20 status_is a own.open 4
	need "c again, with nothing" daemon_start c
	need "4 at c" wait_for 30 rows_are c 4
	need "none short" wait_for 10 status_is a own.short 0
	sink_control
	need "everything delivered" ledger --wait 40 --least 4
	need "no duplicates" is "$(tally duplicated)" 0
	need "nothing left at b" wait_for 20 no_rows b
	need "nothing left at c" wait_for 20 no_rows c
}

# b takes over from a, and is lost itself before the next hop takes anything.
again_resubmitted_is_protected() {
	hosts_of "a b c"
	need "the command" ctl a peer drain c.test.invalid
	send 6
	need "6 at b" rows_are b 6
	host_lose a
	need "handed" wait_for 30 rows_are b 6 handed
	need "6 at c" wait_for 30 rows_are c 6
	need "none unprotected at b" wait_for 10 status_is b own.unprotected 0
	ends_without b 6
}

# Without a third member it is counted until it ends.
again_resubmitted_is_counted() {
	hosts_of "a b"
	send 4
	host_lose a
	need "handed" wait_for 30 rows_are b 4 handed
	need "counted" wait_for 10 status_is b own.unprotected 4
	sink_control
	need "everything delivered" ledger --wait 60 --least 4
	need "counted no more" wait_for 20 status_is b own.unprotected 0
	need "nothing open" wait_for 20 status_is b own.open 0
}

lab_main again "$@"
