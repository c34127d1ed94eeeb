-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy for a network, IPv4 and IPv6; a client outside has the defaults.

local h = dofile(srcdir .. "/harness.lua")

local function ask(n, address)
	local conn = h.connect(address)

	h.deliver(conn, { id = h.id(n), rcpts = { "gone@example.org" } })
	local reply = mt.getreply(conn)
	mt.disconnect(conn)
	return reply
end

h.run(function()
	h.same(ask(1, "198.51.100.9"), SMFIR_ACCEPT, "inside, IPv4")
	h.same(ask(2, "2001:db8:1::9"), SMFIR_ACCEPT, "inside, IPv6")
	h.same(ask(3, "198.51.101.9"), SMFIR_REPLYCODE, "outside, IPv4")
	h.same(ask(4, "2001:db8:2::9"), SMFIR_REPLYCODE, "outside, IPv6")
	h.logged(h.id(1), { "policy=network" })
	h.logged(h.id(3), { "policy=defaults" })
end)
