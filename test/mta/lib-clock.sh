# SPDX-License-Identifier: BSD-2-Clause
#
# Daemons whose clocks can be moved (clock_shim.c).  Source this file after lib.sh.
#
#	clocks_made		before host_make: from now on $SHADOWMXD is one
#	clocks WALL BOOT	the wall clock and CLOCK_BOOTTIME are moved so far,
#				in seconds; CLOCK_MONOTONIC stays

sanitized() { ldd "$SMX_BUILD/.libs/libshadowmx.so" | grep -qE "lib[at]san"; }
# Nothing can be loaded before a sanitizer unless it has been told so.
preloads() { [ -n "${SANITIZED:-}" ] || ! sanitized; }

clocks() { echo "$1 $2" >"$LAB/clocks.new" && mv "$LAB/clocks.new" "$LAB/clocks"; }

clocks_made() {
	need "a compiler" command -v cc
	need "the shim" cc -shared -fPIC -O1 -o "$LAB/shim.so" \
	    "$HERE/clock_shim.c"
	preloads || {
		say "SKIP: nothing can be loaded before this sanitizer"
		exit 77
	}
	cat >"$LAB/shadowmxd" <<-END
	#!/bin/sh
	LD_PRELOAD=$LAB/shim.so${LD_PRELOAD:+:$LD_PRELOAD} CLOCK_SHIM=$LAB/clocks exec "$SHADOWMXD" "\$@"
	END
	chmod 755 "$LAB/shadowmxd"
	SHADOWMXD=$LAB/shadowmxd
	clocks 0 0
}
