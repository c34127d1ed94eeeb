#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# chaos.sh [KILLS [SEED]]: mail flows through both hosts while one of their
# processes after the other is killed or frozen, at random; in the end everything
# acknowledged must have been delivered, nothing damaged, and no shadow be left.
# Duplicates are counted.  Ends with "N passed, M failed"; on failure the same
# seed brings the same faults, if not the same timing.
HERE=$(cd "$(dirname "$0")" && pwd)
KILLS=${1:-10}
SEED=${2:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
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
	esac
}

lab_begin chaos
sink_start && host_make a b && hosts_start || exit 1
faults=(worker watcher watcher+worker daemon stop postfix host freeze cleanup
    qmgr smtpd smtp worker)
say "seed $SEED, $KILLS faults, takeover after $TAKEOVER_AFTER"
for n in $(seq "$KILLS"); do
	hosts=(a b)
	host=${hosts[RANDOM % 2]} kind=${faults[RANDOM % ${#faults[@]}]}
	# The next hop answers now and then only, so that messages are open.
	if [ $((RANDOM % 2)) = 0 ]; then sink_control pause; else sink_control; fi
	for to in a b; do
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
	wait_for 30 answers a && wait_for 30 answers b &&
	    wait_for 30 peers_up a && wait_for 30 peers_up b
}
lose_one() {
	sink_control pause
	for to in a b; do
		mail_send "$to" --count 20 --sessions 4 --prefix "$to-last-" \
		    --pause-ms 20 --timeout 30 >>"$LAB/send.log" 2>&1 &
		senders[${#senders[@]}]=$!
	done
	sleep "0.$((2 + RANDOM % 8))"
	host_lose a
	wait "${senders[@]}"
}
sink_control
for host in a b; do
	wait_for 30 answers "$host" || host_start "$host"
	# A queue manager that was killed is not awake again for 300 s.
	postqueue -c "$LAB/$host/etc" -f
done
claim "everything acknowledged is delivered, nothing damaged" ledger --wait 90
claim "nothing left at a" wait_for 60 no_rows a
claim "nothing left at b" wait_for 60 no_rows b
claim "nothing open at a" wait_for 30 none_open a
claim "nothing open at b" wait_for 30 none_open b
claim "both are well again" healthy
[ $failed = 0 ] || for host in a b; do ctl "$host" status; ctl "$host" queue list; done
lose_one
sink_control
claim "a is lost, and nothing it had acknowledged" ledger --wait 90
claim "nothing left at b after the takeover" wait_for 60 no_rows b
say "acknowledged $(tally acknowledged), delivered $(tally delivered), lost $(tally lost), duplicated $(tally duplicated), damaged $(tally damaged)"
say "$passed passed, $failed failed"
[ $failed = 0 ] && exit 0
exit 1
