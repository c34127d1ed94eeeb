#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Help texts and manual pages say the same: every option and phrase of --help is
# in the page, and every one of the page is in --help.  libshadowmx(3) has every
# function as the headers declare it, every result, and an example that works.
# shadowmxd(8) has every event that the log can have, and no other.  The tests that
# doc/FAILURES names exist.  The pages are clean mdoc.
#
#	SHADOWMXD, SHADOWMXCTL	the programs, else below $builddir
#	LIBSHADOWMX		the library, else below $builddir
#
# Ends with "N passed, M failed".
set -u
S=${srcdir:-$(dirname "$0")/../..}
D=${SHADOWMXD:-${builddir:-.}/src/shadowmxd}
C=${SHADOWMXCTL:-${builddir:-.}/src/shadowmxctl}
L=${LIBSHADOWMX:-${builddir:-.}/.libs/libshadowmx.so}
[ -x "$D" ] && [ -x "$C" ] || {
	echo "no programs at $D and $C"
	exit 77
}
W=$(mktemp -d "${TMPDIR:-/tmp}/manual.XXXXXX") || exit 1
trap 'rm -rf "$W"' EXIT
passed=0 failed=0

claim() {
	claim_text=$1
	shift
	if "$@" >"$W/out" 2>&1; then
		passed=$((passed + 1))
		echo "ok $claim_text"
	else
		failed=$((failed + 1))
		echo "FAIL $claim_text"
		sed 's/^/    /' "$W/out"
	fi
}

LC_ALL=C
export LC_ALL

# "-c --config" a line, sorted, of the lines that describe an option.
help_options() {
	sed -n 's/^  -\(.\), --\([a-z-]*\).*/-\1 --\2/p' "$1" | sort
}
page_options() {
	sed -n 's/^\.It Fl \([^ ]*\).* , Fl Fl \([a-z-]*\).*/-\1 --\2/p;
	    s/^\.It Fl \([^ ]*\) , Fl Fl \([a-z-]*\).*/-\1 --\2/p' "$1" |
	    sort -u
}

# "queue list [STATE] [PEER]" becomes "queue list ? ?", "takeover HOST" becomes
# "takeover !".
help_phrases() {
	sed -n '/PHRASE$/,/^  -/p' "$1" |
	    sed -n 's/^  \([a-z][^ ].\{25,26\}\) .*/\1/p' |
	    sed 's/ *$//; s/\[[A-Z]*\]/?/g; s/ [A-Z][A-Z]*/ !/g' | sort
}
page_phrases() {
	sed -n 's/^\.It Ic //p' "$1" |
	    sed 's/Op Ar [a-z]*/?/g; s/Ar [a-z]*/!/g; s/ \.\.\./.../' | sort
}

