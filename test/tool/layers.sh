#!/bin/sh
# Keeps the layers honest.  Includes are written from lib/ ("core/hold.h"), so a
# look at the text is enough.
cd "${srcdir:-.}" || exit 1
bad=0

# forbid DIRS PATTERN WHY
forbid() {
	# shellcheck disable=SC2086
	if grep -nE "^#include $2" -r $1; then
		echo "^ $3"
		bad=1
	fi
}

# alone HEADER FILE: one foreign header, one file that may know it.
alone() {
	for f in $(grep -lE "^#include <$1>" -r include lib src); do
		[ "$f" = "$2" ] || { echo "$f: <$1> belongs in $2"; bad=1; }
	done
	grep -qE "^#include <$1>" "$2" || { echo "$2: no <$1> here"; bad=1; }
}

forbid include '"' "a public header may not reach into lib/"
forbid "src examples" '"(base|core|io|glue)/' "programs use <shadowmx/...> only"
forbid lib/base '"(core|io|glue)/' "base knows nothing above it"
forbid lib/core '"(io|glue)/' "core decides; it does not do"
forbid lib/core '<(sys/|net|arpa|unistd|fcntl|pthread|time|signal)' \
    "core is free of I/O, threads and clocks"
forbid lib/io '"glue/' "io does not know who calls it"
forbid "lib/base lib/core lib/io include src" '<libmilter/' \
    "libmilter belongs to glue/milter.c"

while read -r header file; do
	alone "$header" "$file"
done <<EOF
libmilter/mfapi.h lib/glue/milter.c
libconfig.h lib/io/conf_file.c
maxminddb.h lib/io/geo_mmdb.c
sqlite3.h lib/io/db_sqlite.c
openssl/ssl.h lib/io/tls.c
openssl/x509v3.h lib/io/certcheck.c
curl/curl.h lib/io/stsfetch.c
resolv.h lib/io/resolve_ask.c
arpa/nameser.h lib/io/resolve_ask.c
jansson.h src/ctl_json.c
EOF

# No shell, ever.
if grep -nE '\b(system|popen|wordexp)[[:space:]]*\(' -r lib src; then
	echo "^ no shell"
	bad=1
fi
[ $bad = 0 ] && echo "layers hold"
exit $bad
