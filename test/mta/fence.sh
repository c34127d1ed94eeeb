#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A primary that returns: what its holder has taken over meanwhile stays on hold
# at the primary until it is known who delivers it.  Every scenario is a function
# fence_NAME with hosts of its own; "fence.sh NAME..." runs only these, "fence.sh
# -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

MAX_DELAY=20s

at_least() { [ "$1" -ge "$2" ]; }
closed() { sink_control "reply=451:."; }
opened() { sink_control; }

# ids HOST [QUEUE]: in the queue now
ids() {
	postqueue -c "$LAB/$1/etc" -j | $PYTHON -c '
import json, sys
for line in sys.stdin:
    m = json.loads(line)
    if len(sys.argv) < 2 or m["queue_name"] == sys.argv[1]:
        print(m["queue_id"])' ${2:+"$2"}
}

ids_are() { is "$(ids "$1" "$2" | wc -l)" "$3"; } # HOST QUEUE COUNT

# Also with a stopped Postfix.
files() { find "$LAB/$1/spool/$2" -type f | wc -l; }
files_are() { is "$(files "$1" "$2")" "$3"; }
empty_queue() {
	for fence_queue in maildrop incoming active deferred hold; do
		files_are "$1" $fence_queue 0 || return 1
	done
}
all_at() { is "$(rows "$1" "$2")" "$3"; }

# a with COUNT messages that its next hop does not take; b holds them.
deferred_at_a() {
	need "a next hop" sink_start
	closed
	need "hosts" host_make a b
	need "hosts that see each other" hosts_start
	need "mail" mail_send a --count "$1" --kinds plain
	need "$1 acknowledged" is "$(acknowledged)" "$1"
	need "all tried once" wait_for 20 files_are a deferred "$1"
	need "all at b" rows_are b "$1"
}

fence_a() {
	ctl a fence --wait=30s >"$LAB/fence.out" 2>&1
	fence_status=$?
	cat "$LAB/fence.out"
	return $fence_status
}

# The daemon, then "fence", then the MTA.
a_returns() {
	need "the daemon again" daemon_start a
	need "all that was taken over on hold" fence_a
	need "the MTA again" pf_start "$LAB/a"
}

settled() {
	need "everything delivered" ledger --wait "${2:-40}" --least "$1"
	need "nothing open at a" wait_for 40 status_is a own.open 0
	need "an empty queue at a" wait_for 10 empty_queue a
	need "nothing fenced" wait_for 10 status_is a fence.fenced 0
	need "no duplicates" is "$(tally duplicated)" 0
	need "none lost" is "$(tally lost)" 0
}

# ---- before the MTA starts ----

fence_delivered_by_the_holder() {
	deferred_at_a 8
	host_kill a
	need "a takeover" wait_for 30 some_rows b handed
	opened
	need "delivered by b" ledger --wait 40 --least 8
	need "ended at b" wait_for 60 no_rows b handed
	a_returns
	settled 8
	need "nothing left at b" wait_for 20 no_rows b
	need "8 erased" wait_for 10 status_is a fence.erased 8
}

# The same without fencing: what it is good for.
fence_without_it_there_are_duplicates() {
	deferred_at_a 8
	host_kill a
	need "a takeover" wait_for 30 some_rows b handed
	opened
	need "delivered by b" ledger --wait 40 --least 8
	daemon_freeze a
	need "the MTA again" pf_start "$LAB/a"
	postqueue -c "$LAB/a/etc" -f
	need "all of them twice" wait_for 30 eval 'is "$(tally duplicated)" 8'
}

fence_next_hop_is_slow() {
	deferred_at_a 6
	host_kill a
	need "all with b's MTA" wait_for 30 all_at b handed 6
	a_returns
	need "all on hold" wait_for 10 ids_are a hold 6
	postqueue -c "$LAB/a/etc" -f
	sleep 3
	need "still on hold" ids_are a hold 6
	need "shown" wait_for 10 status_is a fence.held 6
	need "status to ask for attention" not eval 'ctl a status >"$LAB/s"'
	opened
	settled 6
}

fence_claimed_is_given_back() {
	deferred_at_a 6
	need "b's MTA to stop" pf_kill "$LAB/b"
	host_kill a
	need "all claimed" wait_for 30 all_at b claimed 6
	opened
	a_returns
	settled 6
	need "nothing left at b" wait_for 30 no_rows b
	need "b's MTA to have had none" empty_queue b
}

