#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A backup MX with a real Postfix, and a real Postfix that is the primary MX: what
# a secondary is for, from the first probe that fails to books that balance.
# Every scenario is a function backup_NAME with hosts of its own; "backup.sh
# NAME..." runs only these, "backup.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"

# Nobody is taken over for a slow machine's silence but where that is what it is
# about.
HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s

log_count() { grep -c "$2" "$LAB/$1/shadowmxd.log"; }

# Of N messages on hold nothing is tried, and all have their shadows.
held_well() {
	need "$1 on hold" wait_for 20 held_are a "$1"
	need "them in the books" wait_for 10 books_are "held $1"
	need "their shadows" rows_are b "$1"
	need "balance" books_balance
	need "nothing unprotected" status_is a own.unprotected 0
}

# ---- the four situations that a secondary is for ----

backup_planned_maintenance() {
	backup_ready
	need "the word beforehand" ctl a maintenance start --for 2h $D
	need "it shown" eval 'ctl a maintenance list | grep -q $D'
	send 2 plain before
	need "what comes held at once" wait_for 10 held_are a 2
	need "the primary stopped" mx_stop
	send 4 plain,dots while
	held_well 6
	need "no alarm" not log_says a event=alarm
	need "nothing tried" not grep -q 'relay=127.*status=' "$LAB/a/mail.log"
	need "the primary again" mx_start
	need "the end of it" ctl a maintenance end $D
	outage_ends_well 6
	need "nobody told" no_bounce
}

backup_server_failure() {
	backup_ready
	send 3 plain before
	need "delivery" ledger --wait 30 --least 3
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	need "a line in the log" wait_for 5 log_says a event=primary-down
	send 6 plain,dots,dkim,eight while
	held_well 6
	need "an alarm" log_says a event=alarm
	need "the primary again" mx_start
	need "the primary known to be up" wait_for 20 mx_is up
	need "a line in the log" wait_for 5 log_says a event=primary-up
	outage_ends_well 9
	need "nobody told" no_bounce
}

# What was taken between the fall and the third probe is in the retry queue; it is
# in the books all the same.
backup_failure_before_it_is_known() {
	PROBE=5s
	backup_ready
	mx_kill
	send 4
	need "them as ordinary mail" wait_for 10 books_are "queued 4"
	need "the primary known to be down" wait_for 30 mx_is down
	send 2 plain later
	need "what came later on hold" wait_for 10 held_are a 2
	need "balance" books_balance
	need "the primary again" mx_start
	outage_ends_well 6
}

# The primary is up, for the client's side but not for us.
backup_network_trouble_of_ours() {
	PROBE_WAIT=1s BACKUP_BEFORE=mx_path
	backup_ready
	mx_path_swallows
	need "the primary known to be down" wait_for 30 mx_is down
	need "the primary up for others" $PYTHON -c '
import smtplib, sys
smtplib.SMTP("127.0.0.1", int(sys.argv[1])).ehlo()' "$MX_REAL"
	send 5
	held_well 5
	mx_path_swallows
	need "the primary known to be up" wait_for 30 mx_is up
	outage_ends_well 5
}

# The primary is up for us but not for the client, who comes again.
backup_network_trouble_of_theirs() {
	backup_ready "$(backed $D 'while_up = "defer"; grace = "2s";')"
	for theirs_n in 1 2 3; do
		need "sent to the primary" \
		    knock_heard 1 "451 4.3.2" $S rcpt$theirs_n@$D
	done
	sleep 2.5
	for theirs_n in 1 2 3; do
		need "taken at last" knock_heard 2 250 $S rcpt$theirs_n@$D
	done
	need "them delivered" wait_for 20 eval 'is "$(sink_count)" 3'
	need "the books" wait_for 20 books_are "taken 3" "delivered 3" \
	    "unaccounted 0"
	need "nothing held" held_are a 0
}

# It answers, and sends everybody away.
backup_peak_load() {
	backup_ready
	mx_busy "421 4.3.2 too busy"
	need "the primary known to be down" wait_for 20 mx_is down
	send 5
	held_well 5
	mx_busy
	need "the primary known to be up" wait_for 20 mx_is up
	outage_ends_well 5
	need "nobody told" no_bounce
}

# ---- while it is up ----

