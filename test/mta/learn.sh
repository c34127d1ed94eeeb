#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What a backup MX learns from what happens, and what its books say of it: refusals
# after the release, recipients that the MTA rewrites, outages and what was taken
# in them, a primary that is busy, a policy that comes with a reload, a disk that
# does not answer.  Real Postfix on both sides, as in backup.sh; every scenario is a
# function learn_NAME; "learn.sh NAME..." runs only these, "learn.sh -l" lists
# them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"

HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s

UNKNOWN='while_up = "accept"; unknown_recipient = "accept";'

is_down() {
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
}

is_back() {
	need "the primary again" mx_start
	need "the primary known to be up" wait_for 20 mx_is up
}

# knows ADDRESS WORD: what the ledger says of it
knows() {
	ctl a --json recipient show "$1" >"$LAB/said" 2>&1
	shows grep -q "\"$2\"" "$LAB/said"
}

# ---- what is refused after the release ----

learn_a_bounce_of_the_primary() {
	backup_ready "$(backed $D "$UNKNOWN")"
	is_down
	need "one that nobody knows" knock_heard 1 250 $S nobody@$D
	need "and one that exists" knock_heard 1 250 $S rcpt1@$D
	need "both on hold" wait_for 10 held_are a 2
	is_back
	need "the books" wait_for 20 books_are "delivered 1" "returned 1" \
	    "unaccounted 0"
	need "it learned" wait_for 10 log_says a event=recipient-bounced
	need "bad" knows nobody@$D bad
	need "good" knows rcpt1@$D good
	is_down
	need "a refusal, with nobody asked" \
	    knock_heard 1 "550 5.1.1" $S nobody@$D
}

# Another host on the way does not know who exists at the primary.
learn_nothing_of_a_strangers_bounce() {
	backup_ready "$(backed $D "$UNKNOWN")"
	stranger=$(pf_port)
	smtp-sink -u nobody -f RCPT -B "550 5.1.1 nobody" "127.0.0.1:$stranger" 10 \
	    >"$LAB/stranger" 2>&1 &
	LAB_PIDS="$LAB_PIDS $!"
	printf '/^nobody@/ smtp:[127.0.0.1]:%s\n' "$stranger" |
	    cat - "$LAB/a/transport" >"$LAB/a/transport.new"
	mv "$LAB/a/transport.new" "$LAB/a/transport"
	is_down
	need "one that nobody knows" knock_heard 1 250 $S nobody@$D
	need "on hold" wait_for 10 held_are a 1
	is_back
	need "the books" wait_for 20 books_are "returned 1" "unaccounted 0"
	need "its words" grep -q 'said: 550 5.1.1 nobody.*RCPT TO' \
	    "$LAB/a/mail.log"
	need "nothing learned" not log_says a event=recipient-bounced
	need "not bad" not knows nobody@$D bad
}

# ---- what the MTA rewrites ----

learn_what_was_rewritten() {
	backup_ready "$(backed $D "$UNKNOWN")"
	printf '/^two@/ rcpt1@%s, rcpt2@%s\n/^half@/ rcpt3@%s, nobody@%s\n' \
	    $D $D $D $D >"$LAB/a/aliases"
	need "aliases" pf_cf "$LAB/a" "virtual_alias_maps = regexp:$LAB/a/aliases"
	is_down
	need "several" knock_heard 3 250 $S two@$D half@$D rcpt4@$D
	need "on hold" wait_for 10 held_are a 1
	need "the books" books_are "taken 3" "held 3"
	is_back
	need "the books" wait_for 20 books_are "taken 3" "delivered 2" \
	    "returned 1" "unaccounted 0" "queued 0"
	need "balance" books_balance
	need "all addresses" is "$(grep -c 'to=<rcpt[1-4]@.*status=sent' \
	    "$LAB/a/mail.log")" 4
	need "nothing said of an alias" not knows two@$D good
	need "good" knows rcpt4@$D good
}

# ---- outages ----

# outage N MEMBER: of the N-th from the newest
outage() {
	ctl a --json backup report $D |
	    jq -s "map(select(.what == \"outage\"))[$1 - 1].$2"
}

learn_what_an_outage_took() {
	backup_ready
	is_down
	send 3 plain first
	need "on hold" wait_for 10 held_are a 3
	need "shown with the domain" is "$(ctl a --json backup list |
	    jq -r 'select(.domain == "'$D'").outage_messages')" 3
	need "a restart" daemon_stop a
	need "of it" daemon_start a
	need "the primary known to be down" wait_for 20 mx_is down
	send 1 plain second
	need "on hold" wait_for 10 held_are a 4
	is_back
	need "delivered" wait_for 30 books_are "delivered 4"
	is_down
	need "one for two" knock_heard 3 250 $S rcpt1@$D rcpt2@$D
	need "two outages" is "$(outage 1 messages) $(outage 2 messages)" "1 4"
	need "recipients" is "$(outage 1 recipients) $(outage 2 recipients)" "2 4"
	need "bytes" at_least "$(outage 1 bytes)" 10
	need "an end" at_least "$(outage 2 to_at_ms)" "$(outage 2 from_at_ms)"
	need "no end" is "$(outage 1 to_at_ms)" null
	ctl a backup report $D >"$LAB/said"
	need "a table" shows grep -q '^FROM .*MESSAGES *RECIPIENTS' "$LAB/said"
	is_back
	need "all delivered" wait_for 30 books_are "delivered 6"
	need "balance" books_balance
}

