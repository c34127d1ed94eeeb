-- SPDX-License-Identifier: BSD-2-Clause
--
-- The MTA refuses recipients behind our back. When some are left the message
-- goes on, with all that were seen; when none is left it is aborted, and the
-- next one has its own.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	-- Of these the MTA refuses all but the last.
	h.envelope(conn, { no_data = true, rcpts = { "refused1@example.org",
	    "refused2@example.org" } })
	h.ok(mt.rcptto(conn, "<ok@example.org>"), "RCPT")
	mt.macro(conn, 84, "i", h.id(1))
	h.ok(mt.data(conn), "DATA")
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.was(h.id(1), { "<refused1@example.org>", "<refused2@example.org>",
	    "<ok@example.org>" })
	-- Of these all.
	h.envelope(conn, { no_data = true, rcpts = { "refused3@open.example",
	    "refused4@open.example" } })
	h.ok(mt.abort(conn), "abort")
	h.deliver(conn, { id = h.id(2), rcpts = { "gone@example.org" } })
	h.refused(conn, "451", "4.3.0", h.NO_COPY)
	h.was(h.id(2), { "<gone@example.org>" })
	mt.disconnect(conn)
end)
