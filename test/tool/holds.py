#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a process has open, by kind.

    holds.py PID [PARTNER...]

Connections of the process to a PARTNER, open at both ends, are of the kind
LINK: there are as many as had work at the same time during the last minutes
(lib/io/link_pool.c), so their number says nothing of a leak.  One line "NUMBER
KIND" for each kind; the last says how many there are of all others.
"""

import collections
import os
import re
import sys

LINK = "link"
ESTABLISHED = "01"
LISTENS = "0A"


def targets(pid):
    """Descriptor and what it is, of those that last long enough to be looked at."""
    folder = "/proc/%d/fd" % pid
    for fd in os.listdir(folder):
        try:
            yield os.readlink(os.path.join(folder, fd))
        except OSError:
            pass


def sockets(pid):
    return {m[1] for m in (re.match(r"socket:\[(\d+)\]", t) for t in targets(pid)) if m}


def table(pid, name):
    try:
        with open("/proc/%d/net/%s" % (pid, name), encoding="utf-8") as f:
            return [line.split() for line in f][1:]
    except OSError:
        return []


class Network:
    """TCP and Unix sockets of a process, by inode."""

    def __init__(self, pid, partners):
        rows = table(pid, "tcp") + table(pid, "tcp6")
        self.ends = {r[9]: (r[1], r[2], r[3]) for r in rows}
        self.unix = {r[6]: r[7] if len(r) > 7 else "" for r in table(pid, "unix")}
        self.ports = {
            self.ends[s][0].split(":")[1]
            for s in sockets(pid)
            if s in self.ends and self.ends[s][2] == LISTENS
        }
        self.theirs = {
            self.ends[s][:2]
            for partner in partners
            for s in sockets(partner)
            if s in self.ends and self.ends[s][2] == ESTABLISHED
        }

    def kind(self, inode):
        if inode in self.unix:
            return "unix " + os.path.basename(self.unix[inode])
        if inode not in self.ends:
            return "socket"
        here, there, state = self.ends[inode]
        if state == ESTABLISHED and (there, here) in self.theirs:
            return LINK
        return "tcp %s %s" % (state, "in" if self.came_in(inode) else "out")

    def came_in(self, inode):
        return self.ends[inode][0].split(":")[1] in self.ports


def holds(pid, partners=()):
    """Counts by kind, and how many of LINK were opened by the other side: each
    of these has a thread."""
    network = Network(pid, partners)
    kinds, served = collections.Counter(), 0
    for target in targets(pid):
        inode = re.match(r"socket:\[(\d+)\]", target)
        if not inode:
            target = re.sub(r":\[\d+\]$", "", target)
            kinds["deleted" if target.endswith(" (deleted)") else target] += 1
            continue
        kind = network.kind(inode[1])
        kinds[kind] += 1
        served += kind == LINK and network.came_in(inode[1])
    return kinds, served


def threads(pid):
    """Of a process, by what they wait for."""
    kinds = collections.Counter()
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/wchan" % (pid, task), encoding="utf-8") as f:
                kinds["thread " + (f.read().split(".")[0] or "?")] += 1
        except OSError:
            pass
    return kinds


def main():
    pids = [int(word) for word in sys.argv[1:]]
    kinds, _ = holds(pids[0], pids[1:])
    for kind in sorted(kinds):
        print(kinds[kind], kind)
    print(sum(kinds.values()) - kinds[LINK])


if __name__ == "__main__":
    main()
