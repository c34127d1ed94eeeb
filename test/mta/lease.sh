#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Life and leaving with real Postfix: isolation, an MTA that is down, orderly
# leave, frozen hosts, networks that fail in one direction.  Every scenario is a
# function lease_NAME with hosts of its own; "lease.sh NAME..." runs only these,
# "lease.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

MAX_DELAY=20s

at_most() { [ "$1" -le "$2" ]; }
at_least() { [ "$1" -ge "$2" ]; }
now_ms() { date +%s%3N; }

# peers_say HOST TEXT: settings in its "peers"
peers_say() {
	sed -i "s/takeover_after = \"[^\"]*\";/& $2/" "$(conf_of "$1")"
}

# wire A B: what A says to B, and the answers, go through a process of its own
wire() {
	$PYTHON "$TOOL/relay.py" "$(peer_port_of "$2")" >"$LAB/wire.$1.$2" &
	echo $! >"$LAB/wire.$1.$2.pid"
	LAB_PIDS="$LAB_PIDS $!"
	wait_for 5 test -s "$LAB/wire.$1.$2" || return 1
	sed -i "/name = \"$2.test/s/127.0.0.1:[0-9]*/127.0.0.1:$(cat \
	    "$LAB/wire.$1.$2")/" "$(conf_of "$1")"
}

wire_signal() { # SIGNAL A B
	kill "-$1" "$(cat "$LAB/wire.$2.$3.pid")"
}

# Toggles: not one byte from A reaches B, in whatever connection.
one_way() { # A B
	wire_signal USR1 "$1" "$2"
	wire_signal USR2 "$2" "$1"
}

both_ways() {
	one_way a b
	one_way b a
}

# hosts_ab [TEXT]: a and b with wires between, TEXT in the "peers" of both; mail
# stays in a's queue, for the next hop refuses it for now
hosts_ab() {
	need "a next hop" sink_start
	sink_control 'reply=450:.'
	need "hosts" host_make a b
	for lab_host in a b; do
		peers_say "$lab_host" "${1:-}"
	done
	need "a wire" wire a b
	need "a wire" wire b a
	need "hosts that see each other" hosts_start
}

send() {
	need "mail to be sent" mail_send a --count "$1" --kinds plain,several \
	    ${2:+--prefix "$2"}
	need "all at b" wait_for 15 rows_are b "$1"
}

# All have been tried once, and wait.
deferred() {
	[ "$(find "$LAB/$1/spool/deferred" "$LAB/$1/spool/hold" -type f |
	    wc -l)" -ge "$2" ]
}

on_hold() {
	[ "$(find "$LAB/$1/spool/hold" -type f | wc -l)" = "$2" ]
}

isolated() { [ "$(status "$1" own.isolated)" = "$2" ]; }

ends_well() { # COUNT [DUPLICATES]
	sink_control
	need "everything delivered, nothing damaged" \
	    ledger --wait 40 --least "$1"
	sleep 3
	need "no more duplicates than that" at_most "$(tally duplicated)" "${2:-0}"
}

settles() {
	need "nothing left at b" wait_for 30 no_rows b
	need "nothing open at a" wait_for 30 status_is a own.open 0
	need "a's queue empty" wait_for 30 queue_is_empty a
	need "b's queue empty" wait_for 30 queue_is_empty b
}

no_claim() {
	need "no takeover at $1" not log_says "$1" "event=claimed"
}

# ---- isolation ----

# Both live and deliver, and do not see each other for long: each message is
# delivered once all the same.
lease_partition_delivers_once() {
	HEARTBEAT=1s TAKEOVER_AFTER=6s
	hosts_ab 'on_isolation = "hold";'
	send 6
	need "all tried once" wait_for 15 deferred a 6
	both_ways
	need "a to notice" wait_for 15 log_says a "event=isolated"
	need "all of them fenced" wait_for 15 isolated a 6
	need "all of them on hold" wait_for 10 on_hold a 6
	need "peer list to say so" eval 'ctl a peer list | grep -q "isolated since"'
	need "status to be critical" eval 'ctl a status -b | grep -q CRITICAL.*isolated'
	need "a takeover" wait_for 30 log_says b "event=takeover"
	ends_well 6
	both_ways
	need "a to hear of it" wait_for 20 log_says a "event=isolation_over"
	need "nothing fenced" wait_for 20 isolated a 0
	settles
	need "still no duplicates" is "$(tally duplicated)" 0
}

