#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Delayed acknowledgement with next hops that are slow, refuse, break off, lie, or
# get much: test/tool/nexthop.py at each stage.  Every scenario is a function
# nexthop_NAME with hosts of its own; "nexthop.sh NAME..." runs only these,
# "nexthop.sh -l" lists them, "nexthop.sh all NAME..." does more at each stage.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-hop.sh"
. "$HERE/lib-dns.sh"

TAKEOVER_AFTER=60s MAX_DELAY=20s
: "${NEXTHOP_ALL:=}"

# ---- every stage ----

# stage_case STAGE ACTION ANSWER COPIES: what the client hears, the most copies
# there may be; with a 250 never none.
stage_case() {
	stage_n=$((${stage_n:-0} + 1))
	ctl a nexthop reset >/dev/null
	hop_control h1 "$1 = $2"
	say_post "s$stage_n" "$R"
	heard "$3" || {
		say "   $1 = $2: not $3 but: $(cat "$LAB/said")"
		exit 1
	}
	! answer_is 250 || echo "s$stage_n $4 $1 = $2" >>"$LAB/stages"
	return 0
}

stages_end_well() {
	hop_control h1 ""
	need "an empty queue" wait_for 30 queue_is_empty a
	while read -r stage_tag stage_most stage_what; do
		need "one copy at least: $stage_what" \
		    wait_for 20 at_least_one "$stage_tag"
		need "not more than $stage_most: $stage_what" \
		    at_most "$(copies_of "$stage_tag")" "$stage_most"
	done <"$LAB/stages"
	need "nothing left at the holder" wait_for 20 no_rows b
	need "the same worker" is "$(worker_pid a)" "$stage_worker"
	need "nobody told of a failure" no_bounce
}
at_least_one() { [ "$(copies_of "$1")" -ge 1 ]; }

nexthop_every_stage_refuses() {
	one_hop
	front "\"$(hop_of h1)\""
	stage_worker=$(worker_pid a)
	for stage in "greeting" "EHLO" "MAIL" "RCPT" "DATA" "dot"; do
		stage_case $stage "close" 250 1
		stage_case $stage "reset" 250 1
	done
	stage_case content close 250 1
	stage_case content reset 250 1
	for stage in greeting EHLO DATA; do
		stage_case $stage "421 4.3.2 Going down" 250 1
		stage_case $stage "554 5.3.2 Not here" "[25]" 1
	done
	stage_case MAIL "451 4.3.0 Later" "[24]" 1
	stage_case MAIL "550 5.7.1 Not from you" "550 5.7.1 Not from you" 0
	stage_case RCPT "450 4.2.0 Later" "450 4.2.0 Later" 0
	stage_case RCPT "421 4.3.2 Going down; close" "[24]" 1
	stage_case RCPT "550 5.1.1 No" "550 5.1.1 No" 0
	stage_case dot "451 4.3.0 Later" 250 1
	stage_case dot "421 4.3.2 Going down; close" 250 1
	stage_case dot "keep; close" 250 2
	stage_case dot "keep; reset" 250 2
	stages_end_well
	need "innocence" hop_is_innocent h1
}

nexthop_every_stage_stalls() {
	MAX_DELAY=6s
	DELIVERY='connect = "1s"; step = "1s"; rcpt_wait = "1500ms";'
	one_hop
	front "\"$(hop_of h1)\""
	stage_worker=$(worker_pid a)
	for stage in greeting EHLO MAIL RCPT DATA content dot; do
		stage_case $stage stall 250 1
	done
	stage_case dot "keep; stall" 250 2
	stage_case RCPT "drip 1" 250 1
	if [ -n "$NEXTHOP_ALL" ]; then
		for stage in greeting EHLO MAIL DATA; do
			stage_case $stage "drip 1" 250 1
		done
		stage_case dot "drip 1" 250 2
	fi
	stages_end_well
}

