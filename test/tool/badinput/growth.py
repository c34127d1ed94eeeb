# SPDX-License-Identifier: BSD-2-Clause
"""What the workers take."""

import json
import os
import time

from badinput.lab import Broken, need
def measure(lab, kind):
    path = os.path.join(lab.folder, "sizes")
    sizes = {h.name: h.size() for h in (lab.a, lab.b)}
    with open(path + "." + kind, "w", encoding="utf-8") as f:
        json.dump(sizes, f)
    return sizes


def part_before(lab):
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
            need(lab.sanitized or now["rss"] <= was["rss"] + 24000, words)
        print("   from %s to %s" % (before, after), flush=True)

    def settle():
        until = time.time() + 15
        while True:
            try:
                return grown()
            except Broken:
                if time.time() > until:
                    raise
                time.sleep(0.5)

    lab.case("growth: descriptors, threads, memory", settle)
