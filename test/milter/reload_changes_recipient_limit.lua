-- SPDX-License-Identifier: BSD-2-Clause
--
-- More and fewer recipients than before: from the next message on, and what is
-- known of the client stays known.

local h = dofile(srcdir .. "/harness.lua")

local before = 5

h.run(function()
	local conn = h.connect()

	for _, limit in ipairs({ 5, 2, 7 }) do
		h.reloaded({ { "max_recipients = " .. before,
		    "max_recipients = " .. limit } })
		before = limit
		local rcpts, want = {}, {}
		for n = 1, limit do
			rcpts[n] = "ok+" .. n .. "@example.org"
			want[n] = "<ok+2B" .. n .. "@example.org>"
		end
		h.envelope(conn, { rcpts = rcpts, no_data = true })
		h.ok(mt.rcptto(conn, "<over@example.org>"), "RCPT")
		h.expect(conn, SMFIR_REPLYCODE, "over the limit")
		mt.macro(conn, 84, "i", h.id(limit))
		h.ok(mt.data(conn), "DATA")
		h.header(conn)
		h.ok(mt.bodystring(conn, "one line\r\n"), "body")
		h.ok(mt.eom(conn), "end of message")
		h.accepted(conn)
		h.was(h.id(limit), want)
		h.envelope_was(h.id(limit), { RCPT = want,
		    CLIENT = "NAME=client.example.net ADDR=192.0.2.7 " ..
		    "HELO=client.example.net PROTO=ESMTP DAEMON=smtpd" })
	end
	mt.disconnect(conn)
end)
