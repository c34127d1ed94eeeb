#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# chaos.sh [FAULTS [SEED]]: mail with unique numbers flows through three hosts,
# a Postfix and a shadowmxd each, without a pause, while random faults befall
# them, several at a time (default: 60; SEED, as argument or in the environment,
# brings the same faults, if not the same timing):
#
#	SIGKILL	worker, watcher, helper, supervisor, the whole daemon, smtpd,
#		cleanup, qmgr, smtp, the whole Postfix, the whole host
#	SIGSTOP	daemon, Postfix, host
#	stop	of the daemon, in order
#	network	cut (refused), mute (silent, both ways), deaf (silent, one way)
#	disk	empty, old or foreign queue, store or both, while the host is down
#		or while its daemon runs
#
# What the design does not promise is left out: a disk is exchanged only when all
# that another host's disk had lost is over or has its copies again, and a store
# not while messages are on hold for its sake.  All else goes together.
#
# After each $LAP faults (60), and at the end, there are none until everything
# acknowledged has been delivered, nothing damaged, no message more often than it
# may (test/tool/bound.py), no shadow and no open message left, all hosts well.
# Ends with counts and "N passed, M failed".
HERE=$(cd "$(dirname "$0")/mta" && pwd)
FAULTS=${1:-60}
SEED=${2:-${SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}}
: "${HOSTS:=3}" "${LAP:=60}" "${TAKEOVER_AFTER:=3s}" "${ONLY:=}"
. "$HERE/lib.sh"
. "$HERE/lib-disk.sh"

if why=$(lab_skip); then
	say "SKIP: $why"
	exit 77
fi
pf_private_net bash "$0" "$FAULTS" "$SEED"
RANDOM=$SEED
passed=0 failed=0
declare -A tried sum ended due
sums="sent acknowledged delivered lost unexpected duplicated again bound"

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

