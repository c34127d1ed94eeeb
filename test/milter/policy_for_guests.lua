-- SPDX-License-Identifier: BSD-2-Clause
--
-- A policy for clients that did not log in.

local h = dofile(srcdir .. "/harness.lua")

local function ask(n, address, rcpt, macros)
	local conn = h.connect(address)

	h.deliver(conn, { id = h.id(n), rcpts = { rcpt }, macros = macros })
	local reply = mt.getreply(conn)
	mt.disconnect(conn)
	return reply
end

h.run(function()
	h.same(ask(1, nil, "gone@guest.example"), SMFIR_ACCEPT, "a guest")
	h.logged(h.id(1), { "ack=unprotected", "policy=guest" })
	h.same(ask(2, nil, "gone@guest.example", { "{auth_type}", "PLAIN",
	    "{auth_authen}", "joe" }), SMFIR_REPLYCODE, "a user")
	h.logged(h.id(2), { "event=refused", "policy=defaults" })
end)
