#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# damage.sh [FLIPS [CUTS [SEED]]]: the files of a closed store are harmed in one
# place, FLIPS times by a flipped bit and CUTS times by a cut (default 1000 and
# 4096), and the store is opened and compared with what was once stored.
#
# Nothing wrong may come back and nothing may be missing without a word; what is
# damaged is not listed as held and is replaced by the copy that its primary sends
# again; a store that cannot be opened says why (test/crash/store_damage.c).
# LOUD=1 shows each case.  STORE_DAMAGE names the program.
set -u
flips=${1:-1000} cuts=${2:-4096} seed=${3:-$(date +%s)}
program=${STORE_DAMAGE:-${builddir:-.}/test/crash/store_damage}
[ -x "$program" ] || {
	echo "no $program"
	exit 77
}
work=$(mktemp -d "${TMPDIR:-/tmp}/damage.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
echo "seed $seed: $flips flips, $cuts cuts"
"$program" "$work/store" "$flips" "$cuts" "$seed"