# What is no answer, and answers that are too much.
nexthop_every_stage_talks_nonsense() {
	MAX_DELAY=8s
	DELIVERY='connect = "2s"; step = "2s"; rcpt_wait = "2s";'
	one_hop
	front "\"$(hop_of h1)\""
	stage_worker=$(worker_pid a)
	for stage in greeting EHLO MAIL RCPT DATA; do
		stage_case $stage garbage 250 1
		stage_case $stage big 250 1
		stage_case $stage long 250 1
	done
	stage_case dot "garbage" 250 2
	stage_case dot "big" 250 2
	stage_case dot "long" 250 2
	stage_case RCPT "999 What" 250 1
	stage_case DATA "250 Not yet" 250 1
	stage_case dot "354 Again" 250 2
	stages_end_well
	need "no megabytes kept" memory_is_small a
}

# ---- extensions ----

# lie OFFER [RULE...]: each kind of mail gets through, one way or another, whole.
lie() {
	ctl a nexthop reset >/dev/null
	lie_n=$((${lie_n:-0} + 1))
	lie_offer=$1
	shift
	hop_control h1 "offer = $lie_offer" "$@"
	mail_send a --count 4 --kinds plain,several,dots,long \
	    --sessions 2 --prefix "lie$lie_n-" ||
		exit 1
	need "taken: offer = $lie_offer, $*" \
	    is "$(acknowledged)" $((4 * lie_n))
}

nexthop_lies_about_extensions() {
	DELIVERY='connect = "2s"; step = "2s"; rcpt_wait = "4s";'
	one_hop
	front "\"$(hop_of h1)\""
	lie ""
	lie "PIPELINING, CHUNKING"
	need "the next hop in use" is "$(hop_taken h1)" 8
	lie "CHUNKING" "BDAT = 502 5.5.1 Not here"
	lie "PIPELINING" "pipelined = 503 5.5.1 One at a time"
	lie "SIZE 0, PIPELINING, DSN, 8BITMIME" "MAIL/SIZE = 555 5.5.4 What"
	lie "STARTTLS"
	lie "STARTTLS, PIPELINING" "STARTTLS = close"
	lie "8BITMIME, X-ODD=1 2 3, $(seq -s ', X' 1 300)"
	lie "" "EHLO = 502 5.5.1 Not here"
	hop_control h1 ""
	need "all once, whole" ledger --wait 40 --least 36
	need "nothing twice" is "$(tally duplicated)" 0
	need "nobody told of a failure" no_bounce
	need "innocence" hop_is_innocent h1
}

# What it lacks for this message, somebody else may find a way for.
nexthop_missing_extensions() {
	one_hop
	front "\"$(hop_of h1)\""
	hop_control h1 "offer = PIPELINING, SIZE 100000"
	send 3 utf8,plain,dkim
	need "acknowledged" is "$(acknowledged)" 3
	need "by the MTA, what the next hop cannot take" \
	    ledger --wait 30 --least 3
	need "the rest there" is "$(hop_taken h1)" 2
	ctl a nexthop reset >/dev/null
	hop_control h1 "offer = SIZE 100000, 8BITMIME"
	need "mail sent" mail_send a --count 2 --kinds eight,big --prefix b-
	need "8 bits acknowledged" is "$(acknowledged)" 4
	need "the large one refused" grep -q '"code": 552' \
	    "$LAB/sent.a/sent.jsonl"
	need "delivery" ledger --wait 30 --least 4
	need "8 bits there" is "$(hop_taken h1)" 3
	need "nothing twice" is "$(tally duplicated)" 0
	need "nobody told of a failure" no_bounce
	need "innocence" hop_is_innocent h1
}

# post_dsn TAG "<RCPT> PARAMETERS"...
post_dsn() {
	$PYTHON -c '
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "client.test.invalid", 60)
s.ehlo()
s.docmd("MAIL FROM:<sender@client.test.invalid> RET=HDRS ENVID=e+2B1")
for r in sys.argv[3:]:
    print("rcpt", *s.docmd("RCPT TO:" + r))
print(s.data("Subject: tag-%s.\r\nFrom: <sender@client.test.invalid>\r\n\r\nx\r\n"
    % sys.argv[2])[0])
s.quit()' "$(port_of a)" "$@" >"$LAB/said"
}

params_of() { # NAME TAG RCPT
	grep -l "Subject: tag-$2\." "$SINK/$1"-*.eml 2>/dev/null |
	    sed 's/eml$/json/' | xargs -r jq -r --arg r "<$3>" \
	    '.rcpts[] | select(.rcpt == $r).params | join(" ")'
}

