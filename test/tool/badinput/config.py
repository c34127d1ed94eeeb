# SPDX-License-Identifier: BSD-2-Clause
"""Mistakes in the configuration."""

import os
import re
import subprocess

from badinput.lab import (
    DEADLINE,
    is_logged,
    need,
    one_more_message,
)
def mistakes(good):
    """Name, text, what the complaint must hold."""

    def put(old, new):
        need(old in good, "the configuration has no", old)
        return good.replace(old, new, 1)

    def ack(text):
        return put("copies = 1;", text)

    def add(text):
        return good + text + "\n"

    def policy(text):
        return add("policies = ( { name = \"p\"; " + text + " } );")

    pin = re.search(r'pin = "(sha256/[^"]*)"', good).group(1)
    address = re.search(r'address = "([^"]*)"', good).group(1)
    return (
        ("an empty file", "", "node"),
        ("only a comment", "# nothing\n", "node"),
        ("bytes that are no text", "\x01\x02\x7f", ""),
        ("a quote that is not closed", put('node = "a.test.invalid";', 'node = "a.test'), ""),
        ("a brace that is not closed", good.rstrip()[:-4], ""),
        ("a setting twice", add('node = "a.test.invalid";'), "node"),
        ("an unknown name", add("nonsense = 1;"), "nonsense"),
        ("an unknown name in a group", put("store = {", "store = { sise = 1;"), "sise"),
        ("an unknown group", add("stores = { path = \"/x\"; };"), "stores"),
        ("a number where text belongs", put('node = "a.test.invalid"', "node = 7"), "node"),
        ("text where a group belongs", add('geo = "x";'), "geo"),
        ("a list where a group belongs", add("geo = ( 1 );"), "geo"),
        ("a node name with a space", put("a.test.invalid", "a test"), "node"),
        ("an empty node name", put("a.test.invalid", ""), "node"),
        ("a user that is not there", put(re.search(r'user = "[^"]*"', good).group(0), 'user = "nosuchuser"'), "user"),
        ("a relative path", put('path = "', 'path = "x'), "store.path"),
        ("a driver that is not there", put('"sqlite"', '"postgresql"'), "store.driver"),
        ("a size without meaning", put('quota = "1G"', 'quota = "1 gig"'), "store.quota"),
        ("a negative size", put('quota = "1G"', 'quota = "-1G"'), "store.quota"),
        ("a size beyond everything", put('quota = "1G"', 'quota = "99999999999999999999G"'), "store.quota"),
        ("another MTA", put('"postfix"; config', '"exim"; config'), "mta.kind"),
        ("a heartbeat of nothing", put('heartbeat = "300ms"', 'heartbeat = "0s"'), "peers.heartbeat"),
        ("a heartbeat without unit", put('heartbeat = "300ms"', "heartbeat = 300"), "peers.heartbeat"),
        ("a takeover before a heartbeat", re.sub('takeover_after = "[^"]*"', 'takeover_after = "1ms"', good), "peers.takeover_after"),
        ("a key that is not there", put("/node.key", "/no.key"), "key"),
        ("a listen address without a port", re.sub('listen = "127.0.0.1:[0-9]*"', 'listen = "127.0.0.1"', good), "peers.listen"),
        ("a port beyond 65535", put(address, "127.0.0.1:70000"), "address"),
        ("a host name as an address", put(address, "mx2.example.org:8825"), "address"),
        ("a pin cut short", put(pin, pin[:-5]), "pin"),
        ("a pin of another kind", put(pin, "md5/" + pin[7:]), "pin"),
        ("a member twice", put('name = "m.test.invalid"', 'name = "b.test.invalid"'), "b.test.invalid"),
        ("a member that is this host", put('name = "m.test.invalid"', 'name = "a.test.invalid"'), "a.test.invalid"),
        ("a member without a pin", re.sub(' pin = "[^"]*";', "", good, count=1), "pin"),
        ("no when_unprotected", re.sub(r"when_unprotected = \"[^\"]*\";", "", good), "when_unprotected"),
        ("a when_unprotected that is none", re.sub(r"when_unprotected = \"[^\"]*\"", 'when_unprotected = "hope"', good), "when_unprotected"),
        ("a when that is none", put('"shadowed"', '"tomorrow"'), "when"),
        ("more copies than there are", ack("copies = 9;"), "copies"),
        ("no copies", ack("copies = 0;"), "copies"),
        ("a delay beyond everything", re.sub('max_delay = "[^"]*"', 'max_delay = "5d"', good), "max_delay"),
        ("a network that is none", policy('match = { client_networks = ( "192.0.2.0/33" ); };'), "client_networks"),
        ("a country of three letters", policy('match = { client_countries = ( "JPN" ); };'), "client_countries"),
        ("an ASN of zero", policy("match = { client_asns = ( 0 ); };"), "client_asns"),
        ("a recipient without a domain", policy('match = { recipients = ( "ceo" ); };'), "recipients"),
        ("a domain with a space", policy('match = { domains = ( "ex ample" ); };'), "domains"),
        ("a policy without a name", add("policies = ( { match = { }; } );"), "name"),
        ("more copies at least than at most", ack("copies = 1; min_copies = 2;"), "min_copies"),
        ("a site that no member has", ack('copies = 1; sites = ( "nowhere" );'), "nowhere"),
        ("a placement without sites", ack('copies = 1; placement = "remote_only";'), "site"),
        ("a when_unprotected the wrong way round", re.sub(r"when_unprotected = \"[^\"]*\"", 'when_unprotected = ( "accept", "10m", "tempfail" )', good), "when_unprotected"),
        ("a table that is not there", policy('match = { recipient_tables = ( "/nonexistent" ); };'), "recipient_tables"),
        ("a table that is a folder", policy('match = { recipient_tables = ( "/etc" ); };'), "folder"),
        ("a table that is a device", policy('match = { recipient_tables = ( "/dev/zero" ); };'), "regular file"),
        ("a table with a relative name", policy('match = { recipient_tables = ( "vip" ); };'), "absolute"),
        ("sizes the wrong way round", policy('match = { min_size = "2M"; max_size = "1M"; };'), "max_size"),
        ("a country without a database", policy('match = { client_countries = ( "JP" ); };'), "country"),
        ("an include that is not there", add('@include "nowhere.conf"'), "nowhere.conf"),
        ("an include of itself", add('@include "wrong.conf"'), ""),
        ("1 MB of brackets", add("x = " + "(" * 1000000), ""),
    )


