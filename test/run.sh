#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# All tests, from a fresh clone on a fresh Debian 12 machine, as root:
#
#	test/run.sh [PART...]
#
# Parts, all but race when none is named: build unit tool model pair race crash
# milter mta chaos quickstart bench dist.  Each test prints its own line when it has
# ended; the last line of all is "N passed, M failed".
#
# Most of what is run here waits most of its time, so several run side by side, by
# what they do:
#
#	waits	whole hosts, programs that wait for each other
#	busy	computes; with the lowest priority, beside the former
#	alone	measures time: at the end, with nothing beside it
#
# A new scenario script of test/mta that ends with lab_main is one more name in
# "scenarios" below; any other test is a line of its own in a part.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here" || exit 1
san=$here/build-san plain=$here/build-plain steps=$here/build-steps
logs=$(mktemp -d /var/tmp/shadowmx-test.XXXXXX) || exit 1
chmod 755 "$logs"
passed=0 failed=0
bad=()
jobs=$(nproc)
# So many that wait side by side, each with so many scenarios of its own: such a
# script takes a third of a processor, so more of them would be no quicker.
wide=$((jobs < 8 ? jobs + 1 : 8))
export LAB_JOBS=2
# Check's own deadlines are for a machine that has nothing else to do.
export CK_TIMEOUT_MULTIPLIER=5

finish() {
	# shellcheck disable=SC2046
	kill $(jobs -p) 2>/dev/null
	[ "$failed" = 0 ] && rm -rf "$logs" || echo "logs: $logs"
}
trap finish EXIT
trap 'exit 1' INT TERM

# The counts that a test printed: "N passed, M failed", Check's own line, or TAP.
counts() {
	awk '/^[0-9]+ passed, [0-9]+ failed/ { p = $1; f = $3; said = 1 }
	/^ok / { tp++ } /^not ok / { tf++ }
	/^[0-9]+%: Checks: / { gsub(",", ""); f += $5 + $7; p += $3 - $5 - $7 }
	END { if (!said) { p += tp; f += tf } print p + 0, f + 0 }' "$1"
}

log_of() {
	echo "$logs/$(echo "$1" | tr '/ ' '__').log"
}

# Seconds of a processor that it took: the second line is that of the children.
cpu_of() {
	awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/)
	    s += 60 * t[1] + t[2] } } END { printf "%d\n", s }' "$1.times"
}

# attempt NAME SECONDS COMMAND...: run it, and keep what it said
attempt() {
	local name=$1 limit=$2 log began=$SECONDS
	shift 2
	log=$(log_of "$name")
	timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null
	echo "$? $((SECONDS - began))" >"$log.end"
	times >"$log.times"
}

# tell NAME: count it and print its line
tell() {
	local name=$1 log rc took p f
	log=$(log_of "$name")
	read -r rc took <"$log.end"
	read -r p f < <(counts "$log")
	if [ "$rc" != 0 ] && [ "$f" = 0 ]; then f=1; fi
	if [ "$rc" = 0 ] && [ "$p$f" = 00 ]; then p=1; fi
	passed=$((passed + p)) failed=$((failed + f))
	printf '%-40s %5d passed %3d failed %4d s, of a processor %4d s\n' "$name" \
	    "$p" "$f" "$took" "$(cpu_of "$log")"
	if [ "$f" != 0 ]; then
		bad+=("$name")
		grep -aE '(:[FE]:|FAIL|not ok|ERROR|error:|mismatch)' "$log" | head -n 15
		echo "--- last lines of $name (exit $rc)"
		# Of scenarios all that they left, else what was said last.
		awk '/^  (ok|skip) / { on = 0 } /^  FAIL / { on = 1 } on' "$log" |
		    cut -c 1-1000 | head -n 150 | grep . || tail -n 25 "$log"
		echo "---"
	fi
}

# try NAME SECONDS COMMAND...: now
try() {
	(attempt "$@")
	tell "$1"
}

# ---- what is to be run ----

# waits|busy|alone NAME SECONDS COMMAND...: when all parts have said what they have
plan_waits=() plan_busy=() plan_alone=()
waits() { plan_waits+=("$(printf '%q ' "$@")"); }
busy() { plan_busy+=("$(printf '%q ' "$@")"); }
alone() { plan_alone+=("$(printf '%q ' "$@")"); }

# What runs: by process, its kind and its name.
declare -A kind_of=() name_of=()
declare -A running=([waits]=0 [busy]=0)

