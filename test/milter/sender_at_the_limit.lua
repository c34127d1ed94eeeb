-- SPDX-License-Identifier: BSD-2-Clause
--
-- A sender of 998 bytes is kept whole; one byte more is refused at MAIL, and
-- the connection goes on.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()
	local sender = "<" .. string.rep("a", 984) .. "@example.net>"

	h.same(#sender, 998, "length")
	h.deliver(conn, { id = h.id(1), sender = sender,
	    rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.envelope_was(h.id(1), { MAIL = sender,
	    RCPT = { "<ok@example.org>" } })
	h.ok(mt.mailfrom(conn, "<a" .. sender:sub(2)), "MAIL")
	h.expect(conn, SMFIR_CONTINUE, "a byte more")
	h.ok(mt.rcptto(conn, "<ok@example.org>"), "RCPT")
	h.expect(conn, SMFIR_REPLYCODE, "RCPT after it")
	h.deliver(conn, { id = h.id(2), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.was(h.id(2), { "<ok@example.org>" })
	mt.disconnect(conn)
end)
