# SPDX-License-Identifier: BSD-2-Clause
#
# States of a host's disk: queues and stores that are kept, and put back or in the
# place of another's.  Source this file after lib.sh.
#
#	keep HOST PART NAME	a copy of its "spool" or "store", made with all
#				stopped
#	put HOST PART NAME	that copy in the place of what HOST has; an empty
#				folder when there is none of that NAME

MARKER=shadowmx/shadowmx.epoch

# A file copied with its folder is another file: the marker is told its new
# inode, as if the whole file system had been brought back.
marker_as_on_disk() {
	[ -f "$1/$MARKER" ] || return 0
	$PYTHON -c '
import os, re, sys
with open(sys.argv[1], "r+") as f:
    text = f.read()
    text = re.sub("(?m)^inode .*", "inode %d" % os.stat(f.fileno()).st_ino, text)
    f.seek(0)
    f.truncate()
    f.write(text)' "$1/$MARKER"
}

# keep HOST PART NAME: a copy of its spool or store, made with all stopped
keep() { cp -a "$LAB/$1/$2" "$LAB/$3.$2"; }

# put HOST PART NAME: in the place of what it has, in one step each way
put() {
	rm -rf "$LAB/$1.put"
	if [ -d "$LAB/$3.$2" ]; then
		cp -a "$LAB/$3.$2" "$LAB/$1.put"
		[ -n "${COPIED:-}" ] || marker_as_on_disk "$LAB/$1.put"
	else
		mkdir "$LAB/$1.put"
		chmod 755 "$LAB/$1.put"
		[ "$2" = spool ] || {
			chmod 700 "$LAB/$1.put"
			chown "$WORKER_USER" "$LAB/$1.put"
		}
	fi
	mv "$LAB/$1/$2" "$LAB/$1/$2.gone"
	# A daemon that runs may have made another, or still write to the old one.
	mv -T "$LAB/$1.put" "$LAB/$1/$2" || {
		rm -rf "${LAB:?}/$1/$2"
		mv -T "$LAB/$1.put" "$LAB/$1/$2"
	}
	pf_wait 5 rm -rf "$LAB/$1/$2.gone"
}
