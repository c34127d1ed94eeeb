#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Who the primary MX hosts of a domain are when its policy does not say so: real
# MX records of a real DNS server, hosts elsewhere, and this host's own address.
# Every scenario is a function primaries_NAME; "primaries.sh NAME..." runs only
# these, "primaries.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-dns.sh"

FAR=192.0.2.11 WORSE=192.0.2.12

# The zone example.org: the primary, we, and one that is worse than we are.
records() {
	{
		cat
		echo "mx1 A $FAR"
		echo "us A 192.0.2.1"
		echo "worse A $WORSE"
	} | dns_zone example.org
}

all_records() {
	records <<-END
	@ MX 10 mx1
	@ MX 20 us
	@ MX 30 worse
	ours MX 10 us
	ours MX 20 worse
	null MX 0 .
	END
}

# mx_start ADDRESS: somebody who takes mail; its pid is the file's.
mx_start() {
	far exec smtp-sink -u nobody -c "$1:25" 100 >"$LAB/mx.$1" 2>&1 &
	eval "MX_$(echo "$1" | tr . _)=$!"
	LAB_PIDS="$LAB_PIDS $!"
}

mx_kill() {
	eval "kill -KILL \$MX_$(echo "$1" | tr . _)"
}

backup() {
	host_conf a "" "backup = { probe = \"1s\"; probe_down = \"1s\";
	    probe_wait = \"2s\"; mx_watch = \"0s\"; };
	policies = ( { name = \"secondary\"; match = { domains = (
	    \"example.org\", \"ours.example.org\", \"null.example.org\" ); };
	    backup = { while_up = \"accept\"; }; } );"
}

world() {
	need "a host elsewhere" far_start "$FAR" "$WORSE"
	need "a DNS server" dns_start "$(all_records)"
	mx_start "$FAR"
	mx_start "$WORSE"
	need "hosts" host_make a b
	backup
	need "to start" host_start a
}

# primary_is DOMAIN STATE [HOST]
primary_is() {
	ctl a backup list --json >"$LAB/said" 2>&1 || return 1
	$PYTHON - "$@" "$LAB/said" <<-'END'
	import json, sys
	domain, state, *host, said = sys.argv[1:]
	text = open(said).read().strip()
	rows = json.loads(text) if text.startswith("[") else \
	    [json.loads(line) for line in text.splitlines()]
	row = [r for r in rows if r["domain"] == domain]
	sys.exit(not (row and row[0]["state"] == state
	    and (not host or row[0]["host"] == host[0])))
	END
}

log_has() { grep -q "$1" "$LAB/a/shadowmxd.log"; }

# hears WORDS POST: that is the answer to RCPT
hears() {
	hears_words=$1
	shift
	post "$@" >"$LAB/said" && grep -q "^rcpt .* $hears_words" "$LAB/said"
}

# ---- scenarios ----

primaries_of_mx_records() {
	world
	need "the better host is up" \
	    wait_for 20 primary_is example.org up "smtp:[mx1.example.org]:25"
	need "a domain of ours has none" primary_is ours.example.org unknown ""
	need "which is said" wait_for 10 log_has "event=primary-none.*ours"
	need "the null MX has none" wait_for 10 log_has "event=primary-none.*null"
	mx_kill "$FAR"
	need "it is down" wait_for 20 primary_is example.org down
	need "which is said" log_has "event=primary-down.*mx1.example.org"
	mx_start "$FAR"
	need "up again" wait_for 20 primary_is example.org up
}

# No mail for who takes none, not from our own clients either; but whether it
# takes any is the DNS's to say.
primaries_null_mx() {
	world
	need "the null MX is seen" wait_for 20 log_has "event=primary-none.*null"
	need "no mail for it" hears "556 5.1.10 the domain null.example.org" \
	    a null s@client.test.invalid u@null.example.org
	need "which is said" log_has "event=recipient-refused.*why=null-mx"
	dns_stop
	daemon_kill a
	need "to start again" daemon_start a
	need "nobody says it now" not hears 556 \
	    a nothing s@client.test.invalid u@null.example.org
	need "records" dns_start "$(all_records)"
	need "it is said again" wait_for 30 hears 556 \
	    a again s@client.test.invalid u@null.example.org
}

# A restart in the middle of an outage.
primaries_after_a_restart() {
	world
	need "up" wait_for 20 primary_is example.org up
	mx_kill "$FAR"
	need "down" wait_for 20 primary_is example.org down
	daemon_kill a
	need "to start again" daemon_start a
	need "down all the same" wait_for 10 primary_is example.org down
	need "and not told again" \
	    [ "$(grep -c event=primary-down "$LAB/a/shadowmxd.log")" = 1 ]
	mx_start "$FAR"
	need "up again" wait_for 20 primary_is example.org up
}

lab_main primaries "$@"
