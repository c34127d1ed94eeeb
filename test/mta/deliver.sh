#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Delayed acknowledgement: a real Postfix with shadowmxd delivers to its next hop
# while the client waits.  Every scenario is a function deliver_NAME with hosts
# of its own; "deliver.sh NAME..." runs only these, "deliver.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-hop.sh"

TAKEOVER_AFTER=60s MAX_DELAY=20s

# ---- as it should be ----

deliver_all_delivered_is_discarded() {
	one_hop
	front "\"$(hop_of h1)\""
	send 24
	need "24 acknowledged" is "$(acknowledged)" 24
	need "24 at the next hop, before their 250" is "$(hop_taken h1)" 24
	all_through 24
	need "nothing by the MTA" is "$(sinks_own)" 0
	need "24 discarded" is "$(grep -c milter-discard "$LAB/a/mail.log")" 24
	need "what earned it" acks_are delivered 24
	need "never a shadow" not log_says b "event=stored"
	need "signatures that verify" at_least "$(tally dkim_verified)" 4
	need "a client as it should be" hop_is_innocent h1
	need "nothing unprotected" status_is a own.unprotected 0
}

# The words are those of the next hop; nobody gets a bounce.
deliver_refused_user_is_refused_at_rcpt() {
	one_hop
	hop_control h1 "RCPT/^<bad = 550 5.1.1 Nobody of that name, as h1 says" \
	    "RCPT/^<full = 452 4.2.2 Full today"
	front "\"$(hop_of h1)\""
	say_post one "bad@next.test.invalid $R full@next.test.invalid"
	need "its own words" shows rcpt_answer_is bad \
	    "550 5.1.1 Nobody of that name, as h1 says"
	need "its own words for now" shows rcpt_answer_is full \
	    "452 4.2.2 Full today"
	need "a 250 for the other" answer_is 250
	need "that one delivered" served_is one "$R "
	say_post two "bad@next.test.invalid"
	need "no message without recipients" not answer_is 250
	need "an empty queue" wait_for 20 queue_is_empty a
	need "nobody told of a failure" no_bounce
	need "nothing else anywhere" is "$(sink_count)" 1
}

deliver_refused_content_is_refused() {
	one_hop
	front "\"$(hop_of h1)\""
	hop_control h1 "dot = 554 5.7.1 This is no mail for us"
	say_post one "$R"
	need "its own words" shows answer_is "554 5.7.1 This is no mail for us"
	need "a line of it" log_says a "event=refused.*reason=next-hop"
	hop_control h1 ""
	say_post two "$R"
	need "the next one taken" shows answer_is 250
	need "it alone" is "$(sink_count)" 1
	need "an empty queue" wait_for 20 queue_is_empty a
	need "nobody told of a failure" no_bounce
}

# A Postfix with a list of its users.
deliver_to_postfix() {
	need "the MTA's next hop" sink_start
	need "a Postfix" hop_postfix h1
	front "\"$(hop_of h1)\""
	say_post one "$R bad@next.test.invalid"
	need "the table's word" shows rcpt_answer_is bad "550 5.1.1 .*bad@next"
	need "a 250 for the other" answer_is 250
	send 24
	need "24 acknowledged" is "$(acknowledged)" 24
	all_through 24
	need "what earned it" acks_are delivered 25
	need "signatures that verify" at_least "$(tally dkim_verified)" 4
}

# One that has all extensions, one by LMTP, one as of 1982.
deliver_to_smtp_sink() {
	need "the MTA's next hop" sink_start
	need "a sink" hop_sink h0
	need "a sink by LMTP" hop_sink h1 -L
	need "a sink without ESMTP" hop_sink h2 -e
	front_routes "@next0.test.invalid \"$(hop_of h0)\"" \
	    "@next1.test.invalid \"lmtp:[127.0.0.1]:$(hop_port h1)\"" \
	    "@next2.test.invalid \"$(hop_of h2)\"" \
	    "@next.test.invalid \"$(hop_of h0)\""
	send 24 several,plain,dots,long,eight,dkim
	need "24 acknowledged" is "$(acknowledged)" 24
	need "what they have got" hop_sink_told h0 h1 h2
	need "each of them something" at_least "$(hop_taken h1)" 4
	need "each of them something" at_least "$(hop_taken h2)" 4
	need "the first most" at_least "$(hop_taken h0)" 24
	all_through 24
	need "nothing by the MTA" is "$(sinks_own)" 0
	need "what earned it" acks_are delivered 24
	need "signatures that verify" at_least "$(tally dkim_verified)" 4
}

