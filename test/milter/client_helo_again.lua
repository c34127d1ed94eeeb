-- SPDX-License-Identifier: BSD-2-Clause
--
-- A second EHLO on the connection: the last name counts, and a message begun
-- before it is forgotten.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.envelope(conn, { id = h.id("old"), rcpts = { "old@example.org" } })
	h.ok(mt.abort(conn), "abort")
	h.ok(mt.helo(conn, "other name=+.example"), "HELO")
	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.envelope_was(h.id(), { RCPT = { "<ok@example.org>" },
	    CLIENT = "NAME=client.example.net ADDR=192.0.2.7 " ..
	    "HELO=other+20name+3D+2B.example PROTO=ESMTP DAEMON=smtpd" })
	mt.disconnect(conn)
end)
