-- SPDX-License-Identifier: BSD-2-Clause
--
-- The next hop's 5xx to the content is the answer to the client.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "a@no-dot.example" } })
	h.expect(conn, SMFIR_REPLYCODE, "end of message")
	h.same(mt.eom_check(conn, MT_SMTPREPLY, "500", "5.3.0",
	    "Error: command failed"), true, "the next hop's words")
	h.logged(h.id(), { "event=refused", "reason=next-hop", "code=500" })
	h.same(h.shadow(h.id()), nil, "shadow")
	mt.disconnect(conn)
end)
