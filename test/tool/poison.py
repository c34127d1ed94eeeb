#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Passes TCP connections on to a port of loopback, and kills the children of a
process as soon as a client's bytes hold a mark, as a message does that a program
cannot survive.

    poison.py PORT MARK PIDFILE USER     prints the port that it listens on

PIDFILE has the parent's id; those of its children that run as USER are killed.
SIGUSR1 makes it harmless.
"""

import signal
import socket
import subprocess
import sys
import threading

port, mark, pidfile, user = int(sys.argv[1]), sys.argv[2].encode(), *sys.argv[3:5]
armed = threading.Event()
armed.set()
signal.signal(signal.SIGUSR1, lambda *_: armed.clear())


def kill():
    with open(pidfile, encoding="ascii") as f:
        parent = f.read().strip()
    subprocess.run(["pkill", "-KILL", "-P", parent, "-u", user], check=False)


def pass_on(source, target, watch):
    tail = b""
    try:
        while data := source.recv(65536):
            tail = (tail + data)[-65536 - len(mark) :]
            if watch and armed.is_set() and mark in tail:
                kill()
                break
            target.sendall(data)
    except OSError:
        pass
    for s in (source, target):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            client.close()
            continue
        server.settimeout(None)
        for args in ((client, server, True), (server, client, False)):
            threading.Thread(target=pass_on, args=args, daemon=True).start()


main()
