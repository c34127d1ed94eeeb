# SPDX-License-Identifier: BSD-2-Clause
"""A member that is dialled and does as it likes."""

import os
import socket
import ssl
import threading
import time

from badinput.lab import DEADLINE, is_logged, need, one_more_message
from badinput.peer import (
    EPOCH,
    MINE,
    key,
)


class Rogue(threading.Thread):
    """Listens where m should, and does one thing to whoever calls."""

    def __init__(self, lab, act, name="m", alpn="shadowmx/1", version=None, tls=True):
        super().__init__(daemon=True)
        self.act = act
        self.calls = 0
        self.stop = threading.Event()
        self.context = None
        if tls:
            c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            folder = os.path.join(lab.folder, name)
            c.load_cert_chain(folder + "/node.crt", folder + "/node.key")
            if alpn:
                c.set_alpn_protocols([alpn])
            if version is not None:
                c.maximum_version = version
            self.context = c
        with open(lab.folder + "/m/port.peer", encoding="utf-8") as f:
            port = int(f.read())
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen(64)
        self.socket.settimeout(0.1)

    def run(self):
        while not self.stop.is_set():
            try:
                s, _ = self.socket.accept()
            except socket.timeout:
                continue
            except OSError:
                return
            self.calls += 1
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            s.settimeout(5)
            if self.context is not None:
                s = self.context.wrap_socket(s, server_side=True)
            self.act(s, self.stop)
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            s.close()

    def end(self):
        self.stop.set()
        self.join()
        self.socket.close()


GREETING = b"220 m.test.invalid shadowmx 1.1\r\n"
WELCOME = (
    "250 m.test.invalid VERSION=1.1 INCARNATION=%s EPOCH=%s SEQUENCE=1"
    " CONTENT=1000000000 ENVELOPE=10000000\r\n" % (MINE, EPOCH)
).encode()


def then(*steps):
    """Answer each thing received with the next step, then rest."""

    def act(s, stop):
        for i, step in enumerate(steps):
            if i > 0:
                s.recv(65536)
            s.sendall(step)
        stop.wait(20)

    return act


def always(answer, version=b"1.1"):
    def act(s, stop):
        s.sendall(GREETING.replace(b"1.1", version))
        s.recv(65536)
        s.sendall(WELCOME.replace(b"1.1", version))
        while not stop.is_set() and s.recv(65536):
            s.sendall(answer)

    return act


def endless(piece, before=b""):
    def act(s, stop):
        s.sendall(before)
        while not stop.is_set():
            s.sendall(piece)
            time.sleep(0.005)

    return act


def leave(s, stop):
    s.close()


def rogue(lab, act, how, must=True):
    start = lab.a.log_size()
    r = Rogue(lab, act, **how)
    r.start()
    try:
        until = time.time() + DEADLINE
        while r.calls == 0:
            need(time.time() < until, "nobody calls")
            time.sleep(0.05)
        one_more_message(lab)
        one_more_message(lab)
    finally:
        r.end()
    is_logged(lab.a, start, "m.test.invalid")


def part_rogue(lab):
    listing = b"250-%s STATE=handed AGE=1 EPOCH=%s\r\n" % (key(1).encode(), EPOCH.encode())
    for name, act, how in (
        ("closes at once", leave, {"tls": False}),
        ("says nothing", then(b""), {"tls": False}),
        ("speaks without TLS", then(GREETING), {"tls": False}),
        ("TLS 1.2", then(GREETING), {"version": ssl.TLSVersion.TLSv1_2}),
        ("another ALPN", then(GREETING), {"alpn": "http/1.1"}),
        ("another's key", then(GREETING), {"name": "stranger"}),
        ("greets with garbage", then(b"\xff\xfe\0garbage\r\n"), {}),
        ("greets without end", endless(b"x" * 8192), {}),
        ("greets in endless lines", endless(b"220-m\r\n" * 500), {}),
        ("stops after the greeting", then(GREETING), {}),
        ("stops after EHLO", then(GREETING, WELCOME), {}),
        ("answers EHLO with garbage", then(GREETING, b"250 what?\r\n"), {}),
        ("refuses EHLO", then(GREETING, b"556 no\r\n"), {}),
        ("answers with garbage", always(b"\0\1\2\r\n"), {}),
        ("answers with a strange code", always(b"999 what\r\n"), {}),
        ("answers with endless lists", always(listing * 3000), {}),
        ("answers twice", always(b"450 no\r\n450 no\r\n"), {}),
        ("is always full", always(b"452 full\r\n"), {}),
        ("is full, of version 1.0", always(b"452 full\r\n", b"1.0"), {}),
        ("is full, of version 1.2^32", always(b"452 full\r\n", b"1.4294967296"), {}),
        ("answers 250 AGO=2^63", always(b"250 AGO=9223372036854775808\r\n"), {}),
        ("has seen all just now", always(b"250 AGO=0\r\n"), {}),
        ("has taken over all", always(b"250 ANSWERS=" + b"t" * 1000 + b"\r\n"), {}),
        ("answers 250 FOREIGN=2^64", always(b"250 FOREIGN=18446744073709551616\r\n"), {}),
    ):
        lab.case("rogue: " + name, rogue, lab, act, how)
        time.sleep(0.1)
