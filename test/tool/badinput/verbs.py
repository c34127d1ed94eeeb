# SPDX-License-Identifier: BSD-2-Clause
"""Verbs: foreign, out of order, too long, out of bounds."""

import time

from badinput.lab import PACE, is_logged, need
from badinput.peer import (
    EHLO,
    EPOCH,
    MINE,
    Peer,
    key,
    shadow,
)


def verb_case(lab, data, codes, hello=True, log=None):
    start = lab.b.log_size()
    with Peer(lab, hello=hello) as p:
        p.send(data)
        # A half-closed connection: the server sees the end behind the last
        # answer, and every case ends.
        p.send(b"QUIT\r\n")
        got = p.codes()
    if got and got[-1] == 221:
        got.pop()
    need(got == codes, "answers", got, "not", codes)
    if log is None and any(c >= 500 for c in codes):
        log = "event=peer-mistake .*m.test.invalid"
    if log:
        is_logged(lab.b, start, log)
    time.sleep(PACE)


def verbs_before_hello(lab):
    bad = b"EHLO m VERSION=1.0"
    hex32 = MINE.encode()
    return (
        ("MAIL before EHLO", b"MAIL FROM:<a@b.invalid>\r\n", [503]),
        ("HELO", b"HELO m.test.invalid\r\n", [503]),
        ("HTTP GET inside TLS", b"GET / HTTP/1.1\r\nHost: b\r\n\r\n", [503]),
        ("SHADOW before EHLO", shadow(1), [503]),
        ("EHLO of another version", b"EHLO m VERSION=2.0\r\n", [556]),
        ("EHLO without version", b"EHLO m\r\n", [501]),
        ("EHLO with half a number", b"EHLO m VERSION=1\r\n", [501]),
        ("EHLO with a version twice", bad + b" VERSION=1.0\r\n", [501]),
        ("EHLO with half its state", bad + b" INCARNATION=" + hex32 + b"\r\n", [501]),
        ("EHLO with a short epoch", EHLO.replace(EPOCH.encode(), b"12.1"), [501]),
        ("EHLO with a signed sequence", EHLO.replace(b"=1\r", b"=-1\r"), [501]),
        ("EHLO with 2^64", EHLO.replace(b"=1\r", b"=%d\r" % 2**64), [501]),
        ("EHLO of 5000 bytes", b"EHLO m " + b"x" * 5000 + b"\r\n", [552]),
        ("1 MB without a line end", b"EHLO" + b"x" * 1000000, [552]),
    )


def verbs_after_hello(lab):
    ok, noop = [250], b"NOOP\r\n"
    return (
        ("EHLO twice", EHLO, [503]),
        ("MAIL without SHADOW", b"MAIL FROM:<a@b.invalid>\r\n" + noop, [500, 250]),
        ("RCPT, DATA, BDAT", b"RCPT <a>\r\nDATA\r\nBDAT 1 LAST\r\n", [500] * 3),
        ("HELO after EHLO", b"HELO m\r\n" + noop, [500, 250]),
        ("lower case", b"noop\r\n" + noop, [500, 250]),
        ("XSHADOW", b"XSHADOW x y z\r\n" + noop, [500, 250]),
        ("empty lines", b"\r\n\r\n" + noop, [500, 500, 250]),
        ("format signs", b"%n%n%s%s \xff\xfe\r\n" + noop, [500, 250]),
        ("verbs without end", b"WHAT\r\n" * 400, [500] * 11),
        ("LF alone", b"NOOP\nNOOP\r\n", [501]),
        ("CR inside", b"NOOP\rNOOP\r\n", [501]),
        ("NUL inside", b"NOOP\0\r\n", [501]),
        ("TAB inside", b"NOOP\tx\r\n", [501]),
        ("a line of 5000 bytes", b"NOOP " + b"x" * 5000 + b"\r\n", [552]),
        ("1 MB without a line end", b"SHADOW " + b"x" * 1000000, [552]),
        ("DISCARD alone", b"DISCARD\r\n", [501]),
        ("DISCARD -1", b"DISCARD -1\r\n", [501]),
        ("DISCARD 0x1", b"DISCARD 0x1\r\n", [501]),
        ("DISCARD of no keys", b"DISCARD 0\r\n", ok),
        ("DISCARD of 1,001", b"DISCARD 1001\r\n", [552]),
        ("DISCARD of 2^63", b"DISCARD %d\r\n" % 2**63, [552]),
        ("DISCARD of 2^64 and 1", b"DISCARD %d\r\n" % (2**64 + 1), [501]),
        ("DISCARD of what is no key", b"DISCARD 1\r\nkey\r\n", [501]),
        ("DISCARD of a key in capitals", b"DISCARD 1\r\n" + b"A" * 32 + b"-" + b"0" * 16 + b"\r\n", [501]),
        ("a verb among keys", b"DISCARD 2\r\nNOOP\r\n", [501]),
        ("ABORT of 1,001", b"ABORT 1001\r\n", [552]),
        ("QUERY of 1,001", b"QUERY 1001\r\n", [552]),
        ("QUERY of nothing", b"QUERY 0\r\n", ok),
        ("LIST without words", b"LIST\r\n", [501]),
        ("LIST of 1,001", b"LIST AFTER=%s MAX=1001\r\n" % key(0).encode(), [552]),
        ("LIST of none", b"LIST AFTER=%s MAX=0\r\n" % key(0).encode() + noop, None),
        ("LIST of 2^63", b"LIST AFTER=%s MAX=%d\r\n" % (key(0).encode(), 2**63), [552]),
        ("BEAT without words", b"BEAT\r\n", [501]),
        ("BEAT that leaves for 2^63 ms", b"BEAT MTA=up LEAVING=%d\r\n" % 2**63, None),
        ("BEAT with 2^64", b"BEAT MTA=up LEAVING=%d\r\n" % 2**64, [501]),
        ("BEAT of a strange MTA", b"BEAT MTA=%n LEAVING=0\r\n", ok),
    )


def any_answer(lab, data):
    """An answer, whatever it is, and the conversation goes on or ends."""
    with Peer(lab) as p:
        p.send(data + b"QUIT\r\n")
        need(p.codes(), "no answer")


def part_verbs(lab):
    for name, data, codes in verbs_before_hello(lab):
        lab.case("verb: " + name, verb_case, lab, data, codes, False)
    for name, data, codes in verbs_after_hello(lab):
        if codes is None:
            lab.case("verb: " + name, any_answer, lab, data)
        else:
            lab.case("verb: " + name, verb_case, lab, data, codes)
