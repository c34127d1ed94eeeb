#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
#
# A log daemon for tests: takes what programs say to the datagram socket SOCKET
# and appends it to FILE, in the form that log daemons give it.
#
#	syslogd.py SOCKET FILE HOST
#
# Ends with the process that started it.
import os
import re
import select
import socket
import sys
import time

path, name, host = sys.argv[1:4]
# "<22>Nov 23 06:27:01 sendmail[123]: text"
said = re.compile(rb"<\d{1,3}>([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?(.*)", re.S)
box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
try:
    os.unlink(path)
except FileNotFoundError:
    pass
box.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
box.bind(path)
os.chmod(path, 0o666)
out = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
parent = os.getppid()
while os.getppid() == parent:
    ready, _, _ = select.select([box], [], [], 1)
    m = said.match(box.recv(65536).rstrip(b"\0\n")) if ready else None
    if m is not None:
        date = m[1] or time.strftime("%b %e %H:%M:%S ").encode()
        os.write(out, date + host.encode() + b" " +
                 m[2].replace(b"\n", b"#012") + b"\n")
