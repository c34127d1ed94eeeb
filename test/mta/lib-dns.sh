# SPDX-License-Identifier: BSD-2-Clause
#
# A real DNS server (Debian's nsd) at 127.0.0.1:53 of a scenario's own network
# namespace, and a resolv.conf that asks it, seen in its own mount namespace only.
# Source this file after lib.sh and before lab_main.
#
#	dns_zone NAME		make or change $LAB/dns/NAME.zone: SOA and NS, then
#				the records on standard input; prints its path
#	dns_start FILE...	serve these zones, each named as its file less
#				".zone"; all other names do not exist.  $DNS_OPTIONS
#				goes into resolv.conf (man 5 resolv.conf)
#	dns_reload		the zones' files have changed
#	dns_stop		nobody listens any more: questions are refused
#	dns_freeze | dns_thaw	questions get no answer
#	dns_verified		from now on the resolver of this host says of all that
#				it has verified it, to who wants to know
#	far_start ADDRESS...	a host elsewhere, with these IPv4 addresses of
#				192.0.2.0/24, none of them 192.0.2.1: that is ours
#	far CMD...		there; start with "exec" what is to be killed
#
# An address of loopback is always one of this host's own: a next hop that is
# to be another host's has to be at a far one.
: "${DNS_OPTIONS:=timeout:2 attempts:1}"

# pf_private_net gives these scenarios a mount namespace besides.
PF_MOUNTS=1
export PF_MOUNTS

dns_missing() {
	[ -x /usr/sbin/nsd ] || {
		say "no nsd here"
		return 0
	}
	[ -n "${PF_NETNS:-}" ] || {
		say "no namespace to be alone in"
		return 0
	}
	return 1
}

# A serial that always grows, or the server keeps what it has.
dns_zone() {
	mkdir -p "$LAB/dns"
	dns_serial=$(($(cat "$LAB/dns/serial" 2>/dev/null || echo 0) + 1))
	echo $dns_serial >"$LAB/dns/serial"
	dns_file=$LAB/dns/$1.zone
	{
		echo "\$TTL 1"
		echo "@ IN SOA . . $dns_serial 60 60 600 1"
		echo "@ IN NS ns.invalid."
		cat
	} >"$dns_file.new"
	mv "$dns_file.new" "$dns_file"
	echo "$dns_file"
}

