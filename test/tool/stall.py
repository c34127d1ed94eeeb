#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Connections that say nothing, or stop in the middle.

    stall.py COUNT unix:PATH|HOST:PORT

Opens as many as it can, prints "N open, M refused", and keeps them until its
standard input ends.  Every second one says the beginning of something.
"""

import resource
import socket
import sys

BEGINNING = b"\0\0\0\rO\0\0\0"  # of a milter's option negotiation, or of rubbish


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 64
    count, target = int(sys.argv[1]), sys.argv[2]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    family, address = socket.AF_UNIX, target[5:]
    if not target.startswith("unix:"):
        host, _, port = target.rpartition(":")
        family, address = socket.AF_INET, (host, int(port))
    kept, refused = [], 0
    for number in range(count):
        s = socket.socket(family, socket.SOCK_STREAM)
        s.settimeout(0.2)
        try:
            s.connect(address)
            if number % 2:
                s.sendall(BEGINNING)
            kept.append(s)
        except OSError:
            refused += 1
            s.close()
    print("%d open, %d refused" % (len(kept), refused), flush=True)
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
