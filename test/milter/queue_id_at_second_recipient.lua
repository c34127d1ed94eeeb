-- SPDX-License-Identifier: BSD-2-Clause
--
-- As Postfix does: no queue id at MAIL nor at the first RCPT, then one at the
-- second and never again.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	for n = 1, 2 do
		h.ok(mt.mailfrom(conn, "<sender@example.net>"), "MAIL")
		h.ok(mt.rcptto(conn, "<ok@example.org>"), "RCPT")
		mt.macro(conn, SMFIC_RCPT, "i", h.id(n))
		h.ok(mt.rcptto(conn, "<two@example.org>"), "RCPT")
		h.ok(mt.data(conn), "DATA")
		h.header(conn)
		h.ok(mt.bodystring(conn, "one line\r\n"), "body")
		h.ok(mt.eom(conn), "end of message")
		h.accepted(conn)
		h.was(h.id(n), { "<ok@example.org>", "<two@example.org>" })
		h.logged(h.id(n), { "ack=shadowed", " rcpts=2 " })
	end
	mt.disconnect(conn)
end)
