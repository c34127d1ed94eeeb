#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# syscalls.sh [POINTS]: while mail flows between two hosts, one system call of one
# worker after the other fails: SIGKILL in its place, EIO or ENOSPC, at the 1st,
# 2nd, 3rd ... such call of each thread, until one passes without any.  At most
# POINTS of them (default 12: those of the holder's syncs and of the primary's sends), 0 means all.
#
#	flows	shadow	message, copy, discard
#		amend	the message is put on hold and released meanwhile
#		resubmit	the holder is told to take it over and hands it to
#			its MTA, while the primary has it too
#		takeover	the primary does not answer, and comes back later
#	sides	a, which took the message, and b, which holds it
#
# In the end everything acknowledged must have been delivered, nothing damaged or
# unexpected, no shadow be left; a message is delivered at most once more for each
# takeover and each worker that ended.  Ends with "N passed, M failed".
HERE=$(cd "$(dirname "$0")/mta" && pwd)
POINTS=${1:-12}
: "${TAKEOVER_AFTER:=1h}" "${HEARTBEAT:=300ms}" "${RETRY:=1s}"
: "${LAB_FLOWS:=shadow resubmit amend takeover}"
. "$HERE/lib.sh"

if why=$(lab_skip); then
	say "SKIP: $why"
	exit 77
fi
command -v strace >/dev/null || {
	say "SKIP: no strace"
	exit 77
}
pf_private_net bash "$0" "$POINTS"
# The leak check of a sanitized build cannot run under strace.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
failed=0 points=0 ended=0 takeovers=0 mails=0

bad() {
	failed=$((failed + 1))
	say "  FAIL  $*"
}

# ---- flows; each sends one message and leaves it to its end ----

one_mail() {
	mails=$((mails + 1))
	mail_send a --count 1 --sessions 1 --kinds "$1" --prefix "m$mails-" \
	    >/dev/null 2>&1
}

settled() { no_rows b && status_is a own.open 0; }

settle() { pf_wait "${1:-6}" settled; }

key_at_b() {
	ctl b queue list shadow --json 2>/dev/null | json_field key 2>/dev/null
}

flow_shadow() {
	sink_control
	one_mail dsn
	settle 3
}

flow_amend() {
	sink_control pause
	one_mail several
	postsuper -c "$LAB/a/etc" -h ALL >/dev/null 2>&1
	sleep 3
	postsuper -c "$LAB/a/etc" -H ALL >/dev/null 2>&1
	sink_control
	postqueue -c "$LAB/a/etc" -f >/dev/null 2>&1
	settle
}

flow_resubmit() {
	local key
	sink_control pause
	one_mail plain
	key=$(key_at_b)
	takeovers=$((takeovers + 1))
	[ -z "$key" ] || ctl b queue resubmit --yes "$key" >/dev/null 2>&1
	sleep 1
	sink_control
	postqueue -c "$LAB/a/etc" -f >/dev/null 2>&1
	settle
}

flow_takeover() {
	sink_control pause
	one_mail plain
	daemon_freeze a
	takeovers=$((takeovers + 1))
	ctl b takeover a.test.invalid >/dev/null 2>&1
	sleep 1
	daemon_thaw a
	sink_control
	postqueue -c "$LAB/a/etc" -f >/dev/null 2>&1
	settle
}

# ---- one point ----

serves() { worker_pid "$1" >/dev/null && answers "$1"; }

whole() {
	wait_for 20 serves a && wait_for 20 serves b &&
	    wait_for 20 peers_up a && wait_for 20 peers_up b
}

# point FLOW SIDE CALLS FAULT K: 1 when no call was reached
point() {
	local flow=$1 side=$2 calls=$3 fault=$4 k=$5 tracer pid reached=0
	pid=$(worker_pid "$side") || return 0
	: >"$LAB/trace"
	strace -f -p "$pid" -o "$LAB/trace" -e "trace=$calls" \
	    -e "inject=$calls:$fault:when=$k" 2>"$LAB/attached" &
	tracer=$!
	pf_wait 10 grep -q attached "$LAB/attached" ||
	    bad "strace: $(head -n 1 "$LAB/attached")"
	"flow_$flow"
	kill -INT "$tracer" 2>/dev/null
	wait "$tracer" 2>/dev/null
	grep -qE 'INJECTED|killed by SIGKILL' "$LAB/trace" && reached=1
	kill -0 "$pid" 2>/dev/null || ended=$((ended + 1))
	whole || bad "$flow, $side, $calls, $fault at $k: not whole again"
	[ "$reached" = 1 ] || return 1
	points=$((points + 1))
	[ -z "${LOUD:-}" ] || say "$SECONDS s: $flow $side $calls $fault $k"
}

# Those that promise come first: with few points there are no others.
sync_calls="fsync,fdatasync unlinkat"
all_calls="pwrite64 write,writev,sendto,sendmsg ftruncate,fallocate rename,renameat openat connect"

series() { # FLOW SIDE CALLS FAULT LAST
	local k=1
	while [ "$k" -le "$5" ] && point "$1" "$2" "$3" "$4" "$k"; do
		k=$((k + 1))
		[ "$POINTS" = 0 ] || [ "$points" -lt "$POINTS" ] || return 0
	done
}

campaign() {
	local flow side calls fault k
	# Few: the first calls everywhere before the second ones anywhere.
	if [ "$POINTS" != 0 ]; then
		for k in 1 2 3 4 5 6 7 8; do
			for fault in signal=SIGKILL error=EIO error=ENOSPC; do
				for flow in $LAB_FLOWS; do
					[ "$points" -lt "$POINTS" ] || return 0
					# The primary syncs nothing: its sends.
					point "$flow" b fsync,fdatasync "$fault" "$k"
					[ "$fault" != signal=SIGKILL ] ||
					    point "$flow" a write,sendto,sendmsg \
						"$fault" $((2 * k))
				done
			done
		done
		return 0
	fi
	for calls in $sync_calls $all_calls; do
		for fault in signal=SIGKILL error=EIO error=ENOSPC; do
			for flow in $LAB_FLOWS; do
				for side in b a; do
					series "$flow" "$side" "$calls" "$fault" 40
				done
			done
		done
	done
}

# ---- all of it ----

lab_begin syscalls
need "a next hop" sink_start
need "hosts" host_make a b
need "hosts that see each other" hosts_start
campaign
sink_control
postqueue -c "$LAB/a/etc" -f >/dev/null 2>&1
whole || bad "not whole at the end"
ledger --wait 60 >"$LAB/ledger" || bad "lost or damaged: $(grep -E 'LOST|DAMAGED' "$LAB/ledger" | head -n 5)"
wait_for 60 settled || {
	bad "something is left"
	ctl b queue list
	ctl a queue list
}
grep -h 'event=store_damaged\|event=content_damaged\|event=store_cut' \
    "$LAB"/[ab]/shadowmxd.log && bad "a store was damaged"
bound=$((takeovers + ended))
duplicated=$(tally duplicated)
[ "$duplicated" -le "$bound" ] || bad "too many duplicates"
say "points $points, workers ended $ended, attempted $(tally sent), acknowledged $(tally acknowledged), delivered $(tally delivered), lost $(tally lost), unexpected $(tally damaged), duplicated $duplicated, bound $bound"
[ "$points" -gt 0 ] || bad "no system call was ever reached"
[ -z "${LAB_KEEP:-}" ] || grep -h event=store "$LAB"/[ab]/shadowmxd.log | tail -n 20
say "$points passed, $failed failed"
[ "$failed" = 0 ]
