-- SPDX-License-Identifier: BSD-2-Clause
--
-- One recipient over the limit is put off with 452; the message goes on with
-- the others.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local rcpts = {}

	for n = 1, 5 do
		rcpts[n] = "ok" .. n .. "@example.org"
	end
	h.envelope(conn, { rcpts = rcpts, no_data = true })
	h.ok(mt.rcptto(conn, "<six@example.org>"), "RCPT")
	h.expect(conn, SMFIR_REPLYCODE, "the sixth recipient")
	mt.macro(conn, 84, "i", h.id())
	h.ok(mt.data(conn), "DATA")
	h.header(conn)
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.same(#h.sent(h.id()).RCPT, 5, "recipients")
	mt.disconnect(conn)
end)
