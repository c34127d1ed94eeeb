#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What shadowing costs, on this machine, in one run:
#
#	bench/run.sh [ROUNDS] [BUILD]
#	bench/run.sh cutthrough [ROUNDS] [BUILD]	delivery while the client
#							waits: cutthrough.sh
#
# Interleaved rounds of plain Postfix, Postfix with a milter that does nothing,
# and Postfix with a shadow on a second local host.  Figures mean something only
# beside each other: every table has its yardstick in it.  Needs root and a
# build (default: build-plain); all traffic stays in a network namespace.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
[ "${1:-}" != cutthrough ] || exec "$here/bench/cutthrough.sh" "${@:2}"
# shellcheck disable=SC1091
. "$here/test/mta/lib-postfix.sh"
pf_private_net "$0" "$@"
rounds=${1:-3}
build=$(cd "${2:-$here/build-plain}" && pwd) || exit 64
work=$(mktemp -d /var/tmp/shadowmx-bench.XXXXXX) || exit 1
chmod 755 "$work"
pids=()

finish() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	for i in plain noop shadow; do pf_stop "$work/$i"; done
	wait 2>/dev/null
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
	echo "bench: $*" >&2
	tail -n 20 "$work"/*.log >&2 2>/dev/null
	exit 1
}

cc_bench() { # NAME LIBS...
	local name=$1
	shift
	gcc -O2 -o "$work/$name" "$here/bench/$name.c" "$@" || fail "cannot build $name"
}

# CPU seconds used so far by a process, its living children and all it reaped.
cpu_tree() {
	local pid=$1 sum rest
	[ -r "/proc/$pid/stat" ] || { echo 0; return; }
	sum=$(sed 's/.*) //' "/proc/$pid/stat" |
	    awk -v hz="$(getconf CLK_TCK)" '{ print ($12+$13+$14+$15)/hz }')
	for rest in $(pgrep -P "$pid"); do
		sum="$sum $(cpu_tree "$rest")"
	done
	echo "$sum" | awk '{ for (i = 1; i <= NF; i++) s += $i; print s }'
}

rss_tree() {
	local pid=$1 c
	awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null
	for c in $(pgrep -P "$pid"); do rss_tree "$c"; done
}

drained() { # INSTANCE
	[ -z "$(find "$work/$1/spool/incoming" "$work/$1/spool/active" \
	    "$work/$1/spool/deferred" -type f -print -quit)" ]
}

node_conf() { # NAME PORT OTHER OTHERPORT OTHERPIN INSTANCE SOCKET
	cat <<END
node = "$1.bench.invalid";
user = "nobody";
run_directory = "$work/run-$1";
milter = { listen = "unix:$7"; group = "postfix"; };
mta = { kind = "postfix"; config_directory = "$work/$6/etc";
        queue_directory = "$work/$6/spool"; submit = "127.0.0.1:9"; };
store = { path = "$work/store-$1"; };
peers = { listen = "127.0.0.1:$2"; key = "$work/$1.key";
          members = ( { name = "$3.bench.invalid"; address = "127.0.0.1:$4";
                        pin = "$5"; } ); };
log = { to = "stderr"; };
defaults = { acknowledge = { when = ( "shadowed" ); max_delay = "10s";
             when_unprotected = "tempfail"; }; };
END
}

make_hosts() {
	local ctl=$build/src/shadowmxctl n pin_a pin_b
	for n in a b; do
		"$ctl" key generate "$work/$n.key" >/dev/null || fail "key"
		chown nobody "$work/$n.key"
		mkdir "$work/store-$n" "$work/run-$n"
		chown nobody "$work/store-$n" "$work/run-$n"
	done
	pin_a=$("$ctl" key show "$work/a.key")
	pin_b=$("$ctl" key show "$work/b.key")
	node_conf a 8901 b 8902 "$pin_b" shadow "$work/sock/a" >"$work/a.conf"
	node_conf b 8902 a 8901 "$pin_a" plain "$work/sock/b" >"$work/b.conf"
	for n in a b; do
		"$build/src/shadowmxd" -c "$work/$n.conf" >"$work/$n.log" 2>&1 &
		pids+=($!)
		eval "daemon_$n=$!"
	done
	pf_wait 15 test -S "$work/sock/a" || fail "no milter socket"
	pf_wait 15 "$ctl" -c "$work/a.conf" status || sleep 2
}

echo "building the load generator"
cc_bench load
cc_bench floor
cc_bench noop-milter -lmilter -lpthread
mkdir -m 755 "$work/sock" && chown postfix "$work/sock"
smtp-sink -u postfix 127.0.0.1:8800 500 2>/dev/null &
pids+=($!)
"$work/noop-milter" "unix:$work/sock/noop" &
pids+=($!)
pf_wait 5 test -S "$work/sock/noop"
chmod 777 "$work/sock/noop"
common=("relayhost = [127.0.0.1]:8800" "smtpd_client_connection_count_limit = 0"
    "smtpd_client_connection_rate_limit = 0" "milter_default_action = tempfail"
    "default_process_limit = 600")
pf_make "$work/plain" bench-plain 8825 "${common[@]}"
pf_make "$work/noop" bench-noop 8826 "${common[@]}" \
    "smtpd_milters = unix:$work/sock/noop"
pf_make "$work/shadow" bench-shadow 8827 "${common[@]}" \
    "smtpd_milters = unix:$work/sock/a"
for i in plain noop shadow; do
	mkdir -p "$work/$i/spool/shadowmx"
	chown postfix "$work/$i/spool/shadowmx"
	pf_start "$work/$i" || fail "Postfix $i does not start"
done
make_hosts
declare -A port=([plain]=8825 [noop]=8826 [shadow]=8827)
declare -A cpu_mta cpu_ours count_shadow

one() { # INSTANCE SESSIONS MESSAGES BYTES
	local i=$1 line before_m before_a before_b master
	master=$(pf_pid "$work/$i")
	before_m=$(cpu_tree "$master")
	before_a=$(cpu_tree "$daemon_a") before_b=$(cpu_tree "$daemon_b")
	line=$("$work/load" 127.0.0.1 "${port[$i]}" "$2" "$3" "$4") ||
	    fail "load on $i"
	pf_wait 120 drained "$i" || fail "$i does not drain"
	echo "$i $2 $4 $line $(cpu_tree "$master") $before_m \
$(cpu_tree "$daemon_a") $before_a $(cpu_tree "$daemon_b") $before_b" >>"$work/results"
}

shapes="20 1500 4096
1 200 4096
20 500 65536
1 100 65536"
# SESSIONS="100 500" in place of these: they take minutes to begin and to end.
if [ -n "${SESSIONS:-}" ]; then
	shapes=
	for n in $SESSIONS; do
		shapes="$shapes$n $((4 * n)) 4096
"
	done
	shapes=${shapes%?}
fi
for i in plain noop shadow; do "$work/load" 127.0.0.1 "${port[$i]}" 4 100 4096 >/dev/null; done
for round in $(seq "$rounds"); do
	echo "round $round of $rounds"
	while read -r sessions messages bytes; do
		for i in plain noop shadow; do one "$i" "$sessions" "$messages" "$bytes"; done
	done <<<"$shapes"
	"$work/floor" "$work" >>"$work/floors"
done

echo
echo "acknowledged messages per second, median of $rounds interleaved rounds; latency of the final dot in ms"
awk -v rounds="$rounds" '
function median(k,   n, i, j, t, v) {
	n = split(list[k], v, " ")
	for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++)
		if (v[j] + 0 < v[i] + 0) { t = v[i]; v[i] = v[j]; v[j] = t }
	return v[int((n + 1) / 2)]
}
{ k = $1 SUBSEP $2 SUBSEP $3
  list[k, "rate"] = list[k, "rate"] " " $6
  list[k, "p50"] = list[k, "p50"] " " $7
  list[k, "p99"] = list[k, "p99"] " " $8
  failed += $9; done[k] += $4; mta[k] += $10 - $11; a[k] += $12 - $13; b[k] += $14 - $15
  if (!(($2, $3) in seen)) { seen[$2, $3] = 1; order[++shapes] = $2 SUBSEP $3 } }
END {
  printf "%-9s %8s %9s %9s %9s %11s %11s %13s %13s %13s %13s\n", "sessions", "bytes", "plain",
    "no-op", "shadow", "shadow/noop", "shadow/plain", "noop p50 p99", "shadow p50 p99", "added p50", "added p99"
  for (s = 1; s <= shapes; s++) {
	split(order[s], f, SUBSEP)
	p = "plain" SUBSEP order[s]; n = "noop" SUBSEP order[s]; w = "shadow" SUBSEP order[s]
	printf "%-9s %8s %9.0f %9.0f %9.0f %11.2f %11.2f %6.2f %6.2f %6.2f %6.2f %13.2f %13.2f\n", f[1], f[2],
	    median(p SUBSEP "rate"), median(n SUBSEP "rate"), median(w SUBSEP "rate"),
	    median(w SUBSEP "rate") / median(n SUBSEP "rate"), median(w SUBSEP "rate") / median(p SUBSEP "rate"),
	    median(n SUBSEP "p50") / 1000, median(n SUBSEP "p99") / 1000,
	    median(w SUBSEP "p50") / 1000, median(w SUBSEP "p99") / 1000,
	    (median(w SUBSEP "p50") - median(n SUBSEP "p50")) / 1000,
	    (median(w SUBSEP "p99") - median(n SUBSEP "p99")) / 1000
  }
  print ""
  print "CPU milliseconds per message: Postfix beside our processes (primary, holder)"
  printf "%-9s %8s %14s %14s %14s %10s %10s\n", "sessions", "bytes", "Postfix plain", "Postfix noop", "Postfix shadow", "primary", "holder"
  for (s = 1; s <= shapes; s++) {
	split(order[s], f, SUBSEP)
	p = "plain" SUBSEP order[s]; n = "noop" SUBSEP order[s]; w = "shadow" SUBSEP order[s]
	printf "%-9s %8s %14.2f %14.2f %14.2f %10.2f %10.2f\n", f[1], f[2], mta[p] / done[p] * 1000,
	    mta[n] / done[n] * 1000, mta[w] / done[w] * 1000, a[w] / done[w] * 1000, b[w] / done[w] * 1000
  }
  if (failed) printf "\nnot acknowledged: %d\n", failed
}' "$work/results"
echo
awk '{ s += $1; t += $2; r += $3 } END { printf "floor: fdatasync of 4 KiB p50 %.2f ms p99 %.2f ms; loopback round trip p50 %.3f ms\n", s/NR/1000, t/NR/1000, r/NR/1000 }' "$work/floors"
printf 'resident memory, KiB: primary %s, holder %s\n' \
    "$(rss_tree "$daemon_a" | paste -sd+ | bc)" "$(rss_tree "$daemon_b" | paste -sd+ | bc)"
[ ! -x "$build/bench/policy" ] || {
	echo "policy with a table of a million recipients:"
	"$build/bench/policy"
}
