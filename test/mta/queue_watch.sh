#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The queue's evidence against a real Postfix: what is said about a message must
# agree with what Postfix does with it.  QUEUE_PROBE names the program beside
# this script; ends with "N passed, M failed".

here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib-postfix.sh"

probe=${QUEUE_PROBE:-$here/queue_probe}
. "$here/queue_read.sh"
if pf_missing || [ ! -x "$probe" ]; then
	echo "SKIP: needs root, postfix and $probe"
	exit 77
fi
pf_private_net "$0" "$@"

passed=0
failed=0
crowds=0
top=$(mktemp -d /tmp/shadowmx-mta.XXXXXX) || exit 1
chmod 755 "$top"
LAB=$top # pf_port gives no port twice
a=$top/a
said=$top/said
probe_pid=
sink_pid=
id=

finish() {
	probe_stop
	sink_stop
	hop_stop
	pf_stop "$a"
	rm -rf "$top"
}
trap finish EXIT
trap 'exit 1' INT TERM

ok() {
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
		echo "ok - $2"
	else
		failed=$((failed + 1))
		echo "not ok - $2"
		echo "  --- said:"
		tail -n 12 "$said" | sed 's/^/  /'
		echo "  --- mail log:"
		tail -n 12 "$a/mail.log" | sed 's/^/  /'
		[ -z "$id" ] || find "$a/spool" -name "$id*" | sed 's/^/  /'
	fi
}

# check DESCRIPTION COMMAND...
check() {
	what=$1
	shift
	"$@"
	ok $? "$what"
}

probe_start() {
	: >"$said"
	mkfifo "$top/ask"
	"$probe" postfix "$a/spool" "$1" "$a/etc" <"$top/ask" >"$said" 2>&1 &
	probe_pid=$!
	exec 3>"$top/ask"
	rm -f "$top/ask"
	pf_wait 10 grep -q '^reset' "$said"
}

probe_stop() {
	[ -n "$probe_pid" ] || return 0
	exec 3>&-
	wait "$probe_pid"
	probe_pid=
}

sink_start() {
	smtp-sink -u postfix "127.0.0.1:$sink" 100 >/dev/null 2>&1 &
	sink_pid=$!
	pf_wait 5 sh -c "ss -Hltn 'sport = :$sink' | grep -q ."
}

sink_stop() {
	[ -n "$sink_pid" ] || return 0
	kill "$sink_pid" 2>/dev/null
	wait "$sink_pid" 2>/dev/null
	sink_pid=
}

told() {
	pf_wait 5 grep -q "^$1 $2 " "$said"
}

# told_again KIND ID TIMES
told_again() {
	pf_wait 5 sh -c "[ \$(grep -c '^$1 $2 ' '$said') -ge $3 ]"
}

never_told() {
	! grep -q "^$1 $2 " "$said"
}

# presence ID: ask for proof, print the answer
presence() {
	n=$(grep -c "^verified $1 " "$said")
	echo "verify $1" >&3
	pf_wait 5 sh -c \
	    "[ \$(grep -c '^verified $1 ' '$said') -gt $n ]" || return 1
	grep "^verified $1 " "$said" | tail -n 1 | cut -d' ' -f3,4
}

# becomes SECONDS ID ANSWER
becomes() {
	left=$(($1 * 5 * PF_PATIENCE))
	while [ $left -gt 0 ]; do
		answer=$(presence "$2")
		[ "$answer" = "$3" ] && return 0
		left=$((left - 1))
		sleep 0.2
	done
	echo "  $2: $answer, not $3"
	return 1
}

# is ID ANSWER: the first one that is not "cannot know, it moved meanwhile"
is() {
	left=50
	while answer=$(presence "$1"); [ "$answer" != "$2" ]; do
		left=$((left - 1))
		[ "${answer%% *}" = UNKNOWN ] && [ $left -gt 0 ] || {
			echo "  $1: $answer, not $2"
			return 1
		}
		sleep 0.2
	done
}

listed() {
	postqueue -c "$a/etc" -j | grep -q "\"queue_id\": \"$1\""
}

# send SUBJECT: put a message in, print its queue id
send() {
	smtp-source -c -m 1 -f a@x.invalid -t b@y.invalid -S "$1" -s 1 \
	    "127.0.0.1:$port" >/dev/null 2>&1
	tail -n 200 "$a/mail.log" | sed -n \
	    's/^.*smtpd\[[0-9]*\]: \([0-9A-Za-z]*\): client=.*$/\1/p' | tail -n 1
}

super() {
	postsuper -c "$a/etc" "$1" "$2" >>"$top/super.log" 2>&1
}

state_has() {
	n=$(grep -c '^state' "$said")
	echo state >&3
	pf_wait 3 sh -c "[ \$(grep -c '^state' '$said') -gt $n ]"
	grep '^state' "$said" | tail -n 1 | grep -q -e "$1"
}

state_becomes() {
	left=50
	until state_has "$1"; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		sleep 0.2
	done
}

