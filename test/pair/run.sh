#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh [SEEDS [FIRST]]: runs the pair tests with the seeds FIRST (1) and
# following, 1000 by default.  On failure it prints the seeds and the course of
# events of the first one.
set -u
seeds=${1:-1000}
first=${2:-1}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

pair=${PAIR:-$work/pair}
if [ ! -x "$pair" ]; then
	PAIR_OUT="$pair" "$here/build.sh" || exit 1
fi
"$pair" "$first" $((first + seeds - 1)) >"$work/out"
status=$?
if [ "$status" -ne 0 ]; then
	bad=$(sed -n '1s/^seed \([0-9]*\):.*/\1/p' "$work/out")
	if [ -n "$bad" ]; then
		echo "course of events of seed $bad:"
		PAIR_TRACE=1 "$pair" "$bad" "$bad" 2>&1 | tail -n 400
	fi
fi
cat "$work/out"
# Those that failed once, with every run.
sed -n 's/^\([0-9][0-9]*\) .*/\1/p' "$here/seeds" >"$work/seeds"
while read -r seed; do
	"$pair" "$seed" "$seed" >"$work/out" && continue
	sed -n '1p' "$work/out"
	status=1
done <"$work/seeds"
# Nothing is lost by the guard against resends.
if [ "$status" -eq 0 ]; then
	PAIR_GUARD=1 "$pair" "$first" $((first + seeds / 3)) >"$work/out"
	status=$?
	[ "$status" -eq 0 ] || grep '^seed' "$work/out"
	sed -n 's/^resends/with a guard: resends/p' "$work/out"
fi
# What fencing is good for.
if [ "$status" -eq 0 ]; then
	PAIR_FENCE=0 "$pair" "$first" $((first + seeds - 1)) >"$work/out"
	sed -n 's/.*, \(duplicates [0-9]*\)$/without fencing: \1/p' "$work/out"
fi
exit "$status"
