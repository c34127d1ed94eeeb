# SPDX-License-Identifier: BSD-2-Clause
#
# Hosts that are the backup MX of somebody.  Source this file after lib.sh.  What
# the primary MX takes it passes to $SINK, so that one ledger sees every copy.
#
#	mx_make			the primary MX: a Postfix in $LAB/mx, port $MX_PORT,
#				that knows who begins with "rcpt" or "good"
#	mx_start | mx_stop | mx_kill
#	mx_path			a wire to it, of which we have one end: $MX_PORT is
#				the wire's from now on; "mx_path_swallows" cuts it
#				without a word, and mends it
#	mx_busy TEXT		it sends everybody away with TEXT; none: no more
#	backed DOMAIN [TEXT]	a policy: we are the secondary of DOMAIN, whose
#				primary is at $MX_PORT of $MX_AT; TEXT stands in its
#				group
#	backup_hosts POLICY...	hosts a and b with these, b holds a's shadows
#	backup_mta HOST		its MTA made one; then $BACKUP_MTA HOST, if set
#	backup_conf HOST	its configuration again; $POLICIES, $BACKUP, where
#				@HOST@ is its name
#	mx_is STATE [DOMAIN]	what a knows of the primary: up, down, unknown
#	knock [-s ADDRESS] FROM RCPT...	one message from there, an address of
#				198.51.0.0/16: a stranger's, which none of loopback
#				is; prints one line per RCPT and one for the end:
#				"CODE text"
#	heard N WORDS		line N of what the last knock printed begins so
#	held HOST		queue ids on hold in its MTA
#	books MEMBER [DOMAIN]	a number of "backup report"
#	books_are "MEMBER N"...	all of them
#	books_balance		taken = delivered + returned + held + queued +
#				deleted + handed, and nothing unaccounted
#	outage_ends_well N	N were taken, all were delivered once, and the books
#				say so
#
# Short times; each can be set before backup_hosts:
: "${PROBE:=1s}" "${UP_AFTER:=1}" "${DOWN_AFTER:=2}" "${QUEUE_LIFETIME:=5d}"
: "${RATE:=50}" "${RATE_MAX:=200}" "${HARVEST:=20}" "${BACKUP:=}"
: "${PROBE_WAIT:=3s}" "${OWN:=}" "${MX_AT:=127.0.0.1}"

D=next.test.invalid

at_least() { [ "$1" -ge "$2" ]; }
at_most() { [ "$1" -le "$2" ]; }
shows() { cat "$LAB/said"; "$@"; }

# ---- the primary MX ----

mx_make() {
	mkdir -p "$LAB/mx"
	MX_REAL=$(pf_port)
	MX_PORT=$MX_REAL
	echo '/^(rcpt|good)/ ok' >"$LAB/mx/users"
	pf_make "$LAB/mx" mx "$MX_REAL" \
	    "relayhost = [127.0.0.1]:$SINK_PORT" \
	    "relay_domains = next.test.invalid, next0.test.invalid, next1.test.invalid, next2.test.invalid" \
	    "relay_recipient_maps = regexp:$LAB/mx/users" \
	    "local_header_rewrite_clients =" \
	    "smtpd_client_connection_count_limit = 0" \
	    "minimal_backoff_time = 2s" "maximal_backoff_time = 4s" \
	    "queue_run_delay = 2s" \
	    "message_size_limit = 200000000"
}

mx_start() {
	pf_start "$LAB/mx" && LAB_PIDS="$LAB_PIDS $(pf_pid "$LAB/mx")"
}
mx_stop() {
	pf_stop "$LAB/mx" || pf_wait 10 eval '! pf_pid "$LAB/mx"'
}
mx_kill() { pf_kill "$LAB/mx"; }

mx_path() {
	$PYTHON "$TOOL/relay.py" "$MX_REAL" >"$LAB/mx/path" &
	MX_PATH=$!
	LAB_PIDS="$LAB_PIDS $MX_PATH"
	wait_for 5 test -s "$LAB/mx/path" || return 1
	MX_PORT=$(cat "$LAB/mx/path")
}

mx_path_swallows() { kill -USR1 "$MX_PATH"; }

mx_busy() {
	if [ -n "${1:-}" ]; then
		pf_cf "$LAB/mx" "smtpd_delay_reject = no" \
		    "smtpd_client_restrictions = check_client_access static:{$1}"
	else
		pf_cf "$LAB/mx" "smtpd_client_restrictions ="
	fi
}

# ---- hosts ----

backed() {
	printf '{ name = "%s"; match = { domains = ( "%s" ); };
	    backup = { primary = ( "[%s]:MX_PORT" ); %s }; },
	' "$1" "$1" "$MX_AT" "${2:-while_up = \"accept\";}"
}

backup_conf() {
	host_conf "$1" "" "backup = { probe = \"$PROBE\"; probe_down = \"$PROBE\";
	    probe_wait = \"$PROBE_WAIT\"; up_after = $UP_AFTER;
	    down_after = $DOWN_AFTER; queue_lifetime = \"$QUEUE_LIFETIME\";
	    rate = $RATE; rate_max = $RATE_MAX; harvest = $HARVEST;
	    mx_watch = \"0s\"; rcpt_wait = \"5s\"; $BACKUP };
	policies = ( ${POLICIES%,*} );"
	sed -i "s|^milter = {|& own_networks = ( $OWN );|
	    s|MX_PORT|$MX_PORT|; s|@HOST@|$1|g" "$(conf_of "$1")"
}

