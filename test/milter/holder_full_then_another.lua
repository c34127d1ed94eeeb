-- SPDX-License-Identifier: BSD-2-Clause
--
-- A full holder is passed over at once, and also by the messages right after
-- it.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(1), rcpts = { "full.ok@example.org" } })
	h.accepted(conn)
	h.logged(h.id(1), { "ack=shadowed", " peer=mx3.example.org " })
	for n = 2, 3 do
		h.deliver(conn, { id = h.id(n), rcpts = { "ok@example.org" } })
		h.accepted(conn)
		h.logged(h.id(n), { "ack=shadowed",
		    " peer=mx3.example.org " })
	end
	h.was(h.id(3), { "<ok@example.org>" })
	mt.disconnect(conn)
end)
