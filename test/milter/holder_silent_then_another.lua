-- SPDX-License-Identifier: BSD-2-Clause
--
-- The first holder says nothing: it has only its share of the time, and the
-- second takes the message within max_delay.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "unsure.ok@hasty.example" } })
	h.accepted(conn)
	h.held(h.logged(h.id(), { "ack=shadowed",
	    " peer=mx3.example.org " }), 500, 1000)
	h.was(h.id(), { "<unsure.ok@hasty.example>" })
	mt.disconnect(conn)
end)
