# SPDX-License-Identifier: BSD-2-Clause
#
# Whole hosts for tests: a private Postfix with a shadowmxd beside it, on
# loopback, in a temporary folder.  Source this file (POSIX sh, as root) after
# setting HERE to the folder it lies in.
#
#	lab_begin NAME		make the folder $LAB, see that all is ended at exit
#	lab_skip		print why nothing can be run here, or fail
#	sink_start		a next hop; its folder is $SINK, its port $SINK_PORT
#	sink_control LINE...	what it does from now on (test/tool/sink.py)
#	host_make NAME...	make hosts that are each other's peers
#	host_conf NAME [TEXT [MORE]]	write the configuration again, TEXT in its
#				defaults, MORE at its end; "site" in the host's
#				folder is its site label
#	host_start NAME		Postfix, then shadowmxd
#	host_kill NAME		SIGKILL to both at once
#	host_lose NAME		the same, and its queue and store are gone for ever
#	daemon_start | daemon_stop | daemon_kill | daemon_freeze | daemon_thaw NAME
#	worker_kill NAME	SIGKILL to the worker alone
#	ctl NAME COMMAND...	shadowmxctl
#	status NAME FIELD	one value out of status --json ("own.open")
#	rows NAME [STATE]	how many shadows it holds for others
#	none_held NAME		none of these is on hold at its primary
#	port_of NAME		where it takes mail
#	mail_send NAME ARGS...	test/tool/mailgen.py to it; folder $LAB/sent.NAME
#	post NAME TAG FROM "RCPT..." [HEADER...]	one message, found again by its
#				TAG; prints "CODE text" of the last answer
#	served TAG		the recipients that the next hop has got for it,
#				one a line and sorted, once for each time
#	served_from TAG		the senders it came from
#	ledger ARGS...		test/tool/ledger.py over all that was sent
#	worker_pid NAME		of the process that serves
#	wait_for SECONDS CMD...	repeat until it succeeds, else say so and fail;
#				SECONDS as of pf_wait (lib-postfix.sh)
#	need WHAT CMD...	do it, or end the scenario with what was expected
#	lab_main PREFIX ARGS...	run the scenarios of this script
#
# Settings for host_make, with their defaults:
: "${UNPROTECTED:=tempfail}" "${MAX_DELAY:=5s}" "${HEARTBEAT:=300ms}"
: "${TAKEOVER_AFTER:=3s}" "${RETRY:=1s}" "${SPILL:=}"
#
# Programs, wherever they were built:
TOP=$(cd "$HERE/../.." && pwd)
: "${SMX_BUILD:=${builddir:-$TOP}}"
: "${SHADOWMXD:=$SMX_BUILD/src/shadowmxd}"
: "${SHADOWMXCTL:=$SMX_BUILD/src/shadowmxctl}"
: "${WORKER_USER:=nobody}"
PYTHON=/usr/bin/python3
TOOL=$TOP/test/tool

. "$TOP/test/mta/lib-postfix.sh"

say() {
	printf '%s\n' "$*"
}

lab_skip() {
	pf_missing && return 0
	[ -x "$SHADOWMXD" ] || {
		say "no $SHADOWMXD"
		return 0
	}
	[ -x "$SHADOWMXCTL" ] || {
		say "no $SHADOWMXCTL"
		return 0
	}
	$PYTHON -c 'import dkim' 2>/dev/null || {
		say "no python3-dkim"
		return 0
	}
	return 1
}

# ---- beginning and end ----

lab_begin() {
	LAB=$(mktemp -d "${TMPDIR:-/tmp}/shadowmx.$1.XXXXXX") || exit 1
	chmod 755 "$LAB"
	LAB_HOSTS=
	LAB_PIDS=
	LAB_MOUNTS=
	trap lab_end EXIT
	trap 'exit 130' INT TERM HUP
}

