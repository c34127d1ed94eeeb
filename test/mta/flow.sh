#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Whole hosts against real faults: two private Postfix instances with a
# shadowmxd each.  Every scenario is a function flow_NAME with hosts of its own;
# "flow.sh NAME..." runs only these, "flow.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

# Nobody is taken over for a slow machine's silence, and none of its syncs takes
# too long, but where that is what it is about.
TAKEOVER_AFTER=60s MAX_DELAY=20s

at_least() { [ "$1" -ge "$2" ]; }
at_most() { [ "$1" -le "$2" ]; }
delivered() { at_least "$(tally delivered)" "$1"; }

# Two hosts, a next hop that holds everything back.
two_hosts() {
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b
	need "hosts that see each other" hosts_start
}

# N messages from the client to host a, all acknowledged.
send() {
	need "mail to be sent" mail_send a --count "$1" ${2:+--kinds "$2"}
}

# The client's last answer: "451 4.3.0 ..."
last_answer() {
	tail -n 1 "$LAB/sent.a/sent.jsonl" | $PYTHON -c '
import json, sys
e = json.loads(sys.stdin.readline())
print(e["code"], e.get("text", ""))'
}

answer_is() {
	last_answer | grep -q "^$1"
}

ends_well() {
	need "everything delivered, nothing damaged" \
	    ledger --wait "${1:-30}" --least "${2:-1}"
	need "no duplicates" is "$(tally duplicated)" 0
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nothing open at the primary" wait_for 20 status_is a own.open 0
}

now_ms() { date +%s%3N; }

# ---- a day without trouble ----

flow_normal() {
	two_hosts
	send 12
	need "12 acknowledged" is "$(acknowledged)" 12
	need "a shadow of each before its 250" rows_are b 12
	need "nothing unprotected" status_is a own.unprotected 0
	sink_control
	ends_well 30 12
	need "DKIM signatures seen" at_least "$(tally dkim_verified)" 1
}

flow_large() {
	two_hosts
	need "5 MB and 50 MB taken" mail_send a --count 2 --kinds big,huge
	need "2 acknowledged" is "$(acknowledged)" 2
	need "2 shadows" rows_are b 2
	for large_host in a b; do
		need "no message in memory at $large_host" \
		    memory_is_small "$large_host"
	done
	sink_control
	ends_well 60 2
}

flow_local_mail() {
	two_hosts
	printf 'Subject: local\n\nfrom cron\n' |
	    sendmail -C "$LAB/a/etc" -f cron@client.test.invalid \
		root@next.test.invalid
	need "a shadow" wait_for 10 rows_are b 1
	sink_control
	need "delivery" wait_for 20 eval 'is "$(sink_count)" 1'
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nothing open at the primary" wait_for 20 status_is a own.open 0
}

waits_for() { [ "$(status a own.local_oldest_ms)" -gt "$1" ]; }
warns() { status a attention | grep -q local_waiting; }

# sendmail(1) has returned, and pickup does not run: that window is counted.
flow_local_mail_waits() {
	need "a next hop" sink_start
	need "hosts" host_make a b
	mkdir "$LAB/a/conf.d"
	echo 'mta = { local_wait = "2s"; };' >"$LAB/a/conf.d/50-local.conf"
	sed -i 's/^pickup unix/#&/' "$LAB/a/etc/master.cf"
	need "hosts that see each other" hosts_start
	sink_control "reply=450:."
	need "nothing that waits" status_is a own.local_waiting 0
	for flow_n in 1 2 3 4 5; do
		need "mail of a program" eval \
		    'printf "Subject: local\n\nfrom cron\n" |
		    sendmail -C "$LAB/a/etc" -f cron@client.test.invalid \
			root$flow_n@next.test.invalid'
	done
	need "five that wait" wait_for 15 status_is a own.local_waiting 5
	need "their age" wait_for 15 waits_for 2000
	need "a warning" wait_for 10 warns
	need "words for people" eval \
	    'ctl a status | grep -q "^local mail .*pickup 5  oldest "'
	need "a line in the log" log_says a "event=local_waiting waiting=5"
	need "one line" eval \
	    'is "$(grep -c event=local_waiting "$LAB/a/shadowmxd.log")" 1'
	need "no shadows yet" rows_are b 0
	# The window stays open while the daemon begins anew.
	need "another worker" worker_kill a
	need "five that wait still" \
	    wait_for 15 eval 'answers a && status_is a own.local_waiting 5'
	sed -i 's/^#pickup unix/pickup unix/' "$LAB/a/etc/master.cf"
	need "pickup" pf_reload "$LAB/a"
	need "five shadows" wait_for 30 rows_are b 5
	need "none that waits" wait_for 15 status_is a own.local_waiting 0
	need "no warning" wait_for 15 not warns
	need "the end in the log" wait_for 10 log_says a event=local_taken
	sink_control
	need "delivery" wait_for 30 eval 'is "$(sink_count)" 5'
	need "nothing left at the holder" wait_for 20 no_rows b
}

