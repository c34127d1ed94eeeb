-- SPDX-License-Identifier: BSD-2-Clause
--
-- A bounce with all that DSN can say, different for each recipient: each has
-- its own, byte for byte.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.ok(mt.mailfrom(conn, "<>", "SIZE=0", "RET=FULL", "ENVID=a+2Bb+3D",
	    "BODY=7BIT"), "MAIL")
	h.ok(mt.rcptto(conn, "<ok@example.org>", "NOTIFY=NEVER"), "RCPT")
	h.ok(mt.rcptto(conn, "<b@example.org>"), "RCPT")
	h.ok(mt.rcptto(conn, "<c@example.org>", "NOTIFY=DELAY,FAILURE",
	    "ORCPT=rfc822;c=+2B@example.com"), "RCPT")
	mt.macro(conn, 84, "i", h.id())
	h.ok(mt.data(conn), "DATA")
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.envelope_was(h.id(), {
	    MAIL = "<> SIZE=0 RET=FULL ENVID=a+2B2Bb+2B3D BODY=7BIT",
	    RCPT = { "<ok@example.org> NOTIFY=NEVER", "<b@example.org>",
		"<c@example.org> NOTIFY=DELAY,FAILURE " ..
		"ORCPT=rfc822;c+3D+2B2B@example.com" } })
	mt.disconnect(conn)
end)