lab_end() {
	lab_status=$?
	trap - EXIT
	[ $lab_status = 0 ] || [ $lab_status = 77 ] || lab_tell
	[ -z "${SANITIZED:-}" ] || lab_stop
	lab_sane || lab_status=1
	for lab_pid in $LAB_PIDS; do
		kill -CONT "$lab_pid" 2>/dev/null
		kill -KILL "$lab_pid" 2>/dev/null
	done
	for lab_host in $LAB_HOSTS; do
		host_kill "$lab_host" 2>/dev/null
	done
	for lab_dir in ${SM_DIRS:-}; do
		sm_kill "$lab_dir"
	done
	for lab_mount in $LAB_MOUNTS; do
		umount "$lab_mount" || umount -l "$lab_mount"
	done
	if [ "${LAB_KEEP:-}" = failed ] && [ $lab_status = 0 ]; then
		rm -rf "$LAB"
	elif [ -n "${LAB_KEEP:-}" ]; then
		say "kept: $LAB"
	else
		rm -rf "$LAB"
	fi
	exit $lab_status
}

# Lost memory is looked for when a process ends in order (test/sanitized.sh).
lab_stop() {
	for lab_host in $LAB_HOSTS; do
		daemon_thaw "$lab_host"
		lab_n=$(daemon_pid "$lab_host") || continue
		kill -TERM "$lab_n"
		pf_wait 5 eval '! kill -0 "$lab_n"' || say "   $lab_host does not end"
	done 2>/dev/null
}

