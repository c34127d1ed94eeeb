# SPDX-License-Identifier: BSD-2-Clause
"""Long headers, many of them, many recipients, a large body: through the MTA."""

import os
import re
import smtplib
import subprocess
import threading
import time

from badinput.lab import need

NEXT = "next.test.invalid"
CUT = 54000  # from here on Postfix may give a milter less, silently
FITS = CUT - len("X-Long: ") - 1


def client(lab):
    return smtplib.SMTP("127.0.0.1", int(lab.a.read("port")), timeout=120)


def message(name, more=b"", body=b"one line\r\n"):
    return (
        b"Subject: %s\r\nMessage-Id: <%s@sizes.invalid>\r\n"
        b"From: a@client.test.invalid\r\nTo: b@%s\r\n"
        b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n%s\r\n%s"
        % (name.encode(), name.encode(), NEXT.encode(), more, body)
    )


def send(lab, content, rcpts=None, seconds=20):
    """The reply to the end of data, and the queue id in it."""
    began = time.time()
    with client(lab) as s:
        s.ehlo("client.test.invalid")
        s.mail("a@client.test.invalid")
        for r in rcpts or ["sizes@" + NEXT]:
            code, words = s.rcpt(r)
            need(code == 250, "RCPT", code, words)
        code, words = s.data(content)
    took = time.time() - began
    need(took < seconds, "the answer took %.1f s" % took)
    found = re.search(rb"queued as (\w+)", words)
    return code, words.decode(), found.group(1).decode() if found else None


def held(lab, queue_id):
    """The holder's bytes, without the trace that was put before them."""
    run = subprocess.run(
        [os.environ["SHADOWMXCTL"], "-s", lab.b.control, "queue", "cat", queue_id],
        stdout=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    need(run.returncode == 0, "no shadow of", queue_id)
    return run.stdout


def taken(lab, content, rcpts=None, seconds=20):
    code, words, queue_id = send(lab, content, rcpts, seconds)
    need(code == 250 and queue_id, "answer", code, words)
    shadow = held(lab, queue_id)
    need(
        shadow.endswith(content),
        "the holder has other bytes:", len(shadow), "for", len(content),
    )
    lab.held = lab.b.held()
    return queue_id


def refused(lab, content, start):
    code, words, _ = send(lab, content)
    need(code == start[0] and start[1] in words, "answer", code, words)


def many_fields(lab):
    five = b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(995))
    taken(lab, message("fields", five))


def too_many_fields(lab):
    more = b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(996))
    refused(lab, message("fields1001", more), (552, "5.3.4"))


def long_field(lab):
    taken(lab, message("long", b"X-Long: " + b"x" * FITS + b"\r\n"))


def long_folded_field(lab):
    lines = b"X-Long: a\r\n" + b" folded line of some length\r\n" * 1925
    taken(lab, message("folded", lines))


def too_long_field(lab, size):
    """A copy could not take the message's place."""
    content = message("any%d" % size, b"X-Long: " + b"x" * size + b"\r\n")
    refused(lab, content, (552, "5.3.4"))


def too_long_folded_field(lab, lines):
    """It is cut where a line ends, if one does within 6,000 bytes."""
    refused(lab, message("folded", b"X-Long: a\r\n" + lines), (552, "5.3.4"))


def many_recipients(lab):
    rcpts = ["r%d@%s" % (i, NEXT) for i in range(1000)]
    queue_id = taken(lab, message("recipients"), rcpts)
    row = lab.b.ask("queue show " + queue_id)
    need("r999@" in str(row), "the last recipient is missing")


def too_many_recipients(lab):
    with client(lab) as s:
        s.ehlo("client.test.invalid")
        s.mail("a@client.test.invalid")
        codes = [s.rcpt("r%d@%s" % (i, NEXT))[0] for i in range(1001)]
        need(codes[:1000] == [250] * 1000, "the first thousand")
        need(codes[1000] == 452, "the next one", codes[1000])


def largest(lab, done, sizes):
    while not done.is_set():
        for host in (lab.a, lab.b):
            sizes[host.name] = max(sizes.get(host.name, 0), host.rss())
        time.sleep(0.05)


def large_body(lab):
    """50 MB, a single line of 1 MB in it; no worker has it in memory."""
    before = {h.name: h.rss() for h in (lab.a, lab.b)}
    line = b"".join(b"%07d %s\r\n" % (i, b"b" * 66) for i in range(13000))
    body = line * 50
    done, sizes = threading.Event(), {}
    watch = threading.Thread(target=largest, args=(lab, done, sizes))
    watch.start()
    try:
        taken(lab, message("large", b"", body), seconds=60)
    finally:
        done.set()
        watch.join()
    for name, most in sizes.items():
        words = "%s: %d KiB, then %d" % (name, before[name], most)
        need(lab.sanitized or most < before[name] + 16000, words)


def broken_off(lab, count):
    """Clients that go away in the middle of 5 MB, all at once."""
    sessions = []
    for i in range(count):
        s = client(lab)
        s.ehlo("client.test.invalid")
        s.mail("a@client.test.invalid")
        s.rcpt("broken%d@%s" % (i, NEXT))
        s.putcmd("data")
        s.getreply()
        s.send(message("broken%d" % i, b"", b"x" * 70 + b"\r\n") * 1)
        sessions.append(s)
    for s in sessions:
        s.send((b"y" * 70 + b"\r\n") * 70000)
        s.close()
    taken(lab, message("whole"))


def part_sizes(lab):
    lab.case("sizes: 1,000 header fields", many_fields, lab)
    lab.case("sizes: 1,001 header fields", too_many_fields, lab)
    lab.case("sizes: a field of 53,999 bytes", long_field, lab)
    lab.case("sizes: a folded field of nearly as much", long_folded_field, lab)
    for width, count in ((27, 2200), (100, 700), (3000, 21), (10000, 7)):
        lines = (b" " + b"x" * width + b"\r\n") * count
        name = "sizes: a folded field, %d lines of %d bytes" % (count, width)
        lab.case(name, too_long_folded_field, lab, lines)
    end = b"y" * 54000 + b"\r\n " + b"z" * 20000 + b"\r\n"
    lab.case("sizes: a field that ends early", too_long_folded_field, lab, b" " + end)
    for size in (FITS + 1, 59991, 59992, 59993, 65535, 65536, 102400, 150000):
        lab.case("sizes: a field of %d bytes" % size, too_long_field, lab, size)
    lab.case("sizes: 1,000 recipients", many_recipients, lab)
    lab.case("sizes: 1,001 recipients", too_many_recipients, lab)
    lab.case("sizes: a body of 50 MB", large_body, lab)
    lab.case("sizes: 20 clients gone in the middle of it", broken_off, lab, 20)
