#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# MTA-STS and TLSA: do the policy of a domain and the certificates of its MX hosts
# cover the backup?  With a DNS server, a web server with an authority of its own,
# and MX hosts that speak TLS.  Every scenario is a function sts_NAME; "sts.sh
# NAME..." runs only these, "sts.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-hop.sh"
. "$HERE/lib-dns.sh"
. "$HERE/lib-mx.sh"

# A web server that has to be waited for is a scenario of its own.
PROBE_WAIT=10s

# The records: both hosts, and the policy's, of this id.
both_records() { # ID
	look_zone example.org <<-END
		$two_hosts
		mta-sts	A 192.0.2.12
		_mta-sts	TXT "v=STSv1; id=$1;"
	END
}

records_are() {
	both_records "$1" >/dev/null
	dns_reload
}

# Hosts that speak TLS, each with a certificate for its name, and a web server.
tls_lab() {
	look_ca
	look_cert mx1 DNS:mx1.example.org
	look_cert mx2 DNS:mx2.example.org
	look_cert site DNS:mta-sts.example.org
	H1_OPTIONS="--cert $LAB/mx1.pem" OWN_OPTIONS="--cert $LAB/mx2.pem"
	look_hosts
	for sts_host in h1 own; do
		hop_control $sts_host "offer = PIPELINING, STARTTLS"
	done
	MX_MORE="sts_ca = \"$LAB/ca.crt\";"
}

# mode, and the hosts that it names
policy_is() {
	sts_mode=$1
	shift
	for sts_mx; do
		set -- "$@" "mx: $sts_mx"
		shift
	done
	look_policy "version: STSv1" "mode: $sts_mode" "$@" "max_age: 86400"
}

in_json() { jq -r "$1" "$LAB/checked"; }
finding_says() { # WHAT TEXT: a finding, and a piece of its sentence
	jq -r ".findings[] | select(.what == \"$1\").text" "$LAB/checked" |
	    grep -qF -- "$2" || {
		cat "$LAB/checked"
		return 1
	}
}

# ---- whom the policy names ----

sts_covers_the_backup() {
	tls_lab
	look_dns "$(both_records one)"
	policy_is enforce mx1.example.org "*.example.org"
	look_site --cert "$LAB/site.pem"
	look_watches
	need "all is well" look_looks ok ""
	need "the mode" is "$(in_json .sts_mode)" enforce
	need "its hosts" is "$(in_json '.sts_mx | join(" ")')" \
	    "mx1.example.org *.example.org"
	need "TLS of both" is "$(in_json \
	    '[.hosts[] | .tls + " " + (.certified | tostring)] | join(" ")')" \
	    "yes true yes true"
	need "SNI and Host" grep -q \
	    "^GET /.well-known/mta-sts.txt HTTP/1.1 mta-sts.example.org$" \
	    "$LAB/site/log"
	ctl a mx check example.org >"$LAB/text"
	need "text for people" grep -q "MTA-STS one: enforce" "$LAB/text"
	need "certificates for people" grep -q "mx2.example.org .*certificate" \
	    "$LAB/text"
	# while the id is the same, and all is well, it is not asked for again
	sts_before=$(look_fetched)
	sleep 3
	need "no more questions" is "$(look_fetched)" "$sts_before"
	# without the backup
	policy_is enforce mx1.example.org
	need "another id" records_are two
	need "an alarm by itself" wait_for 10 look_told alarm sts-not-covered \
	    mx2.example.org
	need "that it has changed" look_told warning sts-changed
	need "the alarm program" wait_for 10 grep -q \
	    "^3: mx-sts-not-covered example.org .*mx2.example.org, the backup" \
	    "$LAB/alarm/told"
	need "it is shown" look_looks alarm "sts-not-covered mx2.example.org;"
	look_again
	need "it is told once" look_told alarm sts-not-covered
	# mended without another id, which is what people forget
	policy_is enforce "*.example.org"
	need "that it is over" wait_for 10 look_told clear sts-not-covered
	need "all is well" look_looks ok ""
	# without the primary
	policy_is enforce mx2.example.org "*.mx1.example.org"
	need "an alarm" look_looks alarm "sts-not-covered mx1.example.org;"
	need "whose it is" finding_says sts-not-covered "the primary"
	policy_is testing mx2.example.org
	need "only a warning on trial" look_looks warning \
	    "sts-not-covered mx1.example.org;"
	policy_is none
	need "nothing of no mode" look_looks ok ""
}

# ---- a policy that is not to be had ----

