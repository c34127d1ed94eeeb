#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# "shadowmxctl config check" against wrong installations of a real Postfix.
#
#	test/mta/check_mta.sh [CASE...]		-l lists the cases
#
# Each case spoils an installation made of examples/, looks whether the check
# names what was spoiled, does by machine what the check says, and looks again:
# nothing may be left to find.  That is what shows that the lines are exact.
#
#	SHADOWMXCTL	the program, else below $SMX_BUILD, $builddir or here
#	LAB_JOBS	so many cases at a time
#
# Ends with "N passed, M failed".
set -u
TOP=$(cd "$(dirname "$0")/../.." && pwd)
: "${SMX_BUILD:=${builddir:-$TOP}}"
: "${SHADOWMXCTL:=$SMX_BUILD/src/shadowmxctl}"
PYTHON=/usr/bin/python3
. "$TOP/test/mta/lib-postfix.sh"

say() { printf '%s\n' "$*"; }

# ---- an installation ----

# The example's files as they are, chroot and all, but for the ports; "smtp" and
# "submission" as Debian has them.
install_right() {
	A=$W/$1 LAB=$W/$1
	mkdir -p "$A" && chmod 755 "$W" "$A" || return 1
	P0=$(pf_port) P1=$(pf_port) P2=$(pf_port) P3=$(pf_port) P4=$(pf_port)
	pf_make "$A" host 0 || return 1
	grep -v '^enable_long_queue_ids' "$TOP/examples/postfix-main.cf" \
	    >>"$A/etc/main.cf" && pf_cool "$A"
	cf 'mydestination = a.example, $myhostname' \
	    'local_recipient_maps = inline:{postmaster=x, known=x}' \
	    'relayhost = [127.0.0.1]:9'
	sed -i 's/^cleanup unix n - n/cleanup unix n - y/' "$A/etc/master.cf"
	# Nothing here is really locked in: it would need a root of its own.
	cat >>"$A/etc/master.cf" <<-END
	127.0.0.9:$P0 inet n - y - - smtpd
	192.0.2.9:$P4 inet n - y - - smtpd
	    -o syslog_name=postfix/submission
	END
	sed -e "s/^127.0.0.1:10026 /127.0.0.1:$P1 /" \
	    -e "s/^127.0.0.1:10027 /127.0.0.1:$P2 /" \
	    -e "s/^127.0.0.1:10028 /127.0.0.1:$P3 /" \
	    "$TOP/examples/postfix-master.cf" >>"$A/etc/master.cf"
	ln -f "$W/node.key" "$A/node.key"
	cat >"$A/shadowmx.conf" <<-END
	node = "a.test.invalid";
	user = "nobody";
	run_directory = "$A/run";
	milter = { listen = "unix:$A/spool/shadowmx/milter.sock";
	    group = "postfix"; };
	mta = { kind = "postfix"; config_directory = "$A/etc";
	    queue_directory = "$A/spool"; log = "$A/mail.log";
	    submit = "127.0.0.1:$P1"; submit_amended = "127.0.0.1:$P2";
	    submit_held = "127.0.0.1:$P3"; };
	store = { path = "$A/store"; };
	peers = { listen = "127.0.0.1:8825"; key = "$A/node.key";
	    members = ( { name = "b.test.invalid"; address = "127.0.0.1:8826";
	        pin = "$PIN"; } ); };
	defaults = { acknowledge = { when = ( "shadowed" ); max_delay = "10s";
	    when_unprotected = "tempfail"; }; };
	END
	mkdir -p "$A/conf.d"
}

PUBLIC() { echo "192.0.2.9:$P4/inet"; }
cf() { postconf -c "$A/etc" -e "$@" && pf_cool "$A"; }
over() { postconf -c "$A/etc" -P "$@"; }
column() { postconf -c "$A/etc" -F "$@"; }
conf() { printf '%s\n' "$@" >>"$A/conf.d/50-case.conf"; }

check() { pf_cool "$A"; "$SHADOWMXCTL" -c "$A/shadowmx.conf" --json config check "$@"; }

# The names that the check found, one a line.
names() {
	$PYTHON -c '
import json, sys
for line in sys.stdin:
    f = json.loads(line)
    if "name" in f:
        print(f["name"])' | sort -u
}

# Do what it says: commands through a shell, lines into a file of conf.d.
apply() {
	$PYTHON -c '
import json, subprocess, sys
n = 0
for line in open(sys.argv[1]):
    f = json.loads(line)
    for command in f.get("run", []):
        subprocess.run(["sh", "-c", command], check=True)
        n += 1
    for text in f.get("add", []):
        n += 1
        with open("%s/conf.d/90-%03d.conf" % (sys.argv[2], n), "w") as out:
            out.write(text + "\n")
sys.exit(0 if n else "nothing to add")' "$1" "$A"
}

fail() {
	say "   $*"
	exit 1
}

# expect STATUS NAME...: exactly these findings; then their lines, and nothing.
expect() {
	expect_found "$@"
	apply "$A/found" || fail "the lines cannot be added"
	# A fix may uncover what another finding had kept out of sight.
	check >"$A/again" 2>"$A/again.err"
	status=$?
	[ $status = 0 ] && ! grep -q '"name"' "$A/again" && return 0
	cat "$A/again" "$A/again.err"
	fail "after adding the lines: status $status"
}

