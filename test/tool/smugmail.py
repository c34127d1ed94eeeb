#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Mail that tries to be more than one message, and envelopes with every byte.

    smugmail.py send ANSWERS NAME:PORT...   the same set to each port; a line
                                            "name codes" for each transaction
    smugmail.py compare SINK SINK           the messages of two next hops are
                                            the same, and as many
    smugmail.py cr PORT                     a CR inside a quoted address, which
                                            Postfix takes, is refused

Every end of data that some server or other has taken for one stands in the
middle of a body, with a second transaction behind it.  What is a message is
for the first MTA to say; whoever carries it on has to say the same.
"""

import os
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oddmail import compare, taken  # noqa: E402

BEFORE = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\0\r\n")
AFTER = (b"\r\n", b"\n", b"\r", b"\r\r\n")
DOMAIN = b"next.test.invalid"
# Values of one byte each, by field.
SENDERS = ("sender", "quoted", "envid", "auth")
RCPTS = ("rcpt", "rcpt-quoted", "rcpt-domain", "orcpt")


class Client:
    def __init__(self, port, helo=b"client.test.invalid"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        self.reply()
        self.helo = self.say(b"EHLO " + helo)

    def reply(self):
        while True:
            try:
                line = self.file.readline()
            except ConnectionError:
                return "gone"
            if not line:
                return "gone"
            if line[3:4] != b"-":
                return line[:3].decode("ascii", "replace")

    def say(self, line):
        """A line feed inside ends one command and begins another."""
        self.socket.sendall(line + b"\r\n")
        return [self.reply() for _ in range(line.count(b"\n") + 1)]

    def end(self):
        """All that is still answered."""
        codes = []
        while not codes or codes[-1] not in ("gone", "221"):
            codes.append(self.reply())
        self.socket.close()
        return codes


def content(name, body):
    return b"X-Smug: %s\r\nFrom: a@client.test.invalid\r\n\r\n%s" % (
        name,
        body,
    )


def forms():
    for b, before in enumerate(BEFORE):
        for a, after in enumerate(AFTER):
            yield b"%d-%d" % (b, a), before + b"." + after


def smuggle(port, name, form):
    second = b"%s-evil" % name
    inner = b"".join(
        [
            b"MAIL FROM:<%s@client.test.invalid>\r\n" % second,
            b"RCPT TO:<%s@%s>\r\nDATA\r\n" % (second, DOMAIN),
            content(second, b"evil\r\n"),
        ]
    )
    client = Client(port)
    client.say(b"MAIL FROM:<%s@client.test.invalid>" % name)
    client.say(b"RCPT TO:<%s@%s>" % (name, DOMAIN))
    codes = client.say(b"DATA")
    body = content(name, b"first" + form + inner + b"\r\n.\r\nQUIT\r\n")
    client.socket.sendall(body)
    return codes + client.end()


def mail_line(field, byte):
    local, params = b"a", b""
    if field == "sender":
        local = b"a" + byte + b"z"
    elif field == "quoted":
        local = b'"a' + byte + b'z"'
    elif field == "envid":
        params = b" ENVID=a" + byte + b"z"
    else:
        params = b" AUTH=a" + byte + b"z"
    return b"MAIL FROM:<%s@client.test.invalid>%s" % (local, params)


def rcpt_line(field, byte, number):
    local, domain, params = b"r%d" % number, DOMAIN, b""
    if field == "rcpt":
        local += byte + b"z"
    elif field == "rcpt-quoted":
        local = b'"%s%sz"' % (local, byte)
    elif field == "rcpt-domain":
        domain = b"a" + byte + b"z." + DOMAIN
    else:
        params = b" ORCPT=rfc822;a" + byte + b"z@x"
    return b"RCPT TO:<%s@%s>%s" % (local, domain, params)


def values(field):
    """All but what the milter refuses although Postfix does not, and what
    Postfix makes an address of its own host of."""
    left_out = {"quoted": 13, "rcpt-quoted": 13, "rcpt": ord("(")}
    return [v for v in range(256) if v != left_out.get(field)]


def last_code(port, mail, rcpt):
    """What the whole transaction comes to, wherever it is told."""
    client = Client(port)
    codes = client.say(mail) + client.say(rcpt) + client.say(b"DATA")
    if codes[-1] == "354":
        client.socket.sendall(content(b"cr", b"x\r\n.\r\n"))
        codes.append(client.reply())
    client.socket.sendall(b"QUIT\r\n")
    client.end()
    print("answers", codes)
    return codes[-1]


def cr_is_refused(port):
    plain = b"MAIL FROM:<a@client.test.invalid>"
    good = b"RCPT TO:<cr@%s>" % DOMAIN
    codes = [
        last_code(port, mail_line("quoted", b"\r"), good),
        last_code(port, plain, rcpt_line("rcpt-quoted", b"\r", 1)),
    ]
    return 0 if all(code.startswith("5") for code in codes) else 1


class Set:
    def __init__(self, name, port, answers):
        self.name = name.encode()
        self.port = port
        self.answers = answers

    def note(self, name, codes):
        line = "%s %s\n" % (name.decode(), " ".join(codes))
        self.answers.write(line)

    def bodies(self):
        for name, form in forms():
            name = b"%s-%s" % (self.name, name)
            self.note(name, smuggle(self.port, name, form))

    def transact(self, name, mail, rcpts, helo=b"client.test.invalid"):
        """The first recipient tells messages apart."""
        client = Client(self.port, helo)
        codes = client.helo + client.say(mail)
        for line in [b"RCPT TO:<%s@%s>" % (name, DOMAIN)] + rcpts:
            codes += client.say(line)
        data = client.say(b"DATA")
        if data == ["354"]:
            client.socket.sendall(content(name, b"x\r\n.\r\n"))
            data.append(client.reply())
        codes += data
        client.socket.sendall(b"QUIT\r\n")
        self.note(name, codes + client.end())

    def senders(self):
        for field in SENDERS:
            for value in values(field):
                name = b"%s-%s-%d" % (self.name, field.encode(), value)
                self.transact(name, mail_line(field, bytes([value])), [])

    def rcpts(self):
        plain = b"MAIL FROM:<a@client.test.invalid>"
        for field in RCPTS:
            # Few enough mistakes in a session.
            all_of_them = values(field)
            for first in range(0, len(all_of_them), 8):
                name = b"%s-%s-%d" % (self.name, field.encode(), first)
                lines = [
                    rcpt_line(field, bytes([v]), v)
                    for v in all_of_them[first : first + 8]
                ]
                self.transact(name, plain, lines)

    def greetings(self):
        for value in range(256):
            name = b"%s-helo-%d" % (self.name, value)
            helo = b"a" + bytes([value]) + b"z.test.invalid"
            plain = b"MAIL FROM:<a@client.test.invalid>"
            self.transact(name, plain, [], helo)


def send(answers, targets):
    for number, target in enumerate(targets):
        name, _, port = target.partition(":")
        one = Set(name, int(port), answers)
        one.bodies()
        # What a body is depends on the service, an envelope does not.
        if number == 0:
            one.senders()
            one.rcpts()
            one.greetings()


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "cr":
        return cr_is_refused(int(sys.argv[2]))
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return 64
    if sys.argv[1] == "compare":
        return compare(taken(sys.argv[2]), taken(sys.argv[3]))
    with open(sys.argv[2], "w", encoding="utf-8") as answers:
        send(answers, sys.argv[3:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