# Too short for a takeover: the primary delivers.
lease_short_partition_is_over() {
	TAKEOVER_AFTER=6s
	hosts_ab 'on_isolation = "hold";'
	send 4
	need "all tried once" wait_for 15 deferred a 4
	daemon_freeze b
	need "a to notice" wait_for 15 log_says a "event=isolated"
	need "all of them on hold" wait_for 10 on_hold a 4
	daemon_thaw b
	need "a to hear of it" wait_for 20 log_says a "event=isolation_over"
	ends_well 4
	no_claim b
	settles
}

# The default: nothing waits for a peer that is gone.
lease_delivers_by_default() {
	hosts_ab
	send 4
	daemon_freeze b
	sleep 5
	need "nothing isolated" isolated a 0
	ends_well 4
	need "no word of it" not log_says a "event=isolated"
	daemon_thaw b
	settles
}

# ---- one direction only ----

# Not one byte gets through in one direction: soon no connection lives that says
# who is talking, so to the holder it is silence, and the primary must not
# deliver either way.
one_way_delivers_once() { # FROM TO
	HEARTBEAT=1s TAKEOVER_AFTER=6s
	hosts_ab 'on_isolation = "hold";'
	send 4
	need "all tried once" wait_for 15 deferred a 4
	one_way "$1" "$2"
	need "a to notice" wait_for 15 log_says a "event=isolated"
	need "all of them on hold" wait_for 15 on_hold a 4
	need "a takeover" wait_for 30 log_says b "event=takeover"
	ends_well 4
	one_way "$1" "$2"
	settles
	need "still no duplicates" is "$(tally duplicated)" 0
}

lease_not_heard() {
	one_way_delivers_once a b
}

lease_not_hearing() {
	one_way_delivers_once b a
}

# Only b can open connections: a is answered nothing, b is answered.
lease_only_the_holder_calls() {
	hosts_ab 'on_isolation = "hold";'
	send 4
	wire_signal KILL a b
	need "a to notice" wait_for 15 log_says a "event=isolated"
	sleep 6
	no_claim b
}

words_of_isolation() { grep -c "event=isolated" "$LAB/a/shadowmxd.log"; }

# Only a can: it has its lease, and b hears it.
lease_only_the_primary_calls() {
	HEARTBEAT=1s TAKEOVER_AFTER=6s
	hosts_ab 'on_isolation = "hold";'
	send 4
	# The first to start may have waited for the other.
	lease_words=$(words_of_isolation)
	wire_signal KILL b a
	sleep 12
	no_claim b
	need "no word of isolation" is "$(words_of_isolation)" "$lease_words"
	ends_well 4
}

# ---- an MTA that is down ----

lease_mta_stopped() {
	TAKEOVER_AFTER=60s
	hosts_ab 'mta_down_takeover = "3s";'
	send 5
	need "all tried once" wait_for 15 deferred a 5
	pf_stop "$LAB/a"
	need "b to hear of it" wait_for 10 eval 'ctl b peer list | grep -q "a.*down"'
	need "a takeover" wait_for 20 log_says b "event=takeover.*cause=mta_down"
	ends_well 5
	# It hears of it before its MTA runs, if that is long enough.
	sleep 3
	need "Postfix again" pf_start "$LAB/a"
	settles
	need "no duplicates" is "$(tally duplicated)" 0
}

lease_mta_frozen() {
	TAKEOVER_AFTER=60s
	hosts_ab 'mta_down_takeover = "3s";'
	send 3
	need "all tried once" wait_for 15 deferred a 3
	kill -STOP "$(pf_pid "$LAB/a")"
	need "a takeover" wait_for 20 log_says b "event=takeover.*cause=mta_down"
	kill -CONT "$(pf_pid "$LAB/a")"
}

lease_mta_down_is_nobodys_business() {
	TAKEOVER_AFTER=60s
	hosts_ab
	send 3
	pf_stop "$LAB/a"
	sleep 7
	no_claim b
	need "Postfix again" pf_start "$LAB/a"
	ends_well 3
}

lease_mta_comes_back_in_time() {
	TAKEOVER_AFTER=60s
	hosts_ab 'mta_down_takeover = "8s";'
	send 3
	pf_stop "$LAB/a"
	sleep 4
	need "Postfix again" pf_start "$LAB/a"
	sleep 2
	pf_stop "$LAB/a"
	sleep 4
	no_claim b
	need "Postfix again" pf_start "$LAB/a"
	ends_well 3
	settles
}

