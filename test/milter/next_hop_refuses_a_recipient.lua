-- SPDX-License-Identifier: BSD-2-Clause
--
-- What the next hop says to RCPT is the answer to the client, for this recipient
-- alone; it is then not in the message.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.ok(mt.mailfrom(conn, "<sender@example.net>"), "MAIL")
	h.ok(mt.rcptto(conn, "<a@no-rcpt.example>"), "RCPT")
	h.expect(conn, SMFIR_REPLYCODE, "refused for good")
	h.ok(mt.rcptto(conn, "<a@later-rcpt.example>"), "RCPT")
	h.expect(conn, SMFIR_REPLYCODE, "refused for now")
	h.ok(mt.rcptto(conn, "<b@example.org>"), "RCPT")
	h.expect(conn, SMFIR_CONTINUE, "RCPT")
	mt.macro(conn, 84, "i", h.id())
	h.ok(mt.data(conn), "DATA")
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.was(h.id(), { "<b@example.org>" })
	h.logged(h.id(), { "ack=shadowed", " rcpts=1 " })
	mt.disconnect(conn)
end)
