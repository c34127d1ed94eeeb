# SPDX-License-Identifier: BSD-2-Clause
#
# Reading queue files against a real Postfix; sourced by queue_watch.sh, whose
# variables and functions it uses.  What is read must be what "postqueue -j"
# lists, and what is opened must be what a next hop is given.

tool=$here/queue_tool.py
edit=${EDIT_MILTER:-$(dirname "$probe")/edit_milter}
hop_pid=
edit_pid=

# A next hop that can refuse one recipient and tell what it got.
hop_start() {
	mkdir -p "$top/hop"
	/usr/bin/python3 "$here/../tool/sink.py" "$top/hop" >"$top/hop.port" \
	    2>"$top/hop.err" &
	hop_pid=$!
	pf_wait 10 test -s "$top/hop.port"
}

hop_stop() {
	[ -z "$edit_pid" ] || kill -KILL "$edit_pid" 2>/dev/null
	[ -n "$hop_pid" ] || return 0
	kill -KILL "$hop_pid" 2>/dev/null
	wait "$hop_pid" 2>/dev/null
	hop_pid=
}

# hop LINE...: what it does from now on
hop() {
	for line; do
		printf '%s\n' "$line"
	done >"$top/hop/control.new"
	mv "$top/hop/control.new" "$top/hop/control"
}

# post SENDER RECIPIENT... <CONTENT: print the queue id
post() {
	/usr/bin/python3 "$tool" post "$port" "$@"
}

tried() {
	pf_wait 20 grep -q "$1: to=.*status=$2" "$a/mail.log"
}

in_folder() {
	pf_wait 20 sh -c "find '$a/spool/$2' -name '$1' | grep -q ."
}

# asked ID: have it read, wait for the answer ("read" or "unread")
asked() {
	n=$(grep -c "^u*n*read $1 " "$said")
	echo "read $1" >&3
	pf_wait 10 sh -c "[ \$(grep -c '^u*n*read $1 ' '$said') -gt $n ]"
}

last_answer() {
	grep "^u*n*read $1 " "$said" | tail -n 1
}

# reads ID HELD: as postqueue lists it
reads() {
	asked "$1" || return 1
	[ "$(last_answer "$1")" = "read $1 held=$2" ] || return 1
	postqueue -c "$a/etc" -j | /usr/bin/python3 "$tool" listed "$1" \
	    >"$top/listed"
	/usr/bin/python3 "$tool" lines "$said" "$1" >"$top/lines"
	[ -s "$top/listed" ] && cmp -s "$top/listed" "$top/lines" && return 0
	diff "$top/listed" "$top/lines" | sed 's/^/  /'
	return 1
}

# reads_only ID LINE...: these lines, decoded, in any order
reads_only() {
	one=$1
	shift
	asked "$one" || return 1
	for line; do
		printf '%s\n' "$line"
	done | sort >"$top/wanted"
	/usr/bin/python3 "$tool" command "$said" "$one" | sort >"$top/got"
	cmp -s "$top/wanted" "$top/got" && return 0
	diff "$top/wanted" "$top/got" | sed 's/^/  /'
	return 1
}

cannot_read() {
	asked "$1" && [ "$(last_answer "$1")" = "unread $1 -" ]
}

# opens ID: into $top/out/ID
opens() {
	n=$(grep -c "^u*n*opened $1 " "$said")
	echo "open $1 $top/out/$1" >&3
	pf_wait 25 sh -c "[ \$(grep -c '^u*n*opened $1 ' '$said') -gt $n ]" &&
	    grep "^u*n*opened $1 " "$said" | tail -n 1 | grep -q ' well$'
}

# The hop has what was opened before the delivery, byte for byte.
opened_arrives() {
	hop
	postqueue -c "$a/etc" -i "$1"
	tried "$1" sent || return 1
	/usr/bin/python3 "$tool" delivered "$top/hop" "$top/out/$1"
}

later() {
	hop 'reply=451:.'
}

envelopes() {
	later
	id=$(printf 'Subject: x\r\n\r\nx\r\n' | post \
	    '<s+t=u@x.invalid> BODY=8BITMIME RET=HDRS ENVID=env+2Bid1' \
	    '<b@y.invalid> NOTIFY=NEVER' \
	    '<c@y.invalid> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;orig+2Bx@z.invalid')
	tried "$id" deferred
	check "read: what postqueue lists" reads "$id" 0
	check "read: every parameter of the client" reads_only "$id" \
	    'MAIL <s+t=u@x.invalid> BODY=8BITMIME RET=HDRS ENVID=env+2Bid1' \
	    'RCPT <b@y.invalid> NOTIFY=NEVER ORCPT=rfc822;b@y.invalid' \
	    'RCPT <c@y.invalid> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;orig+2Bx@z.invalid'
	id=$(printf 'Subject: x\r\n\r\nx\r\n' | post '<sö@x.invalid> SMTPUTF8' \
	    '<rö@y.invalid>' '<"a b\"c"@y.invalid>' '<"a@b"@y.invalid>' \
	    "<o'brien@y.invalid>" '<x@[192.0.2.1]>')
	tried "$id" deferred
	check "read: addresses with quotes, spaces and UTF-8" reads "$id" 0
	opens "$id"
	check "opened: the next hop is told the same of them" \
	    opened_arrives "$id"
	later
	id=$(printf 'Subject: x\r\n\r\nx\r\n' | post '<>' '<b@y.invalid>')
	tried "$id" deferred
	check "read: the null sender" reads "$id" 0
}

