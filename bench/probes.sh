#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What it costs to know whether primary MX hosts are up: a daemon that is the
# secondary of many domains on some hosts, beside the same daemon without them.
#
#	bench/probes.sh [BUILD [SECONDS]]
#
# BUILD is build-plain when not said, SECONDS (60) how long each is watched;
# DOMAINS (10000), HOSTS (50, at most 250).  With the default intervals; the
# hosts are addresses of loopback, answered by one smtp-sink.  Needs root.
HERE=$(cd "$(dirname "$0")/../test/mta" && pwd)
: "${SMX_BUILD:=$(cd "${1:-$HERE/../../build-plain}" && pwd)}"
export SMX_BUILD
. "$HERE/lib.sh"
pf_private_net sh "$0" "$@"
watched=${2:-60}
: "${DOMAINS:=10000}" "${HOSTS:=50}"
HEARTBEAT=30s TAKEOVER_AFTER=1h

policies() {
	awk -v domains="$DOMAINS" -v hosts="$HOSTS" -v port="$sink" 'BEGIN {
	print "policies = ("
	for (h = 1; h <= hosts; h++) {
		printf "%s{ name = \"p%d\"; match = { domains = (", (h > 1 ? ",\n" : ""), h
		sep = ""
		for (d = h; d <= domains; d += hosts) {
			printf "%s\"d%d.test.invalid\"", sep, d
			sep = ","
		}
		printf "); }; backup = { while_up = \"accept\"; primary = ( \"[127.0.1.%d]:%d\" ); }; }", h, port
	}
	print ");\nbackup = { mx_watch = \"0s\"; };" }'
}

# Nobody else connects to anybody here.
connections() { awk '/^Tcp: [0-9]/ { print $7 }' /proc/net/snmp; }

cpu_of() { # seconds of the whole daemon
	for pid in $(daemon_family a); do
		sed 's/.*) //' "/proc/$pid/stat"
	done | awk -v hz="$(getconf CLK_TCK)" \
	    '{ s += $12 + $13 + $14 + $15 } END { printf "%.2f", s / hz }'
}

all_up() {
	ctl a --json status | jq -e --argjson n "$DOMAINS" '.backup.up == $n' >/dev/null
}

# watch NAME: percent of a core
watch() {
	from=$(cpu_of) was=$(connections)
	sleep "$watched"
	to=$(cpu_of) is=$(connections)
	percent=$(awk "BEGIN { printf \"%.2f\", 100 * ($to - $from) / $watched }")
	say "$1: $percent % of a core, $((${is:-0} - ${was:-0})) probes in $watched s"
}

lab_begin probes
if why=$(lab_skip); then
	say "SKIP: $why"
	exit 77
fi
sink=$(pf_port)
smtp-sink -u nobody "0.0.0.0:$sink" 500 >"$LAB/sink.out" 2>&1 &
LAB_PIDS="$LAB_PIDS $!"
need "hosts" host_make a b
need "a host" host_start a
sleep 5
watch "without"
without=$percent
daemon_stop a
host_conf a "" "$(policies)"
need "the daemon" daemon_start a
need "all known to be up" wait_for 30 all_up
sleep 5
watch "$DOMAINS domains on $HOSTS hosts"
awk "BEGIN { more = $percent - $without
    printf \"probes: %.2f %% of a core (at most 1)\n\", more
    exit more > 1 }" || {
	say "0 passed, 1 failed"
	exit 1
}
say "1 passed, 0 failed"
