-- SPDX-License-Identifier: BSD-2-Clause
--
-- The client gives up after a piece of the body, large enough to be on disk.
-- The connection's next message is whole and alone.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for n = 1, 3 do
		h.envelope(conn, { id = h.id("old"),
		    sender = "<old@example.net>", rcpts = { "old@x.example" } })
		h.header(conn, { { "X-Old", " old" } })
		h.ok(mt.bodystring(conn, string.rep("old", 20000)), "body")
		h.ok(mt.abort(conn), "abort")
	end
	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	local shadow = h.sent(h.id())
	h.same(shadow.content, h.content, "content")
	h.same(shadow.MAIL, "<sender@example.net>", "MAIL")
	h.same(#shadow.RCPT, 1, "recipients")
	h.same(h.shadow(h.id("old")), nil, "shadow of the aborted message")
	mt.disconnect(conn)
end)
