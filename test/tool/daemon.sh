#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The daemon's frame: who runs as whom, what survives a crash, what a reload
# changes and what it leaves, how all of it ends.  No Postfix: a folder that
# looks like a queue is enough.  As root the users are switched; as anybody else
# those cases are left out.
#
#	SHADOWMXD, SHADOWMXCTL	the programs, else below $builddir
#
# Ends with "N passed, M failed".
set -u
D=${SHADOWMXD:-${builddir:-.}/src/shadowmxd}
C=${SHADOWMXCTL:-${builddir:-.}/src/shadowmxctl}
[ -x "$D" ] && [ -x "$C" ] || {
	echo "no programs at $D and $C"
	exit 77
}
W=$(mktemp -d "${TMPDIR:-/tmp}/daemon.XXXXXX") || exit 1
chmod 755 "$W"
. "$(dirname "$0")/lib.sh"
root=
[ "$(id -u)" = 0 ] && root=1
if [ "$root" ]; then
	worker_user=daemon owner=nobody
else
	worker_user=$(id -un) owner=$(id -un)
fi

logged() { grep -F -e "$1" "$W/log"; }
logged_times() { [ "$(grep -cF -e "$1" "$W/log")" -ge "$2" ]; }

conf() { # FILE [DEFAULTS] [MORE]
	cat >"$1" <<-END
	node = "mx1.test.invalid";
	user = "$worker_user";
	run_directory = "$W/run";
	milter = { listen = "unix:$W/queue/shadowmx/milter.sock";
	    group = "${group:-$(id -gn)}"; };
	mta = { kind = "postfix"; config_directory = "$W";
	    queue_directory = "$W/queue"; owner = "$owner"; submit = ""; };
	store = { driver = "sqlite"; path = "$W/store"; };
	peers = { listen = "127.0.0.1:$port"; key = "$W/node.key";
	    members = ( { name = "mx2.test.invalid";
	        address = "127.0.0.1:1"; pin = "$pin"; } ); };
	log = { to = "stderr"; level = "info"; };
	defaults = { acknowledge = { when_unprotected = "accept"; ${2:-} }; };
	${3:-}
	END
	chmod 644 "$1"
}

