#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Three whole hosts: how many copies, where, and which holder takes over.  Every
# scenario is a function three_NAME with hosts of its own; "three.sh NAME..."
# runs only these, "three.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

# A member that a slow machine keeps silent for two heartbeats gets no copies; so
# they are long where nobody is lost.
HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s

at_least() { [ "$1" -ge "$2" ]; }
at_most() { [ "$1" -le "$2" ]; }
now_ms() { date +%s%3N; }

# hosts_abc [TEXT [MORE]]: a, b, c with TEXT in a's defaults
hosts_abc() {
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b c
	[ -z "$1" ] || need "a configuration" host_conf a "$@"
	need "hosts that see each other" hosts_start
}

# sites A B C: before host_make writes the configurations
sites_are() {
	for lab_host in a b c; do
		mkdir -p "$LAB/$lab_host"
		echo "$1" >"$LAB/$lab_host/site"
		shift
	done
}

hosts_at_sites() { # A B C TEXT [MORE]
	need "a next hop" sink_start
	sink_control pause
	sites_are "$1" "$2" "$3"
	shift 3
	need "hosts" host_make a b c
	need "a configuration" host_conf a "$@"
	need "hosts that see each other" hosts_start
}

send() {
	need "mail to be sent" mail_send a --count "$1" --kinds plain,several
}

# wire A B: what A says to B goes through a process that can be ended
wire() {
	$PYTHON "$TOOL/relay.py" "$(peer_port_of "$2")" >"$LAB/wire.$1.$2" &
	LAB_PIDS="$LAB_PIDS $!"
	WIRES="${WIRES:-} $!"
	wait_for 5 test -s "$LAB/wire.$1.$2" || return 1
	sed -i "/name = \"$2.test/s/127.0.0.1:[0-9]*/127.0.0.1:$(cat \
	    "$LAB/wire.$1.$2")/" "$(conf_of "$1")"
}

mend() {
	$PYTHON "$TOOL/relay.py" "$(peer_port_of "$2")" \
	    "$(cat "$LAB/wire.$1.$2")" >/dev/null &
	LAB_PIDS="$LAB_PIDS $!"
}

log_count() { grep -c "$2" "$LAB/$1/shadowmxd.log"; }

ends_well() { # COUNT [SECONDS]
	sink_control
	need "everything delivered, nothing damaged" \
	    ledger --wait "${2:-40}" --least "$1"
	need "no duplicates" is "$(tally duplicated)" 0
}

nothing_left() {
	for lab_host; do
		need "nothing left at $lab_host" wait_for 20 no_rows "$lab_host"
	done
}

# ---- how many ----

three_two_copies() {
	hosts_abc "copies = 2;"
	send 10
	need "10 acknowledged" is "$(acknowledged)" 10
	need "all at b before their 250" rows_are b 10
	need "all at c before their 250" rows_are c 10
	need "none short" status_is a own.short 0
	ends_well 10
	nothing_left b c
	need "nothing open at the primary" wait_for 20 status_is a own.open 0
}

three_copies_are_shared_out() {
	hosts_abc ""
	send 10
	need "10 copies in all" is $(($(rows b) + $(rows c))) 10
	need "some of them at b" some_rows b
	need "some of them at c" some_rows c
	ends_well 10
	nothing_left b c
}

three_short() {
	hosts_abc "copies = 2;"
	daemon_kill c
	send 4
	need "4 acknowledged" is "$(acknowledged)" 4
	need "4 counted as short" wait_for 10 status_is a own.short 4
	need "none as unprotected" status_is a own.unprotected 0
	need "status to ask for attention" not eval 'ctl a status >"$LAB/s"'
	ends_well 4
	nothing_left b
	need "none short any more" wait_for 20 status_is a own.short 0
}

three_min_copies_tempfail() {
	UNPROTECTED=tempfail MAX_DELAY=1s
	hosts_abc "copies = 2; min_copies = 2;"
	daemon_kill c
	send 2
	need "none acknowledged" is "$(acknowledged)" 0
	need "451" eval 'grep -q "\"code\": 451" "$LAB/sent.a/sent.jsonl"'
	need "no shadow of what was refused" wait_for 20 no_rows b
	need "nothing open" wait_for 10 status_is a own.open 0
}

three_min_copies_accept() {
	UNPROTECTED=accept MAX_DELAY=4s
	hosts_abc "copies = 2; min_copies = 2;"
	daemon_kill c
	send 2
	need "2 acknowledged" is "$(acknowledged)" 2
	need "one copy is short, not unprotected" \
	    wait_for 10 status_is a own.short 2
	ends_well 2
}

# Refuse for the first three seconds of trouble, then accept; and refuse again
# when there has been none in between.
three_tempfail_for_a_while() {
	MAX_DELAY=2s
	need "a next hop" sink_start
	need "hosts" host_make a b c
	sed -i 's/when_unprotected = "tempfail"/when_unprotected = ("tempfail", "3s", "accept")/' \
	    "$(conf_of a)"
	need "hosts that see each other" hosts_start
	daemon_kill b
	daemon_kill c
	need "451 at first" eval 'post a t1 s@x.invalid r@y.invalid | grep -q ^451'
	need "accepted in the end" wait_for 15 \
	    eval 'post a t2 s@x.invalid r@y.invalid | grep -q ^250'
	need "counted" at_least "$(status a own.accepted_unprotected)" 1
	need "a holder again" daemon_start b
	need "seen by the primary" wait_for 15 \
	    eval 'ctl a peer list | grep -q "b.*up"'
	need "protected again" wait_for 15 \
	    eval 'post a t3 s@x.invalid r@y.invalid | grep -q ^250'
	daemon_kill b
	need "451 in new trouble" eval 'post a t4 s@x.invalid r@y.invalid | grep -q ^451'
}

