#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# mutants.sh [SEEDS]: plants each known fault in the core and demands that the
# pair tests find it.  Ends with "N passed, M failed".  A mutant that is caught
# is a pass.
set -u
seeds=${1:-1000}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
passed=0
failed=0
PAIR_OBJECTS=$work/objects
export PAIR_OBJECTS
mkdir "$PAIR_OBJECTS"

for mutant in ANSWER_BEFORE_COMMIT DISCARD_EARLY DISCARD_ON_ABSENT_HINT \
	KEY_IS_QUEUE_ID UNKNOWN_IS_FINISHED RANK_IGNORED SEEN_IGNORED \
	NOT_COPIED_AGAIN SESSIONS_LEFT_OUT BACK_UNSEEN RESEND_UNPROVEN; do
	guard=0
	[ "$mutant" != RESEND_UNPROVEN ] || guard=1
	if ! PAIR_OUT="$work/pair" "$here/build.sh" "-DMUTANT_$mutant"; then
		echo "$mutant: does not compile"
		failed=$((failed + 1))
		continue
	fi
	if PAIR_GUARD=$guard "$work/pair" 1 "$seeds" >"$work/out" 2>&1; then
		echo "$mutant: NOT caught in $seeds seeds"
		failed=$((failed + 1))
	else
		echo "$mutant: caught: $(grep -m 1 '^seed' "$work/out")"
		passed=$((passed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
