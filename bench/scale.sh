#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What many cost: open shadows, held sessions, a large message, a takeover,
# copying again.
#
#	bench/scale.sh [BUILD [PART...]]
#
# BUILD is build-plain when not said; the parts are store, own, held, large,
# takeover, again.  MESSAGES (10000) is how many are taken over or copied again,
# OPEN (1000000) how many shadows and own messages are open at the most.  Every figure has a yardstick of
# the same run beside it.  Needs root; traffic stays in a network namespace.
HERE=$(cd "$(dirname "$0")/../test/mta" && pwd)
: "${SMX_BUILD:=$(cd "${1:-$HERE/../../build-plain}" && pwd)}"
export SMX_BUILD
. "$HERE/lib.sh"
pf_private_net sh "$0" "$@"
[ $# = 0 ] || shift
: "${MESSAGES:=10000}" "${OPEN:=1000000}"
HEARTBEAT=1s TAKEOVER_AFTER=1h

now_ms() { date +%s%3N; }
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

# Resident memory of the worker, KiB.
worker_kib() {
	awk '/^VmRSS/ { print $2 }' "/proc/$(worker_pid "$1")/status"
}

peak_kib() {
	awk '/^VmHWM/ { print $2 }' "/proc/$(worker_pid "$1")/status"
}

two_hosts() {
	need "a next hop" sink_start
	need "hosts" host_make a b
	for lab_host in a b; do
		pf_cf "$LAB/$lab_host" "default_process_limit = 700" \
		    "smtpd_client_connection_count_limit = 0" \
		    "smtpd_client_connection_rate_limit = 0" \
		    "in_flow_delay = 0"
	done
	need "hosts that see each other" hosts_start
	gcc -O2 -o "$LAB/load" "$TOP/bench/load.c" || exit 1
}

# ---- parts ----

scale_store() {
	say "store: shadows a second at the holder, each durable before it counts"
	for open in 200 $((OPEN / 10)) "$OPEN"; do
		TMPDIR=$LAB "$SMX_BUILD/bench/store" 20 4096 3 - "$open" |
		    sed 's/^/  /'
		rm -rf "$LAB"/bench_store.*
	done
}

scale_own() {
	say "own open messages at the primary"
	for open in $((OPEN / 10)) "$OPEN"; do
		"$SMX_BUILD/bench/own" "$open" | sed 's/^/  /'
	done
}

# Sessions whose end of message waits for a holder that sleeps.
held() { # COUNT
	held_before=$(worker_kib a)
	daemon_freeze b
	"$LAB/load" 127.0.0.1 "$(port_of a)" "$1" "$1" 4096 >"$LAB/load.out" &
	held_load=$!
	need "$1 held" wait_for 60 holding a "$1"
	held_full=$(worker_kib a)
	sleep 1
	daemon_thaw b
	wait $held_load
	need "all acknowledged" eval 'awk "{ exit \$1 != '"$1"' }" "$LAB/load.out"'
	say "  $1 held: worker $held_before KiB before, $held_full KiB with them," \
	    "$(ratio $((held_full - held_before)) "$1") KiB a session"
	awk '{ printf "  last dot to answer: p50 %.0f ms, p99 %.0f ms, apart %.0f ms\n",
	    $4 / 1000, $5 / 1000, ($5 - $4) / 1000 }' "$LAB/load.out"
}

holding() { [ "$(status "$1" own.holding)" -ge "$2" ]; }

scale_held() {
	MAX_DELAY=60s
	two_hosts
	say "held ends of message through Postfix, a 4 KiB message each"
	held 50
	held 200
	held 500
}

scale_large() {
	two_hosts
	say "a message of 50 MB"
	need "a small one" mail_send a --count 1 --kinds plain
	say "  peak before: primary $(peak_kib a) KiB, holder $(peak_kib b) KiB"
	need "a large one" mail_send a --count 1 --kinds huge
	say "  peak after:  primary $(peak_kib a) KiB, holder $(peak_kib b) KiB"
}

# The same messages into the same Postfix: by smtp-source with as many sessions
# as the takeover uses, and by the takeover.
scale_takeover() {
	two_hosts
	sink_control "reply=450:."
	say "takeover of $MESSAGES messages of 4 KiB"
	"$LAB/load" 127.0.0.1 "$(port_of a)" 20 "$MESSAGES" 4096 >/dev/null ||
	    need "shadows" false
	need "$MESSAGES shadows" rows_are b "$MESSAGES"
	host_lose a
	began=$(now_ms)
	smtp-source -c -s 4 -m "$MESSAGES" -l 4096 -f a@x.invalid \
	    -t b@y.invalid "127.0.0.1:$(submit_port_of b)" >/dev/null 2>&1
	source_ms=$(($(now_ms) - began))
	super_all b
	began=$(now_ms)
	need "the command" ctl b takeover a.test.invalid
	need "all handed" wait_for 600 rows_are b "$MESSAGES" handed
	take_ms=$(($(now_ms) - began))
	say "  smtp-source, 4 sessions: $source_ms ms;" \
	    "takeover, 4 at a time: $take_ms ms;" \
	    "ratio $(ratio $take_ms "$source_ms")"
}

# The holder comes back with an empty store: the time from its start until it has
# them all again, beside the time in which they came.
scale_again() {
	two_hosts
	sink_control "reply=450:."
	say "copying $MESSAGES messages of 4 KiB again"
	began=$(now_ms)
	"$LAB/load" 127.0.0.1 "$(port_of a)" 20 "$MESSAGES" 4096 >/dev/null ||
	    need "shadows" false
	load_ms=$(($(now_ms) - began))
	need "$MESSAGES shadows" rows_are b "$MESSAGES"
	daemon_stop b
	rm -rf "$LAB/b/store"
	began=$(now_ms)
	need "b again" daemon_start b
	need "all copied" wait_for 900 rows_are b "$MESSAGES"
	again_ms=$(($(now_ms) - began))
	need "none unprotected" wait_for 20 status_is a own.unprotected 0
	say "  taken in, 20 sessions: $load_ms ms;" \
	    "copied again: $again_ms ms;" \
	    "ratio $(ratio $again_ms "$load_ms")"
}

super_all() {
	postsuper -c "$LAB/$1/etc" -d ALL 2>/dev/null
}

[ $# -gt 0 ] || set -- store own held large takeover again
for part; do
	LAB_ONE=1
	lab_run scale "$part" || say "$part: failed"
done
