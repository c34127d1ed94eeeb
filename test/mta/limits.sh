#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Ceilings from outside: connections that stall, descriptors, threads and memory
# that run out, clocks that jump.  Each ends in a clear refusal while it lasts
# and in a full recovery; nothing acknowledged is lost.  Every scenario is a
# function limits_NAME; "limits.sh NAME..." runs only these, "limits.sh -l"
# lists them.  STALLED=10000 makes it so many connections.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-clock.sh"
: "${STALLED:=1500}"
MAX_DELAY=20s

two_hosts() {
	TAKEOVER_AFTER=${1:-60s}
	need "a next hop" sink_start
	need "hosts" host_make a b
	need "hosts that see each other" hosts_start
	need "mail before" mail_send a --count 8 --kinds plain
	need "it delivered" wait_for 30 no_rows b
}

# Whatever was acknowledged arrives, and mail flows as before.
recovers() {
	need "mail after" wait_for 30 eval \
	    'mail_send a --count 1 --kinds plain && [ "$(tail -n 1 \
	    "$LAB/sent.a/sent.jsonl" | grep -c "\"event\": \"ok\"")" = 1 ]'
	need "more of it" mail_send a --count 20 --kinds plain --sessions 4
	need "delivery of all that was acknowledged" ledger --wait 40 --least 20
	need "nothing left at the holder" wait_for 30 no_rows b
	need "nothing open" wait_for 30 status_is a own.open 0
}

# Without those between the two hosts, of which there are as many as had work at
# once; the question makes the control socket close what has ended there.
descriptors_of() {
	limits_other=a
	[ "$1" = b ] || limits_other=b
	answers "$1"
	$PYTHON "$TOOL/holds.py" "$(worker_pid "$1")" "$(worker_pid $limits_other)" |
	    tail -n 1
}
fewer_descriptors() { [ "$(descriptors_of "$1")" -le "$2" ]; }

# stall TARGET: until let_go
stall() {
	rm -f "$LAB/stall" && mkfifo "$LAB/stall"
	$PYTHON "$TOOL/stall.py" "$STALLED" "$1" <"$LAB/stall" \
	    >"$LAB/stalled" 2>&1 &
	stall_pid=$!
	LAB_PIDS="$LAB_PIDS $stall_pid"
	exec 9>"$LAB/stall"
	wait_for 60 test -s "$LAB/stalled" && cat "$LAB/stalled"
}

let_go() {
	exec 9>&-
	wait $stall_pid
}

# ---- connections ----

# What is allowed at first is less than that; the daemon takes what it may.
limits_stalled_milter_connections() {
	ulimit -S -n 1024
	two_hosts
	stalled_before=$(descriptors_of a)
	need "connections that say nothing" \
	    stall "unix:$LAB/a/spool/shadowmx/milter.sock"
	need "mail beside them" mail_send a --count 12 --kinds plain --sessions 3
	need "all of it acknowledged" is "$(acknowledged)" 20
	need "an answer to the operator" answers a
	let_go
	need "their descriptors closed" \
	    wait_for 20 fewer_descriptors a $((stalled_before + 10))
	recovers
}

limits_stalled_control_connections() {
	two_hosts
	stalled_before=$(descriptors_of a)
	need "connections that say nothing" stall "unix:$LAB/a/run/control.sock"
	need "mail beside them" mail_send a --count 12 --kinds plain --sessions 3
	need "all of it acknowledged" is "$(acknowledged)" 20
	let_go
	need "an answer to the operator" wait_for 20 answers a
	need "their descriptors closed" \
	    wait_for 20 fewer_descriptors a $((stalled_before + 10))
	recovers
}

limits_stalled_peer_connections() {
	two_hosts
	stalled_before=$(descriptors_of b)
	need "connections that say nothing" \
	    stall "127.0.0.1:$(peer_port_of b)"
	need "mail beside them" mail_send a --count 12 --kinds plain --sessions 3
	need "all of it acknowledged" is "$(acknowledged)" 20
	need "all of it shadowed" status_is a own.unprotected 0
	let_go
	need "their descriptors closed" \
	    wait_for 30 fewer_descriptors b $((stalled_before + 10))
	recovers
}

