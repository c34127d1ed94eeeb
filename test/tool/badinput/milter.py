# SPDX-License-Identifier: BSD-2-Clause
"""The milter socket."""

import socket
import struct
import time

from badinput.growth import leaves_nothing
from badinput.lab import CHANCE, DEADLINE, need, one_more_message


def milter_open(lab):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(DEADLINE)
    s.connect(lab.a.milter)
    return s


def frame(command, data=b""):
    return struct.pack(">I", len(data) + 1) + command + data


NEGOTIATE = frame(b"O", struct.pack(">III", 6, 0x1FF, 0x1FFFFF))
CONNECT = frame(b"C", b"client\0" + b"4" + struct.pack(">H", 25) + b"192.0.2.1\0")


def milter_says(lab, data, close=True):
    """It answers or closes, and goes on serving others."""
    s = milter_open(lab)
    try:
        s.sendall(data)
        s.settimeout(0.5)
        s.recv(4096)
    except socket.timeout:
        pass
    except OSError:
        pass
    s.close()


def milter_many(lab, count, data):
    """Connections that stay; mail goes on."""
    all_of_them = []
    for _ in range(count):
        s = milter_open(lab)
        s.sendall(data)
        all_of_them.append(s)
    try:
        one_more_message(lab)
    finally:
        for s in all_of_them:
            s.close()


def milter_probes(lab, count):
    for _ in range(count):
        milter_open(lab).close()


def part_milter(lab):
    before = lab.a.size()
    mail = frame(b"M", b"<a@b.invalid>\0")
    rcpt = frame(b"R", b"<c@d.invalid>\0")
    ready = NEGOTIATE + CONNECT
    long = b"L" + b"x" * 5 + b"\0" + b"y" * 60000 + b"\0"
    for name, data in (
        ("HTTP GET", b"GET / HTTP/1.0\r\n\r\n"),
        ("a command of no bytes", b"\0\0\0\0"),
        ("a command of 4 GB", b"\xff\xff\xff\xffO"),
        ("a line of 10 MB", struct.pack(">I", 10000000) + b"O" + b"x" * 9999999),
        ("10 MB of text", b"x" * 10000000),
        ("random bytes", CHANCE.randbytes(100000)),
        ("a strange version", frame(b"O", struct.pack(">III", 99, 0, 0))),
        ("half a negotiation", frame(b"O", b"\0\0")),
        ("an unknown command", NEGOTIATE + frame(b"Z", b"\0")),
        ("no negotiation", CONNECT + mail + rcpt),
        ("a strange family", NEGOTIATE + frame(b"C", b"x\0?\0\0\0")),
        ("a client without its end", NEGOTIATE + frame(b"C", b"x" * 5000)),
        ("an address that is none", NEGOTIATE + frame(b"C", b"x\0" + b"4\0\x19" + b"%n" * 2000 + b"\0")),
        ("RCPT before MAIL", ready + rcpt),
        ("MAIL twice", ready + mail + mail + frame(b"E")),
        ("MAIL without an address", ready + frame(b"M", b"\0")),
        ("MAIL without its end", ready + frame(b"M", b"<x" * 100)),
        ("MAIL of no bytes", ready + frame(b"M")),
        ("end of message at once", ready + frame(b"E")),
        ("body before header", ready + mail + rcpt + frame(b"B", b"x" * 65535)),
        ("a header without a value", ready + mail + rcpt + frame(b"L", b"Subject\0")),
        ("a header of 60 KB", ready + mail + rcpt + frame(b"L", long[1:])),
        ("macros without end", ready + frame(b"D", b"M" + b"i\0" * 3000)),
        ("a macro cut short", ready + frame(b"D", b"Mi")),
        ("no macros at all", ready + mail + rcpt + frame(b"T") + frame(b"N")),
        ("abort without end", ready + frame(b"A") * 5000),
    ):
        lab.case("milter: " + name, milter_says, lab, data)
    lab.case("milter: a message goes through", one_more_message, lab)
    lab.case("milter: 300 probes that connect and close", milter_probes, lab, 300)
    lab.case("milter: 200 silent connections beside mail", milter_many, lab, 200, b"")
    lab.case("milter: 200 greeted ones beside mail", milter_many, lab, 200, ready)
    lab.case("milter: 200 half commands beside mail", milter_many, lab, 200, b"\0\0")
    lab.case("milter: no descriptor stays open", leaves_nothing, lab, lab.a, before)
