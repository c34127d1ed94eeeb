#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The milter suite: every script of this folder against a milter of its own,
# then what only raw connections can do.
#
#	run.sh FOLDER [SCRIPT...]
#
# FOLDER has the programs milter_host, burst and rawcases, and may have
# foreign-milter of examples/.  Ends with "N passed, M failed"; the status is 0
# when none failed.
bin=$(cd "${1:?run.sh FOLDER}" && pwd) || exit 1
shift
here=$(cd "$(dirname "$0")" && pwd) || exit 1
data=$(cd "$here/../data" && pwd) || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/milter.XXXXXX") || exit 1
passed=0
failed=0
foreign=$bin/foreign-milter
[ -x "$foreign" ] || foreign=$bin/../../examples/foreign-milter
command -v miltertest >/dev/null || { echo "miltertest is missing"; exit 77; }

# appears FILE: wait for a socket.
appears() {
	tries=0
	while [ ! -S "$1" ] && [ $tries -lt 600 ]; do
		sleep 0.05
		tries=$((tries + 1))
	done
}

# hop NAME OPTION...: a next hop; its id is added to $sinks.
hop() {
	name=$1
	shift
	[ "$(id -u)" != 0 ] || set -- -u nobody "$@"
	smtp-sink -L "$@" "unix:$dir/$name.hop" 50 2>>"$dir/hops" &
	sinks="$sinks $!"
	appears "$dir/$name.hop"
}

# Those that next_hop.conf.in names; nobody.hop is never there.
next_hops() {
	mkdir "$dir"
	hop yes
	hop no-rcpt -f RCPT
	hop later-rcpt -r RCPT
	hop slow-rcpt -W RCPT:4
	hop no-dot -f .
	hop later-dot -r .
	hop slow-dot -W .:6
}

# host NAME [OPTION...]: a milter in a folder of its own; its id is left in
# $pid.
host() {
	dir=$work/$1
	hops=/dev/null
	sinks=
	case $1 in next_hop_*)
		command -v smtp-sink >/dev/null || exit 77
		hops=$here/next_hop.conf.in
		next_hops
	esac
	shift
	mkdir -p "$dir" || exit 1
	sed "/^policies = (/r $hops
	    " "$here/suite.conf.in" |
	    sed "s#@DIR@#$dir#g; s#@DATA@#$data#g" >"$dir/suite.conf"
	"$bin/milter_host" -c "$dir/suite.conf" -s "unix:$dir/milter.sock" \
	    -d "$dir" "$@" 2>"$dir/err" &
	pid=$!
	echo $pid >"$dir/pid"
	appears "$dir/milter.sock"
}

