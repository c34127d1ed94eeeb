#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Calls of the library that fail, by number: the first, the second, and so on.
#
#	alloc.sh [N [PART...]]		builddir= says where the objects are
#
# memory	allocations, in what the library does (test/inject: configuration,
#		table, postcat, spill, fence book, marker, key, stores, two whole
#		hosts, one that delivers to next hops), SQLite's among them
# files		read, write, open, sync, send and their like, with EIO, ENOSPC,
#		EINTR and half of what was asked for, in the same
# pair		allocations of the core in the simulated world, whose judge says
#		whether anything was lost
# unit		allocations in every unit program: no crash, no sanitizer's word,
#		no leak in a test that passes.  Not in the short run; also
#		unit:NAME,...
#
# FLOW: of memory and files only this flow ("delivery").
# N (12): so many calls of each at most, spread evenly; 0: every one.  Each is
# tried alone, and with those that follow it.  Nothing may crash, leak or stay
# broken, and what was promised must be there.  Ends with counts and "N passed,
# M failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
builddir=${builddir:-$root/build-san}
builddir=$(cd "$builddir" && pwd) || exit 1
most=${1:-12}
[ $# = 0 ] || shift
[ $# != 0 ] || set -- memory files pair
work=$(mktemp -d /var/tmp/shadowmx-alloc.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
passed=0 failed=0 runs=0

setting() { # of the Makefile
	sed -n "s/^$1 = //p" "$builddir/Makefile"
}

foreign=
for lib in LIBCONFIG MMDB SQLITE OPENSSL LIBCURL MILTER CHECK JANSSON; do
	foreign="$foreign $(setting ${lib}_LIBS)"
done
flags="$(setting CFLAGS) $(setting SAN_FLAGS) -std=c11 -D_GNU_SOURCE -pthread
    -I$builddir -I$root/include -I$root/lib -I$here/inject -I$here/unit"

# The library with its calls renamed, and what they come to.
for lib in core io glue; do
	objcopy --redefine-syms="$here/inject/names" "$builddir/.libs/lib$lib.a" \
	    "$work/lib$lib.a" || exit 1
done
library="$work/libglue.a $work/libio.a $work/libcore.a"
for file in "$here"/inject/*.c "$here/unit/hop_server.c"; do
	# shellcheck disable=SC2086 # words
	${CC:-cc} $flags -c "$file" -o "$work/$(basename "$file" .c).o" || exit 1
done

link() { # NAME OBJECT...
	local name=$1
	shift
	# shellcheck disable=SC2086 # words
	${CC:-cc} $flags -o "$work/$name" "$@" $library $foreign -lresolv
}

# ---- flows ----

flows() { # KIND
	local out p f
	out=$("$work/flows" "$1" "$most" ${FLOW:-} 2>&1)
	echo "$out" | grep -v ' passed, '
	read -r p f < <(echo "$out" | sed -n 's/\([0-9]*\) passed, \([0-9]*\) failed/\1 \2/p')
	passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1}))
	runs=$((runs + $(echo "$out" | sed -n 's/.*calls, \([0-9]*\) runs.*/+ \1/p' |
	    tr -d '\n' | sed 's/^/0 /')))
}

part_memory() { flows memory; }

part_files() {
	local kind
	for kind in eio enospc eintr short; do flows $kind; done
}

# ---- the simulated world ----

# calls COMMAND...: how many allocations the longest of its processes makes
calls() {
	rm -f "$work/most"
	INJECT_MOST="$work/most" "$@" >/dev/null 2>&1
	od -An -tu8 "$work/most" | tr -d ' '
}

one_world() { # SEED AT COUNT
	runs=$((runs + 1))
	INJECT=$2,$3 timeout 120 "$work/pair" "$1" "$1" >"$work/out" 2>&1 &&
	    return
	echo "FAIL seed $1, INJECT=$2,$3: $(head -n 1 "$work/out")"
	grep -aE 'ERROR|SUMMARY' "$work/out" | head -n 3
	bad=1
}

part_pair() {
	local seed all at step bad
	link pair "$builddir"/test/pair/*.o "$work/inject.o" || exit 1
	for seed in 1 2 3 $(seq 4 $((most / 10))); do
		all=$(calls "$work/pair" "$seed" "$seed") bad=0
		step=$((most == 0 ? 1 : all / (2 * most) + 1))
		for ((at = 1 + seed % step; at <= all; at += step)); do
			one_world "$seed" $at 1
			one_world "$seed" $at 30
		done
		if [ $bad = 0 ]; then
			passed=$((passed + 1))
			echo "ok   pair, seed $seed: $all calls"
		else
			failed=$((failed + 1))
		fi
	done
}

# ---- unit programs ----

# A test that does not get what it asked for fails, which is no fault; one that
# waits for what now cannot come is ended by Check.
one_program() { # NAME AT
	runs=$((runs + 1))
	rm -rf "$work/log"
	mkdir "$work/log"
	INJECT=$2 ASAN_OPTIONS=log_path="$work/log/l" \
	    UBSAN_OPTIONS=log_path="$work/log/l" srcdir=$root \
	    timeout 120 "$work/$1" >"$work/out" 2>&1
	grep -aE 'Received signal|Early exit' "$work/out" >"$work/said" ||
	    grep -lE 'AddressSanitizer|runtime error' "$work"/log/* \
		>"$work/said" 2>/dev/null || return
	echo "FAIL $1, INJECT=$2"
	head -n 3 "$work/said"
	cat "$work"/log/* 2>/dev/null | grep -E 'ERROR|SUMMARY|#[0-9]+ .*lib/' |
	    head -n 8
	bad=1
}

part_unit() {
	local name all at step bad
	# One has such a loop of its own, one has loops that end only with
	# memory.
	for name in ${1:-$(cd "$builddir/test/unit" && ls check_* |
	    grep -v -e '[.]' -e check_session_memory -e check_wire)}; do
		link "$name" "$builddir/test/unit/"*"$name"-*.o "$work/inject.o" ||
		    exit 1
		all=$(srcdir=$root calls "$work/$name") bad=0
		# The first ones, which all tests have, and some of the others.
		step=$((most == 0 ? 1 : 2 * all / most + 1))
		for ((at = 1; at <= all; at += at < most / 2 ? 1 : step)); do
			one_program "$name" $at
		done
		if [ $bad = 0 ]; then
			passed=$((passed + 1))
			echo "ok   $name: $all calls"
		else
			failed=$((failed + 1))
		fi
		rm -f "${work:?}/$name"
	done
}

link flows "$work"/*.o || exit 1
for part; do
	names=
	case $part in *:*) names=$(echo "${part#*:}" | tr , ' ') ;; esac
	declare -F "part_${part%%:*}" >/dev/null || { echo "no part $part"; exit 64; }
	"part_${part%%:*}" "$names"
done
echo "$runs runs"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