# They go on to a next hop that knows them; where it does not, a notice of success
# is what we cannot promise.
nexthop_notices_asked_for() {
	one_hop
	front "\"$(hop_of h1)\""
	post_dsn one "<$R> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@x.invalid" \
	    "<never@next.test.invalid> NOTIFY=NEVER"
	need "a 250" shows answer_is 250
	need "what was asked for" is "$(params_of h1 one "$R")" \
	    "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@x.invalid"
	need "what was not" is "$(params_of h1 one never@next.test.invalid)" \
	    NOTIFY=NEVER
	hop_control h1 "offer = PIPELINING"
	ctl a nexthop reset >/dev/null
	post_dsn two "<$R> NOTIFY=SUCCESS" "<never@next.test.invalid> NOTIFY=NEVER" \
	    "<fail@next.test.invalid> NOTIFY=FAILURE"
	need "a 250" shows answer_is 250
	need "all, once each" wait_for 20 served_is two \
	    "fail@next.test.invalid never@next.test.invalid $R "
	need "by the MTA what we cannot promise" not is \
	    "$(hop_served h1 two | grep -c "^$R")" 1
	need "the parameter dropped" is \
	    "$(params_of h1 two never@next.test.invalid)" ""
	need "nobody told of a failure" no_bounce
	need "innocence" hop_is_innocent h1
}

# STARTTLS as each level has it.
nexthop_tls_levels() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 \
	    -addext "subjectAltName = IP:127.0.0.1" -keyout "$LAB/hop.key" \
	    -out "$LAB/hop.crt" 2>/dev/null || exit 1
	cat "$LAB/hop.key" "$LAB/hop.crt" >"$LAB/hop.pem"
	chmod 644 "$LAB/hop.crt"
	one_hop --cert "$LAB/hop.pem"
	hop_control h1 "offer = PIPELINING, STARTTLS"
	front "\"$(hop_of h1)\""
	tls_policies=$front_policies
	for tls_level in none may encrypt verify; do
		DELIVERY="tls = \"$tls_level\"; tls_ca = \"$LAB/hop.crt\";"
		front_conf "${tls_policies%,}"
		daemon_stop a
		need "the daemon again" daemon_start a
		say_post $tls_level "$R"
		need "a 250" shows answer_is 250
		tls_file=$(grep -l "tag-$tls_level\." "$SINK"/h1-*.eml)
		tls_had=$(jq -r '.tls // "clear"' "${tls_file%eml}json")
		tls_want=TLSv1.3
		[ $tls_level != none ] || tls_want=clear
		need "TLS as \"$tls_level\" has it" is "$tls_had" $tls_want
	done
	hop_control h1 "offer = PIPELINING"
	ctl a nexthop reset >/dev/null
	say_post gone "$R"
	need "a 250" shows answer_is 250
	need "nothing in clear" is "$(hop_served h1 gone)" ""
	need "delivery by the MTA" wait_for 20 copies_are gone 1
	need "innocence" hop_is_innocent h1
}

tls_tries() { grep -c ' STARTTLS : 220' "$LAB/hop.h1/log"; }

# One message pays for it, the others do not.
nexthop_tls_that_fails() {
	DELIVERY='tls = "may"; idle = "0"; connect = "2s";'
	one_hop
	hop_control h1 "offer = PIPELINING, STARTTLS" \
	    "STARTTLS = 220 2.0.0 Go on; close"
	front "\"$(hop_of h1)\""
	for n in 1 2 3; do
		say_post "c$n" "$R"
		need "a 250" shows answer_is 250
	done
	need "one try" is "$(tls_tries)" 1
	need "a word of it" is \
	    "$(grep -c event=next-hop-clear "$LAB/a/shadowmxd.log")" 1
	hop_control h1 "offer = PIPELINING, STARTTLS" \
	    "STARTTLS = 220 2.0.0 Go on; stall"
	ctl a nexthop reset >/dev/null
	for n in 4 5; do
		say_post "c$n" "$R"
		need "a 250" shows answer_is 250
	done
	need "one try more" is "$(tls_tries)" 2
	for n in 1 2 3 4 5; do
		need "each at the next hop" is "$(hop_served h1 "c$n")" "$R"
		need "each once" copies_are "c$n" 1
	done
	need "all before their 250" acks_are delivered 5
	need "innocence" hop_is_innocent h1
}

