#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# powercut.sh [CUTS [NORMAL_CUTS [SEED]]]: the store against real power cuts.
#
# A guest (User Mode Linux: no KVM, no root) with the store on an ext4 disk of its
# own writes from four threads and says each promise on its console.  At a random
# moment all its processes are killed, and with them all that its kernel had not
# yet written to the disk.  The next boot compares the store with what was
# promised, and writes on.  A disk is used for ten cuts.
#
# CUTS (default 10) times with the store as it is: nothing may be lost, no end
# undone.  NORMAL_CUTS (default 2) times with PRAGMA synchronous=NORMAL in place of
# FULL: something must be lost, or the test could not see it.
#
# POWERCUT names the folder of the programs guest and guest_normal, which must be
# built without sanitizers; UML the kernel.
set -u
cuts=${1:-10} normal=${2:-2} seed=${3:-$(($(date +%s) % 100000))}
programs=$(cd "${POWERCUT:-${builddir:-.}/test/powercut}" && pwd) || exit 77
kernel=${UML:-$(command -v linux.uml)}
[ -x "$kernel" ] || {
	echo "no User Mode Linux here (package user-mode-linux)"
	exit 77
}
PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d "${TMPDIR:-/tmp}/powercut.XXXXXX") || exit 1
guest=
RANDOM=$((seed % 32768))

cleanup() {
	[ -z "$guest" ] || kill -KILL -- "-$guest" 2>/dev/null
	[ -n "${KEEP:-}" ] && echo "kept: $work" || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

new_disk() {
	rm -f "$work/disk" "$work/said"
	truncate -s 128M "$work/disk" && : >"$work/said" &&
	    mkfs.ext4 -q -F "$work/disk"
}

# boot PROGRAM: in a process group of its own
boot() {
	: >"$work/console"
	# The memory of a guest is a file in TMPDIR.
	setsid env TMPDIR="$work" "$kernel" mem=160M ro root=/dev/root \
	    rootfstype=hostfs rootflags=/ ubd0="$work/disk" con=null \
	    con0=null,fd:1 quiet loglevel=1 "init=$programs/$1" \
	    POWERCUT_DISK=/dev/ubda "POWERCUT_FOLDER=$work/mnt" \
	    "POWERCUT_SAID=$work/said" "POWERCUT_SEED=$RANDOM" \
	    </dev/null >>"$work/console" 2>"$work/kernel" &
	guest=$!
}

# until_said WORD: the guest is as far; 1: it has ended, or never comes so far
until_said() {
	local i
	for ((i = 0; i < 2400; i++)); do
		grep -q "^$1" "$work/console" && return 0
		kill -0 "$guest" 2>/dev/null || return 1
		sleep 0.05
	done
	return 1
}

cut_power() {
	kill -KILL -- "-$guest" 2>/dev/null
	wait "$guest" 2>/dev/null
	guest=
	tr -d '\r' <"$work/console" >>"$work/said"
}

# Judged by the last boot: "lost undone wrong unexpected".
verdict() {
	sed -n 's/^JUDGED kept [0-9]* lost \([0-9]*\) undone \([0-9]*\) wrong \([0-9]*\) unexpected \([0-9]*\).*/\1 \2 \3 \4/p' \
	    "$work/console" | tail -n 1
}

# campaign PROGRAM CUTS: boot, write, cut; one boot more judges the last cut
campaign() {
	local program=$1 n=$2 i boots=0 l u w x
	acked=0 lost=0 undone=0 wrong=0 unexpected=0 stuck=0
	for ((i = 0; i < n || boots > 0; i++)); do
		if [ "$boots" = 0 ]; then new_disk || return 1; fi
		boot "$program"
		if ! until_said JUDGED; then
			stuck=$((stuck + 1))
			cut_power
			echo "   a guest that says nothing: $(tail -n 3 "$work/kernel" "$work/console" | tr '\n' ' ')"
			boots=0
			continue
		fi
		read -r l u w x < <(verdict)
		lost=$((lost + l)) undone=$((undone + u)) wrong=$((wrong + w))
		unexpected=$((unexpected + x))
		grep '^NOT' "$work/console" | head -n 3 | sed 's/^/   /'
		# Broken, ten times cut, or the last: with this disk it is over.
		if [ $((l + u + w + x)) != 0 ] || [ "$boots" = 10 ] ||
		    [ "$i" -ge "$n" ]; then
			cut_power
			[ "$boots" = 0 ] || i=$((i - 1))
			boots=0
			continue
		fi
		until_said WRITING || stuck=$((stuck + 1))
		sleep "$((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))"
		cut_power
		acked=$((acked + $(grep -cE '^(KEPT|AMENDED|CLAIMED|DROPPED) ' \
		    "$work/console")))
		boots=$((boots + 1))
	done
	echo "$program: cuts $n, acked $acked, lost $lost, undone $undone, wrong $wrong, unexpected $unexpected, stuck $stuck"
}

mkdir "$work/mnt"
echo "seed $seed"
passed=0 failed=0
if [ "$cuts" -gt 0 ]; then
	campaign guest "$cuts"
	if [ $((lost + undone + wrong + unexpected + stuck)) = 0 ] &&
	    [ "$acked" -gt $((cuts * 10)) ]; then
		passed=$((passed + cuts))
	else
		failed=$((failed + 1))
		echo "FAIL synchronous=FULL does not hold"
	fi
fi
if [ "$normal" -gt 0 ]; then
	# A cut right after a checkpoint finds nothing to lose: then once more.
	for _ in 1 2 3 4 5; do
		campaign guest_normal "$normal"
		[ $((lost + undone)) = 0 ] || break
	done
	if [ $((lost + undone)) != 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL synchronous=NORMAL was not found to lose anything"
	fi
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
