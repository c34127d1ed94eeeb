#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The watch over MX records, with a DNS server whose records go, come back and
# disagree, and MX hosts that do as they are told.  Every scenario is a function
# mx_NAME; "mx.sh NAME..." runs only these, "mx.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-hop.sh"
. "$HERE/lib-dns.sh"
. "$HERE/lib-mx.sh"
. "$HERE/lib-clock.sh"

# ---- the set ----

look_sent() { is "$(served "$1")" you@example.com; }
look_takes() { # ADDRESS
	$PYTHON -c '
import smtplib, sys
s = smtplib.SMTP(sys.argv[1], 25, local_hostname="client", timeout=20)
s.ehlo()
s.mail("me@example.net")
sys.exit(s.rcpt("you@example.org")[0] != 250)' "$1"
}

# Everything else works: what the domain sends arrives, its hosts answer, its name
# has its other records, and other domains are well.
look_can_send() { # TAG
	need "a 250" is "$(post a "$1" me@example.org you@example.com | cut -c1-3)" 250
	need "it is sent" wait_for 20 look_sent "$1"
	need "who it is from" is "$(served_from "$1")" me@example.org
	for mx_host in 192.0.2.11 192.0.2.1; do
		need "$mx_host takes mail" look_takes $mx_host
	done
	need "another domain is well" look_looks ok "" example.net
}

# "You can send but not receive": the records of a provider vanish, and nothing
# else does.
mx_seven_records_vanish() {
	look_hosts
	need "a way out" sink_start
	for mx_n in 1 2 3 4 5 6; do
		echo "@ MX $((mx_n * 5)) in$mx_n"
	done >"$LAB/seven"
	echo "@ MX 90 mx2" >>"$LAB/seven"
	for mx_n in 1 2 3 4 5 6; do
		echo "in$mx_n A 192.0.2.11"
	done >"$LAB/rest"
	printf '@ TXT "v=spf1 mx -all"\nwww A 192.0.2.12\n' >>"$LAB/rest"
	mx_seven=$(cat "$LAB/seven" "$LAB/rest" | look_zone example.org)
	look_dns "$mx_seven" "$(echo "$two_hosts" | look_zone example.net)"
	UNPROTECTED=accept MAX_DELAY=1s look_watches ', { name = "other";
	    match = { domains = ( "example.net" ); }; }'
	need "seven records" look_looks ok ""
	need "all of them seen" is "$(jq -r '[.hosts[].name | sub("[.].*"; "")] |
	    join(" ")' "$LAB/checked")" "in1 in2 in3 in4 in5 in6 mx2"
	look_can_send before
	look_zone example.org <"$LAB/rest" >/dev/null
	need "no MX records" dns_reload
	need "an alarm by itself" wait_for 10 look_told alarm lost
	look_can_send after
	need "at level err" grep -q 'event=mx-alarm.*what=lost text="the MX records are gone' \
	    "$LAB/a/shadowmxd.log"
	need "it is shown" look_looks alarm "lost;"
	look_again
	need "it is told once" look_told alarm lost
	need "the alarm program" wait_for 10 eval \
	    'is "$(wc -l <"$LAB/alarm/told")" 1'
	need "its arguments" grep -q "^3: mx-lost example.org the MX records are" \
	    "$LAB/alarm/told"
	daemon_stop a
	need "a daemon" daemon_start a
	need "it is shown" look_looks alarm "lost;"
	look_again
	need "it is told once" look_told alarm lost
	cat "$LAB/seven" "$LAB/rest" | look_zone example.org >/dev/null
	need "the records again" dns_reload
	need "that it is over" wait_for 10 look_told clear lost
	need "all is well" look_looks ok ""
	need "no change" look_untold alarm changed
}

