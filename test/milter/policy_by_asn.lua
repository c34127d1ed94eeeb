-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy for autonomous systems; one that is not listed, and an address in
-- none, have the defaults.

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
		{ "192.0.2.7", SMFIR_ACCEPT, "asn" },
		{ "203.0.113.7", SMFIR_REPLYCODE, "defaults" },
		{ "2001:db8::7", SMFIR_REPLYCODE, "defaults" },
	}

	for n, w in ipairs(want) do
		h.same(ask(n, w[1], "gone@as.example"), w[2], w[1])
		h.logged(h.id(n), { "policy=" .. w[3] })
	end
	h.reloaded({ { "client_asns = ( 64496, 65551 )",
	    "client_asns = ( 64511 )" } })
	h.same(ask(4, "2001:db8::7", "gone@as.example"), SMFIR_ACCEPT, "IPv6")
	h.logged(h.id(4), { "policy=asn" })
	h.same(ask(5, "192.0.2.7", "gone@as.example"), SMFIR_REPLYCODE,
	    "no longer listed")
end)
