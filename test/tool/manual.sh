#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Help texts and manual pages say the same: every option and phrase of --help is
# in the page, and every one of the page is in --help.  The pages are clean
# mdoc.
#
#	SHADOWMXD, SHADOWMXCTL	the programs, else below $builddir
#
# Ends with "N passed, M failed".
set -u
S=${srcdir:-$(dirname "$0")/../..}
D=${SHADOWMXD:-${builddir:-.}/src/shadowmxd}
C=${SHADOWMXCTL:-${builddir:-.}/src/shadowmxctl}
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

# "-c --config" a line, sorted, of the lines that describe an option.
help_options() {
	sed -n 's/^  -\(.\), --\([a-z-]*\).*/-\1 --\2/p' "$1" | sort
}
page_options() {
	sed -n 's/^\.It Fl \([^ ]*\).* , Fl Fl \([a-z-]*\).*/-\1 --\2/p;
	    s/^\.It Fl \([^ ]*\) , Fl Fl \([a-z-]*\).*/-\1 --\2/p' "$1" |
	    sort -u
}

# "queue list [STATE] [PEER]" becomes "queue list", with arguments counted.
help_phrases() {
	sed -n '/PHRASE$/,/^  -/p' "$1" |
	    sed -n 's/^  \([a-z][^ ].\{24,25\}\) .*/\1/p' |
	    sed 's/ *$//; s/\[[A-Z]*\]/?/g; s/ [A-Z][A-Z]*/ !/g' | sort
}
page_phrases() {
	sed -n 's/^\.It Ic //p' "$1" |
	    sed 's/Op Ar [a-z]*/?/g; s/Ar [a-z]*/!/g' | sort
}

same() { diff -u "$1" "$2"; }
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
