#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What shadowmxctl says to the daemon about the backup MX, and what it makes of the
# answers.  The answers are prepared: there is no daemon.
#
#	SHADOWMXCTL	the program, else below $builddir
#
# Ends with "N passed, M failed".
set -u
C=${SHADOWMXCTL:-${builddir:-.}/src/shadowmxctl}
[ -x "$C" ] || {
	echo "no program at $C"
	exit 77
}
W=$(mktemp -d "${TMPDIR:-/tmp}/backupctl.XXXXXX") || exit 1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

mkdir "$W/a"
/usr/bin/python3 "$here/answers.py" "$W/sock" "$W/a" 2>"$W/log" &
pid=$!
within 10 test -S "$W/sock" || {
	echo "no socket"
	exit 1
}

ctl() { "$C" -s "$W/sock" "$@"; }
# put NAME: the answer is on the input
put() { cat >"$W/a/$1"; }
# The last command that came in.
asked() { # COMMAND
	asked_got=$(tail -n 1 "$W/a/commands")
	echo "asked: $asked_got"
	[ "$asked_got" = "$1" ]
}
# shows STATUS LINE... -- WORD...: each line is there, and the status is that
shows() {
	shows_want=$1
	shift
	: >"$W/want"
	while [ "$1" != -- ]; do
		printf '%s\n' "$1" >>"$W/want"
		shift
	done
	shift
	ctl "$@" >"$W/out" 2>&1
	shows_got=$?
	cat "$W/out"
	[ $shows_got = "$shows_want" ] || {
		echo "exit status $shows_got, not $shows_want"
		return 1
	}
	while read -r shows_line; do
		tr -s ' ' <"$W/out" | sed 's/ $//; s/^ //' |
		    grep -qFx -e "$shows_line" || {
			echo "no line: $shows_line"
			return 1
		}
	done <"$W/want"
}
refused() { # STATUS TEXT WORD...
	refused_want=$1 refused_text=$2
	shift 2
	refused_old=$(wc -l <"$W/a/commands")
	says "$refused_text" ctl "$@" || return 1
	ctl "$@" >/dev/null 2>&1
	[ $? = "$refused_want" ] && [ "$(wc -l <"$W/a/commands")" = "$refused_old" ]
}
# --json gives the lines as they came.
plain() { # FILE WORD...
	plain_file=$1
	shift
	ctl --json "$@" >"$W/json"
	head -n "$(wc -l <"$W/a/$plain_file")" "$W/json" |
	    diff - "$W/a/$plain_file"
}

# ---- backup list ----

put backup_list <<'END'
{"domain":"c.example","state":"down","announced":false,"state_ago_ms":192000,"host":"smtp:[192.0.2.9]:25","reason":"connection refused","held_messages":3,"held_bytes":4096,"held":5,"queued":2,"oldest_ago_ms":90000,"end_in_ms":-5}
{"domain":"d.example","state":"down","announced":true,"announced_in_ms":7200000,"state_ago_ms":1000,"host":"","reason":"","held_messages":0,"held_bytes":0,"held":0,"queued":0}
END
claim "backup list" shows 0 \
    'c.example down 3m 12s 3 4.0K 2 1m 30s over smtp:[192.0.2.9]:25 connection refused' \
    'd.example down, announced for 2h 0m 1s 0 0 0 - - - -' -- backup list
claim "it is asked for" asked "backup list"
claim "backup list in JSON" plain backup_list backup list

# ---- backup show ----

put backup_show_c.example <<'END'
{"what":"domain","domain":"c.example","state":"up","announced":false,"state_ago_ms":60000,"host":"smtp:[192.0.2.9]:25","reason":"answers","held_messages":1,"held_bytes":100,"held":1,"queued":0,"taken":4,"delivered":3,"returned":0,"deleted":0,"unaccounted":0}
{"what":"outage","host":"smtp:[192.0.2.9]:25","from_at_ms":1763800000000,"to_at_ms":1763803600000,"announced":false,"messages":7,"recipients":9,"bytes":2048,"reason":"timed out"}
{"what":"outage","host":"smtp:[192.0.2.9]:25","from_at_ms":1763800000000,"announced":true,"reason":""}
{"what":"message","id":17,"queue_id":"4XyZ","domain":"c.example","sender":"a@b.example","size":100,"custody":"held","state":"down","taken_at_ms":1763800000000,"taken_ago_ms":5000,"until_in_ms":86400000,"recipients":1}
END
TZ=UTC0
export TZ
claim "backup show of a domain" shows 0 'domain c.example' 'primary up' \
    'delivered 3' 'FROM TO MESSAGES RECIPIENTS SIZE HOST REASON' \
    '2025-11-22T08:26:40 2025-11-22T09:26:40 7 9 2.0K smtp:[192.0.2.9]:25 timed out' \
    '2025-11-22T08:26:40 now - - - smtp:[192.0.2.9]:25 announced' \
    '4XyZ held 5s 1d 0h 100 1 a@b.example' -- backup show c.example