launch() { # KIND WORDS
	local words=()
	eval "words=($2)"
	(
		[ "$1" = waits ] || renice -n 15 -p $BASHPID >/dev/null
		attempt "${words[@]}"
	) &
	kind_of[$!]=$1 name_of[$!]=${words[0]}
	running[$1]=$((running[$1] + 1))
}

reap() {
	local pid kind
	wait -n -p pid || :
	kind=${kind_of[$pid]}
	running[$kind]=$((running[$kind] - 1))
	tell "${name_of[$pid]}"
}

# One more that wait than there are processors, and what computes on all but one of
# them; on all when nothing waits any more.
run_plan() {
	local at_waits=0 at_busy=0 room words
	while :; do
		while [ $at_waits -lt ${#plan_waits[@]} ] &&
		    [ ${running[waits]} -lt "$wide" ]; do
			launch waits "${plan_waits[at_waits++]}"
		done
		room=$((jobs > 1 ? jobs - 1 : 1))
		[ ${running[waits]} -gt 0 ] || room=$jobs
		while [ $at_busy -lt ${#plan_busy[@]} ] &&
		    [ ${running[busy]} -lt $room ]; do
			launch busy "${plan_busy[at_busy++]}"
		done
		[ $((running[waits] + running[busy])) -gt 0 ] || break
		reap
	done
	for words in "${plan_alone[@]}"; do
		eval "try $words"
	done
}

# ---- the parts ----

configured() { # DIR TARGETS OPTIONS...
	local dir=$1 targets=$2 target
	shift 2
	[ -x configure ] || autoreconf -fi || return 1
	mkdir -p "$dir" && cd "$dir" || return 1
	[ -f Makefile ] || ../configure -q --enable-werror --enable-full-tests \
	    "$@" || return 1
	for target in $targets; do
		make -s -j"$jobs" "$target" TESTS= || return 1
	done
}

part_build() {
	try "build with sanitizers" 1200 bash -c "$(declare -f configured)
	    jobs=$jobs; configured '$san' 'all check' --enable-sanitize \
	    CFLAGS='-O1 -g'"
	try "build as installed" 1200 bash -c "$(declare -f configured)
	    jobs=$jobs; configured '$plain' driven"
	try "build that dies where it is told to" 1200 bash -c "$(declare -f configured)
	    jobs=$jobs; configured '$steps' \
	    'src/shadowmxd src/shadowmxctl test/mta/edit_milter' \
	    CPPFLAGS=-DSMX_CRASH_POINTS CFLAGS=-O0"
}

part_unit() {
	local t
	for t in "$san"/test/unit/check_*; do
		[ -x "$t" ] && [ -f "$t" ] || continue
		case $t in *.o | *.log | *.trs) continue ;; esac
		waits "unit/${t##*/}" 600 env srcdir="$here" "$t"
	done
	busy "fuzz, 3 s each" 900 sh -c \
	    "cd '$logs' && builddir='$san' '$here/test/fuzz.sh' 3"
}

part_tool() {
	busy tool/layers 900 env srcdir="$here" test/tool/layers.sh
	busy tool/exports 900 sh -c \
	    "cd '$plain' && srcdir='$here' '$here/test/tool/exports.sh'"
	[ ! -e .git ] || busy tool/dist 900 env srcdir="$here" test/tool/dist.sh
	busy tool/manual 900 env srcdir="$here" builddir="$plain" \
	    test/tool/manual.sh
	busy tool/install 900 env srcdir="$here" builddir="$plain" \
	    test/tool/install.sh
	busy "examples/policy" 900 "$plain/examples/policy" \
	    examples/shadowmx.conf 192.0.2.7 someone@example.com
	busy "examples/policy, delivered" 900 "$plain/examples/policy" \
	    examples/delivered.conf 192.0.2.7 someone@example.com
	busy "examples/policy, backup" 900 "$plain/examples/policy" \
	    examples/backup.conf 192.0.2.7 someone@customer.example
	waits tool/nexthop 600 /usr/bin/python3 test/tool/nexthop_test.py
	waits tool/backupctl 600 env srcdir="$here" builddir="$san" \
	    test/tool/backupctl.sh
	waits tool/daemon 600 env srcdir="$here" builddir="$san" \
	    test/tool/daemon.sh
	waits tool/operator 600 env srcdir="$here" builddir="$san" \
	    test/tool/operator.sh
}

part_model() {
	busy "model, small" 1800 test/model/run.sh small
}

part_pair() {
	busy "pair, 1500 seeds" 1800 env PAIR="$plain/test/pair/pair" \
	    test/pair/run.sh 1500
	busy "pair, 200 seeds with sanitizers" 1800 \
	    env PAIR="$san/test/pair/pair" test/pair/run.sh 200 5001
	busy "pair, mutants" 1800 test/pair/mutants.sh
}

part_race() {
	busy races 1800 env builddir="$here/build-tsan" test/sanitized.sh thread pair:10 \
	    unit:check_node,check_copy,check_link,check_peers,check_store,check_watcher,check_helper,check_control
}

part_crash() {
	busy "crash, store" 1800 env STORE_CRASH="$plain/test/crash" \
	    test/crash/store.sh
	busy "crash, book of the served" 300 env STORE_CRASH="$plain/test/crash" \
	    test/crash/served.sh
	busy "damage, 100 flips, 100 cuts" 1800 env builddir="$plain" \
	    test/damage.sh 100 100
	busy "calls that fail, 12 of each" 1800 env builddir="$san" \
	    test/alloc.sh 12
	waits "power cuts, 10 + 2" 900 env builddir="$plain" \
	    test/powercut.sh 10 2
}

part_milter() {
	alone milter 600 test/milter/run.sh "$san/test/milter"
}

# Scripts of test/mta, all their scenarios; the longest first.
scenarios="flow split clock backup hand backup_mass backup_pair backup_crash deliver
    learn sts mx peermx etrn nexthop three fence amend again epochs resend net odd operator primaries"

part_mta() {
	local t

	waits mta/hostile 1200 env builddir="$plain" test/mta/hostile.sh
	for t in $scenarios; do
		waits "mta/$t" 1200 env builddir="$plain" "test/mta/$t.sh"
	done
	waits mta/backup_steps 1200 env builddir="$steps" test/mta/backup_steps.sh
	waits "mta/split, its steps" 600 env builddir="$steps" \
	    test/mta/split.sh at_each_durable_step at_the_steps_back
	waits "mta/hand, its steps" 600 env builddir="$steps" \
	    test/mta/hand.sh at_each_durable_step
	waits mta/lease 1200 env builddir="$plain" test/mta/lease.sh \
	    partition_delivers_once not_heard mta_stopped mta_down_in_order \
	    leave_lasts leave_and_return frozen_holder frozen_primary
	waits mta/sendmail_lab 600 env builddir="$plain" test/mta/sendmail_lab.sh
	waits mta/limits 1800 env builddir="$plain" test/mta/limits.sh
	waits mta/route 300 env \
	    QUEUE_PROBE="$plain/test/mta/queue_probe" test/mta/route.sh
	waits mta/queue_watch 900 env \
	    QUEUE_PROBE="$plain/test/mta/queue_probe" test/mta/queue_watch.sh
	waits "mta with sanitizers" 900 env builddir="$san" \
	    test/sanitized.sh address mta:flow/normal,flow/takeover_by_command
	waits mta/check_mta 1200 env builddir="$plain" test/mta/check_mta.sh
	waits "system calls that fail, 40" 1200 env builddir="$plain" \
	    LAB_JOBS=2 test/syscalls.sh 40
}

part_chaos() {
	waits "chaos, 60 faults" 1200 env builddir="$plain" test/chaos.sh 60
}

part_quickstart() {
	alone quickstart 600 env BUILD="$plain" examples/quickstart.sh
}

part_bench() {
	alone "bench, one round" 600 bench/run.sh 1 "$plain"
	waits "bench, probes" 600 bench/probes.sh "$plain" 30
}

# The unit programs are built there, too, and were run from the tree: what the
# archive holds is what the tree holds (tool/dist).
part_dist() {
	busy distcheck 1800 sh -c "cd '$plain' && make -s -j$jobs distcheck \
	    DISTCHECK_CONFIGURE_FLAGS='CFLAGS=-O0' \
	    TESTS='test/tool/layers.sh test/tool/exports.sh test/tool/dist.sh'"
}

sh test/tool/deps.sh || { echo "packages cannot be installed"; echo "0 passed, 1 failed"; exit 1; }
[ $# = 0 ] && set -- build dist mta chaos tool model crash pair unit milter quickstart bench
for part; do
	declare -F "part_$part" >/dev/null || { echo "no part $part"; exit 64; }
done
for part; do "part_$part"; done
run_plan
[ -f "$logs/bench,_one_round.log" ] &&
    sed -n '/^acknowledged/,$p' "$logs/bench,_one_round.log"
[ ${#bad[@]} = 0 ] || printf 'failed: %s\n' "${bad[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
