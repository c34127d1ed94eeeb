#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What other filters, cleanup and the administrator do to a message after its
# shadow was made: when the primary is lost for ever, exactly the recipients
# that it would still have served get the message, and what was on hold stays on
# hold.  Every scenario is a function amend_NAME; "amend.sh NAME..." runs only
# these, "amend.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

# The holder is told to take over: how it finds out is another matter.
TAKEOVER_AFTER=60s MAX_DELAY=20s

EDIT=$SMX_BUILD/test/mta/edit_milter
at_least() { [ "$1" -ge "$2" ]; }

# two_hosts [LINE...]: a and b with LINEs in both main.cf, a next hop that puts
# everything off
two_hosts() {
	need "a next hop" sink_start
	sink_control "reply=450:."
	need "hosts" host_make a b
	for lab_line; do
		for lab_host in a b; do
			need "$lab_line" pf_cf "$LAB/$lab_host" "$lab_line"
		done
	done
	need "hosts that see each other" hosts_start
}

# milters BEFORE AFTER: with the editing one before or after ours
edit_milter() {
	mkdir -p "$LAB/a/spool/edit"
	chown postfix "$LAB/a/spool/edit"
	"$EDIT" "$LAB/a/spool/edit/sock" >"$LAB/edit.log" 2>&1 &
	LAB_PIDS="$LAB_PIDS $!"
	need "the other milter" wait_for 5 test -S "$LAB/a/spool/edit/sock"
	chown postfix "$LAB/a/spool/edit/sock"
	if [ "$1" = before ]; then
		pf_cf "$LAB/a" \
		    "smtpd_milters = unix:edit/sock unix:shadowmx/milter.sock"
	else
		pf_cf "$LAB/a" \
		    "smtpd_milters = unix:shadowmx/milter.sock unix:edit/sock"
	fi
}

is_taken() {
	post a "$@" >"$LAB/said"
	grep -q ^250 "$LAB/said"
}

taken() { # TAG FROM RCPTS [HEADER...]
	need "250 to the client" is_taken "$@"
}

amended() {
	need "an amendment at the holder" wait_for 15 log_says b "event=amended"
}

queue_has() { # HOST QUEUE
	postqueue -c "$LAB/$1/etc" -j | grep -q "\"queue_name\": \"$2\""
}

the_id() { # HOST
	postqueue -c "$LAB/$1/etc" -j |
	    sed -n 's/.*"queue_id": "\([^"]*\)".*/\1/p' | head -n 1
}

super() { postsuper -c "$LAB/$1/etc" "$2" "$3" 2>>"$LAB/super.log"; }

gets() { # TAG "RCPT..."
	is "$(served "$1" | tr '\n' ' ')" "${2:+$2 }"
}

lost() { # HOST, HOLDER
	host_lose "$1"
	need "the command" ctl "$2" takeover "$1.test.invalid"
}

# after_loss TAG "RCPT...": sorted, each as often as it is to come
after_loss() {
	lost a b
	sink_control
	need "exactly $2" wait_for 40 gets "$1" "$2"
	need "nothing left at the holder" wait_for 20 no_rows b
	need "exactly $2, still" gets "$1" "$2"
}

held_after_loss() { # TAG "RCPT..."
	lost a b
	sink_control
	need "it on hold at the holder" wait_for 40 queue_has b hold
	sleep 3
	need "nobody served" gets "$1" ""
	need "released" super b -H ALL
	postqueue -c "$LAB/b/etc" -f
	need "exactly $2" wait_for 20 gets "$1" "$2"
	need "nothing left at the holder" wait_for 20 no_rows b
}

# ---- filters ----

amend_earlier_milter_deletes_a_recipient() {
	two_hosts
	edit_milter before
	taken t s@x.invalid "r1@y.invalid r2@y.invalid" \
	    "X-Edit: delete <r2@y.invalid>"
	amended
	after_loss t r1@y.invalid
}

amend_earlier_milter_adds_a_recipient() {
	two_hosts
	edit_milter before
	taken t s@x.invalid r1@y.invalid "X-Edit: add <r3@y.invalid>"
	amended
	after_loss t "r1@y.invalid r3@y.invalid"
}

amend_earlier_milter_changes_the_sender() {
	two_hosts
	edit_milter before
	taken t s@x.invalid r1@y.invalid "X-Edit: sender <new@x.invalid>"
	amended
	after_loss t r1@y.invalid
	need "the new sender" is "$(served_from t)" new@x.invalid
}

amend_earlier_milter_quarantines() {
	two_hosts
	edit_milter before
	taken t s@x.invalid r1@y.invalid "X-Edit: quarantine"
	need "it on hold at the primary" wait_for 10 queue_has a hold
	need "counted or copied" wait_for 15 \
	    eval 'is "$(status a own.unprotected)" 1 || some_rows b'
	need "a copy from its file" wait_for 20 rows_are b 1
	need "no longer unprotected" wait_for 10 status_is a own.unprotected 0
	amended
	held_after_loss t r1@y.invalid
}

amend_later_milter_rejects() {
	two_hosts
	edit_milter after
	post a t s@x.invalid r1@y.invalid "X-Edit: reject" >"$LAB/said"
	need "5xx" grep -q ^5 "$LAB/said"
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nothing open" wait_for 20 status_is a own.open 0
}

amend_later_milter_discards() {
	two_hosts
	edit_milter after
	taken t s@x.invalid r1@y.invalid "X-Edit: discard"
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nothing open" wait_for 20 status_is a own.open 0
}

checks() {
	printf '%s\n' "$@" >"$LAB/checks"
}

