#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares what was promised with what was delivered.

Reads what mailgen.py wrote into one or more folders and what sink.py wrote into
its own.  A message that got its 250 must have reached every recipient, with the
same bytes below the trace lines, the same sender and parameters, and a DKIM
signature, if it had one, that still verifies.

Exit status 1 when anything acknowledged was lost or damaged.
"""

import argparse
import glob
import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True  # no files beside this one
import bound

# Parameters that must reach the next hop as the client gave them.
MAIL_KEPT = ("BODY=8BITMIME", "SMTPUTF8", "RET=", "ENVID=")


class Sent:
    def __init__(self, folder, event):
        self.folder = folder
        self.serial = event["serial"]
        self.kind = event["kind"]
        self.mail = event["mail"]
        self.mail_params = event["mail_params"]
        self.params = {r: p for r, p in event["rcpts"]}
        self.promised = []
        self.code = None
        self.first = event["when"]
        self.last = self.first
        self.copies = {r: 0 for r in self.params}
        self.damage = []

    def content(self):
        with open(os.path.join(self.folder, self.serial + ".eml"), "rb") as f:
            return f.read()


def read_sent(folders):
    sent = {}
    for folder in folders:
        path = os.path.join(folder, "sent.jsonl")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as f:
            for line in f:
                if not line.endswith("\n"):
                    continue
                event = json.loads(line)
                if event["event"] == "try":
                    sent[event["serial"]] = Sent(folder, event)
                else:
                    s = sent[event["serial"]]
                    s.code = event["code"]
                    s.promised = event.get("rcpts", [])
    return sent


def below_trace(content):
    """Without the Received fields that MTAs put on top."""
    at = 0
    while content[at : at + 9].lower() == b"received:":
        while True:
            at = content.index(b"\r\n", at) + 2
            if content[at : at + 1] not in (b" ", b"\t"):
                break
    return content[at:]


def serial_of(content):
    head = content.partition(b"\r\n\r\n")[0]
    found = re.search(rb"^X-Serial: ?(\S+)\r?$", head + b"\r\n", re.M)
    return found.group(1).decode() if found else None


def bare(path):
    return path[1:-1] if path.startswith("<") else path


def verified(content, public):
    try:
        import dkim  # takes longer than all the rest, and is seldom needed
    except ImportError:
        return False

    def dnsfunc(name, timeout=5):
        return public

    try:
        return dkim.verify(content, dnsfunc=dnsfunc)
    except dkim.DKIMException:
        return False


class Ledger:
    def __init__(self, sent):
        self.sent = sent
        self.seen = set()
        self.strange = 0
        self.dkim_checked = 0

    def read_sink(self, folder):
        for path in glob.glob(os.path.join(folder, "*.json")):
            if path in self.seen:
                continue
            self.seen.add(path)
            with open(path, encoding="utf-8") as f:
                envelope = json.load(f)
            with open(path[:-5] + ".eml", "rb") as f:
                content = f.read()
            serial = serial_of(content)
            # a bounce quotes the header it is about: it has its own on top
            if serial not in self.sent or not self.enter(
                self.sent[serial], envelope, content
            ):
                self.strange += 1

    def enter(self, s, envelope, content):
        rcpts = [(bare(r["rcpt"]), r["params"]) for r in envelope["rcpts"]]
        if not any(r in s.copies for r, _ in rcpts):
            return False
        for rcpt, params in rcpts:
            if rcpt not in s.copies:
                s.damage.append("recipient %s was never asked for" % rcpt)
                continue
            s.copies[rcpt] += 1
            s.last = max(s.last, envelope["when"])
            self.check_rcpt(s, rcpt, params)
        self.check_mail(s, envelope)
        self.check_content(s, content)
        return True

    def check_mail(self, s, envelope):
        if bare(envelope["mail"]) != s.mail:
            s.damage.append("sender became " + envelope["mail"])
        given = [p.upper() for p in envelope["mail_params"]]
        for p in s.mail_params:
            if p.upper().startswith(MAIL_KEPT) and p.upper() not in given:
                s.damage.append("MAIL parameter %s is gone" % p)

    def check_rcpt(self, s, rcpt, params):
        for p in s.params[rcpt]:
            if p.upper() not in [q.upper() for q in params]:
                s.damage.append("RCPT parameter %s is gone" % p)

    def check_content(self, s, content):
        if below_trace(content) != s.content():
            s.damage.append("content differs")
        if not s.kind.startswith("dkim"):
            return
        self.dkim_checked += 1
        with open(os.path.join(s.folder, "dkim.pub"), "rb") as f:
            if not verified(content, f.read()):
                s.damage.append("DKIM signature does not verify")

    # ---- sums ----

    def acknowledged(self):
        return [s for s in self.sent.values() if s.code == 250]

    def lost(self):
        return [
            s
            for s in self.acknowledged()
            if any(s.copies[r] == 0 for r in s.promised)
        ]

    def duplicated(self):
        return [s for s in self.sent.values() if max(s.copies.values()) > 1]

    def damaged(self):
        return [s for s in self.sent.values() if s.damage]

    def surplus(self, bounds):
        """Deliveries beyond the first, how many may be, and who is above that."""
        told, most, beyond = 0, 0, []
        for s in self.sent.values():
            more = max(max(s.copies.values()) - 1, 0)
            may = bounds.of(s.serial, s.first, s.last)
            told, most = told + more, most + may
            if more > may:
                beyond.append((s, more, may))
        return told, most, beyond

    def figures(self):
        unasked = [
            s
            for s in self.sent.values()
            if s.code != 250 and max(s.copies.values()) > 0
        ]
        return {
            "sent": len(self.sent),
            "acknowledged": len(self.acknowledged()),
            "delivered": len(self.acknowledged()) - len(self.lost()),
            "lost": len(self.lost()),
            "duplicated": len(self.duplicated()),
            "damaged": len(self.damaged()),
            "unacknowledged_delivered": len(unasked),
            "dkim_verified": self.dkim_checked,
            "other_mail": self.strange,
        }


def print_table(ledger):
    figures = ledger.figures()
    words = ("sent", "acknowledged", "delivered", "lost", "duplicated", "damaged")
    print("  ".join("%12s" % w for w in words))
    print("  ".join("%12d" % figures[w] for w in words))
    kinds = sorted({s.kind for s in ledger.sent.values()})
    print("kinds: " + ", ".join(kinds))
    if figures["dkim_verified"]:
        print("DKIM signatures checked: %d" % figures["dkim_verified"])
    if figures["unacknowledged_delivered"]:
        print(
            "delivered although the client got no 250: %d"
            % figures["unacknowledged_delivered"]
        )


def print_surplus(ledger, bounds):
    told, most, beyond = ledger.surplus(bounds)
    print("delivered again: %d, bound %d" % (told, most))
    for s, more, may in beyond:
        print("BEYOND %s: %d more, %d allowed" % (s.serial, more, may))
    return len(beyond)


def print_trouble(ledger):
    for s in ledger.lost():
        left = [r for r in s.promised if s.copies[r] == 0]
        print("LOST %s (%s): %s" % (s.serial, s.kind, ", ".join(left)))
    for s in ledger.damaged():
        print("DAMAGED %s: %s" % (s.serial, "; ".join(sorted(set(s.damage)))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sink", required=True)
    parser.add_argument("--wait", type=float, default=0, help="at most, seconds")
    parser.add_argument("--patience", type=float, default=1, help="so often that")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--least", type=int, default=0, help="fail when fewer were acknowledged"
    )
    parser.add_argument("--faults", help="count duplicates against this file")
    parser.add_argument("--lab", help="the hosts' folder, for their logs")
    parser.add_argument("sent", nargs="+")
    options = parser.parse_args()
    until = time.monotonic() + options.wait * options.patience
    ledger = Ledger(read_sent(options.sent))
    ledger.read_sink(options.sink)
    while ledger.lost() and time.monotonic() < until:
        time.sleep(0.2)
        ledger.read_sink(options.sink)
    beyond = 0
    figures = ledger.figures()
    if options.faults:
        bounds = bound.Bound(options.lab, options.faults)
        figures["again"], figures["bound"], _ = ledger.surplus(bounds)
    if options.json:
        print(json.dumps(figures))
    else:
        print_table(ledger)
        print_trouble(ledger)
        if options.faults:
            beyond = print_surplus(ledger, bounds)
    if len(ledger.acknowledged()) < options.least:
        print("only %d acknowledged" % len(ledger.acknowledged()))
        return 1
    return 1 if ledger.lost() or ledger.damaged() or beyond else 0


if __name__ == "__main__":
    sys.exit(main())