# What it is for who fetches it: an answer that is none.
policy_is_none() { # PIECE-OF-TEXT
	look_looks warning "sts-no-policy;" && finding_says sts-no-policy "$1"
}

sts_answers_that_are_none() {
	tls_lab
	look_dns "$(both_records one)"
	policy_is enforce "*.example.org"
	look_site --cert "$LAB/site.pem"
	MX_WATCH=0s look_watches
	look_site_control "status 404"
	need "no 404" policy_is_none "404, not 200"
	look_site_control "status 302" "location https://mta-sts.example.org/else"
	need "no redirect" policy_is_none "302, not 200"
	need "nobody went there" not grep -q else "$LAB/site/log"
	need "none of two looks told" look_untold warning sts-no-policy
	look_site_control "type text/html"
	need "no other type" policy_is_none "text/html, not text/plain"
	need "told of three looks" look_told warning sts-no-policy
	look_site_control "type none"
	need "no type at all" policy_is_none "not told, not text/plain"
	look_site_control "type text/plainer"
	need "nothing like it" policy_is_none "text/plainer"
	look_site_control endless
	need "no end" policy_is_none "longer than 65536 bytes"
	look_site_control headers
	need "no headers for ever" policy_is_none "longer than"
	look_site_control half
	need "no half of it" policy_is_none ""
	look_site_control "type Text/Plain; charset=utf-8"
	need "all is well" look_looks ok ""
	need "that it is over" look_told clear sts-no-policy
	look_site_control ""
	look_policy "version: STSv1" "mode: enforced" "max_age: 5"
	need "one that cannot be read" look_looks warning "sts-invalid;"
	need "why" finding_says sts-invalid "line 2: the mode"
	head -c 70000 /dev/zero | tr '\0' '\n' >"$LAB/site/policy"
	need "one that is too long" policy_is_none "longer than 65536 bytes"
}

# Who may speak for the domain.
sts_who_may_speak() {
	tls_lab
	look_dns "$(both_records one)"
	policy_is enforce "*.example.org"
	MX_WATCH=0s look_watches
	need "nobody there" policy_is_none ""
	look_cert other DNS:mta-sts.example.net,DNS:example.org
	look_site --cert "$LAB/other.pem"
	need "no certificate for another name" policy_is_none "mta-sts.example.org"
	look_site_stop
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -days 2 -subj /CN=mta-sts.example.org -addext \
	    subjectAltName=DNS:mta-sts.example.org -keyout "$LAB/self.key" \
	    -out "$LAB/self.crt" 2>/dev/null
	cat "$LAB/self.key" "$LAB/self.crt" >"$LAB/self.pem"
	look_site --cert "$LAB/self.pem"
	need "nobody's own word" policy_is_none "self"
	look_site_stop
	need "no word was asked for" is "$(look_fetched)" 0
	look_site --cert "$LAB/site.pem"
	need "all is well" look_looks ok ""
	echo "$two_hosts
_mta-sts TXT \"v=STSv1; id=one;\"" | look_zone example.org >/dev/null
	need "other records" dns_reload
	need "no address" policy_is_none "mta-sts.example.org has no address"
}

# A web server that says nothing.
stalled_site() {
	tls_lab
	look_dns "$(both_records one)"
	policy_is enforce "*.example.org"
	look_site --cert "$LAB/site.pem"
	look_site_control stall
	MX_WATCH=0s look_watches
}

sts_site_that_is_silent() {
	PROBE_WAIT=4s stalled_site
	need "an end to the wait" policy_is_none "timed out"
	need "the hosts were asked" is "$(in_json \
	    '[.hosts[].answers] | join(" ")')" "yes yes"
}

# Whoever ends does not wait for it.
sts_stop_while_fetching() {
	PROBE_WAIT=40s stalled_site
	look_check &
	sts_checker=$!
	need "a question" wait_for 10 eval '[ "$(look_fetched)" -gt 0 ]'
	read -r sts_began sts_rest </proc/uptime
	daemon_stop a
	read -r sts_ended sts_rest </proc/uptime
	wait $sts_checker
	need "a quick end" at_most $((${sts_ended%.*} - ${sts_began%.*})) 15
}

# ---- what the hosts show ----

