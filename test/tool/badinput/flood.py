# SPDX-License-Identifier: BSD-2-Clause
"""Too much, and too many."""

import os
import re
import ssl
import threading
import time

from badinput.lab import (
    Broken,
    DEADLINE,
    is_logged,
    need,
    one_more_message,
)
from badinput.peer import Peer, shadow
from badinput.stops import opened


def unfinished(lab, size, sent):
    """A large message that ends in the middle leaves nothing."""
    folder = os.path.join(lab.b.folder, "store")

    def used_bytes():
        return sum(
            os.path.getsize(os.path.join(d, f))
            for d, _, files in os.walk(folder)
            for f in files
            if "shadow" not in f
        )

    piece = bytes(65536)
    before = used_bytes()
    p = Peer(lab)
    p.send(shadow(300, SIZE=size, bdat="BDAT %d LAST" % size, content=b""))
    for _ in range(sent // len(piece)):
        p.s.sendall(piece)
    p.close()
    until = time.time() + DEADLINE
    while used_bytes() > before + 100000:
        need(time.time() < until, "left", used_bytes() - before, "bytes")
        time.sleep(0.1)


def too_large(lab):
    p = Peer(lab)
    limit = int(re.search(r"CONTENT=(\d+)", p.hello).group(1))
    p.send(shadow(301, SIZE=limit + 1, content=b""))
    got = p.codes()
    need(got == [552], "answers", got)


def over_quota(lab):
    """Within the limit of a message, beyond that of the store."""
    p = Peer(lab)
    limit = int(re.search(r"CONTENT=(\d+)", p.hello).group(1))
    p.send(shadow(302, SIZE=limit, bdat="BDAT %d LAST" % limit, content=b""))
    for _ in range(200):
        p.s.sendall(bytes(65536))
    p.close()


def part_flood(lab):
    lab.case("flood: content over the limit", too_large, lab)
    lab.case("flood: content over the quota, given up", over_quota, lab)
    lab.case("flood: 30 MB of a message, then gone", unfinished, lab, 50000000, 30000000)
    lab.case("flood: a member connects 200 times at once", many_peers, lab)
    lab.case("flood: 200 strangers who say nothing", many_strangers, lab)


def many_peers(lab):
    time.sleep(1.1)  # what came before must not use up the lines of this second
    start = lab.b.log_size()
    got = {"220": 0, "421": 0, "closed": 0}
    lock = threading.Lock()
    peers = []

    def one():
        try:
            p = Peer(lab, hello=False)
            word = p.greeting[:3] if p.greeting != "closed" else "closed"
        except (OSError, ssl.SSLError, Broken):
            p, word = None, "closed"
        with lock:
            got[word] += 1
            peers.append(p)

    threads = [threading.Thread(target=one) for _ in range(200)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    one_more_message(lab)
    for p in peers:
        if p is not None:
            p.close()
    need(0 < got["220"] <= 64, "answers", got)
    need(got["421"] + got["closed"] >= 136, "answers", got)
    # Those that were closed had to make room before they were known.
    refusal = "too many connections" if got["421"] else "event=peer-refused"
    is_logged(lab.b, start, refusal)
    until = time.time() + DEADLINE
    while True:
        try:
            Peer(lab).close()
            return
        except (Broken, OSError):
            need(time.time() < until, "not served again")
            time.sleep(0.1)


def many_strangers(lab):
    start = lab.b.log_size()
    open_ones = [opened(lab) for _ in range(200)]
    time.sleep(0.3)
    began = time.time()
    try:
        Peer(lab).close()
    except (OSError, Broken) as e:
        raise Broken("they lock a member out: %s" % e) from e
    need(time.time() - began < 15, "slow")
    one_more_message(lab)
    for s in open_ones:
        s.close()
    is_logged(lab.b, start, "event=peer-refused")