backup_spammer_at_the_secondary() {
	backup_ready "$(backed $D 'while_up = "defer"; grace = "3s";
	    exempt = ( "198.51.7.0/24" );')"
	for spam_n in 1 2 3 4 5; do
		need "sent away" knock_heard 1 "451 4.3.2 .*127.0.0.1.*$D" \
		    -s 198.51.$spam_n.9 spam@spam$spam_n.invalid rcpt1@$D
	done
	need "an empty queue" queue_is_empty a
	need "nothing in the books" books_are "taken 0"
	need "no shadows" no_rows b
	# Another one of its sender's network, too early, and in time.
	need "too early" knock_heard 1 "451 4.3.2" -s 198.51.1.77 \
	    spam@spam1.invalid rcpt1@$D
	sleep 3.5
	need "a client that comes again" knock_heard 2 250 -s 198.51.1.77 \
	    spam@spam1.invalid rcpt1@$D
	need "another recipient is another try" knock_heard 1 "451 4.3.2" \
	    -s 198.51.1.77 spam@spam1.invalid rcpt2@$D
	need "an exempt client" knock_heard 2 250 -s 198.51.7.1 $S rcpt2@$D
	need "both delivered" wait_for 20 books_are "taken 2" "delivered 2"
}

# A reload and a restart of the worker do not send a client away for ever.
backup_maintenance_takes_everybody() {
	backup_ready "$(backed $D 'while_up = "defer"; grace = "1h";')"
	need "sent away" knock_heard 1 "451 4.3.2" $S rcpt1@$D
	need "the word" ctl a maintenance start --for 1h $D
	need "taken" knock_heard 2 250 $S rcpt1@$D
	need "held" wait_for 10 held_are a 1
	need "the end of it" ctl a maintenance end $D
	need "delivery" wait_for 30 books_are "taken 1" "delivered 1"
}

# Its answers are the client's while it waits.
backup_relay_while_up() {
	backup_ready "$(backed $D 'while_up = "relay";')"
	need "taken and delivered" knock_heard 2 250 $S rcpt1@$D
	need "its no" knock_heard 1 "550 5.1.1" $S bad1@$D
	need "it there" wait_for 10 eval 'is "$(sink_count)" 1'
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	need "known to be good" knock_heard 2 250 $S rcpt1@$D
	need "known to be bad" knock_heard 1 "550 5.1.1" $S bad1@$D
	need "it held" wait_for 10 held_are a 1
	need "the primary again" mx_start
	need "both delivered" wait_for 30 eval 'is "$(sink_count)" 2'
	need "balance" wait_for 20 books_balance
	need "none left" wait_for 20 books_are "held 0" "queued 0"
}

# ---- recipients ----

backup_unknown_recipients() {
	backup_ready \
	    "$(backed $D 'while_up = "accept"; unknown_recipient = "defer";')" \
	    "$(backed next0.test.invalid 'while_up = "accept"; unknown_recipient = "accept";')" \
	    "$(backed next1.test.invalid 'while_up = "accept"; unknown_recipient = "reject";')"
	need "a good one asked" knock_heard 2 250 $S good1@$D
	need "a bad one asked" knock_heard 1 "550 5.1.1" $S bad1@$D
	echo "good2@$D" >"$LAB/list"
	need "an import" ctl a recipient import "$LAB/list" $D
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	need "down for all its domains" wait_for 20 mx_is down next1.test.invalid
	need "known good" knock_heard 2 250 $S good1@$D
	need "imported" knock_heard 2 250 $S good2@$D
	need "known bad" knock_heard 1 "550 5.1.1" $S bad1@$D
	need "unknown, deferred" knock_heard 1 "451 4.3.2" $S stranger@$D
	need "unknown, accepted" \
	    knock_heard 2 250 $S stranger@next0.test.invalid
	need "unknown, rejected" \
	    knock_heard 1 "550 5.1.1" $S stranger@next1.test.invalid
	need "three on hold" wait_for 10 held_are a 3
	# What is known outlives the daemon.
	need "a restart" eval 'daemon_stop a; daemon_start a'
	need "known bad still" knock_heard 1 "550 5.1.1" $S bad1@$D
	need "known good still" knock_heard 2 250 $S good1@$D
	need "the primary again" mx_start
	need "what is left delivered" wait_for 40 books_are "taken 4" \
	    "delivered 4" "unaccounted 0"
	# Accepted unasked: the primary says no, its sender is told, and so it
	# stands in the books.
	need "one returned" wait_for 20 eval \
	    'is "$(books returned next0.test.invalid)" 1'
	need "balance" books_balance next0.test.invalid
}

