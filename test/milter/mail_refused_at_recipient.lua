-- SPDX-License-Identifier: BSD-2-Clause
--
-- An MTA that does not wait at MAIL hears of what was wrong there at RCPT, each
-- time, and the message after it is whole.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect(nil, h.STEPS + h.NR_MAIL)
	local params = {}

	for n = 1, 17 do
		params[n] = "X-P" .. n
	end
	h.ok(mt.mailfrom(conn, "<old@example.net>", table.unpack(params)),
	    "MAIL")
	for _ = 1, 2 do
		h.ok(mt.rcptto(conn, "<ok@example.org>"), "RCPT")
		h.expect(conn, SMFIR_REPLYCODE, "RCPT after a bad MAIL")
	end
	h.ok(mt.mailfrom(conn, "<sender@example.net>"), "MAIL")
	h.ok(mt.rcptto(conn, "<ok@example.org>"), "RCPT")
	h.expect(conn, SMFIR_CONTINUE, "RCPT after a good MAIL")
	mt.macro(conn, 84, "i", h.id())
	h.ok(mt.data(conn), "DATA")
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.was(h.id(), { "<ok@example.org>" })
	mt.disconnect(conn)
end)
