-- SPDX-License-Identifier: BSD-2-Clause
--
-- No listener, no name, no login is known, and HELO was empty: what is not
-- known is left out, not made up.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = mt.connect(sock, 40, 0.05)

	h.ok(mt.negotiate(conn, nil, h.STEPS, nil), "negotiate")
	h.ok(mt.conninfo(conn, "[192.0.2.7]", "192.0.2.7"), "connect")
	h.ok(mt.helo(conn, ""), "HELO")
	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	h.envelope_was(h.id(), { RCPT = { "<ok@example.org>" },
	    CLIENT = "NAME=unknown ADDR=192.0.2.7 PROTO=ESMTP" })
	mt.disconnect(conn)
end)
