-- SPDX-License-Identifier: BSD-2-Clause
--
-- The client gives up between header and body. The connection's next message
-- has a header of its own, and one empty line behind it.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for n = 1, 3 do
		h.envelope(conn, { id = h.id("old"),
		    sender = "<old@example.net>", rcpts = { "old@x.example" } })
		h.header(conn, { { "X-Old", " old" } })
		h.ok(mt.abort(conn), "abort")
	end
	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>" })
	h.same(h.shadow(h.id("old")), nil, "shadow of the aborted message")
	mt.disconnect(conn)
end)
