#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Odd mail and odd surroundings: what the day brings that flow.sh does not.
# Every scenario is a function odd_NAME with hosts of its own; "odd.sh NAME..."
# runs only these, "odd.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

HEARTBEAT=500ms TAKEOVER_AFTER=5s MAX_DELAY=20s

two_hosts() {
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b
}

# The same odd mail twice: through an smtpd without our milter, which is what
# host a alone would deliver, and shadowed.  Then a is gone for good, and what b
# delivers is compared with the first.
odd_same_bytes() {
	two_hosts
	plain_port=$(pf_port)
	# As from a client elsewhere: nothing is added to what it sent.
	pf_cf "$LAB/a" "local_header_rewrite_clients ="
	pf_master "$LAB/a" "127.0.0.1:$plain_port inet n - n - - smtpd" \
	    "    -o smtpd_milters="
	need "hosts that see each other" hosts_start
	sink_control
	need "odd mail past the milter" \
	    $PYTHON "$TOOL/oddmail.py" send "$plain_port" "$LAB/expected"
	need "it delivered" wait_for 30 queue_is_empty a
	mkdir "$SINK/plain"
	mv "$SINK"/*.json "$SINK"/*.eml "$SINK/plain"
	sink_control pause
	need "odd mail through it" \
	    $PYTHON "$TOOL/oddmail.py" send "$(port_of a)" "$LAB/answers"
	need "the same answers" cmp "$LAB/expected" "$LAB/answers"
	need "a shadow of each" rows_are b "$(grep -c ' 250$' "$LAB/answers")"
	need "nothing unprotected" status_is a own.unprotected 0
	host_lose a
	sink_control
	need "a takeover" wait_for 30 no_rows b
	need "the same bytes and the same envelopes" \
	    $PYTHON "$TOOL/oddmail.py" compare "$SINK/plain" "$SINK"
}

# What is one message for host a is one for host b: every end of data that was
# ever taken for one, under each setting for bare newlines, and every byte in
# every part of an envelope.
odd_one_in_one_out() {
	two_hosts
	pf_cf "$LAB/a" "local_header_rewrite_clients =" \
	    "smtpd_soft_error_limit = 10000" "smtpd_hard_error_limit = 10000"
	smuggle_plain= smuggle_ours=
	for smuggle_mode in no normalize reject; do
		for smuggle_milter in plain ours; do
			smuggle_port=$(pf_port)
			smuggle_to=$smuggle_mode:$smuggle_port
			if [ $smuggle_milter = plain ]; then
				smuggle_plain="$smuggle_plain $smuggle_to"
				smuggle_option="-o smtpd_milters="
			else
				smuggle_ours="$smuggle_ours $smuggle_to"
				smuggle_option="-o smtpd_helo_required=no"
			fi
			pf_master "$LAB/a" \
			    "127.0.0.1:$smuggle_port inet n - n - - smtpd" \
			    "    -o smtpd_forbid_bare_newline=$smuggle_mode" \
			    "    -o smtpd_forbid_bare_newline_exclusions=" \
			    "    $smuggle_option"
		done
	done
	need "hosts that see each other" hosts_start
	sink_control
	# shellcheck disable=SC2086
	need "it past the milter" \
	    $PYTHON "$TOOL/smugmail.py" send "$LAB/expected" $smuggle_plain
	need "it delivered" wait_for 60 queue_is_empty a
	mkdir "$SINK/plain"
	mv "$SINK"/*.json "$SINK"/*.eml "$SINK/plain"
	sink_control pause
	# shellcheck disable=SC2086
	need "it through the milter" \
	    $PYTHON "$TOOL/smugmail.py" send "$LAB/answers" $smuggle_ours
	need "the same answers" cmp "$LAB/expected" "$LAB/answers"
	need "a CR in an address refused" \
	    $PYTHON "$TOOL/smugmail.py" cr "$(port_of a)"
	need "nothing unprotected" status_is a own.unprotected 0
	host_lose a
	sink_control
	need "a takeover" wait_for 60 no_rows b
	need "as many messages, the same bytes, the same envelopes" \
	    $PYTHON "$TOOL/smugmail.py" compare "$SINK/plain" "$SINK"
}

# Debian's mail log belongs to root and is for the group adm alone.
odd_mail_log_of_a_group() {
	need "a next hop" sink_start
	sink_control reply=451:.
	need "hosts" host_make a b
	: >"$LAB/a/mail.log"
	chgrp adm "$LAB/a/mail.log"
	chmod 640 "$LAB/a/mail.log"
	TAKEOVER_AFTER=60s
	need "hosts that see each other" hosts_start
	need "the log to be readable" \
	    not grep mail-log-unreadable "$LAB/a/shadowmxd.log"
	need "mail to be sent" mail_send a --count 1 --kinds plain
	need "a shadow" rows_are b 1
	need "a first attempt" \
	    wait_for 10 grep -q status=deferred "$LAB/a/mail.log"
	postsuper -c "$LAB/a/etc" -r ALL 2>>"$LAB/a/start.log"
	postkick -c "$LAB/a/etc" public pickup W
	need "the requeue in the log" \
	    wait_for 10 grep -q 'orig_id=' "$LAB/a/mail.log"
	sink_control
	need "delivery" ledger --wait 20 --least 1
	need "the new id followed to its end" wait_for 20 no_rows b
	need "nothing open" wait_for 20 status_is a own.open 0
	need "nothing doubtful" status_is a own.doubtful 0
}

# Between hosts a socket takes what the window has room for, never everything.
odd_narrow_network() {
	TAKEOVER_AFTER=60s
	narrow_sizes=/proc/sys/net/ipv4/tcp_wmem
	[ -n "${PF_NETNS:-}" ] && [ -w $narrow_sizes ] || {
		say "SKIP: no network of its own here"
		exit 77
	}
	narrow_before=$(cat $narrow_sizes)
	two_hosts
	echo "4096 8192 8192" >$narrow_sizes
	need "hosts that see each other" hosts_start
	need "mail to be sent" mail_send a --count 2 --kinds big
	need "both acknowledged" is "$(acknowledged)" 2
	need "both shadowed" rows_are b 2
	need "nothing unprotected" status_is a own.unprotected 0
	echo "$narrow_before" >$narrow_sizes
	sink_control
	need "delivery" ledger --wait 30 --least 2
	need "nothing left at the holder" wait_for 20 no_rows b
}

# The primary forgets nothing and the holder keeps nothing, with deliveries so
# quick that looks and removals cross.
odd_nothing_stays() {
	TAKEOVER_AFTER=60s
	two_hosts
	sink_control
	need "hosts that see each other" hosts_start
	need "mail to be sent" \
	    mail_send a --count 600 --kinds plain --sessions 12
	need "delivery" ledger --wait 60 --least 600
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nothing open" wait_for 20 status_is a own.open 0
	need "nothing twice" is "$(tally duplicated)" 0
}

# ---- the operator ----

# The last word of a JSON answer in whatever state.
all_json() {
	for json_phrase in "status" "peer list" "queue list" "config show" \
	    "config check" "key show"; do
		# shellcheck disable=SC2086
		ctl "$1" --json $json_phrase | $PYTHON -c '
import json, sys
lines = sys.stdin.read().splitlines()
assert lines
for line in lines:
    assert isinstance(json.loads(line), dict)' || {
			say "   no JSON: $json_phrase"
			return 1
		}
	done
}

exits() {
	exits_with=$1
	shift
	"$@" >/dev/null 2>&1
	is $? "$exits_with"
}

odd_operator() {
	TAKEOVER_AFTER=60s
	two_hosts
	need "hosts that see each other" hosts_start
	need "mail to be sent" mail_send a --count 3 --kinds dots,big,dsn
	operator_key=$(ctl b --json queue list | json_field key)
	need "JSON at the primary" all_json a
	need "JSON at the holder" all_json b
	need "a row shown" ctl b queue show "$operator_key"
	for operator_words in "queue show x/y" "queue list bogus" "takeover" \
	    "status now" "nonsense" "queue"; do
		# shellcheck disable=SC2086
		need "64" exits 64 ctl a $operator_words
	done
	need "70" exits 70 ctl a takeover nobody.test.invalid
	need "70" exits 70 ctl a queue cat "$operator_key"
	need "69" exits 69 "$SHADOWMXCTL" -s "$LAB/none" peer list
	need "3 of status" exits 3 "$SHADOWMXCTL" -s "$LAB/none" status
	need "73 for a folder that is not there" exits 73 ctl a key generate \
	    "$LAB/none/node.key"
	need "73 for a key that is" exits 73 ctl a key generate
	need "a frozen holder" daemon_freeze b
	need "status at the primary while it is" exits 1 eval \
	    'wait_for 5 not ctl a status && ctl a status'
	daemon_thaw b
	sink_control
	need "delivery" ledger --wait 20 --least 3
}

# Configurations good and bad, again and again, while mail flows.
odd_reload_under_load() {
	TAKEOVER_AFTER=60s
	two_hosts
	sink_control
	need "hosts that see each other" hosts_start
	mail_send a --count 400 --kinds plain --sessions 8 &
	reload_mail=$!
	for reload_turn in 1 2 3 4 5; do
		host_conf a "max_delay = \"${reload_turn}1s\";" # given twice
		need "a wrong one refused" not ctl a reload
		MAX_DELAY=1${reload_turn}s
		host_conf a
		need "a good one taken" ctl a reload
	done 2>"$LAB/reload.err"
	wait $reload_mail
	need "nothing refused" is "$(acknowledged)" 400
	need "the last one in use" eval 'ctl a -s "$LAB/a/run/control.sock" \
	    config show | grep -q "max_delay = .15s"'
	need "delivery" ledger --wait 60 --least 400
	need "nothing left at the holder" wait_for 20 no_rows b
}

# ---- all of them ----

lab_main odd "$@"
