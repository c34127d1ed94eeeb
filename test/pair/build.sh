#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# build.sh [-D...]: compiles the pair tests with the core they test into the
# file that PAIR_OUT names.  They need nothing but the core and lib/base.
#
# With a folder in PAIR_OBJECTS what has no word of the -D in it is taken from
# there, and put there.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${PAIR_OUT:?names the program to make}
conf=$(mktemp -d)
trap 'rm -rf "$conf"' EXIT
printf '#define _GNU_SOURCE 1\n#define PACKAGE_VERSION "test"\n' >"$conf/config.h"

names=
for name in addr again agains amend amends backoff choice claim copies engine \
	envelope envelope_text evidence fence fence_change fence_read \
	fence_return fence_tell fences gate handed handed_queue hearing heirs \
	hint hold holder holder_amend holder_ask holder_return idmap ip lease \
	lineage notice outcome over own passed passer peer pfid reading reads \
	report resend resend_ask seek sequel served successor sweep takeover talk trouble witness \
	xtext; do
	names="$names lib/core/$name.c"
done
for name in buf log key err crash; do
	names="$names lib/base/$name.c"
done
for source in "$here"/*.c; do
	names="$names test/pair/${source##*/}"
done

compile() { # WORDS...
	# shellcheck disable=SC2086 # flags are words
	"${CC:-cc}" -std=c11 ${PAIR_CFLAGS:--O2 -g} -Wall -Wextra \
	    -DHAVE_CONFIG_H -pthread "$@" -I"$conf" -I"$top/include" \
	    -I"$top/lib" -I"$here"
}

if [ -z "${PAIR_OBJECTS:-}" ]; then
	for name in $names; do
		set -- "$@" "$top/$name"
	done
	compile "$@" -o "$out"
	exit
fi
word=${1#-D}
objects=
for name in $names; do
	object=$PAIR_OBJECTS/$(echo "$name" | tr / _).o
	if [ -n "$word" ] && grep -q "$word" "$top/$name"; then
		object=$conf/$(echo "$name" | tr / _).o
		compile "$@" -c "$top/$name" -o "$object"
	elif [ ! -f "$object" ]; then
		compile -c "$top/$name" -o "$object"
	fi
	objects="$objects $object"
done
# shellcheck disable=SC2086
"${CC:-cc}" -pthread $objects -o "$out"
