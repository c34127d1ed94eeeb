#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Queues and stores that are wiped, brought back to an earlier state, or
# exchanged for another host's, with the daemon stopped meanwhile or running.
# What is gone is taken over at once, what is there is not delivered twice.
# "epochs.sh NAME..." runs only these scenarios, "epochs.sh all" all of them,
# "epochs.sh" the ones that stand for the others.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-disk.sh"

# Nobody is taken over for his silence here.
TAKEOVER_AFTER=60s MAX_DELAY=20s

at_most() { [ "$1" -le "$2" ]; }
at_least() { [ "$1" -ge "$2" ]; }
claims_at() { grep -c 'event=claimed' "$LAB/$1/shadowmxd.log"; }
claims_are() { is "$(claims_at "$1")" "$2"; }

defer_all() { sink_control 'reply=450:.*'; }

# ---- states of a host's disk ----

counter_is_not() { # HOST COUNTER
	counter_now=$(grep '^counter ' "$LAB/$1/spool/$MARKER") &&
	    [ "$counter_now" != "$2" ]
}

# What came until now has counters that are behind it.
counts_on() { # HOST
	counter_then=$(grep '^counter ' "$LAB/$1/spool/$MARKER")
	need "$1's marker to count on" wait_for 10 counter_is_not "$1" "$counter_then"
}

# A queue that another host has had: nothing of ours is in it.
other_spool() {
	keep "$1" spool other
	find "$LAB/other.spool" -path '*/shadowmx' -prune -o -type f -name '[0-9A-Za-z]*' \
	    \( -path '*/deferred/*' -o -path '*/defer/*' -o -path '*/active/*' \
	    -o -path '*/incoming/*' \) -exec rm -f {} +
	sed -i 's/^id .*/id 0123456789abcdef0123456789abcdef/' \
	    "$LAB/other.spool/$MARKER"
}

# ---- a primary ----

send() {
	need "mail to be sent" mail_send a --count 3 --kinds plain,several --prefix "$1-"
}

# 3 messages, a copy of all that the host has, 3 more.
loaded() {
	need "a next hop" sink_start
	defer_all
	need "hosts" host_make a b
	need "hosts that see each other" hosts_start
	send early
	need "3 acknowledged" is "$(acknowledged)" 3
	counts_on a
	host_kill a
	keep a spool early
	keep a store early
	other_spool a
	daemon_kill b
	keep b store other
	need "the holder again" daemon_start b
	need "the host again" host_start a
	need "both up" wait_for 40 peers_up a
	send late
	need "6 acknowledged" is "$(acknowledged)" 6
	need "6 shadows" rows_are b 6 shadow
	counts_on a
}

# What of "spool store" becomes NAME, while the daemon is stopped or runs.
exchange() { # HOST PARTS NAME WHEN
	if [ "$4" = stopped ]; then
		host_kill "$1"
	else
		pf_kill "$LAB/$1"
	fi
	for exchange_part in $2; do
		put "$1" "$exchange_part" "$3"
	done
	if [ "$4" = stopped ]; then
		need "the host again" host_start "$1"
	else
		need "Postfix again" pf_start "$LAB/$1"
	fi
}

# So many are gone and are taken over; so many may be delivered twice.
ends_well() { # GONE [DUPLICATES]
	need "$1 taken over at once" wait_for 40 claims_are b "$1"
	sink_control
	need "everything delivered, nothing damaged" ledger --wait 60 --least 6
	need "no more than $1 taken over" claims_are b "$1"
	need "duplicates: ${2:-0} at most" at_most "$(tally duplicated)" "${2:-0}"
	need "nothing left at the holder" wait_for 40 no_rows b
	need "nothing open at the primary" wait_for 40 status_is a own.open 0
	need "mail taken as before" wait_for 40 eval \
	    'post a after s@x.invalid r@y.invalid | grep -q ^250'
}

primary() { # PARTS NAME WHEN GONE
	loaded
	exchange a "$1" "$2" "$3"
	ends_well "$4"
}

