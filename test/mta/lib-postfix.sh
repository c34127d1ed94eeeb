# SPDX-License-Identifier: BSD-2-Clause
#
# Private Postfix instances for tests: source this file (POSIX sh, as root).
#
#	pf_make DIR NAME PORT [LINE...]	make an instance in DIR (absolute; made
#				when missing, opened to user postfix): smtpd on
#				127.0.0.1:PORT (0: no smtpd), each LINE goes into
#				main.cf behind the defaults below
#	pf_master DIR LINE...	append lines to master.cf
#	pf_start DIR		start, and wait until it answers
#	pf_stop DIR		stop; quiet when it does not run
#	pf_cf DIR LINE...	change main.cf ("name = value"), reload if running
#	pf_reload DIR		reload
#	pf_pid DIR		print the master's pid, fail when it does not run
#	pf_kill DIR		end all its processes at once, like a power cut
#	pf_id_of DIR TEXT	queue id in the last log line that holds TEXT
#	pf_port			print a free port outside the ephemeral range
#	pf_wait SECONDS CMD...	repeat CMD until it succeeds; CMD must not wait so
#				itself
#	pf_private_net ARGS...	run the calling script again in a network
#				namespace of its own, once:
#				pf_private_net "$0" "$@"; with PF_MOUNTS in a mount
#				namespace of its own, too
#
# Folders of an instance: DIR/etc (config), DIR/spool (queue), DIR/data; its
# log: DIR/mail.log.  Two masters may listen on one port without an error
# (SO_REUSEPORT), so a fixed port is a trap: use pf_port or pf_private_net.

pf_missing() {
	command -v postfix >/dev/null 2>&1 || {
		echo "no postfix here"
		return 0
	}
	[ "$(id -u)" = 0 ] || {
		echo "not root"
		return 0
	}
	return 1
}

pf_private_net() {
	[ -z "${PF_NETNS:-}" ] || return 0
	unshare -n ${PF_MOUNTS:+-m} true 2>/dev/null || return 0
	PF_NETNS=1
	export PF_NETNS
	exec unshare -n ${PF_MOUNTS:+-m} sh -c 'ip link set lo up && exec "$@"' sh "$@"
}

pf_port() {
	pf_try=0
	while [ $pf_try -lt 200 ]; do
		pf_try=$((pf_try + 1))
		pf_n=$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
		pf_n=$((10200 + pf_n % 21000))
		# Neither in use nor meant for somebody else of this scenario.
		[ -z "${LAB:-}" ] || ! grep -qsx "$pf_n" "$LAB/ports" || continue
		ss -Hltn "sport = :$pf_n" | grep -q . || {
			[ -z "${LAB:-}" ] || echo "$pf_n" >>"$LAB/ports"
			echo "$pf_n"
			return 0
		}
	done
	return 1
}

# What takes SECONDS on a machine with nothing else to do may take PF_PATIENCE
# times as long on one that has.
: "${PF_PATIENCE:=4}"
pf_wait() {
	read -r pf_now pf_rest </proc/uptime
	pf_until=$((${pf_now%.*} + $1 * PF_PATIENCE + 1))
	pf_tries=0
	shift
	until "$@" >/dev/null 2>&1; do
		read -r pf_now pf_rest </proc/uptime
		[ "${pf_now%.*}" -lt $pf_until ] || return 1
		# Asking is work, too.
		pf_tries=$((pf_tries + 1))
		[ $pf_tries -lt 20 ] && sleep 0.05 || sleep 0.2
	done
}

