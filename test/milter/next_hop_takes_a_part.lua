-- SPDX-License-Identifier: BSD-2-Clause
--
-- One next hop takes it, the others do not: who has it is struck out of the
-- message, and the rest is held for a copy.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "a@yes.example",
	    "b@no-dot.example", "c@later-dot.example", "d@example.org" } })
	h.accepted(conn)
	h.same(mt.eom_check(conn, MT_RCPTDELETE, "<a@yes.example>"), true,
	    "struck out")
	for _, rcpt in ipairs({ "<b@no-dot.example>", "<c@later-dot.example>",
	    "<d@example.org>" }) do
		h.same(mt.eom_check(conn, MT_RCPTDELETE, rcpt), false, rcpt)
	end
	h.was(h.id(), { "<b@no-dot.example>", "<c@later-dot.example>",
	    "<d@example.org>" })
	h.logged(h.id(), { "ack=shadowed", "delivered=1", "rest=3",
	    " rcpts=3 " })
	mt.disconnect(conn)
end)
