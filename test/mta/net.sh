#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The safety net with real Postfix: what was delivered is kept at the holder,
# and delivered again when an operator wants it.  Every scenario is a function
# net_NAME with hosts of its own; "net.sh NAME..." runs only these, "net.sh -l"
# lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

at_least() { [ "$1" -ge "$2" ]; }
at_most() { [ "$1" -le "$2" ]; }
log_counts() { grep -c "$2" "$LAB/$1/shadowmxd.log"; }

# hosts NET HOST...: with this in their "safety_net"
hosts() {
	hosts_net=$1
	shift
	need "a next hop" sink_start
	need "hosts" host_make "$@"
	for lab_host; do
		host_conf "$lab_host" "${ACK:-}" "safety_net = { $hosts_net };"
	done
	need "hosts that see each other" hosts_start
}

# send FIRST LAST [NOTIFY]: messages with these numbers to a, each to three
# recipients
send() {
	$PYTHON - "$(port_of a)" "$@" <<-'END' || return 1
	import os, smtplib, sys
	port, first, last = (int(n) for n in sys.argv[1:4])
	options = ["NOTIFY=" + sys.argv[4]] if len(sys.argv) > 4 else []
	s = smtplib.SMTP("127.0.0.1", port, local_hostname="client.test.invalid",
	                 timeout=60)
	s.ehlo()
	for n in range(first, last + 1):
	    s.mail("sender%d@client.test.invalid" % n)
	    for r in ("all@next.test.invalid", "r%d@next.test.invalid" % n,
	              "r%d@other.test.invalid" % n):
	        code, text = s.rcpt(r, options)
	        assert code == 250, text
	    body = ("Subject: number %d\r\nMessage-ID: <m%d@net.test>\r\n"
	            "X-Odd:  two  spaces\r\n\r\n.\r\nbody %d\r\n%s\r\n"
	            % (n, n, n, "x" * 70 + "\r\n" + "y" * 900 * (n % 3)
	               + ("\r\n" + "z" * 78) * int(os.environ.get("LINES", "0"))))
	    code, text = s.data(body)
	    assert code == 250, text
	s.quit()
	END
}

delivered() { is "$(sink_count)" "$1"; }
nets() { is "$(status "$1" net.messages)" "$2"; }
net_is() { is "$(status "$1" net.waiting)" 0 && nets "$1" "$2"; }

# all_kept HOST N: so many are in the net, and nothing else is left
all_kept() {
	need "no shadow any more" wait_for 30 no_rows "$1"
	need "$2 in the net" wait_for 30 net_is "$1" "$2"
}

# send_kept N: sent, delivered, and kept at b
send_kept() {
	need "mail to be sent" send 1 "$1"
	need "delivery" wait_for 30 delivered "$1"
	all_kept b "$1"
}

# Whom the next hop has got mail for, in a line.
all_served() {
	$PYTHON -c '
import glob, json, sys
print(*sorted(r["rcpt"].strip("<>") for name in glob.glob(sys.argv[1] + "/*.json")
              for r in json.load(open(name))["rcpts"]))' "$SINK"
}