# A clock that is set is no reason for an alarm, nor for none.
mx_clock_jumps() {
	clocks_made
	look_hosts
	look_dns "$(echo "$two_hosts" | look_zone example.org)"
	look_watches
	need "all is well" look_looks ok ""
	for mx_by in 864000 -864000; do
		clocks $mx_by 0
		sleep 1.5
		need "all is well after $mx_by" look_looks ok ""
	done
	need "no alarm" not log_says a event=mx-alarm
	look_zone example.org </dev/null >/dev/null
	need "no MX records" dns_reload
	need "an alarm by itself" wait_for 10 look_told alarm lost
	clocks 864000 0
	look_again
	need "it is told once" look_told alarm lost
	echo "$two_hosts" | look_zone example.org >/dev/null
	need "the records again" dns_reload
	need "that it is over" wait_for 10 look_told clear lost
	need "no change" look_untold alarm changed
}

mx_domain_vanishes() {
	look_hosts
	look_dns "$(echo "$two_hosts" | look_zone example.org)"
	look_watches
	need "all is well" look_looks ok ""
	dns_stop
	look_dns
	need "no such domain" look_looks alarm "lost;"
	need "an alarm" look_told alarm lost
}

mx_server_that_cannot_tell() {
	look_hosts
	mx_set=$(echo "$two_hosts" | look_zone example.org)
	look_dns "$mx_set"
	MX_WATCH=0s look_watches
	need "all is well" look_looks ok ""
	dns_stop
	need "no alarm of one look" look_looks unsure "not-looked-up;"
	need "no alarm of two" look_looks unsure "not-looked-up;"
	need "none told" look_untold alarm not-looked-up
	need "an alarm of three" look_looks alarm "not-looked-up;"
	need "it is told" look_told alarm not-looked-up
	need "nothing else" look_untold alarm lost
	look_dns "$mx_set"
	need "all is well" look_looks ok ""
	need "that it is over" look_told clear not-looked-up
}

mx_changed() {
	look_hosts
	look_dns "$(echo "$two_hosts" | look_zone example.org)"
	look_watches
	need "all is well" look_looks ok ""
	look_zone example.org >/dev/null <<-END
		@	MX 20 mx2
		@	MX 15 mx1
	END
	need "another preference" dns_reload
	need "an alarm by itself" wait_for 10 look_told alarm changed
	look_again
	need "it is told once" look_told alarm changed
	need "all is well" look_looks ok ""
}

mx_null() {
	look_hosts
	look_dns "$(echo "$two_hosts" | look_zone example.org)"
	look_watches
	need "all is well" look_looks ok ""
	echo "@ MX 0 ." | look_zone example.org >/dev/null
	need "a null record" dns_reload
	need "an alarm" look_looks alarm "null;"
	need "it is told" look_told alarm null
	echo "$two_hosts" | look_zone example.org >/dev/null
	need "the records again" dns_reload
	need "all is well" look_looks ok ""
	need "that it is over" look_told clear null
}

# ---- the order, and each host ----

mx_backup_better() {
	look_hosts
	look_dns "$(look_zone example.org <<-END
		@	MX 20 mx1
		@	MX 10 mx2
	END
	)"
	look_watches
	need "an alarm" look_looks alarm "backup-better mx2.example.org;"
	look_zone example.org >/dev/null <<-END
		@	MX 10 mx1
		@	MX 10 mx2
	END
	need "equal ones" dns_reload
	need "a warning" wait_for 10 look_looks warning \
	    "backup-equal mx2.example.org;"
	echo "@ MX 10 mx2" | look_zone example.org >/dev/null
	need "only one" dns_reload
	need "an alarm" wait_for 10 look_looks alarm "no-primary;"
	echo "@ MX 10 mx1" | look_zone example.org >/dev/null
	need "the other only" dns_reload
	need "a warning" wait_for 10 look_looks warning "not-named;"
}