pf_make() {
	pf_dir=$1 pf_name=$2 pf_listen=$3
	shift 3
	mkdir -p "$pf_dir/etc" "$pf_dir/spool" || return 1
	chmod 755 "$pf_dir" "$pf_dir/etc" "$pf_dir/spool" || return 1
	cat >"$pf_dir/etc/main.cf" <<-END || return 1
	compatibility_level = 3.6
	queue_directory = $pf_dir/spool
	data_directory = $pf_dir/data
	maillog_file = $pf_dir/mail.log
	maillog_file_prefixes = $pf_dir
	syslog_name = $pf_name
	myhostname = $pf_name.test.invalid
	mydestination =
	alias_maps =
	alias_database =
	inet_interfaces = 127.0.0.1
	inet_protocols = ipv4
	mynetworks = 127.0.0.0/8
	smtp_host_lookup = native
	smtp_dns_support_level = disabled
	smtpd_peername_lookup = no
	service_throttle_time = 1s
	enable_long_queue_ids = yes
	biff = no
	END
	for pf_line; do
		printf '%s\n' "$pf_line" >>"$pf_dir/etc/main.cf"
	done
	# At a start postsuper(1) logs by itself, as mail_owner: a temporary file
	# that a crash has left is enough, and without a log nothing starts.
	: >"$pf_dir/mail.log" && chown postfix "$pf_dir/mail.log" || return 1
	pf_cool "$pf_dir"
	pf_services "$pf_listen" >"$pf_dir/etc/master.cf"
}

# Postfix reads no main.cf that was changed less than two seconds ago, but waits.
pf_cool() {
	touch -c -d '1 minute ago' "$1/etc/main.cf"
}

pf_services() {
	[ "$1" = 0 ] || echo "127.0.0.1:$1 inet n - n - - smtpd"
	cat <<-'END'
	pickup unix n - n 60 1 pickup
	cleanup unix n - n - 0 cleanup
	qmgr unix n - n 300 1 qmgr
	rewrite unix - - n - - trivial-rewrite
	bounce unix - - n - 0 bounce
	defer unix - - n - 0 bounce
	trace unix - - n - 0 bounce
	verify unix - - n - 1 verify
	flush unix n - n 1000? 0 flush
	proxymap unix - - n - - proxymap
	proxywrite unix - - n - 1 proxymap
	smtp unix - - n - - smtp
	relay unix - - n - - smtp
	lmtp unix - - n - - lmtp
	showq unix n - n - - showq
	error unix - - n - - error
	retry unix - - n - - error
	discard unix - - n - - discard
	local unix - n n - - local
	virtual unix - n n - - virtual
	anvil unix - - n - 1 anvil
	scache unix - - n - 1 scache
	postlog unix-dgram n - n - 1 postlogd
	END
}

pf_master() {
	pf_dir=$1
	shift
	for pf_line; do
		printf '%s\n' "$pf_line" >>"$pf_dir/etc/master.cf"
	done
}

pf_pid() {
	pf_n=$(tr -d ' \n' 2>/dev/null <"$1/spool/pid/master.pid") || return 1
	[ -n "$pf_n" ] && [ "$(cat "/proc/$pf_n/comm" 2>/dev/null)" = master ] ||
	    return 1
	echo "$pf_n"
}

pf_start() {
	pf_cool "$1"
	postfix -c "$1/etc" start >>"$1/start.log" 2>&1 || {
		cat "$1/start.log" "$1/mail.log" >&2
		return 1
	}
	pf_wait 10 pf_pid "$1" && pf_wait 10 test -S "$1/spool/public/qmgr"
}

pf_stop() {
	pf_pid "$1" >/dev/null || return 0
	postfix -c "$1/etc" stop >>"$1/start.log" 2>&1
	! pf_pid "$1" >/dev/null
}

pf_reload() {
	pf_cool "$1"
	postfix -c "$1/etc" reload >>"$1/start.log" 2>&1
}

pf_cf() {
	pf_dir=$1
	shift
	postconf -c "$pf_dir/etc" -e "$@" || return 1
	pf_cool "$pf_dir"
	! pf_pid "$pf_dir" >/dev/null || pf_reload "$pf_dir"
}

pf_kill() {
	pf_n=$(pf_pid "$1") || return 0
	kill -STOP "$pf_n"
	for pf_child in $(pgrep -P "$pf_n"); do
		kill -KILL "$pf_child"
	done
	kill -KILL "$pf_n"
	pf_wait 5 sh -c "! test -d /proc/$pf_n"
}

pf_id_of() {
	grep -F -e "$2" "$1/mail.log" 2>/dev/null | tail -n 1 |
	    sed -n 's/^.*\]: \([0-9A-Za-z]\{6,\}\): .*$/\1/p'
}