# The operator is at work: with "leave", and with "drain".
lease_mta_down_in_order() {
	TAKEOVER_AFTER=60s
	hosts_ab 'mta_down_takeover = "3s";'
	send 3
	need "to be told" ctl a leave --for 1h
	pf_stop "$LAB/a"
	sleep 6
	no_claim b
	need "to drain" ctl a drain
	need "to stay" ctl a leave --for 0
	sleep 6
	no_claim b
	need "not to drain" ctl a undrain
	need "a takeover" wait_for 20 log_says b "event=takeover.*cause=mta_down"
}

# ---- leaving ----

# T holds over a restart of the holder; after T its absence counts.
lease_leave_lasts() {
	TAKEOVER_AFTER=3s
	hosts_ab
	send 4
	leave_began=$(now_ms)
	need "b to know" eval 'ctl a leave --for 40s | grep -q "b.*knows"'
	need "status to say so" eval 'ctl a status | grep -q ^leaving'
	need "b to show it" eval 'ctl b peer list | grep -q leaving'
	worker_kill a
	need "a worker again" wait_for 10 answers a
	daemon_stop a
	pf_stop "$LAB/a"
	sleep 4
	daemon_kill b
	need "b again" daemon_start b
	need "b to remember" eval 'ctl b peer list | grep -q leaving'
	sink_control
	need "a takeover in the end" wait_for 40 log_says b "event=takeover"
	need "not before its time" at_least $(($(now_ms) - leave_began)) 42000
	ends_well 4
}

# A stop for maintenance is no takeover, and the return is the end of it.
lease_leave_and_return() {
	TAKEOVER_AFTER=3s
	hosts_ab
	send 4
	need "b to know" ctl a leave --for 1h
	daemon_stop a
	pf_stop "$LAB/a"
	sleep 8
	no_claim b
	need "a again" host_start a
	need "b to see it" wait_for 15 peers_up b
	need "no leave any more" wait_for 10 status_is a leaving_ms 0
	ends_well 4
	no_claim b
	settles
	daemon_kill a
	need "silence counts again" wait_for 20 \
	    eval 'ctl b peer list | grep -q silent'
}

# ---- frozen ----

# The answer comes within max_delay, and a holder that wakes up takes nothing
# over: its clock begins anew.
lease_frozen_holder() {
	UNPROTECTED=accept MAX_DELAY=2s TAKEOVER_AFTER=4s
	hosts_ab
	send 3
	daemon_freeze b
	frozen_began=$(now_ms)
	need "an answer" eval 'post a t1 s@x.invalid r@y.invalid | grep -q ^250'
	need "in time" at_most $(($(now_ms) - frozen_began)) 30000
	need "counted" wait_for 10 \
	    eval 'at_least "$(status a own.accepted_unprotected)" 1'
	sleep 7
	daemon_thaw b
	sleep 2
	no_claim b
	sink_control
	need "all delivered" wait_for 40 ledger --least 3
	sleep 2
	need "no duplicates" is "$(tally duplicated)" 0
	no_claim b
	settles
}

# All of the host stands still, as when it is suspended.  Then it runs again,
# with mail that others have delivered.
lease_frozen_primary() {
	TAKEOVER_AFTER=3s
	hosts_ab 'on_isolation = "hold";'
	send 4
	need "all tried once" wait_for 15 deferred a 4
	frozen=$(pf_pid "$LAB/a")
	frozen="$frozen $(pgrep -P "$frozen") $(daemon_family a)"
	# shellcheck disable=SC2086
	kill -STOP $frozen
	need "a takeover" wait_for 30 log_says b "event=takeover"
	sink_control
	need "all delivered" ledger --wait 30 --least 4
	sink_control 'reply=450:.'
	# shellcheck disable=SC2086
	kill -CONT $frozen
	need "a to notice" wait_for 10 log_says a "event=clock_gap"
	need "and to fence first" wait_for 10 log_says a "event=isolated"
	need "and to ask" wait_for 20 log_says a "event=isolation_over"
	sink_control
	settles
	need "at most those twice" at_most "$(tally duplicated)" 4
}

lab_main lease "$@"