# "int smx_x(const char *a, size_t b)" a line, from the headers and the page.
header_functions() {
	cat "$S"/include/shadowmx/*.h | sed 's,^#.*,,' | tr '\n\t' '  ' |
	    sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/,,g' | tr ';' '\n' |
	    sed -n 's/.*SMX_API *//p' |
	    sed 's/SMX_MUST_USE//; s/  */ /g; s/ *( */(/; s/ *) *$/)/;
	        s/^\(.*[ *]\)\(smx_[a-z0-9_]*(\)/\1 \2/; s/  */ /g' | sort
}
page_functions() {
	sed -n 's/^\.Ft //p; s/^\.Fo \(.*\)/=\1/p; s/^\.Fa "\(.*\)"$/+\1/p;
	    s/^\.Fc/;/p' "$1" | tr -d '"' | tr '\n' ' ' | tr ';' '\n' |
	    sed -n 's/ *= *\([a-z0-9_]*\) *+/ \1(/; s/ *+/, /g; s/ *$/)/;
	        s/^ *//; /smx_/p' | sort
}
page_described() {
	sed -n 's/^\.Fn \(smx_[a-z0-9_]*\).*/\1/p' "$1" | sort -u
}
header_names() { header_functions | sed 's/.*\(smx_[a-z0-9_]*\)(.*/\1/' | sort -u; }
header_results() {
	sed -n 's/^	\(SMX_[A-Z]*\) = .*/\1/p' "$S/include/shadowmx/err.h" | sort
}
page_results() {
	sed -n '/^\.Sh ERRORS/,/^\.El/s/^\.It Dv \(SMX_[A-Z]*\)$/\1/p' "$1" | sort
}
# A statement of the sources a line, comments left out.
statements() {
	cat "$S"/lib/*/*.c "$S"/src/*.c | sed 's,^#.*,,' | tr '\n\t' '  ' |
	    sed 's,/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/,,g' | tr ';{}' '\n\n\n' |
	    sed 's/  */ /g'
}
# Those that log: with the word itself, or through one of a few functions that
# are given it.  The last text of takeover_log() is the reason.
logging() {
	statements | sed -n '/[^a-z_]log_begin(/p; /[^a-z_]log_event(/p
	    /[^a-z_]takeover_log(/{
	        s/, "[^"]*")$/)/
	        p
	    }
	    /[^a-z_]cannot("no-/p
	    /[^a-z_]\(server_\)*complain(/p; /[^a-z_]log_passed(/p
	    /[^a-z_]note(mail, SMX_LOG/p
	    /[^a-z_]event = /p'
}
# What is in "a-word" or "a_word" is an event; states that a message can come to
# are events, too.
source_events() {
	{
		logging | grep -oE '"[a-z][a-z_-]*"' | tr -d '"'
		printf '%s\n' committed corrupt lost
	} | sort -u
}
# A line that is given its event as an argument, by whom else than those above?
hidden_events() {
	logging | grep -E 'log_(begin|event)\(' | grep -vE '"[a-z][a-z_-]*"' |
	    grep -vE '(, (event|what)\)|enum smx_level|own_state_name\()'
}
page_events() {
	sed -n '/^\.Sh DIAGNOSTICS/,/^\.Sh SEE/s/^\.It //p' "$1" |
	    tr -s ' ,' '\n\n' | sort
}
example() {
	sed -n '/^\.Sh EXAMPLES/,/^\.Ed/p' "$1" |
	    sed '1,/^\.Bd/d; /^\.Ed/d; s/^\\&//; s/\\e/\\/g'
}
build_example() {
	sane=
	nm -D "$L" | grep -q __asan_init && sane=-fsanitize=address,undefined
	# shellcheck disable=SC2086
	cc -std=c11 -Wall -Wextra -Werror $sane -I"$S/include" \
	    -o "$W/example" "$W/example.c" "$L"
}
run_example() {
	LD_LIBRARY_PATH=$(dirname "$L") timeout 60 "$W/example"
}

same() { diff -u "$1" "$2"; }
none() { ! "$@"; }
some() { [ "$(wc -l <"$1")" -ge "$2" ]; }

"$D" --help >"$W/d.help"
"$C" --help >"$W/c.help"
for p in d:shadowmxd c:shadowmxctl; do
	k=${p%%:*} page=$S/doc/${p#*:}.8
	help_options "$W/$k.help" >"$W/$k.options"
	page_options "$page" >"$W/$k.page"
	claim "${p#*:}: --help has options" some "$W/$k.options" 4
	claim "${p#*:}: --help and page have the same options" \
	    same "$W/$k.options" "$W/$k.page"
done
help_phrases "$W/c.help" >"$W/help.phrases"
page_phrases "$S/doc/shadowmxctl.8" >"$W/page.phrases"
claim "shadowmxctl: --help has phrases" some "$W/help.phrases" 10
claim "shadowmxctl: --help and page have the same phrases" \
    same "$W/help.phrases" "$W/page.phrases"

page=$S/doc/libshadowmx.3
header_functions >"$W/header.functions"
page_functions "$page" >"$W/page.functions"
claim "libshadowmx(3): the headers have functions" \
    some "$W/header.functions" 70
claim "libshadowmx(3) has every function as it is declared" \
    same "$W/header.functions" "$W/page.functions"
header_names >"$W/header.names"
page_described "$page" >"$W/page.names"
claim "and describes every one" same "$W/header.names" "$W/page.names"
header_results >"$W/header.results"
page_results "$page" >"$W/page.results"
claim "libshadowmx(3): there are results" some "$W/header.results" 20
claim "libshadowmx(3) has every result" \
    same "$W/header.results" "$W/page.results"
example "$page" >"$W/example.c"
if [ -e "$L" ]; then
	claim "the example of libshadowmx(3) compiles" build_example
	claim "runs" run_example
	run_example >"$W/example.out" 2>&1
	claim "and does what it says" grep -q "done, shadowed" "$W/example.out"
fi

source_events >"$W/source.events"
page_events "$S/doc/shadowmxd.8" | uniq >"$W/page.events"
claim "shadowmxd(8): the sources have events" some "$W/source.events" 100
claim "no line of the log hides its event from this test" none hidden_events
claim "shadowmxd(8) has every event, and no other" \
    same "$W/source.events" "$W/page.events"

# What the page names as an option is accepted by the program.
for o in $(cut -d' ' -f2 "$W/d.options"); do
	claim "shadowmxd knows $o" sh -c '"$1" $2 2>&1 | {
	    ! grep -E "unrecognized|invalid option"; }' - "$D" \
	    "$o x --help"
done
for o in $(cut -d' ' -f2 "$W/c.options"); do
	claim "shadowmxctl knows $o" sh -c '"$1" $2 2>&1 | {
	    ! grep -E "unrecognized|invalid option"; }' - "$C" \
	    "$o x --help"
done

# Lines of doc/FAILURES that begin with a file: it is there, and has these words,
# in front of which a scenario's script may stand.
missing_tests() {
	sed -n 's/^     \(test\/.*\|examples\/.*\)$/\1/p' "$S/doc/FAILURES" |
	    while read -r file words; do
		[ -e "$S/$file" ] || echo "$file"
		for word in $words; do
			grep -Eq "(^|[^a-z0-9])([a-z]*_)?$word([^a-z0-9_]|\$)" \
			    "$S/$file" || echo "$file: $word"
		done
	done | tee "$W/missing"
	[ -s "$W/missing" ]
}
claim "doc/FAILURES names tests that are there" none missing_tests

for page in "$S"/doc/*.[1-8]; do
	name=${page##*/}
	if command -v mandoc >/dev/null; then
		claim "$name is clean mdoc" mandoc -T lint -W warning "$page"
	fi
	case $name in
	*.8)
		for h in SECURITY DIAGNOSTICS "EXIT STATUS" BUGS; do
			claim "$name has $h" grep -x ".Sh $h" "$page"
		done
		;;
	esac
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