normal_life() {
	sink_start
	id=$(send normal)
	check "$1: a delivered message is committed" told committed "$id"
	check "$1: its file goes" told gone "$id"
	check "$1: it ends absent" becomes 5 "$id" "ABSENT "
	sink_stop
}

deferred_life() {
	id=$(send deferred)
	check "a deferred message is committed" told committed "$id"
	pf_wait 10 grep -q "$id: to=.*status=deferred" "$a/mail.log"
	check "what delivery put aside is told" told moved "$id"
	check "a deferred message is there" is "$id" "THERE "
	super -h "$id"
	check "a message on hold is told" told moved "$id"
	check "a message on hold is there" is "$id" "THERE "
	super -H "$id"
	check "a release is told" told_again moved "$id" 2
	check "a released message is there" is "$id" "THERE "
	super -d "$id"
	check "a deleted message goes" told gone "$id"
	check "a deleted message is absent" is "$id" "ABSENT "
}

requeue_with_log() {
	id=$(send requeued)
	told committed "$id"
	pf_wait 10 grep -q "$id: to=.*status=deferred" "$a/mail.log"
	super -r "$id"
	check "a requeue is told" told requeued "$id"
	postkick -c "$a/etc" public pickup W
	check "its link is told" told linked "$id"
	new=$(grep "^linked $id " "$said" | cut -d' ' -f4)
	check "a requeued message is linked" becomes 5 "$id" "LINKED $new"
	check "its new id is in the queue" listed "$new"
	check "its new id is there" is "$new" "THERE "
	super -d "$new"
}

requeue_without_log() {
	probe_stop
	probe_start ""
	check "without a log links are not known" state_has links=0
	id=$(send unlogged)
	told committed "$id"
	pf_wait 10 grep -q "$id: to=.*status=deferred" "$a/mail.log"
	super -r "$id"
	told requeued "$id"
	postkick -c "$a/etc" public pickup W
	pf_wait 10 grep -q "orig_id=$id" "$a/mail.log"
	told gone "$id"
	check "a requeue without a log stays unknown" is "$id" "UNKNOWN "
	super -d ALL
	probe_stop
	probe_start "$a/mail.log"
	answer=$(presence "$id")
	check "what was requeued before the watch is linked" \
	    test "${answer%% *}" = LINKED
}

refused_life() {
	id=$(send "refuse me")
	check "header_checks refused it" grep -q "$id: reject: header" \
	    "$a/mail.log"
	check "a refused message is never committed" never_told committed "$id"
	check "a refused message is absent" becomes 5 "$id" "ABSENT "
	id=$(send "hold me")
	check "a message that cleanup holds is committed" told committed "$id"
	check "a message that cleanup holds is there" is "$id" "THERE "
	super -d "$id"
	id=$(send "discard me")
	check "a discarded message is never committed" never_told committed "$id"
	check "a discarded message is absent" becomes 5 "$id" "ABSENT "
}

corrupt_life() {
	id=$(send corrupt)
	told committed "$id"
	pf_wait 10 grep -q "$id: to=.*status=deferred" "$a/mail.log"
	file=$(find "$a/spool/deferred" "$a/spool/active" -name "$id")
	printf 'garbage' | dd of="$file" bs=1 seek=0 conv=notrunc 2>/dev/null
	postqueue -c "$a/etc" -i "$id"
	check "a damaged message is told" told corrupt "$id"
	check "a damaged message is corrupt" is "$id" "CORRUPT "
	rm -f "$a/spool/corrupt/$id"
}

dead_cleanup() {
	# Between RCPT and the end of data the file is in incoming, not complete.
	{
		printf 'HELO x\r\nMAIL FROM:<a@x.invalid>\r\n'
		printf 'RCPT TO:<b@y.invalid>\r\nDATA\r\n'
		pf_wait 30 test -e "$top/killed"
	} | nc_to "$port" >/dev/null 2>&1 &
	client=$!
	pf_wait 10 sh -c "ls '$a/spool/incoming' | grep -q ."
	id=$(ls "$a/spool/incoming" | head -n 1)
	check "a message being received is not committed" \
	    is "$id" "UNCOMMITTED "
	for pid in $(pgrep -P "$(pf_pid "$a")" -x cleanup); do
		kill -KILL "$pid"
	done
	check "the file of a dead cleanup is told" told stray "$id"
	check "the file of a dead cleanup is a stray" is "$id" "STRAY "
	touch "$top/killed"
	wait "$client"
	rm -f "$a/spool/incoming/$id"
}

nc_to() {
	perl -MIO::Socket::INET -e '
	    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1",
	        PeerPort => shift) or exit 1;
	    $s->autoflush(1);
	    while (sysread(STDIN, my $b, 4096)) { print $s $b; }
	' "$1"
}

