# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh disable=SC2034
#
# Sourced by tests of the programs without an MTA: claims, waiting, the end.  $W
# is the folder of the test and $W/log the daemon's log, $pid the daemon or empty.

# Looking for leaks needs ptrace, which the children refuse.
ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export ASAN_OPTIONS
passed=0 failed=0 pid=

end() {
	[ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
	wait 2>/dev/null
	[ -n "${KEEP:-}" ] || rm -rf "$W"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

# claim TEXT COMMAND...: a line and a count
claim() {
	claim_text=$1
	shift
	if "$@" >"$W/claim.out" 2>&1; then
		passed=$((passed + 1))
		echo "ok $claim_text"
	else
		failed=$((failed + 1))
		echo "FAIL $claim_text"
		sed 's/^/    /' "$W/claim.out" | tail -n 8
		[ -f "$W/log" ] && tail -n 15 "$W/log" | sed 's/^/    log: /'
	fi
}

not() { ! "$@"; }

# within SECONDS COMMAND...: true as soon as COMMAND is; a machine that is busy may
# take four times as long
within() {
	within_left=$(($1 * 80))
	shift
	while ! "$@" >/dev/null 2>&1; do
		within_left=$((within_left - 1))
		[ $within_left -gt 0 ] || return 1
		sleep 0.05
	done
}

status_is() { # STATUS COMMAND...
	status_want=$1
	shift
	"$@"
	status_got=$?
	echo "exit status $status_got, not $status_want"
	[ $status_got = "$status_want" ]
}

says() { # TEXT COMMAND...: on either output
	says_text=$1
	shift
	"$@" >"$W/says.out" 2>&1
	cat "$W/says.out"
	grep -qF -e "$says_text" "$W/says.out"
}

# Outside of the range that the kernel gives to others.
free_port() {
	for try in 1 2 3 4 5 6 7 8 9; do
		n=$(($(od -An -N2 -tu2 /dev/urandom) % 20000 + 11000))
		ss -Hltn "sport = :$n" | grep -q . || {
			echo "$n"
			return 0
		}
	done
	return 1
}
