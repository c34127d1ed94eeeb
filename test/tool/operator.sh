#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What an operator does with single messages, with members and with settings:
# every order, what it refuses and how it says so.  The store is filled while no
# daemon runs; there is no Postfix and no other host.
#
#	SHADOWMXD, SHADOWMXCTL, PLANT	the programs, else below $builddir
#
# Ends with "N passed, M failed".
set -u
D=${SHADOWMXD:-${builddir:-.}/src/shadowmxd}
C=${SHADOWMXCTL:-${builddir:-.}/src/shadowmxctl}
P=${PLANT:-${builddir:-.}/test/tool/plant}
[ -x "$D" ] && [ -x "$C" ] && [ -x "$P" ] || {
	echo "no programs at $D, $C and $P"
	exit 77
}
W=$(mktemp -d "${TMPDIR:-/tmp}/operator.XXXXXX") || exit 1
chmod 755 "$W"
. "$(dirname "$0")/lib.sh"
if [ "$(id -u)" = 0 ]; then
	user=daemon owner=nobody
else
	user=$(id -un) owner=$user
fi

logged() { grep -E -e "$1" "$W/log"; }
same() { diff "$1" "$2"; }

# Where the daemon is looked for.
places() {
	grep -v 'run_directory' "$W/conf" >"$W/silent"
	claim "without a word, a default place" \
	    says "/run/shadowmx/control.sock" "$C" -c "$W/silent" peer list
	mkdir "$W/conf.d"
	echo 'control = { listen = "/nowhere/c"; };' >"$W/conf.d/x.conf"
	claim "a further file is heard" \
	    says "/nowhere/c" "$C" -c "$W/silent" peer list
	rm -r "$W/conf.d"
	claim "no file at all is told" says "config check" \
	    "$C" -c "$W/none" peer list
}