expect_found() {
	want_status=$1
	shift
	check >"$A/found" 2>"$A/err"
	status=$?
	for want; do
		echo "$want"
	done | sort -u >"$A/want"
	names <"$A/found" >"$A/got"
	diff -u "$A/want" "$A/got" || {
		cat "$A/found" "$A/err"
		fail "other findings than expected"
	}
	[ $status = "$want_status" ] || {
		cat "$A/found"
		fail "status $status, not $want_status"
	}
}

# ---- the right one ----

case_right_installation() {
	check >"$A/found" || { cat "$A/found"; fail "status $?"; }
	[ "$(cat "$A/found")" = '{"result":"ok"}' ] || fail "$(cat "$A/found")"
	"$SHADOWMXCTL" -c "$A/shadowmx.conf" config check |
	    grep -q ': no problem found$' || fail "the words"
}

# The same without a chroot anywhere, by absolute path, and with two milters.
case_right_without_chroot() {
	sed -i 's/ y / n /' "$A/etc/master.cf"
	sed -i 's/  y  /  n  /' "$A/etc/master.cf"
	cf "smtpd_milters = inet:127.0.0.1:11332 { unix:$A/spool/shadowmx/milter.sock, connect_timeout=5s }"
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

# The example's configuration with the examples for Postfix.
case_right_by_the_examples() {
	sed -e "s,^node = .*,node = \"a.test.invalid\"; user = \"nobody\";," \
	    -e "s,127.0.0.1:10027,127.0.0.1:$P2,; s,127.0.0.1:10028,127.0.0.1:$P3," \
	    "$TOP/examples/shadowmx.conf" >"$A/shadowmx.conf"
	conf "mta = { config_directory = \"$A/etc\"; submit = \"127.0.0.1:$P1\";
	    log = \"$A/mail.log\"; };" "peers = { key = \"$A/node.key\";
	    members = ( { name = \"b.test.invalid\"; address = \"127.0.0.1:8826\";
	    pin = \"$PIN\"; } ); };" "run_directory = \"$A/run\";" \
	    "milter = { listen = \"unix:$A/spool/shadowmx/milter.sock\"; };" \
	    'defaults = { acknowledge = { when = ( "shadowed" );
	    when_unprotected = "accept"; }; };'
	check | grep -q '^{"result":"ok"}$' || fail "$(check 2>&1)"
}

# A milter through TCP, named by a setting of its own.
case_right_by_inet() {
	conf 'milter = { listen = "inet:8891@127.0.0.1"; };'
	cf 'our_milter = inet:localhost:8891' \
	    'smtpd_milters = inet:127.0.0.1:11332, $our_milter'
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

case_right_without_policy() {
	conf 'defaults = { acknowledge = { when = (); }; };'
	cf 'smtpd_milters =' 'non_smtpd_milters =' 'default_process_limit = 1'
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

# ---- wrong ones: the milter ----

case_milter_missing() {
	cf 'smtpd_milters ='
	expect 2 milter-missing
}

case_milter_missing_everywhere() {
	cf 'smtpd_milters =' 'non_smtpd_milters =' \
	    'internal_mail_filter_classes ='
	expect 2 milter-missing bounces-uncovered
}

case_milter_overridden_in_a_service() {
	over "$(PUBLIC)/smtpd_milters="
	expect 2 milter-missing
}

case_other_milter_in_a_service() {
	over "$(PUBLIC)/smtpd_milters={inet:127.0.0.1:11332,default_action=accept}"
	expect 2 milter-missing
}

case_milter_by_parameter_of_a_service() {
	cf 'mua_milters = inet:127.0.0.1:11332'
	over "$(PUBLIC)/smtpd_milters=\$mua_milters"
	expect 2 milter-missing
}

case_local_mail_not_covered() {
	cf 'non_smtpd_milters ='
	expect 1 milter-missing
}

case_bounces_not_covered() {
	cf 'internal_mail_filter_classes = notify'
	expect 1 bounces-uncovered
}

case_milter_not_last() {
	cf 'smtpd_milters = unix:shadowmx/milter.sock, inet:127.0.0.1:11332'
	expect 2 milter-not-last
}

case_milter_not_last_for_local_mail() {
	cf 'non_smtpd_milters = unix:shadowmx/milter.sock inet:127.0.0.1:11332'
	expect 2 milter-not-last
}

case_milter_switched_off() {
	over "$(PUBLIC)/receive_override_options=no_milters,no_address_mappings"
	expect 2 milter-off
	postconf -c "$A/etc" -P "$(PUBLIC)/receive_override_options" |
	    grep -q '= no_address_mappings$' || fail "the rest is lost"
}

case_milters_by_client() {
	cf 'smtpd_milter_maps = inline:{192.0.2.1=DISABLE}'
	expect 1 milter-maps
}

case_action_accept() {
	cf 'milter_default_action = accept'
	expect 2 default-action
}

case_action_accept_when_unprotected_is_accept() {
	conf 'defaults = { acknowledge = { when_unprotected = "accept"; }; };'
	cf 'milter_default_action = accept'
	expect 1 default-action
}

case_action_quarantine() {
	cf 'milter_default_action = quarantine'
	expect 2 default-action
}

case_action_reject_in_a_service() {
	over "$(PUBLIC)/milter_default_action=reject"
	expect 2 default-action
}

case_action_accept_within_the_list() {
	cf 'smtpd_milters = inet:127.0.0.1:11332, { unix:shadowmx/milter.sock, content_timeout = 60s, default_action = accept }'
	expect 2 default-action
	postconf -c "$A/etc" -h smtpd_milters |
	    grep -q 'content_timeout=60s,default_action=tempfail}' ||
	    fail "$(postconf -c "$A/etc" -h smtpd_milters)"
}

# ---- wrong ones: sockets ----

case_absolute_path_in_a_chroot() {
	cf "smtpd_milters = unix:$A/spool/shadowmx/milter.sock"
	expect 2 milter-path
}

case_chrooted_cleanup_alone() {
	sed -i 's/ y / n /; s/  y  /  n  /' "$A/etc/master.cf"
	column "cleanup/unix/chroot=y"
	cf "smtpd_milters = unix:$A/spool/shadowmx/milter.sock"
	expect 2 milter-path
}

case_path_with_a_mistake() {
	cf 'smtpd_milters = unix:shadowmx/milter.socket'
	expect 2 milter-path
}

case_socket_outside_of_the_queue() {
	conf "milter = { listen = \"unix:$A/run/milter.sock\"; };"
	cf "smtpd_milters = unix:$A/run/milter.sock"
	expect 2 milter-outside milter-path
}

case_folder_closed() {
	mkdir "$A/spool/shadowmx"
	chmod 700 "$A/spool/shadowmx"
	expect 2 socket-closed
}

case_group_of_the_socket() {
	conf 'milter = { group = "nogroup"; };'
	expect 2 socket-closed
}

# Something that answers like a daemon.
listen_on() {
	$PYTHON -c '
import os, socket, sys, time
keep = []
for path in sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(5)
    keep.append(s)
open(sys.argv[1] + ".ready", "w").close()
time.sleep(60)' "$@" &
	listener=$!
	pf_wait 10 test -e "$1.ready" || fail "no listener"
}

case_socket_missing() {
	mkdir -p "$A/run" "$A/spool/shadowmx"
	listen_on "$A/run/control.sock"
	expect_found 2 socket-missing
	kill $listener
	rm "$A/run/control.sock"
	expect_found 0
}

case_socket_not_for_postfix() {
	mkdir -p "$A/run" "$A/spool/shadowmx"
	listen_on "$A/run/control.sock" "$A/spool/shadowmx/milter.sock"
	chmod 600 "$A/spool/shadowmx/milter.sock"
	expect 2 socket-closed
	kill $listener
}

# ---- wrong ones: the queue ----

case_short_queue_ids() {
	cf 'enable_long_queue_ids = no'
	expect 2 short-queue-ids
}

case_short_queue_ids_in_cleanup() {
	over 'cleanup/unix/enable_long_queue_ids=no'
	expect 2 short-queue-ids
}

case_soft_bounce() {
	cf 'soft_bounce = yes'
	expect 1 soft-bounce
}

case_other_queue_directory() {
	mkdir "$A/elsewhere"
	conf "mta = { queue_directory = \"$A/elsewhere\"; };"
	expect 2 queue-directory
}

case_other_queue_owner() {
	conf 'mta = { owner = "daemon"; };'
	check >"$A/found"
	names <"$A/found" | grep -q '^queue-owner$' || fail "$(cat "$A/found")"
	apply "$A/found"
	check >/dev/null || fail "$(check)"
}

case_short_lifetime() {
	cf 'maximal_queue_lifetime = 8m' 'bounce_queue_lifetime = 5d'
	expect 1 queue-lifetime
}

case_takeover_after_the_lifetime() {
	conf 'peers = { takeover_after = "6d"; };'
	expect 1 queue-lifetime
}

case_late_retries() {
	conf 'takeover = { retry_max = "1d"; };'
	cf 'bounce_queue_lifetime = 1'
	expect 1 queue-lifetime
}

# ---- wrong ones: limits ----

case_few_processes() {
	conf 'defaults = { acknowledge = { max_delay = "30s"; }; };'
	column "$(PUBLIC)/process_limit=20"
	over "$(PUBLIC)/smtpd_client_connection_count_limit=10"
	expect 1 process-limit
	grep -q '0.66 messages a second' "$A/found" || fail "no rate"
}

case_few_processes_by_default() {
	cf 'default_process_limit = 5' 'smtpd_client_connection_count_limit = 2'
	expect 1 process-limit
}

case_one_client_takes_all() {
	cf 'smtpd_client_connection_count_limit = 0'
	expect 0 client-limit
}

case_more_sessions_than_may_wait() {
	cf 'default_process_limit = 3000'
	expect 1 max-held
}

case_more_recipients_than_are_kept() {
	cf 'smtpd_recipient_limit = 5000'
	expect 1 recipient-limit
	grep -q '"where":"main.cf"' "$A/found" || fail "not there"
}

case_more_recipients_in_a_service() {
	over "$(PUBLIC)/smtpd_recipient_limit=5000"
	expect 1 recipient-limit
	grep -q '"where":"master.cf 192' "$A/found" || fail "not there"
}

case_more_recipients_than_can_be_kept() {
	cf 'smtpd_recipient_limit = 60000'
	over "$(PUBLIC)/smtpd_recipient_limit=70000"
	expect 1 recipient-limit
}

# Each one that is too many is answered, and the client sends it again.
case_right_with_few_recipients() {
	conf 'milter = { max_recipients = 50; };'
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

case_content_timeout() {
	cf 'milter_content_timeout = 10s'
	expect 2 timeout
}

case_content_timeout_within_the_list() {
	cf 'smtpd_milters = {unix:shadowmx/milter.sock, content_timeout=5s}'
	expect 2 timeout
}

case_command_timeout() {
	cf 'milter_command_timeout = 2s'
	expect 2 timeout
}

case_ipc_timeout_in_a_service() {
	over "$(PUBLIC)/ipc_timeout=12s"
	expect 2 timeout
}

# ---- wrong ones: what the milter is told ----

case_old_milter_protocol() {
	cf 'milter_protocol = 2'
	expect 2 milter-protocol
}

case_no_queue_id() {
	cf 'milter_mail_macros = {auth_type}, {auth_authen}' \
	    'milter_rcpt_macros =' 'milter_data_macros =' \
	    'milter_end_of_header_macros =' 'milter_end_of_data_macros ='
	expect 2 queue-id-hidden
}

case_no_login() {
	cf 'milter_mail_macros = i {mail_addr}'
	expect 1 login-hidden
}

case_early_queue_id() {
	cf 'smtpd_delay_open_until_valid_rcpt = no'
	expect 0 early-queue-id
}

# ---- wrong ones: filters ----

case_content_filter() {
	cf 'content_filter = scan:[127.0.0.1]:10024'
	postconf -c "$A/etc" -M "127.0.0.9:$P0/inet=127.0.0.9:$P0 inet n - y - - smtpd -o content_filter= -o smtpd_milters= -o receive_override_options=no_milters,no_header_body_checks,no_unknown_recipient_checks"
	expect 1 content-filter milter-missing milter-off
}

case_content_filter_without_a_way_back() {
	postconf -c "$A/etc" -MX "127.0.0.9:$P0/inet"
	cf 'content_filter = scan:[127.0.0.1]:10024'
	expect 1 content-filter
}

case_filter_before_the_queue() {
	over "$(PUBLIC)/smtpd_proxy_filter=127.0.0.9:$P0"
	over "127.0.0.9:$P0/inet/smtpd_milters="
	expect 2 proxy-filter milter-missing
}

# ---- wrong ones: delivered ----

# delivered MATCH [HOP]: a policy of that kind, before a Postfix that is right
# for it.
delivered() {
	conf "policies = ( { name = \"edge\"; match = { $1 };
	    acknowledge = { when = ( \"delivered\", \"shadowed\" );
	    next_hop = \"${2:-smtp:[192.0.2.5]}\"; }; } );"
	cf 'in_flow_delay = 0'
}

EDGE='domains = ( "edge.example" );'

case_right_with_delivered() {
	delivered "$EDGE"
	cf 'virtual_alias_domains =' \
	    'virtual_alias_maps = inline:{one@other.example=two@other.example}'
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

case_delivered_with_in_flow_delay() {
	delivered "$EDGE"
	cf 'in_flow_delay = 1s'
	expect 2 in-flow-delay
	grep -q 'one message per second and session' "$A/found" ||
	    fail "not said"
}

case_delivered_with_short_command_timeout() {
	delivered "$EDGE"
	cf 'milter_command_timeout = 9s'
	expect 2 timeout
}

case_delivered_before_a_filter() {
	delivered "$EDGE"
	cf 'content_filter = scan:[127.0.0.1]:10024'
	expect 2 delivered-unfiltered content-filter
}

# alias SETTING: found by the table's keys, and gone with the policy that is to
# stand before.
rewritten() {
	expect_found 2 delivered-rewritten
	$PYTHON -c '
import json, sys
for line in open(sys.argv[1]):
    for text in json.loads(line).get("add", []):
        print(text.split(": ", 1)[1])' "$A/found" >"$A/line"
	grep -q . "$A/line" || fail "no line"
	{
		echo 'policies = ('
		cat "$A/line"
		echo ');'
	} >"$A/conf.d/10-first.conf"
	sed -i 's/},$/}/' "$A/conf.d/10-first.conf"
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

case_delivered_with_aliases() {
	delivered "$EDGE"
	printf 'info@edge.example x@a.example\ny@other.example x@a.example\n' \
	    >"$A/etc/virtual"
	postmap -c "$A/etc" "hash:$A/etc/virtual" || fail "postmap"
	cf 'virtual_alias_domains =' "virtual_alias_maps = hash:$A/etc/virtual"
	rewritten
	grep -q 'info@edge.example' "$A/line" || fail "$(cat "$A/line")"
	! grep -q 'other.example' "$A/line" || fail "$(cat "$A/line")"
}

case_delivered_with_canonical_recipients() {
	delivered "$EDGE"
	cf 'recipient_canonical_maps = inline:{@edge.example=@a.example}'
	rewritten
}

case_delivered_with_copies_by_recipient() {
	delivered "$EDGE"
	cf 'recipient_bcc_maps = inline:{info@edge.example=x@a.example}'
	rewritten
}

# A policy for everybody concerns every domain, and a table of recipients those
# that are in it.
case_delivered_to_everybody_with_aliases() {
	delivered '' mta
	cf 'virtual_alias_domains =' \
	    'virtual_alias_maps = inline:{one@other.example=two@other.example}'
	expect_found 2 delivered-rewritten
}

case_delivered_by_table_with_aliases() {
	printf 'one@edge.example\n' >"$A/table"
	delivered "recipient_tables = ( \"$A/table\" );"
	cf 'virtual_alias_domains =' \
	    'virtual_alias_maps = inline:{one@edge.example=x@a.example, two@edge.example=x@a.example}'
	rewritten
	grep -q '"one@edge.example" )' "$A/line" || fail "$(cat "$A/line")"
}

case_delivered_with_copies_of_all() {
	delivered "$EDGE"
	cf 'always_bcc = archive@a.example'
	expect 2 delivered-rewritten
}

case_delivered_with_other_senders() {
	delivered "$EDGE"
	cf 'sender_canonical_maps = inline:{x@a.example=y@a.example}' \
	    'sender_bcc_maps = inline:{x@a.example=y@a.example}' \
	    'canonical_maps = inline:{x@a.example=y@a.example}'
	expect 2 delivered-rewritten
	[ "$(grep -c delivered-rewritten "$A/found")" = 3 ] || fail "how many"
}

case_delivered_with_a_table_that_nobody_lists() {
	delivered "$EDGE"
	echo '/^x@other\.example$/ y@a.example' >"$A/etc/regexp"
	cf 'virtual_alias_domains =' \
	    "virtual_alias_maps = regexp:$A/etc/regexp"
	expect_found 1 delivered-unknown
	echo '/@edge\.example$/ y@a.example' >"$A/etc/regexp"
	expect_found 2 delivered-rewritten
}

case_delivered_for_local_users() {
	delivered 'domains = ( "a.example" );'
	expect_found 2 delivered-local
	grep -q '@a.example' "$A/found" || fail "which"
	# local(8) delivers as before where the MTA decides.
	rm "$A/conf.d/50-case.conf"
	delivered 'domains = ( "a.example" );' mta
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

# ---- wrong ones: the backup MX ----

# backup SETTING...: a policy of that kind, before a Postfix that is right for it.
backup() {
	conf "policies = ( { name = \"backup\";
	    match = { domains = ( \"customer.example\" );
	              recipients = ( \"a@shop.example\", \"b@shop.example\" ); };
	    backup = { while_up = \"defer\"; primary = ( \"[192.0.2.7]\" ); $* };
	    } );"
	cf 'relay_domains = customer.example, shop.example' \
	    'transport_maps = inline:{customer.example=smtp:[192.0.2.7], shop.example=smtp:[192.0.2.7]}'
}

case_right_with_backup() {
	backup
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

case_backup_that_is_not_relayed() {
	backup
	cf 'relay_domains = .customer.example, other.example'
	expect 2 backup-refused
	grep -q 'customer.example, shop.example, which' "$A/found" ||
	    fail "which"
}

case_backup_that_is_relayed_by_a_table() {
	backup
	printf 'customer.example x\nshop.example x\n' >"$A/etc/relay"
	postmap -c "$A/etc" "hash:$A/etc/relay" || fail "postmap"
	cf "relay_domains = hash:$A/etc/relay"
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
	echo '/^(customer|shop)\.example$/ x' >"$A/etc/regexp"
	cf "relay_domains = regexp:$A/etc/regexp"
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

case_backup_of_a_local_domain() {
	backup
	cf 'mydestination = $myhostname, shop.example'
	expect_found 2 backup-local
	# The one above it is another domain.
	cf 'mydestination = $myhostname, example'
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

case_backup_of_a_virtual_domain() {
	backup
	cf 'virtual_mailbox_domains = customer.example'
	expect_found 2 backup-local
}

case_backup_by_relayhost() {
	backup
	cf 'transport_maps = inline:{customer.example=smtp:[192.0.2.7]}'
	expect_found 1 backup-route
	grep -q 'for shop.example to the primary' "$A/found" || fail "which"
}

# Domains that only stand in a table's file.
case_backup_by_a_table() {
	printf 'a@shop.example\nb@shop.example\ncustomer.example\n@x.example\n.y.example\nuser@\n' \
	    >"$A/table"
	conf "policies = ( { name = \"backup\";
	    match = { recipient_tables = ( \"$A/table\" ); };
	    backup = { while_up = \"defer\"; primary = ( \"[192.0.2.7]\" ); };
	    } );"
	cf relayhost= 'relay_domains = customer.example, shop.example'
	expect_found 2 backup-refused
	grep -q 'for x.example, which' "$A/found" || fail "which"
	cf 'relay_domains = customer.example, shop.example, x.example'
	check | grep -q '^{"result":"ok"}$' || fail "$(check)"
}

case_backup_of_more_than_can_be_asked() {
	seq -f 'd%g.example' 60 >"$A/table"
	conf "policies = ( { name = \"backup\";
	    match = { recipient_tables = ( \"$A/table\" ); };
	    backup = { while_up = \"defer\"; primary = ( \"[192.0.2.7]\" ); };
	    } );"
	echo '/^d.*\.example$/ x' >"$A/etc/regexp"
	cf relayhost= "relay_domains = regexp:$A/etc/regexp"
	expect_found 0 backup-unchecked
	grep -q ' 10 of the domains' "$A/found" || fail "how many"
}

case_backup_of_itself() {
	backup
	cf 'proxy_interfaces = 192.0.2.7'
	expect_found 2 backup-self
}

case_backup_with_verification() {
	backup
	over "$(PUBLIC)/smtpd_recipient_restrictions=reject_unverified_recipient"
	expect_found 1 backup-verify
}

case_backup_with_a_list_of_recipients() {
	backup
	cf 'relay_recipient_maps = inline:{a@customer.example=x}'
	expect_found 0 backup-recipients
}

case_backup_without_the_log() {
	backup
	conf 'mta = { log = ""; };'
	expect 2 backup-log mail-log
}

case_backup_with_another_lifetime() {
	backup
	cf 'maximal_queue_lifetime = 4d'
	expect 1 backup-lifetime
}

case_backup_with_short_command_timeout() {
	backup
	cf 'milter_command_timeout = 7s'
	expect 2 timeout
}

# ---- wrong ones: the ways in for what is taken over ----

case_submit_missing() {
	postconf -c "$A/etc" -MX "127.0.0.1:$P1/inet"
	expect 2 submit-missing
}

case_all_ways_missing() {
	for p in $P1 $P2 $P3; do
		postconf -c "$A/etc" -MX "127.0.0.1:$p/inet"
	done
	expect 2 submit-missing
}

case_submit_by_unix_socket() {
	postconf -c "$A/etc" -MX "127.0.0.1:$P1/inet"
	conf "mta = { submit = \"unix:$A/spool/public/shadowmx\"; };"
	expect 2 submit-missing
}

case_submit_by_foreign_unix_socket() {
	postconf -c "$A/etc" -MX "127.0.0.1:$P1/inet"
	conf "mta = { submit = \"unix:$A/run/submit\"; };"
	expect 2 submit-missing
}

case_submit_is_no_smtpd() {
	postconf -c "$A/etc" -M "127.0.0.1:$P1/inet=127.0.0.1:$P1 inet n - y - 10 qmqpd"
	expect 2 submit-program
}

case_submit_reachable_from_outside() {
	cf 'inet_interfaces = 127.0.0.1, 192.0.2.9'
	postconf -c "$A/etc" -MX "127.0.0.1:$P1/inet"
	postconf -c "$A/etc" -M "$P1/inet=$P1 inet n - y - 10 smtpd -o smtpd_milters= -o smtpd_authorized_xforward_hosts=127.0.0.0/8 -o smtpd_forbid_bare_newline=reject -o smtpd_forbid_bare_newline_exclusions="
	expect 2 submit-exposed
}

case_submit_passes_milters() {
	postconf -c "$A/etc" -PX "127.0.0.1:$P1/inet/smtpd_milters"
	expect 2 submit-milter
}

case_submit_unchecked() {
	over "127.0.0.1:$P1/inet/receive_override_options=no_unknown_recipient_checks,no_header_body_checks"
	expect 2 submit-unchecked
}

case_submit_unlisted_accepted() {
	over "127.0.0.1:$P2/inet/smtpd_reject_unlisted_recipient=no"
	expect 2 submit-unchecked
}

case_recipients_not_listed() {
	cf 'local_recipient_maps ='
	expect 1 recipients-unlisted
}

case_relay_recipients_not_listed() {
	cf 'relay_domains = other.example'
	expect_found 0 recipients-unlisted
}

case_submit_may_not_relay() {
	over "127.0.0.1:$P1/inet/smtpd_relay_restrictions=reject_unauth_destination"
	expect 1 submit-relay
}

case_submit_wants_tls() {
	over "127.0.0.1:$P1/inet/smtpd_tls_security_level=encrypt"
	expect 2 submit-tls
}

case_submit_without_trail() {
	over "127.0.0.1:$P1/inet/smtpd_authorized_xforward_hosts="
	expect 1 submit-trail
}

case_submit_takes_bare_newlines() {
	over "127.0.0.1:$P1/inet/smtpd_forbid_bare_newline=no"
	postconf -c "$A/etc" -PX \
	    "127.0.0.1:$P3/inet/smtpd_forbid_bare_newline_exclusions"
	expect 1 submit-newline
}

case_submit_checks_headers_again() {
	cf 'header_checks = static:{REDIRECT x@a.example}'
	over "127.0.0.1:$P1/inet/receive_override_options="
	expect 1 submit-rechecked
}

case_submit_too_narrow() {
	column "127.0.0.1:$P1/inet/process_limit=2"
	expect 0 submit-limit
}

case_amended_expanded_again() {
	over "127.0.0.1:$P2/inet/receive_override_options=no_header_body_checks"
	expect 2 submit-mapped
}

case_held_delivered() {
	postconf -c "$A/etc" -PX \
	    "127.0.0.1:$P3/inet/smtpd_end_of_data_restrictions"
	expect 2 submit-not-held
}

case_held_permitted_first() {
	over "127.0.0.1:$P3/inet/smtpd_end_of_data_restrictions=permit_mynetworks,check_client_access,static:HOLD"
	expect 2 submit-not-held
}

case_copies_made_again() {
	postconf -c "$A/etc" -MX "127.0.0.1:$P2/inet"
	conf 'mta = { submit_amended = ""; };'
	cf 'always_bcc = archive@a.example'
	expect 1 copies-again
}

case_ways_not_named() {
	conf 'mta = { submit_amended = ""; submit_held = ""; };'
	expect 0 submit-unused
}

# ---- wrong ones: the log, other instances ----

case_other_log() {
	conf 'mta = { log = "/var/log/mail.log"; };'
	expect 1 mail-log
}

case_log_not_used() {
	conf 'mta = { log = ""; };'
	expect 0 mail-log
}

case_log_not_there() {
	postconf -c "$A/etc" -X maillog_file
	rm "$A/mail.log"
	expect 1 mail-log
}

case_log_unreadable() {
	chown root "$A/mail.log"
	chmod 600 "$A/mail.log"
	expect 1 mail-log mail-log-owner
	[ "$(stat -c '%U %a' "$A/mail.log")" = "postfix 640" ] ||
	    fail "too much"
}

case_log_not_writable() {
	chown root "$A/mail.log"
	expect 0 mail-log-owner
	[ "$(stat -c %U "$A/mail.log")" = postfix ] || fail "not put right"
}

case_several_instances() {
	cf 'multi_instance_enable = yes' \
	    "multi_instance_directories = $A/other"
	expect_found 0 other-instances
}

# A second instance, beside a default one that does not know of it.
case_instance_not_listed() {
	mkdir "$A/default"
	echo 'compatibility_level = 3.6' >"$A/default/main.cf"
	for tool in "$SHADOWMXCTL" "$PYTHON"; do
		cat >"$A/in.${tool##*/}" <<-END
		#!/bin/sh
		exec unshare -m sh -c 'mount --bind "$A/default" /etc/postfix &&
		    exec "\$0" "\$@"' "$tool" "\$@"
		END
		chmod +x "$A/in.${tool##*/}"
	done
	PYTHON=$A/in.${PYTHON##*/} SHADOWMXCTL=$A/in.${SHADOWMXCTL##*/}
	expect 0 unlisted-instance
	grep -q "^alternate_config_directories = .*$A/etc" \
	    "$A/default/main.cf" || fail "not added"
}

# ---- the MTA cannot be asked ----

case_no_main_cf() {
	rm "$A/etc/main.cf"
	expect_found 1 mta-unasked
	grep -q 'main.cf: No such file' "$A/found" || fail "no reason"
}

# Postfix's files may hold anything.
case_odd_bytes() {
	printf 'smtpd_milters = unix:\033[31m\001\377"x\\\n' >>"$A/etc/main.cf"
	check >"$A/found"
	status=$?
	[ $status = 2 ] || fail "status $status: $(cat "$A/found")"
	names <"$A/found" | grep -q milter-missing || fail "$(cat "$A/found")"
	"$SHADOWMXCTL" -c "$A/shadowmx.conf" config check >"$A/text"
	! LC_ALL=C grep -q "$(printf '[\001\033\377]')" "$A/text" ||
	    fail "raw bytes"
}

# ---- with a Postfix that runs ----

# Out of the chroot, and off the address that this host does not have.
unlock() { sed -i 's/ y / n /; s/  y  /  n  /' "$A/etc/master.cf"; }
start() {
	postconf -c "$A/etc" -MX "$(PUBLIC)"
	pf_start "$A" || fail "Postfix does not start"
}

give() { # PORT SENDER RECIPIENT
	$PYTHON -c '
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=30)
s.sendmail(sys.argv[2], [sys.argv[3]], "Subject: x\r\n\r\nhello\r\n")
s.quit()' "$@"
}

queued() { # QUEUE: recipients there
	postqueue -c "$A/etc" -j | $PYTHON -c '
import json, sys
for line in sys.stdin:
    f = json.loads(line)
    if f["queue_name"] == sys.argv[1]:
        print(" ".join(sorted(r["address"] for r in f["recipients"])))' "$1"
}

# What the three services of the examples do with a real message.
case_ways_in_work() {
	unlock
	cf 'virtual_alias_maps = inline:{one@b.example=two@b.example}' \
	    'always_bcc = copy@b.example' 'virtual_alias_domains =' \
	    'defer_transports = smtp' 'mydestination ='
	start
	give "$P1" s@c.example one@b.example || fail "no plain way"
	pf_wait 20 eval '[ -n "$(queued deferred)" ]' || fail "not deferred"
	[ "$(queued deferred)" = "copy@b.example two@b.example" ] ||
	    fail "plain: $(queued deferred)"
	postsuper -c "$A/etc" -d ALL >/dev/null 2>&1
	give "$P2" s@c.example one@b.example || fail "no amended way"
	pf_wait 20 eval '[ -n "$(queued deferred)" ]' || fail "not deferred"
	[ "$(queued deferred)" = "one@b.example" ] ||
	    fail "amended: $(queued deferred)"
	give "$P3" s@c.example one@b.example || fail "no held way"
	[ "$(queued hold)" = "one@b.example" ] || fail "held: $(queued hold)"
	# And with the line that the check gives.
	postconf -c "$A/etc" -MX "127.0.0.1:$P3/inet"
	expect_found 2 submit-missing
	apply "$A/found"
	unlock
	pf_reload "$A"
	postsuper -c "$A/etc" -d ALL >/dev/null 2>&1
	pf_wait 20 give "$P3" s@c.example one@b.example || fail "no made way"
	[ "$(queued hold)" = "one@b.example" ] || fail "made: $(queued hold)"
}

# accepts STATUS NAMES OPTION...
accepts() {
	want="$2 $1"
	shift 2
	check "$@" >"$A/found"
	got="$?"
	got="$(names <"$A/found" | tr '\n' ' ')$got"
	[ "${got# }" = "${want# }" ] || {
		cat "$A/found"
		fail "$*: $got, not $want"
	}
}

case_domains_of_the_other_host() {
	unlock
	printf 'listed.example x\n.below.example x\nuser@no.example x\n' \
	    >"$A/etc/relay"
	printf 'filed.example\n# remark\n' >"$A/etc/file"
	postmap -c "$A/etc" "hash:$A/etc/relay" || fail "postmap"
	cf "relay_domains = plain.example, hash:$A/etc/relay, $A/etc/file, regexp:$A/etc/regexp" \
	    'relay_recipient_maps = inline:{postmaster@plain.example=x,postmaster@listed.example=x,postmaster@match.example=x}'
	echo '/^match\.example$/ x' >"$A/etc/regexp"
	start
	"$SHADOWMXCTL" -c "$A/shadowmx.conf" config domains \
	    >"$A/domains" 2>"$A/skipped" || fail "no domains"
	[ "$(tr '\n' ' ' <"$A/domains")" = \
	    "a.example filed.example host.test.invalid listed.example plain.example " ] ||
	    fail "domains: $(cat "$A/domains")"
	grep -q 'regexp:.* cannot be listed' "$A/skipped" || fail "no skipped"

	accepts 0 "" \
	    --domains plain.example,listed.example,match.example,a.example
	accepts 1 domain-foreign --domains other.example
	cf 'relayhost =' 'transport_maps = inline:{routed.example=smtp:[192.0.2.1]}'
	accepts 2 domain-foreign --domains other.example
	accepts 0 "" --domains routed.example
	printf 'known@a.example\nnobody@a.example\nfiled.example\n' >"$A/list"
	accepts 2 recipient-refused --recipients-from "$A/list"
	[ "$(grep -c recipient-refused "$A/found")" = 2 ] || fail "how many"
	# More refusals than Postfix bears in one conversation.
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
		echo "nobody$i@a.example"
	done >"$A/list"
	accepts 2 recipient-refused --recipients-from "$A/list"
	[ "$(grep -c recipient-refused "$A/found")" = 24 ] || fail "not all"
	r=$(check --recipients-from - <"$A/domains" | grep -c refused)
	[ "$r" = 1 ] || fail "through a pipe: $r"
	# A name that is none gets into no line.
	check --domains 'x;$(id)' >"$A/found"
	grep -q domain-foreign "$A/found" && ! grep -q relay_domains "$A/found" ||
	    fail "an odd name: $(cat "$A/found")"
	# The lines make it known.
	check --domains one.example,two.example >"$A/found"
	apply "$A/found" || fail "no lines"
	check --domains one.example,two.example >"$A/found"
	! grep foreign "$A/found" || fail "still foreign"
	pf_stop "$A"
	accepts 2 accepts-unasked --domains a.example
}

# ---- running ----

cases() { sed -n 's/^case_\([a-z0-9_]*\)() {$/\1/p' "$0"; }

run() (
	trap 'pf_kill "$A" >/dev/null 2>&1; kill ${listener:-} 2>/dev/null' EXIT
	trap 'exit 130' INT TERM HUP
	listener=
	install_right "$1" || fail "no installation"
	"case_$1"
	exit 0
)

# One of them, with its output when it fails.
run_one() {
	PIN=$("$SHADOWMXCTL" key show "$W/node.key" | grep -o 'sha256/[^ ]*' |
	    head -n 1)
	if run "$1" >"$W/$1.out" 2>&1; then
		say "  ok    $1"
	else
		say "$(echo "  FAIL  $1" && sed 's/^/     /' "$W/$1.out")"
	fi
}

[ "${1:-}" != -l ] || { cases; exit 0; }
if why=$(pf_missing) || { why="no $SHADOWMXCTL"; [ ! -x "$SHADOWMXCTL" ]; }; then
	say "SKIP: $why"
	exit 77
fi
pf_private_net sh "$0" "$@"
if [ -n "${CHECK_ONE:-}" ]; then
	W=$CHECK_ONE
	run_one "$1"
	exit 0
fi
W=$(mktemp -d "${TMPDIR:-/tmp}/check_mta.XXXXXX") || exit 1
chmod 755 "$W"
trap 'rm -rf "$W"' EXIT
trap 'exit 130' INT TERM HUP
"$SHADOWMXCTL" key generate "$W/node.key" >"$W/pin" || exit 1
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(cases)
# Several at a time, each with a network of its own where that can be had.
jobs=${LAB_JOBS:-3}
if unshare -n true 2>/dev/null; then unset PF_NETNS; else jobs=1; fi
printf '%s\n' "$@" | CHECK_ONE=$W xargs -n 1 -P "$jobs" sh "$0" |
    tee "$W/results"
passed=$(grep -c '^  ok  ' "$W/results")
failed=$(($# - passed))
say "$passed passed, $failed failed"
[ $failed = 0 ]