# ---- by MX ----

# Two next hops elsewhere; 192.0.2.13 is up, but nobody listens there.
mx_hosts() {
	need "the MTA's next hop" sink_start
	need "a host elsewhere" far_start 192.0.2.11 192.0.2.12 192.0.2.13
	HOP_IN="far exec"
	need "a next hop" hop_start h1 --host 192.0.2.11 --port 2525
	need "a next hop" hop_start h2 --host 192.0.2.12 --port 2525
	HOP_IN=
}

mx_policies() { # NAME...: NAME.next.test.invalid goes to NAME.example.org
	mx_routes=
	for mx_name; do
		mx_routes="$mx_routes '@$mx_name.next.test.invalid \"smtp:$mx_name.example.org:2525\"'"
	done
	eval "front_routes $mx_routes"
}

mx_post() { # NAME [TAG]
	say_post "${2:-$1}" "r@$1.next.test.invalid"
}

# mx_delivered NAME HOP; mx_elsewhere NAME: by the MTA, after another proof
mx_delivered() {
	mx_post "$1"
	need "a 250 for $1" shows answer_is 250
	need "$1 at $2" is "$(hop_served "$2" "$1")" "r@$1.next.test.invalid"
	need "$1 once" copies_are "$1" 1
}
mx_elsewhere() {
	mx_shadowed=$(acks shadowed)
	mx_post "$1" "${2:-$1}"
	need "a 250 for $1" shows answer_is 250
	need "$1 shadowed" acks_are shadowed $((mx_shadowed + 1))
	need "$1 by the MTA" wait_for 20 copies_are "${2:-$1}" 1
	need "$1 at no next hop" is "$(hop_served h1 "${2:-$1}" &&
		hop_served h2 "${2:-$1}")" ""
}

nexthop_mx_hosts_in_order() {
	mx_hosts
	need "a DNS server" dns_start "$(dns_zone example.org <<-END
		order	MX 20 h1
		order	MX 10 h2
		down	MX 10 dead
		down	MX 20 h1
		lost	MX 10 gone
		lost	MX 20 h2
		bare	A 192.0.2.12
		alias	CNAME order
		null	MX 0 .
		mine	MX 5 h1
		mine	MX 10 here
		worse	MX 5 dead
		worse	MX 10 here
		worse	MX 20 h1
		self	MX 10 here
		self	MX 10 h2
		h1	A 192.0.2.11
		h2	A 192.0.2.12
		dead	A 192.0.2.13
		here	A 192.0.2.1
	END
	)"
	mx_policies order down lost bare alias null mine worse self nowhere
	mx_delivered order h2
	mx_delivered down h1
	mx_delivered lost h2
	mx_delivered bare h2
	mx_delivered alias h2
	mx_delivered mine h1
	mx_post null
	need "no mail for who takes none" shows heard "556 5.1.10 "
	mx_elsewhere worse
	mx_elsewhere self
	mx_elsewhere nowhere
	need "nobody told of a failure" no_bounce
	need "nothing else" is "$(served null)" ""
	need "innocence" hop_is_innocent h1 h2
}

# Whoever waits for an answer, the client does not wait longer than it may, and
# is not refused.
nexthop_mx_server_without_an_answer() {
	DNS_OPTIONS="timeout:30 attempts:2"
	DELIVERY='rcpt_wait = "1s";'
	mx_hosts
	mx_zone=$(dns_zone example.org <<-END
		one	MX 10 h1
		two	MX 10 h1
		three	MX 10 h1
		four	MX 10 h1
		h1	A 192.0.2.11
	END
	)
	need "a DNS server" dns_start "$mx_zone"
	mx_policies one two three four
	dns_freeze
	read -r mx_began mx_rest </proc/uptime
	mx_elsewhere one
	mx_elsewhere two
	mx_elsewhere three
	read -r mx_ended mx_rest </proc/uptime
	need "nobody to wait for the resolver" \
	    at_most $((${mx_ended%.*} - ${mx_began%.*})) 55
	dns_thaw
	ctl a nexthop reset >/dev/null
	mx_delivered four h1
	dns_stop
	ctl a nexthop reset >/dev/null
	mx_elsewhere four none
	need "the server again" dns_start "$mx_zone"
	ctl a nexthop reset >/dev/null
	mx_post four again
	need "it in use" is "$(hop_served h1 again)" r@four.next.test.invalid
	need "nothing unprotected" status_is a own.unprotected 0
	need "innocence" hop_is_innocent h1 h2
}