# The members are nowhere; mx9 is no member any more.
prepare() {
	pin=$("$C" key generate "$W/node.key") || return 1
	pin3=$("$C" key generate "$W/mx3.key") || return 1
	mkdir -m 700 "$W/store" || return 1
	port=$(free_port) || return 1
	for q in maildrop incoming active deferred hold corrupt pid; do
		mkdir -p "$W/queue/$q" || return 1
	done
	[ "$(id -u)" = 0 ] && {
		chown "$user" "$W/node.key" "$W/store"
		chown "$owner" "$W"/queue/*
	}
	cat >"$W/conf" <<-END
	node = "mx1.test.invalid";
	user = "$user";
	run_directory = "$W/run";
	milter = { listen = "unix:$W/queue/shadowmx/milter.sock";
	    group = "$(id -gn)"; };
	mta = { kind = "postfix"; config_directory = "$W";
	    queue_directory = "$W/queue"; owner = "$owner";
	    submit = "127.0.0.1:1"; };
	store = { driver = "sqlite"; path = "$W/store"; };
	takeover = { retry = "1h"; };
	peers = { listen = "127.0.0.1:$port"; key = "$W/node.key";
	    takeover_after = "5d";
	    members = ( { name = "mx2.test.invalid";
	        address = "127.0.0.1:1"; pin = "$pin"; },
	      { name = "mx3.test.invalid";
	        address = "127.0.0.1:2"; pin = "$pin3"; } ); };
	log = { to = "stderr"; level = "info"; };
	defaults = { acknowledge = { when_unprotected = "accept";
	    max_delay = "11s"; }; };
	policies = (
	  { name = "inside"; match = { domains = ( "a.test.invalid" );
	      authenticated = true; };
	    acknowledge = { when_unprotected = "tempfail"; }; },
	  { name = "10"; match = { client_networks = ( "192.0.2.0/24" ); };
	    acknowledge = { when = (); }; } );
	END
	chmod 644 "$W/conf"
}

plant() { # PRIMARY STATE COUNT QUEUEID
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid="$user" --regid=nogroup --clear-groups \
		    "$P" "$W/store" "$@"
	else
		"$P" "$W/store" "$@"
	fi
}
plant_all() {
	shadows=$(plant mx2.test.invalid shadow 3 SHADOWS) || return 1
	aside=$(plant mx2.test.invalid quarantined 2 ASIDE) || return 1
	waiting=$(plant mx3.test.invalid claimed 1 WAITING) || return 1
	handed=$(plant mx3.test.invalid handed 1 TWICE) || return 1
	twice=$(plant mx2.test.invalid shadow 1 TWICE2) || return 1
	orphan=$(plant mx9.test.invalid shadow 2 ORPHAN) || return 1
	many=$(plant mx3.test.invalid quarantined 130 MANY) || return 1
}
one() { echo "$1" | sed -n "${2:-1}p"; }

ctl() { timeout 60 "$C" -c "$W/conf" "$@"; }
answers() { ctl status --json | grep -q '^{'; }
start() {
	"$D" -v -c "$W/conf" </dev/null >>"$W/log" 2>&1 &
	pid=$!
	within 20 answers
}
stop() {
	kill -TERM "$pid"
	wait "$pid"
	pid=
}
state_is() { # KEY STATE
	ctl queue show "$1" | tee "$W/state.out" | grep -x "state *$2" ||
	    { cat "$W/state.out"; return 1; }
}
is_gone() { status_is 70 ctl queue show "$1"; }
outcome_is() { # OUTCOME EXITSTATUS COMMAND...
	outcome=$1
	shift
	status_is "$@" >"$W/outcome.out" 2>&1
	outcome_rc=$?
	cat "$W/outcome.out"
	[ $outcome_rc = 0 ] && grep -qE -e "  $outcome  " "$W/outcome.out"
}
brief_is() { ctl status --brief | grep -E -e "^SHADOWMX $1 - "; }

settings_are_text() {
	ctl config show >"$W/all.conf" || return 1
	ctl config show -n >"$W/changed.conf" || return 1
	for one in all changed; do
		"$C" -c "$W/$one.conf" config show --json |
		    sed 's/,"origin":.*//' >"$W/$one.json" || return 1
	done
	ctl config show --json | sed 's/,"origin":.*//' >"$W/json"
}

settings() {
	claim "the settings can be shown" settings_are_text
	claim "what is shown reads back as the same settings" \
	    same "$W/json" "$W/all.json"
	claim "what differs from the defaults does, too" \
	    same "$W/json" "$W/changed.json"
	claim "it leaves out what is as by default" \
	    not grep -E 'memory_limit|heartbeat|level' "$W/changed.conf"
	claim "it has what is not" grep -F 'max_delay = "11s";' "$W/changed.conf"
	"$C" -c "$W/changed.conf" config show -n >"$W/again.conf"
	claim "shown again it is the same text" \
	    same "$W/changed.conf" "$W/again.conf"
	claim "every line of the whole tells its origin" \
	    says "# $W/conf:" ctl config show
	claim "one setting can be shown" says "path = \"$W/store\"" \
	    ctl config show store.path
	claim "and only that" not says quota ctl config show store.path
	claim "so can a group" says quota ctl config show store
	claim "and one item of a list" says a.test.invalid \
	    ctl config show 'policies[0].match'
	claim "an unknown setting is told" status_is 64 ctl config show stor
	claim "in words" says 'no setting is called "stor"' \
	    ctl config show stor
	claim "the daemon's settings can be shown likewise" \
	    says 'max_delay = "11s"' "$C" -s "$W/run/control.sock" config show -n
	"$C" -s "$W/run/control.sock" config show -n >"$W/daemon.conf"
	claim "and are the same" same "$W/changed.conf" "$W/daemon.conf"
	claim "an unknown one is told by the daemon, too" \
	    says "no setting is called so" "$C" -s "$W/run/control.sock" \
	    config show stor
}

looking() {
	claim "quarantined messages make the status critical" \
	    status_is 2 ctl status
	claim "and the line for monitoring says why" \
	    says quarantined brief_is CRITICAL
	claim "a whole story is shown by key" \
	    says "554 5.7.1 refused" ctl queue show "$(one "$aside")"
	claim "with its holders" says "mx1.test.invalid mx3.test.invalid" \
	    ctl queue show "$(one "$shadows")"
	claim "and no byte of a sender reaches the terminal" \
	    says '\x1b[2J@test' ctl queue show "$(one "$shadows")"
	claim "by the primary's queue id" says "$twice" ctl queue show TWICE2
	claim "by the own MTA's queue id" says "$handed" ctl queue show HANDED1
	claim "a queue id of several is refused" status_is 70 \
	    ctl queue show ASIDE
	claim "with all of them named" says "$(one "$aside" 2)" \
	    ctl queue show ASIDE
	claim "content comes as it was" says "Subject: planted" \
	    ctl queue cat TWICE2
	claim "lists can be filtered by state" \
	    [ "$(ctl -j queue list -S quarantined | wc -l)" = 132 ]
	claim "by primary, member or not" \
	    [ "$(ctl -j queue list -p mx9.test.invalid | wc -l)" = 2 ]
	claim "by both" [ "$(ctl -j queue list -S quarantined \
	    -p mx2.test.invalid | wc -l)" = 2 ]
}

wrong() {
	claim "no id is refused" status_is 64 ctl queue forget
	claim "ids and --all are refused" status_is 64 \
	    ctl queue forget --all "$(one "$shadows")"
	claim "filters without --all are refused" status_is 64 \
	    ctl queue forget -S shadow "$(one "$shadows")"
	claim "an id of other letters is refused" status_is 64 \
	    ctl queue forget 'AB;CD'
	claim "and told" says 'AB;CD' ctl queue forget 'AB;CD'
	claim "an id with a line break is refused" status_is 64 \
	    ctl queue forget "$(printf 'A\nqueue forget B')"
	claim "an id of control bytes is shown escaped" says '\x1b' \
	    ctl queue forget "$(printf '\033[2J')"
	claim "an id that is too long is refused" status_is 64 \
	    ctl queue forget "$(printf '%05000d' 1)"
	claim "an unknown state is refused" status_is 64 \
	    ctl queue list -S nowhere
	claim "and for orders" status_is 64 ctl queue forget --all -S nowhere
	claim "own messages are the MTA's" status_is 64 \
	    ctl queue forget --all -S own
	claim "an empty value is refused" status_is 64 \
	    ctl queue forget --all --yes -p ''
	claim "an unknown option is refused" status_is 64 ctl --nonsense status
	claim "an option of another phrase is refused" status_is 64 \
	    ctl status --all
	claim "and told" says '--all means nothing to "status"' \
	    ctl status --all
	claim "a time without a unit is refused" status_is 64 \
	    ctl drain --wait=10
	claim "too many arguments are refused" status_is 64 \
	    ctl queue show A B
	claim "a member that is none is refused" status_is 64 \
	    ctl peer drain mx9.test.invalid
	claim "no such message is told" outcome_is notfound 1 \
	    ctl queue release NOWHERE
	claim "and is no error of the ones beside it" outcome_is ok 1 \
	    ctl queue release NOWHERE "$waiting"
	claim "an ambiguous id changes nothing" outcome_is conflict 1 \
	    ctl queue release ASIDE
	claim "and names the candidates" says "$(one "$aside" 2)" \
	    ctl queue release ASIDE
}

orders() {
	claim "a shadow is not released" outcome_is state 1 \
	    ctl queue release "$(one "$shadows")"
	claim "a quarantined one is not resubmitted" outcome_is state 1 \
	    ctl queue resubmit "$(one "$aside")"
	claim "what the MTA has is not resubmitted" outcome_is state 1 \
	    ctl queue resubmit HANDED1
	claim "a shadow is not forgotten without --yes" outcome_is state 1 \
	    ctl queue forget "$(one "$shadows")"
	claim "and stays" state_is "$(one "$shadows")" shadow
	claim "nor are several of anything" outcome_is state 1 \
	    ctl queue forget "$(one "$aside")" "$(one "$aside" 2)"
	claim "and stay" state_is "$(one "$aside")" quarantined
	claim "a shadow is resubmitted" outcome_is ok 0 \
	    ctl queue resubmit "$(one "$shadows")"
	claim "and is taken over" state_is "$(one "$shadows")" claimed
	claim "resubmitted again it is tried again" outcome_is ok 0 \
	    ctl queue resubmit "$(one "$shadows")"
	claim "a quarantined one is released" outcome_is ok 0 \
	    ctl queue release "$(one "$aside")"
	claim "and waits for the MTA" state_is "$(one "$aside")" claimed
	claim "one that is not quarantined is forgotten by key" \
	    outcome_is ok 0 ctl queue forget "$(one "$aside" 2)"
	claim "and has ended, but for members that must hear it" \
	    says "members that hold it are still being told" \
	    ctl queue show "$(one "$aside" 2)"
	claim "forgotten again it is told" outcome_is state 1 \
	    ctl queue forget "$(one "$aside" 2)"
	claim "with --yes nobody is waited for" outcome_is ok 0 \
	    ctl queue forget --yes "$(one "$aside" 2)"
	claim "and it is gone" is_gone "$(one "$aside" 2)"
	claim "forgotten once more it is told" outcome_is notfound 1 \
	    ctl queue forget "$(one "$aside" 2)"
	claim "a shadow is forgotten with --yes" outcome_is ok 0 \
	    ctl queue forget --yes "$(one "$shadows" 2)"
	claim "and it says what that means" \
	    says "may have been the only copy" \
	    ctl queue forget --yes "$(one "$shadows" 3)"
	claim "what was seen in another state is left alone" \
	    outcome_is state 1 ctl queue forget --yes \
	    "$(one "$shadows")/quarantined"
	claim "each is one line of the log, with who asked" logged \
	    "SHADOWS: event=operator order=forget key=$(one "$shadows" 2) .*was=shadow uid=$(id -u) result=ok"
}

all() {
	claim "--all shows and does nothing without --yes" \
	    status_is 1 ctl queue forget --all -p mx3.test.invalid -S quarantined
	claim "shows every one of them" says "$(one "$many" 130)" \
	    ctl queue forget --all -p mx3.test.invalid -S quarantined
	claim "and nothing is gone" state_is "$(one "$many" 130)" quarantined
	claim "--all with nothing to do is done" says "0 done, 0 not done" \
	    ctl queue release --all --yes -p mx9.test.invalid
	claim "more than fit into one command are done" \
	    says "130 done, 0 not done" \
	    ctl queue forget --all --yes -p mx3.test.invalid -S quarantined
	claim "and are gone" [ "$(ctl -j queue list -S quarantined | wc -l)" = 0 ]
	claim "and nothing else is" state_is HANDED1 handed
	claim "a former member's are resubmitted" says "2 done, 0 not done" \
	    ctl queue resubmit --all --yes -p mx9.test.invalid
	claim "the same in JSON" says '"done":' \
	    ctl --json queue release --all --yes
}

drains() {
	claim "the last holder is not drained without --yes" \
	    status_is 70 ctl peer drain mx2.test.invalid
	claim "and told why" says "no other member is up" \
	    ctl peer drain mx2.test.invalid
	claim "with --yes it is" status_is 0 ctl peer drain --yes mx2.test.invalid
	claim "and shown" says drained ctl peer list
	claim "and in the status" says peer_drained ctl status
	claim "waiting ends when nothing depends on it" \
	    says "0 messages have their only copy there" \
	    ctl peer drain --yes --wait mx2.test.invalid
	claim "this host can be drained" status_is 0 ctl drain
	claim "and shows it" says draining ctl status
	claim "waiting for it has a deadline" status_is 75 ctl drain --wait=1s
	stop
	claim "after a restart" start
	claim "the member is still drained" says drained ctl peer list
	claim "and this host" says draining ctl status
	claim "a member can be undrained" status_is 0 \
	    ctl peer undrain mx2.test.invalid
	claim "and is" not says drained ctl peer list
	claim "and this host" status_is 0 ctl undrain
	claim "and is" not says draining ctl status
	claim "both are in the log" logged "event=drained peer=mx2.test.invalid"
}

# Each level, as a daemon would tell it.
levels() {
	command -v python3 >/dev/null || return 0
	python3 - "$W/levels" <<-'END' &
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.bind(sys.argv[1])
	s.listen(4)
	s.settimeout(120)
	for lists in (([], []), ([], ["short"]), (["mta"], ["short"])):
	    for twice in range(2):
	        c, a = s.accept()
	        c.recv(4096)
	        words = ['"%s":[%s]' % (n, ",".join('"%s"' % w for w in l))
	            for n, l in (("critical", lists[0]), ("warning", lists[1]),
	                ("attention", lists[0] + lists[1]))]
	        c.sendall(('{"node":"n",%s}\n{"result":"ok"}\n'
	            % ",".join(words)).encode())
	        c.close()
	END
	fake=$!
	within 10 test -S "$W/levels"
	for level in 0:OK 1:WARNING 2:CRITICAL; do
		claim "status is $level" status_is ${level%:*} \
		    "$C" -s "$W/levels" status
		claim "and in one line" says "SHADOWMX ${level#*:} - n" \
		    "$C" -s "$W/levels" status --brief
	done
	wait "$fake"
}

gone() {
	# A daemon that ends in the middle of its answer.
	command -v python3 >/dev/null || return 0
	python3 - "$W/fake" <<-'END' &
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.bind(sys.argv[1])
	s.listen(4)
	s.settimeout(120)
	for i in range(3):
	    c, a = s.accept()
	    c.recv(4096)
	    c.sendall(b'{"item":"A","outcome":"ok","text":""}\n')
	    c.close()
	END
	fake=$!
	within 10 test -S "$W/fake"
	claim "a daemon that goes in the middle is told" status_is 75 \
	    "$C" -s "$W/fake" queue release A B
	claim "with what is not known" says "may have been carried out" \
	    "$C" -s "$W/fake" queue release A B
	claim "and is unknown to the monitoring" status_is 3 \
	    "$C" -s "$W/fake" status
	wait "$fake"
	claim "no daemon is unknown to the monitoring" status_is 3 ctl status
	claim "in its one line, too" says "SHADOWMX UNKNOWN - " \
	    ctl status --brief
	claim "and is told by the others" status_is 69 ctl queue list
}

prepare || exit 1
[ -e /run/shadowmx/control.sock ] || places
claim "a store is filled" plant_all
claim "the service starts on it" start
[ $failed = 0 ] || {
	tail -n 5 "$W/log"
	echo "$passed passed, $failed failed"
	exit 1
}
settings
looking
wrong
orders
all
drains
stop
levels
gone
claim "no sanitizer found anything" \
    not grep -E "AddressSanitizer|runtime error|ThreadSanitizer" "$W/log"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
