#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# syscalls.sh [POINTS]: while mail flows between two hosts, one system call after
# the other of one of their processes fails: SIGKILL in its place, EIO or ENOSPC,
# at the 1st, 2nd, 3rd ... such call of each thread.  POINTS (default 40): so many
# of the syncs, renames and removals, the first of each flow before the second of
# any; 0 means all calls, each until one passes without any.
#
#	flows	shadow	message, copy, discard
#		discard	a message that was put off ends
#			(both with a body that the holder keeps in a file)
#		amend	it is put on hold and released
#		resubmit	the holder is told to take it over and hands it to
#			its MTA, while the primary has it too
#		takeover	the primary does not answer, and comes back later
#		fence	the primary returns while the holder's MTA has it: the
#			fence before its own MTA starts, the end told, the file
#			erased
#		handback	it returns while the holder's MTA is down: given back
#		deliver	the primary delivers to next hops while its client waits:
#			one message is refused for now, as a part of it was, and
#			the other part written down; the next one is delivered
#	sides	b, the holder; a, the primary; aw and bw, their watchers, whose
#		marker tells one state of the queue from another
#
# In the end everything acknowledged must have been delivered, nothing damaged or
# unexpected, no shadow be left; a message is delivered at most once more for each
# takeover, each process that ended, and each recipient of whom nobody knows whether
# a next hop has them.  LAB_JOBS pairs of hosts (3) share the work.  Ends with counts
# and "N passed, M failed".
#
#	LAB_FLOWS="fence handback"	only these
#	LAB_CALLS="sync rename"	only these kinds (sync rename unlink send write open)
#	LOUD=1	a line for each point
#	POINT="fence b sync error=EIO 2"	only this one
HERE=$(cd "$(dirname "$0")/mta" && pwd)
POINTS=${1:-40}
: "${TAKEOVER_AFTER:=1h}" "${HEARTBEAT:=300ms}" "${RETRY:=1s}"
: "${LAB_FLOWS:=shadow discard amend resubmit takeover fence handback deliver}"
: "${LAB_CALLS:=sync rename unlink send write open}" "${LAB_JOBS:=3}"
faults="signal=SIGKILL error=EIO error=ENOSPC"
. "$HERE/lib.sh"
. "$HERE/lib-hop.sh"

calls_of() {
	case $1 in
	sync) echo fsync,fdatasync ;;
	rename) echo rename,renameat,renameat2 ;;
	unlink) echo unlink,unlinkat ;;
	send) echo write,writev,sendto,sendmsg ;;
	write) echo pwrite64,ftruncate,fallocate ;;
	open) echo openat,connect ;;
	esac
}

bad() {
	failed=$((failed + 1))
	say "  FAIL  $*"
}

# ---- flows: what is there before, and what happens while calls fail ----

one_mail() {
	mails=$((mails + 1))
	mail_send a --count 1 --sessions 1 --kinds "$1" --big-bytes 20000 \
	    --prefix "m$mails-" >/dev/null 2>&1
}

closed() { sink_control "reply=451:."; }
opened() {
	sink_control
	for lab_host in a b; do
		postqueue -c "$LAB/$lab_host/etc" -f >/dev/null 2>&1
	done
}
settled() {
	no_rows b && status_is a own.open 0 && status_is a fence.fenced 0
}
# What is not over then is looked for in the end.
settle() { PF_PATIENCE=2 pf_wait "${1:-6}" settled; }
ordered() { ctl b "$@" >/dev/null 2>&1; }

key_at_b() {
	ctl b queue list shadow --json 2>/dev/null | json_field key 2>/dev/null
}

put_off() { [ -n "$(find "$LAB/a/spool/deferred" -type f)" ]; }

# One in a's queue that the next hop does not take yet, and its copy.
waiting() {
	closed
	one_mail "$1"
	pf_wait 5 put_off
	pf_wait 3 rows_are b 1 shadow
}

before_shadow() { sink_control; }
flow_shadow() {
	one_mail big
	settle 3
}

before_discard() { waiting big; }
flow_discard() {
	opened
	settle 3
}

before_amend() { waiting several; }
flow_amend() {
	postsuper -c "$LAB/a/etc" -h ALL >/dev/null 2>&1
	sleep 3
	postsuper -c "$LAB/a/etc" -H ALL >/dev/null 2>&1
	sleep 2
	opened
	settle
}

before_resubmit() {
	waiting plain
	takeovers=$((takeovers + 1))
}
flow_resubmit() {
	local key
	key=$(key_at_b)
	[ -z "$key" ] || ordered queue resubmit --yes "$key"
	pf_wait 2 rows_are b 1 handed
	opened
	settle
}

