-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy for clients of no known autonomous system.

local h = dofile(srcdir .. "/harness.lua")

local function ask(n, address)
	local conn = h.connect(address)

	h.deliver(conn, { id = h.id(n), rcpts = { "gone@as.example" } })
	local reply = mt.getreply(conn)
	mt.disconnect(conn)
	return reply
end

h.run(function()
	h.reloaded({ { "( 64496, 65551 )", "( \"unknown\", \"AS65551\" )" } })
	h.same(ask(1, "203.0.113.7"), SMFIR_ACCEPT, "in none")
	h.logged(h.id(1), { "policy=asn" })
	h.same(ask(2, "192.0.2.7"), SMFIR_REPLYCODE, "in another one")
	h.logged(h.id(2), { "policy=defaults" })
	h.same(ask(3, "198.51.100.7"), SMFIR_ACCEPT, "in the listed one")
end)
