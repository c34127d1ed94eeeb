#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# store.sh [N [STRIDE]]: stop the store at every durable step (at most N), make
# every sync and each STRIDE-th write (default 8) fail, once or with all that
# follow; after each, what was promised must be there, and a store whose sync failed
# must be marked as suspect.
# Then the same checks must find three planted faults.
#
# STORE_CRASH names the folder of the four programs: store_crash, and built with
# one fault each, store_crash_tell, store_crash_nofsync and store_crash_unsynced.
set -u
max=${1:-1000}
stride=${2:-8}
programs=${STORE_CRASH:-./test/crash}
data=${srcdir:-$(dirname "$0")/../..}/test/data
work=$(mktemp -d "${TMPDIR:-/tmp}/store_crash.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
# The leak check of a sanitized build cannot run under strace.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS
passed=0
failed=0
quiet=

ok()
{
	passed=$((passed + 1))
}

bad()
{
	failed=$((failed + 1))
	[ -n "$quiet" ] || echo "FAILED: $*"
}

fresh()
{
	rm -rf "$work/box"
	mkdir -m 0700 "$work/box"
}

# verified WHAT: the store against the promises of the last run
verified()
{
	if "$programs/store_crash" verify "$work/box/store" "$work/said" \
	    >"$work/verdict" 2>"$work/log"; then
		ok
	else
		bad "$1: $(grep 'not so' "$work/verdict" | head -3)"
	fi
}

# stops PROGRAM: a stop at step 1, 2, 3 ... until it gets through
stops()
{
	at=1
	while [ "$at" -le "$max" ]; do
		fresh
		SMX_CRASH_AT=$at "$programs/$1" run "$work/box/store" \
		    >"$work/said" 2>"$work/where"
		status=$?
		case $status in
		0) verified "no stop"; return ;;
		100) verified "stop $at ($(grep 'crash point' "$work/where"))" ;;
		*) bad "stop $at: exit status $status"; return ;;
		esac
		at=$((at + 1))
	done
}