rewritten() {
	pf_cf "$a" "virtual_alias_maps = regexp:$a/etc/alias" \
	    "always_bcc = archive@x.invalid" \
	    "recipient_bcc_maps = regexp:$a/etc/bcc" \
	    "canonical_maps = regexp:$a/etc/canonical"
	later
	id=$(printf 'Subject: x\r\n\r\nx\r\n' | post '<old@x.invalid>' \
	    '<list@y.invalid>' '<old@y.invalid>' '<b@y.invalid>')
	tried "$id" deferred
	check "aliases, automatic copies, canonical addresses" reads "$id" 0
	check "aliases: the members and not the list" \
	    sh -c "grep -q '^m1@y' '$top/lines' && ! grep -q '^list' '$top/lines'"
	check "automatic copies are there" \
	    sh -c "grep -q '^archive@' '$top/lines' && grep -q '^copy@' '$top/lines'"
	check "canonical: the sender is the new one" \
	    grep -q '^sender new@x.invalid' "$top/lines"
	opens "$id"
	check "aliases: the next hop is told the same" opened_arrives "$id"
	pf_cf "$a" "virtual_alias_maps =" "always_bcc =" \
	    "recipient_bcc_maps =" "canonical_maps ="
}

partial() {
	hop 'reply=451:later'
	id=$(printf 'Subject: x\r\n\r\nx\r\n' | post '<s@x.invalid>' \
	    '<now@y.invalid>' '<later@y.invalid>')
	tried "$id" deferred
	tried "$id" sent
	check "partial delivery is told" told moved "$id"
	check "partial delivery: who is left" reads "$id" 0
	check "partial delivery: nobody else" reads_only "$id" \
	    'MAIL <s@x.invalid>' \
	    'RCPT <later@y.invalid> ORCPT=rfc822;later@y.invalid'
	super -h "$id"
	check "hold is told" told_again moved "$id" 2
	check "hold: who is left, and held" reads "$id" 1
	super -H "$id"
	check "release is told" told_again moved "$id" 3
	check "release: who is left, and not held" reads "$id" 0
	hop
	postqueue -c "$a/etc" -i "$id"
	told gone "$id"
	check "a finished message cannot be read" cannot_read "$id"
	hop "slow=3" "slow_at=dot"
	id=$(printf 'Subject: x\r\n\r\nx\r\n' | post '<s@x.invalid>' \
	    '<b@y.invalid>')
	in_folder "$id" active
	check "a message being delivered is read" reads "$id" 0
	hop
	told gone "$id"
	check "a delivered message is never told to be put aside" \
	    never_told moved "$id"
}

redirected() {
	later
	id=$(printf 'Subject: redirect me\r\n\r\nx\r\n' | post '<s@x.invalid>' \
	    '<b@y.invalid>' '<c@y.invalid>')
	tried "$id" deferred
	check "a redirection takes the place of all" reads_only "$id" \
	    'MAIL <s@x.invalid>' \
	    'RCPT <other@z.invalid> ORCPT=rfc822;b@y.invalid'
	opens "$id"
	check "a redirection: the next hop is told the same" \
	    opened_arrives "$id"
	later
	id=$(printf 'Subject: filter me\r\n\r\nx\r\n' | post '<s@x.invalid>' \
	    '<b@y.invalid>' '<c@y.invalid>')
	tried "$id" deferred
	check "a content filter changes no recipient" reads "$id" 0
	id=$(printf 'Subject: hold me\r\n\r\nx\r\n' | post '<s@x.invalid>' \
	    '<b@y.invalid>')
	told committed "$id"
	check "what cleanup held is read as held" reads "$id" 1
	check "what cleanup held is not told to be put aside" \
	    never_told moved "$id"
	super -d "$id"
}

