# SPDX-License-Identifier: BSD-2-Clause
"""Peers that stop in the middle, never read, or drip."""

import select
import socket
import threading
import time

from badinput.lab import Broken, DEADLINE, need
from badinput.peer import (
    CONTENT,
    EHLO,
    ENVELOPE,
    Peer,
    STEP,
    key,
    keys_request,
    shadow,
)


def opened(lab):
    return socket.create_connection(lab.b.peer, DEADLINE)


def stop_in_handshake(lab, data):
    s = opened(lab)
    s.sendall(data)
    return s


def stop_after(lab, data, hello=True):
    p = Peer(lab, hello=hello)
    p.send(data)
    return p.s


def never_read(lab):
    p = Peer(lab, room=4096)
    p.s.settimeout(1)
    try:
        for _ in range(200):
            p.s.sendall(b"NOOP\r\n" * 10000)
    except OSError:
        return p.s
    raise Broken("it goes on for somebody who reads nothing")


def is_closed(s):
    p = select.poll()
    p.register(s.fileno(), select.POLLRDHUP)
    return any(
        e & (select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        for _, e in p.poll(0)
    )


def stalls(lab):
    whole = shadow(200)
    line = whole.index(b"\r\n") + 2
    body = len(whole) - len(CONTENT)
    discard = keys_request("DISCARD", [key(i) for i in range(5)])
    yield "before a handshake", 10, lambda: opened(lab)
    yield "in a handshake", 10, lambda: stop_in_handshake(lab, b"\x16\x03\x01\x02")
    yield "before EHLO", STEP, lambda: stop_after(lab, b"", False)
    yield "in EHLO", STEP, lambda: stop_after(lab, EHLO[:20], False)
    yield "in a verb", STEP, lambda: stop_after(lab, b"NO")
    for name, at in (
        ("in SHADOW", 30),
        ("before the envelope", line),
        ("in the envelope", line + 20),
        ("before BDAT", line + len(ENVELOPE)),
        ("in BDAT", line + len(ENVELOPE) + 3),
        ("before the content", body),
        ("in the content", body + 5),
        ("before the last byte", len(whole) - 1),
    ):
        yield name, STEP, lambda at=at: stop_after(lab, whole[:at])
    yield "before the keys", STEP, lambda: stop_after(lab, discard[:11])
    yield "between keys", STEP, lambda: stop_after(lab, discard[: 11 + 51 * 2])
    yield "in a key", STEP, lambda: stop_after(lab, discard[:40])
    yield "in QUERY", STEP, lambda: stop_after(lab, b"QUERY 3\r\n")
    yield "in LIST", STEP, lambda: stop_after(lab, b"LIST AFTER=")
    yield "in BEAT", STEP, lambda: stop_after(lab, b"BEAT MTA")
    yield "reads no answer", 2 * STEP, lambda: never_read(lab)


def part_stall(lab):
    """Begin; part_stalled looks at the end."""
    for name, seconds, begin in stalls(lab):
        try:
            s = begin()
            lab.stalls.append((name, seconds, time.time(), s))
        except (OSError, Broken) as e:
            lab.failed += 1
            print("FAIL stops %s: %s" % (name, e), flush=True)
    drip = Peer(lab)
    drip.s.settimeout(2)

    def dribble():
        try:
            for _ in range(60):
                drip.s.sendall(b"x")
                time.sleep(1)
        except OSError:
            pass

    threading.Thread(target=dribble, daemon=True).start()
    lab.stalls.append(("one byte a second", STEP, time.time(), drip.s))


def is_ended(lab, seconds, began, s):
    until = began + seconds + DEADLINE
    while not is_closed(s):
        need(time.time() < until, "still open after", int(time.time() - began), "s")
        time.sleep(0.2)
    s.close()


def part_stalled(lab):
    for name, seconds, began, s in lab.stalls:
        lab.case("stops: " + name, is_ended, lab, seconds, began, s)
