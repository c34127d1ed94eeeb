#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The web server of an MTA-STS policy, good or bad.

    policyd.py FOLDER --cert FILE [--host H] [--port N]

Serves FOLDER/policy, as it is at that moment, at /.well-known/mta-sts.txt.  The
first line it prints is the port.  FOLDER/log has a line for each connection and
each request, with the host that was asked for.  FOLDER/control, read again for
each request, has lines

    status N          instead of 200
    type TEXT         instead of text/plain; "none": no Content-Type
    location URL      a header
    stall             no word any more
    endless           the policy, and then bytes without an end
    headers           headers without an end
    half              half of the policy, and then the end
"""

import argparse
import os
import socket
import ssl
import sys
import threading
import time


class Site:
    def __init__(self, options):
        self.folder = options.folder
        os.makedirs(self.folder, exist_ok=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(options.cert)
        self.listener = socket.create_server(
            (options.host, options.port), backlog=50
        )

    def note(self, text):
        with open(os.path.join(self.folder, "log"), "a") as f:
            f.write(text + "\n")

    def control(self):
        try:
            with open(os.path.join(self.folder, "control")) as f:
                lines = f.read().split("\n")
        except FileNotFoundError:
            lines = []
        return {
            line.split(" ", 1)[0]: (line.split(" ", 1) + [""])[1]
            for line in lines
            if line
        }

    def policy(self):
        with open(os.path.join(self.folder, "policy"), "rb") as f:
            return f.read()

    def one(self, sock):
        sock.settimeout(60)
        self.note("connected")
        try:
            with self.context.wrap_socket(sock, server_side=True) as s:
                self.answer(s)
        except (OSError, ValueError) as e:
            self.note("ended: %s" % e)

    def answer(self, s):
        asked = b""
        while b"\r\n\r\n" not in asked:
            more = s.recv(4096)
            if not more:
                return
            asked += more
        lines = asked.decode("latin-1").split("\r\n")
        host = [x[5:].strip() for x in lines if x.lower().startswith("host:")]
        self.note("%s %s" % (lines[0], " ".join(host)))
        wish = self.control()
        if "stall" in wish:
            time.sleep(3600)
        self.say(s, wish, lines[0].split(" ")[1])

    def say(self, s, wish, path):
        body = self.policy()
        status = wish.get("status", "200")
        if path != "/.well-known/mta-sts.txt":
            status = "404"
        head = ["HTTP/1.1 %s Word" % status, "Connection: close"]
        kind = wish.get("type", "text/plain")
        if kind != "none":
            head.append("Content-Type: " + kind)
        if "location" in wish:
            head.append("Location: " + wish["location"])
        if "endless" not in wish:
            head.append("Content-Length: %d" % len(body))
        if "half" in wish:
            body = body[: len(body) // 2]
        s.sendall("\r\n".join(head).encode("latin-1") + b"\r\n")
        while "headers" in wish:
            s.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")
        s.sendall(b"\r\n" + body)
        while "endless" in wish:
            s.sendall(b"# more\n" * 1000)

    def run(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.one, args=(sock,), daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder")
    parser.add_argument("--cert", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    site = Site(parser.parse_args())
    print(site.listener.getsockname()[1], flush=True)
    try:
        site.run()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
