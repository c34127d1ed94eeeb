#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A wire between two ports of this machine: relay.py PORT [LISTEN]; end it to cut.

Prints the port it listens on (LISTEN, or any) and passes everything to PORT on
127.0.0.1, both ways.  SIGUSR1 makes it swallow what goes there, or pass it on
again; SIGUSR2 what comes back.
"""

import signal
import socket
import sys
import threading

swallow = {"there": False, "back": False}


def pump(source, target, way):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            if not swallow[way]:
                target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(listener, port):
    while True:
        near, _ = listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", port))
        except OSError:
            near.close()
            continue
        for args in ((near, far, "there"), (far, near, "back")):
            threading.Thread(target=pump, args=args, daemon=True).start()


def main():
    port = int(sys.argv[1])
    listen = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    # A handler would only run when the main thread has something to do: waited
    # for, none can come unseen.
    ways = {signal.SIGUSR1: "there", signal.SIGUSR2: "back"}
    signal.pthread_sigmask(signal.SIG_BLOCK, ways)
    listener = socket.create_server(("127.0.0.1", listen))
    threading.Thread(target=serve, args=(listener, port), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    while True:
        way = ways[signal.sigwait(ways)]
        swallow[way] = not swallow[way]


main()
