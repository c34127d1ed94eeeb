-- SPDX-License-Identifier: BSD-2-Clause
--
-- Postfix tells the queue id only from the second RCPT on; here it comes with
-- the end of message, and another one came before: the last one counts.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.envelope(conn, { id = h.id("early"), rcpts = { "ok@example.org" } })
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	mt.macro(conn, 69, "i", h.id())
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.same(h.sent(h.id()).content, h.content, "content")
	mt.disconnect(conn)
end)
