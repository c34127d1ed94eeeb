-- SPDX-License-Identifier: BSD-2-Clause
--
-- The holder needs four seconds, the MTA waits two for each packet: progress
-- notes keep it waiting, and the client gets its yes.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	mt.set_timeout(2)
	local began = os.time()
	h.deliver(conn, { id = h.id(), rcpts = { "wait-4000@example.org" } })
	h.accepted(conn)
	if os.time() - began < 3 then
		error("acknowledged before the holder had it")
	end
	h.logged(h.id(), { "ack=shadowed", "delay_ms=4" })
	mt.disconnect(conn)
end)