epochs_queue_wiped_stopped() {
	primary spool wiped stopped 6
}
epochs_queue_wiped_running() {
	primary spool wiped running 6
}
# Its folder is not there for a while.
epochs_queue_removed_running() {
	loaded
	pf_kill "$LAB/a"
	mv "$LAB/a/spool" "$LAB/a/spool.gone"
	sleep 2
	mkdir "$LAB/a/spool"
	chmod 755 "$LAB/a/spool"
	need "Postfix again" pf_start "$LAB/a"
	ends_well 6
}
epochs_queue_back_stopped() {
	primary spool early stopped 3
}
epochs_queue_back_running() {
	primary spool early running 3
}
epochs_queue_copied_stopped() {
	COPIED=1 primary spool early stopped 3
}
epochs_queue_copied_running() {
	COPIED=1 primary spool early running 3
}
epochs_queue_other_stopped() {
	primary spool other stopped 6
}
epochs_queue_other_running() {
	primary spool other running 6
}
epochs_store_wiped_stopped() {
	primary store wiped stopped 0
}
epochs_store_wiped_running() {
	primary store wiped running 0
}
epochs_store_back_stopped() {
	primary store early stopped 0
}
epochs_store_back_running() {
	primary store early running 0
}
epochs_store_other_stopped() {
	primary store other stopped 0
	need "an alarm for what it holds for itself" \
	    wait_for 10 log_says a event=orphaned
}
epochs_store_other_running() {
	primary store other running 0
}
epochs_both_wiped_stopped() {
	primary "spool store" wiped stopped 6
}
epochs_both_wiped_running() {
	primary "spool store" wiped running 6
}
epochs_both_back_stopped() {
	primary "spool store" early stopped 3
}
epochs_both_back_running() {
	primary "spool store" early running 3
}
epochs_both_other_stopped() {
	primary "spool store" other stopped 6
}
epochs_both_other_running() {
	primary "spool store" other running 6
}

# A queue that went back, while its holder is away, and another restart before
# it is there again: what was gone is still known to be gone.
epochs_queue_back_twice() {
	loaded
	daemon_kill b
	exchange a spool early stopped
	host_kill a
	need "the host once more" host_start a
	need "the holder again" daemon_start b
	ends_well 3
}

# The power goes and the queue stays: what is not in it has not ended for that.
epochs_power_cut() {
	loaded
	host_kill a
	sed -i 's/^boot .*/boot another-boot/' "$LAB/a/spool/$MARKER"
	marker_as_on_disk "$LAB/a/spool"
	power_file=$(find "$LAB/a/spool/deferred" "$LAB/a/spool/active" -type f |
	    head -n 1)
	rm -f "$power_file"
	need "the host again" host_start a
	need "the one that is not there doubtful" wait_for 40 \
	    status_is a own.doubtful 1
	sink_control
	need "the others delivered" wait_for 40 eval 'at_least "$(tally delivered)" 5'
	need "the shadow of the doubtful one kept" wait_for 40 rows_are b 1 shadow
	need "the command" ctl b takeover a.test.invalid
	need "everything delivered" ledger --wait 60 --least 6
	need "no duplicates" is "$(tally duplicated)" 0
}

# Ids that are used again say little about a queue that went back.
epochs_short_ids() {
	need "a next hop" sink_start
	defer_all
	need "hosts" host_make a b
	pf_cf "$LAB/a" "enable_long_queue_ids = no"
	need "hosts that see each other" hosts_start
	send early
	counts_on a
	host_kill a
	keep a spool early
	need "the host again" host_start a
	need "both up" wait_for 40 peers_up a
	send late
	counts_on a
	# postsuper renames what was copied, as the queue's owner.
	chmod 666 "$LAB/a/mail.log"
	COPIED=1
	exchange a spool early stopped
	ends_well 6 12
}

# ---- a holder ----

# 3 messages while a copy of the holder's store is made; these end, 3 more come.
holder() { # PARTS NAME WHEN
	need "a next hop" sink_start
	defer_all
	need "hosts" host_make a b
	need "hosts that see each other" hosts_start
	send early
	daemon_kill b
	keep b store early
	need "the holder again" daemon_start b
	sink_control
	need "3 delivered" ledger --wait 60 --least 3
	need "and discarded" wait_for 40 no_rows b
	defer_all
	send late
	need "3 shadows" rows_are b 3 shadow
	if [ "$2" = stopped ]; then
		daemon_kill b
		put b store "$1"
		need "the holder again" daemon_start b
	elif [ "$1" = removed ]; then
		rm -rf "$LAB/b/store"
		need "an alarm" wait_for 40 log_says b event=store_replaced
	else
		put b store "$1"
		need "an alarm" wait_for 40 log_says b event=store_replaced
	fi
	need "3 without a copy, and shown or copied again" wait_for 40 \
	    eval 'is "$(status a own.unprotected)" 3 || rows_are b 3 shadow'
	sink_control
	need "everything delivered, nothing damaged" ledger --wait 60 --least 6
	need "no duplicates" is "$(tally duplicated)" 0
	need "nothing taken over" claims_are b 0
	need "nothing left at the holder" wait_for 40 no_rows b
	need "nothing open at the primary" wait_for 40 status_is a own.open 0
	need "mail protected as before" wait_for 40 eval \
	    'post a after s@x.invalid r@y.invalid | grep -q ^250'
}

