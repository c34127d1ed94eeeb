#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A backup MX whose worker and helper die at every durable step of hold and release.
# For a daemon that has such: configure CPPFLAGS=-DSMX_CRASH_POINTS.  Every scenario
# is a function steps_NAME; "backup_steps.sh NAME..." runs only these,
# "backup_steps.sh -l" lists them; "backup_steps.sh N at_random" has N deaths at steps
# that are drawn ($SEED draws the same).
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"

HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s

TAKING="books-take books-taken books-hold books-held books-do books-done"
# The worker's word to the helper, what the helper does, and the books of it.
MOVING="release-change helper-change helper-changed release-changed books-move
    books-moved"

# points NAME[:TIMES]...: who passes there dies, after so many times that nobody does
points() {
	for point; do
		case $point in
		*:*) printf "%${point#*:}s" '' ;;
		esac >"$SMX_CRASH_IN/${point%:*}"
		chmod 666 "$SMX_CRASH_IN/${point%:*}"
	done
}
points_left() { find "$SMX_CRASH_IN" -type f | wc -l; }
no_points_left() { is "$(points_left)" 0; }
died_at() { grep -q "crash point [0-9]*: $1\$" "$LAB/a/shadowmxd.log"; }
post_at_last() { wait_for 20 post_is_taken "$@"; }

steps_ready() { # [POLICY...]
	SMX_CRASH_IN=$LAB/points
	export SMX_CRASH_IN
	mkdir "$SMX_CRASH_IN"
	backup_ready "$@"
	# The helper dies as root, the worker as its user.
	chown "$WORKER_USER" "$SMX_CRASH_IN"
}

primary_falls() {
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
}

# The books of N messages, each delivered once.  What was not acknowledged may be
# in the books, as deleted.
all_is_well() { # COUNT
	need "all delivered, and the books say so" wait_for 60 books_are \
	    "delivered $1" "returned 0" "held 0" "queued 0" "unaccounted 0"
	need "balance" books_balance
	need "each once" is "$(sink_count)" "$1"
	need "an empty queue" wait_for 30 queue_is_empty a
	need "nothing left at the holder" wait_for 30 no_rows b
	need "nobody told" no_bounce
}

# ---- one after the other ----

steps_of_taking() {
	steps_ready
	primary_falls
	steps_n=0
	for steps_point in $TAKING; do
		steps_n=$((steps_n + 1))
		points "$steps_point"
		need "a message at $steps_point" \
		    post_at_last a "$steps_point" $S "rcpt$steps_n@$D"
		need "the end at $steps_point" wait_for 20 died_at "$steps_point"
		need "a new worker" wait_for 20 answers a
	done
	need "all on hold" wait_for 20 held_are a $steps_n
	need "them in the books" wait_for 30 books_are "held $steps_n"
	need "balance" books_balance
	need "the primary again" mx_start
	all_is_well $steps_n
}

# Few at a time, so that there are some left for each step.
steps_of_letting_go() {
	RATE=4 RATE_MAX=4
	steps_ready
	primary_falls
	send 24
	need "all on hold" wait_for 20 held_are a 24
	# shellcheck disable=SC2086
	points $MOVING
	need "the primary again" mx_start
	need "the end at each of them" wait_for 60 no_points_left
	all_is_well 24
}

# What is old leaves the hold under a new id.
steps_of_requeueing() {
	RATE=4 RATE_MAX=4 QUEUE_LIFETIME=8s
	steps_ready
	primary_falls
	send 24
	need "all on hold" wait_for 20 held_are a 24
	sleep 4.5
	# shellcheck disable=SC2086
	points $MOVING
	need "the primary again" mx_start
	need "the end at each of them" wait_for 60 no_points_left
	need "new ids" grep -q 'orig_id=' "$LAB/a/mail.log"
	all_is_well 24
}

