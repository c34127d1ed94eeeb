-- SPDX-License-Identifier: BSD-2-Clause
--
-- Mail of this host itself comes from no address and with bare addresses: no
-- protocol is claimed for it.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = mt.connect(sock, 40, 0.05)

	h.ok(mt.negotiate(conn, nil, h.STEPS, nil), "negotiate")
	h.ok(mt.conninfo(conn, "localhost", "unspec"), "connect")
	h.ok(mt.helo(conn, "localhost"), "HELO")
	h.ok(mt.mailfrom(conn, "root@example.net"), "MAIL")
	h.ok(mt.rcptto(conn, "ok@example.org"), "RCPT")
	mt.macro(conn, 84, "i", h.id())
	h.ok(mt.data(conn), "DATA")
	h.header(conn)
	h.ok(mt.bodystring(conn, "one line\r\n"), "body")
	h.ok(mt.eom(conn), "end of message")
	h.accepted(conn)
	h.envelope_was(h.id(), { CLIENT = "NAME=localhost HELO=localhost",
	    MAIL = "root@example.net", RCPT = { "ok@example.org" } })
	mt.disconnect(conn)
end)
