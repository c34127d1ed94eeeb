-- SPDX-License-Identifier: BSD-2-Clause
--
-- Sixteen parameters are kept, at MAIL and at RCPT; a seventeenth is refused at
-- RCPT, and the message after it is whole.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local params = {}

	for n = 1, 16 do
		params[n] = "X-P" .. n .. "=" .. string.rep("v", n)
	end
	local text = table.concat(params, " ")
	h.deliver(conn, { id = h.id(1), mail = params, rcpt_params = params,
	    rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.envelope_was(h.id(1), { MAIL = "<sender@example.net> " .. text,
	    RCPT = { "<ok@example.org> " .. text } })
	params[17] = "X-P17"
	h.ok(mt.mailfrom(conn, "<old@example.net>", table.unpack(params)),
	    "MAIL")
	h.expect(conn, SMFIR_CONTINUE, "MAIL with 17")
	h.ok(mt.rcptto(conn, "<old@example.org>"), "RCPT")
	h.expect(conn, SMFIR_REPLYCODE, "RCPT after it")
	h.envelope(conn, { no_data = true, rcpts = { "ok@example.org" } })
	h.ok(mt.rcptto(conn, "<old@example.org>", table.unpack(params)),
	    "RCPT")
	h.expect(conn, SMFIR_REPLYCODE, "RCPT with 17")
	mt.macro(conn, 84, "i", h.id(2))
	h.ok(mt.data(conn), "DATA")
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.was(h.id(2), { "<ok@example.org>" })
	mt.disconnect(conn)
end)
