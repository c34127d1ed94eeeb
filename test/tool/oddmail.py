#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Mail that no mail program writes, and what became of it.

    oddmail.py send PORT ANSWERS    send it; a line "name code" for each
    oddmail.py compare SINK SINK    the messages of two next hops are the same

What is sent is the same at every run.
"""

import collections
import glob
import json
import os
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ledger import below_trace  # noqa: E402

LINES = b"hello\r\n.\r\n..\r\n.dot\r\n \r\n\r\nend\r\n"


def message(name, more=b"", body=LINES):
    return (
        b"X-Odd: %s\r\nFrom: a@client.test.invalid\r\n"
        b"To: b@next.test.invalid\r\nMessage-Id: <%s@odd>\r\n"
        b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n%s\r\n%s"
        % (name.encode(), name.encode(), more, body)
    )


def rcpt(name):
    return "<%s@next.test.invalid>" % name


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        self.reply()
        self.command("EHLO client.test.invalid")

    def reply(self):
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError
            if line[3:4] != b"-":
                return line[:3].decode()

    def command(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.reply()

    def data(self, content):
        self.command("DATA")
        lines = content.split(b"\r\n")
        content = b"\r\n".join(
            b"." + x if x.startswith(b".") else x for x in lines
        )
        end = b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"
        self.socket.sendall(content + end)
        return self.reply()

    def chunks(self, content, cuts):
        ends = list(cuts) + [len(content)]
        at = 0
        for end in ends:
            last = b" LAST" if end == ends[-1] else b""
            piece = content[at:end]
            self.socket.sendall(b"BDAT %d%s\r\n%s" % (len(piece), last, piece))
            code = self.reply()
            at = end
        return code


class Odd:
    """One sender of everything below."""

    def __init__(self, port, answers):
        self.port = port
        self.answers = answers

    def send(self, name, content=None, rcpts=None, sender=None, params="", cuts=None):
        client = Client(self.port)
        self.transact(client, name, content, rcpts, sender, params, cuts)
        client.command("QUIT")

    def transact(
        self, client, name, content=None, rcpts=None, sender=None, params="", cuts=None
    ):
        content = message(name) if content is None else content
        sender = "<a@client.test.invalid>" if sender is None else sender
        client.command("MAIL FROM:%s %s" % (sender, params))
        for r in rcpts or [rcpt(name)]:
            client.command("RCPT TO:" + r)
        if cuts is None:
            code = client.data(content)
        else:
            code = client.chunks(content, cuts)
        self.answers.write("%s %s\n" % (name, code))

    # ---- ways of sending ----

    def chunked(self):
        self.send("bdat-one", cuts=[])
        content = message("bdat-cut", b"", LINES * 20)
        cr = content.index(b"\r\n\r\n") + 1
        self.send("bdat-cut", content, cuts=[cr, cr + 2, cr + 40, len(content) - 1])
        content = message("bdat-open", b"", b"no newline at the end")
        self.send("bdat-open", content, cuts=[30])
        content = message("bdat-nul", b"", b"a \0 b\0\r\n\0\r\nx\r\n")
        self.send("bdat-nul", content, cuts=[30])

    def one_session(self):
        client = Client(self.port)
        for i in range(30):
            name = "session-%d" % i
            self.transact(client, name, message(name, b"", LINES * i))
        client.command("QUIT")

    def pipelined(self):
        client = Client(self.port)
        out = b""
        for i in range(30):
            name = "pipelined-%d" % i
            content = message(name)
            out += b"MAIL FROM:<a@client.test.invalid>\r\nRCPT TO:%s\r\n" % (
                rcpt(name).encode()
            )
            out += b"BDAT %d LAST\r\n%s" % (len(content), content)
        client.socket.sendall(out)
        for i in range(30):
            codes = [client.reply() for _ in range(3)]
            self.answers.write("pipelined-%d %s\n" % (i, codes[-1]))

    # ---- envelopes ----

    def envelopes(self):
        self.send("thousand", rcpts=[rcpt("m%d" % i) for i in range(1000)])
        self.send("null", sender="<>")
        quoted = ("a b", 'a\\"q', "x@y", "p..q", "plain", "<>")
        self.send(
            "quoted",
            rcpts=['<"%s"@next.test.invalid>' % q for q in quoted],
            sender='<"sen der"@client.test.invalid>',
        )
        plain = ("u+tag=x", "u=v+w", "#!", "a%b", "UPPER.Case", "o'n{e}|$%&*")
        self.send(
            "plus",
            rcpts=[rcpt(p) for p in plain],
            sender="<prvs=123+bounce=u@client.test.invalid>",
        )
        self.send(
            "utf8",
            message("utf8", "Subject: é 例\r\n".encode(), "é\r\n".encode()),
            ["<söm@next.test.invalid>", "<用户@例え.invalid>"],
            "<Jörg@client.test.invalid>",
            "SMTPUTF8 BODY=8BITMIME",
        )
        self.send("utf8-plain", params="SMTPUTF8")
        self.send("auth", params="AUTH=<>")

    def notifications(self):
        self.send(
            "dsn",
            params="RET=HDRS ENVID=env+2Bid+3D1 BODY=8BITMIME",
            rcpts=[
                rcpt("d1") + " NOTIFY=SUCCESS,FAILURE,DELAY"
                " ORCPT=rfc822;orig+2Bx@z.invalid",
                rcpt("d2") + " NOTIFY=NEVER",
                rcpt("d3") + " ORCPT=rfc822;+22a+20b+22@z.invalid",
                rcpt("d4") + " NOTIFY=FAILURE",
            ],
        )
        self.send(
            "dsn-full",
            params="RET=FULL ENVID=+2B+3D+20x SIZE=500",
            rcpts=[rcpt("e1") + " NOTIFY=DELAY ORCPT=x400;/G=a+3Db/"],
        )

    # ---- content ----

    def headers(self):
        folds = b"".join(b" f%d\r\n\t" % i for i in range(100))
        self.send(
            "headers",
            message(
                "headers",
                b"Subject:nospace\r\nX-Tab:\tv\r\nX-Two:  v\r\nX-Empty:\r\n"
                b"X-Space: \r\nX-Trail: v  \r\nX-Control: \x01\x7f\x1b[0m\r\n"
                b"X-8bit: \xe9\xff\r\nX-Fold: a\r\n\tb\r\n  c\r\n \td\r\n"
                b"X-Folds:" + folds + b"end\r\nX-EmptyFold:\r\n \r\n v\r\n"
                b"subject:second\r\nX-Colon::v\r\nX-Percent: %s%n%d\r\n"
                b"Received: from x by y; Mon\r\nX-Dup: 1\r\nX-Dup: 2\r\n"
                b"X-Blank : before the colon\r\nX-Dup: 3\r\n",
            ),
            params="BODY=8BITMIME",
        )
        self.send(
            "long-header",
            message(
                "long-header",
                b"X-Long: %s\r\nX-Words: %s\r\n"
                % (b"y" * 5000, b" ".join(b"word%d" % i for i in range(4000))),
            ),
        )
        many = b"".join(b"X-H%d: %d\r\n" % (i, i) for i in range(900))
        self.send("many-headers", message("many-headers", many))
        self.send(
            "received",
            b"Received: from u (u [192.0.2.4])\r\n\tby v; Mon, 1 Jan 2024\r\n"
            b"Received:from w\r\n" + message("received"),
        )
        self.send("bcc", message("bcc", b"Bcc: hidden@x\r\nBcc:\r\n"))
        self.send("header-nul", message("header-nul", b"X-Nul: a\0b\r\n"))

    def shapes(self):
        self.send("no-body", message("no-body", b"", b""))
        self.send("empty", b"")
        self.send("no-header", b"\r\nX only a body\r\n")
        self.send("text-first", b"this is no header\r\nSubject: x\r\n\r\nhello\r\n")
        self.send("mbox", b"From a Mon Jan 1\r\n" + message("mbox"))

    def bodies(self):
        self.send("dots", message("dots", b"", b".\r\n..\r\n...\r\n.\r\n"))
        sizes = (996, 997, 998, 999, 1000, 1200, 2048, 2049, 5000, 70000)
        lines = b"".join(bytes([97 + i]) * n + b"\r\n" for i, n in enumerate(sizes))
        self.send("lines", message("lines", b"", lines))
        every = bytes(range(1, 10)) + bytes(range(14, 256)) + b"\r\n"
        self.send("8bit", message("8bit", b"", every + b"\x80" * 300 + b"\r\n"))
        self.send("bare-cr", message("bare-cr", b"", b"a\rb\r\nc\r\r\nd\r\n"))
        self.send("bare-lf", message("bare-lf", b"", b"a\nb\n.x\nc\r\nd\n\r\n"))
        blank = b"\t lead\r\ntrail \t \r\n\r\n\r\n\r\n"
        self.send("blank", message("blank", b"", blank))
        big = b"".join(b"%07d %s\r\n" % (i, b"b" * 66) for i in range(80000))
        self.send("big", message("big", b"", big))

    def everything(self):
        self.chunked()
        self.one_session()
        self.pipelined()
        self.envelopes()
        self.notifications()
        self.headers()
        self.shapes()
        self.bodies()


# ---- comparing ----


def taken(folder):
    """Deliveries by their first recipient; one message may need several."""
    found = collections.defaultdict(list)
    for path in glob.glob(os.path.join(folder, "*.json")):
        with open(path, encoding="utf-8") as f:
            envelope = json.load(f)
        with open(path[:-5] + ".eml", "rb") as f:
            content = f.read()
        first = envelope["rcpts"][0]["rcpt"]
        many = len(envelope["rcpts"]) >= 40
        found["thousand" if many else first].append((envelope, content))
    return found


def envelope_of(deliveries):
    first = deliveries[0][0]
    params = [p for p in first["mail_params"] if not p.startswith("SIZE")]
    rcpts = [
        (r["rcpt"], tuple(sorted(r["params"])))
        for e, _ in deliveries
        for r in e["rcpts"]
    ]
    return first["mail"], sorted(params), sorted(rcpts)


def compare(one, two):
    bad = []
    for name in sorted(set(one) | set(two)):
        if name not in one or name not in two:
            bad.append("%s: only in one" % name)
            continue
        if envelope_of(one[name]) != envelope_of(two[name]):
            bad.append(
                "%s: envelope %.300s became %.300s"
                % (name, envelope_of(one[name]), envelope_of(two[name]))
            )
        for content in {below_trace(c) for _, c in two[name]}:
            if content != below_trace(one[name][0][1]):
                bad.append("%s: content became %.300s" % (name, content))
    for line in bad:
        print(line)
    print("%d compared" % len(one))
    return 1 if bad or not one else 0


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 64
    if sys.argv[1] == "compare":
        return compare(taken(sys.argv[2]), taken(sys.argv[3]))
    with open(sys.argv[3], "w", encoding="utf-8") as answers:
        Odd(int(sys.argv[2]), answers).everything()
    return 0


if __name__ == "__main__":
    sys.exit(main())
