#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# See shadowmx at work: two mail hosts on this machine, one of them is lost in
# the middle of the traffic, with its disk, and no acknowledged message is.
#
#	sudo examples/quickstart.sh
#
# Made for a fresh Debian 12.  Installs the packages that are missing, builds
# the tree in $BUILD (build/) unless that was done before, works in a temporary
# folder, on loopback.  A mail server that is in use here is left alone: the two
# hosts are private instances of Postfix.  Nothing stays behind but the packages
# and the build.
#
# Exit status: 0 when nothing acknowledged was lost or damaged.
TOP=$(cd "$(dirname "$0")/.." && pwd)
HERE=$TOP/test/mta
: "${BUILD:=$TOP/build}"

BUILD_PACKAGES="gcc make autoconf automake libtool pkg-config libc6-dev
	libmilter-dev libconfig-dev libmaxminddb-dev libsqlite3-dev libssl-dev
	libjansson-dev"
RUN_PACKAGES="postfix openssl python3 python3-dkim iproute2 procps"

stop() {
	echo "quickstart: $*" >&2
	exit 1
}

# ---- set-up ----

is_installed() {
	dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

# Installing Postfix would remove another mail server.
check_other_mta() {
	is_installed postfix && return 0
	other=$(dpkg-query -W -f '${Package} ${Status} ${Provides}\n' 2>/dev/null |
	    awk '/ ok installed/ && /mail-transport-agent/ { print $1 }')
	[ -z "$other" ] || stop "another mail server is installed here:" $other \
	    "- installing Postfix would remove it; please use another machine"
}

install_packages() {
	missing=
	for package in $BUILD_PACKAGES $RUN_PACKAGES; do
		is_installed "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	check_other_mta
	echo "Installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	echo "postfix postfix/main_mailer_type select No configuration" |
	    debconf-set-selections
	{
		apt-get update -q &&
		    apt-get install -q -y --no-install-recommends $missing
	} >"$1" 2>&1 || {
		tail -n 20 "$1" >&2
		stop "the packages could not be installed"
	}
}

build_tree() {
	for SMX_BUILD in "$BUILD" "$TOP"; do
		[ -x "$SMX_BUILD/src/shadowmxd" ] && return 0
	done
	SMX_BUILD=$BUILD
	echo "Building in $SMX_BUILD (once)"
	{
		cd "$TOP" && { [ -x configure ] || autoreconf -fi; } &&
		    mkdir -p "$SMX_BUILD" && cd "$SMX_BUILD" &&
		    "$TOP/configure" && make -j"$(nproc)"
	} >"$1" 2>&1 || {
		tail -n 30 "$1" >&2
		stop "the tree could not be built"
	}
	cd "$TOP" || exit 1
}

set_up() {
	[ "$(id -u)" = 0 ] || stop "please run it as root: sudo $0"
	command -v apt-get >/dev/null || stop "this needs Debian (apt-get)"
	log=$(mktemp) || exit 1
	trap 'rm -f "$log"' EXIT
	install_packages "$log"
	build_tree "$log"
	rm -f "$log"
	trap - EXIT
	export SMX_BUILD
}

# ---- the story ----

step() {
	printf '\n== %s\n' "$*"
}

or_stop() {
	"$@" || stop "this did not work: $*"
}

progress() {
	printf '   %-11s %3d acknowledged, %3d delivered, %3d shadows on mx2\n' \
	    "$1" "$(acknowledged)" "$(sink_count)" "$2"
}

start_hosts() {
	step "Two hosts, mx1 and mx2: a Postfix and a shadowmxd each; a next hop"
	or_stop sink_start
	sink_control slow=1-3 slow_at=data
	# mx1 takes nothing without a shadow; mx2 may serve alone.
	UNPROTECTED=tempfail HEARTBEAT=500ms TAKEOVER_AFTER=3s
	or_stop host_make mx1 mx2
	UNPROTECTED=accept
	or_stop host_conf mx2
	or_stop hosts_start
	say "   mx1 answers 250 only when mx2 has the message on its disk."
}

send_mail() {
	step "72 messages for mx1; the next hop takes 1 to 3 seconds each"
	mail_send mx1 --also "$(port_of mx2)" --count 70 --big 2 --sessions 8 \
	    --pause-ms 800 &
	mail_pid=$!
	wait_for 60 eval '[ "$(acknowledged)" -ge 24 ]' || stop "mx1 takes no mail"
	progress "after a bit" "$(rows mx2)"
	wait_for 60 eval '[ "$(acknowledged)" -ge 45 ] && [ "$(sink_count)" -ge 8 ]'
}

lose_mx1() {
	progress "a bit later" "$(rows mx2)"
	say "   acknowledged without a shadow: $(status mx1 own.unprotected)"
	host_lose mx1
	step "mx1 is lost: all its processes killed, its queue and store deleted"
	say "   From here on the client's mail goes to mx2, its second MX host."
}

take_over() {
	step "mx2 hears nothing from mx1 for 3 seconds and takes over"
	or_stop wait_for 30 eval '[ "$(taken_over)" -gt 0 ]'
	sink_control slow=0.2 slow_at=data
	wait $mail_pid || stop "the client failed"
	wait_for 60 nothing_left
	say "   given to its own Postfix and delivered: $(taken_over) messages"
}

# Resubmitted messages name their former queue id in mx2's mail log.
taken_over() {
	grep -c 'orig_queue_id=' "$LAB/mx2/mail.log"
}

nothing_left() {
	no_rows mx2 && queue_is_empty mx2
}

result() {
	step "What became of it"
	ledger --wait 30 --least 50
	status=$?
	took=$(($(date +%s) - began))
	echo
	if [ $status = 0 ]; then
		say "Nothing that was acknowledged is lost or damaged ($took s)."
		say "A duplicate is a message that was under way at the very moment."
	else
		say "SOMETHING IS WRONG ($took s)"
	fi
	return $status
}

if [ -z "${PF_NETNS:-}" ]; then
	set_up
fi
. "$HERE/lib.sh"
pf_private_net sh "$0" "$@"
began=$(date +%s)
lab_begin quickstart
start_hosts
send_mail
lose_mx1
take_over
result
