-- SPDX-License-Identifier: BSD-2-Clause
--
-- The step fails, and the reply is that to the one before it.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.envelope(conn, { rcpts = { "ok@example.org" }, no_data = true })
	os.execute("kill -KILL " .. pid)
	mt.sleep(0.5)
	mt.rcptto(conn, "<ok@example.org>")
	h.expect(conn, SMFIR_CONTINUE, "RCPT")
end)
