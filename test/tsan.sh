#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The suite in a build that looks for races:
#
#	tsan.sh [PART[:NAME,...]]...	as in: tsan.sh unit:check_node mta:three
#
# Parts, all of them when none is named: unit pair milter mta.  builddir= says
# where that build is; it is made there, and is build-tsan by default.  A report
# in code of ours is a failure, and so is a run that does not end; what its own
# tests find is shown, and counted apart, since all takes five to ten times as
# long here.  What other libraries do is left out by test/tsan.supp, with a
# reason for each line.  Ends with the places that were reported, each once, and
# "N passed, M failed".  TSAN_KEEP=DIR keeps the reports.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
build=${builddir:-$here/build-tsan}
cd "$here" || exit 1
work=$(mktemp -d /var/tmp/shadowmx-tsan.XXXXXX) || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
passed=0 failed=0 reports=0 late=0

# build TARGET...
build() {
	(
		[ -x configure ] || autoreconf -fi || exit 1
		mkdir -p "$build" && cd "$build" || exit 1
		[ -f Makefile ] || "$here/configure" -q --enable-werror \
		    --enable-full-tests --enable-sanitize=thread \
		    CFLAGS='-O1 -g' || exit 1
		make -s -j"$(nproc)" "$@"
	) >"$work/build" 2>&1 && return 0
	tail -n 30 "$work/build"
	echo "it cannot be built"
	failed=$((failed + 1))
	return 1
}

# The processes of a run have several owners.
reports_of() { # NAME
	mkdir -p "$work/$1.reports"
	chmod 1777 "$work/$1.reports"
	echo "$work/$1.reports"
}

# run NAME SECONDS COMMAND...: its reports apart from what it says.
run() {
	local name=$1 limit=$2 rc said n
	shift 2
	LD_PRELOAD="$work/lock.so" TSAN_OPTIONS="suppressions=$here/test/tsan.supp:exitcode=0:die_after_fork=0:atexit_sleep_ms=0:log_path=$(reports_of "$name")/r" \
	    timeout -k 10 "$limit" "$@" >"$work/$name.out" 2>&1 </dev/null
	rc=$?
	n=$(cat "$work/$name.reports"/* 2>/dev/null |
	    grep -c 'WARNING: ThreadSanitizer')
	said=$(grep -aE '^([0-9]+ passed, |[0-9]+%: |1\.\.)' "$work/$name.out" |
	    tail -n 1)
	reports=$((reports + n))
	if [ "$n" != 0 ] || [ "$rc" -ge 124 ]; then
		failed=$((failed + 1))
		printf 'FAIL %-32s exit %d, %d reports\n' "$name" "$rc" "$n"
	else
		passed=$((passed + 1))
		printf 'ok   %-32s %s\n' "$name" "$said"
	fi
	[ "$rc" = 0 ] || {
		late=$((late + 1))
		grep -aE '^not ok|^FAIL|:[FE]:|LATE' "$work/$name.out" | head -n 5 |
		    sed 's/^/     /'
	}
	[ -z "${TSAN_KEEP:-}" ] || [ "$n" = 0 ] ||
	    cat "$work/$name.reports"/* >"$TSAN_KEEP/$name.tsan"
}

part_unit() { # [NAMES]
	local t names=$1

	# One that has no threads, and takes minutes here.
	[ -n "$names" ] || names=$(sed -n '/^unit_tests = /,/[^\\]$/s#.*test/unit/\([a-z_]*\).*#\1#p' \
	    Makefile.am | grep -vx check_look)
	# shellcheck disable=SC2046 # names
	build $(printf 'test/unit/%s ' $names) || return
	for t in $names; do
		run "unit_${t#check_}" 300 env srcdir="$here" CK_TIMEOUT_MULTIPLIER=5 \
		    "$build/test/unit/$t"
	done
}

part_pair() {
	build test/pair/pair || return
	run pair 300 "$build/test/pair/pair" 1 "${1:-20}"
}

part_milter() {
	build test/milter/milter_host test/milter/burst test/milter/rawcases \
	    examples/foreign-milter || return
	# shellcheck disable=SC2086 # names
	run milter 900 test/milter/run.sh "$build/test/milter" $1
}

part_mta() { # [NAMES]: of scripts, or SCRIPT/SCENARIO
	local t names=$1

	[ -n "$names" ] || names="flow/normal flow/holder_slow flow/lost_for_ever
	    flow/worker_killed again three fence queue_watch"
	build all test/mta/queue_probe || return
	for t in $names; do
		case $t in
		queue_watch)
			run "$t" 600 env QUEUE_PROBE="$build/test/mta/queue_probe" \
			    test/mta/queue_watch.sh
			;;
		*/*)
			run "${t%/*}_${t#*/}" 600 env SMX_BUILD="$build" \
			    "test/mta/${t%/*}.sh" "${t#*/}"
			;;
		*)
			run "$t" 1800 env SMX_BUILD="$build" "test/mta/$t.sh"
			;;
		esac
	done
}

# Where the two of a race met, for all runs: once each.
places() {
	cat "$work"/*.reports/* 2>/dev/null |
	    sed -n 's/^SUMMARY: ThreadSanitizer: //p' | sort | uniq -c | sort -rn
}

${CC:-cc} -shared -fPIC -O1 -o "$work/lock.so" test/tsan_lock.c || exit 1
chmod 755 "$work/lock.so"
[ $# != 0 ] || set -- unit pair milter mta
for part; do
	names=
	case $part in *:*) names=$(echo "${part#*:}" | tr , ' ') ;; esac
	declare -F "part_${part%%:*}" >/dev/null || { echo "no part $part"; exit 64; }
	"part_${part%%:*}" "$names"
done
places
echo "$reports reports; $late runs whose own tests found something (time is stretched here)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
