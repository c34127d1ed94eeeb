# SPDX-License-Identifier: BSD-2-Clause
#
# Next hops that are delivered to while the client waits.  Source this file after
# lib.sh.  All that any of them takes is written down in $SINK, where the MTA's
# own next hop (sink_start) writes, too, so that one ledger sees every copy.
#
#	hop_start NAME [OPTION...]	test/tool/nexthop.py; folder $LAB/hop.NAME
#	hop_control NAME LINE...	what it does from now on
#	hop_of NAME			"smtp:[127.0.0.1]:PORT", as next_hop has it
#	hop_taken NAME			how many transactions it has said yes to
#	hop_opened NAME			how many connections it has seen
#	hop_is_innocent NAME...		nobody did what was not offered
#	hop_postfix NAME		a Postfix that knows nobody whose name begins
#				with "bad", and passes mail to the sink
#	hop_sink NAME [OPTION...]	smtp-sink(1)
#	hop_sink_told NAME...	what it has got, for the ledger
#	hop_dovecot USER...		Dovecot's LMTP: users, by [127.0.0.1]:PORT and
#				unix:PATH; a user "full" cannot be delivered to
#	dovecot_has TAG			the users that have it, one a line and sorted
#	front HOPS [ACKNOWLEDGE [MORE]]	hosts a and b; a delivers everything to HOPS
#				(a libconfig value) while the client waits; MORE
#				stands at the end of the configuration
#	front_routes "MATCH HOPS"...	the same with a policy each: MATCH is a
#				recipient or @domain; $FRONT_MORE as MORE, and
#				$FRONT_WHEN as "when" of all of them
# $FRONT_BEFORE is called before a starts.

# ---- a next hop that does what it is told ----

hop_start() {
	lab_hop=$1
	shift
	mkdir -p "$LAB/hop.$lab_hop"
	# $HOP_IN: what to start it with, to be elsewhere
	${HOP_IN:-} $PYTHON "$TOOL/nexthop.py" "$LAB/hop.$lab_hop" --name "$lab_hop" \
	    --into "$SINK" "$@" >"$LAB/hop.$lab_hop/port" \
	    2>"$LAB/hop.$lab_hop/err" &
	echo $! >"$LAB/hop.$lab_hop/pid"
	LAB_PIDS="$LAB_PIDS $!"
	wait_for 10 test -s "$LAB/hop.$lab_hop/port"
}

hop_stop() {
	kill -KILL "$(cat "$LAB/hop.$1/pid")"
	wait "$(cat "$LAB/hop.$1/pid")" 2>/dev/null
}

# Again where it was.
hop_again() {
	lab_again=$1 lab_port=$(hop_port "$1")
	shift
	rm "$LAB/hop.$lab_again/port"
	hop_start "$lab_again" --port "$lab_port" "$@"
}

hop_control() {
	lab_hop=$1
	shift
	printf '%s\n' "$@" >"$LAB/hop.$lab_hop/control.new"
	mv "$LAB/hop.$lab_hop/control.new" "$LAB/hop.$lab_hop/control"
}

hop_port() { cat "$LAB/hop.$1/port"; }
hop_of() { echo "smtp:[127.0.0.1]:$(hop_port "$1")"; }
hop_taken() { find "$SINK" -name "$1-*.json" | wc -l; }
hop_opened() { grep -c ' connected$' "$LAB/hop.$1/log"; }
hop_says() { grep -q "$2" "$LAB/hop.$1/log"; }

hop_is_innocent() {
	for lab_hop; do
		[ ! -s "$LAB/hop.$lab_hop/faults" ] || {
			cat "$LAB/hop.$lab_hop/faults" >&2
			return 1
		}
	done
}

# Which of $SINK's files hold TAG, and what came to a hop of that name.
hop_served() { # NAME TAG
	grep -l "Subject: tag-$2\." "$SINK/$1"-*.eml 2>/dev/null |
	    sed 's/eml$/json/' | xargs -r jq -r '.rcpts[].rcpt' |
	    tr -d '<>' | sort
}

# ---- a Postfix ----

hop_postfix() {
	lab_hop=$1
	mkdir -p "$LAB/hop.$lab_hop"
	pf_port >"$LAB/hop.$lab_hop/port"
	echo '!/^bad/ ok' >"$LAB/hop.$lab_hop/users"
	pf_make "$LAB/hop.$lab_hop" "$lab_hop" "$(hop_port "$lab_hop")" \
	    "relayhost = [127.0.0.1]:$SINK_PORT" \
	    "relay_domains = next.test.invalid, next0.test.invalid, next1.test.invalid, next2.test.invalid" \
	    "relay_recipient_maps = regexp:$LAB/hop.$lab_hop/users" \
	    "local_header_rewrite_clients =" \
	    "message_size_limit = 200000000" || return 1
	pf_start "$LAB/hop.$lab_hop" || return 1
	LAB_PIDS="$LAB_PIDS $(pf_pid "$LAB/hop.$lab_hop")"
}

