#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A hostile peer: test/mta/hostile.sh says what for.

    hostile.py FOLDER PART...

FOLDER is the laboratory of lib.sh, with hosts "a" (a primary with open
messages), "b" (their holder) and the key of a member "m" that is nobody's
friend.  A part is a function part_NAME of badinput/.  One line per case; the
last says how many.  Every case also checks that the workers of both hosts are
the same processes as before and that b still holds all that it held for a.
"""

import ssl
import sys

sys.dont_write_bytecode = True

from badinput import (
    amends,
    config,
    control,
    flood,
    growth,
    handshake,
    keys,
    milter,
    rogue,
    shadows,
    sizes,
    stops,
    takeover,
    verbs,
)
from badinput.lab import Broken, Lab

PARTS = {
    "handshake": handshake.part_handshake,
    "verbs": verbs.part_verbs,
    "shadows": shadows.part_shadows,
    "keys": keys.part_keys,
    "amends": amends.part_amends,
    "sizes": sizes.part_sizes,
    "stall": stops.part_stall,
    "stalled": stops.part_stalled,
    "flood": flood.part_flood,
    "milter": milter.part_milter,
    "control": control.part_control,
    "config": config.part_config,
    "rogue": rogue.part_rogue,
    "takeover": takeover.part_takeover,
    "before": growth.part_before,
    "after": growth.part_after,
}


def main():
    lab = Lab(sys.argv[1])
    for part in sys.argv[2:]:
        try:
            PARTS[part](lab)
            size = lab.b.size()
            del size["kinds"]
            print("   after %s: b %s" % (part, size), flush=True)
        except (Broken, OSError, ssl.SSLError) as e:
            lab.failed += 1
            print("FAIL %s: %s" % (part, e), flush=True)
    print("%d passed, %d failed" % (lab.passed, lab.failed))
    return 0 if lab.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