mx_host_without_address() {
	look_hosts
	look_dns "$(look_zone example.org <<-END
		$two_hosts
		@	MX 30 gone
		@	MX 40 alias
		alias	CNAME mx1
	END
	)"
	look_watches
	need "an alarm" look_looks alarm \
	    "alias alias.example.org;no-address gone.example.org;"
	need "it is told" look_told alarm no-address gone.example.org
	look_zone example.org >/dev/null <<-END
		$two_hosts
		@	MX 30 gone
		@	MX 40 alias
		alias	A 192.0.2.11
		gone	A 192.0.2.11
	END
	need "an address" dns_reload
	need "all is well" look_looks ok ""
	need "that it is over" look_told clear no-address gone.example.org
}

mx_host_refuses_and_is_silent() {
	look_hosts
	look_dns "$(echo "$two_hosts" | look_zone example.org)"
	MX_WATCH=0s look_watches
	hop_control own "RCPT/postmaster@example.org = 550 5.7.1 Not here"
	hop_control h1 "RCPT = 450 4.2.0 Later"
	need "one refuses, one defers" look_looks alarm "refuses mx2.example.org;"
	look_again
	need "an alarm" look_told alarm refuses mx2.example.org
	hop_control own "greeting = stall"
	need "one is silent" look_looks alarm "silent mx2.example.org;"
	need "no alarm of one look" look_untold alarm silent
	need "that it does not refuse" look_told clear refuses
	hop_stop own
	look_again
	need "an alarm" look_told alarm silent mx2.example.org
	hop_control own ""
	hop_again own --host 192.0.2.1
	need "all is well" look_looks ok ""
	need "that it is over" look_told clear silent
}

# ---- name servers, TLSA, MTA-STS ----

# Another server, with a zone of its own.
look_second_server() { # ZONE-FILE
	mkdir -p "$LAB/dns2"
	cp "$1" "$LAB/dns2/example.org.zone"
	sed -e "s,$LAB/dns\b,$LAB/dns2,g" -e 's/127.0.0.1/127.0.0.2/' \
	    -e '/^zone:/,$d' "$LAB/dns/nsd.conf" >"$LAB/dns2/nsd.conf"
	printf 'zone:\n    name: "example.org."\n    zonefile: "%s"\n' \
	    "$LAB/dns2/example.org.zone" >>"$LAB/dns2/nsd.conf"
	/usr/sbin/nsd -d -c "$LAB/dns2/nsd.conf" >"$LAB/dns2/log" 2>&1 &
	MX_SECOND=$!
	LAB_PIDS="$LAB_PIDS $MX_SECOND"
	need "a second server" wait_for 10 eval \
	    'ss -Hlun "src 127.0.0.2:53" | grep -q .'
}

mx_servers_disagree() {
	look_hosts
	look_zone example.org >/dev/null <<-END
		@	MX 10 mx1
		@	MX 20 mx2
		@	MX 30 mx1
	END
	cp "$LAB/dns/example.org.zone" "$LAB/other.zone"
	look_dns "$(look_zone example.org <<-END
		$two_hosts
		@	NS second
		second	A 127.0.0.2
	END
	)"
	look_second_server "$LAB/other.zone"
	MX_WATCH=0s look_watches
	need "one differs" look_looks alarm \
	    "servers-differ second.example.org;"
	need "no alarm of one look" look_untold alarm servers-differ
	look_again
	need "an alarm" look_told alarm servers-differ second.example.org
	need "it is shown" is "$(jq -r '[.name_servers[].agrees] | sort | join(" ")' \
	    "$LAB/checked")" "no yes"
	# shellcheck disable=SC2046
	kill -KILL $(DNS_PID=$MX_SECOND && dns_family)
	need "it is gone" pf_wait 5 eval '! ss -Hlun "src 127.0.0.2:53" | grep -q .'
	need "one is silent" wait_for 10 look_looks warning \
	    "server-silent second.example.org;"
	need "that it does not differ" look_told clear servers-differ
}

