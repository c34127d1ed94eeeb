-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy for countries, by IPv4 and IPv6 address. Registered there is not
-- used there, and an address in no country is in none.

local h = dofile(srcdir .. "/harness.lua")

local function ask(n, address, rcpt, macros)
	local conn = h.connect(address)

	h.deliver(conn, { id = h.id(n), rcpts = { rcpt }, macros = macros })
	local reply = mt.getreply(conn)
	mt.disconnect(conn)
	return reply
end

h.run(function()
	local want = {
		{ "192.0.2.7", SMFIR_ACCEPT, "country" },
		{ "2001:db8::7", SMFIR_ACCEPT, "country" },
		{ "2001:db8:8000::7", SMFIR_ACCEPT, "country" },
		{ "203.0.113.7", SMFIR_REPLYCODE, "defaults" },
		{ "2001:db9::7", SMFIR_REPLYCODE, "defaults" },
	}

	for n, w in ipairs(want) do
		h.same(ask(n, w[1], "gone@land.example"), w[2], w[1])
		h.logged(h.id(n), { "policy=" .. w[3] })
	end
end)