empty_sink() {
	mkdir -p "$LAB/before"
	mv "$SINK"/*.eml "$SINK"/*.json "$LAB/before"
}

# dry HOST N ARGS...: so many are meant
dry() {
	dry_host=$1 dry_count=$2
	shift 2
	ctl "$dry_host" replay --dry-run "$@" >"$LAB/said" || return 1
	is "$(head -n "$((dry_count + 1))" "$LAB/said" | tail -n 1)" \
	    "$dry_count messages" && return 0
	cat "$LAB/said"
	return 1
}

# What came to the next hop, against what came there first: all but the trace
# fields on top, to the recipients with $1 in their address.
same_content() {
	$PYTHON - "$LAB/before" "$SINK" "${1:-}" <<-'END'
	import glob, json, re, sys

	def load(folder):
	    out = {}
	    for name in glob.glob(folder + "/*.json"):
	        with open(name) as f:
	            envelope = json.load(f)
	        with open(name[:-4] + "eml", "rb") as f:
	            data = f.read()
	        traces = len(re.match(rb"(Received:.*\r\n([ \t].*\r\n)*)*", data)[0])
	        key = re.search(rb"^Message-ID: <(.*)>", data, re.M)[1]
	        out.setdefault(key, []).append(
	            (data[traces:], envelope["mail"],
	             sorted(r["rcpt"] for r in envelope["rcpts"]), envelope, data))
	    return out

	before, after = load(sys.argv[1]), load(sys.argv[2])
	assert after, "nothing came"
	for key, found in after.items():
	    assert len(found) == 1, ("twice", key)
	    content, sender, rcpts, envelope, data = found[0]
	    first = before[key][0]
	    assert content == first[0], ("content", key)
	    assert sender == first[1], ("sender", key)
	    want = [r for r in first[2] if sys.argv[3] in r]
	    assert rcpts == want, ("recipients", key, rcpts, want)
	    assert b"shadowmx/b.test.invalid" in data, "no trace of the replay"
	    for r in envelope["rcpts"]:
	        assert "NOTIFY=NEVER" in str(r), r
	END
}

# again N PART ARGS...: these are delivered again, as they were, to recipients
# with this PART in their address
again() {
	again_count=$1 again_rcpt=$2
	shift 2
	need "an answer to replay $*" ctl b replay --yes "$@" >"$LAB/replayed"
	need "all handed" is "$(tail -n 1 "$LAB/replayed")" \
	    "$again_count messages: $again_count handed, 0 refused, 0 failed"
	need "delivery" wait_for 30 delivered "$again_count"
	need "the same again" same_content "$again_rcpt"
	rm -f "$SINK"/*.eml "$SINK"/*.json
}

# ---- a day without trouble ----

net_replays() {
	hosts 'keep = "1h"; slice = "2s";' a b
	need "mail to be sent" send 1 10
	need "delivery" wait_for 30 delivered 10
	all_kept b 10
	sleep 2
	replays_middle=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	sleep 1
	need "mail to be sent" send 11 20
	need "delivery" wait_for 30 delivered 20
	all_kept b 20
	empty_sink
	need "20 to be meant" dry b 20 --since 1h
	need "a line to name all" grep -q "b.test.invalid\|a.test.invalid.*<sender7@client.test.invalid>.*<r7@next.test.invalid>.*m7@net.test" "$LAB/said"
	need "nothing by a dry run" is "$(sink_count)" 0
	need "10 before" dry b 10 --until "$replays_middle"
	need "10 since" dry b 10 --since "$replays_middle"
	need "none of a time without mail" dry b 0 --until 1h
	need "one by its recipient" dry b 1 --recipient R3@next.test.invalid
	need "one by its sender" dry b 1 --sender sender20@client.test.invalid
	need "one by its Message-ID" dry b 1 --message-id '<m9@net.test>'
	need "all of a domain" dry b 20 --recipient @other.test.invalid
	need "none of nobody" dry b 0 --sender '<>'
	need "all of the primary" dry b 20 --primary a.test.invalid
	need "no more than is wanted" dry b 4 --limit 4 --since 1h
	need "nothing without a word" not ctl b replay --since 1h
	need "nothing sent" is "$(sink_count)" 0
	need "no replay of everything" not ctl b replay --yes
	again 20 "" --since 1h
	again 10 "" --since "$replays_middle"
	again 1 r3@next --recipient r3@next.test.invalid
	again 20 @other.test --recipient @other.test.invalid
	again 1 "" --sender sender20@client.test.invalid
	again 1 "" --message-id m9@net.test
	need "it is in the log" log_says b "event=replayed"
	need "shown by status" eval 'ctl b status | grep -q "^safety net .*messages 20"'
	need "nothing left at the primary" wait_for 20 status_is a own.open 0
	need "none at the primary's own" is "$(status a net.messages)" 0
}

# The sender had asked for notices, and is told nothing anew.
net_sends_no_notices() {
	hosts 'keep = "1h";' a b
	for lab_host in a b; do
		pf_cf "$LAB/$lab_host" "smtp_discard_ehlo_keywords = dsn"
	done
	need "mail to be sent" send 1 3 SUCCESS
	# Three and a notice for each.
	need "delivery and notices" wait_for 40 delivered 6
	all_kept b 6
	empty_sink
	sink_control "reply=550:^<r1@next"
	need "3 replayed" ctl b replay --yes --since 1h --recipient @next.test.invalid
	need "delivery" wait_for 30 delivered 3
	need "the queue to be empty" wait_for 30 queue_is_empty b
	sleep 2
	need "no notice and no bounce" is "$(sink_count)" 3
}

# What another filter or a slow next hop has made of it meanwhile: all who were
# served are known.
net_knows_who_was_served_before() {
	hosts 'keep = "1h";' a b
	sink_control "reply=450:other.test"
	need "mail to be sent" send 1 1
	need "a first part delivered" wait_for 20 delivered 1
	need "an amendment" wait_for 20 log_says b "event=amended"
	sleep 1
	sink_control
	need "the rest" wait_for 30 delivered 2
	all_kept b 1
	empty_sink
	need "all three known" dry b 1 --recipient r1@next.test.invalid
	need "it replayed" ctl b replay --yes --since 1h
	need "delivery" wait_for 20 eval 'is "$(all_served)" \
	    "all@next.test.invalid r1@next.test.invalid r1@other.test.invalid"'
}

# ---- faults ----

# Whatever is cut off while rows are moved is moved again, and counts once.
net_is_whole_after_kills() {
	hosts 'keep = "1h"; slice = "1s";' a b
	for kills_round in 1 2 3 4; do
		need "mail to be sent" send $((kills_round * 10 - 9)) \
		    $((kills_round * 10))
		sleep "0.$kills_round"
		worker_kill b
		need "b to be back" wait_for 20 answers b
		need "b to be seen" wait_for 20 peers_up a
	done
	need "delivery" wait_for 60 delivered 40
	need "no shadow any more" wait_for 60 no_rows b
	need "all moved" wait_for 30 status_is b net.waiting 0
	worker_kill b
	need "b to be back" wait_for 20 answers b
	kills_had=$(ctl b --json replay --dry-run --since 1h | tail -n 1 |
	    json_field messages)
	# Copies that were asked for while b was away may have ended without it.
	need "none twice, none lost that was there" at_most "$kills_had" 40
	need "most of them" at_least "$kills_had" 30
	empty_sink
	need "a replay" ctl b replay --yes --since 1h
	need "delivery" wait_for 60 delivered "$kills_had"
	need "the same again" same_content ""
}

net_expires() {
	hosts 'keep = "3s"; slice = "1s";' a b
	need "mail to be sent" send 1 5
	need "delivery" wait_for 30 delivered 5
	need "some in the net" wait_for 20 eval 'at_least "$(status b net.messages)" 1'
	need "none after its time" wait_for 30 nets b 0
	need "no file" is "$(find "$LAB/b/store/net" -name "*.seg" | wc -l)" 0
	need "a word of it" log_says b "event=net_slice_dropped.*why=old"
	need "nothing to replay" dry b 0 --since 1h
}

net_has_a_ceiling() {
	hosts 'keep = "1h"; size = "1M";' a b
	for ceiling_n in 1 2 3 4 5 6 7 8; do
		LINES=3750
		export LINES
		need "mail to be sent" send $ceiling_n $ceiling_n
		sleep 0.5
	done
	need "no shadow any more" wait_for 60 no_rows b
	need "all moved" wait_for 30 status_is b net.waiting 0
	need "a word of it" wait_for 10 log_says b "event=net_slice_dropped.*why=size"
	need "no more than the ceiling" at_most "$(status b net.bytes)" 1048576
	need "the last ones" at_least "$(status b net.messages)" 1
	need "no mail refused for it" not log_says b "result=full"
}

# ---- who replays ----

net_leaves_it_to_the_first() {
	ACK='copies = 2;'
	hosts 'keep = "1h";' a b c
	need "mail to be sent" send 1 6
	need "delivery" wait_for 30 delivered 6
	all_kept b 6
	all_kept c 6
	first_b=$(ctl b --json replay -n --since 1h | tail -n 1 | json_field messages)
	first_c=$(ctl c --json replay -n --since 1h | tail -n 1 | json_field messages)
	need "each one's once" is $((first_b + first_c)) 6
	need "all of them when they are wanted" dry c 6 --all --since 1h
	host_lose b
	need "b to be missed" wait_for 20 eval 'ctl c peer list | grep -q "^b.*silent"'
	need "all of them without b" dry c 6 --since 1h
}

# ---- odds ----

net_says_what_went() {
	hosts 'keep = "1h";' a b
	send_kept 5
	empty_sink
	pf_stop "$LAB/b"
	need "a replay that fails" not ctl b replay --yes --since 1h >"$LAB/out"
	need "the outcome of each" grep -q " failed " "$LAB/out"
	pf_start "$LAB/b"
	again 5 "" --since 1h
	says_pids=
	for says_n in 1 2 3 4 5 6; do
		ctl b replay --yes --since 1h >"$LAB/out.$says_n" 2>&1 &
		says_pids="$says_pids $!"
	done
	# shellcheck disable=SC2086
	wait $says_pids
	need "one at a time" grep -q "under way" "$LAB"/out.?
}

net_is_off() {
	UNPROTECTED=accept
	hosts 'size = "1M";' a b
	need "mail to be sent" send 1 2
	need "delivery" wait_for 30 delivered 2
	need "no shadow any more" wait_for 20 no_rows b
	need "no folder of a net" not test -d "$LAB/b/store/net"
	need "a refusal" not ctl b replay -n --since 1h
}

lab_main net "$@"
