#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes mail of many kinds, sends it by SMTP, and writes down what was promised.

Every message has a serial number of its own in X-Serial and Message-ID.  The
folder gets SERIAL.eml (the exact bytes), dkim.pub (the public half of the key
that signs), and sent.jsonl with one line per event, each on disk before the
next thing happens:

    {"event": "try", "serial": ..., "kind": ..., "mail": ..., "rcpts": ...}
    {"event": "ok",  "serial": ..., "code": 250, "rcpts": [accepted], ...}
    {"event": "no",  "serial": ..., "code": 451, ...}   code 0: no answer

With --also PORT a message that was not taken is offered to that port as well, as
a client with two MX hosts would do.

DKIM signing needs Debian's python3-dkim; no DNS is asked.
"""

import argparse
import base64
import importlib.util
import json
import os
import random
import smtplib
import subprocess
import sys
import threading
import time

KINDS = (
    "plain",
    "eight",
    "dkim",
    "several",
    "dsn",
    "utf8",
    "folded",
    "long",
    "null",
    "dots",
    "empty",
    "dkim-strict",
)
EOL = b"\r\n"


class Mail:
    """One message: envelope, parameters, bytes."""

    def __init__(self, serial, kind):
        self.serial = serial
        self.kind = kind
        self.mail = "sender-%s@client.test.invalid" % serial
        self.mail_params = []
        self.rcpts = [["rcpt-%s@next.test.invalid" % serial, []]]
        self.subject = b"Message %s" % serial.encode()
        self.extra = []
        self.body = b"Hello,\r\n\r\nthis is %s.\r\n" % serial.encode()

    def head(self):
        lines = [
            b"From: Sender <sender@client.test.invalid>",
            b"To: Reader <reader@next.test.invalid>",
            b"Subject: " + self.subject,
            b"Date: Sun, 22 Nov 2026 10:00:00 +0000",
            b"Message-ID: <%s@client.test.invalid>" % self.serial.encode(),
            b"X-Serial: " + self.serial.encode(),
        ]
        return EOL.join(lines + self.extra) + EOL + EOL

    def content(self):
        return self.head() + self.body


def lines_of(data, width=76):
    text = base64.b64encode(data)
    return b"".join(
        text[i : i + width] + EOL for i in range(0, len(text), width)
    )


def make(serial, kind, big_bytes, chance):
    m = Mail(serial, kind)
    if kind == "eight":
        m.mail_params = ["BODY=8BITMIME"]
        m.extra = [
            b"MIME-Version: 1.0",
            b"Content-Type: text/plain; charset=utf-8",
            b"Content-Transfer-Encoding: 8bit",
        ]
        m.body = "Grüße aus Köln, 日本語.\r\n".encode() * 20
    elif kind == "several":
        m.rcpts = [
            ["rcpt%d-%s@next%d.test.invalid" % (i, serial, i % 3), []]
            for i in range(7)
        ]
    elif kind == "dsn":
        m.mail_params = ["RET=HDRS", "ENVID=env+2B%s" % serial]
        m.rcpts = [
            [
                "rcpt0-%s@next.test.invalid" % serial,
                ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;first+2B@z.invalid"],
            ],
            ["rcpt1-%s@next.test.invalid" % serial, ["NOTIFY=NEVER"]],
        ]
    elif kind == "utf8":
        m.mail = "absenderü-%s@client.test.invalid" % serial
        m.mail_params = ["BODY=8BITMIME", "SMTPUTF8"]
        m.rcpts = [["leserö-%s@next.test.invalid" % serial, []]]
        m.subject = "Übersicht %s".encode() % serial.encode()
    elif kind == "folded":
        m.extra = [
            b"X-Folded: one\r\n\ttwo\r\n  three",
            b"X-Space:   three spaces before, two after  ",
            b"X-None:nothing before",
            b"X-Empty:",
        ]
    elif kind == "long":
        m.body = (b"x" * 990 + EOL) * 5 + b"y" * 998 + EOL
    elif kind == "null":
        m.mail = ""
    elif kind == "dots":
        m.body = b".\r\n..\r\n.a\r\n\r\n.\r\nMAIL FROM:<evil@x.invalid>\r\n.\r\n"
    elif kind == "empty":
        m.body = b""
    elif kind in ("big", "huge"):
        size = big_bytes * (10 if kind == "huge" else 1)
        m.extra = [
            b"MIME-Version: 1.0",
            b"Content-Type: application/octet-stream",
            b"Content-Transfer-Encoding: base64",
        ]
        m.body = lines_of(chance.randbytes(size * 57 // 78))
    elif kind.startswith("dkim"):
        m.subject = b"A subject\r\n that is folded " + serial.encode()
        m.body = b"Signed.  \r\nTwo  spaces\tand a tab \r\n\r\n\r\n"
    elif kind != "plain":
        raise SystemExit("mailgen: no such kind: " + kind)
    return m


class Signer:
    """A key made for this run; its public half goes into the folder."""

    def __init__(self, folder):
        self.key_file = os.path.join(folder, "dkim.key")
        if not os.path.exists(self.key_file):
            self.make(folder)
        with open(self.key_file, "rb") as f:
            self.key = f.read()

    def make(self, folder):
        subprocess.run(
            ["openssl", "genrsa", "-traditional", "-out", self.key_file, "2048"],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        public = subprocess.run(
            ["openssl", "rsa", "-in", self.key_file, "-pubout", "-outform", "DER"],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ).stdout
        with open(os.path.join(folder, "dkim.pub"), "wb") as f:
            f.write(b"v=DKIM1; k=rsa; p=" + base64.b64encode(public))

    def sign(self, content, strict):
        import dkim  # takes longer than all the rest, and is seldom needed

        way = b"simple" if strict else b"relaxed"
        line = dkim.sign(
            content,
            b"mail",
            b"client.test.invalid",
            self.key,
            canonicalize=(way, way),
            include_headers=[
                b"from",
                b"to",
                b"subject",
                b"date",
                b"message-id",
                b"x-serial",
            ],
        )
        return line + content


class Work:
    """The messages to send; each is in the folder before anybody gets it."""

    def __init__(self, options, signer):
        self.options = options
        self.signer = signer
        self.lock = threading.Lock()
        self.chance = random.Random(options.prefix + "mailgen")
        self.kinds = options.kinds.split(",")
        self.plan = [
            self.kinds[i % len(self.kinds)] for i in range(options.count)
        ]
        for i in range(options.big):
            self.plan.insert(
                (i + 1) * len(self.plan) // (options.big + 1), "big"
            )
        self.made = 0

    def next_kind(self):
        if self.options.until is None:
            return self.plan[self.made] if self.made < len(self.plan) else None
        if os.path.exists(self.options.until):
            return None
        return self.kinds[self.made % len(self.kinds)]

    def take(self):
        """A message and its bytes, None at the end."""
        with self.lock:
            kind = self.next_kind()
            if kind is None:
                return None
            mail = make(
                "%s%04d-%s" % (self.options.prefix, self.made, kind),
                kind,
                self.options.big_bytes,
                self.chance,
            )
            if self.options.domains:
                mail.rcpts = [
                    [
                        rcpt.replace(
                            "@", "@d%d." % (self.made % self.options.domains)
                        ),
                        params,
                    ]
                    for rcpt, params in mail.rcpts
                ]
            self.made += 1
            content = mail.content()
            if kind.startswith("dkim"):
                content = self.signer.sign(content, kind == "dkim-strict")
            name = os.path.join(self.options.folder, mail.serial + ".eml")
            with open(name, "wb") as f:
                f.write(content)
            return mail, content


class Diary:
    """Events, on disk before anybody goes on."""

    def __init__(self, folder):
        self.lock = threading.Lock()
        self.file = open(
            os.path.join(folder, "sent.jsonl"), "a", encoding="utf-8"
        )
        self.counts = {"try": 0, "ok": 0, "no": 0}

    def note(self, event, message, /, **more):
        line = {"event": event, "serial": message.serial, "when": time.time()}
        line.update(more)
        with self.lock:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            self.counts[event] += 1


class Sender(threading.Thread):
    """One session after another, several messages in each."""

    def __init__(self, options, work, diary):
        super().__init__()
        self.options = options
        self.work = work
        self.diary = diary
        self.smtp = None
        self.left = 0
        self.port = options.port

    def connect(self, port):
        if self.smtp is None or self.left == 0 or self.port != port:
            self.quit()
            self.port = port
            self.smtp = smtplib.SMTP(
                self.options.host,
                port,
                "client.test.invalid",
                self.options.timeout,
            )
            self.smtp.ehlo()
            self.left = self.options.per_session
        self.left -= 1

    def drop(self):
        if self.smtp is not None:
            self.smtp.close()
            self.smtp = None

    def quit(self):
        if self.smtp is not None:
            try:
                self.smtp.quit()
            except (smtplib.SMTPException, OSError):
                pass
            self.smtp = None

    def run(self):
        while True:
            made = self.work.take()
            if made is None:
                self.quit()
                return
            self.one(*made)
            if self.options.pause_ms:
                time.sleep(self.options.pause_ms / 1000)

    def one(self, mail, content):
        self.diary.note(
            "try",
            mail,
            kind=mail.kind,
            mail=mail.mail,
            mail_params=mail.mail_params,
            rcpts=mail.rcpts,
            bytes=len(content),
        )
        code, text, rcpts = self.offer(mail, content, self.options.port)
        if code != 250 and self.options.also:
            code, text, rcpts = self.offer(mail, content, self.options.also)
        if code == 250:
            self.diary.note(
                "ok", mail, code=code, text=text, rcpts=rcpts, port=self.port
            )
        else:
            self.diary.note("no", mail, code=code, text=text)

    def offer(self, mail, content, port):
        try:
            self.connect(port)
            code, text, rcpts = self.send(mail, content)
        except (smtplib.SMTPException, OSError) as e:
            self.drop()
            return 0, str(e), []
        if code != 250:
            self.quit()
        return code, text, rcpts

    def send(self, mail, content):
        code, text = self.smtp.mail(mail.mail, mail.mail_params)
        if code != 250:
            return code, text.decode("utf-8", "replace"), []
        taken = []
        for rcpt, params in mail.rcpts:
            code, text = self.smtp.rcpt(rcpt, params)
            if code in (250, 251):
                taken.append(rcpt)
        if not taken:
            return code, text.decode("utf-8", "replace"), []
        code, text = self.smtp.data(content)
        return code, text.decode("utf-8", "replace"), taken


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--also", type=int, help="a second port to try")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--until", help="as many until this file exists")
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--per-session", type=int, default=4)
    parser.add_argument("--pause-ms", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--big", type=int, default=0, help="how many 5 MB ones")
    parser.add_argument("--big-bytes", type=int, default=5000000)
    parser.add_argument("--prefix", default="")
    parser.add_argument(
        "--domains", type=int, default=0, help="below those of recipients"
    )
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    os.makedirs(options.folder, exist_ok=True)
    signer = None
    if "dkim" in options.kinds:
        if importlib.util.find_spec("dkim") is None:
            sys.exit("mailgen: python3-dkim is missing")
        signer = Signer(options.folder)
    work = Work(options, signer)
    diary = Diary(options.folder)
    senders = [Sender(options, work, diary) for _ in range(options.sessions)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if not options.quiet:
        print(
            "%(try)d tried, %(ok)d acknowledged, %(no)d not" % diary.counts
        )
    return 0 if diary.counts["try"] == work.made else 1


if __name__ == "__main__":
    sys.exit(main())