def config_try(lab, text, words):
    wrong = os.path.join(lab.a.folder, "wrong.conf")
    with open(lab.a.conf, "rb") as f:
        good = f.read()
    with open(wrong, "w", encoding="latin-1") as f:
        f.write(text)
    run = subprocess.run(
        [os.environ["SHADOWMXD"], "-t", "-c", wrong],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE * 3,
        check=False,
    )
    said = run.stdout.decode("utf-8", "replace")
    need(run.returncode == 78, "-t ended with", run.returncode, said[:200])
    need("wrong.conf" in said or "/nonexistent" in said, "no file named:", said[:200])
    need(words in said, "not a word of", words, "in:", said[:300])
    before = lab.a.ask("config show")
    start = lab.a.log_size()
    try:
        with open(lab.a.conf, "w", encoding="latin-1") as f:
            f.write(text)
        last = lab.a.ask("reload", 30)[-1]
    finally:
        with open(lab.a.conf, "wb") as f:
            f.write(good)
    need(last["result"] != "ok", "reload took it")
    need(last.get("text"), "no words for it", last)
    need(lab.a.ask("config show") == before, "the configuration changed")
    is_logged(lab.a, start, "event=")


def part_config(lab):
    with open(lab.a.conf, encoding="utf-8") as f:
        good = f.read()
    for i, (name, text, words) in enumerate(mistakes(good)):
        lab.case("config: " + name, config_try, lab, text, words)
        if i % 25 == 24:
            lab.case("config: mail flows", one_more_message, lab)
    lab.case("config: the right one is taken", config_right, lab)


def config_right(lab):
    last = lab.a.ask("reload", 30)[-1]
    need(last["result"] == "ok", "answer", last)
    one_more_message(lab)