backup_harvest_has_an_end() {
	HARVEST=5
	backup_ready "$(backed $D 'while_up = "accept"; unknown_recipient = "reject";')"
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	harvest_rcpts=
	for harvest_n in 1 2 3 4 5 6 7 8; do
		harvest_rcpts="$harvest_rcpts nobody$harvest_n@$D"
	done
	# shellcheck disable=SC2086
	knock -s 198.51.3.1 $S $harvest_rcpts >/dev/null
	need "no at first" shows heard 1 "550 5.1.1"
	need "no word at last" shows heard 8 "450 4.7.1"
	need "nor to its neighbour" knock_heard 1 "450 4.7.1" -s 198.51.3.2 \
	    $S nobody9@$D
	need "others are told" knock_heard 1 "550 5.1.1" -s 198.51.4.1 \
	    $S nobody9@$D
}

# ---- messages for two domains ----

backup_two_domains_are_parted() {
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	knock $S rcpt1@$D friend@elsewhere.test.invalid >/dev/null
	need "the first taken" shows heard 1 250
	need "the other to come on its own" shows heard 2 "452 4.5.3"
	need "taken" shows heard 3 250
	need "one on hold" wait_for 10 held_are a 1
	need "the other alone" knock_heard 2 250 $S \
	    friend@elsewhere.test.invalid
	need "it delivered at once" wait_for 20 eval 'is "$(sink_count)" 1'
	need "the primary again" mx_start
	need "the books" wait_for 30 books_are "taken 1" "delivered 1"
	need "both there" wait_for 20 eval 'is "$(sink_count)" 2'
}

# ---- the end of patience ----

backup_hold_time_over_returns() {
	backup_ready "$(backed $D 'while_up = "accept"; hold = "5s"; warn = "3s";')"
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	send 2
	need "on hold" wait_for 10 held_are a 2
	need "a warning" wait_for 10 log_says a event=backup-hold-ends
	need "its senders told" wait_for 30 eval 'is "$(sink_count)" 2'
	need "told of a failure" some_bounce
	need "the books" wait_for 20 books_are "taken 2" "returned 2" "held 0" \
	    "queued 0" "unaccounted 0"
	need "an empty queue" wait_for 20 queue_is_empty a
	need "nothing left at the holder" wait_for 20 no_rows b
}

backup_hold_time_over_keeps() {
	backup_ready "$(backed $D 'while_up = "accept"; hold = "2s"; warn = "1s";
	    at_end = "keep";')"
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	send 2
	need "on hold" wait_for 10 held_are a 2
	sleep 4
	need "still" held_are a 2
	need "the primary again" mx_start
	outage_ends_well 2
	need "nobody told" no_bounce
}

# Older than half of the queue's patience: with its old arrival time the first 4xx
# would return it.
backup_old_mail_is_requeued() {
	QUEUE_LIFETIME=8s
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	send 3
	need "on hold" wait_for 10 held_are a 3
	held a >"$LAB/ids"
	sleep 9
	echo '/^(?!rcpt).*/ reject' >"$LAB/mx/busy"
	need "a primary that says not yet" pf_cf "$LAB/mx" \
	    "smtpd_data_restrictions = check_client_access static:{451 4.3.2 not yet}"
	need "the primary again" mx_start
	need "it tried" wait_for 30 grep -q 'not yet' "$LAB/a/mail.log"
	need "new ids" grep -q 'orig_id=' "$LAB/a/mail.log"
	need "the primary ready" pf_cf "$LAB/mx" "smtpd_data_restrictions ="
	outage_ends_well 3
	need "nobody told" no_bounce
	for old_id in $(cat "$LAB/ids"); do
		need "requeued" grep -q "orig_id=$old_id" "$LAB/a/mail.log"
	done
}

# ---- people ----

super() { postsuper -c "$LAB/a/etc" "$@" 2>"$LAB/super"; }

backup_admin_uses_the_mta() {
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	send 6
	held_well 6
	held a >"$LAB/ids"
	need "one deleted" super -d "$(sed -n 1p "$LAB/ids")"
	need "so in the books" wait_for 20 books_are "deleted 1" "held 5"
	need "one requeued" super -r "$(sed -n 2p "$LAB/ids")"
	need "one released" super -H "$(sed -n 3p "$LAB/ids")"
	need "so in the books" wait_for 30 books_are "deleted 1" "held 3" \
	    "queued 2"
	need "balance" books_balance
	need "the primary again" mx_start
	need "the others delivered" wait_for 40 books_are "taken 6" \
	    "delivered 5" "deleted 1" "unaccounted 0"
	need "them there" wait_for 10 eval 'is "$(sink_count)" 5'
}

