# SPDX-License-Identifier: BSD-2-Clause
"""Words of the peer link, right and wrong (doc/WIRE)."""

import hashlib
import os
import re
import socket
import ssl

from badinput.lab import (
    Broken,
    CHANCE,
    DEADLINE,
    need,
)

STEP = 30  # seconds that a peer may rest inside a verb (doc/WIRE, 7)
CONTENT = b"Subject: hostile\r\n\r\nNothing.\r\n"
ENVELOPE = b"CLIENT\r\nMAIL <m@hostile.invalid>\r\nRCPT <r@next.test.invalid>\r\n"
EPOCH = "0123456789abcdef0123456789abcdef.1"
MINE = "%032x" % CHANCE.getrandbits(128)
EHLO = (
    "EHLO m.test.invalid VERSION=1.0 INCARNATION=%s EPOCH=%s SEQUENCE=1\r\n"
    % (MINE, EPOCH)
).encode()


def context(lab, name="m", alpn="shadowmx/1", version=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    if version is not None:
        c.maximum_version = version
    if name is not None:
        folder = os.path.join(lab.folder, name)
        c.load_cert_chain(folder + "/node.crt", folder + "/node.key")
    if alpn is not None:
        c.set_alpn_protocols([alpn])
    return c


class Peer:
    """A connection to a host's peer port, greeted unless told otherwise."""

    def __init__(self, lab, host=None, name="m", hello=True, room=0):
        self.rest = b""
        raw = socket.socket()
        raw.settimeout(DEADLINE)
        if room:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        raw.connect((host or lab.b).peer)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s = context(lab, name).wrap_socket(raw)
        self.s.settimeout(DEADLINE)
        self.greeting = self.reply()
        if hello:
            need(self.greeting[:3] == "220", "greeting", self.greeting)
            self.send(EHLO)
            self.hello = self.reply()
            need(self.hello[:3] == "250", "hello", self.hello)

    def send(self, data):
        try:
            self.s.sendall(data)
        except OSError:
            pass  # its answer counts

    def line(self):
        while b"\n" not in self.rest:
            try:
                piece = self.s.recv(65536)
            except socket.timeout as e:
                raise Broken("no answer in %d s" % DEADLINE) from e
            except OSError:
                piece = b""
            if not piece:
                return None
            self.rest += piece
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode("ascii").rstrip("\r")

    def lines(self):
        """A whole reply; its last line is "closed" at the end."""
        out = []
        while True:
            line = self.line()
            if line is None:
                return out + ["closed"]
            need(re.match(r"\d{3}[ -]", line), "no reply:", line[:60])
            out.append(line)
            if line[3] == " ":
                return out

    def reply(self):
        return self.lines()[-1]

    def codes(self, most=1000):
        """Codes of all replies until the end."""
        out = []
        while len(out) < most:
            r = self.reply()
            if r == "closed":
                break
            out.append(int(r[:3]))
        return out

    def ask(self, data):
        self.send(data)
        return self.reply()

    def close(self):
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def key(counter, incarnation=MINE):
    return "%s-%016x" % (incarnation, counter)


def shadow(
    counter=0,
    content=CONTENT,
    envelope=ENVELOPE,
    whole=None,
    incarnation=MINE,
    bdat=None,
    **more
):
    """SHADOW and all that belongs to it."""
    words = {
        "SIZE": len(content),
        "ENVELOPE": len(envelope),
        "RCPTS": envelope.count(b"RCPT "),
        "DIGEST": hashlib.sha256(content).hexdigest(),
        "EPOCH": EPOCH,
        "QUEUE": "M%X" % counter,
    }
    words.update(more)
    text = "SHADOW " + (whole or key(counter, incarnation))
    for name, value in words.items():
        if value is not None:
            text += " %s=%s" % (name, value)
    if bdat is None:
        bdat = "BDAT %d LAST" % len(content)
    return (
        text.encode() + b"\r\n" + envelope + bdat.encode() + b"\r\n" + content
    )


def keys_request(verb, keys):
    return ("%s %d\r\n" % (verb, len(keys))).encode() + b"".join(
        k.encode() + b"\r\n" for k in keys
    )
