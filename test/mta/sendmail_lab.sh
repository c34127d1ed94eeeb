#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A private Sendmail with our milter in front of it and our reader behind it: what
# the milter is told, and what the reader says of the queue, is what Sendmail does.
#
#	sendmail_lab.sh [-l | SCENARIO...]
#
# The milter is milter_host with made-up peers, the reader smqueue_probe.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-sendmail.sh"
: "${MILTER_HOST:=$SMX_BUILD/test/milter/milter_host}"
: "${SMQUEUE_PROBE:=$SMX_BUILD/test/mta/smqueue_probe}"

lab_skip() {
	sm_missing && return 0
	for program in "$MILTER_HOST" "$SMQUEUE_PROBE"; do
		[ -x "$program" ] || {
			say "no $program"
			return 0
		}
	done
	return 1
}

# ---- the host ----

# mta [LINE...]: a Sendmail in $A; what it has for others goes to the sink
mta() {
	A=$LAB/a
	mkdir -p "$A"
	pf_port >"$A/port"
	sink_start || exit 1
	need "a configuration" sm_make "$A" a "$(port_of a)" "$SINK_PORT" "$@"
	need "Sendmail to run" sm_start "$A"
}

milter() {
	sed -e "s,@DIR@,$LAB,g" -e "s,@DATA@,$TOP/test/data,g" \
	    "$TOP/test/milter/suite.conf.in" >"$LAB/milter.conf"
	mkdir -p "$LAB/peers"
	"$MILTER_HOST" -c "$LAB/milter.conf" -s "unix:$LAB/milter.sock" \
	    -d "$LAB/peers" >"$LAB/milter.log" 2>&1 &
	MILTER_PID=$!
	LAB_PIDS="$LAB_PIDS $MILTER_PID"
	need "our milter" pf_wait 10 test -S "$LAB/milter.sock"
}

