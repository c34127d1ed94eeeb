#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What a client sends again, against a real Postfix: two hosts, the first with
# milter.resend_guard.  Every scenario is a function resend_NAME with hosts of
# its own; "resend.sh NAME..." runs only these, "resend.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

# Two hosts, a next hop; $1: the window.
guarded() {
	TAKEOVER_AFTER=60s
	# A quarter of it is for a look at the queue, on a busy machine, too.
	[ "$MAX_DELAY" != 5s ] || MAX_DELAY=20s
	need "a next hop" sink_start
	need "hosts" host_make a b
	sed -i "s/milter = { /milter = { resend_guard = \"${1:-1h}\"; /" \
	    "$(conf_of a)"
	grep -q resend_guard "$(conf_of a)" || exit 1
	need "hosts that see each other" hosts_start
}

# client [-gone SECONDS] [-from ADDRESS] TAG RCPT[,PARAMETER]...: one message that is
# the same each time; "-gone": the client closes without an answer.  Prints the
# last answer.
client() {
	$PYTHON -c '
import socket, sys, time
args, gone, source = sys.argv[2:], None, "127.0.0.1"
while args[0].startswith("-"):
    if args[0] == "-gone":
        gone = float(args[1])
    else:
        source = args[1]
    args = args[2:]
tag, rcpts = args[0], args[1:]
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60, (source, 0))
f = s.makefile("rb")
def answer():
    while True:
        line = f.readline().decode()
        if line[3:4] != "-":
            return line.strip()
def command(text):
    s.sendall(text.encode() + b"\r\n")
    return answer()
answer()
command("EHLO client.test.invalid")
last = command("MAIL FROM:<sender@client.test.invalid>")
for r in rcpts:
    address, _, parameter = r.partition(",")
    last = command("RCPT TO:<%s> %s" % (address, parameter))
    if last[0] != "2":
        print(r, last)
command("DATA")
text = ("Subject: tag-%s.\r\nFrom: <sender@client.test.invalid>\r\n"
        "Date: Sun, 22 Nov 2026 20:00:00 +0000\r\n"
        "Message-ID: <%s@client>\r\n\r\nhello\r\n.\r\n" % (tag, tag))
s.sendall(text.encode())
if gone is not None:
    time.sleep(gone)
    s.close()
    print("gone")
    sys.exit()
print(answer())
' "$(port_of a)" "$@"
}

taken() {
	client "$@" >"$LAB/said"
	grep -q ^250 "$LAB/said"
}

said_id() { sed -n 's/^250 .*queued as //p' "$LAB/said"; }

copies_of() { served "$1" | grep -c .; }
served_is() { is "$(served "$1" | tr '\n' ' ')" "$2"; }
kept_out() { is "$(status a own.resends)" "$1"; }

# The first attempt's commit has been seen, so that it can be proved.
seen_committed() {
	need "its commit to be seen" wait_for 20 eval \
	    'ctl a queue list | grep -q " committed "'
}

# The line about N deliveries was written, and had time to be read.
read_as_sent() {
	need "the log to say so" wait_for 30 eval \
	    'is "$(grep -c "status=sent" "$LAB/a/mail.log")" '"$1"
	sleep 2
}

R=r1@next.test.invalid
R2=r2@next.test.invalid

# It goes away while the holder is slow, and comes again when the first attempt
# is in the queue.
resend_client_gone() {
	MAX_DELAY=20s
	guarded
	sink_control pause
	daemon_freeze b
	client -gone 0.7 one $R >/dev/null
	daemon_thaw b
	need "the first attempt in the queue" wait_for 20 log_says a "event=acknowledged"
	need "its file" wait_for 20 not queue_is_empty a
	seen_committed
	need "a 250" taken one $R
	need "a line that tells" log_says a "$(said_id): event=resend "
	need "a counter" kept_out 1
	need "no second file" is \
	    "$(postqueue -c "$LAB/a/etc" -j | grep -c .)" 1
	sink_control
	need "delivery" wait_for 30 eval 'is "$(copies_of one)" 1'
	need "nothing left at the holder" wait_for 20 no_rows b
	sleep 1
	need "no second delivery" is "$(copies_of one)" 1
}

resend_of_delivered() {
	guarded
	need "a 250" taken one $R
	need "delivery" wait_for 30 eval 'is "$(copies_of one)" 1'
	need "its end" wait_for 20 status_is a own.open 0
	read_as_sent 1
	need "another 250" taken one $R
	need "kept out" kept_out 1
	need "nothing open" status_is a own.open 0
	sleep 1
	need "no second delivery" is "$(copies_of one)" 1
	need "another message is taken" taken two $R
	need "its delivery" wait_for 30 eval 'is "$(copies_of two)" 1'
}

resend_outside_the_window() {
	guarded 3s
	need "a 250" taken one $R
	need "delivery" wait_for 30 eval 'is "$(copies_of one)" 1'
	sleep 4
	need "another 250" taken one $R
	need "a second delivery" wait_for 30 eval 'is "$(copies_of one)" 2'
	need "nothing kept out" kept_out 0
}