claim "it is asked for by its name" asked "backup show c.example"

put backup_show_4XyZ <<'END'
{"what":"message","id":17,"queue_id":"4XyZ","domain":"c.example","sender":"a@b.example","size":100,"custody":"ended","state":"down","taken_at_ms":1763800000000,"taken_ago_ms":5000,"released_ago_ms":4000,"ended_ago_ms":3000,"recipients":2,"rcpts":[{"address":"x@c.example","end":"delivered","ended_ago_ms":3000},{"address":"y@c.example","end":"open"}]}
END
claim "backup show of a message" shows 0 'queue id 4XyZ' 'primary was down' \
    'taken 2025-11-22T08:26:40' 'released 4s' 'to x@c.example delivered 3s' \
    'to y@c.example open' -- backup show 4XyZ
claim "a byte of somebody else's moves no cursor" eval \
    'printf "%s\n" "{\"what\":\"message\",\"sender\":\"a\\u001b[2J\",\"rcpts\":[{\"address\":\"\\u009bx\"}]}" |
	put backup_show_evil &&
	shows 0 "from a\\x1b[2J" "to \\x9bx ?" -- backup show evil'

# ---- backup report ----

put backup_report <<'END'
{"what":"sums","domain":"c.example","from_at_ms":0,"messages":2,"taken":4,"delivered":3,"returned":1,"deleted":0,"held":0,"queued":0,"unaccounted":0,"held_messages":0,"held_bytes":0,"while_up":1,"while_down":1,"while_unknown":0,"balanced":true}
END
claim "backup report that balances" shows 0 'recipients 4' 'delivered 3' \
    'returned 1' 'unaccounted 0' 'while down 1' 'balanced yes' \
    -- backup report c.example
sed -i 's/"unaccounted":0/"unaccounted":1/; s/true}/false}/' \
    "$W/a/backup_report"
claim "one that does not is status 1" shows 1 'balanced NO' 'unaccounted 1' \
    -- backup report c.example
claim "in JSON, too" status_is 1 ctl --json backup report c.example
claim "since a moment" eval 'ctl backup report --since 2025-11-22T08:26:40Z c.example;
    asked "backup report c.example 1763800000000"'
claim "since no moment" refused 64 "not a time" \
    backup report --since tomorrow c.example
claim "--until means nothing to it" refused 64 "means nothing" \
    backup report --until 2h c.example

# ---- backup hold, release, flush ----

put backup_release <<'END'
{"item":"c.example","outcome":"ok","queue_id":"4XyZ","domain":"c.example","custody":"held","size":100}
{"item":"c.example","outcome":"ok","queue_id":"4XyY","domain":"c.example","custody":"held","size":100}
END
claim "backup release of a domain" shows 0 \
    'c.example ok held 4XyZ c.example 100 -' '2 done, 0 not done' \
    -- backup release c.example
put backup_hold <<'END'
{"item":"4XyZ","outcome":"notfound","text":"not in the books"}
{"result":"notfound","text":"not all"}
END
claim "backup hold of nothing" shows 1 \
    '4XyZ notfound - - - - not in the books' '0 done, 1 not done' \
    -- backup hold 4XyZ
claim "in JSON with a sum" says '{"done":0,"not_done":1}' \
    ctl --json backup hold 4XyZ
put backup_flush <<'END'
{"domain":"c.example","held_messages":7,"for_ms":3600000}
END
claim "backup flush" says "c.example: 7 on hold; released for 1h 0m" \
    ctl backup flush c.example

# ---- maintenance ----

put maintenance_start <<'END'
{"domain":"c.example","announced_in_ms":7200000}
END
claim "maintenance start" says "counts as down for 2h 0m" \
    ctl maintenance start --for 2h c.example
claim "its time is in milliseconds" asked "maintenance start c.example 7200000"
claim "it needs a time" refused 64 "for how long?" \
    maintenance start c.example
claim "that ends some day" refused 64 "up to 30d" \
    maintenance start --for 31d c.example
claim "a host's own leave is shorter" refused 64 "one day at the most" \
    leave --for 25h
put maintenance_end <<'END'
{"domain":"c.example","was":false}
END
claim "maintenance end" says "nothing was announced" \
    ctl maintenance end c.example
