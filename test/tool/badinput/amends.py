# SPDX-License-Identifier: BSD-2-Clause
"""AMEND, ASK, CLAIM, SEEN: malformed, oversize, of others, out of order."""

from badinput.keys import others
from badinput.lab import is_logged, need
from badinput.peer import Peer, key, keys_request, shadow
from badinput.shadows import tidy
from badinput.verbs import verb_case

NOW = b"MAIL <m@hostile.invalid>\r\nRCPT <s@next.test.invalid>\r\n"
A = "a.test.invalid"


def amendment(counter, version, envelope=None, whole=None, **more):
    """One line of AMEND, and its bytes."""
    words = {"VERSION": version}
    if envelope is not None:
        words["ENVELOPE"] = len(envelope)
        words["RCPTS"] = envelope.count(b"RCPT ")
    words.update(more)
    text = whole or key(counter)
    for name, value in words.items():
        if value is not None:
            text += " %s=%s" % (name, value)
    return text.encode() + b"\r\n" + (envelope or b"")


def amend(*amendments):
    return b"AMEND %d\r\n" % len(amendments) + b"".join(amendments)


def of_node(verb, keys, node=A):
    return keys_request(verb, keys).replace(
        b"\r\n", b" NODE=%s\r\n" % node.encode(), 1
    )


