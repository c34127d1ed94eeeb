#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The hostile next hop (nexthop.py) does what it is told, and sees what is wrong."""

import glob
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BODY = b"Subject: x\r\n\r\nhello\r\n"


class Hop:
    def __init__(self, folder, *options):
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "nexthop.py"), folder, *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.where = self.process.stdout.readline().strip()

    def control(self, *lines):
        path = os.path.join(self.folder, "control")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write("\n".join(lines))
        os.rename(path + ".new", path)

    def taken(self):
        found = []
        for path in glob.glob(os.path.join(self.folder, "hop-*.json")):
            with open(path, encoding="utf-8") as f:
                envelope = json.load(f)
            with open(path[:-5] + ".eml", "rb") as f:
                found.append((f.read(), envelope))
            os.unlink(path)
        return found

    def faults(self):
        with open(os.path.join(self.folder, "faults"), encoding="utf-8") as f:
            return f.read()


class Client:
    def __init__(self, hop, hello="EHLO"):
        if hop.where.startswith("/"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(hop.where)
        else:
            self.sock = socket.create_connection(("127.0.0.1", int(hop.where)))
        self.sock.settimeout(20)
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()
        self.offers = self.say(hello + " test.invalid")

    def reply(self):
        lines = [b""]
        while len(lines) == 1 or lines[-1][3:4] == b"-":
            lines.append(self.file.readline())
        return b"".join(lines).decode("latin-1")

    def say(self, text):
        self.sock.sendall(text.encode() + b"\r\n")
        return self.reply()

    def envelope(self, *rcpts):
        said = [self.say("MAIL FROM:<s@x.invalid>")]
        return said + [self.say("RCPT TO:<%s>" % r) for r in rcpts]

    def data(self, content=BODY):
        said = self.say("DATA")
        if said[:3] != "354":
            return said
        self.sock.sendall(content + b".\r\n")
        return self.reply()


def plain(hop):
    c = Client(hop)
    assert "PIPELINING" in c.offers
    assert [s[:3] for s in c.envelope("a@y", "b@y")] == ["250"] * 3
    assert c.data(b"..x\r\n").startswith("250")
    ((content, envelope),) = hop.taken()
    assert content == b".x\r\n"
    assert [r["rcpt"] for r in envelope["rcpts"]] == ["<a@y>", "<b@y>"]


def offers_what_it_is_told(hop):
    hop.control("offer = SIZE 1000, CHUNKING")
    assert Client(hop).offers.split()[1:] == ["250-SIZE", "1000", "250", "CHUNKING"]
    hop.control("offer = ")
    assert len(Client(hop).offers.splitlines()) == 1


def refuses_at_each_stage(hop):
    hop.control("greeting = 554 No")
    c = None
    try:
        c = Client(hop)
    except (ConnectionError, BrokenPipeError):
        pass
    assert c is None or (c.greeting[:3] == "554" and c.offers == "")
    for stage in ("EHLO", "MAIL", "RCPT", "DATA", "dot"):
        hop.control("%s = 451 4.3.0 Not %s" % (stage, stage))
        c = Client(hop)
        said = [c.offers]
        if stage != "EHLO":
            said += c.envelope("a@y") + [c.data()]
        assert "451 4.3.0 Not %s\r\n" % stage in said, (stage, said)
    assert hop.taken() == []


def closes_at_each_stage(hop):
    for stage in ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "content", "dot"):
        for how in ("close", "reset"):
            hop.control("%s = %s" % (stage, how))
            said = ["?"]
            try:
                c = Client(hop)
                said = [c.greeting, c.offers] + c.envelope("a@y") + [c.data()]
            except OSError:
                said = [""]
            assert said[-1] == "", (stage, how, said)
    hop.control("MAIL = 421 4.3.2 Bye; close")
    c = Client(hop)
    assert c.say("MAIL FROM:<>") == "421 4.3.2 Bye\r\n" and c.reply() == ""
    assert hop.taken() == []


def stalls_until_told(hop):
    hop.control("MAIL = stall")
    c = Client(hop)
    c.sock.settimeout(0.5)
    try:
        c.say("MAIL FROM:<>")
        raise AssertionError("an answer")
    except TimeoutError:
        pass
    hop.control("")
    c.sock.settimeout(20)
    c = Client(hop)
    assert c.envelope("a@y")[1][:3] == "250"


def takes_and_does_not_say(hop):
    hop.control("dot = keep; close")
    c = Client(hop)
    c.envelope("a@y")
    assert c.data() == ""
    assert len(hop.taken()) == 1


def the_first_ones_only(hop):
    hop.control("RCPT/^<b = first 1; 450 4.2.0 Later")
    c = Client(hop)
    assert [s[:3] for s in c.envelope("a@y", "b@y", "b@y")[1:]] == [
        "250",
        "450",
        "250",
    ]


