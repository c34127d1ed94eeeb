-- SPDX-License-Identifier: BSD-2-Clause
--
-- 1,000 recipients are kept in their order when that many are allowed; the one
-- after them is put off with 452, and the message goes on.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn, rcpts, want = nil, {}, {}

	for n = 1, 1000 do
		rcpts[n] = "ok" .. n .. "@example.org"
		want[n] = "<" .. rcpts[n] .. ">"
	end
	rcpts[1] = "ok@example.org"
	want[1] = "<ok@example.org>"
	h.reloaded({ { "max_recipients = 5;", "max_recipients = 1000;" } })
	conn = h.connect()
	h.envelope(conn, { rcpts = rcpts, no_data = true })
	h.ok(mt.rcptto(conn, "<more@example.org>"), "RCPT")
	h.expect(conn, SMFIR_REPLYCODE, "one more")
	mt.macro(conn, 84, "i", h.id())
	h.ok(mt.data(conn), "DATA")
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.was(h.id(), want)
	h.logged(h.id(), { " rcpts=1000 ", "ack=shadowed" })
	mt.disconnect(conn)
end)
