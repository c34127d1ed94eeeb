#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A pair whose other member is the primary MX: when that one dies, so does whoever
# holds the copies, and the policy decides what is done with mail for it.  Host a is
# the secondary, host b the primary MX.  Every scenario is a function pair_NAME with
# hosts of its own; "backup_pair.sh NAME..." runs only these, "backup_pair.sh -l"
# lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"

HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=2s

two_hosts() {
	need "a sink" sink_start
	need "hosts" host_make a b
	MX_PORT=$(port_of b)
	POLICIES=$(backed $D 'while_up = "accept"; unknown_recipient = "accept";')
	need "an MTA that relays" backup_mta a
	need "a configuration" backup_conf a
	need "hosts that see each other" hosts_start
	need "the primary known to be up" wait_for 20 mx_is up
}

primary_dies() {
	host_kill b
	need "the primary known to be down" wait_for 20 mx_is down
}

# As its system starts it: the daemon, "fence", then the MTA.
primary_returns() {
	need "the primary's daemon" daemon_start b
	need "what it may deliver" ctl b fence --wait=30s
	need "the primary again" pf_start "$LAB/b"
	need "hosts that see each other" wait_for 30 peers_up a
}

# Taken with one copy, held, and each one counted; when the primary is back it holds
# their copies again, and then gets them.
pair_accepts_and_counts() {
	UNPROTECTED=accept
	two_hosts
	send 2 plain before
	need "nothing unprotected" status_is a own.accepted_unprotected 0
	need "delivery" ledger --wait 30 --least 2
	primary_dies
	send 4 plain while
	need "them on hold" wait_for 20 held_are a 4
	need "in the books" wait_for 10 books_are "held 4"
	need "each of them counted" status_is a own.unprotected 4
	need "and for good" status_is a own.accepted_unprotected 4
	need "which is said" log_says a "event=unprotected"
	need "status to say so" not ctl a status
	need "in its attention" eval \
	    'ctl a --json status | jq -e ".attention | index(\"unprotected\")"'
	need "balance" books_balance
	primary_returns
	need "everything delivered, nothing damaged" ledger --wait 60 --least 6
	need "no duplicates" is "$(tally duplicated)" 0
	need "the books" wait_for 30 books_are "taken 6" "delivered 6" "held 0" \
	    "queued 0" "unaccounted 0"
	need "balance" books_balance
	need "nothing unprotected any more" \
	    wait_for 20 status_is a own.unprotected 0
	need "but what was is counted" status_is a own.accepted_unprotected 4
	need "nothing left at the holder" wait_for 30 no_rows b
	need "nobody told" no_bounce
}

# While nobody can hold a copy none is taken: the client keeps it.
pair_refuses() {
	UNPROTECTED=tempfail
	two_hosts
	primary_dies
	post a refused $S "rcpt1@$D" >"$LAB/said"
	need "not now" grep -q '^4' "$LAB/said"
	need "nothing on hold" held_are a 0
	need "an empty queue" wait_for 10 queue_is_empty a
	need "nothing unprotected" status_is a own.accepted_unprotected 0
	need "books without it" wait_for 10 books_are "held 0" "queued 0" \
	    "unaccounted 0"
	need "balance" books_balance
	primary_returns
	need "the primary known to be up" wait_for 20 mx_is up
	need "it taken now" wait_for 20 post_is_taken a later $S "rcpt1@$D"
	need "and delivered" wait_for 30 eval 'is "$(served later)" "rcpt1@$D"'
	need "the other one not" is "$(served refused)" ""
	need "the books" wait_for 20 books_are "delivered 1" "held 0" "queued 0" \
	    "unaccounted 0"
}

# What the primary had acknowledged and not delivered its holder takes over, for
# a domain whose primary is down: so it is held for it, and given back.
pair_takes_over_for_the_primary() {
	HEARTBEAT=500ms TAKEOVER_AFTER=4s UNPROTECTED=accept
	two_hosts
	sink_control "reply=450:."
	need "mail at the primary" post_is_taken b open $S "rcpt1@$D"
	need "its copy here" wait_for 10 rows_are a 1
	primary_dies
	need "it on hold here" wait_for 40 held_are a 1
	need "in the books" wait_for 20 books_are "held 1"
	need "nothing tried" not grep -q 'relay=127.*status=' "$LAB/a/mail.log"
	sink_control
	primary_returns
	need "it delivered" wait_for 60 eval 'is "$(served open)" "rcpt1@$D"'
	need "the books" wait_for 30 books_are "delivered 1" "held 0" "queued 0" \
	    "unaccounted 0"
	need "balance" books_balance
	need "nothing left of the copy" wait_for 40 no_rows a
	need "nothing left at the primary" wait_for 40 queue_is_empty b
	need "once" is "$(served open)" "rcpt1@$D"
	need "nobody told" no_bounce
}

lab_main pair "$@"
