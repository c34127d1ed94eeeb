-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy for clients whose country is not known: those in no country, those
-- of a database without IPv6, and everybody while there is no database that can
-- be used. A client whose country is known is not in it.

local h = dofile(srcdir .. "/harness.lua")

local function ask(n, address)
	local conn = h.connect(address)

	h.deliver(conn, { id = h.id(n), rcpts = { "gone@land.example" } })
	local reply = mt.getreply(conn)
	mt.disconnect(conn)
	return reply
end

h.run(function()
	h.reloaded({ { "( \"SE\", \"JP\" )", "( \"unknown\" )" } })
	h.same(ask(1, "203.0.113.7"), SMFIR_ACCEPT, "in no country")
	h.logged(h.id(1), { "ack=unprotected", "policy=country" })
	h.same(ask(2, "192.0.2.7"), SMFIR_REPLYCODE, "in Japan")
	h.logged(h.id(2), { "policy=defaults" })
	h.same(ask(3, "2001:db8::7"), SMFIR_REPLYCODE, "in Japan, IPv6")
	h.reloaded({ { "/country.mmdb", "/country4.mmdb" } })
	h.same(ask(4, "2001:db8::7"), SMFIR_ACCEPT, "IPv4 only")
	h.reloaded({ { "/country4.mmdb", "/make-mmdb.pl" } })
	h.same(ask(5, "192.0.2.7"), SMFIR_ACCEPT, "no database")
	h.logged(h.id(5), { "policy=country" })
	h.reloaded({ { "( \"unknown\" )", "( \"SE\", \"unknown\" )" },
	    { "/make-mmdb.pl", "/country.mmdb" } })
	h.same(ask(6, "2001:db8:8000::7"), SMFIR_ACCEPT, "Sweden")
	h.same(ask(7, "203.0.113.7"), SMFIR_ACCEPT, "Sweden or unknown")
	h.same(ask(8, "192.0.2.7"), SMFIR_REPLYCODE, "neither")
end)