before_takeover() {
	waiting plain
	daemon_freeze a
	takeovers=$((takeovers + 1))
}
flow_takeover() {
	ordered takeover a.test.invalid
	pf_wait 2 rows_are b 1 handed
	daemon_thaw a
	opened
	settle
}

# b has what a took, and stands still: its next words are for a, which is back.
before_fence() {
	waiting plain
	host_kill a
	takeovers=$((takeovers + 1))
	ordered takeover a.test.invalid
	pf_wait 4 rows_are b 1 handed
	daemon_freeze b
	daemon_start a
}
flow_fence() {
	daemon_thaw b
	ctl a fence --wait=5s >/dev/null 2>&1
	pf_start "$LAB/a"
	opened
	settle
}

before_handback() {
	waiting plain
	pf_kill "$LAB/b"
	daemon_freeze a
	takeovers=$((takeovers + 1))
	ordered takeover a.test.invalid
	pf_wait 4 rows_are b 1 claimed
}
flow_handback() {
	daemon_thaw a
	pf_wait 2 rows_are b 1 shadow
	pf_start "$LAB/b"
	opened
	settle
}

# Policies that only this flow has; the next hops know nothing of earlier trouble.
policies_are() { # plain|deliver
	local n
	n=$(grep -c event=reloaded "$LAB/a/shadowmxd.log")
	cp "$LAB/a.$1" "$(conf_of a)"
	kill -HUP "$(daemon_pid a)"
	pf_wait 5 eval '[ "$(grep -c event=reloaded "$LAB/a/shadowmxd.log")" -gt $n ]'
	ctl a nexthop reset >/dev/null
}
before_deliver() {
	sink_control
	policies_are deliver
	hop_control h2 "dot = first 1; 451 4.3.0 Later"
}
flow_deliver() {
	one_mail several
	one_mail several
	settle 3
}
after_deliver() { policies_are plain; }

# Two next hops, and what the daemon of a is to be told of them.
next_hops() {
	need "a next hop" hop_start h1
	need "a next hop" hop_start h2
	cp "$(conf_of a)" "$LAB/a.plain"
	{
		cat "$LAB/a.plain"
		echo "policies = ("
		FRONT_WHEN='"delivered"'
		front_policy p0 @next0.test.invalid "\"$(hop_of h1)\"" ""
		front_policy p1 @next1.test.invalid "\"$(hop_of h1)\"" ""
		front_policy p2 @next2.test.invalid "\"$(hop_of h2)\"" ""
	} | sed '$ s/,$/ );/' >"$LAB/a.deliver"
}

# ---- one point ----

serves() { worker_pid "$1" >/dev/null && answers "$1"; }

whole() {
	local host
	for host in a b; do
		daemon_thaw $host
		pf_pid "$LAB/$host" >/dev/null || pf_start "$LAB/$host"
	done
	wait_for 20 serves a && wait_for 20 serves b &&
	    wait_for 20 peers_up a && wait_for 20 peers_up b
}

process_of() { # SIDE
	case $1 in
	?w) pgrep -u postfix -P "$(daemon_pid "${1%w}")" ;;
	*) worker_pid "$1" ;;
	esac
}

# point FLOW SIDE KIND FAULT K: 1 when no call was reached
point() {
	local flow=$1 side=$2 calls fault=$4 k=$5 tracer pid reached=0
	calls=$(calls_of "$3")
	"before_$flow" >/dev/null
	pid=$(process_of "$side") || {
		bad "$*: no process"
		return 0
	}
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
	opened
	whole || bad "$*: not whole again"
	[ "$flow" != deliver ] || after_deliver
	wait_for 30 settled || bad "$*: not over"
	[ -z "${LOUD:-}" ] || say "$SECONDS s: $* $([ $reached = 1 ] || echo "(not reached)")"
	[ "$reached" = 1 ] || return 1
	points=$((points + 1))
}

series() { # FLOW SIDE KIND FAULT FIRST LAST
	local k
	for ((k = $5; k <= $6; k++)); do
		point "$1" "$2" "$3" "$4" "$k" || return 0
	done
}

# ---- the work, a line for each series ----

# Who makes such calls in a flow?
sides_of() { # FLOW KIND
	case $2 in
	send) echo b a ;;
	sync | rename | unlink)
		case $1 in
		shadow | takeover) echo b aw ;;
		fence) echo b a aw bw ;;
		handback) echo b a ;;
		deliver) echo a ;;
		*) echo b ;;
		esac
		;;
	*) echo b a ;;
	esac
}

all_series() {
	local kind fault flow side
	for kind in $LAB_CALLS; do
		for fault in $faults; do
			for flow in $LAB_FLOWS; do
				for side in $(sides_of "$flow" "$kind"); do
					echo "$flow $side $kind $fault 1 40"
				done
			done
		done
	done
}