# Accepted by the milter, and never in the queue.
resend_never_committed() {
	MAX_DELAY=15s
	guarded
	daemon_freeze b
	client one $R >"$LAB/said.first" &
	pid=$!
	need "a message held" wait_for 20 status_is a own.holding 1
	kill -KILL $(pgrep -P "$(pf_pid "$LAB/a")" -x cleanup)
	daemon_thaw b
	wait $pid
	need "no 250" not grep -q ^250 "$LAB/said.first"
	need "our yes" wait_for 20 log_says a "event=acknowledged"
	need "a 250" wait_for 20 taken one $R
	need "nothing kept out" kept_out 0
	need "delivery" wait_for 30 eval 'is "$(copies_of one)" 1'
}

resend_of_bounced() {
	guarded
	sink_control "reply=550:^<r1"
	need "a 250" taken one $R
	need "its end" wait_for 30 grep -q "status=bounced" "$LAB/a/mail.log"
	sink_control
	need "another 250" taken one $R
	need "nothing kept out" kept_out 0
	need "delivery, besides the bounce" wait_for 30 \
	    served_is one "$R sender@client.test.invalid "
}

resend_of_deleted() {
	guarded
	sink_control "reply=450:^<r1"
	need "a 250" taken one $R
	need "it put aside" wait_for 30 grep -q "status=deferred" "$LAB/a/mail.log"
	postsuper -c "$LAB/a/etc" -d "$(said_id)" >/dev/null 2>&1
	need "its end" wait_for 30 status_is a own.open 0
	sink_control
	need "another 250" taken one $R
	need "nothing kept out" kept_out 0
	need "delivery" wait_for 30 eval 'is "$(copies_of one)" 1'
}

# Of two recipients one was delivered: while the other is open both stand, when
# it is deleted only the first.
resend_partly() {
	guarded
	sink_control "reply=450:^<r2"
	need "a 250" taken one $R $R2
	first=$(said_id)
	need "the first delivered" wait_for 30 served_is one "$R "
	need "the other put aside" wait_for 30 \
	    grep -q "to=<$R2>.*status=deferred" "$LAB/a/mail.log"
	read_as_sent 1
	need "another 250" taken one $R $R2
	need "kept out" log_says a \
	    "$(said_id): event=resend .*first=$first rcpts=2 left=0"
	postsuper -c "$LAB/a/etc" -d "$first" >/dev/null 2>&1
	need "its end" wait_for 30 status_is a own.open 0
	sink_control
	need "a third 250" taken one $R $R2
	need "one kept out" log_says a \
	    "$(said_id): event=resend .*first=$first rcpts=1 left=1"
	need "the deleted one delivered" wait_for 30 served_is one "$R $R2 "
	need "the end" wait_for 20 status_is a own.open 0
	need "no more" served_is one "$R $R2 "
}

resend_with_a_new_recipient() {
	guarded
	sink_control pause
	need "a 250" taken one $R
	seen_committed
	need "another 250" taken one $R $R2
	need "one kept out" log_says a "event=resend .*rcpts=1 left=1"
	sink_control
	need "both delivered once" wait_for 30 served_is one "$R $R2 "
	need "nothing left at the holder" wait_for 20 no_rows b
	need "no more" served_is one "$R $R2 "
}

resend_with_other_options() {
	guarded
	need "a 250" taken one "$R,NOTIFY=FAILURE"
	need "delivery" wait_for 30 eval 'is "$(copies_of one)" 1'
	need "its end" wait_for 20 status_is a own.open 0
	need "another 250" taken one "$R,NOTIFY=NEVER"
	need "a second delivery" wait_for 30 eval 'is "$(copies_of one)" 2'
	need "from another client" taken -from 127.0.0.2 one "$R,NOTIFY=NEVER"
	need "a third" wait_for 30 eval 'is "$(copies_of one)" 3'
	need "nothing kept out" kept_out 0
	need "its end" wait_for 20 status_is a own.open 0
	read_as_sent 3
	need "the same again" taken one "$R,NOTIFY=NEVER"
	need "kept out" kept_out 1
}

# On hold, and under another id.
resend_of_held() {
	guarded
	sink_control pause
	need "a 250" taken one $R
	seen_committed
	postsuper -c "$LAB/a/etc" -h "$(said_id)" >/dev/null 2>&1
	need "another 250" taken one $R
	need "nothing kept out" kept_out 0
	need "a 250 for another" taken two $R
	postsuper -c "$LAB/a/etc" -r "$(said_id)" >/dev/null 2>&1
	need "another 250" taken two $R
	need "still nothing kept out" kept_out 0
}

# What was remembered is gone with the worker.
resend_after_a_restart() {
	guarded
	need "a 250" taken one $R
	need "delivery" wait_for 30 eval 'is "$(copies_of one)" 1'
	need "a worker to kill" worker_kill a
	need "a new worker" wait_for 10 answers a
	need "its peer" wait_for 15 peers_up a
	need "another 250" taken one $R
	need "a second delivery" wait_for 30 eval 'is "$(copies_of one)" 2'
}

# An open first attempt counts only with its copy.
resend_of_unprotected() {
	UNPROTECTED=accept MAX_DELAY=1s
	guarded
	sink_control pause
	daemon_kill b
	need "a 250" taken one $R
	need "it unprotected" status_is a own.unprotected 1
	seen_committed
	need "another 250" taken one $R
	need "nothing kept out" kept_out 0
}

lab_main resend "$@"
