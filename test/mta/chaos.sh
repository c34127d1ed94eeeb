#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# chaos.sh [KILLS [SEED]]: mail flows through all hosts while one of their
# processes after the other is killed or frozen, at random; in the end everything
# acknowledged must have been delivered, nothing damaged, and no shadow be left.
# Duplicates are counted.  Ends with "N passed, M failed"; on failure the same
# seed brings the same faults, if not the same timing.
#
# With HOSTS=3 in the environment each message has two copies, and hosts are also
# cut off from each other, and lost with their disks, one at a time.
HERE=$(cd "$(dirname "$0")" && pwd)
KILLS=${1:-10}
SEED=${2:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
: "${HOSTS:=2}"
: "${TAKEOVER_AFTER:=3s}"
. "$HERE/lib.sh"

if why=$(lab_skip); then
	say "SKIP: $why"
	exit 77
fi
pf_private_net bash "$0" "$KILLS" "$SEED"
RANDOM=$SEED
passed=0 failed=0

claim() { # WHAT COMMAND...
	local what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		say "  FAIL  $what ($*)"
	fi
}

none_open() { [ "$(status "$1" own.open)" = 0 ]; }

# One child of a Postfix, at the moment it is needed for a message.
mta_child() { # HOST NAME
	local master
	master=$(pf_pid "$LAB/$1") || return 0
	pkill -KILL -P "$master" -x "$2"
}

watcher_kill() {
	local pid
	pid=$(daemon_pid "$1") || return 0
	pkill -KILL -P "$pid" -u postfix
}

# wire FROM TO: all that FROM says to TO goes through a process of its own.
wire() {
	local file=$LAB/wire.$1.$2
	$PYTHON "$TOOL/relay.py" "$(peer_port_of "$2")" ${3:+"$3"} >"$file" &
	echo $! >"$file.pid"
	LAB_PIDS="$LAB_PIDS $!"
	wait_for 5 test -s "$file"
}

wires_make() {
	local from to
	for from in "${hosts[@]}"; do
		host_conf "$from" "copies = 2;"
		for to in "${hosts[@]}"; do
			[ "$from" = "$to" ] && continue
			wire "$from" "$to" || return 1
			sed -i "/name = \"$to.test/s/127.0.0.1:[0-9]*/127.0.0.1:$(cat \
			    "$LAB/wire.$from.$to")/" "$(conf_of "$from")"
		done
	done
}

wire_cut() {
	kill "$(cat "$LAB/wire.$1.$2.pid")"
	wait "$(cat "$LAB/wire.$1.$2.pid")" 2>/dev/null
}

wire_mend() { wire "$1" "$2" "$(cat "$LAB/wire.$1.$2")"; }

# HOST and one or all of the others no longer hear each other for a while.
cut_off() {
	local far others=()
	for far in "${hosts[@]}"; do
		[ "$far" = "$1" ] || others[${#others[@]}]=$far
	done
	[ $((RANDOM % 2)) = 0 ] || others=("${others[RANDOM % ${#others[@]}]}")
	for far in "${others[@]}"; do
		wire_cut "$1" "$far"
		wire_cut "$far" "$1"
	done
	sleep "$((1 + RANDOM % 8))"
	for far in "${others[@]}"; do
		wire_mend "$1" "$far"
		wire_mend "$far" "$1"
	done
}

# Its disk is gone, and it comes back with an empty one when all that it had
# acknowledged has been delivered by the others.
lose_for_a_while() {
	host_lose "$1"
	wait "${senders[@]}"
	sink_control
	claim "$1 is lost, and nothing it had acknowledged" \
	    ledger --wait 120 >>"$LAB/ledger.log" 2>&1
	mkdir -m 755 "$LAB/$1/spool"
	host_start "$1"
}

fault() { # KIND HOST
	case $1 in
	worker) worker_kill "$2" ;;
	watcher) watcher_kill "$2" ;;
	watcher+worker) watcher_kill "$2"; worker_kill "$2" ;;
	daemon) daemon_kill "$2"; sleep "0.$((RANDOM % 9))"; daemon_start "$2" ;;
	stop) daemon_stop "$2"; daemon_start "$2" ;;
	postfix) pf_kill "$LAB/$2"; sleep "0.$((RANDOM % 9))"; pf_start "$LAB/$2" ;;
	host) host_kill "$2"; sleep "0.$((RANDOM % 9))"; host_start "$2" ;;
	freeze) daemon_freeze "$2"; sleep "$((1 + RANDOM % 4))"; daemon_thaw "$2" ;;
	cleanup | qmgr | smtpd | smtp) mta_child "$2" "$1" ;;
	cut) cut_off "$2" ;;
	lose) lose_for_a_while "$2" ;;
	esac
}

