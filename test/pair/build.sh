#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# build.sh [-D...]: compiles the pair tests with the core they test into the
# file that PAIR_OUT names.  They need nothing but the core and lib/base.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${PAIR_OUT:?names the program to make}
conf=$(mktemp -d)
trap 'rm -rf "$conf"' EXIT
printf '#define _GNU_SOURCE 1\n#define PACKAGE_VERSION "test"\n' >"$conf/config.h"

set -- "$@" -I"$conf" -I"$top/include" -I"$top/lib" -I"$here"
for name in addr again agains amend amends backoff choice claim copies engine \
	envelope envelope_text evidence fence fence_change fence_read \
	fence_return fence_tell fences gate handed handed_queue hearing heirs \
	hint hold holder holder_amend holder_ask holder_return idmap ip lease \
	lineage notice outcome over own passed passer peer pfid reading reads \
	report seek sequel served successor sweep takeover talk trouble witness \
	xtext; do
	set -- "$@" "$top/lib/core/$name.c"
done
for name in buf log key err crash; do
	set -- "$@" "$top/lib/base/$name.c"
done
for source in "$here"/*.c; do
	set -- "$@" "$source"
done
# shellcheck disable=SC2086 # flags are words
"${CC:-cc}" -std=c11 ${PAIR_CFLAGS:--O2 -g} -Wall -Wextra -DHAVE_CONFIG_H \
	-pthread "$@" -o "$out"
