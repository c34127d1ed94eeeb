#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A next hop that does what it is told, by SMTP or LMTP, and writes down the rest.

    nexthop.py FOLDER [--lmtp] [--unix PATH] [--host H] [--port N] [--name NAME]
               [--into DIR] [--cert FILE]

The first line it prints is the port it listens on (the path, with --unix).  A
message it says 250 to becomes NAME-N.eml (the exact bytes, dots undone) and, last,
NAME-N.json (envelope) in DIR (FOLDER), before the answer leaves; by LMTP one for
each recipient.  FOLDER/log has a line for all that happens, FOLDER/faults one for
each thing that a client must not do: what was not offered, bare line ends, bytes
above 0x7f, a command behind one that ends a group.

FOLDER/control, read again at each step, has lines

    offer = WORD, SIZE 1000, ...   what EHLO says; STARTTLS works with --cert
    STAGE[/REGEX] = ACTION; ...    the first that matches; REGEX: the argument

Stages: greeting EHLO HELO STARTTLS MAIL RCPT DATA BDAT content dot RSET QUIT, and
"pipelined": a command with more behind it.  By LMTP "dot" is asked per recipient,
whom REGEX is about.  Actions, one after the other:

    slow S[-S]    wait, by chance in between
    CODE [TEXT]   this answer, before what comes behind it
    close         end the connection, without an answer but for a CODE before
    reset         likewise, with RST
    stall         no word any more, until control changes
    garbage       bytes, and no answer
    big, long     a megabyte before the answer, of lines, in one line
    drip S        one byte in S seconds
    keep          take it (dot), whatever comes behind it
    first N       what follows only the first N times
"""

import argparse
import json
import os
import random
import re
import socket
import ssl
import struct
import sys
import threading
import time

OFFERS = ["PIPELINING", "SIZE 200000000", "8BITMIME", "SMTPUTF8", "DSN"]
OFFERS += ["ENHANCEDSTATUSCODES"]
LAST_OF_GROUP = ("EHLO", "LHLO", "HELO", "DATA", "STARTTLS", "QUIT", "NOOP")
MAIL_NEEDS = {
    "SIZE": "SIZE",
    "BODY": "8BITMIME",
    "SMTPUTF8": "SMTPUTF8",
    "RET": "DSN",
    "ENVID": "DSN",
    "NOTIFY": "DSN",
    "ORCPT": "DSN",
}
WORDS = {
    "greeting": "220 next.test.invalid ESMTP",
    "HELO": "250 next.test.invalid",
    "STARTTLS": "220 2.0.0 Go on",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End with a dot",
    "BDAT": "250 2.0.0 Ok",
    "dot": "250 2.0.0 Ok",
    "RSET": "250 2.0.0 Ok",
    "NOOP": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
}


class Gone(Exception):
    """This connection has ended."""


class Control:
    """The wishes of the moment, and how often each was followed."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "control")
        self.lock = threading.Lock()
        self.used = {}
        self.stamp = None
        self.offers, self.rules = list(OFFERS), []

    def read(self):
        try:
            with open(self.path, encoding="utf-8") as f:
                stamp = os.fstat(f.fileno())
                stamp = (stamp.st_ino, stamp.st_mtime_ns)
                if stamp == self.stamp:
                    return
                lines = f.read().split("\n")
        except OSError:
            stamp, lines = None, []
        if stamp != self.stamp:
            self.used = {}
        self.stamp, self.offers, self.rules = stamp, list(OFFERS), []
        for line in lines:
            name, equals, value = (line.strip() + " ").partition(" = ")
            if name == "offer":
                self.offers = [w.strip() for w in value.split(",") if w.strip()]
            elif equals:
                stage, _, pattern = name.partition("/")
                actions = [a.strip() for a in value.split(";")]
                self.rules.append((line, stage, pattern, actions))

    def offer(self):
        with self.lock:
            self.read()
            return list(self.offers)

    def actions(self, stage, text):
        with self.lock:
            self.read()
            for line, at, pattern, actions in self.rules:
                if at != stage or not re.search(pattern, text):
                    continue
                if actions[0].startswith("first "):
                    used = self.used.get(line, 0)
                    if used >= int(actions[0][6:]):
                        continue
                    self.used[line] = used + 1
                    actions = actions[1:]
                return list(actions)
        return []