# It was let go, was not taken, and the primary falls: on hold again.  What was let
# go in the life of a worker that died is ordinary mail.
steps_of_putting_back() {
	steps_ready
	need "a primary that says not yet" pf_cf "$LAB/mx" \
	    "smtpd_data_restrictions = check_client_access static:{451 4.3.2 not yet}"
	steps_n=0
	for steps_point in $MOVING; do
		steps_n=$((steps_n + 1))
		need "the word" ctl a maintenance start --for 2h $D
		need "a message for $steps_point" \
		    post_at_last a "$steps_point" $S "rcpt$steps_n@$D"
		need "it held" wait_for 20 books_least held 1
		need "the end of it" ctl a maintenance end $D
		need "all let go" wait_for 20 books_are "held 0" "queued $steps_n"
		points "$steps_point"
		need "the word again" ctl a maintenance start --for 2h $D
		need "the end at $steps_point" wait_for 40 died_at "$steps_point"
		need "a worker" wait_for 20 answers a
		need "the books as the queue is" \
		    wait_for 40 books_are_the_queue $steps_n
		need "nobody's hold but ours" \
		    not log_says a event=backup-held-by-hand
		need "the end of it" ctl a maintenance end $D
	done
	need "balance" books_balance
	need "the primary ready" pf_cf "$LAB/mx" "smtpd_data_restrictions ="
	all_is_well $steps_n
}
books_least() { at_least "$(books "$1")" "$2"; }
books_are_the_queue() { # COUNT
	queue_held=$(held a | grep -c .)
	books_are "held $queue_held" "queued $(($1 - queue_held))"
}

# The end of the hold: each sender is told once.
steps_of_giving_up() {
	steps_ready "$(backed $D 'while_up = "accept"; hold = "5s"; warn = "2s";')"
	primary_falls
	send 6
	need "all on hold" wait_for 20 held_are a 6
	points release-change helper-change helper-changed release-changed
	need "the end at each of them" wait_for 60 no_points_left
	need "the books" wait_for 60 books_are "taken 6" "returned 6" "held 0" \
	    "queued 0" "unaccounted 0"
	need "balance" books_balance
	need "an empty queue" wait_for 30 queue_is_empty a
	need "its senders told, each once" is "$(sink_count)" 6
	need "of a failure" some_bounce
	need "nothing left at the holder" wait_for 30 no_rows b
}

# ---- at random ----

# Mail comes without a pause, the primary comes and goes, and each time it does, two
# of the steps are drawn at which somebody dies.
draw() { # NUMBER: less than that
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	drawn=$((seed / 65536 % $1))
}
draw_point() {
	# shellcheck disable=SC2086
	set -- $TAKING $MOVING
	draw $#
	shift $drawn
	draw 4
	points "$1:$drawn"
	say "   $1, passed $drawn times"
}

steps_at_random() {
	seed=$(($(echo "$SEED" | cksum | cut -d ' ' -f 1) % 2147483648))
	say "   seed $SEED"
	RATE=20
	steps_ready
	mail_send a --until "$LAB/enough" --kinds plain --sessions 2 \
	    --per-session 2 --pause-ms 400 &
	random_sender=$!
	random_n=0 random_up=1
	while [ $random_n -lt "$rounds" ]; do
		draw_point
		draw_point
		random_n=$((random_n + 2))
		if [ $random_up = 1 ]; then
			mx_kill
			need "the primary known to be down" wait_for 30 mx_is down
		else
			need "the primary again" mx_start
			need "the primary known to be up" wait_for 30 mx_is up
		fi
		random_up=$((1 - random_up))
		draw 30
		sleep $((drawn / 10)).$((drawn % 10))
	done
	find "$SMX_CRASH_IN" -type f -delete
	: >"$LAB/enough"
	wait $random_sender
	[ $random_up = 1 ] || need "the primary again" mx_start
	need "a worker" wait_for 30 answers a
	random_count=$(acknowledged)
	need "some acknowledged" at_least "$random_count" 5
	need "some deaths" grep -q "crash point" "$LAB/a/shadowmxd.log"
	need "everything delivered, nothing damaged" \
	    ledger --wait 60 --least "$random_count"
	need "an empty queue" wait_for 40 queue_is_empty a
	need "books that say so" wait_for 60 books_are "held 0" "queued 0" \
	    "unaccounted 0" "returned 0"
	need "as many delivered" at_least "$(books delivered)" "$random_count"
	need "balance" books_balance
	need "nobody told" no_bounce
	need "nothing left at the holder" wait_for 30 no_rows b
	say "   $random_count messages, $(grep -c 'crash point' \
	    "$LAB/a/shadowmxd.log") deaths, $(tally duplicated) twice"
}

grep -qs SMX_CRASH_IN "$SMX_BUILD"/.libs/libshadowmx.so* || {
	say "SKIP: a daemon without crash points"
	exit 77
}
: "${SEED:=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}" "${rounds:=8}"
case ${1:-} in
[0-9]*)
	rounds=$1
	shift
	;;
esac
export SEED rounds
lab_main steps "$@"
