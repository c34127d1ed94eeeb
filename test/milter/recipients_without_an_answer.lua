-- SPDX-License-Identifier: BSD-2-Clause
--
-- Where no two policies can exclude each other and 1,000 recipients are allowed,
-- an MTA that knows how is not kept waiting at RCPT.  What goes wrong there is
-- told of the whole message: at DATA, where some policy has an answer for that,
-- else at the end; the message after it is whole.

local h = dofile(srcdir .. "/harness.lua")

-- At DATA and at the end miltertest waits for an answer or not as negotiated.
local function message(conn, id, rcpts, refusal, at_data)
	h.ok(mt.mailfrom(conn, "<sender@example.net>"), "MAIL")
	for n = 1, rcpts do
		h.ok(mt.rcptto(conn, "<ok" .. n .. "@example.org>"), "RCPT")
	end
	mt.macro(conn, 84, "i", id)
	h.ok(mt.data(conn), "DATA")
	if at_data ~= nil then
		h.expect(conn, at_data, "DATA")
		if at_data ~= SMFIR_CONTINUE then
			return
		end
	end
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
	if refusal then
		h.refused(conn, "452", "4.5.3",
		    "Too many recipients in one message")
		h.same(h.shadow(id), nil, "shadow of what was refused")
	else
		h.accepted(conn)
	end
end

h.run(function()
	local everybody = 'sites = ( "tokyo", "osaka" )'
	local conn

	h.reloaded({ { "max_recipients = 5;", "max_recipients = 1000;" },
	    { 'sites = ( "tokyo" )', everybody },
	    { 'sites = ( "osaka" )', everybody } })
	conn = h.connect(nil, h.ALL_TOLD)
	message(conn, h.id(1), 1, false, SMFIR_CONTINUE)
	message(conn, h.id(2), 1001, true, SMFIR_REPLYCODE)
	message(conn, h.id(3), 1000, false, SMFIR_CONTINUE)
	mt.disconnect(conn)

	h.reloaded({ { "when = ()", 'when = ("shadowed")' },
	    { "when = ()", 'when = ("shadowed")' },
	    { "when = ()", 'when = ("shadowed")' } })
	conn = h.connect(nil, h.ALL_TOLD)
	message(conn, h.id(4), 1001, true, nil)
	message(conn, h.id(5), 2, false, nil)
	h.was(h.id(5), { "<ok1@example.org>", "<ok2@example.org>" })
	mt.disconnect(conn)
end)
