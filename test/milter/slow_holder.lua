-- SPDX-License-Identifier: BSD-2-Clause
--
-- The holder needs six seconds, the MTA waits four for each packet: progress
-- notes keep it waiting, and the client gets its yes.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	local conn = h.connect()

	mt.set_timeout(4)
	local began = os.time()
	h.deliver(conn, { id = h.id(), rcpts = { "wait-6000@example.org" } })
	h.accepted(conn)
	if os.time() - began < 5 then
		error("acknowledged before the holder had it")
	end
	h.held(h.logged(h.id(), { "ack=shadowed" }), 6000, 30000)
	mt.disconnect(conn)
end)