one_of() { # WORD...
	shift $((RANDOM % $#))
	chosen=$1
}

now() { date +%s.%N; }
allow() { echo "$*" >>"$LAB/faults"; }

# ---- wires: all that one host says to another goes through a process ----

wire() { # FROM TO [PORT]
	local file=$LAB/wire.$1.$2
	rm -f "$file"
	$PYTHON "$TOOL/relay.py" "$(peer_port_of "$2")" ${3:+"$3"} >"$file" &
	echo $! >"$file.pid"
	LAB_PIDS="$LAB_PIDS $!"
	wait_for 5 test -s "$file"
}

wires_make() {
	local from to
	for from in "${hosts[@]}"; do
		host_conf "$from" "copies = $((HOSTS - 1));"
		for to in "${hosts[@]}"; do
			[ "$from" = "$to" ] && continue
			wire "$from" "$to" || return 1
			sed -i "/name = \"$to.test/s/127.0.0.1:[0-9]*/127.0.0.1:$(cat \
			    "$LAB/wire.$from.$to")/" "$(conf_of "$from")"
		done
	done
}

wire_signal() { kill "-$1" "$(cat "$LAB/wire.$2.$3.pid")"; }

wire_cut() {
	wire_signal TERM "$1" "$2"
	wait "$(cat "$LAB/wire.$1.$2.pid")" 2>/dev/null
}

wire_mend() { wire "$1" "$2" "$(cat "$LAB/wire.$1.$2")"; }

# Toggles: not one byte from A reaches B, in whatever connection.
one_way() { # A B
	wire_signal USR1 "$1" "$2"
	wire_signal USR2 "$2" "$1"
}

# ---- faults; each says in "ended" how to undo what lasts ----

# One child of a Postfix, at the moment it is needed for a message.
mta_child() { # HOST NAME
	local master
	master=$(pf_pid "$LAB/$1") && pkill -KILL -P "$master" -x "$2"
}

mta_signal() { # SIGNAL HOST
	local master
	master=$(pf_pid "$LAB/$2") || return 0
	kill "-$1" "$master"
	pkill "-$1" -P "$master"
}

daemon_child() { # HOST USER
	local pid
	pid=$(daemon_pid "$1") && pkill -KILL -P "$pid" -u "$2"
}

# Its children end by themselves, and another one can begin.
supervisor_kill() {
	local pid family
	pid=$(daemon_pid "$1") || return 1
	family=$(pgrep -P "$pid")
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	wait_for 10 all_gone $family || say "  FAIL  children live on at $1"
	daemon_start "$1"
}

all_gone() {
	local pid
	for pid; do
		[ ! -d "/proc/$pid" ] || return 1
	done
}

others_of() {
	local far
	others=()
	for far in "${hosts[@]}"; do
		[ "$far" = "$1" ] || others[${#others[@]}]=$far
	done
	[ $((RANDOM % 2)) = 0 ] || others=("${others[RANDOM % ${#others[@]}]}")
}

# HOST and one or all of the others no longer hear each other.
net_fault() { # KIND HOST
	local far undo=
	others_of "$2"
	for far in "${others[@]}"; do
		case $1 in
		cut)
			wire_cut "$2" "$far"
			wire_cut "$far" "$2"
			undo="$undo wire_mend $2 $far; wire_mend $far $2;"
			;;
		mute)
			one_way "$2" "$far"
			one_way "$far" "$2"
			undo="$undo one_way $2 $far; one_way $far $2;"
			;;
		deaf)
			one_way "$far" "$2"
			undo="$undo one_way $far $2;"
			;;
		esac
	done
	lasts "net" "$undo"
}

lasts() { # NAME COMMANDS
	ended[$1]=$2
	due[$1]=$((n + RANDOM % 4))
}

fault() { # KIND HOST
	local from pause="0.$((RANDOM % 9))"
	from=$(now)
	case $1 in
	worker) worker_kill "$2" ;;
	watcher) daemon_child "$2" postfix ;;
	helper) daemon_child "$2" root ;;
	watcher+worker) daemon_child "$2" postfix; worker_kill "$2" ;;
	supervisor) supervisor_kill "$2" ;;
	daemon) daemon_kill "$2"; lasts "$2" "daemon_start $2" ;;
	stop) daemon_stop "$2"; lasts "$2" "daemon_start $2" ;;
	postfix) pf_kill "$LAB/$2"; lasts "$2" "pf_start $LAB/$2" ;;
	host) host_kill "$2"; snapshot "$2"; lasts "$2" "host_start $2" ;;
	freeze) daemon_freeze "$2"; lasts "$2" "daemon_thaw $2" ;;
	freeze_mta) mta_signal STOP "$2"; lasts "$2" "mta_signal CONT $2" ;;
	freeze_host)
		mta_signal STOP "$2"
		daemon_freeze "$2"
		lasts "$2" "daemon_thaw $2; mta_signal CONT $2"
		;;
	cleanup | qmgr | smtpd | smtp) mta_child "$2" "$1" ;;
	cut | mute | deaf) net_fault "$1" "$2" ;;
	disk) disk_fault "$2" ;;
	esac
	sleep "$pause"
	allow "crash $from $(now)"
}

undo() { # NAME
	local from what=${ended[$1]}
	from=$(now)
	unset "ended[$1]" "due[$1]"
	eval "$what"
	allow "crash $from $(now)"
}

# ---- disks ----

serials_in() { # FOLDER
	[ ! -d "$1" ] || find "$1" -type f -exec grep -aho 'X-Serial: [^[:space:]]*' {} + |
	    cut -d ' ' -f 2 | tr -cd '[:alnum:]\n-' | sort -u
}

on_hold() { [ -n "$(find "$LAB/$1/spool/hold" -type f 2>/dev/null)" ]; }

# Of a host that is down; not what was on hold for a while, for nobody would
# release it.
snapshot() {
	! on_hold "$1" || return 0
	rm -rf "$LAB/was.$1.spool" "$LAB/was.$1.store"
	keep "$1" spool "was.$1"
	keep "$1" store "was.$1"
}

# One to put back later.
copy_of() { # HOST
	say "      a copy of $1 is made"
	tally_fault "disk, copied"
	host_kill "$1"
	snapshot "$1"
	[ -n "${ended[$1]:-}" ] || host_start "$1"
}

state_of() { ctl "$1" queue list --json; ctl "$1" status --json; }

# Nothing of the time before the last exchange of a disk needs that host any
# more: see I1.
is_whole() {
	local host
	for host in "${hosts[@]}"; do
		peers_up "$host" || return 1
		state_of "$host"
	done | $PYTHON -c '
import json, sys, time
before = (time.time() - float(sys.argv[1])) * 1000
for line in sys.stdin:
    r = json.loads(line)
    if r.get("role") == "holder" and r["age_ms"] > before - 1000:
        sys.exit(1)
    own = r.get("own")
    if own and (r["uptime_ms"] < 3000 or own["unprotected"] or own["doubtful"]
                or own["to_copy"] or r["fence"]["fenced"]):
        sys.exit(1)' "$debt_since" 2>/dev/null
}

