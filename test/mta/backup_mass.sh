#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A backup MX with much mail on hold for many domains of one primary MX, which comes
# back, takes twenty a second, puts off the rest, and falls over in between.
# "backup_mass.sh" has 200 messages; "backup_mass.sh 10000" so many, and tells what
# each part of it took, of whose processor.  What is put off is tried again after
# $BACKOFF: every two seconds the MTA offers all of it at once, and of twenty a second
# most are gone for that; Postfix' own five minutes leave them to what is new.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"

HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s RATE=40 RATE_MAX=200
: "${BACKOFF:=}"

# One question for all domains, and one look into a folder: who asks a hundred times
# has no processor left for those who are asked.
counted_are() { status_is a "backup.$1" "$2"; }
delivered_least() { at_least "$(sink_count)" "$1"; }

# The report of every domain.
all_books() { # "MEMBER N"...
	mass_n=0
	while [ $mass_n -lt "$domains" ]; do
		ctl a --json backup report "d$mass_n.$D" || return 1
		mass_n=$((mass_n + 1))
	done >"$LAB/reports"
	for mass_line; do
		is "$(jq -s --arg what "${mass_line% *}" \
		    'map(select(.what == "sums")[$what]) | add' "$LAB/reports")" \
		    "${mass_line#* }" || return 1
	done
}

# ---- what it takes ----

cpu_tree() { # PID: seconds of it, of its children and of all that have ended
	cpu_pids=$1 cpu_all=
	while [ -n "$cpu_pids" ]; do
		cpu_all="$cpu_all $cpu_pids"
		cpu_pids=$(for cpu_pid in $cpu_pids; do pgrep -P "$cpu_pid"; done)
	done
	for cpu_pid in $cpu_all; do
		sed 's/.*) //' "/proc/$cpu_pid/stat" 2>/dev/null
	done | awk -v hz="$(getconf CLK_TCK)" \
	    '{ s += $12 + $13 + $14 + $15 } END { printf "%.1f", s / hz }'
}

uptime_s() { cut -d ' ' -f 1 /proc/uptime; }

took() { # WHAT: since the last one
	took_now=$(uptime_s)
	took_cpu="$(cpu_tree "$(daemon_pid a)") $(cpu_tree "$(daemon_pid b)") $(cpu_tree \
	    "$(pf_pid "$LAB/a")") $(cpu_tree "$(pf_pid "$LAB/mx")")"
	echo "$1|$took_at|$took_now|$took_was|$took_cpu" |
	    awk -F '|' '{ split($4, was, " "); split($5, is, " ")
	    printf "%-34s %7.1f s; of a processor: a %.1f, b %.1f, its MTA %.1f, the primary %.1f\n",
	    $1, $3 - $2, is[1] - was[1], is[2] - was[2], is[3] - was[3],
	    is[4] < was[4] ? is[4] : is[4] - was[4] }'
	took_at=$took_now took_was=$took_cpu
}

mass_release() {
	domains=$((mass < 1000 ? 4 : 100))
	backup_ready
	[ -z "$BACKOFF" ] || need "its MTA's patience" pf_cf "$LAB/a" \
	    "minimal_backoff_time = $BACKOFF" "maximal_backoff_time = $BACKOFF"
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	took_at=$(uptime_s) took_was="0 0 0 0"
	need "mail to be sent" mail_send a --count "$mass" --kinds plain \
	    --sessions 4 --per-session 50 --domains $domains
	need "all acknowledged" is "$(acknowledged)" "$mass"
	took "all sent"
	need "all on hold" wait_for 60 eval 'is "$(find "$LAB/a/spool/hold" -type f |
	    wc -l)" "$mass"'
	need "them in the books" wait_for 30 counted_are held "$mass"
	took "all on hold, and in the books"
	need "twenty a second" pf_cf "$LAB/mx" "anvil_rate_time_unit = 1s" \
	    "smtpd_client_recipient_rate_limit = 20" \
	    "smtpd_client_event_limit_exceptions ="
	need "the primary again" mx_start
	need "a part of it" wait_for $((40 + mass / 10)) \
	    delivered_least $((mass / 4))
	took "a quarter delivered"
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	need "the others on hold again" wait_for $((30 + mass / 100)) \
	    counted_are queued 0
	need "some left" at_least "$(status a backup.held)" 1
	need "all of them in the books" all_books "taken $mass" "unaccounted 0"
	took "fallen, and the others put back"
	need "the primary once more" mx_start
	need "almost all of it" wait_for $((60 + mass / 5)) \
	    delivered_least $((mass * 9 / 10))
	took "nine tenths delivered"
	need "everything delivered, nothing damaged" \
	    ledger --wait 60 --least "$mass"
	took "all delivered"
	need "the books" wait_for 30 counted_are queued 0
	need "the books" wait_for 30 all_books "taken $mass" \
	    "delivered $mass" "held 0" "queued 0" "unaccounted 0"
	need "nothing twice but what fell with the primary" \
	    at_most "$(tally duplicated)" 20
	need "nobody told" no_bounce
	need "nothing left at the holder" wait_for 30 no_rows b
	took "the books and the shadows"
}

case ${1:-} in
[0-9]*)
	mass=$1
	: "${BACKOFF:=30s}"
	export BACKOFF
	pf_private_net sh "$0" "$mass"
	if why=$(lab_skip); then
		say "SKIP: $why"
		exit 77
	fi
	lab_run mass release
	exit
	;;
esac
mass=200
[ -n "${PF_NETNS:-}" ] || [ -z "${LAB_ONE:-}" ] || unshare -n true 2>/dev/null || {
	say "SKIP: no namespace to be alone in"
	exit 77
}
lab_main mass "$@"