# A requeued message has its shadow: it is in maildrop, and does not count.
flow_local_mail_requeued() {
	need "a next hop" sink_start
	need "hosts" host_make a b
	sed -i 's/^pickup unix/#&/' "$LAB/a/etc/master.cf"
	need "hosts that see each other" hosts_start
	sink_control "reply=450:."
	send 3 plain
	need "shadows" wait_for 10 rows_are b 3
	need "all requeued" postsuper -c "$LAB/a/etc" -r ALL
	need "them in maildrop" eval \
	    'is "$(find "$LAB/a/spool/maildrop" -type f | wc -l)" 3'
	sleep 3
	need "none that waits" status_is a own.local_waiting 0
	need "the shadows" rows_are b 3
}

log_of_mail() { grep -q "$2" "$LAB/$1/mail.log"; }

# The next hop refuses one recipient for good: the bounce is mail of its own.
flow_bounce() {
	two_hosts
	sink_control "reply=550:rcpt1-"
	send 1 several
	need "the bounce delivered to the sender" \
	    wait_for 20 eval 'grep -l "\"mail\": \"<>\"" "$SINK"/*.json'
	need "the others delivered" \
	    wait_for 10 eval 'ledger | grep -q "^LOST .*: rcpt1-[^,]*$"'
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nothing open at the primary" wait_for 20 status_is a own.open 0
	need "the bounce acknowledged too" \
	    wait_for 10 status_is a own.accepted 2
}

# The notice passes no milter here, as Postfix has it unless told otherwise: the
# holder lets go of the message only when it has the notice.
flow_bounce_past_the_milter() {
	TAKEOVER_AFTER=3s
	two_hosts
	pf_cf "$LAB/a" "internal_mail_filter_classes ="
	sink_control "reply=550:^<(?!sender)" "reply=450:^<sender"
	need "mail to be sent" post_is_taken a gone sender@client.test.invalid \
	    "r@next.test.invalid"
	need "the notice shadowed" wait_for 20 log_says a "event=copied"
	need "the message gone, the notice kept" wait_for 20 rows_are b 1
	need "nothing unprotected" wait_for 20 status_is a own.unprotected 0
	need "nothing on hold" wait_for 20 none_held b
	host_lose a
	sink_control
	need "the notice delivered by the holder" \
	    wait_for 30 eval 'grep -l "\"mail\": \"<>\"" "$SINK"/*.json'
	need "nothing left at the holder" wait_for 20 no_rows b
}

# The notice is refused as well: nobody is left to be told, and nothing may stay.
flow_bounce_refused_too() {
	two_hosts
	sink_control "reply=550:."
	send 1 plain
	need "the notice refused" wait_for 20 log_of_mail a 'from=<>'
	need "an empty queue" wait_for 20 queue_is_empty a
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nothing open at the primary" wait_for 20 status_is a own.open 0
	need "nothing unprotected" status_is a own.unprotected 0
	sink_control
	need "nothing delivered" is "$(sink_count)" 0
}

# The same where the postmaster is told of it: a third message, with its shadow.
flow_bounce_twice() {
	two_hosts
	pf_cf "$LAB/a" "notify_classes = 2bounce" \
	    "2bounce_notice_recipient = boss@next.test.invalid" \
	    "internal_mail_filter_classes = bounce, notify"
	sink_control "reply=550:^<(?!boss)" "reply=450:^<boss"
	need "mail to be sent" post_is_taken a gone sender@client.test.invalid \
	    "r@next.test.invalid"
	need "the postmaster's copy put off" \
	    wait_for 30 log_of_mail a 'to=<boss.*status=deferred'
	need "both ended" wait_for 30 eval \
	    'is "$(grep -c event=finished "$LAB/a/shadowmxd.log")" 2'
	need "that one kept, the others gone" wait_for 30 rows_are b 1
	need "nothing unprotected" wait_for 20 status_is a own.unprotected 0
	host_lose a
	sink_control
	need "the holder to deliver it" wait_for 40 eval \
	    'grep -l boss@next "$SINK"/*.json'
	need "it once" is "$(sink_count)" 1
	need "nothing left at the holder" wait_for 20 no_rows b
}

