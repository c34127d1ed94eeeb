#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# What `make install` leaves: everything in its place, and a program of somebody
# else's that finds, builds with and runs with the installed library.
#
#	install.sh	$builddir: a configured build; $srcdir: the tree
top=$(cd "${srcdir:-.}" && pwd)
passed=0
failed=0
root=$(mktemp -d "${TMPDIR:-/tmp}/install.XXXXXX") || exit 1
trap 'rm -rf "$root"' EXIT

claim() { # WHAT COMMAND...
	what=$1
	shift
	if "$@" >"$root/out" 2>&1; then
		passed=$((passed + 1))
		echo "ok   $what"
	else
		failed=$((failed + 1))
		echo "FAIL $what"
		sed 's/^/     /' "$root/out"
	fi
}

installed() { make -s -C "${builddir:-.}" install DESTDIR="$root/dest"; }
claim "make install works" installed
prefix=$(find "$root/dest" -name libshadowmx.pc | sed 's,/lib.*,,')
for file in sbin/shadowmxd sbin/shadowmxctl lib/libshadowmx.so \
	include/shadowmx/shadowmx.h share/man/man8/shadowmxd.8 \
	share/man/man8/shadowmxctl.8 share/man/man5/shadowmx.conf.5 \
	share/man/man3/libshadowmx.3 \
	share/doc/shadowmx/examples/shadowmx.conf \
	share/doc/shadowmx/examples/delivered.conf \
	share/doc/shadowmx/examples/backup.conf \
	share/doc/shadowmx/examples/postfix-main.cf \
	share/doc/shadowmx/examples/postfix-master.cf \
	share/doc/shadowmx/examples/postfix-fence.conf \
	share/doc/shadowmx/WIRE share/doc/shadowmx/STORE \
	share/doc/shadowmx/STATES lib/systemd/system/shadowmx.service; do
	claim "$file is there" test -s "$prefix/$file"
done
unit=$prefix/lib/systemd/system/shadowmx.service
claim "the unit names an absolute program" \
    grep -q '^ExecStart=/.*/sbin/shadowmxd' "$unit"
unfilled() { ! grep '@[a-z]*@' "$unit"; }
claim "nothing in the unit is left to fill in" unfilled

flags() {
	PKG_CONFIG_SYSROOT_DIR="$root/dest" \
	    PKG_CONFIG_PATH="$prefix/lib/pkgconfig" \
	    pkg-config --cflags --libs libshadowmx
}
# Words of the compiler's command line.
build() { # SOURCE PROGRAM LIBS...
	source=$1 program=$2
	shift 2
	# shellcheck disable=SC2046
	cc -Wall -Werror "$top/examples/$source" -o "$root/$program" $(flags) "$@"
}
run() { LD_LIBRARY_PATH="$prefix/lib" "$@"; }
claim "the policy example builds with pkg-config" build policy.c policy
claim "the policy example runs" run "$root/policy" \
    "$top/examples/shadowmx.conf" 192.0.2.7 someone@example.com
claim "the foreign milter builds with pkg-config" \
    build foreign-milter.c foreign -lmilter -lpthread
claim "the installed tool runs" run "$prefix/sbin/shadowmxctl" --version
cxx() {
	for header in "$prefix"/include/shadowmx/*.h; do
		echo "#include <shadowmx/${header##*/}>" |
		    g++ -x c++ -fsyntax-only -I"$prefix/include" - || return 1
	done
}
! command -v g++ >/dev/null ||
    claim "every header stands alone, in C++ too" cxx
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