def much_and_slowly(hop):
    hop.control("MAIL = big; 550 No", "RCPT = drip 0.02")
    c = Client(hop)
    said = c.say("MAIL FROM:<>")
    assert len(said) > 1000000 and said.endswith("\r\n550 No\r\n")
    hop.control("MAIL = long", "RCPT = slow 0.3")
    assert len(c.say("MAIL FROM:<>").splitlines()[0]) > 1000000
    began = time.monotonic()
    assert c.say("RCPT TO:<a@y>").startswith("250")
    assert time.monotonic() - began > 0.3


def garbage(hop):
    hop.control("MAIL = garbage")
    c = Client(hop)
    c.sock.sendall(b"MAIL FROM:<>\r\n")
    assert len(c.sock.recv(100)) > 0
    hop.control("")
    assert Client(hop).offers.startswith("250")


def chunks(hop):
    hop.control("offer = CHUNKING")
    c = Client(hop)
    c.envelope("a@y")
    c.sock.sendall(b"BDAT 4\r\na\n\r\nBDAT 3 LAST\r\n.\r\n")
    assert [c.reply()[:3], c.reply()[:3]] == ["250", "250"]
    ((content, envelope),) = hop.taken()
    assert content == b"a\n\r\n.\r\n" and envelope["chunks"] == 2
    hop.control("offer = CHUNKING", "BDAT = 502 5.5.1 No such thing")
    c = Client(hop)
    c.envelope("a@y")
    c.sock.sendall(b"BDAT 3 LAST\r\n.\r\n")
    assert c.reply()[:3] == "502"
    assert hop.taken() == []


def faults_are_seen(hop):
    for offer, text, fault in (
        ("", b"MAIL FROM:<> SIZE=3\r\n", "SIZE=3 was not offered"),
        ("", b"MAIL FROM:<> BODY=8BITMIME\r\n", "BODY=8BITMIME was not"),
        ("", b"MAIL FROM:<>\r\nRCPT TO:<a>\r\n", "something behind MAIL"),
        ("PIPELINING", b"EHLO a\r\nMAIL FROM:<>\r\n", "something behind EHLO"),
        ("", b"BDAT 2 LAST\r\n\r\n", "BDAT was not"),
        ("", b"LHLO x\r\n", "LHLO by SMTP"),
        ("", b"NOOP\n", "ends with LF"),
    ):
        hop.control("offer = " + offer)
        c = Client(hop)
        c.sock.sendall(text)
        c.reply()
        c.say("QUIT")
        assert fault in hop.faults(), fault
    hop.control("")
    c = Client(hop)
    c.envelope("a@y")
    c.data(b"a\rb\xe4\r\n")
    assert "a bare CR" in hop.faults()
    assert "above 0x7f" in hop.faults()


def lies_about_pipelining(hop):
    hop.control("pipelined = 503 5.5.1 One at a time")
    c = Client(hop)
    c.sock.sendall(b"MAIL FROM:<>\r\nRCPT TO:<a@y>\r\n")
    assert [c.reply()[:3], c.reply()[:3]] == ["503", "503"]


def lmtp_answers_for_each(hop):
    hop.control("dot/^<b = 452 4.2.2 Full", "dot/^<c = keep; close")
    c = Client(hop, "LHLO")
    c.envelope("a@y", "b@y", "c@y", "d@y")
    said = [c.data(), c.reply(), c.reply()]
    assert [s[:3] for s in said] == ["250", "452", ""]
    got = sorted(e["rcpts"][0]["rcpt"] for _, e in hop.taken())
    assert got == ["<a@y>", "<c@y>"]


def by_a_socket_in_a_folder(hop):
    c = Client(hop, "LHLO")
    c.envelope("a@y")
    assert c.data().startswith("250")
    assert hop.taken()[0][1]["by"] == "LMTP"


SMTP = (
    plain,
    offers_what_it_is_told,
    refuses_at_each_stage,
    closes_at_each_stage,
    stalls_until_told,
    takes_and_does_not_say,
    the_first_ones_only,
    much_and_slowly,
    garbage,
    chunks,
    faults_are_seen,
    lies_about_pipelining,
)
LMTP = (lmtp_answers_for_each,)
UNIX = (by_a_socket_in_a_folder,)


def run(tests, folder, *options):
    hop = Hop(folder, *options)
    failed = 0
    for test in tests:
        hop.control("")
        hop.taken()
        try:
            test(hop)
        except (AssertionError, OSError, ValueError) as e:
            failed += 1
            print("FAIL %s: %r" % (test.__name__, e))
    hop.process.kill()
    hop.process.wait()
    return failed


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)  # noqa: E731
        failed = run(SMTP, path("smtp"))
        failed += run(LMTP, path("lmtp"), "--lmtp")
        failed += run(UNIX, path("unix"), "--lmtp", "--unix", path("sock"))
    print("%d passed, %d failed" % (len(SMTP + LMTP + UNIX) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