# The same past the milter: each is copied from its file.
flow_bounce_twice_past_the_milter() {
	two_hosts
	pf_cf "$LAB/a" "notify_classes = 2bounce" \
	    "2bounce_notice_recipient = boss@next.test.invalid" \
	    "internal_mail_filter_classes ="
	sink_control "reply=550:^<(?!boss)" "reply=450:^<boss"
	need "mail to be sent" post_is_taken a gone sender@client.test.invalid \
	    "r@next.test.invalid"
	need "the postmaster's copy put off" \
	    wait_for 30 log_of_mail a 'to=<boss.*status=deferred'
	need "it copied" wait_for 30 log_says a event=copied
	need "the message ended" wait_for 30 log_says a event=finished
	need "the others gone" wait_for 30 rows_are b 1
	need "nothing unprotected" wait_for 20 status_is a own.unprotected 0
	host_lose a
	sink_control
	need "the holder to deliver it" wait_for 40 eval \
	    'grep -l boss@next "$SINK"/*.json'
	need "nothing left at the holder" wait_for 20 no_rows b
}

# The notice waits: what it tells of is finished, the notice has its own shadow.
flow_bounce_put_off() {
	two_hosts
	sink_control "reply=550:^<(?!sender)" "reply=450:^<sender"
	need "mail to be sent" post_is_taken a gone sender@client.test.invalid \
	    "r@next.test.invalid"
	need "the notice put off" \
	    wait_for 20 log_of_mail a 'to=<sender.*status=deferred'
	need "the message ended" wait_for 20 log_says a event=finished
	need "the notice kept alone" wait_for 20 rows_are b 1
	host_lose a
	sink_control
	need "the holder to deliver it" \
	    wait_for 40 eval 'grep -l "\"mail\": \"<>\"" "$SINK"/*.json'
	need "it once" is "$(sink_count)" 1
	need "nothing left at the holder" wait_for 20 no_rows b
}

# Nobody takes a copy of the notice: it is not made, and the message stays.
flow_bounce_without_a_holder() {
	two_hosts
	sink_control "reply=450:."
	need "mail to be sent" post_is_taken a gone sender@client.test.invalid \
	    "r@next.test.invalid"
	daemon_kill b
	sink_control "reply=550:^<(?!sender)"
	need "an attempt at it" wait_for 30 log_of_mail a 'milter-reject'
	need "the message still there" not queue_is_empty a
	need "a holder" daemon_start b
	need "the sender told" \
	    wait_for 40 eval 'grep -l "\"mail\": \"<>\"" "$SINK"/*.json'
	need "it once" is "$(sink_count)" 1
	need "an empty queue" wait_for 20 queue_is_empty a
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nothing open at the primary" wait_for 20 status_is a own.open 0
}

# What the holder's MTA gives back to the sender stays with the holder.  Its
# notice is mail as any other: with "tempfail" there would be none yet.
flow_bounce_after_a_takeover() {
	UNPROTECTED=accept TAKEOVER_AFTER=3s
	two_hosts
	need "mail to be sent" post_is_taken a gone sender@client.test.invalid \
	    "r@next.test.invalid"
	host_lose a
	sink_control "reply=550:^<(?!sender)"
	need "the message quarantined" \
	    wait_for 30 eval 'is "$(rows b quarantined)" 1'
	need "its reason" eval 'ctl b queue list --json |
	    grep -q "returned to its sender by"'
	need "an alarm" wait_for 10 log_says b "event=bounced"
	bounce_key=$(ctl b --json queue list | json_field key)
	need "its content" eval 'ctl b queue cat "$bounce_key" |
	    grep -q "^Subject: tag-gone"'
	need "the sender told, too" \
	    wait_for 20 eval 'grep -l "\"mail\": \"<>\"" "$SINK"/*.json'
}

memory_is_small() {
	small_pid=$(worker_pid "$1") || return 1
	grep -qE "lib[at]san" "/proc/$small_pid/maps" && return 0
	at_most "$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' \
	    "/proc/$small_pid/status")" 45000
}

