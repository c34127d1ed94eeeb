-- SPDX-License-Identifier: BSD-2-Clause
--
-- A queue id at MAIL, another at RCPT, at DATA, at the end of the header and
-- at the end: the last one counts, for the shadow and for the log.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	mt.macro(conn, SMFIC_MAIL, "i", h.id("mail"))
	h.ok(mt.mailfrom(conn, "<sender@example.net>"), "MAIL")
	mt.macro(conn, SMFIC_RCPT, "i", h.id("rcpt"))
	h.ok(mt.rcptto(conn, "<ok@example.org>"), "RCPT")
	mt.macro(conn, 84, "i", h.id("data"))
	h.ok(mt.data(conn), "DATA")
	h.ok(mt.header(conn, "Subject", "test"), "header")
	mt.macro(conn, 78, "i", h.id("eoh"))
	h.ok(mt.eoh(conn), "end of header")
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	mt.macro(conn, 69, "i", h.id("eom"))
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.was(h.id("eom"), { "<ok@example.org>" })
	h.logged(h.id("eom"), { "event=acknowledged", "ack=shadowed" })
	for _, stage in ipairs({ "mail", "rcpt", "data", "eoh" }) do
		h.same(h.shadow(h.id(stage)), nil, "shadow as of " .. stage)
	end
	mt.disconnect(conn)
end)
