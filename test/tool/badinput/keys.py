# SPDX-License-Identifier: BSD-2-Clause
"""The keys of others, and one's own once too often."""

from badinput.lab import CHANCE, is_logged, need
from badinput.peer import (
    EPOCH,
    Peer,
    key,
    keys_request,
    shadow,
)
from badinput.shadows import tidy


def others(lab):
    return sorted(k for k, _ in lab.held)


def drop_foreign(lab, verb):
    start = lab.b.log_size()
    keys = others(lab)
    with Peer(lab) as p:
        got = p.ask(keys_request(verb, keys))
        need(got == "250 FOREIGN=%d" % len(keys), "answer", got)
    is_logged(lab.b, start, "m.test.invalid.*not_theirs=%d" % len(keys))


def query_foreign(lab):
    keys = others(lab)
    with Peer(lab) as p:
        got = p.ask(keys_request("QUERY", keys))
        need(got == "250 ANSWERS=" + "u" * len(keys), "answer", got)


def list_foreign(lab):
    with Peer(lab) as p:
        got = p.ask(b"LIST AFTER=%s MAX=1000\r\n" % ("0" * 32 + "-" + "0" * 16).encode())
        need(got == "250 COUNT=0", "answer", got)
        got = p.ask(b"LIST AFTER=%s MAX=1000\r\n" % ("f" * 32 + "-" + "f" * 16).encode())
        need(got == "250 COUNT=0", "answer", got)


def shadow_foreign(lab, counters):
    """Copies under keys of a: those it has used, or will use."""
    start = lab.b.log_size()
    incarnation = others(lab)[0][:32]
    with Peer(lab) as p:
        for counter in counters:
            got = p.ask(shadow(counter, incarnation=incarnation))
            need(got[:3] in ("550", "554"), "answer", got)
    is_logged(lab.b, start, "event=not-stored .*m.test.invalid")


def used(lab):
    return [int(k[33:], 16) for k in others(lab)]


def say_i_am(lab, node):
    incarnation = others(lab)[0][:32]
    hello = b"EHLO %s VERSION=1.0 INCARNATION=%s EPOCH=%s SEQUENCE=9\r\n" % (
        node.encode(),
        incarnation.encode(),
        EPOCH.encode(),
    )
    start = lab.b.log_size()
    with Peer(lab, hello=False) as p:
        need(p.ask(hello)[:3] in ("250", "550", "501"), "hello")
        keys = others(lab)
        got = p.ask(keys_request("DISCARD", keys))
        need(got in ("250 FOREIGN=%d" % len(keys), "closed"), "answer", got)
    is_logged(lab.b, start, "event=peer_impostor peer=m.test.invalid")
    shadow_foreign(lab, [10**6])


def repeated(lab):
    with Peer(lab) as p:
        need(p.ask(shadow(100))[:3] == "250", "first")
        for _ in range(5):
            need(p.ask(shadow(100))[:3] == "251", "again")
        start = lab.b.log_size()
        got = p.ask(shadow(100, content=b"Subject: other\r\n\r\n"))
        need(got[:3] == "554", "other content", got)
        need(p.ask(keys_request("DISCARD", [key(100)])) == "250 FOREIGN=0", "discard")
        for _ in range(5):
            need(p.ask(shadow(100))[:3] == "553", "after the end")
    is_logged(lab.b, start, "event=not-stored .*primary=m.test.invalid result=conflict")


def replayed(lab):
    """The same words many times, on many connections."""
    words = (
        shadow(110)
        + keys_request("QUERY", [key(110)])
        + keys_request("DISCARD", [key(110)])
        + b"BEAT MTA=up LEAVING=0\r\n"
    )
    for i in range(40):
        with Peer(lab) as p:
            p.send(words + b"QUIT\r\n")
            got = p.codes()
            need(got == [553 if i else 250, 250, 250, 250, 221], "answers", got)


def end_before_beginning(lab):
    with Peer(lab) as p:
        got = p.ask(keys_request("ABORT", [key(120)]))
        need(got == "250 FOREIGN=0", "abort", got)
        need(p.ask(shadow(120))[:3] == "553", "a late shadow")


def scattered(lab):
    """Ends of 40,000 keys with gaps between, so that no two make a range."""
    keys = [key(10**6 + 2 * i) for i in range(40000)]
    with Peer(lab) as p:
        for i in range(0, len(keys), 1000):
            got = p.ask(keys_request("DISCARD", keys[i : i + 1000]))
            need(got[:3] == "250", "discard", got)


def strewn(lab):
    """Ends of keys of 20,000 incarnations that never were."""
    keys = [key(1, "%032x" % CHANCE.getrandbits(128)) for _ in range(20000)]
    with Peer(lab) as p:
        for i in range(0, len(keys), 1000):
            got = p.ask(keys_request("DISCARD", keys[i : i + 1000]))
            need(got[:3] == "250", "discard", got)


def part_keys(lab):
    need(lab.held, "no shadows to attack")
    lab.case("keys: DISCARD of another's", drop_foreign, lab, "DISCARD")
    lab.case("keys: ABORT of another's", drop_foreign, lab, "ABORT")
    lab.case("keys: QUERY of another's", query_foreign, lab)
    lab.case("keys: LIST shows none of another's", list_foreign, lab)
    lab.case("keys: SHADOW under another's", shadow_foreign, lab, used(lab))
    after = range(max(used(lab)) + 1, max(used(lab)) + 21)
    lab.case("keys: SHADOW under another's next", shadow_foreign, lab, after)
    lab.case("keys: EHLO in another's name", say_i_am, lab, "a.test.invalid")
    lab.case("keys: SHADOW again, same and other content", repeated, lab)
    lab.case("keys: a conversation repeated 40 times", replayed, lab)
    lab.case("keys: ABORT before SHADOW", end_before_beginning, lab)
    lab.case("keys: ends of 40,000 keys with gaps", scattered, lab)
    lab.case("keys: ends of 20,000 strange incarnations", strewn, lab)
    lab.case("keys: nothing of it stays", tidy, lab)