epochs_holder_store_wiped_stopped() {
	holder wiped stopped
}
epochs_holder_store_wiped_running() {
	holder wiped running
}
epochs_holder_store_removed_running() {
	holder removed running
}
epochs_holder_store_back_stopped() {
	holder early stopped
}
epochs_holder_store_back_running() {
	holder early running
}

# b has taken over for a that is gone, and its own queue goes back to before
# that, or to where half of it was there.
handed() { # WHEN
	TAKEOVER_AFTER=3s
	need "a next hop" sink_start
	defer_all
	need "hosts" host_make a b
	need "hosts that see each other" hosts_start
	daemon_kill b
	pf_kill "$LAB/b"
	keep b spool early
	need "the holder again" host_start b
	need "both up" wait_for 40 peers_up a
	send one
	send two
	host_lose a
	need "6 handed to the own MTA" wait_for 40 rows_are b 6 handed
	counts_on b
	exchange b spool early "$1"
	need "the loss noticed" wait_for 40 log_says b event=queue_went_back
	sink_control
	need "everything delivered, nothing damaged" ledger --wait 60 --least 6
	need "no duplicates" is "$(tally duplicated)" 0
	need "nothing left at the holder" wait_for 40 no_rows b
}

epochs_handed_queue_back_stopped() {
	handed stopped
}
epochs_handed_queue_back_running() {
	handed running
}

# The same queue with what was handed to it, brought back: nothing twice.
epochs_handed_queue_back_with_all() {
	TAKEOVER_AFTER=3s
	need "a next hop" sink_start
	defer_all
	need "hosts" host_make a b
	need "hosts that see each other" hosts_start
	send one
	host_lose a
	need "3 handed to the own MTA" wait_for 40 rows_are b 3 handed
	counts_on b
	host_kill b
	keep b spool early
	need "the holder again" host_start b
	counts_on b
	exchange b spool early stopped
	need "the way back noticed" wait_for 40 log_says b event=queue_went_back
	sleep 3
	need "nothing claimed again" rows_are b 3 handed
	sink_control
	need "everything delivered, nothing damaged" ledger --wait 60 --least 3
	need "no duplicates" is "$(tally duplicated)" 0
	need "nothing left at the holder" wait_for 40 no_rows b
}

# A store that went back to before a takeover that is over by now: twice at
# most, for nobody is left who knows.
epochs_taken_store_back() {
	TAKEOVER_AFTER=3s
	need "a next hop" sink_start
	defer_all
	need "hosts" host_make a b
	need "hosts that see each other" hosts_start
	send one
	daemon_kill b
	keep b store early
	host_lose a
	need "the holder again" daemon_start b
	need "a takeover" wait_for 40 rows_are b 3 handed
	sink_control
	need "everything delivered" ledger --wait 60 --least 3
	need "over" wait_for 40 no_rows b
	daemon_kill b
	put b store early
	need "the holder once more" daemon_start b
	need "its store behind its queue" wait_for 40 log_says b event=store_went_back
	need "another takeover" wait_for 40 eval 'at_least "$(claims_at b)" 6'
	need "over again" wait_for 40 no_rows b
	need "twice at most" at_most "$(tally duplicated)" 6
	need "nothing lost" ledger --least 3
}

SOME="queue_wiped_running queue_back_stopped queue_copied_running
    store_wiped_stopped both_back_running queue_back_twice
    holder_store_back_running handed_queue_back_stopped power_cut"
case ${1:-} in
'')
	# shellcheck disable=SC2086
	set -- $SOME
	;;
all) shift ;;
esac
lab_main epochs "$@"
