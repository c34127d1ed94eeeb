#!/bin/sh
# Installs what building and testing need and this machine lacks (Debian 12, as
# root).  Quiet when nothing is missing.
want="autoconf automake libtool pkg-config gcc make m4 binutils
libmilter-dev libconfig-dev libmaxminddb-dev libsqlite3-dev libssl-dev
libjansson-dev libcurl4-openssl-dev check miltertest postfix swaks python3 python3-dkim openssl
strace iproute2 procps mandoc bc util-linux sqlite3 valgrind xz-utils psmisc
spin user-mode-linux e2fsprogs jq
dovecot-core dovecot-lmtpd
nsd"
miss=
for p in $want; do
	dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null |
	    grep -q '^install ok installed' || miss="$miss $p"
done
# Sendmail excludes Postfix as a package: it is unpacked beside it.  What needs it
# says so when it cannot be had.
sendmail() {
	sh "$(dirname "$0")/sendmail.sh" >/dev/null || :
}
[ -z "$miss" ] && { sendmail; exit 0; }
echo "installing:$miss"
export DEBIAN_FRONTEND=noninteractive
# A Postfix that is not installed yet comes without a configuration: the tests
# use private instances only.
echo "postfix postfix/main_mailer_type select No configuration" |
    debconf-set-selections 2>/dev/null
apt-get update -qq || exit 1
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $miss >/dev/null || exit 1
sendmail
