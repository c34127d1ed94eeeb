# SPDX-License-Identifier: BSD-2-Clause
#
# Private Sendmail instances for tests: source this file after lib-postfix.sh
# (POSIX sh, as root), with HERE as for lib.sh.
#
#	sm_missing		print why none can run here, or fail
#	sm_make DIR NAME PORT HOP [LINE...]	make an instance in DIR (absolute;
#				made when missing): a daemon on 127.0.0.1:PORT that
#				sends everything to 127.0.0.1:HOP; each LINE goes
#				into its mc file, before the mailers
#	sm_mc DIR LINE...	more such lines; makes sendmail.cf anew
#	sm_cf DIR LINE...	change sendmail.cf ("O Name=value"), restart if
#				running
#	sm_start DIR		start, and wait until it listens
#	sm_stop DIR		stop; quiet when it does not run
#	sm_pid DIR		print the daemon's pid, fail when it does not run
#	sm_kill DIR		end all its processes at once, like a power cut
#	sm_run DIR ARGS...	a sendmail command with its configuration
#	sm_flush DIR [ARGS...]	one queue run now, to its end (-qf, or ARGS with it)
#	sm_hold DIR ID		put a message into quarantine
#	sm_release DIR ID	take it out again; it is tried when the queue is run
#	sm_file DIR LETTER ID	where its qf, hf, df... is, fail when it is not
#	sm_id_of DIR TEXT	queue id in the last log line that holds TEXT
#	sm_filter NAME SOCKET [WORDS]	the mc line for a milter on a unix socket
#	sm_bypass PORT		the mc line for a second daemon without any milter
#
# With SM_LOCAL, it is the last host for its own name, with aliases.
#
# Folders of an instance: DIR/etc (configuration), DIR/mqueue (queue), DIR/run;
# its log: DIR/mail.log.  All that were made are in SM_DIRS, lab_end kills them.
#
# SM_MODE is its DeliveryMode.  SM_QUEUE_DIR is its QueueDirectory when that is not
# DIR/mqueue, SM_QUEUES then the folders to be made.
: "${SM_MODE:=background}" "${SM_QUEUE_DIR:=}" "${SM_QUEUES:=}" "${SM_LOCAL:=}"

SM_TOOL=$(cd "$HERE/../tool" && pwd)
SM_ROOT=$(sh "$SM_TOOL/sendmail.sh" -n) || SM_ROOT=

sm_missing() {
	[ "$(id -u)" = 0 ] || {
		echo "not root"
		return 0
	}
	command -v m4 >/dev/null || {
		echo "no m4"
		return 0
	}
	unshare --uts --mount true 2>/dev/null || {
		echo "no mount namespaces"
		return 0
	}
	[ -n "$SM_ROOT" ] || {
		echo "no Sendmail: test/tool/sendmail.sh fetches one"
		return 0
	}
	return 1
}

sm_filter() {
	printf "INPUT_MAIL_FILTER(\`%s', \`S=unix:%s, %s')dnl\n" "$1" "$2" \
	    "${3:-F=T, T=C:30s;S:30s;R:60s;E:10m}"
}

# An own list of filters takes the place of the general one, an empty list, too.
sm_bypass() {
	printf "DAEMON_OPTIONS(\`Name=bypass, Family=inet, Addr=127.0.0.1, Port=%s, Listen=128, InputMailFilters=')dnl\n" "$1"
}

sm_make() {
	sm_dir=$1 sm_name=$2 sm_listen=$3 sm_hop=$4
	shift 4
	SM_DIRS="${SM_DIRS:-} $sm_dir"
	mkdir -p "$sm_dir/etc" "$sm_dir/run" "$sm_dir/dev" || return 1
	chmod 755 "$sm_dir" "$sm_dir/etc" "$sm_dir/run" || return 1
	# shellcheck disable=SC2086
	(cd "$sm_dir" && umask 022 && mkdir -p ${SM_QUEUES:-mqueue}) || return 1
	echo "$sm_name.test.invalid" >"$sm_dir/etc/name"
	printf '127.0.0.1\tlocalhost %s.test.invalid\n' "$sm_name" \
	    >"$sm_dir/etc/hosts"
	printf 'hosts files\naliases files\n' >"$sm_dir/etc/service.switch"
	sm_mc_head "$sm_dir" "$sm_name" "$sm_listen" "$sm_hop" \
	    >"$sm_dir/etc/sendmail.mc"
	sm_mc "$sm_dir" "$@"
}

