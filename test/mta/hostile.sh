#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Bad input against running hosts: two real ones, "a" that takes mail and "b"
# that holds its shadows, and a third member "m" with a valid key and no good
# intentions (test/tool/hostile.py, which has the cases).  What must hold: an
# answer within the deadline, a line in the log, nothing lost, no growth, and
# the workers are the same processes from beginning to end.
#
#	hostile.sh [PART...]	handshake verbs shadows keys amends stall flood
#				sizes milter takeover control config rogue
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

# Rows of m must not be taken over while they are looked at.
TAKEOVER_AFTER=1h MAX_DELAY=8s

passed=0 failed=0

claim() {
	claim_words=$1
	shift
	if "$@" >"$LAB/claim" 2>&1; then
		passed=$((passed + 1))
		say "ok $claim_words"
	else
		failed=$((failed + 1))
		say "FAIL $claim_words"
		sed 's/^/     /' "$LAB/claim" | tail -n 20
	fi
}

is() { [ "$1" = "$2" ]; }
not() { ! "$@"; }

# A member by its key alone.
member_make() {
	mkdir -p "$LAB/$1" || return 1
	pf_port >"$LAB/$1/port.peer"
	"$SHADOWMXCTL" key generate "$LAB/$1/node.key" >"$LAB/$1/pin" &&
	    openssl req -x509 -new -key "$LAB/$1/node.key" -subj "/CN=$1" \
		-days 3 -out "$LAB/$1/node.crt" 2>/dev/null
}

sees() { # HOST PEER
	ctl "$1" peer list --json | grep -F "\"$2.test.invalid\"" |
	    grep -q '"state":"up"'
}

prepare() {
	sink_start || return 1
	sink_control pause
	member_make m && member_make stranger || return 1
	LAB_HOSTS="m"
	host_make a b || return 1
	LAB_HOSTS="a b"
	host_start a && host_start b || return 1
	wait_for 15 sees a b && wait_for 15 sees b a
}

worker_of() { worker_pid "$1"; }

run_parts() {
	: >"$LAB/cases"
	SHADOWMXD=$SHADOWMXD SHADOWMXCTL=$SHADOWMXCTL WORKER_USER=$WORKER_USER \
	    $PYTHON "$TOOL/hostile.py" "$LAB" "$@" >"$LAB/cases" 2>&1 &
	parts_pid=$!
	tail -n +1 -f --pid=$parts_pid -s 0.2 "$LAB/cases"
	wait $parts_pid
	set -- $(awk '/^[0-9]+ passed, [0-9]+ failed$/ { print $1, $3 }' "$LAB/cases")
	passed=$((passed + ${1:-0}))
	failed=$((failed + ${2:-1}))
}

if why=$(lab_skip); then
	say "SKIP: $why"
	exit 77
fi
pf_private_net sh "$0" "$@"
[ $# -gt 0 ] ||
    set -- stall handshake verbs shadows keys amends takeover milter control \
	config rogue sizes flood

lab_begin hostile
claim "two hosts and a next hop" prepare
[ $failed = 0 ] || exit 1
claim "mail before" mail_send a --count 12 --prefix before-
claim "all of it acknowledged" is "$(acknowledged)" 12
claim "all of it shadowed" is "$(rows b)" 12
worker_a=$(worker_of a) worker_b=$(worker_of b)
run_parts before "$@" stalled after
claim "the worker of a is the same" is "$(worker_of a)" "$worker_a"
claim "the worker of b is the same" is "$(worker_of b)" "$worker_b"
claim "mail after" mail_send a --count 12 --prefix after-
sink_control
claim "everything acknowledged is delivered, undamaged" \
    ledger --wait 40 --least 24
claim "nothing of it twice" is "$(tally duplicated)" 0
claim "nothing is left at the holder" wait_for 20 no_rows b
claim "nothing was smuggled in" not grep -l "evil@" "$SINK"/*.json
claim "no sanitizer found anything" lab_sane
say "$passed passed, $failed failed"
[ $failed = 0 ]