# ---- the holder in trouble ----

flow_holder_down_tempfail() {
	MAX_DELAY=1s
	two_hosts
	daemon_kill b
	send 1 plain
	need "451 4.3.0" answer_is "451 4.3.0"
	need "an empty queue" wait_for 5 queue_is_empty a
	need "1 refused" wait_for 10 status_is a own.refused 1
	need "nothing open" wait_for 10 status_is a own.open 0
	sink_control
	need "nothing delivered" is "$(sink_count)" 0
}

flow_holder_down_accept() {
	MAX_DELAY=1s UNPROTECTED=accept
	two_hosts
	daemon_kill b
	send 3 plain
	need "3 acknowledged" is "$(acknowledged)" 3
	need "3 counted unprotected" wait_for 10 status_is a own.unprotected 3
	need "status to ask for attention" not eval 'ctl a status >"$LAB/s"'
	need "a worker to kill" worker_kill a
	need "a new worker" wait_for 5 answers a
	need "3 still counted" wait_for 5 status_is a own.unprotected 3
	sink_control
	need "delivery" ledger --wait 20 --least 3
	need "no longer counted" wait_for 20 status_is a own.unprotected 0
}

# A holder that is restarted costs a wait, not the protection.
flow_holder_restarted() {
	MAX_DELAY=30s UNPROTECTED=accept
	two_hosts
	send 3 plain
	(sleep 1; mail_send a --count 3 --kinds plain --prefix second-) &
	sender=$!
	daemon_stop b
	need "the holder again" daemon_start b
	wait $sender
	need "6 acknowledged" is "$(acknowledged)" 6
	need "none unprotected" status_is a own.accepted_unprotected 0
	daemon_kill b
	mail_send a --count 3 --kinds plain --prefix third- &
	sender=$!
	sleep 1
	need "the holder once more" daemon_start b
	wait $sender
	need "9 acknowledged" is "$(acknowledged)" 9
	need "still none unprotected" status_is a own.accepted_unprotected 0
	sink_control
	ends_well 40 9
}

# More than there are connections, and for longer than a handshake may take: those
# that got no further wait on, and ask again when another one has been answered.
flow_holder_slow() {
	MAX_DELAY=60s HEARTBEAT=10s
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b
	sed -i 's/peers = {/& pool = 8; connect_timeout = "1s";/' "$(conf_of a)"
	need "hosts that see each other" hosts_start
	daemon_freeze b
	mail_send a --count 24 --kinds plain --sessions 24 &
	slow_mail=$!
	need "one that could not be asked" wait_for 60 \
	    grep -q "peer-unusable.*no answer in time" "$LAB/a/shadowmxd.log"
	need "all held" wait_for 60 \
	    eval 'at_least "$(status a own.holding)" 24'
	sleep 1.5
	need "no 250 while the holder sleeps" is "$(acknowledged)" 0
	daemon_thaw b
	wait $slow_mail
	need "all acknowledged in the end" is "$(acknowledged)" 24
	need "none refused before" status_is a own.refused 0
	sink_control
	ends_well 30 24
}

flow_holder_frozen() {
	MAX_DELAY=3s
	two_hosts
	daemon_freeze b
	frozen_began=$(now_ms)
	send 1 plain
	need "451 4.3.0" answer_is "451 4.3.0"
	# With all that a slow machine does before and after.
	need "within max_delay" at_most $(($(now_ms) - frozen_began)) 30000
	daemon_thaw b
	need "no shadow of what was refused" wait_for 20 no_rows b
	sink_control
	need "the holder in use again" wait_for 20 peers_up a
	need "nothing delivered" is "$(sink_count)" 0
	send 1 dots
	ends_well 20 1
}

# The disk of the holder takes its time: one sync of the writer's that lasts longer
# than a client may wait.
flow_holder_sync_hangs() {
	MAX_DELAY=3s TAKEOVER_AFTER=60s
	command -v strace >/dev/null || return 0
	two_hosts
	send 1 plain
	strace -f -p "$(worker_pid b)" -o "$LAB/trace" \
	    -e trace=fsync,fdatasync \
	    -e inject=fsync,fdatasync:delay_enter=12000000 \
	    2>"$LAB/attached" &
	hangs_tracer=$!
	need "the syncs to be slow" wait_for 10 grep -q attached "$LAB/attached"
	send 1 dots
	need "451 4.3.0" answer_is "451 4.3.0"
	need "the control socket to answer meanwhile" answers b
	kill $hangs_tracer
	wait $hangs_tracer 2>/dev/null
	need "no shadow of what was refused" wait_for 40 rows_are b 1
	mail_send a --count 4 --kinds plain,several --prefix more-
	need "taken again" is "$(acknowledged)" 5
	sink_control
	ends_well 40 5
}