# Unknown users at RCPT, a mailbox that cannot be written after the content: one
# answer for each.
deliver_to_dovecot() {
	need "the MTA's next hop" sink_start
	need "Dovecot" hop_dovecot r1 r2 full
	front_routes "r2@next.test.invalid \"lmtp:unix:$DOVECOT/lmtp.sock\"" \
	    "@next.test.invalid \"lmtp:[127.0.0.1]:$DOVECOT_PORT\""
	say_post one "$R r2@next.test.invalid bad@next.test.invalid"
	need "Dovecot's word" shows rcpt_answer_is bad "550 5.1.1 .*doesn't exist"
	need "a 250" answer_is 250
	need "each in its mailbox" is "$(dovecot_has one | tr '\n' ' ')" "r1 r2 "
	need "nothing by the MTA" is "$(sinks_own)" 0
	say_post two "$R full@next.test.invalid"
	need "a 250 for the rest" shows answer_is 250
	need "the rest by the MTA" wait_for 20 served_is two \
	    "full@next.test.invalid "
	need "the other in its mailbox, once" is "$(dovecot_has two)" r1
	need "an empty queue" wait_for 20 queue_is_empty a
	need "nobody told of a failure" no_bounce
}

deliver_two_and_three_next_hops() {
	need "the MTA's next hop" sink_start
	need "a next hop" hop_start h0 --host ::1
	need "a next hop" hop_start h1
	need "a next hop" hop_start h2
	v6="smtp:[::1]:$(hop_port h0)"
	front_routes "@next0.test.invalid \"$v6\"" \
	    "@next1.test.invalid ( \"smtp:[127.0.0.1]:$(pf_port)\", \"$(hop_of h1)\" )" \
	    "@next2.test.invalid \"$(hop_of h2)\"" \
	    "@next.test.invalid \"$v6\""
	send 6 several,plain,eight
	say_post two "a@next0.test.invalid b@next1.test.invalid"
	need "a 250" shows answer_is 250
	all_through 6
	need "nothing by the MTA" is "$(sinks_own)" 0
	for n in 0 1 2; do
		need "at each host its own recipients" eval \
		    '! jq -r ".rcpts[].rcpt" "$SINK/h$n"-*.json |
		     grep "@next[0-9]" | grep -v "@next$n\."'
	done
	need "two of them" served_is two "a@next0.test.invalid b@next1.test.invalid "
	need "innocence" hop_is_innocent h0 h1 h2
}

# As the MTA's own tables have it: a transport of its own, and the relay host.
deliver_where_the_mta_would() {
	need "the MTA's next hop" sink_start
	need "a next hop" hop_start h0
	need "a next hop" hop_start h1 --lmtp
	FRONT_BEFORE=where_tables
	front '"mta"'
	say_post one "a@next0.test.invalid c@next1.test.invalid"
	need "a 250" shows answer_is 250
	need "what the relay host gets" is "$(hop_served h0 one)" \
	    a@next0.test.invalid
	need "what the table says" is "$(hop_served h1 one)" c@next1.test.invalid
	need "what earned it" acks_are delivered 1
	need "nothing by the MTA" queue_is_empty a
	need "innocence" hop_is_innocent h0 h1
}

where_tables() {
	echo "next1.test.invalid lmtp:[127.0.0.1]:$(hop_port h1)" \
	    >"$LAB/a/transport"
	pf_cf "$LAB/a" "relayhost = [127.0.0.1]:$(hop_port h0)" \
	    "transport_maps = texthash:$LAB/a/transport"
}