fence_with_a_worker_that_crashes() {
	deferred_at_a 6
	host_kill a
	need "all with b's MTA" wait_for 30 all_at b handed 6
	a_returns
	need "shown" wait_for 10 status_is a fence.held 6
	need "its worker to die" worker_kill a
	need "the next one" wait_for 20 answers a
	need "the same on hold, by our doing" \
	    wait_for 20 status_is a fence.held 6
	opened
	settled 6
}

# ---- nobody to ask ----

fence_says_who_did_not_answer() {
	deferred_at_a 2
	host_kill a
	host_kill b
	ctl a fence --wait=1s >"$LAB/out" 2>&1
	need "75 without a daemon" is $? 75
	need "to say so" grep -q "does not answer" "$LAB/out"
	need "the daemon again" daemon_start a
	ctl a fence --wait=2s >"$LAB/out" 2>&1
	need "75 without an answer" is $? 75
	need "b's name" grep -q "b.test.invalid" "$LAB/out"
	ctl a --json fence --wait=1s >"$LAB/out" 2>&1
	need "75 in JSON" is $? 75
	need "JSON" grep -q '"answered":0,"members":1' "$LAB/out"
	need "b again" host_start b
	need "an answer" fence_a
	need "nothing on hold" wait_for 10 files_are a hold 0
}

# ---- with a running MTA ----

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

fence_partition_heals() {
	need "a next hop" sink_start
	closed
	need "hosts" host_make a b
	need "a wire" wire a b
	need "a wire" wire b a
	need "hosts that see each other" hosts_start
	need "mail" mail_send a --count 6 --kinds plain
	need "6 acknowledged" is "$(acknowledged)" 6
	# shellcheck disable=SC2086
	kill $WIRES
	need "all with b's MTA" wait_for 30 all_at b handed 6
	need "the wires mended" mend a b
	need "the wires mended" mend b a
	need "all on hold at a" wait_for 30 status_is a fence.held 6
	opened
	settled 6
	need "nothing left at b" wait_for 30 no_rows b
	need "an empty queue at b" wait_for 10 empty_queue b
}

fence_holder_is_lost() {
	deferred_at_a 5
	host_kill a
	need "all with b's MTA" wait_for 30 all_at b handed 5
	a_returns
	need "all on hold" wait_for 10 ids_are a hold 5
	host_lose b
	opened
	need "delivered by a" ledger --wait 60 --least 5
	need "an empty queue at a" wait_for 20 empty_queue a
	need "second copies counted" wait_for 10 status_is a fence.second_copies 5
	need "no duplicates" is "$(tally duplicated)" 0
}

# ---- what a person says ----

fence_persons_hold_stays() {
	deferred_at_a 3
	host_kill a
	# One that was being tried again is in "active".
	fence_id=$(basename "$(find "$LAB/a/spool/deferred" \
	    "$LAB/a/spool/active" -type f | head -n 1)")
	# It cannot write its log while Postfix is stopped.
	postsuper -c "$LAB/a/etc" -h "$fence_id"
	need "a hold" wait_for 10 files_are a hold 1
	need "all with b's MTA" wait_for 30 all_at b handed 3
	a_returns
	opened
	need "delivered by b" ledger --wait 40 --least 3
	need "the others erased" wait_for 30 status_is a fence.erased 2
	sleep 3
	need "that one on hold" files_are a hold 1
	need "its id" test -f "$LAB/a/spool/hold/$fence_id"
	need "shown" wait_for 10 status_is a fence.persons 1
	need "no duplicates" is "$(tally duplicated)" 0
}

fence_operator_releases() {
	deferred_at_a 2
	host_kill a
	need "all with b's MTA" wait_for 30 all_at b handed 2
	a_returns
	fence_id=$(ids a hold | head -n 1)
	need "a warning" not ctl a queue release "$fence_id"
	need "still on hold" ids_are a hold 2
	need "the order" ctl a queue release --yes "$fence_id"
	need "one of them released" wait_for 10 ids_are a hold 1
	opened
	need "delivered" ledger --wait 40 --least 2
	need "an empty queue at a" wait_for 40 empty_queue a
	need "one of them twice at most" at_least 1 "$(tally duplicated)"
}

lab_main fence "$@"
