# SPDX-License-Identifier: BSD-2-Clause
"""What comes before the first word."""

import socket
import ssl

from badinput.lab import (
    Broken,
    CHANCE,
    DEADLINE,
    is_logged,
    need,
)
from badinput.peer import (
    EHLO,
    Peer,
    context,
    key,
    keys_request,
    shadow,
)


def closed_within(s, seconds=DEADLINE):
    """It ends, whatever it says before."""
    s.settimeout(seconds)
    try:
        while s.recv(65536):
            pass
    except socket.timeout as e:
        raise Broken("still open after %d s" % seconds) from e
    except OSError:
        pass


def raw_bytes(lab, data):
    start = lab.b.log_size()
    with socket.create_connection(lab.b.peer, DEADLINE) as s:
        try:
            s.sendall(data)
        except OSError:
            pass
        closed_within(s, 40)
    is_logged(lab.b, start, "event=peer-refused")


def handshake_fails(lab, *args, **how):
    start = lab.b.log_size()
    c = context(lab, *args, **how)
    with socket.create_connection(lab.b.peer, DEADLINE) as raw:
        raw.settimeout(DEADLINE)
        try:
            s = c.wrap_socket(raw)
            got = s.recv(100)  # TLS 1.3 tells a client only afterwards
            need(got == b"", "it was greeted", got)
        except (OSError, ssl.SSLError):
            pass
    is_logged(lab.b, start, "event=peer-refused")


def probes(lab, count):
    for _ in range(count):
        socket.create_connection(lab.b.peer, DEADLINE).close()


def record(lab, data):
    """The TCP bytes of the client's side of a conversation."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context(lab).wrap_bio(incoming, outgoing)
    taken = b""
    with socket.create_connection(lab.b.peer, DEADLINE) as s:
        s.settimeout(DEADLINE)

        def pump():
            nonlocal taken
            out = outgoing.read()
            taken += out
            s.sendall(out)
            got = s.recv(65536)
            need(got, "closed while recording")
            incoming.write(got)

        def until(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    pump()

        until(tls.do_handshake)
        until(lambda: tls.read(4096))
        tls.write(data)
        until(lambda: tls.read(4096))
    return taken


def replay_bytes(lab):
    taken = record(lab, EHLO + shadow(700))
    with Peer(lab) as p:
        need(p.ask(keys_request("DISCARD", [key(700)]))[:3] == "250", "discard")
    for _ in range(3):
        raw_bytes(lab, taken)


def part_handshake(lab):
    for name, data in (
        ("EHLO before TLS", b"EHLO m.test.invalid\r\nQUIT\r\n"),
        ("HTTP GET before TLS", b"GET / HTTP/1.1\r\nHost: b\r\n\r\n"),
        ("random bytes", CHANCE.randbytes(4096)),
        ("10 MB of zeros", bytes(10000000)),
        ("a record of the wrong length", b"\x16\x03\x01\xff\xff" + bytes(70000)),
    ):
        lab.case("handshake: " + name, raw_bytes, lab, data)
    v12 = ssl.TLSVersion.TLSv1_2
    for name, args, how in (
        ("TLS 1.2", ("m",), {"version": v12}),
        ("no ALPN", ("m", None), {}),
        ("another ALPN", ("m", "http/1.1"), {}),
        ("a later ALPN", ("m", "shadowmx/2"), {}),
        ("no certificate", (None,), {}),
        ("a pin that nobody has", ("stranger",), {}),
    ):
        lab.case(
            "handshake: " + name, lambda a=args, h=how: handshake_fails(lab, *a, **h)
        )
    lab.case("handshake: 300 probes that connect and close", probes, lab, 300)
    lab.case("handshake: a recorded conversation once more", replay_bytes, lab)
