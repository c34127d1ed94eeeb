#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A next hop that writes down every message it takes.

Offers PIPELINING, 8BITMIME, SMTPUTF8, DSN and SIZE.  Message N becomes N.eml
(the exact bytes, dots undone) and, last, N.json (envelope and parameters) in
the folder.  What it does can be changed while it runs through the file
"control" in the folder, read before every answer:

    pause             hold back every answer to DATA or the final dot
    slow=SECONDS      wait that long for each message; MIN-MAX: by chance
    slow_at=data|dot  ... before 354 (nothing is here yet) or before the last 250
    reply=CODE:REGEX  answer RCPTs that match with this code

The first line it prints is the port it listens on.
"""

import argparse
import json
import os
import random
import re
import socketserver
import sys
import threading
import time


def control(folder):
    """The wishes of this moment."""
    wishes = {"pause": False, "slow": 0.0, "slow_at": "data", "reply": []}
    try:
        with open(os.path.join(folder, "control"), encoding="utf-8") as f:
            lines = f.read().split("\n")
    except OSError:
        return wishes
    for line in lines:
        name, _, value = line.strip().partition("=")
        if name == "pause":
            wishes["pause"] = True
        elif name == "slow":
            least, _, most = value.partition("-")
            wishes["slow"] = random.uniform(float(least), float(most or least))
        elif name == "slow_at":
            wishes["slow_at"] = value
        elif name == "reply":
            code, _, pattern = value.partition(":")
            wishes["reply"].append((code, pattern))
    return wishes


class Ledger:
    """Numbers for messages, and their files."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.number = 0

    def keep(self, envelope, content):
        with self.lock:
            self.number += 1
            number = self.number
        base = os.path.join(self.folder, str(number))
        with open(base + ".eml", "wb") as f:
            f.write(content)
        with open(base + ".tmp", "w", encoding="utf-8") as f:
            json.dump(envelope, f)
        os.rename(base + ".tmp", base + ".json")
        return number


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


class Session(socketserver.StreamRequestHandler):
    timeout = 300

    def say(self, text):
        self.wfile.write(text.encode("ascii") + b"\r\n")
        self.wfile.flush()

    def forget(self):
        self.envelope = {"mail": None, "mail_params": [], "rcpts": []}

    def wait(self, where):
        wishes = control(self.server.ledger.folder)
        while wishes["pause"]:
            time.sleep(0.05)
            wishes = control(self.server.ledger.folder)
        if wishes["slow_at"] == where:
            time.sleep(wishes["slow"])

    def handle(self):
        self.forget()
        try:
            self.say("220 sink.test.invalid ESMTP")
            while self.command(self.rfile.readline(65536)):
                pass
        except OSError:
            pass

    def command(self, line):
        if not line:
            return False
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        verb = text.partition(" ")[0].upper()
        handler = getattr(self, "on_" + verb.lower(), None)
        if handler is None:
            self.say("502 5.5.2 Not known here")
            return True
        return handler(text) is not False

    def on_ehlo(self, text):
        self.helo = text.partition(" ")[2]
        self.say("250-sink.test.invalid")
        for word in ("PIPELINING", "SIZE 200000000", "8BITMIME", "DSN"):
            self.say("250-" + word)
        self.say("250 SMTPUTF8")

    def on_helo(self, text):
        self.helo = text.partition(" ")[2]
        self.say("250 sink.test.invalid")

    def on_noop(self, text):
        self.say("250 2.0.0 Ok")

    def on_rset(self, text):
        self.forget()
        self.say("250 2.0.0 Ok")

    def on_quit(self, text):
        self.say("221 2.0.0 Bye")
        return False

    def on_mail(self, text):
        self.forget()
        self.envelope["mail"], self.envelope["mail_params"] = path_and_params(
            text
        )
        self.say("250 2.1.0 Ok")

    def on_rcpt(self, text):
        rcpt, params = path_and_params(text)
        for code, pattern in control(self.server.ledger.folder)["reply"]:
            if re.search(pattern, rcpt):
                self.say("%s %s.2.0 As told" % (code, code[0]))
                return
        self.envelope["rcpts"].append({"rcpt": rcpt, "params": params})
        self.say("250 2.1.5 Ok")

    def on_data(self, text):
        if not self.envelope["rcpts"]:
            self.say("554 5.5.1 No recipients")
            return True
        self.wait("data")
        self.say("354 End data with <CR><LF>.<CR><LF>")
        lines = []
        while True:
            line = self.rfile.readline()
            if not line.endswith(b"\n"):
                return False
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        self.wait("dot")
        self.envelope["helo"] = getattr(self, "helo", "")
        self.envelope["when"] = time.time()
        number = self.server.ledger.keep(self.envelope, b"".join(lines))
        self.forget()
        self.say("250 2.0.0 Ok: queued as SINK%d" % number)
        return True


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 200


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    with Sink(("127.0.0.1", options.port), Session) as server:
        server.ledger = Ledger(options.folder)
        print(server.server_address[1], flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
