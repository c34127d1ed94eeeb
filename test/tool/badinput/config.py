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
        when = 'when = ( "shadowed" );'
        return put(when, when + " " + text)

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


def exact_mistakes(good):
    """Name, text, line, setting, value as a complaint tells them."""

    def setting(name, old, new, path, value):
        need(old in good, "the configuration has no", old)
        at = good.index(old)
        line = good.count("\n", 0, at) + 1
        return (name, good.replace(old, "\n" + new, 1), line + 1, path, value)

    def match(name, text, value):
        words = 'policies = ( { name = "p";\nmatch = { %s }; } );\n' % text
        rest = good if good.endswith("\n") else good + "\n"
        return (name, rest + words, rest.count("\n") + 2,
                "policies[0].match." + text.split("=")[0].strip(), value)

    def ack(name, text, value):
        when = 'when = ( "shadowed" );'
        return setting(name, when, when + " " + text,
                       "defaults.acknowledge." + text.split(";")[-2].split("=")[0].strip(), value)

    def mta(name, text, value):
        old = re.search(text.split("=")[0] + r'= "[^"]*";?', good).group(0)
        return setting(name, old, text, "mta." + text.split("=")[0].strip(), value)

    def unprotected(name, new, value):
        old = re.search(r"when_unprotected = \"[^\"]*\";", good).group(0)
        return setting(name, old, "when_unprotected = %s;" % new,
                       "defaults.acknowledge.when_unprotected", value)

    site = re.search(r'site = "[^"]*";', good).group(0)
    return (
        setting("a site with a space", site, 'site = "two words";', "site", "two words"),
        setting("a site that is a number", site, "site = 7;", "site", "7"),
        ack("a placement that is none", 'copies = 1; placement = "nearby";', "nearby"),
        ack("a placement that is a list", 'copies = 1; placement = ( "remote_only" );', None),
        ack("sites that are numbers", "copies = 1; sites = ( 1 );", "1"),
        ack("a site with a bad name", 'copies = 1; sites = ( "a b" );', "a b"),
        ack("min_copies of nothing", "copies = 1; min_copies = -1;", "-1"),
        ack("min_copies as text", 'copies = 1; min_copies = "all";', "all"),
        ack("min_copies beyond all", "copies = 1; min_copies = 100;", "100"),
        unprotected("an empty list", "()", None),
        unprotected("a time alone", '( "10m" )', None),
        unprotected("two words without a time", '( "tempfail", "accept" )', None),
        unprotected("a time that is none", '( "tempfail", "soon", "accept" )', None),
        unprotected("a time of nothing", '( "tempfail", "0s", "accept" )', None),
        unprotected("four of them", '( "tempfail", "1m", "accept", "1m" )', None),
        unprotected("twice the same", '( "tempfail", "1m", "tempfail" )', None),
        unprotected("a number", "10", "10"),
        match("a table that is a number", "recipient_tables = ( 5 );", "5"),
        match("a table without a name", 'recipient_tables = ( "" );', None),
        match("a size that is negative", 'min_size = "-1K";', "-1K"),
        match("a size without meaning", 'max_size = "big";', "big"),
        match("a size beyond all", 'max_size = "5G";', "5G"),
        match("an ASN as text", 'client_asns = ( "ASX" );', "ASX"),
        match("authenticated as text", 'authenticated = "yes";', "yes"),
        setting("own networks that are one", "milter = {", 'milter = { own_networks = ( "192.0.2.0/33" );', "milter.own_networks", "192.0.2.0/33"),
        setting("own networks by name", "milter = {", 'milter = { own_networks = ( "relay.example" );', "milter.own_networks", "relay.example"),
        setting("own networks with host bits", "milter = {", 'milter = { own_networks = ( "192.0.2.7/24" );', "milter.own_networks", "192.0.2.7/24"),
        mta("a service without a port", 'submit_amended = "127.0.0.1";', "127.0.0.1"),
        mta("a service by name", 'submit_held = "localhost:smtp";', "localhost:smtp"),
        mta("a service with port 0", 'submit_held = "127.0.0.1:0";', "127.0.0.1:0"),
        mta("a service on a relative socket", 'submit_amended = "unix:private/x";', "unix:private/x"),
        setting("an ask that is too short", "takeover = {", 'takeover = { ask = "1ms";', "takeover.ask", "1ms"),
        setting("an ask that is too long", "takeover = {", 'takeover = { ask = "1h";', "takeover.ask", "1h"),
        setting("an ask without a unit", "takeover = {", "takeover = { ask = 5;", "takeover.ask", "5"),
        setting("a quota per peer that is none", "store = {", 'store = { peer_quota = "half";', "store.peer_quota", "half"),
        setting("a message limit of nothing", "milter = {", 'milter = { max_message = "0";', "milter.max_message", "0"),
        setting("0 recipients", "milter = {", "milter = { max_recipients = 0;", "milter.max_recipients", "0"),
    )


def says_exactly(said, line, path, value):
    """file:line: setting = value: message; accepted: ..."""
    for told in said.splitlines():
        at = "wrong.conf:%d: %s" % (line, path)
        if at not in told or "accepted:" not in told:
            continue
        rest = told.split(at, 1)[1]
        if value is None or value in rest.split("; accepted:")[0]:
            return
    need(False, "not told as %d: %s = %s in:" % (line, path, value), said[:400])


def config_exactly(lab, text, line, path, value):
    config_try(lab, text, path.rsplit(".", 1)[-1], lambda said: says_exactly(said, line, path, value))


def config_try(lab, text, words, more=None):
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
    if more:
        more(said)
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
    for name, *what in exact_mistakes(good):
        lab.case("config: " + name, config_exactly, lab, *what)
    lab.case("config: the right one is taken", config_right, lab)


def config_right(lab):
    last = lab.a.ask("reload", 30)[-1]
    need(last["result"] == "ok", "answer", last)
    one_more_message(lab)