prepare() {
	pin=$("$C" key generate "$W/node.key") || return 1
	port=$(free_port) || return 1
	for q in maildrop incoming active deferred hold corrupt pid; do
		mkdir -p "$W/queue/$q" || return 1
	done
	if [ "$root" ]; then
		chown "$worker_user" "$W/node.key"
		chown "$owner" "$W"/queue/*
	fi
	conf "$W/conf"
}

ctl() { "$C" -c "$W/conf" "$@"; }
# Whatever the exit status says.
answers() { ctl status --json | grep -q '^{'; }

start() {
	"$D" -v -c "$W/conf" -p "$W/pid" </dev/null >>"$W/log" 2>&1 &
	pid=$!
	within 15 answers
}

is_gone() { [ ! -d "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }

# The child that the log named last.
child() { sed -n "s/.*event=started process=$1 pid=\([0-9]*\).*/\1/p" "$W/log" | tail -n 1; }
other_child() { # NAME OLDPID: a new one is there
	other=$(child "$1")
	[ "$other" != "$2" ] && ! is_gone "$other"
}
inode() { stat -c %i "$W/queue/shadowmx/milter.sock" "$W/run/control.sock"; }

# A session up to the negotiation and HELO, in miltertest's words.
cat >"$W/greet.lua" <<-END
	local conn = mt.connect("unix:$W/queue/shadowmx/milter.sock", 60, 0.05)
	if conn == nil then error("no connection") end
	if mt.conninfo(conn, "client.test.invalid", "192.0.2.1") ~= nil then
		error("no session") end
	if mt.helo(conn, "client.test.invalid") ~= nil then error("helo") end
	local gate = os.getenv("GATE")
	if gate ~= nil then
		io.open(gate .. ".open", "w"):close()
		for i = 1, 2400 do
			local f = io.open(gate .. ".go")
			if f ~= nil then f:close() break end
			mt.sleep(0.05)
		end
		if mt.macro(conn, SMFIC_MAIL, "i", "ABC123") ~= nil or
		    mt.mailfrom(conn, "<a@test.invalid>") ~= nil then
			error("the session is gone") end
		if mt.getreply(conn) ~= SMFIR_CONTINUE then error("reply") end
	end
	mt.disconnect(conn)
END
greets() { timeout 60 miltertest -s "$W/greet.lua"; }
has_miltertest() { command -v miltertest >/dev/null; }

# ---- the files alone ----

# Postfix as examples/ wants it, to be looked at only.
mta_conf() {
	{
		printf '%s\n' 'compatibility_level = 3.6' \
		    "queue_directory = $W/queue" "mail_owner = $owner"
		cat "${srcdir:-$(dirname "$0")/../..}/examples/postfix-main.cf"
	} >"$W/main.cf"
	: >"$W/master.cf"
}

offline() {
	claim "without its MTA a configuration may be good" status_is 1 \
	    "$D" -t -c "$W/conf"
	if command -v postconf >/dev/null; then
		mta_conf
		group=$(id -gn "$owner") conf "$W/good"
		claim "a good configuration is found good" status_is 0 \
		    "$D" -t -c "$W/good"
		claim "and by the tool" status_is 0 \
		    "$C" -c "$W/good" config check
	fi
	conf "$W/bad" "" "nonsense = 1;"
	claim "a wrong one is told with file and line" \
	    says "$W/bad:" "$D" -t -c "$W/bad"
	claim "and with exit status 78" status_is 78 "$D" -t -c "$W/bad"
	claim "so does the tool" status_is 78 "$C" -c "$W/bad" config check
	claim "the daemon does not start with it" status_is 78 \
	    "$D" -v -c "$W/bad"
	claim "every setting has an origin" says "$W/conf:" ctl config show
	claim "and the defaults say so" says "# default" ctl config show
	claim "no daemon is exit status 69" status_is 69 ctl peer list
	claim "and 3 for status" status_is 3 ctl status
	claim "an unknown word is exit status 64" status_is 64 ctl nonsense
	claim "and lists what there is" says "queue" ctl nonsense
	claim "a short word that is not unique is refused" \
	    status_is 64 ctl queue s k k
	claim "words may be cut short" says "sha256/" ctl k s
	claim "the pin of the key is shown" says "sha256/" ctl key show
	claim "a key is never overwritten" status_is 73 \
	    ctl key generate "$W/node.key"
}

# ---- a running service ----

field() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$(child "$1")/status"; }
uids() { # NAME USER: all four ids are this user's
	want=$(id -u "$2")
	[ "$(field "$1" Uid | tr -s '\t ' ' ')" = "$want $want $want $want" ]
}
no_capability() { # NAME
	for set in CapInh CapPrm CapEff CapAmb; do
		[ "$(field "$1" $set)" = 0000000000000000 ] || return 1
	done
}
few_descriptors() { # NAME MAX
	few=$(find "/proc/$(child "$1")/fd" -mindepth 1 | wc -l)
	echo "$few descriptors"
	[ "$few" -le "$2" ]
}
no_listener() { # NAME: holds none of the listening sockets
	! ss -Hxtlnp | grep -q "pid=$(child "$1"),"
}

who_is_who() {
	claim "the worker runs as the configured user" uids worker "$worker_user"
	claim "the watcher as the queue's owner" uids watcher "$owner"
	claim "the helper as whoever started the service" \
	    uids helper "$(id -un)"
	[ "$root" ] && {
		claim "the worker has no capability" no_capability worker
		claim "and no group besides its own" \
		    [ -z "$(field worker Groups | tr -d ' ')" ]
		claim "the watcher has no capability" no_capability watcher
		claim "and no group besides its own" \
		    [ -z "$(field watcher Groups | tr -d ' ')" ]
		claim "the worker can gain no privilege by exec" \
		    [ "$(field worker NoNewPrivs)" = 1 ]
		claim "the worker's memory is not its user's to read" \
		    [ "$(stat -c %u "/proc/$(child worker)/mem")" = 0 ]
		claim "another user may not ask" status_is 77 \
		    setpriv --reuid=nobody --regid=nogroup --clear-groups \
		    "$C" -s "$W/run/control.sock" peer list
		claim "the worker's user may look" says own \
		    setpriv --reuid="$worker_user" --regid=nogroup \
		    --clear-groups "$C" -s "$W/run/control.sock" status
		claim "and not change" status_is 77 \
		    setpriv --reuid="$worker_user" --regid=nogroup \
		    --clear-groups "$C" -s "$W/run/control.sock" reload
		claim "the worker holds the listening sockets" \
		    not no_listener worker
		claim "the watcher holds no listening socket" no_listener watcher
		claim "nor does the helper" no_listener helper
		claim "the watcher holds few descriptors" few_descriptors watcher 24
		claim "the helper holds few descriptors" few_descriptors helper 8
	}
	claim "the milter's socket is for its group alone" \
	    [ "$(stat -c %a "$W/queue/shadowmx/milter.sock")" = 660 ]
	claim "the control socket is for its owner alone" \
	    [ "$(stat -c %a "$W/run/control.sock")" = 600 ]
	claim "the store is for the worker alone" \
	    [ "$(stat -c %a "$W/store")" = 700 ]
}

crash() { # NAME: SIGKILL, and a new one within two seconds
	crash_old=$(child "$1")
	kill -KILL "$crash_old"
	within 2 other_child "$1" "$crash_old"
}

same_worker() { [ "$(child worker)" = "$1" ] && ! is_gone "$1"; }

crashes() {
	before=$(inode)
	claim "a killed worker is back within two seconds" crash worker
	has_miltertest &&
	    claim "a connection of the gap is served by the new one" greets
	claim "the service answers again" within 15 answers
	claim "the sockets are the same" [ "$(inode)" = "$before" ]
	claim "a killed watcher is back" crash watcher
	claim "a killed helper is back" crash helper
	for i in 2 3 4; do
		claim "killed again ($i), it is back again" crash worker
	done
	claim "and answers" within 15 answers
	claim "each end is one line of the log" \
	    logged_times "event=ended process=worker" 4
	stray=$(child worker)
	kill -HUP "$stray"
	kill -TERM "$stray"
	kill -INT "$stray"
	sleep 1
	claim "stray signals do not end a worker" same_worker "$stray"
	claim "which goes on serving" answers
	has_miltertest && claim "its milter too" greets
}

max_delay() { "$C" -s "$W/run/control.sock" config show | grep max_delay; }
runs_with() { max_delay | grep -F -e "$1"; }
reloads() {
	old=$(child worker)
	if has_miltertest; then
		GATE=$W/gate timeout 180 miltertest -s "$W/greet.lua" \
		    >"$W/session" 2>&1 &
		session=$!
		within 10 test -e "$W/gate.open"
	fi
	conf "$W/conf" 'max_delay = "7s";'
	claim "a reload is acknowledged" status_is 0 ctl reload
	claim "and takes effect" runs_with 7s
	conf "$W/conf" 'max_delay = "8s";'
	kill -HUP "$pid"
	claim "a HUP does the same" within 5 runs_with 8s
	conf "$W/conf" 'max_delay = "9s"; copys = 1;'
	claim "a wrong file is refused" status_is 78 ctl reload
	claim "with its words" says "copys" ctl reload
	claim "and in the log" logged "copys"
	claim "the old one stays" runs_with 8s
	printf '@include "%s"\n' "$W" >"$W/conf"
	chmod 644 "$W/conf"
	claim "a file that kills the parser is refused" status_is 78 \
	    "$C" -s "$W/run/control.sock" reload
	claim "and kills nobody" kill -0 "$pid"
	conf "$W/conf" 'max_delay = "9s";'
	sed -i 's/mx1.test/mx9.test/' "$W/conf"
	claim "what only a restart can change is refused by name" \
	    says "node" ctl reload
	claim "and changes nothing" runs_with 8s
	claim "the worker is the same through all of it" same_worker "$old"
	if has_miltertest; then
		touch "$W/gate.go"
		claim "a session of before goes on after" wait "$session"
	fi
	crash worker
	within 15 answers
	claim "a worker born beside a wrong file has the good one" \
	    runs_with 8s
	conf "$W/conf"
	claim "the right file is taken again" status_is 0 ctl reload
}

second() {
	claim "a second daemon is refused" status_is 75 \
	    "$D" -v -c "$W/conf"
	claim "and the first one lives on" answers
}

children() { child worker; child watcher; child helper; }
all_gone() {
	for one; do
		is_gone "$one" || return 1
	done
}

stops() {
	# shellcheck disable=SC2046
	set -- $(children)
	claim "the pid file names the supervisor" \
	    [ "$(cat "$W/pid")" = "$pid" ]
	kill -TERM "$pid"
	claim "TERM ends the service within fifteen seconds" \
	    within 15 is_gone "$pid"
	wait "$pid"
	stopped=$?
	claim "with exit status 0" [ $stopped = 0 ]
	claim "and all its children" all_gone "$@"
	claim "and its sockets" \
	    not ls "$W/run/control.sock" "$W/queue/shadowmx/milter.sock"
	claim "and its pid file" not test -e "$W/pid"
	pid=
}

murdered() {
	claim "it starts again on the same files" start
	# shellcheck disable=SC2046
	set -- $(children)
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	claim "no child outlives a killed supervisor" within 2 all_gone "$@"
	claim "sockets that nobody answers do not stop the next start" start
	stop_quietly
}

stop_quietly() {
	kill -TERM "$pid"
	wait "$pid"
	pid=
}

managed() {
	command -v python3 >/dev/null || return 0
	python3 - "$W/notify" >"$W/notify.log" <<-'END' &
	import os, socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(sys.argv[1])
	s.settimeout(120)
	while True:
	    text = s.recv(4096).decode()
	    print(text.replace("\n", ","), flush=True)
	    if text == "STOPPING=1":
	        break
	END
	manager=$!
	within 10 test -S "$W/notify"
	NOTIFY_SOCKET=$W/notify WATCHDOG_USEC=1000000
	export NOTIFY_SOCKET WATCHDOG_USEC
	start
	unset NOTIFY_SOCKET WATCHDOG_USEC
	ctl reload >/dev/null
	within 5 grep -q WATCHDOG=1 "$W/notify.log"
	stop_quietly
	wait "$manager"
	claim "the service manager hears when it is ready" \
	    [ "$(grep -v WATCHDOG "$W/notify.log" | sed -n 2p)" = READY=1 ]
	claim "hears of a reload, and of its end" \
	    says "READY=1" sed -n '/^RELOADING=1,MONOTONIC_USEC=/,/READY/p' \
	    "$W/notify.log"
	claim "gets its watchdog's due" grep -x WATCHDOG=1 "$W/notify.log"
	claim "and hears of the end" grep -x STOPPING=1 "$W/notify.log"
}

prepare || exit 1
offline
claim "the service starts" start
[ $failed = 0 ] || {
	echo "$passed passed, $failed failed"
	exit 1
}
who_is_who
crashes
reloads
second
stops
murdered
managed
claim "no sanitizer found anything" \
    not grep -E "AddressSanitizer|runtime error|ThreadSanitizer" "$W/log"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
