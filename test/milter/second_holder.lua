-- SPDX-License-Identifier: BSD-2-Clause
--
-- The first holder says no, the second has it.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "second@example.org" } })
	h.accepted(conn)
	h.logged(h.id(), { "ack=shadowed", "peer=mx3.example.org" })
	h.same(h.sent(h.id()).content, h.content, "content")
	mt.disconnect(conn)
end)