# May the disk of HOST be exchanged now?
disk_is_free() {
	! on_hold "$1" && status_is "$1" fence.fenced 0 || return 1
	[ "$debt" != none ] && [ "$debt" != "$1" ] || return 0
	sink_control
	flush_all
	for _ in 1 2 3; do
		sleep 0.7
		is_whole || continue
		sleep 1
		is_whole && return 0
	done
	return 1
}

disk_fault() { # HOST
	local parts state what part when from
	one_of spool store "spool store"; parts=$chosen
	one_of empty old foreign; state=$chosen
	one_of stopped running; when=$chosen
	one_of "" 1; COPIED=$chosen
	others_of "$1"
	from=empty
	[ $state != old ] || from=was.$1
	[ $state != foreign ] || from=was.${others[0]}
	if ! disk_is_free "$1"; then
		say "      not now: $debt is not whole again, or messages on hold"
		tally_fault "disk, not now"
		return
	fi
	[ $state = empty ] || [ -d "$LAB/$from.spool" ] || {
		copy_of "${from#was.}"
		return
	}
	debt=$1
	# Some mail shall be open: nothing is delivered for a moment.
	sink_control "reply=450:."
	sleep "1.$((RANDOM % 10))"
	what="$state $parts, $when"
	say "      $what"
	tally_fault "$state $parts"
	[ $when = running ] || daemon_kill "$1"
	pf_kill "$LAB/$1"
	for part in $parts; do
		[ "$part" = store ] || serials_in "$LAB/$from.spool" |
		    sed 's/^/again /' >>"$LAB/faults"
		put "$1" "$part" "$from"
	done
	debt_since=$(now)
	if [ $when = running ]; then
		pf_start "$LAB/$1"
	else
		lasts "$1" "host_start $1; debt_since=\$(now)"
	fi
}

# ---- the course of things ----

flush_all() {
	local host
	# A queue manager that was killed is not awake again for 300 s.
	for host in "${hosts[@]}"; do
		[ -n "${ended[$host]:-}" ] || postqueue -c "$LAB/$host/etc" -f
	done
}

# The next hop answers now and then only, slowly or not for all recipients, so
# that messages are open, and some of them for a part.
weather() {
	case $((RANDOM % 6)) in
	0) sink_control pause ;;
	1) sink_control "reply=450:rcpt[12]|[37]@" ;;
	2) sink_control slow=0-2 slow_at=dot ;;
	*) sink_control; flush_all ;;
	esac
}