flow_holder_full() {
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b
	small_disk "$LAB/b/store" 12m "$WORKER_USER"
	need "hosts that see each other" hosts_start
	need "large mail sent" mail_send a --count 5 --kinds big --sessions 1
	full_taken=$(acknowledged)
	need "some taken" at_least "$full_taken" 1
	need "some refused" at_most "$full_taken" 4
	need "451" answer_is 451
	sink_control
	ends_well 40 "$full_taken"
	need "taken again" mail_send a --count 1 --kinds big --prefix again-
	need "one more" is "$(acknowledged)" $((full_taken + 1))
	ends_well 30 $((full_taken + 1))
}

# ---- the primary in trouble ----

flow_worker_killed() {
	two_hosts
	send 5
	need "a worker to kill" worker_kill a
	need "a new worker soon" wait_for 2 answers a
	mail_send a --count 5 --prefix second-
	need "service goes on" is "$(acknowledged)" 10
	sink_control
	ends_well 40 10
}

flow_holder_worker_killed() {
	two_hosts
	send 5
	need "a worker to kill" worker_kill b
	need "a new worker soon" wait_for 2 answers b
	need "all shadows kept" rows_are b 5
	mail_send a --count 5 --prefix second-
	need "service goes on" is "$(acknowledged)" 10
	sink_control
	ends_well 40 10
}

flow_daemon_restarted() {
	two_hosts
	send 5
	daemon_stop a
	need "a restart" daemon_start a
	need "all shadows kept" rows_are b 5
	sink_control
	ends_well 40 5
}

flow_postfix_killed() {
	two_hosts
	send 6
	pf_kill "$LAB/a"
	need "shadows kept" rows_are b 6
	need "Postfix again" pf_start "$LAB/a"
	sink_control
	ends_well 40 6
}

flow_host_killed() {
	two_hosts
	send 6
	host_kill a
	need "shadows kept" rows_are b 6
	need "the host again" host_start a
	sink_control
	ends_well 40 6
}

flow_primary_full() {
	UNPROTECTED=accept
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b
	small_disk "$LAB/a/spill" 2m "$WORKER_USER"
	SPILL="$LAB/a/spill"
	need "a configuration" host_conf a
	need "hosts that see each other" hosts_start
	need "large mail sent" mail_send a --count 1 --kinds big
	need "refused for now" answer_is 45
	need "an empty queue" wait_for 5 queue_is_empty a
	send 3 plain
	need "small mail taken" is "$(acknowledged)" 3
	sink_control
	ends_well 30 3
}

flow_queue_full() {
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b
	small_disk "$LAB/a/spool" 16m
	need "hosts that see each other" hosts_start
	need "large mail sent" mail_send a --count 5 --kinds big --sessions 1
	full_taken=$(acknowledged)
	need "some refused" at_most "$full_taken" 4
	sink_control
	ends_well 40 "$full_taken"
}

flow_client_gone() {
	MAX_DELAY=60s
	two_hosts
	daemon_freeze b
	# Long enough for all that comes before the final dot.
	mail_send a --count 1 --kinds plain --timeout 5
	need "no answer" answer_is 0
	daemon_thaw b
	sink_control
	need "delivered all the same" \
	    wait_for 20 eval 'is "$(tally unacknowledged_delivered)" 1'
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nothing open at the primary" wait_for 20 status_is a own.open 0
}

# ---- takeover ----

# What the dead primary had is delivered by the holder, once.
taken_over() {
	sink_control
	need "everything delivered by the holder, nothing damaged" \
	    ledger --wait 40 --least "$1"
	need "no duplicates" is "$(tally duplicated)" 0
	need "the old queue ids in the trail" \
	    grep -q 'orig_queue_id=' "$LAB/b/mail.log"
	need "nothing left at the holder" wait_for 30 no_rows b
}