lab_begin chaos
hosts=(a b c)
hosts=("${hosts[@]:0:HOSTS}")
faults=(worker watcher watcher+worker daemon stop postfix host freeze cleanup
    qmgr smtpd smtp worker)
sink_start && host_make "${hosts[@]}" || exit 1
if [ "$HOSTS" -gt 2 ]; then
	wires_make || exit 1
	faults=("${faults[@]}" cut cut cut lose)
fi
hosts_start || exit 1
say "seed $SEED, $KILLS faults, takeover after $TAKEOVER_AFTER"
for n in $(seq "$KILLS"); do
	host=${hosts[RANDOM % HOSTS]} kind=${faults[RANDOM % ${#faults[@]}]}
	# The next hop answers now and then only, or not for all recipients, so
	# that messages are open, and some of them for a part.
	case $((RANDOM % 3)) in
	0) sink_control pause ;;
	1) sink_control "reply=450:rcpt[12]|[37]@" ;;
	2) sink_control ;;
	esac
	for to in "${hosts[@]}"; do
		mail_send "$to" --count 10 --sessions 4 --prefix "$to$n-" \
		    --pause-ms 30 --timeout 30 >>"$LAB/send.log" 2>&1 &
		senders[${#senders[@]}]=$!
	done
	sleep "0.$((RANDOM % 9))"
	say "  $n: $kind on $host"
	fault "$kind" "$host" >>"$LAB/faults.log" 2>&1
	wait "${senders[@]}"
	senders=()
done
# And in the end one of them for ever, with its disk, in the middle of mail.
healthy() {
	local host
	for host; do
		wait_for 30 answers "$host" && wait_for 30 peers_up "$host" ||
		    return 1
	done
}
lose_one() {
	sink_control pause
	for to in "${hosts[@]}"; do
		mail_send "$to" --count 20 --sessions 4 --prefix "$to-last-" \
		    --pause-ms 20 --timeout 30 >>"$LAB/send.log" 2>&1 &
		senders[${#senders[@]}]=$!
	done
	sleep "0.$((2 + RANDOM % 8))"
	host_lose a
	wait "${senders[@]}"
}
sink_control
for host in "${hosts[@]}"; do
	wait_for 30 answers "$host" || host_start "$host"
	# A queue manager that was killed is not awake again for 300 s.
	postqueue -c "$LAB/$host/etc" -f
done
claim "everything acknowledged is delivered, nothing damaged" ledger --wait 90
for host in "${hosts[@]}"; do
	claim "nothing left at $host" wait_for 60 no_rows "$host"
	claim "nothing open at $host" wait_for 30 none_open "$host"
done
claim "all are well again" healthy "${hosts[@]}"
[ $failed = 0 ] || for host in "${hosts[@]}"; do
	ctl "$host" status
	ctl "$host" queue list
done
lose_one
sink_control
claim "a is lost, and nothing it had acknowledged" ledger --wait 120
for host in "${hosts[@]:1}"; do
	claim "nothing left at $host after the takeover" \
	    wait_for 60 no_rows "$host"
done
say "acknowledged $(tally acknowledged), delivered $(tally delivered), lost $(tally lost), duplicated $(tally duplicated), damaged $(tally damaged)"
say "$passed passed, $failed failed"
[ $failed = 0 ] && exit 0
exit 1
