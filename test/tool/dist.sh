#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What git has, the tarball has: every file is named in Makefile.am, also one
# that is new and not yet added.
cd "${srcdir:-.}" || exit 1
git ls-files -c -o --exclude-standard >/dev/null 2>&1 || exit 77
names=$(mktemp) || exit 1
trap 'rm -f "$names"' EXIT
LC_ALL=C
export LC_ALL
# The last are taken along by automake itself.
{
	tr -s ' \t\\' '\n\n\n' <Makefile.am
	printf '%s\n' COPYING Makefile.am configure.ac lib/libshadowmx.pc.in
} | sort -u >"$names"
missing=$(git ls-files -c -o --exclude-standard |
    grep -vE '^(\.gitignore|\.ci/.*|m4/\.gitkeep)$' | sort -u |
    comm -23 - "$names" |
    while read -r file; do [ ! -e "$file" ] || echo "$file"; done)
[ -z "$missing" ] && echo "the tarball is complete" && exit 0
printf '%s\n^ not in Makefile.am, so not in the tarball\n' "$missing"
exit 1