flow_lost_for_ever() {
	TAKEOVER_AFTER=3s
	two_hosts
	send 24
	need "24 acknowledged" is "$(acknowledged)" 24
	host_lose a
	need "a takeover" wait_for 20 not no_rows b
	taken_over 24
	need "DKIM signatures seen" at_least "$(tally dkim_verified)" 2
}

flow_lost_large() {
	TAKEOVER_AFTER=3s
	two_hosts
	need "5 MB taken" mail_send a --count 2 --kinds big,dkim-strict
	host_lose a
	taken_over 2
}

flow_takeover_by_command() {
	TAKEOVER_AFTER=1h
	two_hosts
	send 5
	host_lose a
	sleep 2
	need "no takeover by itself" rows_are b 5 shadow
	need "the command" ctl b takeover a.test.invalid
	taken_over 5
}

flow_back_with_empty_queue() {
	TAKEOVER_AFTER=1h
	two_hosts
	send 5
	host_lose a
	mkdir -p "$LAB/a/spool"
	chmod 755 "$LAB/a/spool"
	need "the host again, without its queue" host_start a
	taken_over 5
}

resubmission_says() {
	pf_cf "$LAB/b" "resubmit_recipient_restrictions = $1"
}

flow_resubmission_deferred() {
	TAKEOVER_AFTER=3s
	two_hosts
	resubmission_says "check_recipient_access static:{450 4.2.0 later}"
	send 3 plain,dsn,several
	host_lose a
	sink_control
	need "a takeover" wait_for 20 rows_are b 3 claimed
	sleep 2
	need "nothing dropped" rows_are b 3 claimed
	resubmission_says permit
	taken_over 3
}

flow_resubmission_refused() {
	TAKEOVER_AFTER=3s
	two_hosts
	resubmission_says "check_recipient_access static:{550 5.7.1 never}"
	send 3 plain,dsn,several
	host_lose a
	sink_control
	need "set aside" wait_for 20 rows_are b 3 quarantined
	need "status to ask for attention" not eval 'ctl b status >"$LAB/s"'
	need "its words" eval 'ctl b queue list --json | grep -q "5\.7\.1 .*never"'
	resubmission_says permit
	ctl b queue list --json | $PYTHON -c '
import json, sys
for line in sys.stdin:
    print(json.loads(line)["key"])' >"$LAB/keys"
	while read -r refused_key; do
		need "release" ctl b queue release "$refused_key"
	done <"$LAB/keys"
	taken_over 3
}

# A message that its resubmission does not survive, three times.
flow_poisoned_message() {
	TAKEOVER_AFTER=1h
	need "a next hop" sink_start
	sink_control pause
	need "hosts" host_make a b
	$PYTHON "$TOOL/poison.py" "$(submit_port_of b)" tag-poison. \
	    "$LAB/b/shadowmxd.pid" "$WORKER_USER" >"$LAB/poison.port" &
	poison_pid=$!
	LAB_PIDS="$LAB_PIDS $poison_pid"
	need "a way that kills" wait_for 10 test -s "$LAB/poison.port"
	cp "$LAB/poison.port" "$LAB/b/port.submit"
	need "its configuration" host_conf b
	need "hosts that see each other" hosts_start
	send 4 plain
	post a poison sender@client.test.invalid rcpt@next.test.invalid >/dev/null
	need "5 shadows" rows_are b 5
	host_lose a
	need "the command" ctl b takeover a.test.invalid
	sink_control
	need "it set aside" wait_for 90 rows_are b 1 quarantined
	need "three workers killed by it, no more" \
	    is "$(grep -c 'event=ended.*worker.*signal' "$LAB/b/shadowmxd.log")" 3
	need "the others delivered" wait_for 60 delivered 4
	need "the poisoned one not" is "$(served poison)" ""
	need "a word of it" eval 'ctl b status | grep -q quarantined'
	kill -USR1 "$poison_pid"
	need "release" ctl b queue release --all --yes -S quarantined
	need "it delivered, too" \
	    wait_for 30 eval 'is "$(served poison)" rcpt@next.test.invalid'
	need "nothing left" wait_for 30 no_rows b
}

# ---- disks ----

small_disk() {
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2,mode=755" tmpfs "$1" || {
		say "SKIP: no tmpfs here"
		exit 77
	}
	chown "${3:-root}" "$1"
	LAB_MOUNTS="$LAB_MOUNTS $1"
}

# ---- all of them ----

lab_main flow "$@"