put maintenance_list <<'END'
{"domain":"c.example","state":"down","announced_in_ms":60000}
END
claim "maintenance list" shows 0 'c.example down 1m 0s' -- maintenance list

# ---- recipient ----

put recipient_list <<'END'
{"address":"a@c.example","known":"good","old":false,"source":"probe","learned_ago_ms":1000}
{"address":"b@c.example","known":"bad","old":true,"source":"delivery","learned_ago_ms":2000}
{"domain":"c.example","catch_all":true,"asked_ago_ms":3000}
END
claim "recipient list" shows 0 'a@c.example good probe 1s' \
    'b@c.example bad, old delivery 2s' '@c.example takes all probe 3s' \
    -- recipient list
put recipient_show <<'END'
{"address":"a@c.example","known":"no","domain":"c.example","state":"up"}
END
claim "recipient show" shows 0 'recipient a@c.example' 'known no' 'primary up' \
    -- recipient show a@c.example
echo a@c.example >"$W/list"
put recipient_import <<'END'
{"imported":1,"skipped":2,"refused":0,"forgotten":4,"catch_all":false}
END
claim "recipient import" shows 0 \
    '1 imported, 2 of other domains, 0 lines refused' \
    '4 of an earlier file are forgotten' \
    -- recipient import "$W/list" c.example
claim "by the whole path" eval '(cd "$W" && ctl recipient import list c.example);
    asked "recipient import $(realpath "$W")/list c.example"'
claim "a file that is not there" refused 66 "No such file" \
    recipient import "$W/none" c.example
put recipient_import <<'END'
{"imported":1,"skipped":0,"refused":3,"refused_line":2,"forgotten":0}
END
claim "lines that are none are status 1" shows 1 \
    'the first line that is no address: 2' \
    -- recipient import "$W/list" c.example
put recipient_forget <<'END'
{"forgotten":5}
END
claim "recipient forget" says "5 forgotten" ctl recipient forget c.example

# ---- mx check ----

put mx_check <<'END'
{"domain":"c.example","looked_ago_ms":5,"result":"ok","hosts":[{"name":"mx1.c.example","preference":10,"addresses":1,"answers":"yes","primary":true},{"name":"mx2.example.org","preference":20,"addresses":1,"answers":"","own":true}],"findings":[]}
END
claim "mx check" shows 0 'c.example: ok' '10 mx1.c.example primary answers' \
    '20 mx2.example.org this host' -- mx check c.example
cat >>"$W/a/mx_check" <<'END'
{"domain":"d.example","result":"warning","hosts":[{"name":"mx.d.example","preference":10,"addresses":1,"answers":"no","text":"refused"}],"findings":[{"what":"silent","level":"warning","text":"mx.d.example does not answer"}]}
END
claim "warnings are status 1" shows 1 '10 mx.d.example does not: refused' \
    'warning: silent: mx.d.example does not answer' -- mx check
cat >>"$W/a/mx_check" <<'END'
{"domain":"e.example","result":"alarm","hosts":[],"findings":[{"what":"lost","level":"err","text":"there are no MX records"}]}
{"domain":"f.example","result":"unsure","hosts":[],"findings":[]}
END
claim "alarms are status 2" shows 2 'e.example: alarm' \
    'err: lost: there are no MX records' -- mx check
claim "in JSON, too" status_is 2 ctl --json mx check

# ---- status ----

put status <<'END'
{"node":"mx2.example.org","backup":{"domains":4,"up":2,"down":1,"announced":1,"held_messages":7,"held_bytes":100,"held":9,"queued":3,"oldest_age_ms":5},"critical":[],"warning":["primary_mx"],"attention":["primary_mx"]}
END
claim "status counts the domains" shows 1 \
    'backup MX domains 4 up 2 down 1 announced 1 on hold 7 queued rcpts 3' \
    -- status
claim "and says why to look" says "primary_mx" ctl status --brief
put status <<'END'
{"node":"mx2.example.org","critical":[],"warning":[],"attention":[]}
END
claim "who is no backup MX counts none" eval \
    'shows 0 -- status && not grep "backup MX" "$W/out"'

# ---- a daemon without any of it ----

rm "$W/a/backup_list"
put backup_list <<'END'
{"result":"state","text":"no policy has a backup group"}
END
claim "no backup MX" says "no policy has a backup group" ctl backup list
claim "is no success" not ctl backup list

kill "$pid"
wait "$pid" 2>/dev/null
pid=
echo "$passed passed, $failed failed"
[ $failed = 0 ]