restarts() {
	id=$(send restart)
	told committed "$id"
	pf_wait 10 grep -q "$id: to=.*status=deferred" "$a/mail.log"
	pf_reload "$a"
	check "reload: it is there" is "$id" "THERE "
	check "the master is up" state_becomes mta=up
	pf_stop "$a"
	check "stop: it is there" is "$id" "THERE "
	check "the master is down" state_becomes mta=down
	pf_start "$a"
	check "start: it is there" becomes 5 "$id" "THERE "
	check "the master is up again" state_becomes mta=up
	sink_start
	postqueue -c "$a/etc" -f
	check "after the restart it ends absent" becomes 15 "$id" "ABSENT "
	sink_stop
}

# An absence is final: what was called absent must not be listed later.
no_absent_is_listed() {
	sed -n 's/^absent \([0-9A-Za-z]*\)$/\1/p' "$said" | sort >"$top/absent"
	postqueue -c "$a/etc" -j | jq -r .queue_id | sort >"$top/listed"
	comm -12 "$top/absent" "$top/listed" >"$top/both"
	[ ! -s "$top/both" ]
}

client_ids() {
	sed -n 's/^.*smtpd\[[0-9]*\]: \([0-9A-Za-z]*\): client=.*$/\1/p' \
	    "$a/mail.log"
}

ends() {
	sort -u "$top/absent" | wc -l
}

# 500 messages, while they are held, released, requeued and deferred.
crowd() {
	crowds=$((crowds + 500))
	client_ids | sort -u >"$top/before"
	: >"$top/wrong"
	smtp-source -c -l 2000 -m 500 -s 10 -f a@x.invalid -t b@y.invalid \
	    "127.0.0.1:$port" >/dev/null 2>&1 &
	source_pid=$!
	n=0
	while [ $n -lt 400 ]; do
		n=$((n + 1))
		client_ids | sort | comm -23 - "$top/before" >"$top/new"
		sed 's/^/follow /' "$top/new" >&3
		sort -u "$top/new" "$top/before" -o "$top/before"
		[ $n -eq 3 ] && sink_start
		[ $n -eq 6 ] && super -h ALL && super -H ALL
		[ $n -eq 9 ] && sink_stop
		[ $n -eq 12 ] && super -r ALL && postkick -c "$a/etc" public \
		    pickup W
		[ $n -eq 15 ] && sink_start
		[ $((n % 5)) -eq 0 ] && postqueue -c "$a/etc" -f
		no_absent_is_listed || cat "$top/both" >>"$top/wrong"
		[ "$(ends)" -ge "$crowds" ] && break
		sleep 0.3
	done
	wait "$source_pid"
	check "$1, 500 messages: none is absent while it is listed" \
	    test ! -s "$top/wrong"
	check "$1, 500 messages: every one ends absent" \
	    test "$(ends)" -eq "$crowds"
	sink_stop
}

# All of them: Postfix makes a folder when it needs it, and what happens in one
# before it is watched is not told but found by the next look.
hashed_folders() {
	for folder in incoming active deferred; do
		for first in 0 1 2 3 4 5 6 7 8 9 A B C D E F; do
			for second in 0 1 2 3 4 5 6 7 8 9 A B C D E F; do
				install -d -o postfix -g root -m 700 \
				    "$a/spool/$folder/$first" \
				    "$a/spool/$folder/$first/$second"
			done
		done
	done
	settled
}

# The watch has begun for the last time: it looks at its folders once a second.
settled() {
	left=30
	resets=
	until [ "$resets" = "$(grep -c '^reset' "$said")" ] && state_has links=1; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		resets=$(grep -c '^reset' "$said")
		sleep 1.5
	done
}

port=$(pf_port)
sink=$(pf_port)
pf_make "$a" pf-watch "$port" "relayhost = [127.0.0.1]:$sink" \
    "header_checks = pcre:$a/etc/checks" "minimal_backoff_time = 2s" \
    "queue_run_delay = 2s" "default_destination_concurrency_failed_cohort_limit = 100" \
    "transport_retry_time = 1s" || exit 1
cat >"$a/etc/checks" <<-'END'
/^Subject: .*refuse me/ REJECT
/^Subject: .*hold me/ HOLD
/^Subject: .*discard me/ DISCARD
END
postconf -c "$a/etc" -m | grep -q '^pcre$' ||
    sed -i 's/pcre:/regexp:/' "$a/etc/main.cf"
pf_start "$a" || exit 1
install -d -o postfix -g root -m 750 "$a/spool/shadowmx"

probe_start "$a/mail.log"
check "with a log links are known" state_has links=1
normal_life "long ids"
deferred_life
refused_life
corrupt_life
dead_cleanup
requeue_with_log
requeue_without_log
restarts
read_cases
pf_cf "$a" "enable_long_queue_ids = no"
normal_life "short ids"
pf_cf "$a" "enable_long_queue_ids = yes"
crowd "plain folders"
# With nobody at work: "postfix reload" returns before master has read the
# signal, and a file that is still put into the old place stays there.
pf_stop "$a"
pf_cf "$a" "hash_queue_names = incoming active deferred defer hold" \
    "hash_queue_depth = 2"
pf_start "$a" || exit 1
crowd "hashed folders"
check "hashed folders: the watch settles" hashed_folders
normal_life "hashed folders"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