# No sanitizer may have reported anything in a daemon's log.
lab_sane() {
	! grep -aE "(Address|Leak|Thread)Sanitizer|runtime error: " \
	    "$LAB"/*/shadowmxd.log 2>/dev/null
}

# What a scenario that failed leaves to be read.
lab_tell() {
	for lab_host in $LAB_HOSTS; do
		say "-- $lab_host: $(ctl "$lab_host" status --json 2>&1 | head -n 1)"
		ctl "$lab_host" queue list 2>&1 | tail -n 12
		tail -n 25 "$LAB/$lab_host/shadowmxd.log"
		tail -n 8 "$LAB/$lab_host/mail.log"
	done 2>/dev/null
}

wait_for() {
	pf_wait "$@" && return 0
	say "   waited $1 s in vain: $(shift && echo "$*")" >&2
	return 1
}

# ---- the next hop ----

sink_start() {
	SINK=$LAB/sink
	mkdir -p "$SINK"
	$PYTHON "$TOOL/sink.py" "$SINK" >"$LAB/sink.port" 2>"$LAB/sink.err" &
	LAB_PIDS="$LAB_PIDS $!"
	wait_for 10 test -s "$LAB/sink.port" || return 1
	SINK_PORT=$(cat "$LAB/sink.port")
}

sink_control() {
	for lab_line; do
		printf '%s\n' "$lab_line"
	done >"$SINK/control.new"
	mv "$SINK/control.new" "$SINK/control"
}

sink_count() {
	find "$SINK" -name '*.json' | wc -l
}

# ---- hosts ----

port_of() { cat "$LAB/$1/port"; }
submit_port_of() { cat "$LAB/$1/port.submit"; }
peer_port_of() { cat "$LAB/$1/port.peer"; }
conf_of() { echo "$LAB/$1/shadowmx.conf"; }

host_make() {
	for lab_host; do
		host_postfix "$lab_host" || return 1
	done
	LAB_HOSTS="$LAB_HOSTS $*"
	for lab_host; do
		host_conf "$lab_host" || return 1
	done
}

# A Postfix with the lines that examples/ tells people to add, but for ports and
# the chroot.
host_postfix() {
	lab_dir=$LAB/$1
	mkdir -p "$lab_dir" || return 1
	for lab_file in port port.submit port.amended port.held port.peer; do
		pf_port >"$lab_dir/$lab_file" || return 1
	done
	pf_make "$lab_dir" "$1" "$(port_of "$1")" \
	    "relayhost = [127.0.0.1]:$SINK_PORT" \
	    "queue_run_delay = 2s" \
	    "minimal_backoff_time = 2s" \
	    "maximal_backoff_time = 4s" \
	    "resubmit_recipient_restrictions = " \
	    "message_size_limit = 200000000" || return 1
	grep -v '^enable_long_queue_ids' "$TOP/examples/postfix-main.cf" \
	    >>"$lab_dir/etc/main.cf" || return 1
	sed -e "s/^127.0.0.1:10026 /127.0.0.1:$(submit_port_of "$1") /" \
	    -e "s/^127.0.0.1:10027 /127.0.0.1:$(cat "$lab_dir/port.amended") /" \
	    -e "s/^127.0.0.1:10028 /127.0.0.1:$(cat "$lab_dir/port.held") /" \
	    -e '/syslog_name=/a\    -o smtpd_recipient_restrictions=$resubmit_recipient_restrictions' \
	    -e '/^127/s/ y / n /' "$TOP/examples/postfix-master.cf" \
	    >>"$lab_dir/etc/master.cf" || return 1
	"$SHADOWMXCTL" key generate "$lab_dir/node.key" >/dev/null || return 1
	chown "$WORKER_USER" "$lab_dir/node.key"
	"$SHADOWMXCTL" key show "$lab_dir/node.key" >"$lab_dir/pin"
}

host_members() {
	for lab_peer in $LAB_HOSTS; do
		[ "$lab_peer" = "$1" ] && continue
		printf '    { name = "%s.test.invalid"; address = "127.0.0.1:%s";' \
		    "$lab_peer" "$(peer_port_of "$lab_peer")"
		printf ' pin = "%s"; site = "%s"; },\n' \
		    "$(grep -o 'sha256/[^ ]*' "$LAB/$lab_peer/pin" | head -n 1)" \
		    "$(site_of "$lab_peer")"
	done | sed '$ s/,$//'
}

site_of() { cat "$LAB/$1/site" 2>/dev/null; }

host_conf() {
	cat >"$(conf_of "$1")" <<-END
	node = "$1.test.invalid"; site = "$(site_of "$1")";
	user = "$WORKER_USER";
	run_directory = "$LAB/$1/run";
	milter = { listen = "unix:$LAB/$1/spool/shadowmx/milter.sock";
	    group = "postfix"; spill = "$SPILL"; };
	mta = { kind = "postfix"; config_directory = "$LAB/$1/etc";
	    queue_directory = "$LAB/$1/spool"; log = "$LAB/$1/mail.log";
	    submit = "127.0.0.1:$(submit_port_of "$1")";
	    submit_amended = "127.0.0.1:$(cat "$LAB/$1/port.amended")";
	    submit_held = "127.0.0.1:$(cat "$LAB/$1/port.held")"; };
	store = { driver = "sqlite"; path = "$LAB/$1/store"; quota = "1G"; };
	peers = { listen = "127.0.0.1:$(peer_port_of "$1")";
	    key = "$LAB/$1/node.key"; heartbeat = "$HEARTBEAT";
	    takeover_after = "$TAKEOVER_AFTER";
	    members = (
	$(host_members "$1")
	    ); };
	takeover = { retry = "$RETRY"; retry_max = "5s"; };
	log = { to = "stderr"; level = "info"; };
	defaults = { acknowledge = { when = ( "shadowed" );
	    max_delay = "$MAX_DELAY"; when_unprotected = "$UNPROTECTED"; ${2:-}
	    }; };
	${3:-}
	END
}

host_start() {
	pf_start "$LAB/$1" && daemon_start "$1"
}

hosts_start() {
	for lab_host in $LAB_HOSTS; do
		host_start "$lab_host" || return 1
	done
	for lab_host in $LAB_HOSTS; do
		wait_for 15 peers_up "$lab_host" || return 1
	done
}

host_kill() {
	daemon_kill "$1"
	pf_kill "$LAB/$1"
}

host_lose() {
	host_kill "$1"
	rm -rf "$LAB/$1/spool" "$LAB/$1/store" "$LAB/$1/data"
}

# ---- shadowmxd ----

daemon_start() {
	"$SHADOWMXD" -c "$(conf_of "$1")" </dev/null \
	    >>"$LAB/$1/shadowmxd.log" 2>&1 &
	echo $! >"$LAB/$1/shadowmxd.pid"
	wait_for 15 answers "$1" || {
		tail -n 20 "$LAB/$1/shadowmxd.log" >&2
		return 1
	}
}

daemon_pid() {
	lab_n=$(cat "$LAB/$1/shadowmxd.pid" 2>/dev/null) || return 1
	kill -0 "$lab_n" 2>/dev/null && echo "$lab_n"
}

# The supervisor first, so that it starts nothing again.
daemon_family() {
	lab_n=$(daemon_pid "$1") || return 1
	echo "$lab_n"
	pgrep -P "$lab_n"
}

daemon_signal() {
	lab_family=$(daemon_family "$2") || return 0
	for lab_n in $lab_family; do
		kill "-$1" "$lab_n" 2>/dev/null
	done
}

daemon_kill() {
	daemon_signal KILL "$1"
	wait "$(cat "$LAB/$1/shadowmxd.pid" 2>/dev/null)" 2>/dev/null
	rm -f "$LAB/$1/shadowmxd.pid"
}

daemon_stop() {
	lab_n=$(daemon_pid "$1") || return 0
	kill -TERM "$lab_n"
	wait "$lab_n"
	rm -f "$LAB/$1/shadowmxd.pid"
}

daemon_freeze() { daemon_signal STOP "$1"; }
daemon_thaw() { daemon_signal CONT "$1"; }

# The worker is the one child that runs as the service's user.
worker_pid() {
	lab_n=$(daemon_pid "$1") && pgrep -P "$lab_n" -u "$WORKER_USER"
}

worker_kill() {
	lab_n=$(worker_pid "$1") && kill -KILL "$lab_n"
}

ctl() {
	lab_host=$1
	shift
	"$SHADOWMXCTL" -c "$(conf_of "$lab_host")" "$@"
}

# Its exit status also tells when something needs attention: not asked here.
answers() {
	ctl "$1" status --json 2>/dev/null | grep -q '^{'
}

# The value of one member of the first line, "a.b" for one inside another.
json_field() {
	head -n 1 | jq -r --arg path "$1" \
	    'getpath($path / ".") | if . == null then error("none") else . end'
}

status() {
	ctl "$1" status --json | json_field "$2"
}

log_says() { grep -q "$2" "$LAB/$1/shadowmxd.log"; }

# Was one message acknowledged?  Arguments as of post.
post_is_taken() {
	post "$@" >"$LAB/said"
	grep -q ^250 "$LAB/said"
}

# A host that does not answer has neither rows nor none.
rows() {
	lab_list=$(ctl "$1" queue list --json) || return 1
	printf '%s\n' "$lab_list" | jq -s --arg state "${2:-}" \
	    'map(select(.role == "holder" and ($state == "" or .state == $state))) | length'
}

# What was copied from its file counts as on hold until that has been read: a
# person would have to release it.
none_held() {
	lab_list=$(ctl "$1" queue list --json) || return 1
	printf '%s\n' "$lab_list" |
	    jq -es 'all(.role != "holder" or (.held | not))' >/dev/null
}

no_rows() { [ "$(rows "$1" ${2:+"$2"})" = 0 ]; }
some_rows() { [ "$(rows "$1" ${2:+"$2"})" -gt 0 ]; }

peers_up() {
	ctl "$1" peer list --json |
	    jq -es 'length > 0 and all(.state == "up")' >/dev/null
}

# ---- mail ----

mail_send() {
	lab_host=$1
	shift
	$PYTHON "$TOOL/mailgen.py" "$LAB/sent.$lab_host" \
	    --port "$(port_of "$lab_host")" --prefix "$lab_host-" --quiet "$@"
}

post() {
	lab_host=$1
	shift
	$PYTHON -c '
import smtplib, sys
port, tag, sender, rcpts, headers = (int(sys.argv[1]), sys.argv[2],
    sys.argv[3], sys.argv[4].split(), sys.argv[5:])
body = "".join(h + "\r\n" for h in headers) + (
    "Subject: tag-%s.\r\nFrom: <%s>\r\nMessage-ID: <%s@post>\r\n\r\nhello\r\n"
    % (tag, sender, tag))
s = smtplib.SMTP("127.0.0.1", port, local_hostname="client.test.invalid",
    timeout=60)
s.ehlo()
last = s.mail(sender)
for r in rcpts:
    last = s.rcpt(r)
    if last[0] >= 400:
        print("rcpt", r, last[0], last[1].decode("ascii", "replace"))
try:
    last = s.data(body)
except smtplib.SMTPDataError as e:
    last = (e.smtp_code, e.smtp_error)
print(last[0], last[1].decode("ascii", "replace").replace("\n", " "))
try:
    s.quit()
except smtplib.SMTPException:
    pass' "$(port_of "$lab_host")" "$@"
}

# sink_of TAG FIELD: what the next hop wrote down
sink_of() {
	$PYTHON -c '
import glob, json, sys
for name in glob.glob(sys.argv[1] + "/*.json"):
    with open(name[:-4] + "eml", "rb") as f:
        if b"\nSubject: tag-%s.\r" % sys.argv[2].encode() not in f.read():
            continue
    with open(name) as f:
        value = json.load(f)[sys.argv[3]]
    for v in value if isinstance(value, list) else [value]:
        print((v["rcpt"] if isinstance(v, dict) else v).strip("<>"))' "$SINK" "$1" "$2" | sort
}

served() { sink_of "$1" rcpts; }
served_from() { sink_of "$1" mail; }

sent_folders() {
	find "$LAB" -maxdepth 1 -name 'sent.*'
}

ledger() {
	# shellcheck disable=SC2046
	$PYTHON "$TOOL/ledger.py" --sink "$SINK" --patience "$PF_PATIENCE" "$@" \
	    $(sent_folders)
}

# A number out of the ledger.
tally() {
	ledger --json | json_field "$1"
}

acknowledged() {
	cat "$LAB"/sent.*/sent.jsonl 2>/dev/null | grep -c '"event": "ok"'
}

