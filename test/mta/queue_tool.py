#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What queue_watch.sh needs beyond the shell.

    post PORT SENDER RECIPIENT...   send standard input, byte for byte, as the
                                    content; addresses may be followed by
                                    parameters ("<a@x> RET=HDRS"); print the id
    listed ID                       "sender" and each recipient that postqueue -j
                                    (standard input) shows for it, sorted; while
                                    it is being deferred some are shown twice
    lines FILE ID                   the same of the last answer to "read ID" in
                                    FILE, what the probe said
    command FILE ID WORD...         the MAIL and RCPT lines of that answer,
                                    decoded, as they are
    delivered SINK FILE             the message in FILE.envelope, FILE.content is
                                    the one that arrived in the folder SINK
"""

import glob
import json
import re
import socket
import sys


def plain(word):
    """A value of the envelope's text."""
    return re.sub(rb"\+([0-9A-F]{2})",
                  lambda m: bytes.fromhex(m.group(1).decode()), word)


class Client:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", int(port)))
        self.file = self.sock.makefile("rb")
        self.reply(b"2")

    def reply(self, wanted):
        while True:
            line = self.file.readline()
            if line[3:4] != b"-":
                break
        if not line.startswith(wanted):
            sys.exit("refused: %r" % line)
        return line

    def say(self, lines, wanted=b"2"):
        """Pipelined, but never more than both sides can take."""
        for i in range(0, len(lines), 200):
            part = lines[i:i + 200]
            self.sock.sendall(b"".join(l + b"\r\n" for l in part))
            for _ in part:
                last = self.reply(wanted)
        return last


def post(port, sender, *recipients):
    content = sys.stdin.buffer.read()
    client = Client(port)
    client.say([b"EHLO client.example"])
    client.say([b"MAIL FROM:" + sender.encode()])
    client.say([b"RCPT TO:" + r.encode() for r in recipients])
    client.say([b"DATA"], b"3")
    content = re.sub(rb"(^|\n)\.", rb"\1..", content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    client.sock.sendall(content + b".\r\n")
    print(client.reply(b"2").split()[-1].decode())
    client.say([b"QUIT"])


def show(sender, recipients):
    print("sender", sender)
    for r in sorted(recipients):
        print(r)


def listed(queue_id):
    for line in sys.stdin:
        row = json.loads(line)
        if row["queue_id"] != queue_id:
            continue
        sender = row["sender"]
        show("" if sender == "MAILER-DAEMON" else sender,
             {r["address"] for r in row["recipients"]})


def answer(path, queue_id):
    """The last one: its lines stand before its "read"."""
    lines, last = [], []
    with open(path, "rb") as f:
        for line in f:
            word = line.rstrip(b"\n").split(b" ", 2)
            if len(word) < 3 or word[1] != queue_id.encode():
                continue
            if word[0] == b"line":
                lines.append(word[2])
            elif word[0] == b"read":
                lines, last = [], lines
    return last


def lines(path, queue_id):
    sender, recipients = None, []
    for line in answer(path, queue_id):
        words = line.split(b" ")
        address = plain(words[1])[1:-1].decode("utf-8", "surrogateescape")
        if words[0] == b"MAIL":
            sender = address
        else:
            recipients.append(address)
    show(sender, recipients)


def command(path, queue_id):
    for line in answer(path, queue_id):
        sys.stdout.buffer.write(
            b" ".join(plain(w) for w in line.split(b" ")) + b"\n")


def words_of(line):
    words = line.split(b" ")
    return plain(words[1]), sorted(plain(w) for w in words[2:])


def parameters(value):
    """As the sink wrote them; SIZE is the next hop's matter."""
    return sorted(p.encode() for p in value if not p.startswith("SIZE="))


def same(envelope, told):
    mail = [l for l in envelope if l.startswith(b"MAIL")][0]
    rcpts = [l for l in envelope if l.startswith(b"RCPT")]
    ours = [words_of(mail)] + sorted(words_of(r) for r in rcpts)
    theirs = [told["mail"]] + sorted(told["rcpt"])
    if ours != theirs:
        print("  envelope: %r" % ours)
        print("  at the sink: %r" % theirs)
    return ours == theirs


def command_of(address, params):
    return address.encode("utf-8", "surrogateescape"), parameters(params)


def delivered(sink, name):
    with open(name + ".content", "rb") as f:
        content = f.read().replace(b"\n", b"\r\n")
    with open(name + ".envelope", "rb") as f:
        envelope = f.read().split(b"\r\n")
    for path in glob.glob(sink + "/*.json"):
        with open(path, encoding="utf-8") as f:
            told = json.load(f)
        with open(path[:-5] + ".eml", "rb") as f:
            if f.read() == content:
                ok = same(envelope, {
                    "mail": command_of(told["mail"], told["mail_params"]),
                    "rcpt": [command_of(r["rcpt"], r["params"])
                             for r in told["rcpts"]]})
                sys.exit(0 if ok else 1)
    print("  no such content at the sink")
    sys.exit(1)


if __name__ == "__main__":
    {"post": post, "listed": listed, "lines": lines, "command": command,
     "delivered": delivered}[sys.argv[1]](*sys.argv[2:])
