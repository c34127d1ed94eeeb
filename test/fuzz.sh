#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Readers of text from outside, given changed input for so many seconds each:
#
#	fuzz.sh [-c] SECONDS [TARGET...]	builddir= says where the program is
#
# -c: with clang's fuzzer, which sees the branches taken, built here for it.
# Input that a reader did not survive is left in the present folder; the
# program runs it again with "fuzz -r TARGET FILE".  FUZZ_KEEP=FOLDER leaves
# there what came to something new, for test/fuzz/corpus.  Ends with "N passed, M
# failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
builddir=${builddir:-$root/build-san}
clang=
[ "${1:-}" != -c ] || { clang=${CLANG:-clang}; shift; }
seconds=${1:?fuzz.sh [-c] SECONDS [TARGET...]}
shift
targets="wire-server wire-client amend envelope pfcat table config smtpreply pflog
    marker books header data store talk mx dns etrn policy smlog smqf"
# Input that came to something new once, and what was found with it.
export FUZZ_CORPUS=$here/fuzz/corpus
[ $# = 0 ] || targets=$*
passed=0 failed=0

# All of the library that needs no threads, with coverage.
build() {
	local f objects=()
	out=$(mktemp -d /var/tmp/fuzz.XXXXXX) || exit 1
	trap 'rm -rf "$out"' EXIT
	cat >"$out/make" <<-EOF
	CFLAGS = -std=c11 -O1 -g -pthread -I$builddir -I$root/include -I$root/lib \\
	  -I$here/fuzz -DSMX_SYSCONFDIR='"/etc/shadowmx"' \\
	  -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
	EOF
	for f in "$root"/lib/base/*.c "$root"/lib/core/*.c "$root"/lib/io/*.c \
	    "$here"/fuzz/{target,wire,text,files,records,shelf,hop,policy,libfuzzer}.c; do
		o=$(echo "${f#"$root"/}" | tr / _)
		objects+=("$out/${o%.c}.o")
		printf '%s: %s\n\t%s $(CFLAGS) -c -o $@ $<\n' \
		    "$out/${o%.c}.o" "$f" "$clang" >>"$out/make"
	done
	make -s -j"$(nproc)" -f "$out/make" "${objects[@]}" || exit 1
	# shellcheck disable=SC2046
	"$clang" -fsanitize=fuzzer,address,undefined -o "$out/fuzz" \
	    "${objects[@]}" $(sed -n 's/^\(LIBCONFIG\|MMDB\|SQLITE\|OPENSSL\|LIBCURL\)_LIBS = //p' \
	    "$builddir/Makefile") -lresolv -lpthread || exit 1
}

branches() { # TARGET
	local corpus=$out/corpus-$1 crash=$PWD/crash-$1-
	mkdir -p "$corpus"
	"$builddir/test/fuzz/fuzz" -s "$1" "$corpus" &&
	    FUZZ_TARGET=$1 timeout -k 5 $((seconds + 120)) "$out/fuzz" \
		-max_total_time="$seconds" -max_len=16384 -timeout=10 \
		-artifact_prefix="$crash" -print_final_stats=1 \
		-dict="$corpus.dict" "$corpus" >"$out/log" 2>&1
}

if [ -n "$clang" ]; then
	build
	for t in $targets; do
		if branches "$t"; then
			passed=$((passed + 1))
			echo "ok   $t: $(sed -n 's/^stat::number_of_executed_units: *//p' \
			    "$out/log") inputs, $(ls "$out/corpus-$t" | wc -l) kept"
		else
			failed=$((failed + 1))
			echo "FAIL $t"
			tail -n 30 "$out/log"
		fi
	done
else
	for t in $targets; do
		if said=$("$builddir/test/fuzz/fuzz" "$seconds" "$t" 2>&1); then
			passed=$((passed + 1))
		else
			failed=$((failed + 1))
		fi
		echo "$said" | grep -v ' passed, '
	done
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
