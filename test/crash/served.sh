#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# served.sh: end the book of who was served at every durable step; after each it
# must know all whom it was said to know, and nobody else.  Every promise has a
# sync before it, a new file one before it takes the old one's name.  Then the same
# checks must find a book that is never synced.
#
# STORE_CRASH names the folder of the two programs, served_crash and
# served_crash_nofsync.
set -u
programs=${STORE_CRASH:-./test/crash}
work=$(mktemp -d "${TMPDIR:-/tmp}/served_crash.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
# The leak check of a sanitized build cannot run under strace.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS
passed=0
failed=0

ok() { passed=$((passed + 1)); }
bad() {
	failed=$((failed + 1))
	echo "FAILED: $*"
}

fresh() {
	rm -rf "$work/book"
	mkdir -m 0700 "$work/book"
}

# A stop at step 1, 2, 3 ... until it gets through.
stops() {
	at=0
	status=100
	while [ "$status" = 100 ]; do
		at=$((at + 1))
		fresh
		SMX_CRASH_AT=$at "$programs/served_crash" run "$work/book" \
		    >"$work/said" 2>"$work/where"
		status=$?
		sed -n 's/^crash point [0-9]*: //p' "$work/where" >>"$work/points"
		if [ "$status" != 0 ] && [ "$status" != 100 ]; then
			bad "stop $at: exit status $status"
		elif "$programs/served_crash" verify "$work/book" "$work/said" \
		    >"$work/verdict" 2>&1; then
			ok
		else
			bad "$(cat "$work/where"): $(head -n 3 "$work/verdict")"
		fi
	done
	echo "stopped at $((at - 1)) steps"
}

# Each of its steps has been one of them.
all_points() {
	for point in served-write served-sync served-synced \
	    served-rewrite-sync served-rewrite-rename served-rewritten; do
		if grep -qx "$point" "$work/points"; then
			ok
		else
			bad "nothing was stopped at $point"
		fi
	done
}

# order PROGRAM: what is promised was synced, and what takes another's place
order() {
	fresh
	strace -f -y -s 16 -o "$work/trace" \
	    -e trace=write,writev,fsync,fdatasync,renameat,renameat2,rename \
	    "$programs/$1" run "$work/book" >"$work/said" 2>&1
	awk '
	/ write\([0-9]*<.*\/served>/ { dirty = 1 }
	/ write\([0-9]*<.*\/served\.new>/ { new = 1 }
	/ (fsync|fdatasync)\(.*\/served>/ { dirty = 0 }
	/ (fsync|fdatasync)\(.*\/served\.new>/ { new = 0 }
	/ (fsync|fdatasync)\(.*\/book>/ { renamed = 0 }
	/ rename/ { renames++; if (new) { lies++; print "renamed unsynced" }
	    renamed = 1 }
	/ writev\(1</ && /"OK / {
		n++
		if (dirty || renamed) { lies++; print "promised without a sync: " $0 }
	}
	END { print n + 0, "promises,", renames + 0, "renames,", lies + 0, "without a sync"
	      exit n < 30 || renames < 2 ? 2 : lies > 0 }' "$work/trace" >"$work/verdict"
}

stops
all_points
if command -v strace >/dev/null; then
	if order served_crash; then
		ok
	else
		bad "order: $(head -n 1 "$work/verdict")"
	fi
	tail -n 1 "$work/verdict"
	order served_crash_nofsync
	if [ $? = 1 ]; then
		ok
		echo "planted fault found: no sync ($(tail -n 1 "$work/verdict"))"
	else
		bad "planted fault not found: no sync"
	fi
else
	bad "strace is missing"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