# ---- not in time, not at all ----

deliver_slow_next_hop_is_shadowed_in_time() {
	MAX_DELAY=8s
	one_hop
	front "\"$(hop_of h1)\""
	hop_control h1 "DATA = slow 60"
	say_post one "$R"
	need "a 250" shows answer_is 250
	need "what earned it" acks_are shadowed 1
	need "not the next hop" is "$(hop_taken h1)" 0
	need "delivery by the MTA" wait_for 20 copies_are one 1
	hop_control h1 "RCPT = slow 60"
	say_post two "$R"
	need "a 250" shows answer_is 250
	need "delivery by the MTA" wait_for 20 copies_are two 1
	need "nothing left at the holder" wait_for 20 no_rows b
	need "once" copies_are one 1
	need "nothing unprotected" status_is a own.unprotected 0
}

# After two failures in a row nobody asks it again before its time.
deliver_down_next_hop_costs_nobody() {
	DELIVERY='connect = "1s"; step = "1s"; backoff = "10m";'
	one_hop
	hop_control h1 "greeting = stall"
	front "\"$(hop_of h1)\""
	for n in 1 2 3; do
		say_post "t$n" "$R"
		need "a 250" shows answer_is 250
	done
	need "a word of it" log_says a "event=next-hop-down"
	opened=$(hop_opened h1)
	send 10 plain
	need "10 acknowledged" is "$(acknowledged)" 10
	need "nobody to ask it" is "$(hop_opened h1)" "$opened"
	need "delivery by the MTA" ledger --wait 30 --least 10
	hop_control h1 ""
	need "it forgotten" ctl a nexthop reset
	say_post t4 "$R"
	need "a 250" shows answer_is 250
	need "it in use" is "$(hop_served h1 t4)" "$R"
	need "one word of it" is \
	    "$(grep -c event=next-hop-down "$LAB/a/shadowmxd.log")" 1
	for n in 1 2 3 4; do
		need "each once" wait_for 20 copies_are "t$n" 1
	done
}

deliver_back_off_ends() {
	DELIVERY='connect = "1s"; step = "1s"; backoff = "1s"; backoff_max = "1s";'
	one_hop
	front "\"$(hop_of h1)\""
	hop_stop h1
	for n in 1 2 3; do
		say_post "t$n" "$R"
		need "a 250" shows answer_is 250
	done
	need "a word of it" log_says a "event=next-hop-down"
	need "it again" hop_again h1
	need "it in use" wait_for 20 eval \
	    'say_post t4.$(date +%N) "$R" && [ "$(hop_taken h1)" -gt 0 ]'
	need "a word of it" log_says a "event=next-hop-up"
	for n in 1 2 3; do
		need "each once" wait_for 20 copies_are "t$n" 1
	done
}

# ---- mixed ----

# h0 takes it, h1 does not now, h2 never: what was delivered is no longer in the
# message, the MTA tries the rest.
deliver_partly_accepted() {
	need "the MTA's next hop" sink_start
	for n in 0 1 2; do
		need "a next hop" hop_start h$n
	done
	hop_control h1 "dot = 451 4.3.0 Later"
	hop_control h2 "dot = close"
	front_routes "@next0.test.invalid \"$(hop_of h0)\"" \
	    "@next1.test.invalid \"$(hop_of h1)\"" \
	    "@next2.test.invalid \"$(hop_of h2)\""
	say_post one "a@next0.test.invalid B@next0.test.invalid c@next1.test.invalid d@next2.test.invalid"
	need "a 250" shows answer_is 250
	need "those of h0 there" is "$(hop_served h0 one | tr '\n' ' ')" \
	    "B@next0.test.invalid a@next0.test.invalid "
	need "the rest by the MTA, each once" wait_for 20 served_is one \
	    "B@next0.test.invalid a@next0.test.invalid c@next1.test.invalid d@next2.test.invalid "
	need "what earned it" log_says a \
	    "event=acknowledged ack=shadowed.* delivered=2 rest=2"
	need "nothing left at the holder" wait_for 20 no_rows b
	need "nobody told of a failure" no_bounce
	need "no more" is "$(copies_of one)" 4
	need "the unsure one counted" log_says a event=unsure
}

