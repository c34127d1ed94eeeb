#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A backup MX whose primary does not come back: at the end of the hold its mail is
# handed to another host, or to an address, and the books say who has it.  Every
# scenario is a function hand_NAME; "hand.sh NAME..." runs only these, "hand.sh -l"
# lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"
. "$HERE/lib-hop.sh"

HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s

super() { postsuper -c "$LAB/a/etc" "$@" 2>"$LAB/super"; }

# handing TO [HOLD]: the secondary of one that is down
# to "": to a host of its own, "other".
handing() {
	hand_to=$1
	[ -n "$hand_to" ] || {
		other_port=$(pf_port)
		hand_to="smtp:[127.0.0.1]:$other_port"
	}
	backup_ready "$(backed $D "while_up = \"accept\"; hold = \"${2:-2s}\";
	    warn = \"1s\"; at_end = \"hand\"; hand_to = \"$hand_to\";")"
	[ -n "$1" ] || hop_start other --port "$other_port"
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
}

all_is_handed() { # N
	need "the books" wait_for 40 books_are "taken $1" "handed $1" "held 0" \
	    "queued 0" "deleted 0" "unaccounted 0"
	need "balance" books_balance
	need "an empty queue" wait_for 20 queue_is_empty a
	need "nothing left at the holder" wait_for 30 no_rows b
	need "nobody told" no_bounce
}

hand_to_a_host() {
	handing ""
	need "mail" post_is_taken a one $S "rcpt1@$D"
	need "mail for two" post_is_taken a two $S "rcpt2@$D rcpt3@$D"
	need "dots and long lines" mail_send a --count 2 --kinds dots,eight
	need "on hold" wait_for 10 held_are a 4
	need "a warning" wait_for 20 log_says a event=backup-hold-ends
	all_is_handed 5
	need "all of them there" is "$(hop_taken other)" 4
	need "the one" is "$(hop_served other one)" "rcpt1@$D"
	need "the two" is "$(hop_served other two | tr '\n' ' ')" \
	    "rcpt2@$D rcpt3@$D "
	need "as they were" ledger --wait 5 --least 2
	need "nothing twice" is "$(tally duplicated)" 0
	need "no offence" hop_is_innocent other
	need "a line for each" \
	    is "$(log_count a "event=backup-handed ")" 4
}
log_count() { grep -c "$2" "$LAB/$1/shadowmxd.log"; }

# One is taken, one is refused, one is put off: who has it does not get it again.
hand_in_part() {
	handing ""
	hop_control other "RCPT/rcpt2 = first 1; 450 4.2.1 later" \
	    "RCPT/bad = 550 5.1.1 nobody"
	need "mail for three" post_is_taken a three $S \
	    "rcpt1@$D rcpt2@$D goodbad3@$D"
	need "the one booked" wait_for 20 books_are "handed 1" "held 2"
	need "balance" books_balance
	need "on hold still" held_are a 1
	need "the next one booked" wait_for 20 books_are "handed 2" "held 1"
	need "the reason shown" eval 'ctl a backup show "$(held a)" |
	    grep -q "550 5.1.1"'
	need "a return of it refused" not log_says a event=backup-given-up
	hop_control other
	all_is_handed 3
	need "each once" is "$(hop_served other three | tr '\n' ' ')" \
	    "goodbad3@$D rcpt1@$D rcpt2@$D "
}

# The primary returns when some have theirs from the other host: it gets the rest.
hand_in_part_and_the_primary_returns() {
	handing ""
	hop_control other "RCPT/rcpt2 = 450 4.2.1 later"
	need "mail for two" post_is_taken a two $S "rcpt1@$D rcpt2@$D"
	need "the one booked" wait_for 20 books_are "handed 1" "held 1"
	need "the primary again" mx_start
	need "the books" wait_for 40 books_are "taken 2" "handed 1" \
	    "delivered 1" "held 0" "queued 0" "unaccounted 0"
	need "balance" books_balance
	need "the one there" is "$(hop_served other two)" "rcpt1@$D"
	need "the other at the primary" wait_for 10 \
	    eval 'is "$(served two | sort | tr "\n" " ")" "rcpt1@$D rcpt2@$D "'
	need "an empty queue" wait_for 20 queue_is_empty a
	need "nothing left at the holder" wait_for 30 no_rows b
	need "a line of it" log_says a event=backup-sent-on
	need "nobody told" no_bounce
}

