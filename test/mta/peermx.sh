#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A backup MX whose primary runs shadowmxd, too: the primary says who its
# recipients are, when it is there again and when it will be away.  Host p is the
# primary, host a its secondary.  Every scenario is a function peermx_NAME with
# hosts of its own; "peermx.sh NAME..." runs only these, "peermx.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"

HEARTBEAT=500ms TAKEOVER_AFTER=60s MAX_DELAY=10s PROBE_WAIT=1s
PEER='peer = ( "p.test.invalid" );'

# ---- the primary ----

# Who it takes mail for: its MTA's own table, and what it tells the secondary.
p_knows() {
	for p_name; do
		printf '%s@%s ok\n' "$p_name" "$D"
	done >"$LAB/p/users.new"
	mv "$LAB/p/users.new" "$LAB/p/users"
}

p_conf() { # DOMAIN...
	p_domains=$(printf '"%s", ' "$@")
	host_conf p "" "primary_for = ( { domains = ( ${p_domains%, } );
	    members = ( \"a.test.invalid\" ); recipients = \"$LAB/p/users\"; } );"
	no_copies p
}

# What is shown here needs no third host.
no_copies() {
	sed -i 's/when = ( "shadowed" );/when = ();/' "$(conf_of "$1")"
}

p_mta() {
	pf_cf "$LAB/p" "relay_domains = $D" \
	    "relay_recipient_maps = texthash:$LAB/p/users" \
	    "local_header_rewrite_clients ="
}

a_conf() { # POLICY...
	POLICIES="$*"
	backup_conf a
	no_copies a
}

# Both up, and the list is there.
pair_ready() { # [POLICY...]
	[ $# -gt 0 ] || set -- "$(backed $D "while_up = \"accept\"; $PEER")"
	need "strangers" ip route add local 198.51.0.0/16 dev lo
	need "a sink" sink_start
	need "hosts" host_make a p
	MX_PORT=$(port_of p)
	need "an MTA that relays" backup_mta a
	need "a primary's MTA" p_mta
	p_knows rcpt0 rcpt1 rcpt2 rcpt3
	a_conf "$@"
	p_conf ${P_DOMAINS:-$D}
	need "hosts that see each other" hosts_start
	need "the primary known to be up" wait_for 20 mx_is up
}

p_dies() {
	host_kill p
	need "the primary known to be down" wait_for 30 mx_is down
}

# N messages to recipients that exist.
send_known() {
	sent_n=0
	while [ $sent_n -lt "$1" ]; do
		need "a message taken" \
		    knock_heard 2 250 $S "rcpt$((sent_n % 3))@$D"
		sent_n=$((sent_n + 1))
	done
}

# ---- what is known ----

known() { # LOCAL WORD
	is "$(ctl a recipient show "$1@$D" --json | jq -r '"\(.known) \(.source)"')" "$2"
}
listed() {
	ctl a recipient list "$D" --json |
	    jq -es 'any(.listed == true)' >/dev/null
}
lines() { grep -c "$2" "$LAB/$1/shadowmxd.log"; }
lines_are() { is "$(lines "$1" "$2")" "$3"; }
announced() {
	ctl "$1" maintenance list --json | jq -es --arg d "$D" \
	    'any(.domain == $d and .announced_in_ms > 0)' >/dev/null
}
not_asked_for() { ! grep -q "$1@" "$LAB/p/mail.log"; }
# From now on no probe would find out for minutes.
probe_rarely() {
	sed -i 's/probe_down = "1s"/probe_down = "10m"/' "$(conf_of a)"
	need "a reload" ctl a reload
	sleep 1.5
}

# ---- scenarios ----

# The list is there before the outage; who is not in it is refused without a
# question; when the primary is back nobody waits for a probe.
peermx_outage() {
	pair_ready
	need "the list" wait_for 15 listed
	need "its recipients" known rcpt2 "good peer"
	p_dies
	probe_rarely
	need "one that exists" knock_heard 2 250 $S rcpt1@$D
	need "one that does not" knock_heard 1 "550 5.1.1" $S nobody@$D
	need "an extension of one that does" knock_heard 2 250 $S rcpt1+tag@$D
	need "one of nobody" knock_heard 1 "550 5.1.1" $S none+tag@$D
	send_known 4
	need "them on hold" wait_for 20 held_are a 6
	need "no question" not_asked_for nobody
	need "the primary again" host_start p
	need "its word" wait_for 15 log_says a "event=drain-requested.*p.test"
	need "delivery" wait_for 20 books_are "queued 0" "held 0" "taken 6"
	# Its own MTA has no extensions.
	need "the outcomes" wait_for 5 books_are "delivered 5" "returned 1"
	need "balance" books_balance
}

# What changes is said, and nothing else; and nothing twice.
peermx_change() {
	pair_ready
	need "the list" wait_for 15 listed
	need "all of it at first" log_says p \
	    "event=list-pushed.*recipients=4 whole=1 added=4 gone=0"
	p_knows rcpt0 rcpt1 rcpt2 later
	need "the change" wait_for 15 log_says p \
	    "event=list-pushed.*recipients=4 whole=0 added=1 gone=1"
	need "who came" known later "good peer"
	need "who went" known rcpt3 "no null"
	: >"$LAB/p/users"
	need "a word on the empty file" wait_for 10 log_says p \
	    "event=list-unread.*no address"
	need "who is there" known later "good peer"
	need "two lists" lines_are p event=list-pushed 2
}

# Neither side's restart makes the list be sent again; who was forgotten is.
peermx_restarts() {
	pair_ready
	need "the list" wait_for 15 listed
	daemon_stop a
	need "the secondary again" daemon_start a
	daemon_stop p
	need "the primary again" daemon_start p
	need "the file read again" wait_for 15 lines_are p event=list-read 2
	need "them to meet" wait_for 15 peers_up p
	sleep 2
	need "nothing sent twice" lines_are p event=list-pushed 1
	need "the list" listed
	need "it forgotten" ctl a recipient forget $D
	need "nobody known" known rcpt3 "no null"
	daemon_stop p
	need "the primary once more" daemon_start p
	need "all of it again" wait_for 15 known rcpt3 "good peer"
	need "two lists" lines_are p event=list-pushed 2
}

# While it is up the primary is asked itself: a list may be older than somebody.
peermx_new_user_while_up() {
	pair_ready
	need "the list" wait_for 15 listed
	# Its MTA knows somebody whom the list has not.
	echo "fresh@$D ok" >"$LAB/p/more"
	need "one more" pf_cf "$LAB/p" \
	    "relay_recipient_maps = texthash:$LAB/p/users, texthash:$LAB/p/more"
	need "the new one taken" wait_for 10 \
	    knock_heard 2 250 $S fresh@$D
	need "nobody refused by the primary" \
	    knock_heard 1 "550 5.1.1" $S nobody@$D
	p_dies
	need "the new one taken still" knock_heard 2 250 $S fresh@$D
}

# Its word about a domain that is not its own is nothing.
peermx_foreign_domain() {
	P_DOMAINS="$D next1.test.invalid next2.test.invalid"
	pair_ready "$(backed $D "while_up = \"accept\"; $PEER")" \
	    "$(backed next1.test.invalid)"
	printf 'rcpt1@%s\n' $D next1.test.invalid next2.test.invalid \
	    >"$LAB/p/users"
	need "its own" wait_for 15 listed
	need "a word here" wait_for 10 log_says a \
	    "event=peer-not-primary.*verb=push.*\|event=peer-not-primary.*verb=listed.*next1"
	need "a word there" wait_for 10 log_says p \
	    "event=backup-mx-refuses.*next1"
	need "the other one refused" wait_for 10 log_says p \
	    "event=backup-mx-refuses.*next2"
	need "nothing learned" not ctl a recipient list next1.test.invalid
	need "nothing announced" eval 'ctl p maintenance start --for 1h \
	    next1.test.invalid | grep -q "not take this host"'
	need "it is not" not announced a
	need "no drain of it" not ctl p backup drain next1.test.invalid
	need "said once" lines_are p "event=backup-mx-refuses.*next1" 1
}

# Announced on the primary: the secondary knows, also of its end; meanwhile a
# restart of the primary asks for nothing.
peermx_maintenance() {
	pair_ready
	need "the list" wait_for 15 listed
	need "the word" ctl p maintenance start --for 2h $D
	need "it noted there" announced p
	need "it heard" wait_for 10 announced a
	# It may have been down before anybody could know.
	alarms_before=$(lines a event=alarm)
	send_known 2
	need "them on hold" wait_for 15 held_are a 2
	asked_before=$(lines p event=drain-asked)
	host_kill p
	need "the primary again" host_start p
	need "them to meet" wait_for 15 peers_up p
	sleep 2
	need "no request" lines_are p event=drain-asked "$asked_before"
	need "it noted still" announced p
	need "them on hold still" held_are a 2
	need "no alarm" lines_are a event=alarm "$alarms_before"
	daemon_stop a
	need "its end" ctl p maintenance end $D
	need "the secondary again" daemon_start a
	need "its end heard later" wait_for 20 not announced a
	need "delivery" wait_for 20 books_are "delivered 2" "held 0" "taken 2"
}

# By hand, while the probes see nothing.
peermx_drain_by_hand() {
	pair_ready
	need "the list" wait_for 15 listed
	pf_stop "$LAB/p" || pf_wait 10 eval '! pf_pid "$LAB/p"'
	need "the primary known to be down" wait_for 30 mx_is down
	probe_rarely
	send_known 3
	need "them on hold" wait_for 15 held_are a 3
	daemon_kill p
	need "the MTA again" pf_start "$LAB/p"
	p_conf next2.test.invalid
	need "a daemon that is silent" daemon_start p
	need "no such domain" not ctl p backup drain $D
	p_conf $D
	need "a reload" ctl p reload
	need "the order" wait_for 10 ctl p backup drain $D
	need "delivery" wait_for 20 books_are "delivered 3" "held 0" "taken 3"
}

[ -n "${PF_NETNS:-}" ] || [ -z "${LAB_ONE:-}" ] || unshare -n true 2>/dev/null || {
	say "SKIP: no namespace to be alone in"
	exit 77
}
lab_main peermx "$@"
