#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A primary MX that is back says so with ETRN: to a real Postfix, which asks the
# policy service of shadowmxd.  The primary is at an address of its own; nobody
# probes it when it comes back.  Every scenario is a function etrn_NAME;
# "etrn.sh NAME..." runs only these, "etrn.sh -l" lists them.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
. "$HERE/lib-backup.sh"

HEARTBEAT=1s TAKEOVER_AFTER=60s MAX_DELAY=20s
MX_AT=198.51.9.9 STRANGER=198.51.100.1 LISTED=198.51.7.1
BACKUP_BEFORE=mx_elsewhere
SERVICE="check_policy_service { unix:shadowmx/etrn.sock, default_action=DUNNO }"

# The primary of lib-backup.sh, at $MX_AT as well.
mx_elsewhere() {
	pf_master "$LAB/mx" "$MX_AT:$MX_PORT inet n - n - - smtpd"
	need "it to hear of that" pf_reload "$LAB/mx"
}

# etrn FROM WHAT [LOGIN]: what it is answered, "CODE text"
etrn() {
	$PYTHON -c '
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=60,
    local_hostname="client.test.invalid", source_address=(sys.argv[2], 0))
s.ehlo()
if len(sys.argv) > 4:
    s.docmd("XCLIENT", "LOGIN=" + sys.argv[4])
    s.ehlo()
code, text = s.docmd("ETRN", sys.argv[3])
print(code, text.decode("ascii", "replace").replace("\n", " "))
s.quit()' "$(port_of a)" "$@" >"$LAB/said" || return 1
	cat "$LAB/said"
}
etrn_heard() { # CODE FROM WHAT [LOGIN]
	etrn_code=$1
	shift
	etrn "$@" >/dev/null && shows heard 1 "$etrn_code"
}