# With no holder the rest is refused: what h0 has is written down first, and the
# client's next attempt does not bring it there again, also with another worker.
deliver_partly_accepted_then_tempfail_is_recorded() {
	UNPROTECTED=tempfail MAX_DELAY=6s
	DELIVERY='backoff = "100ms"; backoff_max = "100ms";'
	need "the MTA's next hop" sink_start
	need "a next hop" hop_start h0
	need "a next hop" hop_start h1
	hop_control h1 "dot = 451 4.3.0 Later"
	front_routes "@next0.test.invalid \"$(hop_of h0)\"" \
	    "@next1.test.invalid \"$(hop_of h1)\""
	daemon_kill b
	two="a@next0.test.invalid c@next1.test.invalid"
	say_post one "$two"
	need "a 4xx" shows answer_is 4
	need "one delivered" served_is one "a@next0.test.invalid "
	say_post one "$two"
	need "a 4xx again" shows answer_is 4
	need "not delivered again" served_is one "a@next0.test.invalid "
	need "a worker to kill" worker_kill a
	need "a new one" wait_for 10 answers a
	say_post one "$two"
	need "a 4xx again" shows answer_is 4
	need "not delivered again" served_is one "a@next0.test.invalid "
	hop_control h1 ""
	say_post one "$two"
	need "a 250" shows answer_is 250
	need "each once" served_is one \
	    "a@next0.test.invalid c@next1.test.invalid "
	need "an empty queue" wait_for 20 queue_is_empty a
	say_post two "$two"
	need "another message" shows answer_is 250
	need "it delivered" served_is two \
	    "a@next0.test.invalid c@next1.test.invalid "
}

# Nobody knows whether it was taken: it stays, at the price of a second copy.
deliver_lost_after_the_dot() {
	DELIVERY='step = "2s";'
	one_hop
	front "\"$(hop_of h1)\""
	hop_control h1 "dot = keep; close"
	say_post one "$R"
	need "a 250" shows answer_is 250
	need "the MTA's copy besides" wait_for 20 served_is one "$R $R "
	need "it counted" log_says a "event=unsure"
	ctl a nexthop reset >/dev/null
	hop_control h1 "dot = close"
	say_post two "$R"
	need "a 250" shows answer_is 250
	need "the MTA's copy" wait_for 20 served_is two "$R "
	need "an empty queue" wait_for 20 queue_is_empty a
	need "no third" served_is one "$R $R "
}

# ---- our own death ----