# So does a person who releases it.
hand_in_part_and_a_person_releases() {
	handing ""
	hop_control other "RCPT/rcpt2 = 450 4.2.1 later"
	need "mail for two" post_is_taken a two $S "rcpt1@$D rcpt2@$D"
	need "the one booked" wait_for 20 books_are "handed 1" "held 1"
	# Before a probe does.
	PROBE=1h
	need "a configuration" backup_conf a
	need "a reload" ctl a reload
	need "no probe any more" sleep 3
	need "the primary again" mx_start
	need "the command" wait_for 20 ctl a backup release $D
	need "the books" wait_for 40 books_are "taken 2" "handed 1" \
	    "delivered 1" "held 0" "queued 0" "unaccounted 0"
	need "each once" wait_for 10 \
	    eval 'is "$(served two | sort | tr "\n" " ")" "rcpt1@$D rcpt2@$D "'
	need "an empty queue" wait_for 20 queue_is_empty a
}

# The host is lost when some have theirs: the heir gives theirs to the others only.
hand_in_part_and_the_host_is_lost() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	handing ""
	hop_control other "RCPT/rcpt2 = 450 4.2.1 later"
	need "the other one knows, too" wait_for 20 mx_is down $D b
	need "mail for two" post_is_taken a two $S "rcpt1@$D rcpt2@$D"
	need "the one booked" wait_for 20 books_are "handed 1" "held 1"
	need "the holder told" \
	    wait_for 20 log_says a "event=amended key=.* version="
	need "the holder told who is left" wait_for 20 left_at b 1
	host_lose a
	need "it on hold at the heir" wait_for 40 held_are b 1
	need "the primary again" mx_start
	need "the other at the primary" wait_for 30 \
	    eval 'is "$(served two | sort | tr "\n" " ")" "rcpt1@$D rcpt2@$D "'
	need "the one there" is "$(hop_served other two)" "rcpt1@$D"
	need "balance" wait_for 20 books_balance $D b
}
left_at() {
	ctl "$1" queue list --json |
	    jq -es --argjson n "$2" 'map(select(.role == "holder")) |
		length == 1 and .[0].recipients == $n' >/dev/null
}

# It has taken it and not said so: once more, and counted.
hand_unsure() {
	handing ""
	hop_control other "dot = first 1; keep; close"
	need "mail" post_is_taken a one $S "rcpt1@$D"
	need "doubt" wait_for 20 log_says a event=backup-hand-unsure
	need "it on hold" held_are a 1
	need "shown" eval 'ctl a --json backup show "$(held a)" |
	    jq -e ".hand_unsure == 1" >/dev/null'
	all_is_handed 1
	need "there twice, and no more" is "$(hop_taken other)" 2
}

