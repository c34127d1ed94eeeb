-- SPDX-License-Identifier: BSD-2-Clause
--
-- No recipient asks for a shadow: the MTA is told so at DATA and spares itself
-- the rest; the connection's next message is an ordinary one.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.envelope(conn, { id = h.id(1), at_data = SMFIR_ACCEPT,
	    rcpts = { "a@none.example", "b@none.example" } })
	h.logged(h.id(1), { "event=acknowledged", "ack=unasked", " rcpts=2 ",
	    "policy=none" })
	h.same(h.shadow(h.id(1)), nil, "shadow")
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.same(#h.sent(h.id(2)).RCPT, 1, "recipients")
	mt.disconnect(conn)
end)
