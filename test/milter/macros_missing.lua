-- SPDX-License-Identifier: BSD-2-Clause
--
-- An MTA that tells no queue id at all is served; the log line goes without.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { rcpts = { "ok@nameless.example" } })
	h.accepted(conn)
	h.same(h.sent("none").RCPT[1], "<ok@nameless.example>", "RCPT")
	mt.disconnect(conn)
end)