# To one address, by way of the own MTA; what was for several says for whom.
hand_to_an_address() {
	handing box@elsewhere.test.invalid
	need "mail for two" post_is_taken a two $S "rcpt1@$D rcpt2@$D"
	need "on hold" wait_for 10 held_are a 1
	all_is_handed 2
	need "it delivered" wait_for 20 \
	    eval 'is "$(served two)" "box@elsewhere.test.invalid"'
	need "whom it was for" grep -q "^X-Original-To: .*rcpt2@$D" \
	    "$SINK"/*.eml
	need "its sender" eval 'jq -r .mail "$SINK"/*.json | grep -q "$S"'
}

# The worker dies while the other host thinks about it.
hand_killed_at_the_dot() {
	handing ""
	hop_control other "dot = stall"
	need "mail" post_is_taken a one $S "rcpt1@$D"
	need "it on its way" wait_for 20 hop_says other ' content$\| dot'
	worker_kill a
	need "a new worker" wait_for 20 answers a
	hop_control other
	all_is_handed 1
	need "one there" is "$(hop_served other one | sort -u)" "rcpt1@$D"
}

died_at() { not test -e "$SMX_CRASH_IN/$1"; }

# Killed at each step: nothing is lost, and twice is there at most what was out.
hand_at_each_durable_step() {
	grep -qs SMX_CRASH_IN "$SMX_BUILD"/.libs/libshadowmx.so* || {
		say "SKIP: a daemon without crash points"
		exit 77
	}
	SMX_CRASH_IN=$LAB/points
	export SMX_CRASH_IN
	mkdir "$SMX_CRASH_IN"
	handing ""
	chown "$WORKER_USER" "$SMX_CRASH_IN"
	points_n=0
	for point in hand-begin hand-begun hand-given hand-booked hand-erase \
	    hand-erased; do
		points_n=$((points_n + 1))
		: >"$SMX_CRASH_IN/$point"
		need "a message at $point" \
		    post_at_last a $point $S "rcpt$points_n@$D"
		need "the end at $point" wait_for 30 died_at $point
		need "a new worker" wait_for 20 answers a
		need "it booked" wait_for 40 books_are "handed $points_n"
	done
	all_is_handed $points_n
	need "everybody there" is \
	    "$(hop_served_all | sort -u | grep -c .)" $points_n
	need "twice at most what was out" at_most "$(hop_served_all | wc -l)" \
	    $((points_n + 1))
}
hop_served_all() { jq -r '.rcpts[].rcpt' "$SINK"/other-*.json; }
post_at_last() { wait_for 20 post_is_taken "$@"; }

# ---- a flush ----

# It outlives a restart: a message that comes out of hold by it after the restart.
hand_flush_outlives_a_restart() {
	DOWN_AFTER=2 UP_AFTER=100 RATE=1 RATE_MAX=1
	need "a sink" sink_start
	need "a primary MX" mx_make
	backup_hosts "$(backed $D)"
	need "the primary known to be down" wait_for 20 mx_is down
	need "mail to be sent" mail_send a --count 4 --kinds plain
	need "on hold" wait_for 10 held_are a 4
	need "the command" ctl a backup flush $D
	worker_kill a
	need "a new worker" wait_for 20 answers a
	need "the release to go on" wait_for 20 begun_again
	need "the primary again" mx_start
	need "not known to be up" mx_is down
	outage_ends_well 4
}

begun_again() {
	log_says a "shadowmxd\\[$(worker_pid a)\\].*event=backup-release-begins"
}

# ---- whose hold it is ----

# What was ours, and was let go and put on hold by a person, is that person's at the
# heir, too; and what is ours stays so.
hand_hold_of_a_person_at_the_heir() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s
	backup_ready
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	need "the other one knows, too" wait_for 20 mx_is down $D b
	need "an MTA that waits" pf_cf "$LAB/a" "defer_transports = smtp"
	need "mail" post_is_taken a byhand $S "rcpt1@$D"
	need "on hold" wait_for 10 held_are a 1
	need "its shadow says so" wait_for 20 holds_all b
	need "let go by a person" super -H ALL
	need "seen" wait_for 20 log_says a event=backup-released-by-hand
	need "put on hold by a person" super -h ALL
	need "seen" wait_for 20 log_says a event=backup-held-by-hand
	need "mail that is ours" post_is_taken a ours $S "rcpt2@$D"
	need "both on hold" wait_for 10 held_are a 2
	need "their shadows" rows_are b 2
	need "both on hold there" wait_for 20 holds_all b
	need "told" wait_for 20 log_says a "event=amend.*recipients=.*held=1"
	host_lose a
	need "them on hold at the heir" wait_for 40 held_are b 2
	need "the person's shown so" wait_for 20 shown_by_hand b
	need "the primary again" mx_start
	need "the one delivered" \
	    wait_for 40 eval 'is "$(served ours)" "rcpt2@$D"'
	sleep 1
	need "the other still on hold" held_are b 1
	need "nothing else delivered" is "$(sink_count)" 1
}
holds_all() {
	ctl "$1" queue list --json |
	    jq -es 'map(select(.role == "holder")) | length > 0 and all(.held)' \
		>/dev/null
}
shown_by_hand() {
	ctl "$1" --json backup show $D |
	    jq -es 'map(select(.custody == "held-by-hand")) | length == 1' \
		>/dev/null
}

lab_main hand "$@"