# What a quick and quiet instance needs; the rest is for its tests to say.
sm_mc_head() {
	cat <<-END
	divert(0)dnl
	VERSIONID(\`private test instance')
	OSTYPE(\`linux')
	define(\`confDOMAIN_NAME', \`$2.test.invalid')dnl
	define(\`QUEUE_DIR', \`${SM_QUEUE_DIR:-$1/mqueue}')dnl
	define(\`confPID_FILE', \`$1/run/sendmail.pid')dnl
	define(\`STATUS_FILE', \`$1/run/statistics')dnl
	define(\`HELP_FILE', \`$1/etc/helpfile')dnl
	define(\`confSERVICE_SWITCH_FILE', \`$1/etc/service.switch')dnl
	define(\`confDONT_PROBE_INTERFACES', \`True')dnl
	define(\`confTO_IDENT', \`0')dnl
	define(\`confREFUSE_LA', \`1000')dnl
	define(\`confQUEUE_LA', \`1000')dnl
	define(\`confSUPERSAFE', \`True')dnl
	define(\`confMIN_QUEUE_AGE', \`0')dnl
	define(\`confLOG_LEVEL', \`10')dnl
	define(\`confCONNECTION_RATE_THROTTLE', \`0')dnl
	define(\`confCONNECTION_CACHE_SIZE', \`0')dnl
	define(\`confDELIVERY_MODE', \`$SM_MODE')dnl
	define(\`confDONT_BLAME_SENDMAIL', \`TrustStickyBit')dnl
	define(\`RELAY_MAILER_ARGS', \`TCP \$h $4')dnl
	define(\`SMTP_MAILER_ARGS', \`TCP \$h $4')dnl
	define(\`ESMTP_MAILER_ARGS', \`TCP \$h $4')dnl
	define(\`SMART_HOST', \`relay:[127.0.0.1]')dnl
	FEATURE(\`no_default_msa')dnl
	FEATURE(\`nocanonify')dnl
	FEATURE(\`accept_unresolvable_domains')dnl
	FEATURE(\`accept_unqualified_senders')dnl
	FEATURE(\`promiscuous_relay')dnl
	DAEMON_OPTIONS(\`Name=MTA, Family=inet, Addr=127.0.0.1, Port=$3, Listen=128')dnl
	END
	[ -n "$SM_LOCAL" ] || cat <<-END
	define(\`ALIAS_FILE', \`')dnl
	define(\`LOCAL_RELAY', \`relay:[127.0.0.1]')dnl
	define(\`MAIL_HUB', \`relay:[127.0.0.1]')dnl
	FEATURE(\`stickyhost')dnl
	END
}

sm_mc() {
	sm_dir=$1
	shift
	for sm_line; do
		printf '%s\n' "$sm_line" >>"$sm_dir/etc/sendmail.mc"
	done
	sm_m4=$SM_ROOT/usr/share/sendmail/cf
	{
		cat "$sm_dir/etc/sendmail.mc"
		printf "MAILER(\`smtp')dnl\n"
	} | m4 "-D_CF_DIR_=$sm_m4/" "$sm_m4/m4/cf.m4" - >"$sm_dir/etc/sendmail.cf" \
	    2>"$sm_dir/etc/m4.log" || { # it warns of an open relay
		cat "$sm_dir/etc/m4.log" >&2
		return 1
	}
}

sm_cf() {
	sm_dir=$1
	shift
	for sm_line; do
		sm_option=${sm_line%%=*}
		sed -i "/^$sm_option *=/d" "$sm_dir/etc/sendmail.cf"
		printf '%s\n' "$sm_line" >>"$sm_dir/etc/sendmail.cf"
	done
	! sm_pid "$sm_dir" >/dev/null || { sm_stop "$sm_dir" && sm_start "$sm_dir"; }
}

# sm_inside DIR COMMAND...: a name with a domain that stands in the hosts file (or
# every command sleeps a minute), no name server asked, and a log.
sm_inside() {
	sm_dir=$1
	shift
	LD_LIBRARY_PATH=$(cat "$SM_ROOT/lib_path") exec unshare --uts --mount sh -c '
		dir=$1
		shift
		hostname "$(cat "$dir/etc/name")" &&
		    mount --bind "$dir/etc/hosts" /etc/hosts || exit 71
		for n in null zero random urandom tty; do
			: >>"$dir/dev/$n"
			mount --bind "/dev/$n" "$dir/dev/$n" || exit 71
		done
		mount --rbind "$dir/dev" /dev || exit 71
		exec "$@"' sm "$sm_dir" "$@"
}

sm_run() {
	sm_dir=$1
	shift
	(sm_inside "$sm_dir" "$SM_ROOT/bin/sendmail" \
	    -C "$sm_dir/etc/sendmail.cf" "$@")
}

# One for each instance, as long as the script that started it.
sm_log() {
	if sm_n=$(cat "$1/run/log.pid" 2>/dev/null) &&
	    kill -0 "$sm_n" 2>/dev/null; then
		return 0
	fi
	rm -f "$1/dev/log"
	/usr/bin/python3 "$SM_TOOL/syslogd.py" "$1/dev/log" "$1/mail.log" \
	    "$(cat "$1/etc/name")" >/dev/null 2>"$1/run/log.err" &
	echo $! >"$1/run/log.pid"
	LAB_PIDS="${LAB_PIDS:-} $!"
	pf_wait 10 test -S "$1/dev/log"
}

# sm_runs PID: it does, and is no more than a name that nobody has asked for yet
sm_runs() {
	[ "$(cat "/proc/$1/comm" 2>/dev/null)" = sendmail ] &&
	    ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

sm_pid() {
	sm_n=$(head -n 1 "$1/run/sendmail.pid" 2>/dev/null) || return 1
	[ -n "$sm_n" ] && sm_runs "$sm_n" && echo "$sm_n"
}

# The pid file is written before the daemon listens.
sm_listens() {
	sm_ports=$(sed -n 's/^O DaemonPortOptions=.*Port=\([0-9]*\).*/\1/p' \
	    "$1/etc/sendmail.cf")
	for sm_n in $sm_ports; do
		ss -Hltn "sport = :$sm_n" | grep -q . || return 1
	done
	sm_pid "$1" >/dev/null
}

sm_start() {
	sm_log "$1" || return 1
	sm_run "$1" -bd >>"$1/start.log" 2>&1 &&
	    pf_wait 10 sm_listens "$1" && return 0
	cat "$1/start.log" "$1/mail.log" >&2
	return 1
}

sm_stop() {
	sm_n=$(sm_pid "$1") || return 0
	kill -TERM "$sm_n"
	pf_wait 10 sm_gone "$sm_n"
}

sm_gone() { ! sm_runs "$1"; }

# Deliveries are no children of the daemon any more, but all of an instance see
# its own hosts file.
sm_all() {
	for sm_n in $(pgrep -x sendmail); do
		[ "$(stat -Lc %d:%i "/proc/$sm_n/root/etc/hosts" 2>/dev/null)" = \
		    "$(stat -Lc %d:%i "$1/etc/hosts")" ] && echo "$sm_n"
	done
}

sm_kill() {
	for sm_try in 1 2 3 4 5; do
		sm_n=$(sm_all "$1")
		[ -n "$sm_n" ] || break
		# shellcheck disable=SC2086
		kill -KILL $sm_n 2>/dev/null
	done
	pf_wait 5 sm_is_still "$1"
}

sm_is_still() { [ -z "$(sm_all "$1")" ]; }

sm_flush() {
	sm_dir=$1
	shift
	[ $# -gt 0 ] || set -- -qf
	sm_run "$sm_dir" "$@"
}

# -qI takes every id that holds the given text; an id of its full length holds
# no other of the same length.
sm_hold() { sm_run "$1" "-Qheld by a test" "-qI$2"; }
sm_release() { sm_run "$1" -Q -qQ "-qI$2"; }

sm_file() {
	find "$1" -path "$1/etc" -prune -o -name "$2f$3" -print | grep .
}

sm_id_of() {
	grep -F -e "$2" "$1/mail.log" 2>/dev/null | tail -n 1 |
	    sed -n 's/^.*\]: \([0-9A-Za-z]\{14,\}\): .*$/\1/p'
}