# The worker dies while the next hop is at this stage; the client comes again.
killed_at() { # TAG STAGE ACTION
	hop_control h1 "$2 = $3"
	killed_seen=$(wc -l <"$LAB/hop.h1/log")
	say_post "$1" "$R" &
	killed_client=$!
	need "the next hop at $2" wait_for 15 eval \
	    'tail -n +$((killed_seen + 1)) "$LAB/hop.h1/log" |
		grep -q " '"$2"'[ :].*'"${3##*; }"'"'
	need "a worker to kill" worker_kill a
	wait $killed_client
	need "no 250 at $2" not answer_is 250
	need "a new worker" wait_for 15 answers a
	need "its peer" wait_for 15 peers_up a
	hop_control h1 ""
	need "the client's 250 at $2" wait_for 30 post_is_taken a "$1" \
	    sender@client.test.invalid "$R"
}

deliver_killed_on_the_way_to_the_next_hop() {
	DELIVERY='idle = "0";'
	one_hop
	front "\"$(hop_of h1)\""
	for killed_stage in greeting EHLO MAIL; do
		killed_at "k$killed_stage" $killed_stage stall
		need "it there, once" wait_for 20 served_is "k$killed_stage" "$R "
	done
	need "an empty queue" wait_for 20 queue_is_empty a
}

deliver_killed_at_every_step() {
	one_hop
	front "\"$(hop_of h1)\""
	for killed_stage in RCPT DATA content dot; do
		killed_at "k$killed_stage" $killed_stage stall
		need "it there, once" wait_for 20 served_is "k$killed_stage" "$R "
	done
	# It has said yes, and we have not.
	killed_at after dot "keep; stall"
	need "one more at the most" wait_for 20 served_is after "$R $R "
	need "an empty queue" wait_for 20 queue_is_empty a
}

# One next hop has said yes, we wait for another.
deliver_killed_between_two_next_hops() {
	need "the MTA's next hop" sink_start
	need "a next hop" hop_start h0
	need "a next hop" hop_start h1
	front_routes "@next0.test.invalid \"$(hop_of h0)\"" \
	    "@next1.test.invalid \"$(hop_of h1)\""
	hop_control h1 "dot = stall"
	two="a@next0.test.invalid c@next1.test.invalid"
	say_post one "$two" &
	killed_client=$!
	need "the next hop's yes" wait_for 15 served_is one \
	    "a@next0.test.invalid "
	need "the other at its dot" wait_for 15 hop_says h1 "dot .*stall"
	need "a worker to kill" worker_kill a
	wait $killed_client
	need "no 250" not answer_is 250
	need "a new worker" wait_for 15 answers a
	need "its peer" wait_for 15 peers_up a
	hop_control h1 ""
	need "the client's 250" wait_for 30 post_is_taken a one \
	    sender@client.test.invalid "$two"
	need "none lost, one more at the most" wait_for 20 served_is one \
	    "a@next0.test.invalid a@next0.test.invalid c@next1.test.invalid "
	need "an empty queue" wait_for 20 queue_is_empty a
}

# The worker dies at this step of writing down whom h0 has served; the client comes
# twice more, first in vain.  MOST: copies that h0 may get.
killed_at_the_book() { # TAG INJECTION MOST
	hop_control h1 "dot = 451 4.3.0 Later"
	: >"$LAB/trace"
	strace -f -p "$(worker_pid a)" -o "$LAB/trace" -P "$LAB/a/store/served" \
	    -e trace=write,fsync -e "inject=$2" 2>"$LAB/attached" &
	killed_tracer=$!
	need "strace" wait_for 15 grep -q attached "$LAB/attached"
	killed_size=$(stat -c %s "$LAB/a/store/served")
	say_post "$1" "$two" &
	killed_client=$!
	case $2 in
	*delay*)
		need "a line in the book" wait_for 15 eval \
		    '[ $(stat -c %s "$LAB/a/store/served") -gt $killed_size ]'
		sleep 0.5
		need "a worker to kill" worker_kill a
		;;
	esac
	wait $killed_client
	need "no 250 at $1" not answer_is 250
	pf_wait 5 eval '! kill -0 $killed_tracer' || kill -INT $killed_tracer
	wait $killed_tracer
	need "it to be reached: $2" grep -q 'INJECTED\|DELAYED\|SIGKILL' "$LAB/trace"
	need "a new worker" wait_for 15 answers a
	need "h0's yes" is "$(hop_served h0 "$1" | wc -l)" 1
	say_post "$1" "$two"
	need "a 4xx at $1" shows answer_is 4
	hop_control h1 ""
	need "the client's 250 at $1" wait_for 30 post_is_taken a "$1" \
	    sender@client.test.invalid "$two"
	need "the rest once" is "$(hop_served h1 "$1")" c@next1.test.invalid
	need "h0 not more than $3 at $1" at_most "$(hop_served h0 "$1" | wc -l)" "$3"
}