queue_is_empty() {
	[ -z "$(postqueue -c "$LAB/$1/etc" -j)" ]
}

# ---- scenarios ----

# Do it or end the scenario with what was expected.
need() {
	need_words=$1
	shift
	"$@" && return 0
	say "   expected: $need_words ($*)"
	exit 1
}

is() { [ "$1" = "$2" ]; }
not() { ! "$@"; }
status_is() { is "$(status "$1" "$2")" "$3"; }
rows_are() { is "$(rows "$1" ${3:+"$3"})" "$2"; }

# A script of scenarios, functions named PREFIX_NAME, ends with lab_main PREFIX
# "$@".  Each runs in a folder of its own; exit status 77 skips it.
lab_scenarios() {
	sed -n "s/^$1_\([a-z0-9_]*\)() {\$/\1/p" "$0"
}

lab_run() (
	command -v "$1_$2" >/dev/null || {
		say "there is no such scenario: see $0 -l"
		exit 1
	}
	lab_begin "$2"
	"$1_$2"
	exit 0
)

# One of them, with its output when it fails.
lab_one() {
	out=$(mktemp) || exit 1
	began=$(date +%s)
	lab_run "$1" "$2" >"$out" 2>&1
	result=$?
	took=$(($(date +%s) - began))
	case $result in
	0) say "  ok    $2 ($took s)" ;;
	77) say "  skip  $2: $(tail -n 1 "$out")" ;;
	*)
		printf '  FAIL  %s (%s s)\n%s\n' "$2" "$took" \
		    "$(sed 's/^/     /' "$out")"
		;;
	esac
	rm -f "$out"
}

lab_count() { grep -c "^  $1  *[a-z0-9_]* *[(:]" "$2"; }

# They mostly wait, so $LAB_JOBS of them run at a time, each in a network
# namespace of its own where that can be had.
lab_main() {
	lab_prefix=$1
	shift
	if [ "${1:-}" = -l ]; then
		lab_scenarios "$lab_prefix"
		exit 0
	fi
	if why=$(lab_skip); then
		say "SKIP: $why"
		exit 77
	fi
	# shellcheck disable=SC2046
	[ $# -gt 0 ] || set -- $(lab_scenarios "$lab_prefix")
	if [ -n "${LAB_ONE:-}" ]; then
		pf_private_net sh "$0" "$@"
		lab_one "$lab_prefix" "$1"
		exit 0
	fi
	results=$(mktemp) || exit 1
	unshare -n true 2>/dev/null || LAB_JOBS=1
	printf '%s\n' "$@" |
	    LAB_ONE=1 xargs -n 1 -P "${LAB_JOBS:-3}" sh "$0" | tee "$results"
	passed=$(lab_count ok "$results")
	skipped=$(lab_count skip "$results")
	rm -f "$results"
	failed=$(($# - passed - skipped))
	say "$passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ]
}
