# SPDX-License-Identifier: BSD-2-Clause
#
# The watch over MX records: a domain with its name server, its primary elsewhere
# and its backup here.  Source this file after lib.sh, lib-hop.sh and lib-dns.sh.
#
#	look_hosts		h1, the primary, and own, the backup; $H1_OPTIONS and
#				$OWN_OPTIONS go to nexthop.py
#	look_zone NAME		as dns_zone, with the addresses of both
#	look_dns ZONE-FILE...	a name server for these
#	look_watches [MORE]	a daemon that is the backup; $MX_MORE: settings
#	look_looks RESULT FINDINGS [DOMAIN]	a look, and what it comes to
#	look_told | look_untold EVENT WHAT [HOST]	once; never
#	look_again		two looks more
#	look_ca			an authority, $LAB/ca.crt
#	look_cert NAME NAMES	one of its certificates, for these ("DNS:a,DNS:b"),
#				with its key: $LAB/NAME.pem
#	look_tlsa U S M NAME	the data of such a TLSA record for NAME.pem
#	look_policy LINE...	the policy of example.org from now on
#	look_site [OPTION...]	its web server, 192.0.2.12 (test/tool/policyd.py)
#	look_site_control LINE...	what it does from now on
#	look_fetched		how often the policy was asked for

# Looked at so often.
: "${MX_WATCH:=1s}" "${PROBE_WAIT:=2s}"

# The primary is elsewhere, the backup is this host; what they say is h1's and
# own's control.
look_hosts() {
	SINK=$LAB/sink
	mkdir -p "$SINK"
	need "a host elsewhere" far_start 192.0.2.11 192.0.2.12
	HOP_IN="far exec"
	# shellcheck disable=SC2086
	need "a primary" hop_start h1 --host 192.0.2.11 --port 25 ${H1_OPTIONS:-}
	HOP_IN=
	# shellcheck disable=SC2086
	need "a backup" hop_start own --host 192.0.2.1 --port 25 ${OWN_OPTIONS:-}
}

# What every domain has here; its other records are on standard input.
look_zone() { # NAME
	{
		cat
		echo "mx1 A 192.0.2.11"
		echo "mx2 A 192.0.2.1"
	} | dns_zone "$1"
}

# The name server that dns_zone names for all.
look_dns() { # ZONE-FILE...
	# shellcheck disable=SC2119
	mx_invalid=$(echo "ns A 127.0.0.1" | dns_zone invalid)
	need "a DNS server" dns_start "$mx_invalid" "$@"
}

# One host; nothing is delivered here.
look_watches() { # [MORE-POLICIES]
	mkdir "$LAB/alarm"
	printf '#!/bin/sh\necho "$#: $*" >>"%s"\n' "$LAB/alarm/told" \
	    >"$LAB/alarm/program"
	chmod 755 "$LAB/alarm/program"
	chown "$WORKER_USER" "$LAB/alarm"
	need "hosts" host_make a b
	need "a configuration" host_conf a "" "policies = (
	    { name = \"backup\"; match = { domains = ( \"example.org\" ); };
	      backup = { while_up = \"accept\";
	      primary = ( \"smtp:[192.0.2.11]:25\" ); }; } ${1:-} );
	backup = { alarm = \"$LAB/alarm/program\";
	    mx_watch = \"$MX_WATCH\"; probe_wait = \"$PROBE_WAIT\"; ${MX_MORE:-} };"
	need "a daemon" host_start a
}

two_hosts="@ MX 10 mx1
@ MX 20 mx2"

# ---- what is said and looked at ----

look_check() { ctl a mx check --json "${1:-example.org}" >"$LAB/checked"; }
look_result() { jq -r .result "$LAB/checked"; }
look_finds() {
	jq -r '.findings[] | .what + " " + (.host // "")' "$LAB/checked" |
	    sed 's/ $//' | sort | tr '\n' ';'
}
# look_looks RESULT FINDINGS: a look at this moment, and its exit status
look_looks() {
	look_check "${3:-example.org}"
	mx_status=$?
	[ "$(look_result)" = "$1" ] && [ "$(look_finds)" = "$2" ] || {
		cat "$LAB/checked"
		return 1
	}
	case $1 in
	ok) is $mx_status 0 ;;
	alarm) is $mx_status 2 ;;
	*) is $mx_status 1 ;;
	esac
}

look_lines() { # EVENT WHAT [HOST]
	grep "event=mx-$1 domain=example.org what=$2\b" "$LAB/a/shadowmxd.log" |
	    grep -c "${3:+host=$3}"
}
look_told() { is "$(look_lines "$@")" 1; }
look_untold() { is "$(look_lines "$@")" 0; }

# Whoever is looked at again has been looked at in between.
look_again() {
	for mx_n in 1 2; do
		look_check "$@"
	done
}

# ---- certificates ----

look_ca() {
	printf '[req]\ndistinguished_name = dn\n[dn]\n' >"$LAB/ca.conf"
	openssl req -x509 -config "$LAB/ca.conf" -newkey ec \
	    -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca \
	    -addext basicConstraints=critical,CA:TRUE -keyout "$LAB/ca.key" \
	    -out "$LAB/ca.crt" 2>/dev/null || exit 1
	chmod 644 "$LAB/ca.crt"
}

look_cert() {
	openssl req -x509 -config "$LAB/ca.conf" -newkey ec \
	    -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x \
	    -addext "subjectAltName=$2" -CA "$LAB/ca.crt" -CAkey "$LAB/ca.key" \
	    -keyout "$LAB/$1.key" -out "$LAB/$1.crt" 2>/dev/null || exit 1
	cat "$LAB/$1.key" "$LAB/$1.crt" "$LAB/ca.crt" >"$LAB/$1.pem"
}

look_tlsa() { # USAGE SELECTOR MATCHING NAME
	case $2 in
	0) openssl x509 -in "$LAB/$4.crt" -outform DER ;;
	1) openssl x509 -in "$LAB/$4.crt" -noout -pubkey |
	    openssl pkey -pubin -outform DER ;;
	esac | case $3 in
	0) cat ;;
	1) openssl dgst -sha256 -binary ;;
	2) openssl dgst -sha512 -binary ;;
	esac | od -An -v -tx1 | tr -d ' \n' | sed "s/^/$1 $2 $3 /"
}

# ---- the policy ----

look_policy() {
	mkdir -p "$LAB/site"
	printf '%s\r\n' "$@" >"$LAB/site/policy.new"
	mv "$LAB/site/policy.new" "$LAB/site/policy"
}

look_site() {
	mkdir -p "$LAB/site"
	rm -f "$LAB/site/port"
	far exec $PYTHON "$TOOL/policyd.py" "$LAB/site" --host 192.0.2.12 \
	    --port 443 "$@" >"$LAB/site/port" 2>"$LAB/site/err" &
	MX_SITE=$!
	LAB_PIDS="$LAB_PIDS $MX_SITE"
	need "a web server" wait_for 10 test -s "$LAB/site/port"
}

look_site_stop() {
	kill -KILL "$MX_SITE"
	wait "$MX_SITE" 2>/dev/null
}

look_site_control() {
	printf '%s\n' "$@" >"$LAB/site/control.new"
	mv "$LAB/site/control.new" "$LAB/site/control"
}

look_fetched() { grep -cs "^GET" "$LAB/site/log"; }