edited() {
	[ -x "$edit" ] || {
		echo "SKIP: no $edit"
		return 0
	}
	"$edit" "unix:$a/spool/public/edit.sock" >/dev/null 2>&1 &
	edit_pid=$!
	pf_wait 5 test -S "$a/spool/public/edit.sock"
	chown postfix "$a/spool/public/edit.sock"
	pf_cf "$a" "smtpd_milters = unix:$a/spool/public/edit.sock"
	later
	id=$(printf '%s\r\n' 'X-Edit: delete <gone@y.invalid>' \
	    'X-Edit: add <new@y.invalid>' 'X-Edit: sender <changed@x.invalid>' \
	    'X-Edit: header' 'X-Edit: body' 'Subject: x' '' 'x' |
	    post '<s@x.invalid> RET=FULL' '<gone@y.invalid>' '<b@y.invalid>')
	tried "$id" deferred
	check "another milter's changes: as postqueue lists it" reads "$id" 0
	check "another milter's changes: all of them" \
	    sh -c "[ \"\$(cat '$top/lines' | tr '\n' ' ')\" = \
	    'sender changed@x.invalid b@y.invalid new@y.invalid ' ]"
	check "another milter's changes: it opens" opens "$id"
	check "another milter's changes: what opens arrives" \
	    opened_arrives "$id"
	check "another milter's header is there" \
	    grep -q '^X-Edited: ' "$top/out/$id.content"
	later
	id=$(printf '%s\r\n' 'X-Edit: quarantine' 'Subject: x' '' 'x' |
	    post '<s@x.invalid>' '<b@y.invalid>')
	told committed "$id"
	check "another milter's quarantine is read as held" reads "$id" 1
	super -d "$id"
	pf_cf "$a" "smtpd_milters ="
	kill -KILL "$edit_pid"
	wait "$edit_pid" 2>/dev/null
	edit_pid=
}

requeued_and_damaged() {
	later
	id=$(printf 'Subject: x\r\n\r\nx\r\n' | post '<s@x.invalid>' \
	    '<b@y.invalid>')
	tried "$id" deferred
	super -r "$id"
	told requeued "$id"
	postkick -c "$a/etc" public pickup W
	told linked "$id"
	new=$(grep "^linked $id " "$said" | cut -d' ' -f4)
	tried "$new" deferred
	check "a requeued message cannot be read" cannot_read "$id"
	check "its successor can" reads "$new" 0
	# On hold it stays where it is.
	super -h "$new"
	in_folder "$new" hold
	truncate -s -40 "$a/spool/hold/$new"
	check "a cut off file cannot be read" cannot_read "$new"
	check "a cut off file cannot be opened" not_opened "$new" io
	id=$(printf 'Subject: x\r\n\r\nx\r\n' | post '<s@x.invalid>' \
	    '<b@y.invalid>')
	tried "$id" deferred
	n=$(grep -c "^u*n*read " "$said")
	echo "read $new $id 4jXKs073lDz1bkTK" >&3
	pf_wait 10 sh -c "[ \$(grep -c '^u*n*read ' '$said') -ge $((n + 3)) ]"
	check "beside it another one is read" \
	    test "$(last_answer "$id")" = "read $id held=0"
	rm -f "$file"
	check "what never was cannot be opened" not_opened 4jXKs073lDz1bkTK \
	    notfound
}

# What moves while it is read is read right or not at all.
moving() {
	later
	ids=
	n=0
	while [ $n -lt 20 ]; do
		n=$((n + 1))
		ids="$ids $(printf 'Subject: x\r\n\r\nx\r\n' |
		    post '<s@x.invalid>' "<r1@y.invalid>" "<r2@y.invalid>")"
	done
	for id in $ids; do
		tried "$id" deferred
	done
	lines=$(wc -l <"$said")
	(
		n=0
		while [ $n -lt 12 ]; do
			n=$((n + 1))
			super -h ALL
			super -H ALL
			postqueue -c "$a/etc" -f
		done
	) &
	movers=$!
	n=0
	while kill -0 $movers 2>/dev/null; do
		n=$((n + 1))
		echo "read$ids" >&3
		sleep 0.05
	done
	wait $movers
	pf_wait 20 sh -c "[ \$(tail -n +$((lines + 1)) '$said' |
	    grep -c '^u*n*read ') -ge $((n * 20)) ]"
	check "$n times 20 moving files: each has its answer" test $? = 0
	tail -n +$((lines + 1)) "$said" | grep '^line ' | cut -d' ' -f3- |
	    sort | uniq -c | sed 's/^ *//' >"$top/moving"
	check "moving files: nothing but what is true is read" \
	    test "$(cut -d' ' -f2- "$top/moving" | tr '\n' ' ')" = \
	    "MAIL <s@x.invalid> RCPT <r1@y.invalid> ORCPT=rfc822;r1@y.invalid RCPT <r2@y.invalid> ORCPT=rfc822;r2@y.invalid "
	check "moving files: each with all of its recipients" \
	    test "$(cut -d' ' -f1 "$top/moving" | uniq | wc -l)" = 1
	check "moving files: some were read" \
	    test "$(head -n 1 "$top/moving" | cut -d' ' -f1)" -ge 20
	super -d ALL
}

