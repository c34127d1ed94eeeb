# SPDX-License-Identifier: BSD-2-Clause
"""Hosts as a test sees them: log, sockets, processes; and cases."""

import json
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import time

from holds import LINK, holds, threads

TOOL = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHANCE = random.Random(3)
PACE = 0.21  # seconds; the log takes five complaints a second
DEADLINE = 30  # seconds for an answer that does not wait for anything, on a busy machine


class Broken(Exception):
    """What a case found wrong."""


class Unlogged(Broken):
    """All right, but the log says nothing of it."""


def need(truth, *words):
    if not truth:
        raise Broken(" ".join(str(w) for w in words))


def is_logged(host, start, pattern, seconds=8):
    if not host.logged(start, pattern, seconds):
        raise Unlogged("no line in the log like " + pattern)


class Host:
    def __init__(self, lab, name):
        self.folder = os.path.join(lab, name)
        self.name = name
        self.control = os.path.join(self.folder, "run/control.sock")
        self.milter = os.path.join(self.folder, "spool/shadowmx/milter.sock")
        self.log = os.path.join(self.folder, "shadowmxd.log")
        self.peer = ("127.0.0.1", int(self.read("port.peer")))
        self.conf = os.path.join(self.folder, "shadowmx.conf")
        self.worker = self.find_worker()
        self.others = []

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as f:
            return f.read().strip()

    def find_worker(self):
        user = os.environ.get("WORKER_USER", "nobody")
        out = subprocess.run(
            ["pgrep", "-P", self.read("shadowmxd.pid"), "-u", user],
            stdout=subprocess.PIPE,
            check=False,
        ).stdout.split()
        need(len(out) == 1, "no worker at", self.name)
        return int(out[0])

    def alive(self):
        try:
            with open("/proc/%d/stat" % self.worker, encoding="utf-8") as f:
                return f.read().split(") ")[1][0] != "Z"
        except OSError:
            return False

    def log_size(self):
        return os.path.getsize(self.log)

    def logged(self, start, pattern, seconds=8):
        wanted = re.compile(pattern)
        until = time.time() + seconds
        while True:
            with open(self.log, "rb") as f:
                f.seek(start)
                text = f.read().decode("utf-8", "replace")
            for line in text.split("\n"):
                if wanted.search(line):
                    return line
            if time.time() > until:
                return None
            time.sleep(0.05)

    def ask(self, command, seconds=DEADLINE):
        """The JSON lines of a command; the last one is the result."""
        data = control_say(self, command.encode() + b"\n", seconds)
        return [json.loads(line) for line in data.decode().splitlines()]

    def serves(self, seconds=DEADLINE):
        """An operator is answered, though perhaps not at once."""
        until = time.time() + seconds
        while not any(line.get("result") == "ok" for line in self.ask("status")[-1:]):
            need(time.time() < until, "the operator is not served")
            time.sleep(0.1)

    def held(self):
        rows = self.ask("queue list")[:-1]
        return {
            (r["key"], r["state"])
            for r in rows
            if r.get("role") == "holder" and r.get("primary") == "a.test.invalid"
        }

    def rss(self):
        """Resident KiB of the worker."""
        with open("/proc/%d/status" % self.worker, encoding="utf-8") as f:
            return int(re.search(r"VmRSS:\s*(\d+)", f.read()).group(1))

    def size(self):
        """Descriptors, threads and resident KiB of the worker.  What serves the
        other host is counted apart.  What has ended at the control socket is
        closed when the next one comes (lib/glue/control.c): that is this one."""
        self.serves()
        kinds, served = holds(self.worker, [h.worker for h in self.others])
        tasks = threads(self.worker)
        links = kinds[LINK]
        return {
            "descriptors": sum(kinds.values()) - links,
            "threads": sum(tasks.values()) - served,
            "links": links,
            "rss": self.rss(),
            "kinds": kinds + tasks,
        }


def control_say(host, data, seconds=DEADLINE):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(seconds)
    try:
        s.connect(host.control)
        try:
            s.sendall(data)
        except OSError:
            pass
        out = b""
        while True:
            piece = s.recv(65536)
            if not piece:
                return out
            out += piece
    except ConnectionResetError:
        return out
    finally:
        s.close()


class Lab:
    def __init__(self, folder):
        self.folder = folder
        self.a = Host(folder, "a")
        self.b = Host(folder, "b")
        self.a.others, self.b.others = [self.b], [self.a]
        self.held = self.b.held()
        self.passed = self.failed = 0
        self.stalls = []
        with open("/proc/%d/maps" % self.a.worker, encoding="utf-8") as f:
            self.sanitized = re.search("lib[at]san", f.read()) is not None

    def case(self, name, run, *args):
        began = time.time()
        try:
            # The log's limit counts for all that goes on at the time.
            for last in (False, True):
                try:
                    run(*args)
                    break
                except Unlogged:
                    if last:
                        raise
                    time.sleep(1)
            for host in (self.a, self.b):
                need(host.alive(), "the worker of", host.name, "died")
            need(self.held <= self.b.held(), "shadows of a are gone")
        except (Broken, OSError, ssl.SSLError, ValueError, KeyError) as e:
            self.failed += 1
            print("FAIL %s: %s %s" % (name, type(e).__name__, e), flush=True)
            return
        self.passed += 1
        print("ok %s (%.1f s)" % (name, time.time() - began), flush=True)


sent_messages = 0


def one_more_message(lab, seconds=40, must=True):
    """A client's mail to a; its 250 within the time."""
    global sent_messages
    sent_messages += 1
    began = time.time()
    sub = subprocess.run(
        [
            sys.executable,
            os.path.join(TOOL, "mailgen.py"),
            os.path.join(lab.folder, "sent.a"),
            "--port", lab.a.read("port"),
            "--prefix", "more%d-%d-" % (os.getpid(), sent_messages),
            "--count", "1", "--kinds", "plain", "--quiet",
        ],
        check=False,
    )
    took = time.time() - began
    need(sub.returncode == 0, "mailgen")
    with open(os.path.join(lab.folder, "sent.a/sent.jsonl"), encoding="utf-8") as f:
        last = json.loads(f.read().strip().split("\n")[-1])
    need(took < seconds, "the client waited %.1f s" % took)
    if must:
        need(last["event"] == "ok", "not taken:", last.get("code"), last.get("text"))
        fresh = lab.b.held()
        need(lab.held < fresh, "no shadow of it")
        lab.held = fresh
