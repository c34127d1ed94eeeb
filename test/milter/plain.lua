-- SPDX-License-Identifier: BSD-2-Clause
--
-- One message; the holder has it at once.  The shadow is the message.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	local shadow = h.sent(h.id())
	h.same(shadow.content, h.content, "content")
	h.same(shadow.MAIL, "<sender@example.net>", "MAIL")
	h.same(shadow.RCPT[1], "<ok@example.org>", "RCPT")
	h.logged(h.id(), { "event=acknowledged", "ack=shadowed", " key=",
	    " peer=mx2.example.org ", " rcpts=1 ", " size=27 ",
	    " delay_ms=", " policy=defaults" })
	mt.disconnect(conn)
end)
