-- SPDX-License-Identifier: BSD-2-Clause
--
-- Fewer copies than the least, and the policy accepts: one copy is short, none
-- is unprotected.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(),
	    rcpts = { "ok.refuse@both-open.example" } })
	h.accepted(conn)
	h.logged(h.id(), { "ack=short", "copies=1 ", "short=1 " })
	h.deliver(conn, { id = h.id(2),
	    rcpts = { "refuse.full@both-open.example" } })
	h.accepted(conn)
	h.logged(h.id(2), { "ack=unprotected", "copies=0 ", "short=2 " })
	mt.disconnect(conn)
end)