def long_envelope(size):
    rcpt = b"RCPT <%s@x.invalid>\r\n"
    lines = [rcpt % (b"%0400d" % i) for i in range(size // 420)]
    return b"MAIL <>\r\n" + b"".join(lines)


def names(count):
    return ",".join("n%d" % i for i in range(count))


def amend_cases():
    ok, syntax, limit = [250], [501], [552]
    big = long_envelope(1000000)
    one = amendment(300, 5, NOW)
    return (
        ("AMEND alone", b"AMEND\r\n", syntax),
        ("AMEND of none", amend(), ok),
        ("AMEND of 101", b"AMEND 101\r\n", limit),
        ("AMEND of 2^63", b"AMEND %d\r\n" % 2**63, limit),
        ("AMEND of what is no key", amend(b"key VERSION=1\r\n"), syntax),
        ("AMEND without a version", amend(amendment(300, None)), syntax),
        ("AMEND of version 0", amend(amendment(300, 0)), syntax),
        ("AMEND of version -1", amend(amendment(300, -1)), syntax),
        ("AMEND of version 2^64", amend(amendment(300, 2**64)), syntax),
        ("AMEND of version 2^64-1", amend(amendment(300, 2**64 - 1)), ok),
        ("AMEND with HELD=2", amend(amendment(300, 5, HELD=2)), syntax),
        ("AMEND with HELD twice", amend(amendment(300, 5, HELD="1 HELD=0")), syntax),
        ("AMEND with a parameter of tomorrow", amend(amendment(300, 5, COLOUR="blue")), ok),
        ("AMEND of a key that nobody knows", amend(one), ok),
        ("AMEND, ENVELOPE alone", amend(amendment(300, 5, NOW, RCPTS=None)), syntax),
        ("AMEND, RCPTS alone", amend(amendment(300, 5, RCPTS=1)), syntax),
        ("AMEND, RCPTS that do not match", amend(amendment(300, 5, NOW, RCPTS=2)), syntax),
        ("AMEND, RCPTS of 60,000", amend(amendment(300, 5, NOW, RCPTS=60000)), limit),
        ("AMEND without RCPT", amend(amendment(300, 5, b"MAIL <>\r\n")), syntax),
        ("AMEND, ENVELOPE one short", amend(amendment(300, 5, NOW, ENVELOPE=len(NOW) - 1)), syntax),
        ("AMEND, ENVELOPE one long", amend(amendment(300, 5, NOW, ENVELOPE=len(NOW) + 1)), syntax),
        ("AMEND, ENVELOPE of 2^63", amend(amendment(300, 5, NOW, ENVELOPE=2**63)), limit),
        ("AMEND, ENVELOPE of 2^64", amend(amendment(300, 5, NOW, ENVELOPE=2**64)), syntax),
        ("AMEND, 1 MB in one", amend(amendment(300, 5, big)), ok),
        ("AMEND, 2 MB in two", amend(amendment(300, 5, big), amendment(301, 5, big)), limit),
        ("AMEND with a CLIENT line", amend(amendment(300, 5, b"CLIENT\r\n" + NOW)), syntax),
        ("AMEND with garbage", amend(amendment(300, 5, b"\xff\0" * 100, RCPTS=1)), syntax),
        ("AMEND with an encoded LF", amend(amendment(300, 5, NOW.replace(b"m@", b"+0A@"))), syntax),
        ("AMEND with verbs in the envelope", amend(amendment(300, 5, b"MAIL <>\r\nDISCARD 0\r\n", RCPTS=1)), syntax),
        ("a verb among amendments", amend(one, b"NOOP\r\n"), syntax),
        ("AMEND, 16 holders", amend(amendment(300, 5, HOLDERS=names(16))), ok),
        ("AMEND, 17 holders", amend(amendment(300, 5, HOLDERS=names(17))), syntax),
        ("AMEND, a holder twice", amend(amendment(300, 5, HOLDERS="n1,n1")), syntax),
        ("AMEND, a holder without a name", amend(amendment(300, 5, HOLDERS="n1,,n2")), syntax),
        ("AMEND, holders of 3 KB", amend(amendment(300, 5, HOLDERS=",".join("%0255d" % i for i in range(12)))), syntax),
        ("AMEND, a holder with a space", amend(amendment(300, 5, HOLDERS="n1+20n2")), syntax),
        ("SHADOW, 17 holders", shadow(302, HOLDERS=names(17)), syntax),
        ("SHADOW, a holder with a line end", shadow(302, HOLDERS="n1+0D+0An2"), syntax),
        ("SHADOW, 16 holders", shadow(302, HOLDERS=names(16)), ok),
    )


def ask_cases():
    ok, syntax, limit = [250], [501], [552]
    k = key(300)
    cases = []
    for verb in ("ASK", "CLAIM"):
        v = verb.encode()
        cases += [
            (verb + " alone", v + b"\r\n", syntax),
            (verb + " without a node", keys_request(verb, [k]), syntax),
            (verb + " of a node without a name", of_node(verb, [k], ""), syntax),
            (verb + " of two nodes", of_node(verb, [k], "x NODE=y"), syntax),
            (verb + " of a node with a line end", of_node(verb, [k], "x+0A"), syntax),
            (verb + " of a node of 300 bytes", of_node(verb, [k], "x" * 300), syntax),
            (verb + " of 1,001", v + b" 1001 NODE=x\r\n", limit),
            (verb + " of what is no key", v + b" 1 NODE=x\r\nNOOP\r\n", syntax),
            (verb + " of nothing", of_node(verb, []), ok),
            (verb + " of a node that nobody knows", of_node(verb, [k], "x"), None),
        ]
    return cases + [
        ("SEEN alone", b"SEEN\r\n", syntax),
        ("SEEN of a node without a name", b"SEEN NODE=\r\n", syntax),
        ("SEEN of two nodes", b"SEEN NODE=a NODE=b\r\n", syntax),
        ("SEEN of a node that nobody knows", b"SEEN NODE=x\r\n", None),
        ("SEEN of itself", b"SEEN NODE=b.test.invalid\r\n", None),
    ]


def an_answer(lab, data):
    with Peer(lab) as p:
        need(p.ask(data)[:3] in ("250", "550"), "answer")
        need(p.ask(b"NOOP\r\n")[:3] == "250", "and on")


def amend_foreign(lab):
    """Envelope, holders and place of another's messages."""
    keys = others(lab)[:100]
    words = [
        amendment(0, 2**63, NOW, whole=k, HELD=1, HOLDERS="m.test.invalid")
        for k in keys
    ]
    start = lab.b.log_size()
    with Peer(lab) as p:
        got = p.ask(amend(*words))
        need(got == "250 FOREIGN=%d" % len(keys), "answer", got)
    is_logged(lab.b, start, "m.test.invalid")


def claim_foreign(lab):
    """No primary has named m: nothing is yielded to it."""
    keys = others(lab)
    with Peer(lab) as p:
        got = p.ask(of_node("CLAIM", keys))
        need(got[:12] == "250 ANSWERS=", "answer", got)
        need("y" not in got[12:], "yielded", got)
        got = p.ask(keys_request("DISCARD", keys))
        need(got == "250 FOREIGN=%d" % len(keys), "discard", got)


def claim_in_anothers_name(lab):
    """Keys of a, said to be of somebody else."""
    keys = others(lab)
    with Peer(lab) as p:
        for node in ("m.test.invalid", "b.test.invalid", "nobody.invalid"):
            got = p.ask(of_node("CLAIM", keys, node))
            need("y" not in got[12:], "yielded", node, got)
        got = p.ask(keys_request("DISCARD", keys))
        need(got == "250 FOREIGN=%d" % len(keys), "discard", got)


def out_of_order(lab):
    """Versions late, again, and after the end."""
    with Peer(lab) as p:
        need(p.ask(shadow(310))[:3] == "250", "shadow")
        for version in (5, 5, 4, 1, 2**64 - 1, 6):
            got = p.ask(amend(amendment(310, version, NOW, HELD=version % 2)))
            need(got == "250 FOREIGN=0", "amend", version, got)
        need(p.ask(keys_request("DISCARD", [key(310)])) == "250 FOREIGN=0", "discard")
        got = p.ask(amend(amendment(310, 2**64 - 1, NOW)))
        need(got == "250 FOREIGN=0", "after the end", got)
        need(p.ask(shadow(310))[:3] == "553", "a late shadow")


def many_large(lab):
    """A megabyte at a time, and again, on many connections at once."""
    words = amend(*[amendment(320 + i, 5, long_envelope(10000)) for i in range(90)])
    peers = [Peer(lab) for _ in range(20)]
    try:
        for _ in range(3):
            for p in peers:
                p.send(words)
            for p in peers:
                got = p.reply()
                need(got == "250 FOREIGN=0", "answer", got)
    finally:
        for p in peers:
            p.close()


def cut_short(lab):
    """Gone in the middle of an envelope: nothing of it counts."""
    with Peer(lab) as p:
        need(p.ask(shadow(330))[:3] == "250", "shadow")
        p.send(amend(amendment(330, 5, NOW), amendment(330, 6, NOW))[:-5])
    with Peer(lab) as p:
        need(p.ask(keys_request("DISCARD", [key(330)])) == "250 FOREIGN=0", "discard")


def part_amends(lab):
    need(lab.held, "no shadows to attack")
    for name, data, codes in (*amend_cases(), *ask_cases()):
        if codes is None:
            lab.case("amend: " + name, an_answer, lab, data)
        else:
            lab.case("amend: " + name, verb_case, lab, data, codes)
    lab.case("amend: of another's", amend_foreign, lab)
    lab.case("amend: CLAIM of another's", claim_foreign, lab)
    lab.case("amend: CLAIM under other names", claim_in_anothers_name, lab)
    lab.case("amend: versions out of order", out_of_order, lab)
    lab.case("amend: 60 MB on 20 connections", many_large, lab)
    lab.case("amend: cut short", cut_short, lab)
    lab.case("amend: nothing of it stays", tidy, lab)