# probe [PATH...]: what it says goes to $LAB/said
probe() {
	[ $# -gt 0 ] || set -- "$A/mqueue"
	mkfifo "$LAB/orders" || exit 1
	"$SMQUEUE_PROBE" a.test.invalid "$A/run/sendmail.pid" "$LAB/marker" \
	    "$A/mail.log" "$@" <"$LAB/orders" >"$LAB/said" 2>&1 &
	LAB_PIDS="$LAB_PIDS $!"
	exec 3>"$LAB/orders"
	need "our reader" said '^reset '
}

said() { pf_wait 15 grep -q "$1" "$LAB/said"; }
logged() { pf_wait 15 grep -q "$1" "$A/mail.log"; }
in_queue() { sm_file "$A" "$1" "$2" >/dev/null; }
arrived() { [ "$(served "$1" | tr '\n' ' ')" = "$2 " ]; }
lines() { grep -c "$1" "$LAB/said"; }
more_lines() { [ "$(lines "$1")" -gt "$2" ]; }

# take TAG FROM "RCPT...": its queue id in $ID
take() {
	post a "$@" >"$LAB/answer"
	grep -q '^250 ' "$LAB/answer" || {
		say "   said: $(cat "$LAB/answer")"
		return 1
	}
	ID=$(sed -n 's/^250 2.0.0 \([0-9A-Za-z]*\) .*/\1/p' "$LAB/answer")
}

# is_now ID PRESENCE: asked until it is
is_now() {
	tries=0
	while [ $tries -lt $((75 * PF_PATIENCE)) ]; do
		! asked_is "$@" || return 0
		tries=$((tries + 1))
		sleep 0.2
	done
	return 1
}
asked_is() {
	had=$(lines "^verified $1 ")
	echo "verify $1" >&3
	pf_wait 5 more_lines "^verified $1 " "$had"
	grep "^verified $1 " "$LAB/said" | tail -n 1 | grep -q "^verified $1 $2 "
}

# reads ID HELD LINE...: its envelope
reads() {
	one=$1 held=$2
	shift 2
	had=$(lines "^read $one ")
	echo "read $one" >&3
	pf_wait 15 more_lines "^read $one " "$had" || return 1
	grep "^read $one " "$LAB/said" | tail -n 1 |
	    grep -qx "read $one held=$held" || return 1
	for line; do
		printf 'line %s %s\n' "$one" "$line"
	done >"$LAB/wanted"
	grep "^line $one " "$LAB/said" | tail -n $# >"$LAB/got"
	cmp -s "$LAB/wanted" "$LAB/got" && return 0
	diff "$LAB/wanted" "$LAB/got"
}

# ---- scenarios ----

# Mail goes through, the milter sees it, and what it says is done.
sendmail_milter() {
	milter
	bypass=$(pf_port)
	mta "$(sm_filter shadowmx "$LAB/milter.sock")" "$(sm_bypass "$bypass")"
	need "a message to be taken" take one s@x.invalid ok@y.invalid
	need "it to arrive" wait_for 10 arrived one ok@y.invalid
	need "a shadow under its queue id" test -s "$LAB/peers/$ID.0"
	need "its envelope" grep -q '^RCPT <ok@y.invalid>' "$LAB/peers/$ID.0"
	need "its content" grep -q '^Subject: tag-one.' "$LAB/peers/$ID.0"
	need "a refusal where nobody has it" not take two s@x.invalid \
	    refuse@y.invalid
	need "that nothing is left of it" test -z "$(ls "$A/mqueue")"
	need "a wait until somebody has it" take three s@x.invalid \
	    wait-1500@y.invalid
	kill -KILL "$MILTER_PID"
	wait "$MILTER_PID" 2>/dev/null
	need "no mail without the milter (F=T)" not take four s@x.invalid \
	    ok@y.invalid
	echo "$bypass" >"$A/port"
	need "mail on the port without a milter" take five s@x.invalid \
	    ok@y.invalid
	need "it to arrive, too" wait_for 10 arrived five ok@y.invalid
}

# While the milter thinks there is a body and no more, and it is wanted.
sendmail_end_of_message() {
	milter
	mta "$(sm_filter shadowmx "$LAB/milter.sock")"
	probe
	post a one s@x.invalid wait-6000@y.invalid >"$LAB/answer" &
	waits=$!
	need "a body" pf_wait 10 eval '[ -n "$(ls "$A/mqueue")" ]'
	id=$(ls "$A/mqueue")
	id=${id#df}
	sleep 1.2
	need "it to be in the making" asked_is "$id" UNCOMMITTED
	need "no commit before the answer" not grep -q "^committed $id " \
	    "$LAB/said"
	wait $waits
	need "an acknowledgement" grep -q '^250 ' "$LAB/answer"
	need "a commit" said "^committed $id "
	need "an end" is_now "$id" ABSENT
	# A host that dies meanwhile leaves a body that nobody wants.
	post a two s@x.invalid wait-6000@y.invalid >"$LAB/answer" 2>/dev/null &
	need "a body again" pf_wait 10 eval '[ -n "$(ls "$A/mqueue")" ]'
	id=$(ls "$A/mqueue")
	id=${id#df}
	sm_kill "$A"
	need "it to be a stray" is_now "$id" STRAY
}

# queued, deferred in part, quarantined, released, delivered
sendmail_life() {
	SM_MODE=queueonly
	mta
	probe
	need "a message" take one s@x.invalid "now@y.invalid later@y.invalid"
	id=$ID
	need "its commit" said "^committed $id "
	need "it there" asked_is "$id" THERE
	need "its envelope" reads "$id" 0 "MAIL <s@x.invalid>" \
	    "RCPT <now@y.invalid>" "RCPT <later@y.invalid>"
	sink_control 'reply=451:later@'
	sm_flush "$A" >/dev/null 2>&1
	need "news of one delivery" said "^sent $id "
	need "news of the rest" said "^moved $id "
	need "the rest" reads "$id" 0 "MAIL <s@x.invalid>" \
	    "RCPT <later@y.invalid>"
	sm_hold "$A" "$id"
	need "quarantine" in_queue h "$id"
	need "it held" reads "$id" 1 "MAIL <s@x.invalid>" \
	    "RCPT <later@y.invalid>"
	sink_control
	sm_flush "$A" >/dev/null 2>&1
	need "a held one to stay" asked_is "$id" THERE
	sm_release "$A" "$id"
	need "it released" reads "$id" 0 "MAIL <s@x.invalid>" \
	    "RCPT <later@y.invalid>"
	had=$(lines "^moved $id ")
	need "three moves told" test "$had" -ge 3
	echo "open $id $LAB/copy" >&3
	need "a copy" said "^opened $id well"
	sm_flush "$A" >/dev/null 2>&1
	need "its end told" said "^gone $id "
	need "it to have ended" is_now "$id" ABSENT
	need "each recipient once" arrived one "later@y.invalid now@y.invalid"
	need "the copy to be what arrived" copy_is_what_arrived one
}

# The next hop gets CRLF; Sendmail adds nothing on the way.
copy_is_what_arrived() {
	one=$(grep -l "^Subject: tag-$1\." "$SINK"/*.eml | tail -n 1)
	tr -d '\r' <"$one" | sed '/^X-Sink/d' >"$LAB/arrived"
	cmp "$LAB/arrived" "$LAB/copy.content"
}

# A recipient that is refused, and the notice that goes back.
sendmail_bounce() {
	mta
	probe
	sink_control 'reply=550:nobody@'
	need "a message" take one s@x.invalid nobody@y.invalid
	need "news of the refusal" said "^bounced $ID "
	need "the notice told" said "^returned $ID "
	need "it to have ended" is_now "$ID" ABSENT
	new=$(sed -n "s/^returned $ID - //p" "$LAB/said")
	need "the notice to have gone" wait_for 10 said "^sent $new "
}

# A list with an owner goes on under another id.
sendmail_list() {
	SM_MODE=queueonly
	A=$LAB/a
	mkdir -p "$A/etc"
	printf '%s\n' 'list: u1@y.invalid, u2@y.invalid' \
	    'owner-list: boss@y.invalid' >"$A/etc/aliases"
	SM_LOCAL=1
	mta "define(\`ALIAS_FILE', \`$A/etc/aliases')dnl" "MAILER(\`local')dnl"
	sm_run "$A" -bi >/dev/null 2>&1
	probe
	need "a message" take one s@x.invalid "list@a.test.invalid"
	id=$ID
	need "its commit" said "^committed $id "
	sink_control 'reply=451:u[12]@'
	sm_flush "$A" >/dev/null 2>&1
	need "a clone" logged "$id: [0-9A-Za-z]*: clone: owner="
	new=$(sed -n "s/^.*$id: \([0-9A-Za-z]*\): clone: .*/\1/p" "$A/mail.log")
	need "the clone in the queue" in_queue q "$new"
	need "nothing left under the first id" not in_queue q "$id"
	need "what was divided to be there" is_now "$id" THERE
	need "the owner as its sender" reads "$new" 0 "MAIL <boss@y.invalid>" \
	    "RCPT <u2@y.invalid>" "RCPT <u1@y.invalid>"
	sink_control
	sm_flush "$A" >/dev/null 2>&1
	need "both to have ended" is_now "$id" ABSENT
}

# More recipients than one file may hold: the others go on under other ids.
sendmail_split() {
	SM_MODE=queueonly
	mta "QUEUE_GROUP(\`mqueue', \`P=$LAB/a/mqueue, F=f, r=2')dnl"
	probe
	need "a message" take one s@x.invalid \
	    "r1@y.invalid r2@y.invalid r3@y.invalid r4@y.invalid r5@y.invalid"
	id=$ID
	need "it to be split" logged "$id: split: "
	parts=$(sed -n "s/^.*$id: split: .* ids*=//p" "$A/mail.log" | tr -d ';')
	need "parts" test "$(echo "$parts" | wc -w)" = 2
	need "its commit" said "^committed $id "
	# What is left under the first id is delivered, the parts are not.
	sink_control 'reply=451:r'
	sm_flush "$A" >/dev/null 2>&1
	sink_control
	sm_flush "$A" -qf "-qI$id" >/dev/null 2>&1
	need "nothing left under the first id" not in_queue q "$id"
	sleep 2.5
	need "what was divided to be there" is_now "$id" THERE
	sm_flush "$A" >/dev/null 2>&1
	need "all to have ended" is_now "$id" ABSENT
	need "each recipient once" arrived_all one 5
}
arrived_all() { [ "$(served "$1" | sort -u | wc -l)/$(served "$1" | wc -l)" = "$2/$2" ]; }

# Several folders, with files of each kind in folders of their own.
sendmail_folders() {
	SM_MODE=queueonly
	SM_QUEUE_DIR=$LAB/a/mqueue/q* SM_QUEUES=
	for n in 1 2 3; do
		SM_QUEUES="$SM_QUEUES mqueue/q$n/qf mqueue/q$n/df mqueue/q$n/xf"
	done
	mta
	probe "$A/mqueue/q*"
	for n in 1 2 3 4 5 6; do
		need "message $n" take "m$n" s@x.invalid "r$n@y.invalid"
		need "its commit" said "^committed $ID "
		need "its envelope" reads "$ID" 0 "MAIL <s@x.invalid>" \
		    "RCPT <r$n@y.invalid>"
	done
	echo "open $ID $LAB/copy" >&3
	need "a copy" said "^opened $ID well"
	sm_flush "$A" >/dev/null 2>&1
	need "it to have ended" is_now "$ID" ABSENT
	need "all of them to be there" wait_for 10 eval '[ "$(sink_count)" = 6 ]'
}

# A power cut in the middle of a delivery: it is there, and nobody at work.
sendmail_power_cut() {
	mta
	probe
	sink_control 'slow=60' 'slow_at=dot'
	need "a message" take one s@x.invalid b@y.invalid
	echo state >&3
	need "the daemon to be up" said '^state .* mta=up'
	sm_kill "$A"
	need "it there" is_now "$ID" THERE
	sleep 1.2
	echo state >&3
	need "the daemon to be down" said '^state .* mta=down'
	sink_control
	need "Sendmail to run again" sm_start "$A"
	sm_flush "$A" >/dev/null 2>&1
	need "its end" is_now "$ID" ABSENT
}

lab_main sendmail "$@"
