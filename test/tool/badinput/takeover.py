# SPDX-License-Identifier: BSD-2-Clause
"""A takeover of what a hostile member left behind."""

import time

from badinput.lab import need
from badinput.peer import CONTENT, Peer, shadow

FIRST = 500
GOOD = b"<r@next.test.invalid>"
SMUGGLED = b"MAIL FROM:<evil@x.invalid>\r\nRCPT TO:<evil@next.test.invalid>\r\nDATA\r\n"


def envelope(rcpt=GOOD, mail=b"<m@hostile.invalid>", client=b""):
    lines = [b"CLIENT" + client, b"MAIL " + mail]
    if rcpt is not None:
        lines.append(b"RCPT " + rcpt)
    return b"".join(line + b"\r\n" for line in lines)


def remains():
    """Name, envelope, content."""
    return (
        ("nobody to send it to", envelope(None), CONTENT),
        ("the null recipient", envelope(b"<>"), CONTENT),
        ("an address with a space", envelope(b"<a+20b@next.test.invalid>"), CONTENT),
        ("a parameter inside an address", envelope(GOOD + b"+20NOTIFY+3DNEVER"), CONTENT),
        ("brackets that do not match", envelope(b"r@next.test.invalid>>"), CONTENT),
        ("an address of 990 bytes", envelope(b"<" + b"r" * 975 + b"@x.invalid>"), CONTENT),
        ("a sender that is none", envelope(mail=b"%n%s"), CONTENT),
        ("a parameter that is none", envelope(GOOD + b" NOTIFY=+20;-"), CONTENT),
        ("a size that is not true", envelope(mail=b"<m@x.invalid> SIZE=99999999999"), CONTENT),
        ("a size beyond numbers", envelope(mail=b"<m@x.invalid> SIZE=" + b"9" * 99), CONTENT),
        ("a client that is none", envelope(client=b" NAME=+20+20 ADDR=%n PORT=99999 HELO=[["), CONTENT),
        ("no content", envelope(), b""),
        ("NUL and bytes", envelope(), b"A: b\r\n\r\n\0\xff\x80\r\n"),
        ("an end inside", envelope(), CONTENT + b".\r\n" + SMUGGLED),
        ("an end with LF", envelope(), CONTENT + b"\n.\n" + SMUGGLED),
        ("an end with CR", envelope(), CONTENT + b"\r.\r" + SMUGGLED),
        ("an end of both", envelope(), CONTENT + b"\n.\r\n" + SMUGGLED),
        ("100 KB in a line", envelope(), CONTENT + b"x" * 100000),
        ("no line end at all", envelope(), b"x"),
    )


def leave(lab, counter, env, content):
    with Peer(lab) as p:
        got = p.ask(shadow(counter, content=content, envelope=env))
        need(got[:3] in ("250", "501"), "answer", got)


def rows(lab):
    return [
        r
        for r in lab.b.ask("queue list")[:-1]
        if r.get("role") == "holder" and r.get("primary") == "m.test.invalid"
    ]


def take_over(lab):
    need(rows(lab), "nothing to take over")
    need(lab.b.ask("takeover m.test.invalid")[-1]["result"] == "ok", "command")
    until = time.time() + 60
    while any(r["state"] in ("shadow", "claimed") for r in rows(lab)):
        need(time.time() < until, "not tried:", rows(lab))
        time.sleep(0.2)


def forget(lab):
    """What was handed over ends by itself, once it is delivered."""
    for r in rows(lab):
        if r["state"] != "handed":
            last = lab.b.ask("queue forget " + r["key"])[-1]
            need(last["result"] == "ok", "forget", last)


def part_takeover(lab):
    for i, (name, env, content) in enumerate(remains()):
        lab.case("takeover: " + name, leave, lab, FIRST + i, env, content)
    lab.case("takeover: of all that", take_over, lab)
    lab.case("takeover: the rest is forgotten", forget, lab)
