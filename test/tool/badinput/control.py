# SPDX-License-Identifier: BSD-2-Clause
"""The control socket."""

import json
import os
import socket
import subprocess
import sys
import time

from badinput.lab import (
    DEADLINE,
    PACE,
    control_say,
    is_logged,
    need,
    one_more_message,
)
from badinput.growth import leaves_nothing
from badinput.peer import key


def control_silent(lab, count, data):
    """Connections that never speak or read; the operator is served in time."""
    start = lab.a.log_size()
    all_of_them = []
    for _ in range(count):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(DEADLINE)
        s.connect(lab.a.control)
        try:
            s.sendall(data)
        except OSError:
            pass
        all_of_them.append(s)
    one_more_message(lab)
    lab.a.serves(DEADLINE + 12)
    for s in all_of_them:
        s.close()
    if data == b"":
        is_logged(lab.a, start, "event=control-busy")
        is_logged(lab.a, start, "event=control-refused")


def control_other_user(lab):
    def change():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(1)

    sub = subprocess.run(
        [
            sys.executable,
            "-c",
            "import socket,sys\n"
            "s = socket.socket(socket.AF_UNIX)\n"
            "try:\n  s.connect(sys.argv[1])\nexcept PermissionError:\n  sys.exit(77)\n",
            lab.a.control,
        ],
        preexec_fn=change,
        check=False,
    )
    need(sub.returncode == 77, "exit status", sub.returncode)


def control_as(lab, uid, command, result):
    """The socket opened to all: the rights must not come from its mode."""
    os.chmod(lab.a.control, 0o666)
    start = lab.a.log_size()

    def change():
        os.setgroups([])
        os.setgid(1)
        os.setuid(uid)

    try:
        sub = subprocess.run(
            [
                sys.executable,
                "-c",
                "import socket,sys\n"
                "s = socket.socket(socket.AF_UNIX)\n"
                "s.connect(sys.argv[1])\n"
                "s.sendall(sys.argv[2].encode() + b'\\n')\n"
                "out = b''\n"
                "while True:\n"
                "  p = s.recv(65536)\n"
                "  if not p: break\n"
                "  out += p\n"
                "sys.stdout.buffer.write(out)\n",
                lab.a.control,
                command,
            ],
            preexec_fn=change,
            stdout=subprocess.PIPE,
            timeout=20,
            check=False,
        )
    finally:
        os.chmod(lab.a.control, 0o600)
    last = json.loads(sub.stdout.splitlines()[-1])
    need(last["result"] == result, "answer", last)
    need(len(sub.stdout.splitlines()) == 1, "it said more")
    is_logged(lab.a, start, "event=control-refused uid=%d" % uid)


def part_control(lab):
    before = lab.a.size()
    refused = "event=control-refused"
    for name, data, log in (
        ("no line end", b"status", refused),
        ("nothing at all", b"", refused),
        ("NUL inside", b"sta\0tus\n", refused),
        ("1 MB in a line", b"x" * 1000000 + b"\n", refused),
        ("1 MB without a line end", b"x" * 1000000, refused),
        ("bytes beyond ASCII", b"\xff\xfe\x80\n", refused),
        ("ESC and CR", b"status\x1b[2J\r\n", refused),
        ("an empty line", b"\n", "event=command"),
        ("an unknown word", b"explode\n", "event=command"),
        ("format signs", b"%n%n%s%s\n", "event=command"),
        ("300 words", b"a " * 300 + b"\n", "event=command"),
        ("a takeover of nobody", b"takeover ../../etc\n", "event=command"),
        ("a key that is none", b"queue show ../../../etc/passwd\n", None),
        ("a key that nobody has", b"queue cat %s\n" % key(1).encode(), "event=command"),
    ):
        lab.case("control: " + name, control_any_error, lab, data, log)
    lab.case("control: another user cannot connect", control_other_user, lab)
    lab.case("control: another user may not look", control_as, lab, 1, "status", "permission")
    lab.case("control: another user may not change", control_as, lab, 1, "reload", "permission")
    lab.case("control: the worker's user may not change", control_as, lab, 65534, "reload", "permission")
    lab.case("control: 200 that say nothing", control_silent, lab, 200, b"")
    lab.case("control: 200 that never read", control_silent, lab, 200, b"config show\n")
    lab.case("control: 300 probes", control_probes, lab, 300)
    lab.case("control: 100 half lines", control_halves, lab, 100)
    lab.case("control: it leaves nothing behind", leaves_nothing, lab, lab.a, before)


def control_any_error(lab, data, log):
    start = lab.a.log_size()
    out = control_say(lab.a, data)
    need(out.endswith(b"}\n"), "answer", out[-100:])
    lines = out.splitlines()
    last = json.loads(lines[-1])
    need(last["result"] != "ok" and last.get("text"), "answer", last)
    if log:
        line = lab.a.logged(start, log)
        need(line, "no line in the log")
        need(line.isprintable(), "a line with strange bytes")
    time.sleep(PACE)


def control_halves(lab, count):
    """Half a command and gone, or half of the answer read and gone."""
    for i in range(count):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(DEADLINE)
        s.connect(lab.a.control)
        try:
            s.sendall(b"config show\n"[: 5 if i % 2 else None])
            if i % 2 == 0:
                s.recv(10)
        except OSError:
            pass
        s.close()
    lab.a.serves()


def control_probes(lab, count):
    for _ in range(count):
        s = socket.socket(socket.AF_UNIX)
        s.connect(lab.a.control)
        s.close()
    lab.a.serves()