# The first calls everywhere before the second ones anywhere.
first_points() {
	local k fault flow kind
	for k in 1 2 3 4; do
		for fault in $faults; do
			for flow in $LAB_FLOWS; do
				[ "$flow" = deliver ] ||
				    echo "$flow b sync $fault $k $k"
				case $flow in
				deliver) echo "deliver a sync $fault $k $k" ;;
				fence | handback) echo "$flow a sync $fault $k $k" ;;
				shadow) echo "$flow aw sync $fault $k $k" ;;
				esac
			done
		done
		for flow in $LAB_FLOWS; do
			[ "$flow" = deliver ] ||
			    echo "$flow b unlink signal=SIGKILL $k $k"
			echo "$flow a send signal=SIGKILL $((2 * k)) $((2 * k))"
		done
	done | head -n "$POINTS"
}

work() {
	if [ -n "${POINT:-}" ]; then
		echo "$POINT ${POINT##* }"
	elif [ "$POINTS" = 0 ]; then
		all_series
	else
		first_points
	fi
}

# Every $LAB_JOBS-th line from the $1-th on.
campaign() {
	local flow side kind fault first last
	while read -r flow side kind fault first last <&3; do
		series "$flow" "$side" "$kind" "$fault" "$first" "$last"
	done 3< <(work | awk -v of="$LAB_JOBS" -v me="$1" 'NR % of == me % of')
}

# ---- a pair of hosts, and its part of the work ----

judge() {
	opened
	whole || bad "not whole at the end"
	ledger --wait 60 >"$LAB/ledger" ||
	    bad "lost or damaged: $(grep -E 'LOST|DAMAGED' "$LAB/ledger" | head -n 5)"
	wait_for 60 settled || {
		bad "something is left"
		ctl b queue list
		ctl a queue list
	}
	grep -h 'event=store_damaged\|event=content_damaged\|event=store_cut' \
	    "$LAB"/[ab]/shadowmxd.log && bad "a store was damaged"
	[ "$(tally other_mail)" = 0 ] || bad "mail that nobody sent"
	# Recipients of whom nobody knew whether a next hop had them.
	unsure=$(sed -n 's/.*event=unsure.* rcpts=\([0-9]*\).*/\1/p' \
	    "$LAB/a/shadowmxd.log" | awk '{ n += $1 } END { print n + 0 }')
	[ "$(tally duplicated)" -le $((takeovers + ended + unsure)) ] ||
	    bad "too many duplicates"
	hop_is_innocent h1 h2 || bad "a client that does not keep to the rules"
}

pair() { # N
	failed=0 points=0 ended=0 takeovers=0 mails=0
	lab_begin "syscalls$1"
	need "a next hop" sink_start
	need "hosts" host_make a b
	sed -i 's/quota = "1G";/& body_file = "4K";/' "$(conf_of a)" "$(conf_of b)"
	next_hops
	need "hosts that see each other" hosts_start
	campaign "$1"
	judge
	say "counts $points $ended $(tally sent) $(tally acknowledged) $(tally delivered) $(tally lost) $(tally damaged) $(tally duplicated) $((takeovers + ended + unsure)) $failed"
	[ "$failed" = 0 ]
}

if why=$(lab_skip); then
	say "SKIP: $why"
	exit 77
fi
command -v strace >/dev/null || {
	say "SKIP: no strace"
	exit 77
}
# The leak check of a sanitized build cannot run under strace.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
if [ -n "${LAB_PAIR:-}" ]; then
	pf_private_net bash "$0" "$POINTS"
	pair "$LAB_PAIR"
	exit
fi
unshare -n true 2>/dev/null || LAB_JOBS=1
[ -z "${POINT:-}" ] || LAB_JOBS=1
export LAB_JOBS
said=$(mktemp) || exit 1
trap 'rm -f "$said"' EXIT
for ((i = 1; i <= LAB_JOBS; i++)); do
	LAB_PAIR=$i bash "$0" "$POINTS" &
done > >(tee "$said" | grep --line-buffered -v '^counts')
wait
sleep 0.2
awk -v jobs="$LAB_JOBS" '/^counts/ { for (i = 2; i <= 11; i++) n[i] += $i; pairs++ }
END {
	n[11] += jobs - pairs
	printf "points %d, processes ended %d, attempted %d, acknowledged %d, delivered %d, lost %d, unexpected %d, duplicated %d, bound %d\n",
	    n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10]
	if (n[2] == 0) n[11]++
	printf "%d passed, %d failed\n", n[2], n[11]
	exit n[11] != 0
}' "$said"