load_begin() {
	local to
	rm -f "$LAB/enough"
	senders=()
	for to in "${hosts[@]}"; do
		mail_send "$to" --until "$LAB/enough" --sessions 4 \
		    --prefix "$to$lap-" --pause-ms 300 --per-session 3 \
		    --timeout 30 >>"$LAB/send.log" 2>&1 &
		senders[${#senders[@]}]=$!
	done
}

load_end() {
	touch "$LAB/enough"
	wait "${senders[@]}"
}

tally_fault() { tried[$1]=$((${tried[$1]:-0} + 1)); }

kinds=(worker worker watcher helper watcher+worker supervisor daemon stop postfix
    host host host freeze freeze_mta freeze_host cleanup qmgr smtpd smtp smtp
    cut mute deaf deaf disk disk disk disk)
[ -z "$ONLY" ] || read -ra kinds <<<"$ONLY"

# Ends what is due, draws a fault, and does it.
step() {
	local name host kind free=()
	for name in "${!due[@]}"; do
		[ "${due[$name]}" -ge "$n" ] || undo "$name" >>"$LAB/faults.log" 2>&1
	done
	for host in "${hosts[@]}"; do
		[ -n "${ended[$host]:-}" ] || free[${#free[@]}]=$host
	done
	[ ${#free[@]} -gt 0 ] || free=("${hosts[@]}")
	one_of "${free[@]}"; host=$chosen
	[ -z "${ended[$host]:-}" ] || undo "$host" >>"$LAB/faults.log" 2>&1
	one_of "${kinds[@]}"; kind=$chosen
	case $kind in
	cut | mute | deaf) [ -z "${ended[net]:-}" ] || undo net ;;
	esac
	say "  $n: $kind on $host (after $SECONDS s)"
	tally_fault "$kind"
	fault "$kind" "$host" 2>>"$LAB/faults.log"
}

none_open() { status_is "$1" own.open 0; }
nothing_held() { ! on_hold "$1"; }

# What a host holds for itself, since it has another's store, is nobody's.
forget_orphans() {
	local host key
	for host in "${hosts[@]}"; do
		for key in $(ctl "$host" queue list --json | $PYTHON -c '
import json, sys
for r in map(json.loads, sys.stdin):
    if r["role"] == "holder" and r["primary"] == sys.argv[1]:
        print(r["key"])' "$host.test.invalid"); do
			ctl "$host" queue forget --yes "$key" >/dev/null
			tally_fault "orphan forgotten"
		done
	done
}

# No faults any more: everything comes to its end.
settle() {
	local name host was=$failed
	sink_control
	for name in "${!ended[@]}"; do undo "$name" >>"$LAB/faults.log" 2>&1; done
	load_end
	for host in "${hosts[@]}"; do
		claim "$host answers" wait_for 30 answers "$host"
		claim "$host has its peers" wait_for 30 peers_up "$host"
	done
	flush_all
	claim "everything acknowledged is delivered, nothing damaged, nothing too often" \
	    ledger --wait 90 --faults "$LAB/faults" --lab "$LAB"
	forget_orphans
	for host in "${hosts[@]}"; do
		claim "nothing left at $host" wait_for 60 no_rows "$host"
		claim "nothing open at $host" wait_for 30 none_open "$host"
		claim "nothing on hold at $host" nothing_held "$host"
		claim "an empty queue at $host" wait_for 30 queue_is_empty "$host"
	done
	[ $failed = $was ] || tail -n 40 "$LAB/faults.log"
	[ $failed = $was ] || for host in "${hosts[@]}"; do
		ctl "$host" status
		ctl "$host" queue list
	done
	add_up
	claim "nothing unexpected" is "$(figure unexpected)" 0
}

add_up() {
	local name
	ledger --json --faults "$LAB/faults" --lab "$LAB" >"$LAB/figures"
	for name in $sums; do
		sum[$name]=$((${sum[$name]:-0} + $(figure "$name")))
	done
}

figure() {
	$PYTHON -c '
import json, sys
f = json.load(open(sys.argv[1]))
f["unexpected"] = f["damaged"] + f["other_mail"]
print(f[sys.argv[2]])' "$LAB/figures" "$1"
}

# The next lap has a ledger of its own, and no queue of this one comes back.
forget_lap() {
	rm -rf "$LAB"/sent.* "$LAB"/was.* "$LAB/faults"
	find "$SINK" -name '[0-9]*' -delete
	allow again none
}

report() {
	local kind
	say "seed $SEED, $n faults in $SECONDS s:"
	for kind in "${!tried[@]}"; do say "    ${tried[$kind]} $kind"; done | sort -k 2
	say "attempted ${sum[sent]}, acknowledged ${sum[acknowledged]}, delivered ${sum[delivered]}, lost ${sum[lost]}, unexpected ${sum[unexpected]}, duplicated ${sum[duplicated]}, again ${sum[again]}, bound ${sum[bound]}"
	say "$passed passed, $failed failed"
}

lab_begin chaos
hosts=(a b c)
hosts=("${hosts[@]:0:HOSTS}")
n=0 lap=0 debt=none debt_since=0
sink_start && host_make "${hosts[@]}" && wires_make || exit 1
for host in "${hosts[@]}"; do
	# A client that was cut off is not a postmaster's business here.
	pf_cf "$LAB/$host" "notify_classes ="
done
hosts_start || exit 1
say "seed $SEED, $FAULTS faults, takeover after $TAKEOVER_AFTER"
forget_lap
load_begin
while [ $n -lt "$FAULTS" ]; do
	n=$((n + 1))
	weather
	sleep "0.$((RANDOM % 10))"
	step
	if [ $((n % LAP)) = 0 ] || [ $n = "$FAULTS" ]; then
		settle
		[ $failed = 0 ] && [ $n -lt "$FAULTS" ] || break
		forget_lap
		lap=$((lap + 1))
		load_begin
	fi
done
report
[ $failed = 0 ] && exit 0
exit 1
