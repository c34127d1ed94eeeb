#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What an operator does while mail flows: members and hosts drained before their
# maintenance, single messages taken over, dropped or shown.  Every scenario is a
# function operator_NAME with hosts of its own; "operator.sh NAME..." runs only
# these, "operator.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s

hosts() { # NAME...
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make "$@"
	need "hosts that see each other" hosts_start
}

# Several times in one scenario: each has a folder of its own.
sent=0
send() { # COUNT
	sent=$((sent + 1))
	need "mail to be sent" "$PYTHON" "$TOOL/mailgen.py" "$LAB/sent.$sent" \
	    --port "$(port_of a)" --prefix "a$sent-" --quiet --count "$1" \
	    --kinds plain,several
}

at_least() { [ "$1" -ge "$2" ]; }
exits() { # STATUS COMMAND...
	exits_want=$1
	shift
	"$@" >"$LAB/exits.out" 2>&1
	exits_got=$?
	is $exits_got "$exits_want" || {
		cat "$LAB/exits.out"
		echo "exit status $exits_got"
		return 1
	}
}
said() { grep -qF -e "$1" "$LAB/exits.out"; }
peer_of() { # HOST PEER: its line of "peer list"
	ctl "$1" --json peer list | grep "\"name\":\"$2"
}
is_drained() { peer_of "$1" "$2" | grep -q '"drained":true'; }
name_of() { ctl "$1" --json status | json_field node; }
keys() { ctl "$1" --json queue list "$2" | json_field key; }

ends_well() { # COUNT DUPLICATES
	sink_control
	need "everything delivered, nothing damaged" \
	    ledger --wait 60 --least "$1"
	need "$2 duplicates" is "$(tally duplicated)" "$2"
}

# c is there: no message is short of a copy, what b has gets another copy at c,
# and b runs empty.
operator_peer_drain() {
	hosts a b c
	b=$(name_of b)
	send 8
	need "copies at b" some_rows b
	before=$(rows b)
	need "drain, with somebody else there" exits 0 ctl a peer drain "$b"
	need "it to be shown" is_drained a "$b"
	send 8
	need "no more copies at b" rows_are b "$before"
	need "nothing unprotected" status_is a own.unprotected 0
	need "b to be needed no more" exits 0 ctl a peer drain --wait=120s "$b"
	need "that in words" said "0 messages have their only copy there"
	need "all of them at c" wait_for 20 rows_are c 16
	need "those at b still there" rows_are b "$before"
	need "a worker that is killed" worker_kill a
	need "another one" wait_for 20 answers a
	need "it to be drained still" wait_for 10 is_drained a "$b"
	sink_control
	need "nothing left at b" wait_for 60 no_rows b
	need "the way back" exits 0 ctl a peer undrain "$b"
	need "hosts that see each other" wait_for 20 peers_up a
	sink_control pause
	send 8
	need "copies at b again" some_rows b
	ends_well 24 0
}

# The same from the other side.
operator_drain() {
	hosts a b c
	send 4
	before=$(rows b)
	need "drain" exits 0 ctl b drain
	send 8
	need "no more copies at b" rows_are b "$before"
	need "all the others at c" at_least "$(rows c)" $((12 - before))
	need "nothing unprotected" status_is a own.unprotected 0
	need "status to say so" exits 1 ctl b status
	need "in words" said draining
	sink_control
	need "b to run empty" exits 0 ctl b drain --wait=120s
	need "the way back" exits 0 ctl b undrain
	sink_control pause
	# "not now" is heeded for a second.
	sleep 2
	need "hosts that see each other" wait_for 20 peers_up a
	send 8
	need "copies at b again" some_rows b
	ends_well 20 0
}

# With nobody else the policy decides, and the operator is asked.
operator_last_holder() {
	UNPROTECTED=accept
	hosts a b
	b=$(name_of b)
	send 3
	need "a refusal" exits 70 ctl a peer drain "$b"
	need "the reason" said "no other member is up"
	need "nothing to have changed" not is_drained a "$b"
	need "drain all the same" exits 0 ctl a peer drain --yes "$b"
	send 4
	need "4 unprotected" wait_for 10 status_is a own.unprotected 4
	need "no more copies" rows_are b 3
	need "status to say so" exits 1 ctl a status
	need "a wait that ends in time" exits 75 ctl a peer drain --yes --wait=1s \
	    "$b"
	need "what is left, in words" said "3 messages have their only"
	ends_well 7 0
}

# The primary lives: the message is delivered by both, and only this one.
operator_one_by_hand() {
	hosts a b
	send 4
	key=$(keys b shadow | head -n 1)
	need "a refusal" exits 1 ctl b queue resubmit "$key"
	need "the reason" said "delivered twice"
	need "nothing to have changed" rows_are b 4 shadow
	need "resubmit all the same" exits 0 ctl b queue resubmit --yes "$key"
	need "b's MTA to have it" wait_for 20 rows_are b 1 handed
	need "a second time refused" exits 1 ctl b queue resubmit "$key"
	need "its state in words" said "this host's MTA has it already"
	id=$(ctl b --json queue show "$key" | json_field handed_id)
	need "it to be found by b's queue id" exits 0 ctl b queue show "$id"
	need "one line of the log, with who asked" \
	    grep -q "event=operator order=resubmit key=$key .*uid=$(id -u) result=ok" \
	    "$LAB/b/shadowmxd.log"
	sink_control
	need "everything delivered, nothing damaged" \
	    ledger --wait 60 --least 4
	need "one message twice" wait_for 20 \
	    eval 'at_least "$(tally duplicated)" 1'
	need "nothing left" wait_for 30 no_rows b
}

# Nothing is lost by it: the primary has the message.
operator_forget() {
	hosts a b
	send 6
	need "a look" exits 1 ctl b queue forget --all -S shadow
	need "nothing to have changed" rows_are b 6 shadow
	need "all of them" exits 0 ctl b queue forget --all --yes -S shadow
	need "what it means" said "its primary is up and delivers it"
	need "the sum" said "6 done, 0 not done"
	need "nothing left" no_rows b
	ends_well 6 0
}

# ---- all of them ----

lab_main operator "$@"