# The MTA of a secondary: it relays for the domain, and delivers to the primary.
backup_mta() {
	# What a person requeues is to be seen within seconds.
	sed -i 's/^pickup unix n - n 60 /pickup unix n - n 2 /' \
	    "$LAB/$1/etc/master.cf"
	pf_cf "$LAB/$1" \
	    "relay_domains = next.test.invalid, next0.test.invalid, next1.test.invalid, next2.test.invalid, elsewhere.test.invalid" \
	    "transport_maps = regexp:$LAB/$1/transport" \
	    "maximal_queue_lifetime = $QUEUE_LIFETIME" \
	    "bounce_queue_lifetime = $QUEUE_LIFETIME" \
	    "smtp_connect_timeout = 4s" "smtp_helo_timeout = 4s" \
	    "smtp_mail_timeout = 4s" "smtp_rcpt_timeout = 4s" \
	    "local_header_rewrite_clients =" || return 1
	printf '/[@.]next[0-9]?\\.test\\.invalid$/ smtp:[%s]:%s\n' \
	    "$MX_AT" "$MX_PORT" >"$LAB/$1/transport"
	${BACKUP_MTA:-:} "$1"
}

backup_hosts() { # POLICY...
	POLICIES="$*"
	need "hosts" host_make a b
	for backup_host in a b; do
		need "an MTA that relays" backup_mta "$backup_host"
		need "a configuration" backup_conf "$backup_host"
	done
	need "hosts that see each other" hosts_start
}

# The primary is up, and known to be.
backup_ready() { # [POLICY...]
	need "strangers" ip route add local 198.51.0.0/16 dev lo
	need "a sink" sink_start
	need "a primary MX" mx_make
	need "it to run" mx_start
	${BACKUP_BEFORE:-:}
	[ $# -gt 0 ] || set -- "$(backed $D)"
	backup_hosts "$@"
	need "the primary known to be up" wait_for 20 mx_is up
}

# ---- what is known ----

mx_is() { is "$(mx_state "${2:-$D}" "${3:-a}")" "$1"; }

mx_state() {
	ctl "${2:-a}" --json backup list |
	    jq -r --arg d "$1" 'select(.domain == $d).state'
}

held() {
	postqueue -c "$LAB/$1/etc" -j |
	    jq -r 'select(.queue_name == "hold").queue_id'
}
held_are() { is "$(held "$1" | grep -c .)" "$2"; }

queued() { postqueue -c "$LAB/$1/etc" -j | grep -c .; }
queued_are() { is "$(queued "$1")" "$2"; }

books() {
	ctl "${3:-a}" --json backup report "${2:-$D}" |
	    jq -r --arg member "$1" 'select(.what == "sums")[$member]'
}

books_are() {
	for books_line; do
		is "$(books "${books_line% *}")" "${books_line#* }" || return 1
	done
}

books_balance() {
	ctl "${2:-a}" --json backup report "${1:-$D}" |
	    jq -es 'map(select(.what == "sums"))[0] | .unaccounted == 0 and .taken ==
	    .delivered + .returned + .held + .queued + .deleted + .handed' >/dev/null
}

outage_ends_well() { # COUNT
	need "everything delivered, nothing damaged" ledger --wait 60 --least "$1"
	need "no duplicates" is "$(tally duplicated)" 0
	need "an empty queue" wait_for 30 queue_is_empty a
	need "books that say so" wait_for 30 books_are \
	    "delivered $1" "held 0" "queued 0" "unaccounted 0" "taken $1"
	need "balance" books_balance
	need "nothing left at the holder" wait_for 30 no_rows b
	need "nothing open" wait_for 20 status_is a own.open 0
}

# Nobody was told that his mail was not delivered.
no_bounce() { ! grep -l '^Content-Type: multipart/report' "$SINK"/*.eml 2>/dev/null; }
some_bounce() { ! no_bounce; }

# ---- clients ----

knock() {
	$PYTHON -c '
import smtplib, sys
args = sys.argv[2:]
where = "198.51.100.1"
if args[0] == "-s":
    where = args[1]
    args = args[2:]
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60,
    local_hostname="client.test.invalid", source_address=(where, 0))
s.ehlo()
def say(answer):
    print(answer[0], answer[1].decode("ascii", "replace").replace("\n", " "))
    return answer[0]
taken = []
s.mail(args[0])
for r in args[1:]:
    if say(s.rcpt(r)) < 300:
        taken.append(r)
if taken:
    try:
        say(s.data("Subject: knock\r\nTo: <%s>\r\n\r\nhello\r\n" % taken[0]))
    except smtplib.SMTPDataError as e:
        say((e.smtp_code, e.smtp_error))
try:
    s.quit()
except smtplib.SMTPException:
    pass' "$(port_of "${KNOCK_AT:-a}")" "$@" >"$LAB/said" || return 1
	cat "$LAB/said"
}

heard() { sed -n "$1p" "$LAB/said" | grep -q "^$2"; }
knock_heard() { # N WORDS KNOCK...
	knock_n=$1 knock_words=$2
	shift 2
	knock "$@" >/dev/null && shows heard "$knock_n" "$knock_words"
}

# N messages from the client to host a, all acknowledged.
send() {
	need "mail to be sent" mail_send a --count "$1" \
	    --kinds "${2:-plain}" ${3:+--prefix "$3-"}
}

S=sender@client.test.invalid