# ---- much ----

nexthop_large_message() {
	MAX_DELAY=60s
	one_hop
	front "\"$(hop_of h1)\""
	mail_send a --count 2 --kinds big,plain --big-bytes 20000000 ||
		exit 1
	need "both acknowledged" is "$(acknowledged)" 2
	need "both at the next hop" is "$(hop_taken h1)" 2
	need "no message in memory" memory_is_small a
	hop_control h1 "offer = CHUNKING, PIPELINING"
	ctl a nexthop reset >/dev/null
	mail_send a --count 1 --kinds big --big-bytes 20000000 --prefix c- ||
		exit 1
	need "three acknowledged" is "$(acknowledged)" 3
	all_through 3
	need "all at the next hop" is "$(hop_taken h1)" 3
}

# 500 recipients, and by LMTP every fifth is refused after the content.
nexthop_many_recipients() {
	MAX_DELAY=60s
	one_hop --lmtp
	front "\"lmtp:[127.0.0.1]:$(hop_port h1)\""
	many=$(seq -f 'r%g@next.test.invalid' -s ' ' 0 499)
	say_post one "$many"
	need "a 250" shows answer_is 250
	need "500 of them" is "$(hop_served h1 one | sort -u | wc -l)" 500
	need "once each" copies_are one 500
	hop_control h1 "dot/[05]@ = 452 4.2.2 Full"
	say_post two "$many"
	need "a 250" shows answer_is 250
	need "400 delivered" is "$(hop_served h1 two | wc -l)" 400
	need "the others by the MTA" wait_for 40 copies_are two 500
	need "once each" is "$(served two | sort -u | wc -l)" 500
	need "nobody told of a failure" no_bounce
	need "innocence" hop_is_innocent h1
}

# Seconds from the try to the 250: the median of so many from the first or last.
answer_took() { # head|tail COUNT
	jq -rs 'map(select(.event == "try")) as $t | map(select(.event == "ok")) |
	    map(. as $o | .when - ($t[] | select(.serial == $o.serial).when)) | .[]' \
	    "$LAB/sent.a/sent.jsonl" | $1 -n "$2" | sort -g |
	    sed -n "$(($2 / 2))p"
}

# A run of the queue fills up the tokens, to as many as default_process_limit.
no_queue_runs() {
	pf_cf "$LAB/a" "queue_run_delay = 300s" "minimal_backoff_time = 300s" \
	    "maximal_backoff_time = 300s"
}

# A discarded message gives no token back: one a second when the MTA waits for it.
nexthop_discards_are_not_slow() {
	FRONT_BEFORE=no_queue_runs
	one_hop
	front "\"$(hop_of h1)\""
	need "200 sent" mail_send a --count 200 --kinds plain --sessions 2 \
	    --per-session 100
	need "200 acknowledged" is "$(acknowledged)" 200
	slow_first=$(answer_took head 20) slow_last=$(answer_took tail 40)
	need "the last as quick as the first ($slow_first, $slow_last)" \
	    awk "BEGIN { exit !($slow_last < 4 * $slow_first + 0.4) }"
	all_through 200
	need "nothing by the MTA" is "$(sinks_own)" 0
}

# More wait than may: the others are protected another way, none is refused.
nexthop_limits_on_holding() {
	MAX_HELD=2 MAX_HELD_CLIENT=2
	one_hop
	hop_control h1 "dot = slow 3"
	front "\"$(hop_of h1)\""
	mail_send a --count 12 --kinds plain --sessions 12 --per-session 1
	need "12 acknowledged" is "$(acknowledged)" 12
	all_through 12
	need "some at the next hop" at_least "$(acks delivered)" 1
	need "some shadowed" at_least "$(acks shadowed)" 1
	need "12 in all" is $(($(acks delivered) + $(acks shadowed))) 12
	need "none unprotected" status_is a own.accepted_unprotected 0
}

# ---- all of them ----

if [ "${1:-}" = all ]; then
	NEXTHOP_ALL=1
	export NEXTHOP_ALL
	shift
fi
lab_main nexthop "$@"