amend_header_checks_hold() {
	checks '/^X-Check: hold/ HOLD'
	two_hosts "header_checks = regexp:$LAB/checks"
	taken t s@x.invalid "r1@y.invalid r2@y.invalid" "X-Check: hold"
	amended
	held_after_loss t "r1@y.invalid r2@y.invalid"
}

amend_header_checks_redirect() {
	checks '/^X-Check: redirect/ REDIRECT other@y.invalid'
	two_hosts "header_checks = regexp:$LAB/checks"
	taken t s@x.invalid "r1@y.invalid r2@y.invalid" "X-Check: redirect"
	amended
	after_loss t other@y.invalid
}

amend_header_checks_discard() {
	checks '/^X-Check: discard/ DISCARD'
	two_hosts "header_checks = regexp:$LAB/checks"
	taken t s@x.invalid r1@y.invalid "X-Check: discard"
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nothing open" wait_for 20 status_is a own.open 0
	need "nothing unprotected" wait_for 10 status_is a own.unprotected 0
}

# ---- cleanup ----

aliases() {
	printf '/^list@y.invalid$/ r1@y.invalid, r2@y.invalid\n' \
	    >"$LAB/aliases"
}

amend_virtual_alias() {
	aliases
	two_hosts "virtual_alias_maps = regexp:$LAB/aliases"
	taken t s@x.invalid list@y.invalid
	after_loss t "r1@y.invalid r2@y.invalid"
}

amend_virtual_alias_half_delivered() {
	aliases
	two_hosts "virtual_alias_maps = regexp:$LAB/aliases"
	sink_control "reply=450:r2"
	taken t s@x.invalid list@y.invalid
	need "one of them served" wait_for 10 gets t r1@y.invalid
	amended
	after_loss t "r1@y.invalid r2@y.invalid"
}

amend_always_bcc() {
	two_hosts "always_bcc = copy@y.invalid"
	taken t s@x.invalid r1@y.invalid
	amended
	after_loss t "copy@y.invalid r1@y.invalid"
}

amend_some_recipients_done() {
	two_hosts
	sink_control "reply=450:r2"
	taken t s@x.invalid "r1@y.invalid r2@y.invalid r3@y.invalid"
	need "two of them served" wait_for 10 gets t "r1@y.invalid r3@y.invalid"
	amended
	after_loss t "r1@y.invalid r2@y.invalid r3@y.invalid"
}

# One recipient is refused for good while another one's delivery takes its time:
# the bounce is not sent before that is over, and not by a primary that is lost.
amend_refused_recipient_before_its_bounce() {
	UNPROTECTED=accept
	two_hosts
	sink_control "reply=550:r1" "pause"
	taken t s@x.invalid "r1@y.invalid r2@y.invalid"
	need "r1 refused" wait_for 10 grep -q "r1@y.invalid.*status=bounced" \
	    "$LAB/a/mail.log"
	sleep 5
	lost a b
	sink_control "reply=550:r1"
	need "r2 served, and the bounce" wait_for 40 gets t \
	    "r2@y.invalid s@x.invalid"
	need "what came back to its sender kept for a person" \
	    wait_for 20 eval 'is "$(rows b quarantined)" 1'
}

# ---- the administrator ----

amend_held_by_the_admin() {
	two_hosts
	taken t s@x.invalid r1@y.invalid
	need "it deferred" wait_for 10 queue_has a deferred
	need "put on hold" super a -h ALL
	amended
	held_after_loss t r1@y.invalid
}

amend_held_and_released() {
	two_hosts
	taken t s@x.invalid r1@y.invalid
	need "it deferred" wait_for 10 queue_has a deferred
	need "put on hold" super a -h ALL
	amended
	need "released" super a -H ALL
	need "another amendment" wait_for 20 \
	    eval '[ "$(grep -c event=amended "$LAB/b/shadowmxd.log")" -ge 2 ]'
	after_loss t r1@y.invalid
}

amend_requeued() {
	two_hosts
	taken t s@x.invalid r1@y.invalid
	need "it deferred" wait_for 10 queue_has a deferred
	old=$(the_id a)
	need "requeued" super a -r "$old"
	postkick -c "$LAB/a/etc" public pickup W
	need "its new id" wait_for 70 \
	    eval '[ -n "$(the_id a)" ] && [ "$(the_id a)" != "$old" ]'
	sleep 3
	need "its shadow" wait_for 10 rows_are b 1
	after_loss t r1@y.invalid
}

amend_deleted() {
	two_hosts
	taken t s@x.invalid r1@y.invalid
	need "it deferred" wait_for 10 queue_has a deferred
	need "its shadow" wait_for 10 rows_are b 1
	need "deleted" super a -d ALL
	need "no shadow any more" wait_for 20 no_rows b
}

# The primary lives, its copy does not: the holder's is used.
amend_corrupt() {
	# Its file stays where it is until it is to be tried again.
	two_hosts "minimal_backoff_time = 300s" "maximal_backoff_time = 300s"
	taken t s@x.invalid r1@y.invalid
	need "it deferred" wait_for 10 queue_has a deferred
	corrupt_file=$(find "$LAB/a/spool/deferred" -type f | head -n 1)
	printf 'garbage' | dd of="$corrupt_file" bs=1 seek=0 conv=notrunc \
	    2>/dev/null
	sink_control
	postqueue -c "$LAB/a/etc" -f
	need "it set aside" wait_for 15 \
	    eval 'ls "$LAB/a/spool/corrupt" | grep -q .'
	need "it served from its shadow" wait_for 40 gets t r1@y.invalid
	need "nothing left at the holder" wait_for 20 no_rows b
}

lab_main amend "$@"
