-- SPDX-License-Identifier: BSD-2-Clause
--
-- Another database of countries is read with the configuration: one that knows
-- no IPv6 puts no such client into any country. A file that is no database is
-- warned about, and every client's country is unknown. None at all while a
-- policy needs one is refused, and the one in use stays.

local h = dofile(srcdir .. "/harness.lua")

local function ask(n, address)
	local conn = h.connect(address)

	h.deliver(conn, { id = h.id(n), rcpts = { "gone@land.example" } })
	mt.disconnect(conn)
	return h.logged(h.id(n), { " rcpts=1 " }):match("policy=(%S+)")
end

h.run(function()
	h.same(ask(1, "2001:db8::7"), "country", "IPv6")
	h.reloaded({ { "/country.mmdb", "/country4.mmdb" } })
	h.same(ask(2, "2001:db8::7"), "defaults", "IPv6, IPv4 only")
	h.same(ask(3, "192.0.2.7"), "country", "IPv4, IPv4 only")
	h.reloaded({ { "/country4.mmdb", "/make-mmdb.pl" } })
	h.complained("make-mmdb.pl")
	h.same(ask(4, "192.0.2.7"), "defaults", "with no database")
	h.reloaded({ { "/make-mmdb.pl", "/country.mmdb" } })
	h.same(h.reload({ { "country = \"", "country = \"\"; # " },
	    { "asn =", "\n\tasn =" } }), "reload failed", "none at all")
	h.complained("geo.country is not set")
	h.same(ask(5, "192.0.2.7"), "country", "with none")
end)