sts_wants_tls() {
	tls_lab
	look_dns "$(both_records one)"
	policy_is enforce "*.example.org"
	look_site --cert "$LAB/site.pem"
	MX_WATCH=0s look_watches
	need "all is well" look_looks ok ""
	hop_control own "offer = PIPELINING"
	need "no STARTTLS" look_looks alarm "sts-no-tls mx2.example.org;"
	need "why" finding_says sts-no-tls "does not offer STARTTLS"
	look_again
	need "an alarm" look_told alarm sts-no-tls mx2.example.org
	need "that it answers" is "$(in_json '.hosts[1].answers')" yes
	hop_control own "offer = PIPELINING, STARTTLS" \
	    "STARTTLS = 454 4.7.0 Not now"
	need "not now" look_looks alarm "sts-no-tls mx2.example.org;"
	hop_control own "offer = PIPELINING, STARTTLS" \
	    "STARTTLS = 220 2.0.0 Go on; garbage"
	need "no handshake" look_looks alarm "sts-no-tls mx2.example.org;"
	need "that it failed" is "$(in_json '.hosts[1].tls')" failed
	look_cert wrong DNS:mx3.example.org
	hop_stop own
	hop_control own "offer = PIPELINING, STARTTLS"
	hop_again own --host 192.0.2.1 --cert "$LAB/wrong.pem"
	need "a name of another" look_looks alarm "sts-no-tls mx2.example.org;"
	need "why" finding_says sts-no-tls "ostname mismatch"
	need "it is told once" look_told alarm sts-no-tls
	policy_is testing "*.example.org"
	need "a warning on trial" look_looks warning "sts-no-tls mx2.example.org;"
	hop_stop own
	hop_again own --host 192.0.2.1 --cert "$LAB/mx2.pem"
	policy_is enforce "*.example.org"
	need "all is well" look_looks ok ""
	need "that it is over" look_told clear sts-no-tls
	# without a policy nobody is asked for TLS
	echo "$two_hosts" | look_zone example.org >/dev/null
	need "other records" dns_reload
	hop_control own "offer = PIPELINING"
	need "no record, no policy" look_looks warning "sts-changed;"
	need "all is well" look_looks ok ""
}

# ---- TLSA ----

tlsa_are() { # RECORD-OF-MX2
	look_zone example.org >/dev/null <<-END
		$two_hosts
		_25._tcp.mx1	TLSA $(look_tlsa 3 1 1 mx1)
		_25._tcp.mx2	TLSA $1
	END
	dns_reload
}

sts_tlsa_matches() {
	tls_lab
	look_dns "$(echo "$two_hosts" | look_zone example.org)"
	MX_WATCH=0s look_watches
	need "all is well" look_looks ok ""
	need "no TLS" is "$(in_json '.hosts[1].tls')" null
	for sts_kind in "3 1 1" "3 0 1" "3 1 2" "3 0 0" "3 1 0"; do
		# shellcheck disable=SC2086
		need "records" tlsa_are "$(look_tlsa $sts_kind mx2)"
		need "$sts_kind is what it shows" look_looks ok ""
		need "it was compared" is "$(in_json '.hosts[1].tlsa_matches')" \
		    true
	done
	for sts_kind in "2 0 1" "2 1 2" "2 0 0"; do
		# shellcheck disable=SC2086
		need "records" tlsa_are "$(look_tlsa $sts_kind ca)"
		need "$sts_kind is who signed it" look_looks ok ""
	done
}

sts_tlsa_differs() {
	tls_lab
	look_dns "$(echo "$two_hosts" | look_zone example.org)"
	MX_WATCH=0s look_watches
	need "records" tlsa_are "$(look_tlsa 3 1 1 mx1)"
	need "another's" look_looks warning "tlsa-differs mx2.example.org;"
	need "no word on signatures" finding_says tlsa-differs "not known whether"
	look_again
	need "a warning" look_told warning tlsa-differs mx2.example.org
	need "records" tlsa_are "$(look_tlsa 1 1 1 mx2)"
	need "one of the web's" look_looks warning "tlsa-unusable mx2.example.org;"
	need "that it does not differ" look_told clear tlsa-differs
	need "a resolver" dns_verified
	need "records" tlsa_are "$(look_tlsa 2 0 0 ca)"
	need "all is well" look_looks ok ""
	need "that it is signed" is "$(in_json '.hosts[1].tlsa_secure')" true
	need "records" tlsa_are "$(look_tlsa 3 1 1 site)"
	need "another's" look_looks alarm "tlsa-differs mx2.example.org;"
	look_again
	need "an alarm" look_told alarm tlsa-differs mx2.example.org
	hop_control own "offer = PIPELINING"
	need "no STARTTLS" look_looks alarm "tlsa-differs mx2.example.org;"
	need "why" finding_says tlsa-differs "does not offer STARTTLS"
}

lab_main sts "$@"
