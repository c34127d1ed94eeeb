# SPDX-License-Identifier: BSD-2-Clause
"""What the workers take."""

import json
import os
import time

from badinput.amends import many_large
from badinput.flood import many_peers
from badinput.lab import Broken, need
from badinput.sizes import large_body


def leaves_nothing(lab, host, before, seconds=45):
    """After one part, much less than after all of them.  The pool of libmilter has a
    few threads more or less."""
    until = time.time() + seconds
    while True:
        now = host.size()
        words = "%s: %s, then %s" % (host.name, before, now)
        if (
            now["descriptors"] <= before["descriptors"] + 4
            and now["threads"] <= before["threads"] + 8
            and (lab.sanitized or now["rss"] <= before["rss"] + 6000)
        ):
            return
        need(time.time() < until, words)
        time.sleep(0.3)


def measure(lab, kind):
    path = os.path.join(lab.folder, "sizes")
    sizes = {h.name: h.size() for h in (lab.a, lab.b)}
    with open(path + "." + kind, "w", encoding="utf-8") as f:
        json.dump(sizes, f)
    return sizes


def part_before(lab):
    """Memory that is in use once at a time stays with the process: what is looked
    for is more of it the second time."""
    for _ in range(2):
        many_large(lab)
        many_peers(lab)
    large_body(lab)
    measure(lab, "before")


def part_after(lab):
    with open(os.path.join(lab.folder, "sizes.before"), encoding="utf-8") as f:
        before = json.load(f)

    def grown():
        after = {h.name: h.size() for h in (lab.a, lab.b)}
        for name in after:
            was, now = before[name], after[name]
            words = "%s: %s, then %s" % (name, was, now)
            need(now["descriptors"] <= was["descriptors"] + 8, words)
            need(now["threads"] <= was["threads"] + 12, words)
            need(lab.sanitized or now["rss"] <= was["rss"] + 12000, words)
        print("   from %s to %s" % (before, after), flush=True)

    def settle():
        until = time.time() + 45
        while True:
            try:
                return grown()
            except Broken:
                if time.time() > until:
                    raise
                time.sleep(0.5)

    lab.case("growth: descriptors, threads, memory", settle)
