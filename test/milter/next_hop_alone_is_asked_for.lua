-- SPDX-License-Identifier: BSD-2-Clause
--
-- Nothing but delivery is asked for, and it does not come: the policy says what
-- then, in the next hop's words where it has any.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "a@only-later.example" } })
	h.expect(conn, SMFIR_REPLYCODE, "end of message")
	h.same(mt.eom_check(conn, MT_SMTPREPLY, "450", "4.3.0",
	    "Error: command failed"), true, "the next hop's words")
	h.deliver(conn, { id = h.id(2), rcpts = { "a@only-nobody.example" } })
	h.refused(conn, "451", "4.4.1",
	    "The next hop has not taken the message yet, please try again " ..
	    "later")
	h.deliver(conn, { id = h.id(3), rcpts = { "a@only-open.example" } })
	h.accepted(conn)
	h.logged(h.id(3), { "ack=unprotected" })
	for i = 1, 3 do
		h.same(h.shadow(h.id(i)), nil, "shadow")
	end
	mt.disconnect(conn)
end)
