#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Where Postfix would send a recipient, asked of a real one: what is said must be
# where it then does send it.  QUEUE_PROBE names the program beside this script;
# ends with "N passed, M failed".

here=$(cd "$(dirname "$0")" && pwd) || exit 1
. "$here/lib-postfix.sh"

probe=${QUEUE_PROBE:-$here/queue_probe}
if pf_missing || [ ! -x "$probe" ]; then
	echo "SKIP: needs root, postfix and $probe"
	exit 77
fi
pf_private_net "$0" "$@"

passed=0
failed=0
top=$(mktemp -d /tmp/shadowmx-mta.XXXXXX) || exit 1
chmod 755 "$top"
LAB=$top # pf_port gives no port twice
a=$top/a
said=$top/said
probe_pid=

finish() {
	probe_stop
	pf_stop "$a"
	rm -rf "$top"
}
trap finish EXIT
trap 'exit 1' INT TERM

probe_start() {
	: >"$said"
	mkfifo "$top/ask"
	"$probe" postfix "$a/spool" "$a/mail.log" "$a/etc" <"$top/ask" \
	    >"$said" 2>"$top/said.err" &
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

# answer FROM TO: what the probe says
answer() {
	n=$(grep -c '^route' "$said")
	echo "route $1 $2" >&3
	pf_wait 30 sh -c "[ \$(grep -c '^route' '$said') -gt $n ]" || return 1
	grep '^route' "$said" | tail -n 1 | cut -d' ' -f2-
}

# goes WHAT FROM TO ANSWER
goes() {
	got=$(answer "$2" "$3")
	if [ "$got" = "$4" ]; then
		passed=$((passed + 1))
		echo "ok - $1"
	else
		failed=$((failed + 1))
		echo "not ok - $1"
		echo "  $2 $3: $got, not $4"
		tail -n 5 "$top/said.err" "$a/mail.log" | sed 's/^/  /'
	fi
}

# becomes WHAT FROM TO ANSWER: when the MTA has read its settings
becomes() {
	left=50
	while [ $left -gt 0 ] && [ "$(answer "$2" "$3")" != "$4" ]; do
		left=$((left - 1))
		sleep 0.2
	done
	goes "$@"
}

port=$(pf_port)
pf_make "$a" pf-route "$port" 'relay_domains = relayed.example' \
    'virtual_alias_domains = aliased.example' \
    "transport_maps = hash:$a/etc/transport" \
    "sender_dependent_relayhost_maps = hash:$a/etc/relayhosts" || exit 1
postconf -c "$a/etc" -e 'mydestination = own.example' && pf_cool "$a"
sed -i '/^lmtp /d; /^relay /d' "$a/etc/master.cf"
cat >>"$a/etc/master.cf" <<-END
	lmtp unix - - n - - lmtp
	relay unix - - n - - smtp
	jail unix - - y - - lmtp
	login unix - - n - - smtp -o smtp_sasl_auth_enable=yes
	script unix - n n - - pipe user=nobody argv=/bin/true
END
cat >"$a/etc/transport" <<-END
	box.example lmtp:unix:/run/box/lmtp
	jail.example jail:unix:/private/box
	inet.example lmtp:inet:[192.0.2.7]:2003
	host.example relay:[mx.host.example]:2525
	lists.example smtp:[192.0.2.1],[192.0.2.2]:26
	login.example login:[192.0.2.3]
	script.example script:
	nobody@box.example error:5.1.1 nobody
	gone.example discard:
END
echo '@rich.example [192.0.2.9]:587' >"$a/etc/relayhosts"
for map in transport relayhosts; do
	postmap -c "$a/etc" "hash:$a/etc/$map" || exit 1
done
pf_start "$a" || exit 1
install -d -o postfix -g root -m 750 "$a/spool/shadowmx"
probe_start

goes "a domain without a word goes by its MX" '<>' '<x@else.example>' \
    'ok smtp:else.example:25'
goes "a relay domain likewise" '<>' '<x@Relayed.example>' \
    'ok smtp:relayed.example:25'
goes "a box is an LMTP socket" '<a@b.example>' '<x@box.example>' \
    'ok lmtp:unix:/run/box/lmtp'
goes "in a chroot it is below the queue" '<a@b.example>' '<x@jail.example>' \
    "ok lmtp:unix:$a/spool/private/box"
goes "LMTP through TCP" '<>' '<x@inet.example>' \
    'ok lmtp:[192.0.2.7]:2003'
goes "one host by its name" '<>' '<x@host.example>' \
    'ok smtp:[mx.host.example]:2525'
goes "several in their order" '<>' '<x@lists.example>' \
    'ok smtp:[192.0.2.1]:25 smtp:[192.0.2.2]:26'
goes "the sender counts" '<me@rich.example>' '<x@else.example>' \
    'ok smtp:[192.0.2.9]:587'
goes "so does the single address" '<>' '<nobody@box.example>' notfound
goes "a quoted address is one" '<>' '<"x y"@box.example>' \
    'ok lmtp:unix:/run/box/lmtp'
goes "who logs in does what we do not" '<>' '<x@login.example>' notfound
goes "a program is the MTA's own affair" '<>' '<x@script.example>' notfound
goes "so is what it throws away" '<>' '<x@gone.example>' notfound
goes "and its own users" '<>' '<x@own.example>' notfound
goes "and a user without a domain" '<>' '<postmaster>' notfound
goes "and an alias" '<>' '<x@aliased.example>' notfound
goes "and another's relaying" '<>' '<@far.example:x%y.example@own.example>' \
    notfound

# A service that is new, and a table that has changed.
echo 'later unix - - n - - smtp -o smtp_tcp_port=2626' >>"$a/etc/master.cf"
echo 'box.example later:[192.0.2.8]' >"$a/etc/transport"
postmap -c "$a/etc" "hash:$a/etc/transport"
pf_reload "$a"
becomes "what has changed is known" '<a@b.example>' '<x@box.example>' \
    'ok smtp:[192.0.2.8]:2626'

pf_stop "$a"
goes "a stopped MTA says nothing" '<>' '<x@else.example>' io
pf_start "$a"
becomes "and a started one again" '<>' '<x@else.example>' \
    'ok smtp:else.example:25'

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