class Book:
    """What happened, and what was taken."""

    def __init__(self, folder, into, name):
        self.folder, self.into, self.name = folder, into, name
        self.lock = threading.Lock()
        self.number = 0
        os.makedirs(into, exist_ok=True)
        self.files = {
            n: open(
                os.path.join(folder, n),
                "a",
                encoding="utf-8",
                errors="backslashreplace",
            )
            for n in ("log", "faults")
        }

    def say(self, file, text):
        with self.lock:
            self.files[file].write("%.3f %s\n" % (time.time(), text))
            self.files[file].flush()

    def keep(self, envelope, content):
        with self.lock:
            self.number += 1
            base = "%s-%d" % (self.name, self.number)
        base = os.path.join(self.into, base)
        with open(base + ".eml", "wb") as f:
            f.write(content)
        with open(base + ".tmp", "w", encoding="utf-8") as f:
            json.dump(envelope, f)
        os.rename(base + ".tmp", base + ".json")


def path_and_params(text):
    """'FROM:<a> X=1' -> ('<a>', ['X=1'])"""
    text = text.partition(":")[2].strip()
    at, quoted = 0, False
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text[at] == ">" and not quoted:
            break
        at += 1
    return text[: at + 1], text[at + 1 :].split()


class Wire:
    """Lines and bytes of one connection."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(600)
        self.buffer = bytearray()
        self.read = 0  # of the buffer

    def more(self):
        data = self.sock.recv(262144)
        if not data:
            raise Gone("closed by the client")
        if self.read > 1 << 20:
            del self.buffer[: self.read]
            self.read = 0
        self.buffer += data

    def line(self):
        while True:
            end = self.buffer.find(b"\n", self.read)
            if end >= 0:
                break
            self.more()
        line = bytes(self.buffer[self.read : end + 1])
        self.read = end + 1
        return line

    def bytes(self, count):
        while len(self.buffer) - self.read < count:
            self.more()
        data = bytes(self.buffer[self.read : self.read + count])
        self.read += count
        return data

    def waiting(self):
        """Is there something that was sent before our answer?"""
        self.sock.settimeout(0)
        try:
            self.more()
        except (BlockingIOError, ssl.SSLWantReadError, Gone):
            pass
        self.sock.settimeout(600)
        return len(self.buffer) > self.read

    def drop(self):
        """What came before TLS is not part of what comes within."""
        had = len(self.buffer) > self.read
        self.buffer.clear()
        self.read = 0
        return had

    def send(self, data):
        self.sock.sendall(data)


class Session:
    def __init__(self, server, sock, number):
        self.server, self.number = server, number
        self.control, self.book = server.control, server.book
        self.wire = Wire(sock)
        self.tls = None
        self.helo = ""
        self.offered = []
        self.forget()

    def forget(self):
        self.envelope = None
        self.rcpts = []
        self.chunks = []

    def log(self, text):
        self.book.say("log", "%d %s" % (self.number, text))

    def fault(self, text):
        self.book.say("faults", "%d %s" % (self.number, text))

    def has(self, word):
        return any(o.split()[0] == word for o in self.offered)

    # ---- answers ----

    def answer(self, stage, text="", words=None, keep=None):
        """What control says, else words; was it a yes (2xx, 354)?"""
        if words is None:
            words = WORDS[stage]
        usual, drip, more, last = words, 0.0, "", None
        for action in self.control.actions(stage, text):
            verb, _, value = action.partition(" ")
            self.log("%s %s: %s" % (stage, text[:80], action))
            if verb == "slow":
                least, _, most = value.partition("-")
                time.sleep(random.uniform(float(least), float(most or least)))
            elif verb == "keep":
                keep()
                keep = None
            elif verb == "drip":
                drip = float(value)
            elif verb in ("big", "long"):
                more = verb
            elif verb.isdigit():
                words = action
            elif verb == "garbage":
                self.wire.send(random.randbytes(997) + b"\r\n\0\r\n99\r\n")
                return False
            elif words is usual:
                self.end(verb)
            else:
                last = verb
        if words[0] in "23" and keep is not None:
            keep()
        if stage == "DATA" and self.wire.waiting():
            self.fault("content before the answer to DATA")
        self.send(self.before(more, words) + words.encode() + b"\r\n", drip)
        if last:
            self.end(last)
        return words[0] in "23"

    def before(self, more, words):
        if more == "big":
            return (words[:3] + "-" + "x" * 70 + "\r\n").encode() * 13797
        if more == "long":
            return (words[:3] + "-" + "x" * 1048576 + "\r\n").encode()
        return b""

    def send(self, data, drip):
        if not drip:
            self.wire.send(data)
            return
        for n in range(len(data)):
            time.sleep(drip)
            self.wire.send(data[n : n + 1])

    def end(self, how):
        if how == "reset":
            self.wire.sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        elif how == "stall":
            stamp = self.control.stamp
            while self.control.stamp == stamp:
                time.sleep(0.1)
                self.control.offer()
        elif how != "close":
            self.fault("no such action: " + how)
        raise Gone(how)

    # ---- commands ----

    def run(self):
        if not self.answer("greeting"):
            self.end("close")
        while self.command():
            pass

    def command(self):
        line = self.wire.line()
        if not line.endswith(b"\r\n"):
            self.fault("a line that ends with LF")
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        verb, _, rest = text.partition(" ")
        verb = verb.upper()
        if verb != "BDAT" and self.wire.waiting():
            if not self.has("PIPELINING") or verb in LAST_OF_GROUP:
                self.fault("something behind " + text[:60])
            if self.control.actions("pipelined", text):
                self.answer("pipelined", text, "503 5.5.1 One at a time")
                return True
        handler = getattr(self, "on_" + verb.lower(), None)
        if handler is None:
            self.fault("no such command: " + text[:60])
            self.answer("other", text, "502 5.5.2 Not known here")
            return True
        return handler(rest) is not False

    def on_ehlo(self, text):
        if self.server.lmtp:
            self.fault("EHLO by LMTP")
        self.hello(text)

    def on_lhlo(self, text):
        if not self.server.lmtp:
            self.fault("LHLO by SMTP")
        self.hello(text)

    def hello(self, text):
        self.forget()
        self.helo = text
        offered = self.control.offer()
        if self.tls:
            offered = [o for o in offered if o != "STARTTLS"]
        words = ["next.test.invalid"] + offered
        lines = ["250-" + w for w in words[:-1]] + ["250 " + words[-1]]
        self.offered = []
        if self.answer("EHLO", text, "\r\n".join(lines)):
            self.offered = offered

    def on_helo(self, text):
        self.forget()
        self.helo, self.offered = text, []
        self.answer("HELO", text)

    def on_starttls(self, text):
        if not self.has("STARTTLS"):
            self.fault("STARTTLS was not offered")
        words = None if self.server.cert else "454 4.7.0 Not now"
        if not self.answer("STARTTLS", text, words):
            return
        if self.wire.drop():
            self.fault("something behind STARTTLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.cert)
        self.wire.sock = context.wrap_socket(self.wire.sock, server_side=True)
        self.tls = self.wire.sock.version()
        self.offered = []
        self.forget()

    def on_mail(self, text):
        path, params = path_and_params(text)
        self.needs(params)
        if not path.isascii() and "SMTPUTF8" not in params:
            self.fault("UTF-8 in an address without SMTPUTF8")
        if self.envelope:
            self.fault("MAIL within a transaction")
        if self.answer("MAIL", text):
            self.envelope = {"mail": path, "mail_params": params}
            self.rcpts, self.chunks = [], []

    def needs(self, params):
        for p in params:
            word = p.partition("=")[0].upper()
            if not self.has(MAIL_NEEDS.get(word, word)):
                self.fault("parameter %s was not offered" % p)

    def on_rcpt(self, text):
        path, params = path_and_params(text)
        self.needs(params)
        if self.envelope is None:
            self.answer("RCPT", text, "503 5.5.1 No MAIL")
        elif self.answer("RCPT", path):
            self.rcpts.append({"rcpt": path, "params": params})

    def on_data(self, text):
        if not self.rcpts:
            self.answer("DATA", text, "503 5.5.1 No recipients")
            return
        if not self.answer("DATA", text):
            return
        lines, size = [], 0
        while True:
            line = self.wire.line()
            if not size:
                self.middle()
            if line == b".\r\n":
                break
            size += len(line)
            lines.append(line[1:] if line.startswith(b".") else line)
        self.taken(b"".join(lines))

    def middle(self):
        for action in self.control.actions("content", ""):
            verb, _, value = action.partition(" ")
            self.log("content: " + action)
            if verb == "slow":
                time.sleep(float(value))
            else:
                self.end(verb)

    def on_bdat(self, text):
        words = text.split()
        if not self.has("CHUNKING"):
            self.fault("BDAT was not offered")
        last = len(words) > 1 and words[1].upper() == "LAST"
        self.chunks.append(self.wire.bytes(int(words[0])))
        self.middle()
        if not self.rcpts:
            self.answer("BDAT", text, "503 5.5.1 No recipients")
        elif last and not self.control.actions("BDAT", text):
            self.taken(b"".join(self.chunks))
        elif not self.answer("BDAT", text):
            self.forget()

    def taken(self, content):
        self.check(content)
        self.envelope.update(
            helo=self.helo,
            tls=self.tls,
            when=time.time(),
            connection=self.number,
            by="LMTP" if self.server.lmtp else "SMTP",
            chunks=len(self.chunks),
        )
        envelope, rcpts = self.envelope, self.rcpts
        self.forget()
        for group in [[r] for r in rcpts] if self.server.lmtp else [rcpts]:
            one = dict(envelope, rcpts=group, when=time.time())
            self.answer(
                "dot",
                group[0]["rcpt"],
                keep=lambda one=one: self.book.keep(one, content),
            )

    def check(self, content):
        if re.search(rb"(?<!\r)\n|\r(?!\n)", content):
            self.fault("a bare CR or LF")
        if not content.isascii() and not (
            self.has("8BITMIME")
            and "BODY=8BITMIME" in self.envelope["mail_params"]
        ):
            self.fault("bytes above 0x7f without BODY=8BITMIME")
        if content and not content.endswith(b"\r\n"):
            self.fault("no line end at the end")

    def on_rset(self, text):
        self.forget()
        self.answer("RSET", text)

    def on_noop(self, text):
        self.answer("NOOP", text)

    def on_quit(self, text):
        self.answer("QUIT", text)
        return False


class Server:
    def __init__(self, options):
        os.makedirs(options.folder, exist_ok=True)
        self.lmtp, self.cert = options.lmtp, options.cert
        self.control = Control(options.folder)
        self.book = Book(
            options.folder, options.into or options.folder, options.name
        )
        if options.unix:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(options.unix)
            os.chmod(options.unix, 0o777)
            self.listener.listen(200)
            self.where = options.unix
        else:
            family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
            self.listener = socket.create_server(
                (options.host, options.port), family=family, backlog=200
            )
            self.where = self.listener.getsockname()[1]

    def one(self, sock, number):
        session = Session(self, sock, number)
        session.log("connected")
        try:
            session.run()
        except (Gone, OSError, ValueError) as e:
            session.log("ended: %s" % e)
        else:
            session.log("ended")
        try:
            session.wire.sock.close()
        except OSError:
            pass

    def run(self):
        number = 0
        while True:
            sock, _ = self.listener.accept()
            number += 1
            threading.Thread(
                target=self.one, args=(sock, number), daemon=True
            ).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder")
    parser.add_argument("--lmtp", action="store_true")
    parser.add_argument("--unix")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--name", default="hop")
    parser.add_argument("--into")
    parser.add_argument("--cert")
    server = Server(parser.parse_args())
    print(server.where, flush=True)
    try:
        server.run()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
