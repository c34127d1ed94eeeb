#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What it costs to deliver a message to its next hop while the client waits, in
# one run:
#
#	bench/run.sh cutthrough [ROUNDS] [BUILD]
#
# Interleaved rounds of
#
#	plain	Postfix: queue, then relay
#	proxy	Postfix with smtpd_proxy_filter straight to the next hop
#	exim	Exim with cutthrough_delivery
#	discard	Postfix and a milter that answers DISCARD to everything and
#		delivers nothing: no milter that delivers can be quicker
#	ours	Postfix and shadowmxd with when = ("delivered", ...)
#
# all to the same smtp-sink.  Figures mean something only beside each other.  Needs
# root and a build (default: build-plain).  Exim is Debian's exim4-daemon-light,
# downloaded and unpacked, never installed; or EXIM is a folder in which it is
# unpacked already.  SETUPS: which of them; SHAPES: lines "SESSIONS MESSAGES
# BYTES".
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck disable=SC1091
. "$here/test/mta/lib-postfix.sh"
[ -n "${PF_NETNS:-}" ] || fetched=1
work=${CUTTHROUGH_WORK:-$(mktemp -d /var/tmp/shadowmx-bench.XXXXXX)} || exit 1
chmod 755 "$work"
export CUTTHROUGH_WORK=$work
: "${SETUPS:=plain proxy exim discard ours}"
: "${SHAPES:=20 1500 4096
100 2000 4096
20 500 65536
100 600 65536}"
pids=()

finish() {
	local p
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	for p in plain proxy discard ours; do pf_stop "$work/$p"; done
	wait 2>/dev/null
	rm -rf "$work"
}

