-- SPDX-License-Identifier: BSD-2-Clause
--
-- Mail of this host itself has no client that could send it in two: pickup would
-- meet the same answer for ever.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = mt.connect(sock, 40, 0.05)

	h.ok(mt.negotiate(conn, nil, nil, nil), "negotiate")
	mt.macro(conn, SMFIC_CONNECT, "{daemon_name}", "pickup")
	h.ok(mt.conninfo(conn, "localhost", "unspec"), "connect")
	h.envelope(conn, { rcpts = { "ok@tokyo.example" }, no_data = true })
	h.ok(mt.rcptto(conn, "<ok@osaka.example>"), "RCPT")
	h.expect(conn, SMFIR_CONTINUE, "the second recipient")
	mt.disconnect(conn)
end)
