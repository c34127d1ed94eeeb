# SPDX-License-Identifier: BSD-2-Clause
"""What the workers take."""

import json
import os
import time

from badinput.amends import many_large
from badinput.flood import many_peers
from badinput.lab import Broken, need
from badinput.sizes import large_body

LINK_KIB = 120  # of a connection between the two, with its thread


def counts(size):
    return {k: v for k, v in size.items() if k != "kinds"}


def need_no_growth(lab, name, was, now, descriptors, threads, rss):
    """What is in use between the two hosts comes and goes, and does not count; the
    pool of libmilter has a few threads more or less."""
    more = {
        kind: "%d, then %d" % (was["kinds"].get(kind, 0), now["kinds"].get(kind, 0))
        for kind in sorted(set(was["kinds"]) | set(now["kinds"]))
        if was["kinds"].get(kind, 0) != now["kinds"].get(kind, 0)
    }
    words = "%s: %s, then %s; %s" % (name, counts(was), counts(now), more)
    need(now["descriptors"] <= was["descriptors"] + descriptors, words)
    need(now["threads"] <= was["threads"] + threads, words)
    rss += LINK_KIB * max(0, now["links"] - was["links"])
    need(lab.sanitized or now["rss"] <= was["rss"] + rss, words)


def until_settled(claim, *args, seconds=90):
    """What was closed takes its time, on a busy machine more of it."""
    until = time.time() + seconds
    while True:
        try:
            return claim(*args)
        except Broken:
            if time.time() > until:
                raise
            time.sleep(0.3)


def leaves_nothing(lab, host, before):
    """After one part, much less than after all of them."""

    def nothing():
        need_no_growth(lab, host.name, before, host.size(), 4, 8, 6000)

    until_settled(nothing)


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
            need_no_growth(lab, name, before[name], after[name], 8, 12, 12000)
            print("   %s from %s to %s" % (name, counts(before[name]), counts(after[name])), flush=True)

    lab.case("growth: descriptors, threads, memory", until_settled, grown)