three_frozen_holder_is_passed() {
	MAX_DELAY=10s
	hosts_abc ""
	daemon_freeze b
	frozen_began=$(now_ms)
	send 4
	need "4 acknowledged" is "$(acknowledged)" 4
	need "within max_delay each" at_most $(($(now_ms) - frozen_began)) 60000
	need "4 copies at c" rows_are c 4
	need "none unprotected" status_is a own.accepted_unprotected 0
	daemon_thaw b
	ends_well 4
	nothing_left b c
}

# ---- where ----

three_prefer_remote() {
	hosts_at_sites east east west 'placement = "prefer_remote";'
	send 6
	need "all at the other site" rows_are c 6
	need "none at the own one" rows_are b 0
	daemon_kill c
	send 3
	need "the own site, when the other is away" rows_are b 3
}

three_remote_only() {
	UNPROTECTED=tempfail MAX_DELAY=4s
	hosts_at_sites east east west 'placement = "remote_only";'
	send 4
	need "all at the other site" rows_are c 4
	daemon_kill c
	need "refused rather than kept at home" \
	    eval 'post a t1 s@x.invalid r@y.invalid | grep -q ^451'
	need "nothing at the own site" rows_are b 0
}

three_local_only() {
	hosts_at_sites east east west 'placement = "local_only";'
	send 4
	need "all at the own site" rows_are b 4
	need "none at the other" rows_are c 0
}

# A recipient whose mail must stay in the east, one whose mail must not: a
# stranger is told to send two messages.
three_sites_by_policy() {
	hosts_at_sites north east west "" 'policies = (
	{ name = "eastern"; match = { domains = ( "east.invalid" ); };
	  acknowledge = { sites = ( "east" ); }; },
	{ name = "western"; match = { domains = ( "west.invalid" ); };
	  acknowledge = { sites = ( "west" ); }; } );'
	need "east to b" eval 'post a e s@x.invalid r@east.invalid | grep -q ^250'
	need "one at b" rows_are b 1
	need "none at c" rows_are c 0
	need "west to c" eval 'post a w s@x.invalid r@west.invalid | grep -q ^250'
	need "one at c" rows_are c 1
}

# ---- who takes over ----

three_one_takeover_of_one_copy() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	hosts_abc ""
	send 10
	host_lose a
	need "a takeover at b" wait_for 30 log_says b "event=takeover"
	need "a takeover at c" wait_for 30 log_says c "event=takeover"
	ends_well 10
	nothing_left b c
}

three_rank_0_takes_over() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	hosts_abc "copies = 2;"
	send 10
	host_lose a
	ends_well 10
	sleep 8
	need "still no duplicates" is "$(tally duplicated)" 0
	nothing_left b c
}

three_rank_1_after_rank_0() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	hosts_abc "copies = 2;"
	send 6
	need "6 at b" rows_are b 6
	need "6 at c" rows_are c 6
	host_lose a
	host_lose b
	ends_well 6 60
	# b may come back with its copies: until it has been told, c keeps its.
	need "c to remember" wait_for 10 rows_are c 6 handed
	mkdir "$LAB/b/spool"
	chmod 755 "$LAB/b/spool"
	need "b again, with nothing" host_start b
	nothing_left c
}

# The holder that took over is lost in its turn, before it delivered.
three_heir_is_lost_too() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	hosts_abc "copies = 2;"
	send 6
	host_lose a
	need "claims" wait_for 30 eval 'some_rows b claimed || some_rows b handed ||
	    some_rows c claimed || some_rows c handed'
	sleep 2
	if some_rows b handed || some_rows b claimed; then
		host_lose b
	else
		host_lose c
	fi
	ends_well 6 60
}

three_rank_0_has_it_not() {
	HEARTBEAT=500ms TAKEOVER_AFTER=5s
	hosts_abc "copies = 2;"
	send 4
	daemon_stop b
	rm -rf "$LAB/b/store"
	host_lose a
	need "b again, with nothing" daemon_start b
	ends_well 4 60
	nothing_left c
}

# b no longer hears a, c does: a lives and delivers itself.
three_others_still_see_it() {
	# Whoever does not answer for two heartbeats is not waited for.
	HEARTBEAT=2s TAKEOVER_AFTER=8s
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b c
	need "wires between a and b" wire a b
	need "wires between b and a" wire b a
	need "hosts that see each other" hosts_start
	send 8
	some_rows b || need "copies at b" false
	# shellcheck disable=SC2086
	kill $WIRES
	need "b to say why it takes nothing over" wait_for 30 log_says b "seen_by="
	sleep 6
	need "no claim at b" not log_says b "event=claimed"
	need "rows still there" some_rows b
	ends_well 8
	need "the wires mended" mend a b
	need "the wires mended" mend b a
	nothing_left b c
	need "no takeover at all" not log_says b "event=claimed"
}

three_operator_takes_over() {
	TAKEOVER_AFTER=1h
	hosts_abc "copies = 2;"
	send 4
	host_lose a
	sleep 2
	need "the command" ctl b takeover a.test.invalid
	ends_well 4 60
	nothing_left b c
}

three_drained_member_is_not_asked() {
	hosts_abc ""
	need "the command" ctl a peer drain b.test.invalid
	send 6
	need "none at b" rows_are b 0
	need "all at c" rows_are c 6
	need "b in use again" ctl a peer undrain b.test.invalid
	need "more mail" mail_send a --count 6 --kinds plain --prefix more-
	need "some at b" some_rows b
	ends_well 12
}

lab_main three "$@"
