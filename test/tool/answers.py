#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A control socket that gives prepared answers.

    answers.py SOCKET FOLDER

A command is a line; its answer is in the file of FOLDER that has the command's name
with '_' for blanks and '+' for slashes, or else of its first two words: the lines as
they are, then the result, "ok" unless the file's last line is one.  Each command is
added to FOLDER/commands.
"""
import os
import socket
import sys


def answer(folder, command):
    words = command.split(" ")
    for name in ("_".join(words), "_".join(words[:2])):
        path = os.path.join(folder, name.replace("/", "+"))
        if os.path.isfile(path):
            with open(path, "rb") as f:
                return f.read()
    return b'{"result":"invalid","text":"unknown command"}\n'


def serve(connection, folder):
    with connection, connection.makefile("rb") as lines:
        command = lines.readline().decode().rstrip("\n")
        with open(os.path.join(folder, "commands"), "a") as f:
            f.write(command + "\n")
        text = answer(folder, command)
        if not text.rsplit(b"\n", 2)[-2].startswith(b'{"result":"'):
            text += b'{"result":"ok"}\n'
        connection.sendall(text)


def main():
    path, folder = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen(20)
        while True:
            serve(s.accept()[0], folder)


main()
