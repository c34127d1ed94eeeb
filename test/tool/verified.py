#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A resolver that says of all it passes on that it has verified it (the AD bit).

    verified.py LISTEN SERVER

Both are addresses, port 53.  To who does not ask for that it says nothing of it.
"""

import socket
import struct
import sys
import threading

AD = 0x20


def marked(query, answer):
    if len(answer) > 3 and len(query) > 3 and query[3] & AD:
        answer = answer[:3] + bytes([answer[3] | AD]) + answer[4:]
    return answer


def exactly(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def framed(sock):
    return exactly(sock, struct.unpack(">H", exactly(sock, 2))[0])


def by_udp(sock, query, client, server):
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.sendto(query, (server, 53))
            sock.sendto(marked(query, s.recv(65535)), client)
    except OSError:
        pass


def by_tcp(sock, server):
    try:
        sock.settimeout(5)
        query = framed(sock)
        with socket.create_connection((server, 53), 5) as s:
            s.sendall(struct.pack(">H", len(query)) + query)
            answer = marked(query, framed(s))
        sock.sendall(struct.pack(">H", len(answer)) + answer)
    except OSError:
        pass
    sock.close()


def all_tcp(listener, server):
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=by_tcp, args=(sock, server), daemon=True).start()


def main():
    listen, server = sys.argv[1:]
    listener = socket.create_server((listen, 53))
    threading.Thread(target=all_tcp, args=(listener, server), daemon=True).start()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((listen, 53))
    while True:
        query, client = sock.recvfrom(65535)
        threading.Thread(
            target=by_udp, args=(sock, query, client, server), daemon=True
        ).start()


if __name__ == "__main__":
    sys.exit(main())