not_opened() {
	! opens "$1" && grep "^unopened $1 " "$said" | tail -n 1 |
	    grep -q " $2\$"
}

crowded() {
	pf_cf "$a" "smtpd_recipient_limit = 20000" \
	    "virtual_alias_expansion_limit = 20000" \
	    "smtpd_recipient_overshoot_limit = 20000" \
	    "defer_transports = smtp relay"
	# shellcheck disable=SC2046
	id=$(printf 'Subject: x\r\n\r\nx\r\n' | post '<s@x.invalid>' \
	    $(seq -f '<recipient%.0f@y.invalid>' 10000))
	in_folder "$id" deferred
	check "10,000 recipients are read" reads "$id" 0
	check "10,000 recipients are 10,000" \
	    test "$(grep -c '^recipient' "$top/lines")" = 10000
	super -d "$id"
	pf_cf "$a" "defer_transports ="
}

contents() {
	later
	id=$({
		printf 'Subject: odd \303\266\r\nX-Fold: a\r\n\tb\r\n  c\r\n\r\n'
		printf 'h\303\266gh\r\n.\r\n..dots\r\n\0nul\0\r\n\r\n\r\n'
		head -c 9000 /dev/zero | tr '\0' y
		printf '\r\ntab\t \r\nbare\rcr\r\nFrom x\r\n*** MESSAGE CONTENTS x ***\r\n'
		head -c 2048 /dev/zero | tr '\0' z
		printf '\r\nlast'
	} | post '<s@x.invalid> BODY=8BITMIME RET=FULL ENVID=e' \
	    '<b@y.invalid> NOTIFY=SUCCESS' '<c@y.invalid>')
	tried "$id" deferred
	check "odd content: it opens" opens "$id"
	check "odd content: what opens arrives" opened_arrives "$id"
	check "who the client was is in the envelope" grep -q \
	    '^CLIENT NAME=unknown ADDR=127.0.0.1 PORT=[0-9]* HELO=client.example PROTO=ESMTP' \
	    "$top/out/$id.envelope"
	later
	id=$(printf 'body only' | post '<s@x.invalid>' '<b@y.invalid>')
	tried "$id" deferred
	check "no header, no line end: it opens" opens "$id"
	check "no header, no line end: what opens arrives" opened_arrives "$id"
	later
	id=$({
		printf 'Subject: large\r\n\r\n'
		head -c 15000000 /dev/urandom | base64 | sed 's/$/\r/'
	} | post '<s@x.invalid>' '<b@y.invalid>')
	tried "$id" deferred
	check "20 MB: it opens" opens "$id"
	check "20 MB: what opens arrives" opened_arrives "$id"
	later
	printf 'Subject: local\n\nno line end' |
	    sendmail -C "$a/etc" -f s@x.invalid b@y.invalid
	pf_wait 10 sh -c "tail -n 40 '$a/mail.log' | grep -q 'uid=0 from=<s@x'"
	id=$(pf_id_of "$a" 'uid=0 from=<s@x.invalid>')
	tried "$id" deferred
	check "local mail: as postqueue lists it" reads "$id" 0
	check "local mail: it opens" opens "$id"
	check "local mail: nobody is the client" \
	    grep -q '^CLIENT.$' "$top/out/$id.envelope"
	check "local mail: what opens arrives" opened_arrives "$id"
}

read_cases() {
	hop_start
	install -d -o postfix -m 755 "$top/out"
	cat >"$a/etc/alias" <<-'END'
	/^list@y.invalid$/ m1@y.invalid, m2@y.invalid
	END
	echo '/^b@y.invalid$/ copy@x.invalid' >"$a/etc/bcc"
	cat >"$a/etc/canonical" <<-'END'
	/^old@x.invalid$/ new@x.invalid
	/^old@y.invalid$/ new@y.invalid
	END
	cat >>"$a/etc/checks" <<-'END'
	/^Subject: .*redirect me/ REDIRECT other@z.invalid
	/^Subject: .*filter me/ FILTER smtp:[127.0.0.1]:9
	END
	pf_cf "$a" "relayhost = [127.0.0.1]:$(cat "$top/hop.port")" \
	    "smtp_line_length_limit = 0" "message_size_limit = 100000000"
	envelopes
	rewritten
	partial
	redirected
	edited
	requeued_and_damaged
	contents
	moving
	crowded
	super -d ALL
	hop_stop
	pf_cf "$a" "relayhost = [127.0.0.1]:$sink"
}
