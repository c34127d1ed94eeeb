-- SPDX-License-Identifier: BSD-2-Clause
--
-- It may have it: the message stays, a copy is made, and it is said.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "a@slow-dot.example" } })
	h.accepted(conn)
	h.same(mt.eom_check(conn, MT_RCPTDELETE, "<a@slow-dot.example>"),
	    false, "struck out")
	h.was(h.id(), { "<a@slow-dot.example>" })
	h.said({ h.id() .. ": event=unsure" })
	mt.disconnect(conn)
end)
