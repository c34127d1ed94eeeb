# SPDX-License-Identifier: BSD-2-Clause
"""How often a message may be delivered, after faults that were written down.

A message may arrive once, and once more

    for each time that a holder took it over: lines "ID: event=claimed" in
    HOST/shadowmxd.log, ID being one of its queue ids, "ID: message-id=<SERIAL@"
    in HOST/mail.log;
    for each crash while it was open, from the client's try to its last delivery:
    lines "crash FROM TO" in the file of faults;
    for each old or foreign queue that was put in the place of another and had
    it: lines "again SERIAL" there.
"""

import collections
import glob
import os
import re

MAIL_ID = re.compile(r": ([0-9A-Za-z]{6,}): message-id=<([^@>]+)@")
CLAIMED = re.compile(r"([0-9A-Za-z]{6,}): event=claimed ")


def lines_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            yield from f
    except OSError:
        return


class Bound:
    def __init__(self, lab, faults):
        self.crashes = []
        self.again = collections.Counter()
        self.claims = collections.Counter()
        for line in lines_of(faults):
            words = line.split()
            if words[0] == "crash":
                self.crashes.append((float(words[1]), float(words[2])))
            else:
                self.again[words[1]] += 1
        self.read_logs(lab)

    def read_logs(self, lab):
        serials = {}
        for path in glob.glob(os.path.join(lab, "*", "mail.log")):
            for line in lines_of(path):
                found = MAIL_ID.search(line)
                if found:
                    serials[found.group(1)] = found.group(2)
        for path in glob.glob(os.path.join(lab, "*", "shadowmxd.log")):
            for line in lines_of(path):
                found = CLAIMED.search(line)
                if found and found.group(1) in serials:
                    self.claims[serials[found.group(1)]] += 1

    def of(self, serial, first, last):
        """How many times more than once."""
        return (
            self.claims[serial]
            + self.again[serial]
            + sum(1 for b, e in self.crashes if b <= last and e >= first)
        )