# order PROGRAM: between an attempt and its promise there must be a sync of the
# log, and of the body and its folder before that when it has a file
order()
{
	fresh
	strace -f -y -s 64 -o "$work/trace" \
	    -e trace=writev,fsync,fdatasync \
	    "$programs/$1" alone "$work/box/store" >"$work/said" 2>&1
	awk '
	function synced(what) {
		if (what ~ /shadows\.db-wal>/) { if (!large || (body && dir)) wal = 1 }
		else if (what ~ /bodies>/) { if (body) dir = 1 }
		else if (what ~ /bodies\//) body = 1
	}
	/ writev\(1</ && /"(TRY|DROP|MARK|SET|AMEND|YIELD) / {
		wal = body = dir = large = 0
		if ($0 ~ /"TRY/) { split($0, w, /"|\\n/); split(w[2], p, " "); large = p[3] > 4096 }
	}
	/ (fsync|fdatasync)\(/ {
		if ($0 ~ /unfinished/) pending[$1] = $0
		else if ($0 ~ /= 0$/) synced($0)
	}
	/(fsync|fdatasync) resumed/ { if ($0 ~ /= 0$/) synced(pending[$1]) }
	/ writev\(1</ && /"(OK|DROPPED|MARKED|WAS_SET|AMENDED|YIELDED) / {
		n++
		if (!wal) { lies++; print "promised without a sync: " $0 }
	}
	END { print n + 0, "promises,", lies + 0, "without a sync"
	      exit lies > 0 || n < 10 }' "$work/trace" >"$work/verdict"
	if [ $? -eq 0 ]; then
		ok
	else
		bad "order: $(head -1 "$work/verdict")"
	fi
	tail -1 "$work/verdict"
}

# order_net PROGRAM: a slice of the safety net is synced after it was written to,
# before rows are let go
order_net()
{
	fresh
	strace -f -y -s 64 -o "$work/trace" \
	    -e trace=write,writev,fsync,fdatasync \
	    "$programs/$1" alone "$work/box/store" >"$work/said" 2>&1
	awk '
	/ write\(.*\/net\/[0-9]*\.seg>/ { written++; dirty = 1 }
	/ fsync\(.*\/net\/[0-9]*\.seg>/ { dirty = 0 }
	/ writev\(1</ && /"END/ { ended = 1; bad = dirty }
	END { print written + 0, "writes to slices,", bad ? "not" : "all", "synced"
	      exit bad || !ended || written < 2 }' "$work/trace" >"$work/verdict"
	if [ $? -eq 0 ]; then
		ok
	else
		bad "order_net: $(head -1 "$work/verdict")"
	fi
	tail -1 "$work/verdict"
}

# A store that failed is marked for the next start; one that could not be opened
# need not be, and one that failed at its end has told nobody anything.
marked()
{
	! grep -q '^FAILED' "$work/said" || [ -e "$work/box/store/suspect" ]
}

# inject CALLS ERROR MUST STRIDE [ON]: the k-th such call of each thread fails once,
# or with ON as "+" it and all that follow, for all k or each STRIDE-th; MUST is
# what that has to lead to: a store that is "dead" or still "alive"
inject()
{
	on=${5:-}
	k=1
	while [ "$k" -le "$max" ]; do
		fresh
		strace -f -o "$work/trace" -e "trace=$1" \
		    -e "inject=$1:error=$2:when=$k$on" \
		    "$programs/store_crash" run "$work/box/store" \
		    >"$work/said" 2>"$work/log"
		status=$?
		if ! grep -q INJECTED "$work/trace"; then
			break
		fi
		if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
			bad "$2 at $1 $k$on: exit status $status"
		elif [ "$3" = alive ] && grep -q '^FAILED' "$work/said"; then
			bad "$2 at $1 $k$on: the store gave up"
		elif [ "$3" = dead ] && grep -q '^FAIL.* \(io\|unsure\)' \
		    "$work/said" && ! grep -q '^FAILED' "$work/said"; then
			bad "$2 at $1 $k$on: the store went on"
		elif [ "$3" = dead ] && [ -z "$on" ] && ! marked; then
			bad "$2 at $1 $k$on: the store is not suspect"
		elif grep -q '^LIE' "$work/said"; then
			bad "$2 at $1 $k$on: $(grep '^LIE' "$work/said" | head -1)"
		else
			verified "$2 at $1 $k$on"
		fi
		k=$((k + $4))
	done
	echo "$2 at $1: up to call $k of each thread${on:+ and all that follow}"
}

# upgrades VERSION: a store of that version, stopped at step 1, 2, 3 ... of its
# opening, has everything the next time
upgrades()
{
	at=1
	while [ "$at" -le "$max" ]; do
		fresh
		"$programs/store_crash" old "$work/box/store" "$data/store-$1.sql" \
		    2>"$work/log" || { bad "old store: not made"; return; }
		SMX_CRASH_AT=$at "$programs/store_crash" upgrade \
		    "$work/box/store" >"$work/verdict" 2>"$work/log"
		status=$?
		case $status in
		0) ok; return ;;
		100) if "$programs/store_crash" upgrade "$work/box/store" \
			>"$work/verdict" 2>"$work/log"; then
			ok
		     else
			bad "upgrade stopped at $at: $(head -1 "$work/verdict")"
		     fi ;;
		*) bad "upgrade, stop $at: exit status $status"; return ;;
		esac
		at=$((at + 1))
	done
}

# caught WHAT COMMAND: the checks must fail for a planted fault
caught()
{
	was=$failed
	quiet=1
	"$2" "$3" >/dev/null
	quiet=
	found=$((failed - was))
	failed=$was
	if [ "$found" -gt 0 ]; then
		ok
		echo "planted fault found: $1 ($found times)"
	else
		bad "planted fault not found: $1"
	fi
}

stops store_crash
echo "stopped at $((at - 1)) steps"
for version in 1 2 3; do
	upgrades "$version"
	echo "upgrade from version $version stopped at $((at - 1)) steps"
done
caught "told before COMMIT" stops store_crash_tell
if command -v strace >/dev/null; then
	order store_crash
	caught "no sync" order store_crash_nofsync
	order_net store_crash
	caught "rows let go before the slice is synced" order_net \
	    store_crash_unsynced
	inject fsync,fdatasync EIO dead 1
	inject pwrite64 EIO dead "$stride"
	for on in "" +; do
		inject pwrite64 ENOSPC alive "$stride" "$on"
		inject write,ftruncate ENOSPC alive $((stride / 2 + 1)) "$on"
	done
	inject fallocate ENOSPC alive 1 +
	inject fsync,fdatasync ENOSPC dead 8
else
	bad "strace is missing"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
