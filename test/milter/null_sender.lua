-- SPDX-License-Identifier: BSD-2-Clause
--
-- A bounce: the null sender stays one.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), sender = "<>",
	    rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.same(h.sent(h.id()).MAIL, "<>", "MAIL")
	mt.disconnect(conn)
end)
