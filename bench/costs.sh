#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What one message costs at the primary and at the holder, in things that can be
# counted while other programs run: system calls, wake-ups, allocations, locks,
# CPU time.
#
#	bench/costs.sh [BUILD [MESSAGES [SESSIONS [BYTES]]]]
#
# BUILD is build-plain when not said; 1000 messages, 20 sessions, 4096 bytes.
# Every figure is that of MESSAGES messages, from the first to some seconds after
# the last, divided by MESSAGES.  Needs root, strace and a compiler; traffic stays in
# a network namespace.  MTA_TREE is the tree whose test/mta is used (an older
# build understands the settings of its own time).
HERE=$(cd "${MTA_TREE:-$(dirname "$0")/..}/test/mta" && pwd)
BENCH=$(cd "$(dirname "$0")" && pwd)
: "${SMX_BUILD:=$(cd "${1:-$BENCH/../build-plain}" && pwd)}"
export SMX_BUILD
. "$HERE/lib.sh"
pf_private_net sh "$0" "$@"
MESSAGES=${2:-1000} SESSIONS=${3:-20} BYTES=${4:-4096}
HEARTBEAT=30s TAKEOVER_AFTER=1h

# All threads of this process: voluntary and involuntary switches.
switches() {
	awk '/^voluntary/ { v += $2 } /^nonvoluntary/ { n += $2 }
	    END { print v, n }' "/proc/$1"/task/*/status
}

# User and system time in ticks.
ticks() {
	sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12, $13 }'
}

counts() {
	od -An -v -t u8 -w40 "$LAB/count.$1" | awk '{ $1 = $1; print }'
}

look() { # NAME: one line of all that can be read at any time
	look_pid=$(worker_pid "$1")
	echo "$(switches "$look_pid") $(ticks "$look_pid") $(counts "$look_pid")"
}

load() { # NAME
	"$LAB/load" 127.0.0.1 "$(port_of "$1")" "$SESSIONS" "$MESSAGES" "$BYTES"
}

# The same from a milter that does nothing: what libmilter itself costs.
noop() {
	"$LAB/noop-milter" "unix:$LAB/noop.sock" &
	LAB_PIDS="$LAB_PIDS $!"
	noop_pid=$!
	need "a milter" wait_for 5 test -S "$LAB/noop.sock"
	chmod 777 "$LAB/noop.sock"
	pf_cf "$LAB/b" "smtpd_milters = unix:$LAB/noop.sock"
	postfix -c "$LAB/b/etc" reload 2>/dev/null
	sleep 2
	load b >/dev/null || exit 1
	n0=$(switches $noop_pid) n1=$(ticks $noop_pid)
	load b >/dev/null || exit 1
	echo "$n0 $n1 $(switches $noop_pid) $(ticks $noop_pid)" |
	    awk -v n="$MESSAGES" -v hz="$(getconf CLK_TCK)" '{
		printf "no-op    wake-ups %.1f (+%.1f forced)  CPU %.2f ms user %.2f ms system\n",
		    ($5-$1)/n, ($6-$2)/n, ($7-$3)/hz*1000/n, ($8-$4)/hz*1000/n }'
	calls noop $noop_pid
	sleep 1
	load b >/dev/null || exit 1
	calls_end noop
	calls_report noop "no-op"
}

report() { # NAME BEFORE AFTER
	echo "$2 $3" | awk -v name="$1" -v n="$MESSAGES" \
	    -v hz="$(getconf CLK_TCK)" '{
		printf "%-8s wake-ups %.1f (+%.1f forced)  CPU %.2f ms user %.2f ms system\n",
		    name, ($10-$1)/n, ($11-$2)/n, ($12-$3)/hz*1000/n, ($13-$4)/hz*1000/n
		printf "%-8s allocations %.1f of %.0f bytes in all, locks %.1f, waits for a condition %.1f\n",
		    "", ($14-$5)/n, ($15-$6)/n, ($17-$8)/n, ($18-$9)/n
	}'
}

calls() { # NAME PID: while messages come
	strace -q -f -c -S calls -o "$LAB/$1.calls" -p "$2" 2>/dev/null &
	echo $! >"$LAB/$1.strace"
}

calls_end() { # NAME
	kill -INT "$(cat "$LAB/$1.strace")"
	wait "$(cat "$LAB/$1.strace")"
}

calls_report() { # NAME TITLE
	awk -v name="$2" -v n="$MESSAGES" '
	/^ *[0-9.]+ / { if ($NF == "total") next
		each = $4 / n; sum += each
		if (each >= 0.05) line = line sprintf(" %s %.2f", $NF, each) }
	END { printf "%-8s system calls %.1f:%s\n", name, sum, line }' \
	    "$LAB/$1.calls"
}

costs_all() {
	need "a next hop" sink_start
	need "hosts" host_make a b
	for lab_host in a b; do
		pf_cf "$LAB/$lab_host" "default_process_limit = 200" \
		    "smtpd_client_connection_count_limit = 0" \
		    "smtpd_client_connection_rate_limit = 0" "in_flow_delay = 0"
	done
	gcc -O2 -o "$LAB/load" "$BENCH/load.c" &&
	    gcc -O2 -o "$LAB/noop-milter" "$BENCH/noop-milter.c" -lmilter \
		-lpthread &&
	    gcc -O2 -fPIC -shared -o "$LAB/count.so" "$BENCH/count.c" -ldl ||
	    exit 1
	chmod 777 "$LAB"
	LD_PRELOAD=$LAB/count.so COUNT_FILE=$LAB/count
	export COUNT_FILE LD_PRELOAD
	need "hosts that see each other" hosts_start
	unset LD_PRELOAD
	load a >/dev/null || exit 1
	sleep 5 # all is delivered and discarded
	a0=$(look a) b0=$(look b)
	load a >/dev/null || exit 1
	sleep 4
	report primary "$a0" "$(look a)"
	report holder "$b0" "$(look b)"
	calls a "$(worker_pid a)"
	calls b "$(worker_pid b)"
	sleep 1
	load a >/dev/null || exit 1
	sleep 4
	calls_end a
	calls_end b
	calls_report a primary
	calls_report b holder
	noop
}

say "per message, $MESSAGES of $BYTES bytes, $SESSIONS sessions"
LAB_ONE=1
lab_run costs all || say "failed"
