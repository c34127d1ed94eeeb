-- SPDX-License-Identifier: BSD-2-Clause
--
-- The first policy in the file that matches decides, also when a later one
-- names the mailbox itself.

local h = dofile(srcdir .. "/harness.lua")

local function ask(n, address, rcpt, macros)
	local conn = h.connect(address)

	h.deliver(conn, { id = h.id(n), rcpts = { rcpt }, macros = macros })
	local reply = mt.getreply(conn)
	mt.disconnect(conn)
	return reply
end

h.run(function()
	h.same(ask(1, nil, "gone@order.example"), SMFIR_ACCEPT, "the domain")
	h.logged(h.id(1), { "ack=unprotected", "policy=earlier" })
	-- The client's network stands before everything about recipients.
	h.same(ask(2, "198.51.100.9", "gone@hasty.example"), SMFIR_ACCEPT,
	    "the network")
	h.logged(h.id(2), { "ack=unprotected", "policy=network" })
	h.reloaded({ { "\"order.example\"", "\"elsewhere.example\"" } })
	local conn = h.connect()
	h.envelope(conn, { id = h.id(3), at_data = SMFIR_ACCEPT,
	    rcpts = { "gone@order.example" } })
	h.logged(h.id(3), { "ack=unasked", "policy=later" })
	mt.disconnect(conn)
end)