# N messages on hold, for a primary that came back and that nobody will look at.
unprobed() { # N [POLICY...]
	unprobed_n=$1
	shift
	BACKUP="etrn = \"unix:$LAB/@HOST@/spool/shadowmx/etrn.sock\";
	    etrn_clients = ( \"$LISTED/32\" );"
	backup_ready "$@"
	need "to be asked" pf_cf "$LAB/a" "smtpd_etrn_restrictions = $SERVICE"
	mx_kill
	need "the primary known to be down" wait_for 20 mx_is down
	send "$unprobed_n"
	need "them on hold" wait_for 20 held_are a "$unprobed_n"
	PROBE=1h
	need "a configuration" backup_conf a
	need "a reload" ctl a reload
	# The one that was due, and another if the reload was heard after it.
	need "no probe any more" sleep 3
	need "the primary again" mx_start
	need "nobody to know it" mx_is down
	need "all on hold still" held_are a "$unprobed_n"
}

# ---- scenarios ----

etrn_of_the_primary() {
	unprobed 3
	need "no to a stranger" etrn_heard 459 $STRANGER $D
	need "the same with what is below it" etrn_heard 459 $STRANGER @$D
	need "which is said" log_says a "event=etrn-refused.*client=$STRANGER"
	need "no queue by its name" etrn_heard 459 $MX_AT "#queue"
	need "not half a word" etrn_heard 501 $MX_AT "$D;"
	sleep 2
	need "nothing let go" held_are a 3
	need "nobody to know that it is up" mx_is down
	need "yes to the primary" etrn_heard 250 $MX_AT $D
	need "which is said" log_says a "event=etrn .*why=primary domains=1"
	outage_ends_well 3
}

# With what is below the domain; no other primary's mail.
etrn_of_a_domain_and_below() {
	unprobed 0 "$(backed $D)" "$(backed next0.test.invalid)" \
	    "$(backed next1.test.invalid | sed 's/\[198.51.9.9\]/[198.51.9.8]/')"
	knock $S rcpt1@d0.$D >/dev/null
	knock $S rcpt1@d1.$D >/dev/null
	knock $S rcpt1@next0.test.invalid >/dev/null
	need "three on hold" wait_for 20 held_are a 3
	need "another primary's domain" etrn_heard 459 $MX_AT next1.test.invalid
	need "yes" etrn_heard 250 $MX_AT @$D
	need "both" log_says a "event=etrn .*domains=[23]"
	need "both delivered" wait_for 30 eval 'is "$(sink_count)" 2'
	need "the other on hold" held_are a 1
	need "yes to a name above" etrn_heard 459 $STRANGER test.invalid
	need "all of its own" etrn "$MX_AT" test.invalid
	need "that one, too" wait_for 30 eval 'is "$(sink_count)" 3'
	need "balance" books_balance next0.test.invalid
}

etrn_of_who_is_listed() {
	unprobed 2
	need "not our domain: Postfix' own affair" \
	    etrn_heard 250 $STRANGER elsewhere.test.invalid
	need "nor one of nobody" etrn_heard 459 $LISTED nobody.test.invalid
	need "nothing let go" held_are a 2
	need "yes" etrn_heard 250 $LISTED $D
	need "which is said" log_says a "event=etrn .*why=listed"
	outage_ends_well 2
}

etrn_of_who_is_authenticated() {
	unprobed 2
	need "logins without passwords" pf_cf "$LAB/a" \
	    "smtpd_authorized_xclient_hosts = $STRANGER"
	need "not its name alone" wait_for 10 etrn_heard 459 $STRANGER $D
	need "yes" wait_for 10 etrn_heard 250 $STRANGER $D joe
	need "which is said" log_says a "event=etrn .*why=authenticated"
	outage_ends_well 2
}

# The service is asked about everything, by mistake: no mail is lost, or late.
etrn_service_in_the_wrong_place() {
	BACKUP="etrn = \"unix:$LAB/@HOST@/spool/shadowmx/etrn.sock\";"
	backup_ready
	wrong_lines="smtpd_etrn_restrictions = $SERVICE"
	for wrong_place in client helo sender recipient data end_of_data relay; do
		wrong_lines="$wrong_lines
smtpd_${wrong_place}_restrictions = $SERVICE, permit_mynetworks"
	done
	wrong_lines="$wrong_lines, reject_unauth_destination"
	echo "$wrong_lines" >>"$LAB/a/etc/main.cf" && pf_cool "$LAB/a"
	need "Postfix to read it" pf_reload "$LAB/a"
	send 2
	need "mail as ever" knock_heard 2 250 $S rcpt1@$D
	need "delivery" wait_for 30 books_are "taken 3" "delivered 3"
}

# As if the milter's default_action were "accept": an ETRN is Postfix' own then.
etrn_without_the_service() {
	BACKUP="etrn = \"unix:$LAB/@HOST@/spool/shadowmx/etrn.sock\";"
	backup_ready
	need "to be asked" pf_cf "$LAB/a" "smtpd_etrn_restrictions = $SERVICE" \
	    "smtpd_milters ="
	need "it asked" wait_for 10 etrn_heard 459 $STRANGER $D
	daemon_stop a
	need "Postfix' own ETRN" etrn_heard 250 $STRANGER $D
	need "the daemon again" daemon_start a
	need "it asked again" wait_for 10 etrn_heard 459 $STRANGER $D
	# Its socket is made again, like the milter's.
	rm "$LAB/a/spool/shadowmx/etrn.sock"
	need "a socket" wait_for 15 test -S "$LAB/a/spool/shadowmx/etrn.sock"
	need "it asked again" wait_for 10 etrn_heard 459 $STRANGER $D
	need "the milter's as it was" test -S "$LAB/a/spool/shadowmx/milter.sock"
}

# The lines that "config check" prints are right.
etrn_as_the_check_says() {
	BACKUP="etrn = \"unix:$LAB/@HOST@/spool/shadowmx/etrn.sock\";"
	backup_ready
	found_of_etrn >"$LAB/found"
	need "one finding" eval '[ -s "$LAB/found" ]'
	need "no ETRN released" etrn_heard 250 $STRANGER $D
	need "what it says done" sh -e "$LAB/found"
	pf_cool "$LAB/a"
	need "Postfix to read it" pf_reload "$LAB/a"
	found_of_etrn >"$LAB/found"
	need "nothing more" eval '[ ! -s "$LAB/found" ]'
	need "asked now" wait_for 10 etrn_heard 459 $STRANGER $D
}
found_of_etrn() {
	pf_cool "$LAB/a"
	ctl a --json config check | jq -r 'select(.name == "etrn").run[]'
}

lab_main etrn "$@"
