#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The suite in a build that looks for races, or for faults of memory and
# undefined behaviour:
#
#	sanitized.sh thread|address [PART[:NAME,...]]...
#
# as in: sanitized.sh thread unit:check_node mta:three,flow/normal
#
# Parts, all of them when none is named: unit pair milter mta.  builddir= says
# where that build is; it is made there, and is build-tsan or build-san by
# default.  A report in code of ours is a failure, of whatever process of a run,
# and so is a run that does not end.  What a run's own tests find is a failure,
# too, with "address"; with "thread" all takes five to ten times as long, so it is
# shown, and counted apart.  What other libraries do is left out by test/tsan.supp
# and test/asan.supp, with a reason for each line.  Ends with the places that were reported, each
# once, and "N passed, M failed".  REPORTS=DIR keeps the reports and what failed.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
kind=${1:-}
case $kind in
thread) build=${builddir:-$here/build-tsan} configured=--enable-sanitize=thread ;;
address) build=${builddir:-$here/build-san} configured=--enable-sanitize ;;
*)
	sed -n 's/^#	//p' "$0" | head -n 1
	exit 64
	;;
esac
shift
cd "$here" || exit 1
work=$(mktemp -d /var/tmp/shadowmx-sanitized.XXXXXX) || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
passed=0 failed=0 reports=0 late=0
reported='WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer|runtime error: '

# build TARGET...
build() {
	(
		[ -x configure ] || autoreconf -fi || exit 1
		mkdir -p "$build" && cd "$build" || exit 1
		[ -f Makefile ] || "$here/configure" -q --enable-werror \
		    --enable-full-tests $configured CFLAGS='-O1 -g' || exit 1
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

# What looks, and what it needs to be loaded first.
looking() { # REPORTS COMMAND...
	local to=log_path=$1/r
	shift
	case $kind in
	thread)
		LD_PRELOAD="$work/first.so" TSAN_OPTIONS="suppressions=$here/test/tsan.supp:exitcode=0:die_after_fork=0:atexit_sleep_ms=0:$to" \
		    "$@"
		;;
	address)
		LD_PRELOAD="$work/first.so" UBSAN_OPTIONS="print_stacktrace=1:$to" \
		    LSAN_OPTIONS="suppressions=$here/test/asan.supp:print_suppressions=0" \
		    ASAN_OPTIONS="verify_asan_link_order=0:detect_stack_use_after_return=1:$to" \
		    "$@"
		;;
	esac
}

# Reports of a run; those of a process that could not write its own are in its
# log, of which the output has the end.
count_reports() { # NAME
	cat "$work/$1.reports"/* "$work/$1.out" 2>/dev/null |
	    grep -acE "$reported"
}

# run NAME SECONDS COMMAND...: its reports apart from what it says.
run() {
	local name=$1 limit=$2 rc said n verdict=ok
	shift 2
	PF_PATIENCE=${PF_PATIENCE:-12} SANITIZED=$kind \
	    looking "$(reports_of "$name")" timeout -k 10 "$limit" "$@" \
	    >"$work/$name.out" 2>&1 </dev/null
	rc=$?
	n=$(count_reports "$name")
	said=$(grep -aE '^([0-9]+ passed, |[0-9]+%: |1\.\.)' "$work/$name.out" |
	    tail -n 1)
	reports=$((reports + n))
	[ "$rc" = 0 ] || late=$((late + 1))
	[ "$n" = 0 ] && [ "$rc" -lt 124 ] || verdict=FAIL
	[ "$kind" = thread ] || [ "$rc" = 0 ] || verdict=FAIL
	[ $verdict = ok ] && passed=$((passed + 1)) || failed=$((failed + 1))
	printf '%-4s %-28s exit %d, %d reports; %s\n' $verdict "$name" "$rc" "$n" \
	    "$said"
	[ "$rc" = 0 ] ||
	    grep -aE '^not ok|^ *FAIL|:[FE]:|LATE|expected:' "$work/$name.out" |
	    head -n 8 | sed 's/^/     /'
	[ -z "${REPORTS:-}" ] || [ "$rc$n" = 00 ] || {
		cat "$work/$name.reports"/* >"$REPORTS/$name.$kind" 2>/dev/null
		cp "$work/$name.out" "$REPORTS/$name.out"
	}
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

	[ -n "$names" ] || names="flow three amend fence again epochs resend net odd
	    operator lease limits hostile check_mta queue_watch"
	build driven || return
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
			run "$t" 3600 env SMX_BUILD="$build" "test/mta/$t.sh"
			;;
		esac
	done
}

# Where the faults were, for all runs: once each.
places() {
	cat "$work"/*.reports/* 2>/dev/null |
	    sed -nE 's/^SUMMARY: [A-Za-z]*Sanitizer: //p; /runtime error: /p' |
	    sort | uniq -c | sort -rn
}

case $kind in thread) first=tsan_lock ;; address) first=asan_leaks ;; esac
${CC:-cc} -shared -fPIC -O1 -o "$work/first.so" test/$first.c || exit 1
chmod 755 "$work/first.so"
[ $# != 0 ] || set -- unit pair milter mta
for part; do
	names=
	case $part in *:*) names=$(echo "${part#*:}" | tr , ' ') ;; esac
	declare -F "part_${part%%:*}" >/dev/null || { echo "no part $part"; exit 64; }
	"part_${part%%:*}" "$names"
done
places
echo "$reports reports; $late runs whose own tests found something"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