# ---- smtp-sink(1) ----

# What it dumps has line ends of its own, an empty line more, and headers on top:
# those that begin with X-, and its Received of three lines.
hop_sink() { # NAME [OPTION...]
	lab_hop=$1
	shift
	mkdir -p "$LAB/hop.$lab_hop/dump"
	chmod 777 "$LAB/hop.$lab_hop/dump"
	pf_port >"$LAB/hop.$lab_hop/port"
	smtp-sink -u nobody "$@" -d "$LAB/hop.$lab_hop/dump/d." \
	    "127.0.0.1:$(hop_port "$lab_hop")" 100 >"$LAB/hop.$lab_hop/err" 2>&1 &
	echo $! >"$LAB/hop.$lab_hop/pid"
	LAB_PIDS="$LAB_PIDS $!"
	wait_for 10 eval "ss -Hltn 'sport = :$(hop_port "$lab_hop")' | grep -q ."
}

# Write down in $SINK, for the ledger, what all of these have got.
hop_sink_told() { # NAME...
	for lab_hop; do
		$PYTHON - "$LAB/hop.$lab_hop/dump" "$SINK/$lab_hop" <<-'END' || return 1
		import json, os, sys, time
		for n, name in enumerate(sorted(os.listdir(sys.argv[1]))):
		    with open(os.path.join(sys.argv[1], name), "rb") as f:
		        lines = f.read().split(b"\n")
		    at = 0
		    mail, params, rcpts = "", [], []
		    while lines[at].startswith(b"X-"):
		        word, rest = lines[at].decode().split(": ", 1)
		        if word == "X-Mail-Args":
		            mail, *params = rest.split()
		        if word == "X-Rcpt-Args":
		            rcpts.append({"rcpt": rest.split()[0], "params": rest.split()[1:]})
		        at += 1
		    assert lines[at].startswith(b"Received: "), lines[at]
		    at += 3
		    with open("%s-%d.eml" % (sys.argv[2], n), "wb") as f:
		        f.write(b"\r\n".join(lines[at:-1]))
		    with open("%s-%d.json" % (sys.argv[2], n), "w") as f:
		        json.dump({"mail": mail, "mail_params": params,
		            "rcpts": rcpts, "when": time.time()}, f)
		END
	done
}

# ---- Dovecot's LMTP ----

hop_dovecot() {
	DOVECOT=$LAB/dovecot
	command -v dovecot >/dev/null || {
		say "SKIP: no dovecot here"
		exit 77
	}
	mkdir -p "$DOVECOT/home" "$DOVECOT/run" "$DOVECOT/state"
	DOVECOT_PORT=$(pf_port)
	for lab_user; do
		lab_home=$DOVECOT/home/$lab_user
		# Nobody may make anything beside the homes.
		[ "$lab_user" != full ] || lab_home=$DOVECOT/full
		printf '%s@next.test.invalid:{PLAIN}x:65534:65534::%s::\n' \
		    "$lab_user" "$lab_home"
	done >"$DOVECOT/users"
	chown nobody "$DOVECOT/home"
	cat >"$DOVECOT/dovecot.conf" <<-END
	base_dir = $DOVECOT/run
	state_dir = $DOVECOT/state
	log_path = $DOVECOT/log
	protocols = lmtp
	ssl = no
	first_valid_uid = 1
	first_valid_gid = 0
	mail_location = maildir:~/m
	userdb {
	  driver = passwd-file
	  args = username_format=%u $DOVECOT/users
	}
	passdb {
	  driver = passwd-file
	  args = username_format=%u $DOVECOT/users
	}
	service lmtp {
	  inet_listener lmtp {
	    address = 127.0.0.1
	    port = $DOVECOT_PORT
	  }
	  unix_listener $DOVECOT/lmtp.sock {
	    mode = 0666
	  }
	}
	service anvil {
	  chroot =
	}
	END
	dovecot -F -c "$DOVECOT/dovecot.conf" >"$DOVECOT/out" 2>&1 &
	LAB_PIDS="$LAB_PIDS $!"
	wait_for 15 test -S "$DOVECOT/lmtp.sock"
}

