-- SPDX-License-Identifier: BSD-2-Clause
--
-- Two copies are wanted, one holder has none to give: with nobody left to ask
-- the answer comes at once, and it is counted as short.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok.refuse@two.example" } })
	h.accepted(conn)
	h.held(h.logged(h.id(), { "ack=short", "copies=1 ", "short=1 ",
	    " peer=mx2.example.org ", "reason=refused" }), 0, 1900)
	h.deliver(conn, { id = h.id(2), rcpts = { "down.ok@two.example" } })
	h.accepted(conn)
	h.held(h.logged(h.id(2), { "ack=short", "copies=1 ",
	    " peer=mx3.example.org " }), 0, 1900)
	mt.disconnect(conn)
end)
