#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A wire between two ports of this machine: relay.py PORT [LISTEN]; end it to cut.

Prints the port it listens on (LISTEN, or any) and passes everything to PORT on
127.0.0.1, both ways.
"""

import socket
import sys
import threading


def pump(source, target):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    port = int(sys.argv[1])
    listen = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    listener = socket.create_server(("127.0.0.1", listen))
    print(listener.getsockname()[1], flush=True)
    while True:
        near, _ = listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", port))
        except OSError:
            near.close()
            continue
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


main()
