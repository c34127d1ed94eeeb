-- SPDX-License-Identifier: BSD-2-Clause
--
-- No answer to RCPT in time: the recipient is taken and goes on with a copy.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "a@slow-rcpt.example" } })
	h.accepted(conn)
	h.was(h.id(), { "<a@slow-rcpt.example>" })
	h.logged(h.id(), { "ack=shadowed" })
	mt.disconnect(conn)
end)
