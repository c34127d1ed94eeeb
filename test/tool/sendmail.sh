#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# A private Sendmail beside whatever MTA is installed: prints the folder that it
# is unpacked in, fetching it first where that has not been done yet.
#
#	sendmail.sh		the folder, or nothing and status 1
#	sendmail.sh -n		the same, but nothing is fetched
#
# Nothing is installed: Debian's packages of Sendmail and Postfix exclude each
# other, what is in them does not.  SMX_SENDMAIL names another place to unpack to.
root=${SMX_SENDMAIL:-/var/cache/shadowmx-test/sendmail}
# Sendmail itself, and what it links with that is not everywhere.
packages="sendmail-bin sendmail-cf"
libraries="libwrap0 libsasl2-2 libldap-2.5-0 libdb5.3"

complete() {
	[ -f "$root/complete" ]
}

fetch() {
	want=$packages
	for p in $libraries; do
		dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null |
		    grep -q '^install ok installed' || want="$want $p"
	done
	# An index that is not there is fetched; one that is will do.
	# shellcheck disable=SC2086
	(cd "$new" && { apt-get download -qq $want || {
		apt-get update -qq && apt-get download -qq $want
	}; }) >"$new/log" 2>&1 || {
		tail -n 3 "$new/log" >&2
		return 1
	}
	for p in "$new"/*.deb; do
		dpkg -x "$p" "$new" || return 1
		rm -f "$p"
	done
	# Not set-group-id: that would make it somebody else's program.
	mkdir "$new/bin" &&
	    cp "$new/usr/libexec/sendmail/sendmail" "$new/bin/sendmail" &&
	    chmod 755 "$new/bin/sendmail" && links
}

# Where the libraries lie that were unpacked with it.
lib_of() {
	find "$1/usr/lib" "$1/lib" -name 'lib*.so.*' 2>/dev/null |
	    sed 's,/[^/]*$,,' | sort -u | tr '\n' ':' | sed 's/:$//'
}

links() {
	LD_LIBRARY_PATH=$(lib_of "$new") ldd "$new/bin/sendmail" >"$new/ldd" &&
	    ! grep 'not found' "$new/ldd" >&2
}

if ! complete; then
	[ "${1:-}" != -n ] || exit 1
	mkdir -p "$(dirname "$root")" || exit 1
	exec 9>"$root.lock"
	flock -w 300 9 || exit 1
fi
if ! complete; then
	rm -rf "$root"
	new=$(mktemp -d "$root.XXXXXX") || exit 1
	trap 'rm -rf "$new"' EXIT
	# apt drops its rights for the download.
	chown _apt "$new" 2>/dev/null
	fetch || {
		echo "Sendmail cannot be had" >&2
		exit 1
	}
	chown root "$new"
	chmod 755 "$new"
	lib_of "$new" | sed "s,$new,$root,g" >"$new/lib_path"
	: >"$new/complete"
	mv "$new" "$root" || exit 1
	trap - EXIT
fi
echo "$root"
