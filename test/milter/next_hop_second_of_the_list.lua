-- SPDX-License-Identifier: BSD-2-Clause
--
-- The first of the list is not there, the second takes it.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	h.deliver(conn, { id = h.id(), rcpts = { "a@second.example" } })
	h.expect(conn, SMFIR_DISCARD, "end of message")
	h.logged(h.id(), { "ack=delivered", "/yes.hop" })
	mt.disconnect(conn)
end)