# ---- a primary that is busy ----

# What it says to MAIL; no words: yes.
mail_says() {
	[ -z "${1:-}" ] || set -- "check_client_access static:{$1}"
	pf_cf "$LAB/mx" "smtpd_delay_reject = no" \
	    "smtpd_sender_restrictions = ${1:-}"
}

learn_that_busy_is_not_down() {
	DOWN_AFTER=3
	backup_ready
	need "a primary with no room" mail_says "452 4.3.1 no room"
	need "probes that hear it" wait_for 20 eval \
	    'at_least "$(grep -c "452 4.3.1 .*no room" "$LAB/mx/mail.log")" 4'
	need "up all the same" mx_is up
	need "nobody told" not log_says a event=primary-down
	need "down when that goes on" wait_for 30 mx_is down
	need "why" log_says a 'event=primary-down.*no room'
	send 2
	need "on hold" wait_for 10 held_are a 2
	need "room" mail_says
	need "the primary known to be up" wait_for 20 mx_is up
	outage_ends_well 2
}

# ---- a policy that comes and goes ----

learn_a_policy_by_a_reload() {
	OTHER_POLICY='{ name = "other"; match = { domains = ( "other.invalid" ); };
	    acknowledge = { copies = 1; }; },
	'
	need "a sink" sink_start
	need "a primary MX" mx_make
	need "it to run" mx_start
	backup_hosts "$OTHER_POLICY"
	need "no books" not ctl a backup list
	POLICIES=$(backed $D)
	need "a configuration" backup_conf a
	need "a reload" daemon_signal HUP a
	need "the primary known to be up" wait_for 20 mx_is up
	send 2 plain up
	need "the books" wait_for 20 books_are "delivered 2" "unaccounted 0"
	is_down
	send 3 plain down
	need "on hold" wait_for 10 held_are a 3
	# The last one goes: what is here is still followed, after a restart, too.
	POLICIES=$OTHER_POLICY
	need "a configuration" backup_conf a
	need "a reload" daemon_signal HUP a
	sleep 1
	need "a restart" daemon_stop a
	need "of it" daemon_start a
	need "books" wait_for 10 books_are "held 3" "delivered 2"
	need "the primary again" mx_start
	need "a person" ctl a backup release $D
	need "the books" wait_for 20 books_are "delivered 5" "unaccounted 0"
	need "balance" books_balance
}

# ---- a disk that does not answer ----

learn_to_do_without_the_books() {
	need "the shim" cc -shared -fPIC -O1 -o "$LAB/shim.so" \
	    "$HERE/disk_shim.c"
	cat >"$LAB/shadowmxd" <<-EOF
		#!/bin/sh
		LD_PRELOAD=$LAB/shim.so${LD_PRELOAD:+:$LD_PRELOAD} \\
		DISK_SHIM=$LAB/still DISK_SHIM_OF=/a/store/backup.db \\
		exec "$SHADOWMXD" "\$@"
	EOF
	chmod 755 "$LAB/shadowmxd"
	SHADOWMXD=$LAB/shadowmxd
	backup_ready
	is_down
	: >"$LAB/still"
	need "a yes in spite of it" knock_heard 2 250 $S rcpt1@$D
	need "who waited is told of" log_says a event=backup-db-stalled
	need "it is ordinary mail" wait_for 10 queued_are a 1
	need "and not on hold" held_are a 0
	need "said so" log_says a event=backup-not-booked
	# Nobody waits again.
	need "the next at once" knock_heard 2 250 $S rcpt2@$D
	need "twice" at_least "$(log_count a event=backup-not-booked)" 2
	rm "$LAB/still"
	need "it goes on" wait_for 10 log_says a event=backup-db-goes-on
	need "what was written after all" wait_for 10 books_are "taken 1"
	send 1
	need "on hold as ever" wait_for 10 held_are a 1
	need "the primary again" mx_start
	need "a push" postqueue -c "$LAB/a/etc" -f
	need "all delivered" wait_for 20 eval 'is "$(sink_count)" 3'
	need "the books" wait_for 20 books_are "taken 2" "delivered 2" \
	    "held 0" "queued 0" "unaccounted 0"
	need "balance" books_balance
}

log_count() { grep -c "$2" "$LAB/$1/shadowmxd.log"; }

[ -n "${PF_NETNS:-}" ] || [ -z "${LAB_ONE:-}" ] || unshare -n true 2>/dev/null || {
	say "SKIP: no namespace to be alone in"
	exit 77
}
lab_main learn "$@"