# verdict NAME STATUS
verdict() {
	if [ "$2" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok   $1"
	else
		failed=$((failed + 1))
		echo "FAIL $1"
		cat "$work/$1/out" "$work/$1/err" "$work/$1/hops" 2>/dev/null | sed 's/^/     /'
	fi
}

# miltertest is content with a script that does nothing, and with one that ends
# before it has looked at anything; the harness counts.
run_script() {
	host "$1"
	timeout 120 miltertest -D "name=$1" -D "srcdir=$here" -D "dump=$dir" \
	    -D "sock=unix:$dir/milter.sock" -D "pid=$pid" \
	    -s "${2:-$here}/$1.lua" >"$dir/out" 2>&1
	status=$?
	grep -q "^$1: compared [1-9][0-9]*, replies [1-9]" "$dir/out" || {
		[ $status -ne 0 ] || echo "it ended without having tested anything" \
		    >>"$dir/out"
		status=1
	}
	echo $status >"$dir/status"
	kill -TERM "$pid" 2>/dev/null
	[ -z "$sinks" ] || kill -TERM $sinks 2>/dev/null
}

# Each runs every so many of the scripts, in a shell of its own.  libmilter takes
# up to five seconds to stop, so the milters are waited for at the very end.
workers=8
worker() {
	mine=
	n=0
	for s in $scripts; do
		n=$((n + 1))
		[ $((n % workers)) -eq "$1" ] || continue
		run_script "$s"
		mine="$mine $s"
	done
	for s in $mine; do
		wait "$(cat "$work/$s/pid")"
		echo $? >"$work/$s/ended"
	done
}

scripts=$*
if [ -z "$scripts" ]; then
	scripts=$(cd "$here" && ls ./*.lua | sed 's#^\./##; s#\.lua$##' |
	    grep -vE '^(harness|foreign)$')
fi
# Most of a script's time is waiting, so several run side by side.
k=0
while [ $k -lt $workers ]; do
	worker $k &
	k=$((k + 1))
done
wait
for s in $scripts; do
	status=$(cat "$work/$s/status")
	ended=$(cat "$work/$s/ended")
	# A crash or a leak of the milter fails the script as well.
	[ "$ended" = 0 ] || { echo "the milter ended with $ended" \
	    >>"$work/$s/out"; status=1; }
	verdict "$s" "${status:-1}"
done

# raw NAME PROGRAM ARGUMENTS...: the same milter for all of them.
raw() {
	label=$1
	mkdir -p "$work/$label"
	shift
	timeout 200 "$@" >"$work/$label/out" 2>&1
	status=$?
	[ $status -ne 0 ] || sed 's/^/     /' "$work/$label/out"
	verdict "$label" $status
}
# The library inside somebody else's milter: two of them, each other's holder.
# foreign_host NODE PORT PEER PEERS_PORT PEERS_PIN
foreign_host() {
	cat >"$dir/$1.conf" <<EOF
node = "$1.example";
run_directory = "$dir";
milter = { spill = "$dir/spill"; };
mta = { queue_directory = ""; submit = ""; };
store = { driver = "sqlite"; path = "$dir/$1.store"; };
peers = {
	listen = "127.0.0.1:$2"; key = "$dir/$1.key";
	heartbeat = "1s"; takeover_after = "1h";
	members = ( { name = "$3.example"; address = "127.0.0.1:$4"; pin = "$5"; } );
};
defaults = { acknowledge = { max_delay = "3s"; when_unprotected = "tempfail"; }; };
EOF
	"$foreign" -c "$dir/$1.conf" -s "unix:$dir/$1.sock" \
	    2>"$dir/$1.err" &
}

foreign() {
	dir=$work/foreign
	mkdir "$dir" || exit 1
	pin_a=$("$bin/milter_host" -k "$dir/a.key")
	pin_b=$("$bin/milter_host" -k "$dir/b.key")
	# Below the kernel's range for outgoing connections, two per process.
	port=$((20000 + $$ % 5000 * 2))
	foreign_host a $port b $((port + 1)) "$pin_b"
	foreign_a=$!
	foreign_host b $((port + 1)) a $port "$pin_a"
	foreign_b=$!
	appears "$dir/a.sock"
	appears "$dir/b.sock"
	timeout 180 miltertest -D name=foreign -D "srcdir=$here" \
	    -D "dump=$dir" -D "sock=unix:$dir/a.sock" \
	    -D "peer=$foreign_b" -s "$here/foreign.lua" >"$dir/out" 2>&1
	status=$?
	kill -TERM $foreign_a $foreign_b 2>/dev/null
	wait $foreign_a || { echo "a ended with $?" >>"$dir/out"; status=1; }
	wait $foreign_b || { echo "b ended with $?" >>"$dir/out"; status=1; }
	cat "$dir/a.err" "$dir/b.err" >"$dir/err"
	verdict foreign $status
}

# Scripts that must not pass, since they test nothing.
traps() {
	names=$(cd "$here/traps" && ls ./*.lua | sed 's#^\./##; s#\.lua$##')
	for s in $names; do
		(run_script "$s" "$here/traps"; wait "$pid") &
	done
	wait
	for s in $names; do
		[ "$(cat "$work/$s/status")" != 0 ]
		verdict "found_out_$s" $?
	done
}

if [ $# -eq 0 ]; then
	traps
	# The bursts first: a milter that has just started has the fewest
	# threads.
	host raw
	sock=unix:$dir/milter.sock
	raw burst_held_three_seconds "$bin/burst" -s "$sock" \
	    -r '<wait-3000@example.org>' -m 6000 -l 'held 3 s'
	raw burst_answered_at_once "$bin/burst" -s "$sock" \
	    -r '<ok@example.org>' -m 6000 -l 'answered at once'
	raw burst_committed_in_ten_ms "$bin/burst" -s "$sock" \
	    -r '<wait-10@example.org>' -m 6000 -l 'answered after 10 ms'
	raw rawcases "$bin/rawcases" -s "$sock" -d "$dir" -p "$pid"
	kill -TERM "$pid"
	wait "$pid"
	verdict raw $?
	# On a socket that somebody else opened, and stopped by a call.
	host inherited -i -t 6
	raw burst_on_an_inherited_socket "$bin/burst" \
	    -s "unix:$dir/milter.sock" -r '<wait-3000@example.org>' \
	    -m 6000 -l 'held 3 s, inherited socket'
	wait "$pid"
	verdict inherited $?
	[ ! -x "$foreign" ] || foreign
fi
[ $failed -ne 0 ] || rm -rf "$work"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
