-- SPDX-License-Identifier: BSD-2-Clause
--
-- The next hop takes it for all recipients: the message is discarded here, and
-- nobody is asked for a copy.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "a@yes.example",
	    "b@yes.example" } })
	h.expect(conn, SMFIR_DISCARD, "end of message")
	h.logged(h.id(), { "event=acknowledged", "ack=delivered",
	    "delivered=2", "rest=0", "/yes.hop" })
	h.same(h.shadow(h.id()), nil, "shadow")
	mt.disconnect(conn)
end)
