-- SPDX-License-Identifier: BSD-2-Clause
--
-- A recipient that is refused here is in no shadow, and its policy does not
-- count for the message.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.ok(mt.mailfrom(conn, "<sender@example.net>"), "MAIL")
	h.ok(mt.rcptto(conn, "<a\nb@example.org>"), "RCPT")
	h.expect(conn, SMFIR_REPLYCODE, "a recipient with a line break")
	h.ok(mt.rcptto(conn, "<gone@open.example>"), "RCPT")
	h.expect(conn, SMFIR_CONTINUE, "RCPT")
	h.ok(mt.rcptto(conn, "<a@example.org>", "ORCPT=a\r\nb"), "RCPT")
	h.expect(conn, SMFIR_REPLYCODE, "a parameter with a line break")
	mt.macro(conn, 84, "i", h.id())
	h.ok(mt.data(conn), "DATA")
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.logged(h.id(), { "ack=unprotected", " rcpts=1 ", "policy=open" })
	h.was(h.id(), { "<gone@open.example>" })
	mt.disconnect(conn)
end)
