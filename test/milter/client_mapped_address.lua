-- SPDX-License-Identifier: BSD-2-Clause
--
-- An IPv4 client on an IPv6 socket has the policies of its IPv4 address, and
-- is told on as it came.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect("::ffff:198.51.100.9")

	h.deliver(conn, { id = h.id(), rcpts = { "gone@example.org" } })
	h.accepted(conn)
	h.logged(h.id(), { "ack=unprotected", "policy=network" })
	h.envelope_was(h.id(), { RCPT = { "<gone@example.org>" },
	    CLIENT = "NAME=client.example.net ADDR=::ffff:198.51.100.9 " ..
	    "HELO=client.example.net PROTO=ESMTP DAEMON=smtpd" })
	mt.disconnect(conn)
end)