mx_server_without_address() {
	look_hosts
	look_dns "$(look_zone example.org <<-END
		$two_hosts
		@	NS gone
	END
	)"
	MX_WATCH=0s look_watches
	need "one has none" look_looks warning \
	    "server-no-address gone.example.org;"
	look_again
	need "a warning" look_told warning server-no-address gone.example.org
	echo "$two_hosts" | look_zone example.org >/dev/null
	need "other records" dns_reload
	need "all is well" look_looks ok ""
	need "that it is over" look_told clear server-no-address
}

mx_tlsa_and_sts() {
	look_ca
	look_cert mx1 DNS:mx1.example.org
	look_cert mx2 DNS:mx2.example.org
	look_cert site DNS:mta-sts.example.org
	H1_OPTIONS="--cert $LAB/mx1.pem" OWN_OPTIONS="--cert $LAB/mx2.pem"
	look_hosts
	hop_control h1 "offer = PIPELINING, STARTTLS"
	hop_control own "offer = PIPELINING, STARTTLS"
	look_policy "version: STSv1" "mode: enforce" "mx: *.example.org" \
	    "max_age: 86400"
	look_site --cert "$LAB/site.pem"
	mx_tlsa=$(look_tlsa 3 1 1 mx1)
	look_dns "$(look_zone example.org <<-END
		$two_hosts
		mta-sts	A 192.0.2.12
		_25._tcp.mx1	TLSA $mx_tlsa
		_mta-sts	TXT "v=STSv1; id=one;"
		_mta-sts	TXT "not this"
	END
	)"
	PROBE_WAIT=10s MX_MORE="sts_ca = \"$LAB/ca.crt\";" look_watches
	need "a warning" look_looks warning "no-tlsa mx2.example.org;"
	need "it is told" look_told warning no-tlsa mx2.example.org
	need "the id" is "$(jq -r .sts_id "$LAB/checked")" one
	look_zone example.org >/dev/null <<-END
		$two_hosts
		mta-sts	A 192.0.2.12
		_25._tcp.mx1	TLSA $mx_tlsa
		_25._tcp.mx2	TLSA $(look_tlsa 3 1 1 mx2)
		_mta-sts	TXT "v=STSv1; id=two;"
	END
	need "another policy" dns_reload
	need "a warning" wait_for 10 look_told warning sts-changed
	need "all is well" look_looks ok ""
	need "that it is over" look_told clear no-tlsa
	need "it is told once" look_told warning sts-changed
}

# ---- all of them ----

# Those of other policies are looked at, too; without an alarm when they never
# were anywhere.
mx_domains_of_all_policies() {
	look_hosts
	look_dns "$(echo "$two_hosts" | look_zone example.org)" \
	    "$(echo "@ MX 10 mx1" | look_zone example.net)"
	look_watches ', { name = "other"; match = { domains = ( "example.net",
	    "nowhere.example", "example.org" ); }; }'
	ctl a mx check --json >"$LAB/all"
	need "a warning for all" is $? 1
	need "three of them" is "$(jq -r '.domain + " " + .result' "$LAB/all" |
	    sort | tr '\n' ';')" \
	    "example.net ok;example.org ok;nowhere.example warning;"
	need "no alarm" not log_says a mx-alarm
	need "one that no policy has" not look_check example.com
	ctl a mx check >"$LAB/text"
	need "text for people" grep -q "no such domain" "$LAB/text"
}

# Whoever ends waits neither for hosts nor for who asked.
mx_stop_while_looking() {
	look_hosts
	look_dns "$(echo "$two_hosts" | look_zone example.org)"
	hop_control h1 "greeting = stall"
	hop_control own "greeting = stall"
	PROBE_WAIT=40s look_watches
	look_check &
	mx_checker=$!
	need "a look" wait_for 10 hop_says h1 connected
	sleep 1
	read -r mx_began mx_rest </proc/uptime
	daemon_stop a
	read -r mx_ended mx_rest </proc/uptime
	wait $mx_checker
	need "a quick end" at_most $((${mx_ended%.*} - ${mx_began%.*})) 15
}

lab_main mx "$@"
