-- SPDX-License-Identifier: BSD-2-Clause
--
-- Nobody listens: a copy is made, and after a while nobody is asked any more.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for i = 1, 3 do
		h.deliver(conn, { id = h.id(i),
		    rcpts = { "a@nobody.example" } })
		h.accepted(conn)
		h.was(h.id(i), { "<a@nobody.example>" })
		h.logged(h.id(i), { "ack=shadowed" })
	end
	h.said({ "event=next-hop-down", "/nobody.hop" })
	mt.disconnect(conn)
end)