# ---- what a process may have ----

# While it lasts messages wait or are refused, and nobody hears a yes that was
# not earned.
starved() {
	mail_send a --count "${1:-60}" --kinds plain,several --sessions 30 ||
	    say "   some were refused"
	answers a || say "   the operator had to wait"
}


# Both daemons with "ulimit WORDS".
limited_hosts() {
	cat >"$LAB/limited" <<-END
	#!/bin/sh
	ulimit $*
	exec "$SHADOWMXD" "\$@"
	END
	chmod 755 "$LAB/limited"
	SHADOWMXD=$LAB/limited
}

# Both daemons by "prlimit WORDS"; not every shell has a limit of processes.
by_prlimit() {
	limited_hosts -c 0
	sed -i "s,^exec ,exec prlimit $* ," "$LAB/limited"
}

size_of() {
	sed -n 's/^VmSize:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(worker_pid "$1")/status"
}

limits_descriptors() {
	limited_hosts -n 44
	two_hosts
	starved
	need "an answer to each" not grep -q '"code": 0' \
	    "$LAB/sent.a/sent.jsonl"
	recovers
}

# Threads' stacks count, too: there are none left either.
limits_memory() {
	sanitized && {
		say "SKIP: address space means nothing with this sanitizer"
		exit 77
	}
	two_hosts
	limits_kb=$(size_of a)
	limited_hosts -v $((limits_kb + 60000))
	for limits_host in a b; do
		daemon_stop $limits_host
		need "a limited one" daemon_start $limits_host
	done
	starved
	recovers
}

# ---- threads ----

# Both daemons by a shim that refuses threads while there is a file: no_threads
# HOST [NUMBER], threads HOST.
no_threads() { echo "${2:-}" >"$LAB/$1/threads"; }
threads() { rm -f "$LAB/$1/threads"; }
was_refused() { [ -s "$LAB/$1/threads.refused" ]; }