backup_admin_uses_our_commands() {
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	send 4
	held_well 4
	ours_id=$(held a | head -n 1)
	need "one shown" eval 'ctl a backup show "$ours_id" | grep -q "$ours_id"'
	need "the domain shown" eval 'ctl a backup show $D | grep -q "$ours_id"'
	need "one released" ctl a backup release "$ours_id"
	need "it in the queue" wait_for 10 held_are a 3
	need "in the books" wait_for 10 books_are "held 3" "queued 1"
	need "it held again" ctl a backup hold "$ours_id"
	need "it on hold" wait_for 10 held_are a 4
	need "the primary again" mx_start
	need "the rest delivered" wait_for 40 delivered_are 3
	# What a person has put on hold a person releases.
	sleep 1
	need "that one still on hold" is "$(held a)" "$ours_id"
	need "released" ctl a backup release "$ours_id"
	outage_ends_well 4
}
delivered_are() { is "$(tally delivered)" "$1"; }

# The primary is back, and our probes do not know it yet: a person does.
# What the MTA delivers shows that the primary is up, long before the next probe.
backup_delivery_shows_that_it_is_up() {
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	send 3
	held_well 3
	PROBE=1h
	need "a configuration" backup_conf a
	need "a reload" ctl a reload
	need "no probe any more" sleep 3
	need "the primary again" mx_start
	need "nobody to know it" mx_is down
	need "the command" ctl a backup flush $D
	need "it known by a delivery" wait_for 20 mx_is up
	need "which is said" wait_for 10 log_says a "event=primary-up.*the MTA"
	outage_ends_well 3
}

backup_flush_begins_at_once() {
	DOWN_AFTER=2 UP_AFTER=100
	never_up
	send 3
	need "on hold" wait_for 10 held_are a 3
	need "the primary again" mx_start
	sleep 2
	need "on hold still" held_are a 3
	need "the command" ctl a backup flush $D
	outage_ends_well 3
}

# It never was up, for us.
never_up() {
	need "a sink" sink_start
	need "a primary MX" mx_make
	backup_hosts "$(backed $D)"
	need "the primary known to be down" wait_for 20 mx_is down
}

# ---- our own troubles ----

backup_restart_in_the_middle() {
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	send 3
	held_well 3
	daemon_stop a
	need "a restart" daemon_start a
	need "the primary still down" wait_for 5 mx_is down
	send 2 plain second
	held_well 5
	need "a worker to kill" worker_kill a
	need "a new worker" wait_for 10 answers a
	send 2 plain third
	held_well 7
	daemon_kill a
	need "one deleted meanwhile" super -d "$(held a | tail -n 1)"
	need "the daemon again" daemon_start a
	need "so in the books" wait_for 20 books_are "taken 7" "held 6"
	need "the primary again" mx_start
	need "the others delivered" wait_for 40 books_are "taken 7" \
	    "delivered 6" "held 0" "queued 0"
	need "balance" books_balance
	need "no duplicates" is "$(tally duplicated)" 0
}

backup_killed_while_it_releases() {
	RATE=5 RATE_MAX=10
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	send 30
	held_well 30
	need "the primary again" mx_start
	need "the first" wait_for 20 eval 'at_least "$(tally delivered)" 2'
	for killed_n in 1 2 3; do
		need "a worker to kill" worker_kill a
		need "a new worker" wait_for 10 answers a
		sleep 0.7
	done
	outage_ends_well 30
}

# What was not acknowledged may be in the books, and is not unaccounted for.
backup_killed_while_it_takes() {
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	mail_send a --count 60 --kinds plain --sessions 3 --per-session 2 \
	    --pause-ms 60 &
	takes_mail=$!
	for takes_n in 1 2 3 4; do
		sleep 0.$((2 + takes_n))
		need "worker $takes_n to kill" wait_for 10 worker_kill a
		need "a new worker" wait_for 10 answers a
	done
	wait $takes_mail
	takes_count=$(acknowledged)
	need "some acknowledged" at_least "$takes_count" 5
	need "balance" books_balance
	need "the primary again" mx_start
	need "everything delivered, nothing damaged" \
	    ledger --wait 60 --least "$takes_count"
	need "an empty queue" wait_for 30 queue_is_empty a
	need "books that say so" wait_for 60 books_are "held 0" "queued 0" \
	    "unaccounted 0"
	need "as many delivered" at_least "$(books delivered)" "$takes_count"
	need "balance" books_balance
	need "nobody told" no_bounce
}