# The user's name is the folder's.
dovecot_has() {
	grep -rl "^Subject: tag-$1\.$(printf '\r')*$" "$DOVECOT/home" \
	    --include='*,S=*' 2>/dev/null | sed "s,^$DOVECOT/home/,,; s,/.*,," |
	    sort
}

# ---- the host in front ----

# What a scenario says of the group delivery.  All clients are one here.
: "${DELIVERY:=}" "${FRONT_MORE:=}" "${MAX_HELD:=25}" "${MAX_HELD_CLIENT:=25}"

front_conf() { # POLICIES
	host_conf a "" "delivery = { max_held = $MAX_HELD;
	    max_held_client = $MAX_HELD_CLIENT; $DELIVERY };
	policies = ( $1 );
	$FRONT_MORE"
}

front_policy() { # NAME MATCH HOPS ACKNOWLEDGE
	printf '{ name = "%s"; %s acknowledge = {' "$1" \
	    "${2:+match = { recipients = ( \"$2\" ); \};}"
	printf ' when = ( %s ); next_hop = %s; %s }; },' \
	    "${FRONT_WHEN:-\"delivered\", \"shadowed\"}" "$3" "$4"
}

front_hosts() {
	need "hosts" host_make a b
	# What the next hop gets is to be what was sent; and no token is given
	# back for a message that was discarded.
	pf_cf "$LAB/a" "local_header_rewrite_clients =" "in_flow_delay = 0"
	${FRONT_BEFORE:-:}
}

front() {
	front_hosts
	FRONT_MORE=${3:-}
	front_policies=$(front_policy edge "" "$1" "${2:-}")
	need "a configuration" front_conf "${front_policies%,}"
	need "hosts that see each other" hosts_start
}

front_routes() {
	front_hosts
	front_policies=
	for front_route; do
		front_policies=$front_policies$(front_policy \
		    "p$(echo "$front_route" | cksum | cut -d' ' -f1)" \
		    "${front_route%% *}" "${front_route#* }" "")
	done
	need "a configuration" front_conf "${front_policies%,}"
	need "hosts that see each other" hosts_start
}

# The words of the log about how messages were acknowledged.
acks() { grep -c "event=acknowledged ack=$1\b" "$LAB/a/shadowmxd.log"; }
acks_are() { is "$(acks "$1")" "$2"; }

# ---- what scenarios say ----

at_least() { [ "$1" -ge "$2" ]; }
at_most() { [ "$1" -le "$2" ]; }

# N messages from the client to host a.
send() {
	need "mail to be sent" mail_send a --count "$1" ${2:+--kinds "$2"}
}

# What the client heard, kept in $LAB/said for "answer_is" and "rcpt_answer_is".
say_post() {
	post a "$1" sender@client.test.invalid "$2" >"$LAB/said"
}
answer_is() { tail -n 1 "$LAB/said" | grep -q "^$1"; }
# The same where there is one recipient: to RCPT, when that was refused.
heard() {
	head -n 1 "$LAB/said" | sed 's/^rcpt [^ ]* //' | grep -q "^$1"
}
rcpt_answer_is() { grep -q "^rcpt $1@next.test.invalid $2" "$LAB/said"; }
shows() { cat "$LAB/said"; "$@"; }

served_is() { is "$(served "$1" | tr '\n' ' ')" "$2"; }
copies_of() { served "$1" | grep -c .; }
copies_are() { is "$(copies_of "$1")" "$2"; }
no_bounce() { ! grep -l '^Content-Type: multipart/report' "$SINK"/*.eml; }
sinks_own() { find "$SINK" -name '[0-9]*.json' | wc -l; }
memory_is_small() {
	small_pid=$(worker_pid "$1") || return 1
	grep -q libasan "/proc/$small_pid/maps" && return 0
	at_most "$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' \
	    "/proc/$small_pid/status")" 60000
}

R=r1@next.test.invalid

one_hop() { # OPTION...
	need "the MTA's next hop" sink_start
	need "a next hop" hop_start h1 "$@"
}

# Every message once, at the next hop itself, and nothing of ours left.
all_through() { # COUNT
	need "all delivered, nothing damaged" ledger --wait 30 --least "$1"
	need "nothing twice" is "$(tally duplicated)" 0
	need "an empty queue" wait_for 20 queue_is_empty a
	need "nothing at the holder" wait_for 20 no_rows b
	need "nothing open" wait_for 20 status_is a own.open 0
	need "nobody told of a failure" no_bounce
}