threaded_hosts() {
	need "a compiler" command -v cc
	need "the shim" cc -shared -fPIC -O1 -o "$LAB/shim.so" \
	    "$HERE/thread_shim.c"
	cat >"$LAB/threaded" <<-END
	#!/bin/sh
	THREAD_SHIM=\${2%/*}/threads \\
	    LD_PRELOAD=$LAB/shim.so${LD_PRELOAD:+:$LD_PRELOAD} \\
	    exec "$SHADOWMXD" "\$@"
	END
	chmod 755 "$LAB/threaded"
	preloads || {
		say "SKIP: nothing can be loaded before this sanitizer"
		exit 77
	}
	SHADOWMXD=$LAB/threaded
	two_hosts
	for limits_host in a b; do
		install -m 666 /dev/null "$LAB/$limits_host/threads.refused"
	done
}

# Each place of libmilter, of the link and of the control socket has to do
# without, in the middle of messages.
limits_no_more_threads() {
	threaded_hosts
	stalled_before=$(descriptors_of a)
	need "mail under way" eval \
	    'mail_send a --count 60 --sessions 20 --kinds plain,several & limits_mail=$!'
	sleep 0.5
	no_threads a
	no_threads b
	wait $limits_mail || say "   some were refused"
	starved 20
	was_refused a || say "   nothing was refused at a"
	was_refused b || say "   nothing was refused at b"
	threads a
	threads b
	recovers
	need "descriptors as before" \
	    wait_for 60 fewer_descriptors a $((stalled_before + 30))
}

tasks_of() { find "/proc/$(worker_pid "$1")/task" -mindepth 1 -maxdepth 1 | wc -l; }
all_tasks() { [ "$(tasks_of "$1")" -ge "$2" ]; }
has_ended() { ! daemon_pid "$1" >/dev/null; }

# Without its n-th thread a worker does not serve, and says why; with it again
# all its functions are there.
limits_each_thread() {
	threaded_hosts
	limits_tasks=$(tasks_of a)
	limits_n=0
	while [ $limits_n -le "$limits_tasks" ]; do
		limits_n=$((limits_n + 1))
		daemon_kill a
		: >"$LAB/a/threads.refused"
		: >"$LAB/a/shadowmxd.log"
		no_threads a $limits_n
		"$SHADOWMXD" -c "$(conf_of a)" </dev/null \
		    >>"$LAB/a/shadowmxd.log" 2>&1 &
		echo $! >"$LAB/a/shadowmxd.pid"
		need "thread $limits_n refused" wait_for 20 was_refused a
		need "a reason, for thread $limits_n" wait_for 20 log_says a \
		    'event=\(no-thread\|cannot-open\|worker-start\|milter-failed\|milter-unread\|peer-refused\|control-busy\|threads-short\)'
		threads a
		wait_for 2 has_ended a 2>/dev/null && {
			say "   thread $limits_n: it ends"
			need "a start" daemon_start a
		}
		need "an answer, after thread $limits_n" wait_for 30 answers a
		need "all functions, after thread $limits_n" \
		    wait_for 20 all_tasks a "$limits_tasks"
	done
	recovers
}

# An account with nothing else of it running, for the kernel counts by account.
account_of_nobody() {
	for limits_user in games irc uucp news list; do
		getent passwd $limits_user >/dev/null &&
		    ! pgrep -u $limits_user >/dev/null && {
			WORKER_USER=$limits_user
			return 0
		}
	done
	return 1
}

limits_threads() {
	account_of_nobody || {
		say "SKIP: no account to be had"
		exit 77
	}
	two_hosts
	stalled_before=$(descriptors_of a)
	limits_tasks=$(tasks_of a)
	by_prlimit --nproc=$(($(tasks_of a) + $(tasks_of b) + 6))
	for limits_host in a b; do
		daemon_stop $limits_host
		need "a limited one" daemon_start $limits_host
	done
	# Each that waits for the holder needs one.
	daemon_freeze b
	mail_send a --count 40 --kinds plain --sessions 40 &
	limits_mail=$!
	sleep 2
	need "few of them" not all_tasks a $((limits_tasks + 20))
	daemon_thaw b
	wait $limits_mail || say "   some were refused"
	starved 40
	need "it in the log" eval \
	    'grep -hE "event=threads-short|no thread" "$LAB"/?/shadowmxd.log'
	recovers
	need "descriptors as before" \
	    wait_for 60 fewer_descriptors a $((stalled_before + 30))
}

# ---- clocks ----

clocked_hosts() {
	clocks_made
	two_hosts "$1"
	sink_control "reply=450:."
}

# No jump of the wall clock makes a shadow go, or a takeover come.
limits_wall_clock() {
	clocked_hosts 15s
	need "mail" mail_send a --count 10 --kinds plain
	need "shadows" wait_for 15 rows_are b 10
	limits_now=$(date +%s)
	# An hour, ten days, 1970, the ends of 31 and 32 bits, and back.
	for limits_jump in 3600 -3600 864000 -864000 $((86400 - limits_now)) \
	    $((2147483640 - limits_now)) $((4294967290 - limits_now)) 0; do
		clocks "$limits_jump" 0
		sleep 1.5
		need "all shadows after $limits_jump" rows_are b 10 shadow
		need "mail after $limits_jump" mail_send a --count 1 --kinds plain
		need "it acknowledged after $limits_jump" \
		    eval 'tail -n 1 "$LAB/sent.a/sent.jsonl" | grep -q "\"ok\""'
		need "no takeover after $limits_jump" \
		    not log_says b event=takeover
		sink_control
		need "that one delivered" wait_for 20 rows_are b 0
		sink_control "reply=450:."
		need "mail again" mail_send a --count 10 --kinds plain
		need "shadows again" wait_for 15 rows_are b 10
	done
	sink_control
	recovers
}

# A suspended night: both have slept, and nobody is silent.
limits_suspended() {
	clocked_hosts 15s
	need "mail" mail_send a --count 10 --kinds plain
	need "shadows" wait_for 15 rows_are b 10
	clocks 36000 36000
	sleep 2
	need "no takeover" not log_says b event=takeover
	need "all shadows" rows_are b 10 shadow
	sink_control
	recovers
}

lab_main limits "$@"