# ... in the hands of whoever has its shadows.
backup_host_lost_in_the_middle() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	need "the other one knows, too" wait_for 20 mx_is down $D b
	send 5
	held_well 5
	host_lose a
	need "a takeover" wait_for 30 log_says b "event=claimed"
	need "no shadows left behind" wait_for 20 eval 'no_rows b shadow'
	sleep 2
	need "nobody told" no_bounce
	need "nothing delivered yet" is "$(sink_count)" 0
	need "the primary again" mx_start
	need "everything delivered, nothing damaged" ledger --wait 60 --least 5
	need "no duplicates" is "$(tally duplicated)" 0
	need "nothing left at the holder" wait_for 30 no_rows b
	need "nobody told" no_bounce
}

# What a holder takes over for a primary that is down it holds, too, and has in
# its books.
backup_heir_holds_what_it_takes_over() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	need "the other one knows, too" wait_for 20 mx_is down $D b
	send 3
	held_well 3
	host_lose a
	need "them on hold at the heir" wait_for 40 held_are b 3
	need "in its books" wait_for 20 eval 'is "$(books held $D b)" 3'
	need "the primary again" mx_start
	need "everything delivered" ledger --wait 60 --least 3
	need "its books" wait_for 20 eval 'is "$(books delivered $D b)" 3'
	need "balance" books_balance $D b
}

# ... also where its MTA has no way into the hold queue.
backup_heir_holds_without_a_way() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	backup_ready
	daemon_stop b
	sed -i 's/submit_held = "[^"]*"/submit_held = ""/' "$(conf_of b)"
	need "the heir again" daemon_start b
	need "hosts that see each other" wait_for 15 peers_up a
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	need "the other one knows, too" wait_for 20 mx_is down $D b
	send 3
	held_well 3
	host_lose a
	need "them on hold at the heir" wait_for 40 held_are b 3
	need "by its own doing" wait_for 10 log_says b event=backup-put-back
	need "in its books" wait_for 20 eval 'is "$(books held $D b)" 3'
	need "the primary again" mx_start
	need "everything delivered" ledger --wait 60 --least 3
	need "its books" wait_for 20 eval 'is "$(books delivered $D b)" 3'
	need "balance" books_balance $D b
}

# What a person had put on hold there only a person releases here.
backup_heir_keeps_the_hold_of_a_person() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	backup_ready
	# While the primary is up it is ordinary mail.
	need "an MTA that waits" pf_cf "$LAB/a" "defer_transports = smtp"
	need "ordinary mail" post_is_taken a byhand $S "rcpt1@$D"
	need "it in the queue" wait_for 10 queued_are a 1
	need "it put on hold by a person" super -h ALL
	need "so in the books" \
	    wait_for 20 log_says a event=backup-held-by-hand
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	need "the other one knows, too" wait_for 20 mx_is down $D b
	need "one that is held for the primary" \
	    post_is_taken a ours $S "rcpt2@$D"
	need "both on hold" wait_for 10 held_are a 2
	need "in the books" wait_for 10 books_are "held 2"
	need "their shadows" rows_are b 2
	need "both on hold there" wait_for 10 holds_all b
	host_lose a
	need "them on hold at the heir" wait_for 40 held_are b 2
	need "the primary again" mx_start
	need "the one delivered" wait_for 40 eval 'is "$(served ours)" "rcpt2@$D"'
	need "books that say so" wait_for 20 eval 'is "$(books delivered $D b)" 1'
	sleep 1
	need "the other still on hold" held_are b 1
	need "nothing else delivered" is "$(sink_count)" 1
	need "a person to let it go" postsuper -c "$LAB/b/etc" -H ALL
	postqueue -c "$LAB/b/etc" -f
	need "it delivered" wait_for 30 eval 'is "$(served byhand)" "rcpt1@$D"'
	need "balance" wait_for 20 books_balance $D b
	need "each once" is "$(sink_count)" 2
}
holds_all() {
	ctl "$1" queue list --json |
	    jq -es 'map(select(.role == "holder")) | length > 0 and all(.held)' \
		>/dev/null
}

[ -n "${PF_NETNS:-}" ] || [ -z "${LAB_ONE:-}" ] || unshare -n true 2>/dev/null || {
	say "SKIP: no namespace to be alone in"
	exit 77
}
lab_main backup "$@"
