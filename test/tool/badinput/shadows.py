# SPDX-License-Identifier: BSD-2-Clause
"""SHADOW and what belongs to it."""

from badinput.lab import need
from badinput.peer import (
    CONTENT,
    ENVELOPE,
    Peer,
    key,
    keys_request,
    shadow,
)
from badinput.verbs import any_answer, verb_case


def shadow_cases():
    env = ENVELOPE
    rcpt = b"RCPT <%d@x>\r\n"

    def many(count):
        return b"CLIENT\r\nMAIL <>\r\n" + b"".join(rcpt % i for i in range(count))

    one = CONTENT[:-1]
    quit = b"NOOP\r\nQUIT\r\nEHLO x\r\n"
    return (
        ("SHADOW alone", b"SHADOW\r\n", [501]),
        ("SHADOW without a key", b"SHADOW SIZE=1\r\n", [501]),
        ("SHADOW of a short key", shadow(1, whole=key(1)[:-1]), [501]),
        ("SHADOW of a long key", shadow(1, whole=key(1) + "0"), [501]),
        ("SIZE=-1", shadow(1, SIZE="-1"), [501]),
        ("SIZE=+1", shadow(1, SIZE="+1"), [501]),
        ("SIZE=0x10", shadow(1, SIZE="0x10"), [501]),
        ("SIZE=", shadow(1, SIZE=""), [501]),
        ("no SIZE", shadow(1, SIZE=None), [501]),
        ("SIZE of 2^40", shadow(1, SIZE=2**40), [552]),
        ("SIZE of 2^63", shadow(1, SIZE=2**63), [552]),
        ("SIZE of 2^64-1", shadow(1, SIZE=2**64 - 1), [552]),
        ("SIZE of 2^64", shadow(1, SIZE=2**64), [501]),
        ("SIZE of 100 digits", shadow(1, SIZE="9" * 100), [501]),
        ("SIZE twice", shadow(1, SIZE="1 SIZE=1"), [501]),
        ("ENVELOPE of 2^63", shadow(1, ENVELOPE=2**63), [552]),
        ("ENVELOPE of 1 GB", shadow(1, ENVELOPE=10**9), [552]),
        ("ENVELOPE=0", shadow(1, ENVELOPE=0), [501]),
        ("ENVELOPE one short", shadow(1, ENVELOPE=len(env) - 1), [501]),
        ("ENVELOPE one long", shadow(1, ENVELOPE=len(env) + 1), [501]),
        ("RCPTS that do not match", shadow(1, RCPTS=2), [501]),
        ("RCPTS=0", shadow(1, RCPTS=0), [501]),
        ("60,000 announced", shadow(1, RCPTS=60000), [552]),
        ("60,000 recipients", shadow(1, envelope=many(60000)), [552]),
        ("60,000 recipients, fewer announced", shadow(1, envelope=many(60000), RCPTS=50000), [501, 552]),
        ("1,001 recipients are welcome", shadow(2, envelope=many(1001)), [250]),
        ("DIGEST too short", shadow(1, DIGEST="00"), [501]),
        ("DIGEST no hex", shadow(1, DIGEST="g" * 64), [501]),
        ("no DIGEST", shadow(1, DIGEST=None), [501]),
        ("EPOCH missing", shadow(1, EPOCH=None), [501]),
        ("EPOCH wrong", shadow(1, EPOCH="x.y"), [501]),
        ("QUEUE of 300 bytes", shadow(1, QUEUE="A" * 300), [501]),
        ("QUEUE of 64 bytes", shadow(1, QUEUE="A" * 64), [501]),
        ("QUEUE with a line end", shadow(1, QUEUE="A+0D+0A"), [501]),
        ("QUEUE that climbs", shadow(3, QUEUE="../../../etc/passwd"), [250]),
        ("a parameter of tomorrow", shadow(4, COLOUR="blue"), [250]),
        ("envelope of garbage", shadow(1, envelope=b"\xff\0" * 100, RCPTS=1), [501]),
        ("envelope with NUL", shadow(1, envelope=env.replace(b"m@", b"\0@")), [501]),
        ("envelope with an encoded LF", shadow(1, envelope=env.replace(b"m@", b"+0A@")), [501]),
        ("envelope without RCPT", shadow(9, envelope=b"CLIENT\r\nMAIL <>\r\n", RCPTS=0), [250]),
        ("envelope with two MAIL", shadow(1, envelope=env.replace(b"RCPT", b"MAIL <>\r\nRCPT")), [501]),
        ("envelope with a line of 30 KB", shadow(1, envelope=env.replace(b"m@", b"m" * 30000 + b"@")), [501]),
        ("envelope with an address of 2 KB", shadow(1, envelope=env.replace(b"m@", b"m" * 2000 + b"@")), [501]),
        ("BDAT of less than SIZE", shadow(1, bdat="BDAT 1 LAST"), [501]),
        ("BDAT of more than SIZE", shadow(1, bdat="BDAT 99 LAST"), [501]),
        ("BDAT -5", shadow(1, bdat="BDAT -5 LAST"), [501]),
        ("BDAT in hex", shadow(1, bdat="BDAT 0x1d LAST"), [501]),
        ("BDAT of 2^63", shadow(1, bdat="BDAT %d LAST" % 2**63), [501]),
        ("BDAT of 2^64 and SIZE", shadow(1, bdat="BDAT %d LAST" % (2**64 + len(CONTENT))), [501]),
        ("BDAT without LAST", shadow(1, bdat="BDAT %d" % len(CONTENT)), [501]),
        ("BDAT with two spaces", shadow(1, bdat="BDAT %d  LAST" % len(CONTENT)), [501]),
        ("BDAT alone", shadow(1, bdat="BDAT"), [501]),
        ("another verb where BDAT belongs", shadow(1, bdat="DISCARD 0"), [501]),
        ("content that looks like verbs", shadow(5, content=quit), [250]),
        ("content of other bytes than the digest", shadow(1, DIGEST="0" * 64), [555]),
        ("content longer than announced", shadow(1, content=one, bdat="BDAT %d LAST" % len(one)) + b"\n", [250, 501]),
        ("content of no bytes", shadow(6, content=b""), [250]),
        ("a second shadow where content belongs", shadow(7, content=shadow(8)), [250]),
    )


def tidy(lab):
    """Whatever the cases left in the store."""
    every = ("LIST AFTER=%s-%s MAX=1000\r\n" % ("0" * 32, "0" * 16)).encode()
    with Peer(lab) as p:
        p.send(every)
        left = p.lines()[:-1]
        mine = [line[4:].split(" ")[0] for line in left]
        got = p.ask(keys_request("ABORT", mine))
        need(got == "250 FOREIGN=0", "abort", got)
        got = p.ask(every)
        need(got == "250 COUNT=0", "left behind:", got)


def part_shadows(lab):
    for name, data, codes in shadow_cases():
        log = None
        if 555 in codes:
            log = "event=stored .*primary=m.test.invalid .*result="
        if name.startswith("60,000 recipients, fewer"):
            lab.case("shadow: " + name, any_answer, lab, data)
        elif 250 in codes and 501 in codes:
            lab.case("shadow: " + name, any_answer, lab, data)
        else:
            lab.case("shadow: " + name, verb_case, lab, data, codes, True, log)
    lab.case("shadow: nothing of it stays", tidy, lab)
