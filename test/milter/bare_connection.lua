-- SPDX-License-Identifier: BSD-2-Clause
--
-- Connections that say nothing or only half of something, then a message.

local h = dofile(srcdir .. "/harness.lua")

h.run(function()
	for n = 1, 20 do
		local conn = mt.connect(sock, 40, 0.05)
		if n % 2 == 0 then
			h.ok(mt.negotiate(conn, nil, nil, nil), "negotiate")
		end
		if n % 4 == 0 then
			h.ok(mt.conninfo(conn, "client.example.net",
			    "192.0.2.7"), "connect")
		end
		mt.disconnect(conn, n % 3 == 0)
	end
	local conn = h.connect()
	h.deliver(conn, { id = h.id(), rcpts = { "ok@example.org" } })
	h.accepted(conn)
	mt.disconnect(conn)
end)