fail() {
	echo "bench: $*" >&2
	tail -n 20 "$work"/*.log "$work"/exim/log/* >&2 2>/dev/null
	exit 1
}

# Before the network is gone.
exim_get() {
	mkdir -p "$work/unpacked" && cd "$work/unpacked" || return 1
	apt-get download -qq exim4-daemon-light exim4-base libidn12 \
	    >/dev/null 2>&1 || return 1
	for p in ./*.deb; do dpkg -x "$p" "$work/unpacked" || return 1; done
	cd / || return 1
}

if [ -n "${fetched:-}" ]; then
	trap finish EXIT
	case " $SETUPS " in
	*" exim "*)
		[ -n "${EXIM:-}" ] || {
			exim_get || fail "no exim4-daemon-light to be had"
			export EXIM=$work/unpacked
		}
		;;
	esac
	trap - EXIT
fi
pf_private_net "$0" "$@"
trap finish EXIT
trap 'exit 1' INT TERM
rounds=${1:-3}
build=$(cd "${2:-$here/build-plain}" && pwd) || exit 64

declare -A port=([plain]=8825 [proxy]=8826 [exim]=8827 [discard]=8828 [ours]=8829)

cc_bench() { # NAME LIBS...
	local name=$1
	shift
	gcc -O2 -o "$work/$name" "$here/bench/$name.c" "$@" || fail "cannot build $name"
}

postfix_make() { # NAME LINE...
	local name=$1
	shift
	pf_make "$work/$name" "bench-$name" "${port[$name]}" \
	    "relayhost = [127.0.0.1]:8800" \
	    "smtpd_client_connection_count_limit = 0" \
	    "smtpd_client_connection_rate_limit = 0" \
	    "milter_default_action = tempfail" "default_process_limit = 600" \
	    "local_header_rewrite_clients =" "in_flow_delay = 0" "$@"
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

# The MTA, the milter, the next hop.
cpu_now() { # SETUP
	case $1 in
	exim) cpu_tree "$exim_pid" ;;
	*) cpu_tree "$(pf_pid "$work/$1")" ;;
	esac
	case $1 in
	discard) cpu_tree "$discard_pid" ;;
	ours) cpu_tree "$ours_pid" ;;
	*) echo 0 ;;
	esac
	cpu_tree "$sink_pid"
}

exim_conf() {
	cat <<END
exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = exim.bench.invalid
spool_directory = $work/exim/spool
log_file_path = $work/exim/log/%slog
pid_file_path = $work/exim/pid
local_interfaces = <; 127.0.0.1
daemon_smtp_ports = ${port[exim]}
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 500
queue_run_in_order = false
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  accept control = cutthrough_delivery
begin routers
next:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = next
begin transports
next:
  driver = smtp
  port = 8800
  allow_localhost
END
}

# Its user is looked up by name and is on no machine where it is not installed:
# it sees a password file of its own.
exim_start() {
	local exim=$EXIM/usr/sbin/exim4
	[ -x "$exim" ] || fail "no $exim"
	mkdir -p "$work/exim/spool" "$work/exim/log"
	{ cat /etc/passwd; getent passwd Debian-exim >/dev/null ||
	    echo "Debian-exim:x:997:997::$work/exim:/usr/sbin/nologin"; } >"$work/exim/passwd"
	{ cat /etc/group; getent group Debian-exim >/dev/null ||
	    echo "Debian-exim:x:997:"; } >"$work/exim/group"
	chown -R "$(awk -F: '/^Debian-exim:/ { print $3 ":" $4 }' "$work/exim/passwd")" \
	    "$work/exim"
	exim_conf >"$work/exim.conf"
	LD_LIBRARY_PATH=$EXIM/usr/lib/$(gcc -dumpmachine) unshare -m sh -c '
	    mount --make-rprivate / &&
	    mount --bind "$1/passwd" /etc/passwd &&
	    mount --bind "$1/group" /etc/group && shift && exec "$@"' sh \
	    "$work/exim" "$exim" -bdf -C "$work/exim.conf" >"$work/exim.log" 2>&1 &
	pids+=($!)
	exim_pid=$!
	pf_wait 10 sh -c "ss -Hltn 'sport = :${port[exim]}' | grep -q ." ||
	    fail "Exim does not start"
}

ours_start() {
	cat >"$work/ours.conf" <<END
node = "ours.bench.invalid";
user = "nobody";
run_directory = "$work/run";
milter = { listen = "unix:$work/sock/ours"; group = "postfix"; };
mta = { kind = "postfix"; config_directory = "$work/ours/etc";
        queue_directory = "$work/ours/spool"; submit = "127.0.0.1:9"; };
store = { path = "$work/store"; };
peers = { listen = ""; key = "$work/node.key"; };
log = { to = "stderr"; };
delivery = { max_held = 500; max_held_client = 500; connections = 200; };
defaults = { acknowledge = { when = ( "delivered" ); max_delay = "20s";
             next_hop = "smtp:[127.0.0.1]:8800"; when_unprotected = "tempfail"; }; };
END
	mkdir "$work/store" "$work/run"
	"$build/src/shadowmxctl" key generate "$work/node.key" >/dev/null ||
	    fail "no key"
	chown nobody "$work/node.key"
	chown nobody "$work/store" "$work/run"
	"$build/src/shadowmxd" -c "$work/ours.conf" >"$work/ours.log" 2>&1 &
	pids+=($!)
	ours_pid=$!
	pf_wait 15 test -S "$work/sock/ours" || fail "no milter socket"
}

echo "building the load generator"
cc_bench load
cc_bench noop-milter -lmilter -lpthread
mkdir -p -m 755 "$work/sock" && chown postfix "$work/sock"
smtp-sink -u postfix 127.0.0.1:8800 1000 2>/dev/null &
pids+=($!)
sink_pid=$!
for i in $SETUPS; do
	case $i in
	plain) postfix_make plain ;;
	proxy)
		postfix_make proxy
		echo "    -o smtpd_proxy_filter=127.0.0.1:8800" >"$work/option"
		sed -i "1r $work/option" "$work/proxy/etc/master.cf"
		;;
	discard)
		"$work/noop-milter" "unix:$work/sock/discard" discard &
		pids+=($!)
		discard_pid=$!
		pf_wait 5 test -S "$work/sock/discard"
		chmod 777 "$work/sock/discard"
		postfix_make discard "smtpd_milters = unix:$work/sock/discard"
		;;
	ours)
		postfix_make ours "smtpd_milters = unix:$work/sock/ours"
		mkdir -p "$work/ours/spool"
		;;
	exim) exim_start ;;
	*) fail "no set-up $i" ;;
	esac
	[ "$i" = exim ] || pf_start "$work/$i" || fail "Postfix $i does not start"
	[ "$i" != ours ] || ours_start
done

drained() { # SETUP
	local queue=("$work/$1/spool/incoming" "$work/$1/spool/active" "$work/$1/spool/deferred")
	[ "$1" != exim ] || queue=("$work/exim/spool/input")
	[ -z "$(find "${queue[@]}" -type f -print -quit)" ]
}

# How many were delivered before their 250, as its log has it.
direct() { # SETUP
	case $1 in
	exim) grep -c ' >> ' "$work/exim/log/mainlog" ;;
	discard | ours) grep -c milter-discard "$work/$1/mail.log" ;;
	proxy) grep -c 'proxy-accept: END-OF-MESSAGE' "$work/proxy/mail.log" ;;
	*) echo 0 ;;
	esac
}

one() { # SETUP SESSIONS MESSAGES BYTES
	local line before cpu
	before=$(direct "$1")
	cpu=$(cpu_now "$1" | paste -sd' ')
	line=$("$work/load" 127.0.0.1 "${port[$1]}" "$2" "$3" "$4") ||
	    fail "load on $1"
	pf_wait 120 drained "$1" || fail "$1 does not drain"
	echo "$1 $2 $4 $line $(($(direct "$1") - before))" \
	    "$cpu $(cpu_now "$1" | paste -sd' ')" >>"$work/results"
}

for i in $SETUPS; do
	"$work/load" 127.0.0.1 "${port[$i]}" 4 100 4096 >/dev/null ||
	    fail "load on $i"
done
for round in $(seq "$rounds"); do
	echo "round $round of $rounds"
	while read -r sessions messages bytes; do
		for i in $SETUPS; do one "$i" "$sessions" "$messages" "$bytes"; done
	done <<<"$SHAPES"
done

echo
echo "acknowledged messages per second, median of $rounds interleaved rounds"
awk -v setups="$SETUPS" '
function median(k,   n, i, j, t, v) {
	n = split(list[k], v, " ")
	for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++)
		if (v[j] + 0 < v[i] + 0) { t = v[i]; v[i] = v[j]; v[j] = t }
	return n == 0 ? 0 : v[int((n + 1) / 2)]
}
function over(s, a, b,   n, d) {
	n = median(a SUBSEP s SUBSEP "rate"); d = median(b SUBSEP s SUBSEP "rate")
	return n == 0 || d == 0 ? "-" : sprintf("%.2f", n / d)
}
{ k = $1 SUBSEP $2 SUBSEP $3
  list[k, "rate"] = list[k, "rate"] " " $6
  list[k, "p50"] = list[k, "p50"] " " $7
  list[k, "p99"] = list[k, "p99"] " " $8
  failed[$1] += $9; done[$1] += $4; direct[$1] += $10; n_of[k] += $4
  for (i = 1; i <= 3; i++) cpu[k, i] += $(13 + i) - $(10 + i)
  if (!(($2, $3) in seen)) { seen[$2, $3] = 1; order[++shapes] = $2 SUBSEP $3 } }
END {
  n = split(setups, name, " ")
  printf "%-9s %8s", "sessions", "bytes"
  for (i = 1; i <= n; i++) printf " %9s", name[i]
  printf " %10s %13s %13s %11s %11s\n", "ours/exim", "discard/exim", "ours/discard", "ours/proxy", "ours/plain"
  for (s = 1; s <= shapes; s++) {
	split(order[s], f, SUBSEP)
	printf "%-9s %8s", f[1], f[2]
	for (i = 1; i <= n; i++) printf " %9.0f", median(name[i] SUBSEP order[s] SUBSEP "rate")
	printf " %10s %13s %13s %11s %11s\n", over(order[s], "ours", "exim"), over(order[s], "discard", "exim"),
	    over(order[s], "ours", "discard"),
	    over(order[s], "ours", "proxy"), over(order[s], "ours", "plain")
  }
  print "\nlatency of the final dot, ms: p50 p99"
  printf "%-9s %8s", "sessions", "bytes"
  for (i = 1; i <= n; i++) printf " %17s", name[i]
  print ""
  for (s = 1; s <= shapes; s++) {
	split(order[s], f, SUBSEP)
	printf "%-9s %8s", f[1], f[2]
	for (i = 1; i <= n; i++) printf " %8.2f %8.2f", median(name[i] SUBSEP order[s] SUBSEP "p50") / 1000,
	    median(name[i] SUBSEP order[s] SUBSEP "p99") / 1000
	print ""
  }
  print "\nCPU milliseconds per message: MTA + milter + next hop"
  printf "%-9s %8s", "sessions", "bytes"
  for (i = 1; i <= n; i++) printf " %17s", name[i]
  print ""
  for (s = 1; s <= shapes; s++) {
	split(order[s], f, SUBSEP)
	printf "%-9s %8s", f[1], f[2]
	for (i = 1; i <= n; i++) {
		k = name[i] SUBSEP order[s]
		printf "  %4.2f+%4.2f+%4.2f ", cpu[k, 1] / n_of[k] * 1000, cpu[k, 2] / n_of[k] * 1000, cpu[k, 3] / n_of[k] * 1000
	}
	print ""
  }
  print "\nof all messages, delivered (discarded) before their 250"
  for (i = 1; i <= n; i++) if (name[i] != "plain")
	printf "  %-8s %d of %d%s\n", name[i], direct[name[i]], done[name[i]],
	    failed[name[i]] ? sprintf(", %d not acknowledged", failed[name[i]]) : ""
}' "$work/results"