deliver_killed_while_it_is_written_down() {
	command -v strace >/dev/null || {
		say "SKIP: no strace"
		exit 77
	}
	UNPROTECTED=tempfail FRONT_WHEN='"delivered"'
	DELIVERY='backoff = "100ms"; backoff_max = "100ms";'
	two="a@next0.test.invalid c@next1.test.invalid"
	need "the MTA's next hop" sink_start
	need "a next hop" hop_start h0
	need "a next hop" hop_start h1
	front_routes "@next0.test.invalid \"$(hop_of h0)\"" \
	    "@next1.test.invalid \"$(hop_of h1)\""
	killed_at_the_book write write:signal=SIGKILL 2
	killed_at_the_book sync fsync:signal=SIGKILL 1
	killed_at_the_book synced fsync:delay_exit=3000000 1
	need "an empty queue" wait_for 20 queue_is_empty a
	need "nothing by the MTA" is "$(sinks_own)" 0
}

deliver_killed_again_and_again() {
	one_hop
	hop_control h1 "dot = slow 0-0.2"
	front "\"$(hop_of h1)\""
	: >"$LAB/over.faults"
	mail_send a --kinds plain --sessions 4 --until "$LAB/over" &
	killed_client=$!
	for n in 1 2 3 4; do
		sleep 1.5
		killed_from=$(date +%s.%N)
		need "a worker to kill" worker_kill a
		need "a new one" wait_for 15 answers a
		echo "crash $killed_from $(date +%s.%N)" >>"$LAB/over.faults"
	done
	: >"$LAB/over"
	wait $killed_client
	need "none lost, none more often than the crashes allow" \
	    ledger --wait 30 --least 10 --lab "$LAB" \
	    --faults "$LAB/over.faults"
	need "an empty queue" wait_for 20 queue_is_empty a
}

# ---- a host of its own ----

alone_conf() {
	host_conf a "" "policies = ( $(front_policy edge "" "\"$(hop_of h1)\"" "" |
		sed 's/,$//') );" &&
	    sed -i "s/when = ( \"shadowed\" );/when = ( \"delivered\" ); next_hop = \"$(hop_of h1)\";/" \
		"$(conf_of a)"
}
key_complaint() { ctl a config check 2>&1 | grep "peers.key"; }

# Without members there is nobody to show a key to.
deliver_single_host_needs_no_key() {
	UNPROTECTED=tempfail FRONT_WHEN='"delivered"'
	one_hop
	need "a host" host_make a
	rm "$LAB/a/node.key"
	pf_cf "$LAB/a" "local_header_rewrite_clients =" "in_flow_delay = 0"
	need "a configuration" alone_conf
	need "no word of a key" is "$(key_complaint)" ""
	need "a host" host_start a
	need "nobody to listen for peers" is \
	    "$(ss -Hltn "sport = :$(peer_port_of a)")" ""
	say_post one "$R"
	need "a 250" shows answer_is 250
	need "it there" served_is one "$R "
	need "what earned it" acks_are delivered 1
	hop_control h1 "dot = 451 4.3.0 Later"
	say_post two "$R"
	need "its own words for now" shows answer_is "451 4.3.0 Later"
	hop_control h1 ""
	say_post two "$R"
	need "a 250" shows answer_is 250
	need "it there, once" served_is two "$R "
	need "an empty queue" queue_is_empty a
	daemon_stop a
	need "a member" host_make b
	need "a configuration with it" alone_conf
	need "a word of the key" not is "$(key_complaint)" ""
	timeout 60 "$SHADOWMXD" -c "$(conf_of a)" >"$LAB/keyless" 2>&1
	need "no start without" is $? 78
}

# ---- the operator ----

deliver_operator_sees_next_hops() {
	one_hop
	front "\"$(hop_of h1)\""
	say_post one "$R"
	need "a 250" shows answer_is 250
	need "it in the list" eval 'ctl a nexthop list | grep -q "$(hop_port h1)"'
	need "JSON of it" eval 'ctl a --json nexthop list | jq -es "length == 1"'
	need "a probe" eval 'ctl a nexthop probe "$(hop_of h1)" >"$LAB/probe"'
	need "what it offers" grep -q PIPELINING "$LAB/probe"
	need "a reset" ctl a nexthop reset "$(hop_of h1)"
	need "a probe of nobody to fail" \
	    not ctl a nexthop probe "smtp:[127.0.0.1]:$(pf_port)"
}

# ---- all of them ----

lab_main deliver "$@"
