#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# All tests, from a fresh clone on a fresh Debian 12 machine, as root:
#
#	test/run.sh [PART...]
#
# Parts, in this order when none is named: build unit tool model pair crash milter
# mta chaos quickstart bench dist.  Each prints its own lines; the last line of all is
# "N passed, M failed".
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here" || exit 1
san=$here/build-san plain=$here/build-plain
logs=$(mktemp -d /var/tmp/shadowmx-test.XXXXXX) || exit 1
chmod 755 "$logs"
passed=0 failed=0
bad=()
jobs=$(nproc)

finish() {
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

# attempt NAME SECONDS COMMAND...: run it, and keep what it said
attempt() {
	local name=$1 limit=$2 log began=$SECONDS
	shift 2
	log=$(log_of "$name")
	timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null
	echo "$? $((SECONDS - began))" >"$log.end"
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
	printf '%-40s %5d passed %3d failed %4d s\n' "$name" "$p" "$f" "$took"
	if [ "$f" != 0 ]; then
		bad+=("$name")
		grep -aE '(:[FE]:|FAIL|not ok|ERROR|error:|mismatch)' "$log" | head -n 15
		echo "--- last lines of $name (exit $rc)"
		tail -n 25 "$log"
		echo "---"
	fi
}

# try NAME SECONDS COMMAND...
try() {
	attempt "$@"
	tell "$1"
}

# Those that mostly wait run beside each other: beside N NAME SECONDS COMMAND...
# starts one when fewer than N run, told prints them all.
side=()
beside() {
	local width=$1
	shift
	while [ "$(jobs -rp | wc -l)" -ge "$width" ]; do wait -n; done
	attempt "$@" &
	side+=("$1")
}

told() {
	local name
	wait
	for name in "${side[@]}"; do tell "$name"; done
	side=()
}

configured() { # DIR OPTIONS...
	local dir=$1
	shift
	[ -x configure ] || autoreconf -fi || return 1
	mkdir -p "$dir" && cd "$dir" || return 1
	[ -f Makefile ] || ../configure -q --enable-werror --enable-full-tests \
	    "$@" || return 1
	make -s -j"$jobs" && make -s -j"$jobs" check TESTS=
}

part_build() {
	try "build with sanitizers" 1200 bash -c "$(declare -f configured)
	    jobs=$jobs; configured '$san' --enable-sanitize CFLAGS='-O1 -g'"
	try "build as installed" 1200 bash -c "$(declare -f configured)
	    jobs=$jobs; configured '$plain'"
}

part_unit() {
	local t
	for t in "$san"/test/unit/check_*; do
		[ -x "$t" ] && [ -f "$t" ] || continue
		case $t in *.o | *.log | *.trs) continue ;; esac
		beside 3 "unit/${t##*/}" 300 env srcdir="$here" "$t"
	done
	told
	try "fuzz, 3 s each" 120 sh -c \
	    "cd '$logs' && builddir='$san' '$here/test/fuzz.sh' 3"
}

part_tool() {
	try tool/layers 60 env srcdir="$here" test/tool/layers.sh
	try tool/exports 60 sh -c "cd '$plain' && srcdir='$here' '$here/test/tool/exports.sh'"
	[ ! -e .git ] || try tool/dist 60 env srcdir="$here" test/tool/dist.sh
	try tool/manual 60 env srcdir="$here" builddir="$plain" test/tool/manual.sh
	try tool/install 120 env srcdir="$here" builddir="$plain" test/tool/install.sh
	try "examples/policy" 60 "$plain/examples/policy" \
	    examples/shadowmx.conf 192.0.2.7 someone@example.com
	try tool/daemon 300 env srcdir="$here" builddir="$san" test/tool/daemon.sh
	try tool/operator 300 env srcdir="$here" builddir="$san" \
	    test/tool/operator.sh
}

part_model() {
	try "model, small" 900 test/model/run.sh small
}

part_pair() {
	try "pair, 1500 seeds" 600 env PAIR="$plain/test/pair/pair" \
	    test/pair/run.sh 1500
	try "pair, 200 seeds with sanitizers" 600 \
	    env PAIR="$san/test/pair/pair" test/pair/run.sh 200 5001
	try "pair, mutants" 900 test/pair/mutants.sh
}

part_crash() {
	try "crash, store" 1200 env STORE_CRASH="$plain/test/crash" \
	    test/crash/store.sh
	try "damage, 100 flips, 100 cuts" 300 env builddir="$plain" \
	    test/damage.sh 100 100
	try "power cuts, 10 + 2" 600 env builddir="$plain" \
	    test/powercut.sh 10 2
}

part_milter() {
	try milter 600 test/milter/run.sh "$san/test/milter"
}

part_mta() {
	local t

	beside 2 mta/queue_watch 600 env \
	    QUEUE_PROBE="$plain/test/mta/queue_probe" test/mta/queue_watch.sh
	for t in check_mta hostile operator; do
		beside 2 "mta/$t" 1200 env builddir="$plain" "test/mta/$t.sh"
	done
	told
	# Several of their scenarios at a time already.
	for t in flow odd three amend fence again epochs; do
		try "mta/$t" 1200 env builddir="$plain" "test/mta/$t.sh"
	done
	try "system calls that fail, 8" 600 env builddir="$plain" \
	    LAB_FLOWS="shadow resubmit" test/syscalls.sh 8
	# Its "memory" takes minutes.
	try mta/limits 600 env builddir="$plain" test/mta/limits.sh \
	    stalled_milter_connections stalled_control_connections \
	    stalled_peer_connections descriptors wall_clock suspended
	try mta/lease 600 env builddir="$plain" test/mta/lease.sh \
	    not_heard mta_stopped mta_down_in_order leave_lasts \
	    leave_and_return frozen_holder frozen_primary
}

part_chaos() {
	try "mta/chaos, 8 faults" 400 env builddir="$plain" test/mta/chaos.sh 8
	try "mta/chaos, three hosts, 8 faults" 600 env builddir="$plain" HOSTS=3 \
	    test/mta/chaos.sh 8
}

part_quickstart() {
	try quickstart 600 env BUILD="$plain" examples/quickstart.sh
}

part_bench() {
	try "bench, one round" 600 bench/run.sh 1 "$plain"
	[ -f "$logs/bench,_one_round.log" ] &&
	    sed -n '/^acknowledged/,$p' "$logs/bench,_one_round.log"
}

part_dist() {
	try distcheck 1200 sh -c "cd '$plain' && make -s distcheck"
}

sh test/tool/deps.sh || { echo "packages cannot be installed"; echo "0 passed, 1 failed"; exit 1; }
[ $# = 0 ] && set -- build unit tool model pair crash milter mta chaos quickstart bench dist
for part; do
	declare -F "part_$part" >/dev/null || { echo "no part $part"; exit 64; }
	"part_$part"
done
[ ${#bad[@]} = 0 ] || printf 'failed: %s\n' "${bad[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
