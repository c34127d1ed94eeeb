-- SPDX-License-Identifier: BSD-2-Clause
--
-- One connection, one message after another; one of them is given up.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for i = 1, 3 do
		h.deliver(conn, { id = h.id(i), rcpts = { "a@yes.example" } })
		h.expect(conn, SMFIR_DISCARD, "end of message")
		h.logged(h.id(i), { "ack=delivered", "delivered=1" })
	end
	h.envelope(conn, { id = h.id(4), rcpts = { "a@yes.example" } })
	h.ok(mt.abort(conn), "abort")
	h.deliver(conn, { id = h.id(5), rcpts = { "a@example.org" } })
	h.accepted(conn)
	h.logged(h.id(5), { "ack=shadowed" })
	h.deliver(conn, { id = h.id(6), rcpts = { "a@yes.example" } })
	h.expect(conn, SMFIR_DISCARD, "end of message")
	mt.disconnect(conn)
end)