dns_conf() { # FILE...
	cat <<-END
	server:
	    ip-address: 127.0.0.1
	    port: 53
	    username: ""
	    chroot: ""
	    database: ""
	    zonesdir: "$LAB/dns"
	    zonelistfile: "$LAB/dns/zone.list"
	    xfrdfile: "$LAB/dns/xfrd.state"
	    xfrdir: "$LAB/dns"
	    pidfile: "$LAB/dns/pid"
	    server-count: 1
	    zonefiles-check: yes
	remote-control:
	    control-enable: no
	END
	for dns_file; do
		dns_name=${dns_file##*/}
		dns_name=${dns_name%.zone}
		printf 'zone:\n    name: "%s"\n    zonefile: "%s"\n' \
		    "${dns_name#root}." "$dns_file"
	done
}

# The file of the machine itself stays as it is.
dns_resolv() {
	printf 'nameserver 127.0.0.1\noptions %s\n' "$DNS_OPTIONS" \
	    >"$LAB/dns/resolv.conf"
	chmod 644 "$LAB/dns/resolv.conf"
	if [ ! -e /etc/resolv.conf ]; then
		cp -a /etc "$LAB/dns/etc" &&
		    rm -f "$LAB/dns/etc/resolv.conf" &&
		    : >"$LAB/dns/etc/resolv.conf" &&
		    mount --bind "$LAB/dns/etc" /etc || return 1
		LAB_MOUNTS="/etc $LAB_MOUNTS"
	fi
	dns_link=$(readlink -f /etc/resolv.conf)
	mount --bind "$LAB/dns/resolv.conf" "$dns_link" || return 1
	LAB_MOUNTS="$dns_link $LAB_MOUNTS"
}

dns_start() {
	if dns_missing; then
		exit 77
	fi
	dns_root=$(dns_zone root </dev/null)
	dns_conf "$dns_root" "$@" >"$LAB/dns/nsd.conf"
	grep -qs "$LAB" /proc/self/mountinfo || dns_resolv || return 1
	/usr/sbin/nsd -d -c "$LAB/dns/nsd.conf" >>"$LAB/dns/log" 2>&1 &
	DNS_PID=$!
	LAB_PIDS="$LAB_PIDS $DNS_PID"
	wait_for 10 dns_answers || {
		cat "$LAB/dns/log" >&2
		return 1
	}
}

# The serial of a zone, as the server tells it.
dns_says() { # ZONE
	$PYTHON -c '
import socket, struct, sys
name = b"".join(bytes([len(l)]) + l for l in sys.argv[1].encode().split(b".") if l)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.sendto(struct.pack(">6H", 1, 0, 1, 0, 0, 0) + name + b"\0\0\6\0\1", ("127.0.0.1", 53))
r = s.recv(4096)
at = 12 + len(name) + 5
at += (2 if r[at] >= 0xc0 else 1) + 10 + 2
if r[3] & 15 == 0 and r[7] == 1:
    print(struct.unpack(">I", r[at:at + 4])[0])' "$1"
}

# All zones, as they are in their files.
dns_answers() {
	for dns_file in $(sed -n 's/^    zonefile: "\(.*\)"$/\1/p' "$LAB/dns/nsd.conf"); do
		dns_name=${dns_file##*/}
		dns_name=${dns_name%.zone}
		[ "$(dns_says "${dns_name#root}")" = "$(awk '/ SOA / { print $6 }' "$dns_file")" ] ||
			return 1
	done
}

dns_family() {
	echo "$DNS_PID"
	for dns_child in $(pgrep -P "$DNS_PID"); do
		echo "$dns_child"
		pgrep -P "$dns_child"
	done
}

dns_signal() {
	for dns_n in $(dns_family); do
		kill "-$1" "$dns_n" 2>/dev/null
	done
}

dns_reload() {
	kill -HUP "$DNS_PID"
	wait_for 10 dns_answers
}

dns_stop() {
	kill -CONT "$DNS_PID"
	dns_signal KILL
	wait "$DNS_PID" 2>/dev/null
	pf_wait 5 eval '! ss -Hlun "sport = :53" | grep -q .'
}

dns_freeze() { dns_signal STOP; }
dns_thaw() { dns_signal CONT; }

# The file is mounted: it stays the same one.
dns_verified() {
	$PYTHON "$TOOL/verified.py" 127.0.0.3 127.0.0.1 >"$LAB/dns/verified" 2>&1 &
	LAB_PIDS="$LAB_PIDS $!"
	wait_for 10 eval 'ss -Hlun "src 127.0.0.3:53" | grep -q .' || return 1
	printf 'nameserver 127.0.0.3\noptions %s\n' "$DNS_OPTIONS" \
	    >"$LAB/dns/resolv.conf"
}

# ---- a host elsewhere ----

far_start() {
	unshare -n sleep 3600 &
	FAR_PID=$!
	LAB_PIDS="$LAB_PIDS $FAR_PID"
	pf_wait 5 eval '[ "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$FAR_PID/ns/net")" ]'
	ip link add near type veth peer name far netns "$FAR_PID" || return 1
	ip addr add 192.0.2.1/24 dev near && ip link set near up || return 1
	far ip link set lo up && far ip link set far up || return 1
	for far_address; do
		far ip addr add "$far_address/24" dev far || return 1
	done
}

far() {
	if [ "$1" = exec ]; then
		shift
		exec nsenter -t "$FAR_PID" -n "$@"
	fi
	nsenter -t "$FAR_PID" -n "$@"
}
